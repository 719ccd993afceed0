"""Processes, under the names of torch.multiprocessing: Python's own, and `spawn`.

Tensors that are sent to another process are copied. In PyTorch the processes share their memory.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import *  # noqa: F403, Process, Queue, Pool, …
from typing import Any

from .processes import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [
    *multiprocessing.__all__,
    "ProcessContext",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]

_STRATEGIES = ("file_descriptor", "file_system")


def get_all_sharing_strategies() -> set[str]:
    """Return the names that `set_sharing_strategy` accepts."""
    return set(_STRATEGIES)


def get_sharing_strategy() -> str:
    """Return PyTorch's default. Nothing is shared, so a strategy has no effect."""
    return _STRATEGIES[0]


def set_sharing_strategy(new_strategy: Any) -> None:
    """Accept one of PyTorch's strategies, which has no effect. AssertionError for any other."""
    if new_strategy not in _STRATEGIES:
        raise AssertionError(
            f"invalid sharing strategy {new_strategy!r}, expected one of {_STRATEGIES}"
        )
