"""The names of torch.nn.modules that torch.nn lacks."""

from __future__ import annotations

from . import module

__all__ = ["module"]
