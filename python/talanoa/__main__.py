"""`python -m talanoa` is the command `talanoa`."""

import sys

from talanoa.cli import main

if __name__ == "__main__":
    sys.exit(main())
