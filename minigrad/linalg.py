"""The functions of torch.linalg. They are written in `api/compositions/linalg.py`."""

from __future__ import annotations

from .api import compositions
from .rules.factorisations import LinAlgError

_FUNCTIONS = compositions.public("linalg")
globals().update(_FUNCTIONS)
__all__ = ["LinAlgError", *sorted(_FUNCTIONS)]
