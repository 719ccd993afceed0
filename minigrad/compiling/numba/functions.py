"""What programs compiled by numba call: numba's own, and functions that it lacks."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np


@functools.cache
def functions() -> dict[str, Any]:
    """The names that a compiled program uses. ImportError without numba."""
    from numba import carray, njit  # of the extra numba

    njit_like_numpy = njit(error_model="numpy")
    return {
        "np": np, "carray": carray, "njit": njit, "pointer": _pointer(),
        "floor_divided": njit_like_numpy(_floor_divided),
        "rest_of_integers": njit_like_numpy(_rest_of_integers),
    }  # fmt: skip


def _pointer() -> Any:
    """`pointer(address)`: an integer as a pointer for `carray`."""
    # Of the extra numba.
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    def pointer(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], cgutils.voidptr_t)

        return types.voidptr(types.intp), generate

    return intrinsic(pointer)


def _floor_divided(a: Any, b: Any) -> Any:
    """`np.floor_divide` of floats. numba's own has infinities where NumPy has NaN."""
    if b == 0:
        return a / b
    rest = np.fmod(a, b)
    quotient = (a - rest) / b
    if rest != 0 and (b < 0) != (rest < 0):
        quotient -= type(quotient)(1)
    if quotient == 0:
        return np.copysign(quotient, a / b)
    floor = np.floor(quotient)
    return floor + type(floor)(1) if quotient - floor > 0.5 else floor


def _rest_of_integers(a: Any, b: Any) -> Any:
    """`np.fmod` of integers, which is 0 for a division by 0."""
    if b == 0:
        return b
    rest = a % b
    return rest - b if rest != 0 and (a < 0) != (b < 0) else rest
