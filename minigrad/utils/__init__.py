"""Datasets, data loaders and hook handles, under the names of torch.utils, and saving to files. It
imports `rules`, `core`, `random`, `api` and `nn`. Read `data/`, then `serialization/` (save and
load) with `atomic_write.py`. `checkpoint.py` saves memory in `backward`, `benchmark/` has
`Timer`. `_pytree.py` has functions of nested structures. `hooks.py` and `dlpack.py` are aliases.
"""

from __future__ import annotations

from . import _pytree as _pytree
from . import benchmark, checkpoint, data, dlpack, hooks

__all__ = ["benchmark", "checkpoint", "data", "dlpack", "hooks"]
