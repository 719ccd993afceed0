"""The arrays of a record: copies of what was computed, kept whole or as summaries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

KEEP = 4096  # the most elements that are kept of an array, if nothing else is asked for
CELLS = (64, 32, 16, 8)  # the most rows and columns of a heat map
# So much is kept in all. A page holds it in about 4 MB.
_VALUES_IN_ALL, _CELLS_IN_ALL = 400_000, 500_000


def copied(array: np.ndarray) -> np.ndarray:
    """Return a copy with the same strides, so that a sum over it adds in the same order."""
    if array.flags.c_contiguous or array.size == 0:
        return array.copy()
    low, high = byte_bounds(array)
    memory = np.zeros(high - low, np.uint8)
    start = array.__array_interface__["data"][0] - low
    copy = np.ndarray(array.shape, array.dtype, memory, start, array.strides)
    np.copyto(copy, array)
    return copy


class Copies(list[np.ndarray]):
    """Copies of arrays, by their numbers. Equal arrays share one."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers: dict[Any, list[int]] = {}  # by the contents

    def add(self, value: Any) -> int:
        """Copy a tensor or an array, and return the number of the copy."""
        array = np.asarray(getattr(value, "_array", value))
        content = array.tobytes()
        key = array.shape, array.dtype.char, content if len(content) < 64 else hash(content)
        equal = self._numbers.setdefault(key, [])
        for number in equal:
            if self[number].tobytes() == content:
                return number
        equal.append(len(self))
        self.append(copied(array))
        return equal[-1]

    def is_bad(self, number: int) -> bool:
        """Whether an array contains an infinity or NaN."""
        return self[number].dtype.kind == "f" and not bool(np.isfinite(self[number]).all())


def summaries(arrays: Sequence[np.ndarray], keep: int | None) -> tuple[list[dict[str, Any]], int]:
    """Return arrays as data, and the most elements that were kept of one.

    Without a given `keep`, the smallest arrays are kept, up to a limit for all of them.
    """
    keep = _affordable(arrays) if keep is None else keep
    rest = [_matrix_shape(array) for array in arrays if array.size > keep]
    cells = next(
        (n for n in CELLS if sum(min(r, n) * min(c, n) for r, c in rest) <= _CELLS_IN_ALL),
        CELLS[-1],
    )
    return [summary(array, keep, cells) for array in arrays], keep


def _affordable(arrays: Sequence[np.ndarray]) -> int:
    total = 0
    sizes = sorted(array.size for array in arrays)
    for i, size in enumerate(sizes):
        total += size
        if total > _VALUES_IN_ALL or size > KEEP:
            return min(KEEP, max((s for s in sizes[:i] if s < size), default=0))
    return KEEP


def summary(array: np.ndarray, keep: int, cells: int = CELLS[0]) -> dict[str, Any]:
    """Return an array as data: its shape, dtype and statistics, and its elements or a heat map.

    Up to `keep` elements are kept, in row-major order. NaN and the infinities are strings, because
    JSON has no numbers for them. A heat map has at most `cells` rows and columns.
    """
    flat = np.ascontiguousarray(array).reshape(-1)
    found: dict[str, Any] = {"shape": list(array.shape), "dtype": str(array.dtype)}
    found.update(_statistics(flat))
    if flat.size <= keep:
        found["values"] = numbers(flat)
    else:
        found["cells"] = _cells(array, cells)
    return found


def numbers(array: np.ndarray) -> list[Any]:
    """Return the elements as Python numbers whose text has all digits of their dtype.

    >>> numbers(np.array([0.1, np.nan], np.float32))
    [0.1, 'nan']
    """
    if array.dtype.kind != "f":
        return [int(x) for x in array.tolist()]
    if array.dtype == np.float64:
        return [x if math.isfinite(x) else str(x) for x in array.tolist()]
    # The shortest text that reads back as this float32, not the digits of its float64.
    return [float(str(x)) if np.isfinite(x) else str(x) for x in array]


def _statistics(flat: np.ndarray) -> dict[str, Any]:
    if flat.dtype.kind != "f":
        if flat.size == 0:
            return {}
        return {"min": int(flat.min()), "max": int(flat.max()), "zeros": int((flat == 0).sum())}
    finite = flat[np.isfinite(flat)].astype(np.float64)
    found: dict[str, Any] = {
        "nan": int(np.isnan(flat).sum()),
        "inf": int(np.isinf(flat).sum()),
        "zeros": int((flat == 0).sum()),
    }
    if finite.size:
        with np.errstate(over="ignore"):
            norm = float(np.sqrt(np.square(finite).sum()))
        found |= {"min": float(finite.min()), "max": float(finite.max())}
        found |= {"mean": float(finite.mean()), "norm": norm if math.isfinite(norm) else "inf"}
    return found


def _matrix_shape(array: np.ndarray) -> tuple[int, int]:
    columns = array.shape[-1] if array.ndim else 1
    return array.size // max(1, columns), columns


def _cells(array: np.ndarray, most: int) -> dict[str, Any]:
    """The mean of each cell of a grid over the array as a matrix; None for a cell with NaN."""
    with np.errstate(all="ignore"):
        grid = np.asarray(array, np.float64).reshape(_matrix_shape(array))
        for axis in (0, 1):
            size = grid.shape[axis]
            edges = np.linspace(0, size, min(size, most) + 1).astype(int)
            counts = np.diff(edges)
            sums = np.add.reduceat(grid, edges[:-1], axis)
            grid = sums / (counts[:, None] if axis == 0 else counts)
    values = [float(f"{x:.4g}") if math.isfinite(x) else None for x in grid.reshape(-1).tolist()]
    return {"shape": list(grid.shape), "values": values}
