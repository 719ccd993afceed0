"""SparseAdam, which minigrad doesn't have."""

from __future__ import annotations

from typing import Any


class SparseAdam:
    """Raise NotImplementedError: there are no sparse gradients.

    >>> optim.SparseAdam([nn.Parameter(minigrad.ones(2))])
    Traceback (most recent call last):
    NotImplementedError: SparseAdam is not supported: there are no sparse gradients; use Adam
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "SparseAdam is not supported: there are no sparse gradients; use Adam"
        )
