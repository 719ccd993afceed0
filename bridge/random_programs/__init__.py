"""Random programs: computations drawn op by op from the registry, which both libraries run.

This package imports `bridge.drawing`, `bridge.comparing` and PyTorch. Read `program.py` (a program
is a text, and runs statement by statement), `checking.py` (what must be the same in both libraries)
and `writing.py` (how a program is drawn).
"""

from .checking import check as check
