"""The functions of torch.special."""

from __future__ import annotations

from .api import compositions

_functions = compositions.public("special")
globals().update(_functions)
__all__ = sorted(_functions)
