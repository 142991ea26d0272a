"""What a person runs: check, show and capture of one machine."""
