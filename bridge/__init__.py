"""The bridge: the same computation in minigrad and in PyTorch, and by how much the two differ.

Read `minigrad/accuracy.py` (how far apart each op may be, in three strengths, and why) and
`closeness.py` (how far apart two arrays are) first; neither knows of PyTorch. `replay.py` has
PyTorch compute each op again from the same operands (its `twin.py`), and `rounding.py` measures how
far rounding alone carries a program. On these stands what is public:

- `compare`, `assert_matches_torch`: one function, in both libraries;
- `lockstep`, `trajectory`: one program, step by step, and each library on its own;
- `training`, `Step`: programs to give to those;
- `to_torch`, `from_torch`: tensors, modules and state, exact to the bit.

All of that needs PyTorch, which is imported when any of it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparison import Comparison, assert_matches_torch, compare
    from .convert import from_torch, to_torch
    from .environment import DeviceError
    from .findings import Finding
    from .free_running import Trajectory, trajectory
    from .in_lockstep import Lockstep, lockstep
    from .program import Step, training

__all__ = [
    "Comparison",
    "DeviceError",
    "Finding",
    "Lockstep",
    "Step",
    "Trajectory",
    "assert_matches_torch",
    "compare",
    "from_torch",
    "lockstep",
    "to_torch",
    "training",
    "trajectory",
]

_HOMES = {
    "Comparison": "comparison",
    "DeviceError": "environment",
    "Finding": "findings",
    "Lockstep": "in_lockstep",
    "Step": "program",
    "Trajectory": "free_running",
    "assert_matches_torch": "comparison",
    "compare": "comparison",
    "from_torch": "convert",
    "lockstep": "in_lockstep",
    "to_torch": "convert",
    "training": "program",
    "trajectory": "free_running",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bridge' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ImportError(
            f"bridge.{name} needs PyTorch: pip install 'torch>=2.4,<2.14'", name="torch"
        ) from None
