"""The limits of the numbers that a dtype can hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..rules.dtypes import dtype, to_numpy
from ..rules.promotion import get_default_dtype


class finfo:
    """The limits of a float dtype, by default of the default one. TypeError for another dtype.

    >>> minigrad.finfo(minigrad.float32).eps
    1.1920928955078125e-07
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: dtype | None = None) -> None:
        kind = get_default_dtype() if type is None else _checked(type, "finfo")
        if not kind.is_floating_point:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                "'torch.finfo'"
            )
        found = np.finfo(to_numpy(kind))
        self.bits, self.dtype = found.bits, kind.name
        self.max, self.min, self.eps = float(found.max), float(found.min), float(found.eps)
        self.tiny = self.smallest_normal = float(found.tiny)
        self.resolution = float(f"1e-{np.finfo(kind.numpy).precision}")

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    __hash__ = None  # type: ignore[assignment]


class iinfo:
    """The limits of an integer dtype. TypeError for another dtype.

    >>> minigrad.iinfo(minigrad.uint8).max
    255
    """

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type: dtype) -> None:
        kind = _checked(type, "iinfo")
        if kind.is_floating_point or kind.is_complex:
            raise TypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle "
                "'torch.iinfo'"
            )
        if kind.name == "bool":
            raise TypeError("torch.bool is not supported by torch.iinfo")
        found = np.iinfo(kind.numpy)
        self.bits, self.dtype = found.bits, kind.name
        self.max, self.min = int(found.max), int(found.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    __hash__ = None  # type: ignore[assignment]


def _checked(kind: Any, name: str) -> dtype:
    if not isinstance(kind, dtype):
        got = kind.__class__.__name__
        raise TypeError(f"{name}(): argument 'type' (position 1) must be torch.dtype, not {got}")
    return kind
