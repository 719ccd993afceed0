"""The functions of torch.special."""

from __future__ import annotations

from .api import compositions
from .core.output import taking_out

_functions = taking_out("special", compositions.public("special"))
globals().update(_functions)
__all__ = sorted(_functions)
