"""`python -m bridge`: run the same program in minigrad and in PyTorch, side by side."""

from __future__ import annotations

import sys

try:
    from bridge.cli import main
except KeyboardInterrupt:  # these imports take most of a second
    print("bridge: interrupted", file=sys.stderr)
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
