"""Operands: arrays with the values and the memory layouts at which numerical code goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LAYOUTS = ("contiguous", "transposed", "strided", "expanded")


@dataclass(frozen=True)
class Operand:
    """The values of an operand, and how they are to lie in memory."""

    values: np.ndarray
    layout: str = "contiguous"
    constant: bool = False

    @property
    def differentiable(self) -> bool:
        return self.values.dtype.kind == "f" and not self.constant

    def array(self) -> np.ndarray:
        """The values in fresh memory in this layout; read-only where elements share a place."""
        if self.layout == "expanded":
            return np.broadcast_to(self._distinct(), self.values.shape)
        return self._spread()

    def tensor(self, t: Any) -> Any:
        """A leaf of the namespace `t` in fresh memory in this layout."""
        if self.layout == "expanded":
            return t.from_numpy(self._distinct()).expand(self.values.shape).detach()
        return t.from_numpy(self._spread())

    def _distinct(self) -> np.ndarray:
        return self.values[:1].copy()

    def _spread(self) -> np.ndarray:
        values = self.values
        if self.layout == "transposed":
            return values.T.copy().T
        if self.layout == "strided":  # every other place of the last dimension, from the second on
            room = np.zeros((*values.shape[:-1], 2 * values.shape[-1] + 1), values.dtype)
            room[..., 1::2] = values
            return room[..., 1::2]
        return values.copy()

    def __repr__(self) -> str:
        return f"{self.layout} {self.values.dtype}{list(self.values.shape)} {self.values.tolist()}"


def laid_out(values: np.ndarray, layout: str) -> Operand:
    """`values` in a layout, or, where they cannot lie like that, contiguous."""
    if values.ndim == 0:
        return Operand(values)
    if layout == "expanded":
        if not len(values):
            return Operand(values)
        values = np.broadcast_to(values[:1], values.shape)
    return Operand(values, layout)


def copied(values: np.ndarray) -> np.ndarray:
    """A copy that lies in memory as `values` does, gaps and shared places and all.

    >>> x = np.zeros((4, 6), np.float32)[:, ::2].T
    >>> copied(x).strides == x.strides
    True
    """
    if any(step < 0 for step in values.strides):  # which no tensor has
        return values.copy()
    reach = sum((size - 1) * step for size, step in zip(values.shape, values.strides, strict=True))
    if not values.size:
        return values.copy()
    room = np.zeros(reach + values.itemsize, np.uint8)[: values.itemsize].view(values.dtype)
    copy = np.lib.stride_tricks.as_strided(room, values.shape, values.strides)
    copy[...] = values
    return copy


def special_values(dtype: np.dtype) -> np.ndarray:
    """Zeros, ones and their neighbours, the ends of the range, infinities and NaN."""
    kind = np.finfo(dtype)
    positive = [kind.smallest_subnormal, kind.tiny, 1e-8, 0.5, 1 - kind.epsneg, 1, 1 + kind.eps]
    positive += [2, 3, 50, 1000, kind.max / 4, kind.max, *(0.0, np.inf) * 3]  # a whole 0 has no -0
    return np.array([*positive, *(-x for x in positive), *(np.nan,) * 5], dtype)


def special_cotangents(dtype: np.dtype) -> np.ndarray:
    """As above, but for the largest: where factors may overflow on the way, their order decides."""
    values = special_values(dtype)
    return values[~(np.abs(values) > 1000) | np.isinf(values)]


@dataclass(frozen=True)
class Case:
    """One call of a rule: its operands and options as the rule takes them."""

    operands: tuple[Operand | float | None, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    wanted: tuple[bool, ...] | None = None  # which operands require grad; None for all that can
    seed: int = 0  # of the cotangent

    def __repr__(self) -> str:
        operands = "".join(f"\n    {operand!r}" for operand in self.operands)
        return f"Case wanted={self.wanted} seed={self.seed} options={dict(self.options)}{operands}"
