"""Judge an engine by PyTorch: `python -m bridge conform ENGINE`, or `conform` as a library.

    from bridge.conformance import conform
    print(conform("mypackage.engine", suites=["rules", "tape"], minutes=5))

Read `adapter.py` (what an engine must offer), `namespace.py` (PyTorch's names over an adapter),
`rules.py` and `calls.py` (the first suite), then the other suites: `tape.py`, `programs.py`,
`training.py` and `opinfo.py`. `running.py` runs them, in the process of `worker.py` and
`process.py`, and `report.py` shows what they found. `checker.py`, `checks.py` and `mutants.py` are
what minigrad's own rules go through; `diagnosis.py` names a mistake with their help.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .adapter import Adapter, BadCandidate, Missing
    from .namespace import namespace
    from .report import Report
    from .running import conform

__all__ = ["Adapter", "BadCandidate", "Missing", "Report", "conform", "namespace"]

_MODULES = {
    "Adapter": "adapter",
    "BadCandidate": "adapter",
    "Missing": "adapter",
    "Report": "report",
    "conform": "running",
    "namespace": "namespace",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'bridge.conformance' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
