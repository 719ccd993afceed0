"""Marks for NVIDIA's profiler: RuntimeError, as in a CPU build of PyTorch."""

from __future__ import annotations

from collections.abc import Iterator as _Iterator
from contextlib import contextmanager as _contextmanager
from typing import Any, NoReturn

__all__ = ["mark", "range", "range_pop", "range_push"]


def _not_installed() -> RuntimeError:
    return RuntimeError(
        "NVTX functions not installed. Are you sure you have a CUDA build? There is no GPU"
    )


def range_push(msg: str) -> NoReturn:
    """Raise RuntimeError: there is no GPU."""
    raise _not_installed()


def range_pop() -> NoReturn:
    """Raise RuntimeError: there is no GPU."""
    raise _not_installed()


def mark(msg: str) -> NoReturn:
    """Raise RuntimeError: there is no GPU."""
    raise _not_installed()


@_contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> _Iterator[None]:
    """Raise RuntimeError when the block begins: there is no GPU."""
    range_push(msg.format(*args, **kwargs))
    yield
