"""The bridge: run the same computation in minigrad and in PyTorch, and say how far they differ.

- `compare`, `assert_matches_torch`: one function in both libraries;
- `lockstep`, `trajectory`: one program in both, from the same state at each step, or each freely;
- `training`, `Step`: programs for these;
- `to_torch`, `from_torch`: tensors, modules and state dicts, converted bit for bit;
- `bridge.strategies`, `bridge.random_programs`: property tests;
- `bridge.conformance`: a judge for other engines.

Each package imports only those before it: `libraries`, `comparing`, `reporting`, `running`,
`drawing`, `random_programs`, `strategies`, `conformance`, `adapters`. `README.md` says how to read
them. Importing `bridge` imports no PyTorch; using one of the names does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparing.findings import Finding
    from .libraries.convert import from_torch, to_torch
    from .libraries.environment import DeviceError
    from .running.functions import Comparison, assert_matches_torch, compare
    from .running.lockstep import Lockstep, lockstep
    from .running.program import Step, training
    from .running.trajectory import Trajectory, trajectory

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

_MODULES = {
    "Comparison": "running.functions",
    "DeviceError": "libraries.environment",
    "Finding": "comparing.findings",
    "Lockstep": "running.lockstep",
    "Step": "running.program",
    "Trajectory": "running.trajectory",
    "assert_matches_torch": "running.functions",
    "compare": "running.functions",
    "from_torch": "libraries.convert",
    "lockstep": "running.lockstep",
    "to_torch": "libraries.convert",
    "training": "running.program",
    "trajectory": "running.trajectory",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'bridge' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ImportError(
            f"bridge.{name} needs PyTorch: pip install 'torch>=2.4,<2.14'", name="torch"
        ) from None
