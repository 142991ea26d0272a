"""`python -m exporters` is `pomona`."""

import sys

from exporters.cli import main

sys.exit(main())
