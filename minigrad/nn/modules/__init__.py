"""What torch.nn.modules has that torch.nn has not."""

from __future__ import annotations

from . import module

__all__ = ["module"]
