"""`python -m minigrad` runs the command `minigrad`."""

from __future__ import annotations

import sys

from minigrad.app.cli import main

if __name__ == "__main__":
    sys.exit(main())
