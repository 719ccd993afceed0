"""Functions of tensors under the name of torch.functional, where PyTorch keeps some of them."""

from __future__ import annotations

from .api.functions import PUBLIC

_NAMES = (
    *("atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes"),
    *("broadcast_tensors", "cartesian_prod", "cdist", "chain_matmul", "einsum", "lu", "meshgrid"),
    *("norm", "split", "tensordot", "unique", "unique_consecutive", "unravel_index"),
)
_functions = {name: PUBLIC[name] for name in _NAMES}
globals().update(_functions)
__all__ = sorted(_functions)
