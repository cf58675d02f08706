"""`python -m reprs.cli`."""

import sys

from reprs.cli import main

sys.exit(main())
