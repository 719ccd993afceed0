"""Facts about ops, kept apart from the ops themselves. It may import every package before it, and
only `app` imports it. Read `accuracy.py` (how far each op may be from PyTorch's, and why),
`op_table.py` (every op with its forms, its order of differentiation and its accuracy), then
`stubs.py` (type stubs of the functions and methods that are made from rules).
"""
