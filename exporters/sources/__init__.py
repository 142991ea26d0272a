"""Where facts come from: the running machine, a remote host, a capture."""
