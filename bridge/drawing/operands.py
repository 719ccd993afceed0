"""Operands: arrays with the values and memory layouts at which numerical code goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LAYOUTS = ("contiguous", "transposed", "strided", "expanded")


@dataclass(frozen=True)
class Operand:
    """The values of an operand and its memory layout; a `constant` never requires grad."""

    values: np.ndarray
    layout: str = "contiguous"
    constant: bool = False

    @property
    def differentiable(self) -> bool:
        return self.values.dtype.kind == "f" and not self.constant

    def array(self) -> np.ndarray:
        """Copy the values into an array with this layout; read-only if elements share memory."""
        if self.layout == "expanded":
            return np.broadcast_to(self._first_slice(), self.values.shape)
        return self._laid_out_copy()

    def tensor(self, t: Any) -> Any:
        """Copy the values into a leaf of the namespace `t` with this layout."""
        if self.layout == "expanded":
            return t.from_numpy(self._first_slice()).expand(self.values.shape).detach()
        return t.from_numpy(self._laid_out_copy())

    def _first_slice(self) -> np.ndarray:
        return self.values[:1].copy()

    def _laid_out_copy(self) -> np.ndarray:
        values = self.values
        if self.layout == "transposed":
            return values.T.copy().T
        if self.layout == "strided":  # odd places of the last dimension of a larger array
            larger = np.zeros((*values.shape[:-1], 2 * values.shape[-1] + 1), values.dtype)
            larger[..., 1::2] = values
            return larger[..., 1::2]
        return values.copy()

    def __repr__(self) -> str:
        return f"{self.layout} {self.values.dtype}{list(self.values.shape)} {self.values.tolist()}"


def laid_out(values: np.ndarray, layout: str) -> Operand:
    """Return `values` in a layout, or contiguous if the layout is impossible for their shape."""
    if values.ndim == 0:
        return Operand(values)
    if layout == "expanded":
        if not len(values):
            return Operand(values)
        values = np.broadcast_to(values[:1], values.shape)
    return Operand(values, layout)


def layout_of(x: np.ndarray) -> str:
    """Return which of `LAYOUTS` an array has.

    >>> x = np.zeros((2, 3))
    >>> layout_of(x), layout_of(x.T), layout_of(x[:, 1:]), layout_of(np.broadcast_to(x, (4, 2, 3)))
    ('contiguous', 'transposed', 'strided', 'expanded')
    """
    if x.flags.c_contiguous:
        return "contiguous"
    if any(size > 1 and not step for size, step in zip(x.shape, x.strides, strict=True)):
        return "expanded"
    falling = sorted(range(x.ndim), key=lambda dim: -x.strides[dim])
    return "transposed" if x.transpose(falling).flags.c_contiguous else "strided"


def special_values(dtype: np.dtype) -> np.ndarray:
    """Return zeros, ones and their neighbours, the ends of the range, infinities and NaN."""
    kind = np.finfo(dtype)
    positive = [kind.smallest_subnormal, kind.tiny, 1e-8, 0.5, 1 - kind.epsneg, 1, 1 + kind.eps]
    positive += [2, 3, 50, 1000, kind.max / 4, kind.max, *(0.0, np.inf) * 3]  # not 0: -0 is 0
    positive = [float(x) for x in positive]  # as NumPy's float16, 1000 would not stay a number
    return np.array([*positive, *(-x for x in positive), *(np.nan,) * 5], dtype)


def special_cotangents(dtype: np.dtype) -> np.ndarray:
    """Return `special_values` except the largest, whose products overflow in some orders only."""
    values = special_values(dtype)
    return values[~(np.abs(values) > 1000) | np.isinf(values)]


@dataclass(frozen=True)
class Case:
    """One call of a rule: its operands, and its options by the rule's names.

    `wanted` says which operands require grad; None stands for all that can. `seed` is that of the
    cotangent, which has no special values if `finite` is set.
    """

    operands: tuple[Operand | float | None, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    wanted: tuple[bool, ...] | None = None
    seed: int = 0
    finite: bool = False

    def __repr__(self) -> str:
        operands = "".join(f"\n    {operand!r}" for operand in self.operands)
        return f"Case wanted={self.wanted} seed={self.seed} options={dict(self.options)}{operands}"
