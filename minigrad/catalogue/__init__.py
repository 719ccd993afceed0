"""Facts about ops, kept apart from the ops themselves.

`accuracy.py` (read it first) says how far each op may be from PyTorch's, and why. `op_table.py`
lists every op with its forms, how often it is differentiable, and its accuracy. It imports the
public API, so within `minigrad` only the command line imports it.
"""
