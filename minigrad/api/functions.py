"""The functions of PyTorch's top level: those of the rules, and those composed of them.

They are put together here from the registry and from `compositions.py`, and `minigrad` exports
them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.dispatch import OPS
from ..rules import REGISTRY
from . import compositions

PUBLIC: dict[str, Callable[..., Any]] = {
    name: OPS[name] for name, rule in REGISTRY.items() if "function" in rule.presentation.forms
} | {f.__name__: f for f in compositions.COMPOSED}

globals().update(PUBLIC)
__all__ = sorted(PUBLIC)
