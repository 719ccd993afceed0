"""The engine: tensors, the tape and the chain rule. It imports `rules` and NumPy only. `README.md`
leads here from `one_page.py`. Then read `tensor.py` (the state of a tensor), `node.py` (a recorded
op), `dispatch.py` with `arguments.py` (a function of tensors from a rule), `walk.py` (the chain
rule) and `backward.py`. `views.py`, `inplace.py` and `versions.py` follow writes to shared memory,
`higher_order.py` gives gradients a graph, `hooks.py` and `grad_fn.py` are the graph as users see
it, and `grad_mode.py`, `errstate.py` and `observer.py` are the modes that an op runs in.
`creating.py` and `devices.py` check the arguments of functions that create tensors.

The internal interface is the names without an underscore and these attributes of a tensor:

- `_array`, to read the elements. To write to them, count the write (`random`, `api`, `autograd`,
  `nn`, `optim`).
- `_counter`, to count a write with `count_write`, or to share the version counter of a storage
  (`autograd`, `nn`, `optim`).
- `_view`, to declare that a view can't be written to (`api`, `autograd`).
- `_node` and `_requires_grad`, to find where a gradient goes (`autograd`).

The methods of `Tensor` use all attributes of `self`. Nothing else outside the core does.
"""

from . import freed_memory as freed_memory  # it acts when it is imported
