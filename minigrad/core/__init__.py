"""The engine: tensors, the tape, and the chain rule. It imports `rules` and NumPy, and nothing
else.

`README.md` leads here from `one_page.py`. Then read `tensor.py` (the state of a tensor), `node.py`
(a recorded op), `dispatch.py` (from a rule to an op, with `arguments.py`), `walk.py` (the chain
rule) and `backward.py`. `views.py`, `inplace.py` and `versions.py` follow writes to shared memory,
`higher_order.py` gives gradients a graph, `hooks.py` and `grad_fn.py` are the graph as users touch
it, and `grad_mode.py`, `errstate.py` and `observer.py` are the modes that an op runs in.

Modules outside the core use the names below and a tensor's `_array`, which they only read.
"""
