"""Names of torch._jit_internal that programs use, though it is private. Nothing is compiled."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple, Union  # noqa: UP035

from .jit import T, export, ignore, is_scripting, unused

__all__ = [
    "Any",
    "Dict",
    "List",
    "Optional",
    "Tuple",
    "Union",
    "_copy_to_script_wrapper",
    "export",
    "ignore",
    "is_scripting",
    "unused",
]


def _copy_to_script_wrapper(fn: T) -> T:
    """Mark a method that PyTorch copies to a compiled module. Returns it itself."""
    return fn
