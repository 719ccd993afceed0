"""The handle that registering a hook gives, under its name in torch.utils.hooks."""

from __future__ import annotations

from ..core.hooks import RemovableHandle

__all__ = ["RemovableHandle"]
