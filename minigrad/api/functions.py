"""The functions of ops at PyTorch's top level, which `minigrad` exports.

They are collected here from the registry of rules and from `compositions/`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ..core.dispatch import OPS
from ..core.output import taking_out
from ..rules import REGISTRY
from . import compositions

PUBLIC: dict[str, Callable[..., Any]] = taking_out(
    "",
    {
        name: OPS[name]
        for name, rule in REGISTRY.items()
        if "function" in rule.presentation.forms and not rule.presentation.module
    }
    | compositions.public(""),
)

for _name, _function in PUBLIC.items():
    # Pickle finds a function by its name in its module.
    if getattr(sys.modules[_function.__module__], _function.__qualname__, None) is not _function:
        _function.__module__, _function.__qualname__ = __name__, _name
globals().update(PUBLIC)
__all__ = sorted(PUBLIC)
