"""The handle of a registered hook, under its name in torch.utils.hooks."""

from __future__ import annotations

from ..core.hooks import RemovableHandle

__all__ = ["RemovableHandle"]
