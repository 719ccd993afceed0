"""Names of torch.compiler: what programs say to `compile`."""

from __future__ import annotations

from typing import Any, TypeVar

from ._dynamo import allow_in_graph, disable, is_compiling, reset
from .compiling import compile

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
]

T = TypeVar("T")


def is_dynamo_compiling() -> bool:
    """Return whether `compile` is recording a step, as `is_compiling` does."""
    return is_compiling()


def is_exporting() -> bool:
    """Return whether a program is exported: False."""
    return False


def assume_constant_result(fn: T) -> T:
    """Return a function itself: `compile` records what it computes from tensors."""
    return fn


def cudagraph_mark_step_begin() -> None:
    """Mark the beginning of a step for a GPU: nothing to do."""


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """Return the backends of `compile`.

    >>> minigrad.compiler.list_backends()
    ['numba', 'numpy']
    """
    return ["numba", "numpy"]
