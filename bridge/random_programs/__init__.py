"""Random programs: computations drawn op by op from the registry, which both libraries run.

This package imports `bridge.drawing`, `bridge.comparing` and PyTorch. Read `program.py` (a program
is a text, and runs statement by statement), `checking.py` (what must be the same in both libraries)
and how a program is drawn: `pool.py` (the tensors that a statement can use), `writer.py` (a program
while it is written), `ops.py` (calls of ops), `statements.py` (the table of all other kinds: add a
line for a new one) and `writing.py` (from slots to a program).
"""

from .checking import check as check
