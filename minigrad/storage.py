"""PyTorch's `torch.storage`: the memory that tensors share."""

from __future__ import annotations

from .api.storage import TypedStorage, UntypedStorage

__all__ = ["TypedStorage", "UntypedStorage"]
