"""Functions that programs compiled by numba call. Importing this needs numba."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def pointer(typing_context: Any, address: Any) -> Any:
    """The address, an integer, as a pointer for `numba.carray`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.intp), generate


@njit(error_model="numpy")
def floor_divided(a: Any, b: Any) -> Any:
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


@njit(error_model="numpy")
def rest_of_integers(a: Any, b: Any) -> Any:
    """`np.fmod` of integers, which is 0 for a division by 0."""
    if b == 0:
        return b
    rest = a % b
    return rest - b if rest != 0 and (a < 0) != (b < 0) else rest
