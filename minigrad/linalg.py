"""The functions of torch.linalg. They are written in `api/compositions/linalg.py`."""

from __future__ import annotations

from .api import compositions
from .core.output import taking_out
from .rules.factorisations import LinAlgError

_FUNCTIONS = taking_out("linalg", compositions.public("linalg"))
globals().update(_FUNCTIONS)
__all__ = ["LinAlgError", *sorted(_FUNCTIONS)]
