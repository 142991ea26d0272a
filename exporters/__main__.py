"""`python -m exporters` is `pomona`."""

from exporters.cli import run

run()
