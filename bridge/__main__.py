"""`python -m bridge`: run the same program in minigrad and in PyTorch, side by side."""

from __future__ import annotations

import sys

from bridge.cli import main

if __name__ == "__main__":
    sys.exit(main())
