"""`python -m benchmarks` runs `cli.main`."""

import sys

try:
    from .cli import main
except KeyboardInterrupt:  # these imports take most of a second
    print("benchmarks: interrupted", file=sys.stderr)
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
