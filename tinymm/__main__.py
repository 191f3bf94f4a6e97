"""`python -m tinymm` is the command `tinymm`."""

import sys

from tinymm.cli import main

if __name__ == "__main__":
    sys.exit(main())
