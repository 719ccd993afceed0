"""Facts about ops, kept apart from the ops themselves.

`accuracy.py` (read it first) says how far each op may be from PyTorch's, and why. `op_table.py`
lists every op with its forms, its order of differentiability and its accuracy; it imports the
public API, so no other part of `minigrad` but the command line imports it.
"""
