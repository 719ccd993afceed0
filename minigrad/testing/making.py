"""`make_tensor`: a tensor of random numbers of any dtype."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..api.creation import empty
from ..api.limits import finfo, iinfo
from ..api.tensor import Tensor
from ..core.warning import warn
from ..random.sampling import randint
from ..rules import dtypes
from ..rules.dtypes import dtype as DType

_INTEGERS = (dtypes.uint8, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64)
_FLOATS = (dtypes.float16, dtypes.float32, dtypes.float64)


def make_tensor(
    *shape: Any,
    dtype: DType,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Return a tensor of random numbers, uniform in [low, high).

    They are by default in [-9, 9) for floats, from -9 to 9 for ints, from 0 to 9 for uint8, and
    bools. The bounds are clamped to what the dtype can hold. With `noncontiguous`, it is every
    second column of a larger tensor; with `exclude_zero`, zeros become the smallest positive number
    (1 for ints and bools).

    ValueError for bounds that are NaN, not in order or outside of the dtype, for `requires_grad`
    and a dtype without gradients, and for `noncontiguous` with a `memory_format`; TypeError for
    another dtype.

    >>> x = minigrad.testing.make_tensor(2, 3, dtype=minigrad.int64, device="cpu", low=0, high=4)
    >>> x.shape, bool((x >= 0).all()), bool((x < 4).all())
    (torch.Size([2, 3]), True, True)
    """
    sizes = tuple(shape[0] if len(shape) == 1 and isinstance(shape[0], Sequence) else shape)
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
            f"{noncontiguous=} and {memory_format=}"
        )
    if requires_grad and dtype not in _FLOATS and dtype in (*_INTEGERS, dtypes.bool):
        raise ValueError(
            "`requires_grad=True` is not supported for boolean and integral dtypes, but got "
            f"{dtype=}"
        )
    apart = noncontiguous and math.prod(sizes) > 1
    if apart:
        sizes = (*sizes[:-1], 2 * sizes[-1])
    if dtype in _FLOATS:
        result = _floats(sizes, dtype, device, low, high)
    elif dtype in (*_INTEGERS, dtypes.bool):
        result = _integers(sizes, dtype, device, low, high)
    else:
        raise TypeError(
            f"The requested dtype '{dtype}' is not supported by torch.testing.make_tensor()."
        )
    if apart:
        result = result[..., 1::2]
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        result[result == 0] = finfo(dtype).tiny if dtype in _FLOATS else 1
    return result.requires_grad_(requires_grad) if dtype in _FLOATS else result


def _floats(sizes: Any, dtype: DType, device: Any, low: Any, high: Any) -> Tensor:
    limits = finfo(dtype)
    low, high = _bounds(low, high, (-9, 9), (limits.min, limits.max), dtype)
    made: Tensor = empty(sizes, dtype=dtype, device=device)
    if high - low >= limits.max:  # more than `uniform_` takes
        return made.uniform_(low / 2, high / 2).mul_(2)
    return made.uniform_(low, high)


def _integers(sizes: Any, dtype: DType, device: Any, low: Any, high: Any) -> Tensor:
    if dtype is dtypes.bool:
        low, high = _bounds(low, high, (0, 2), (0, 2), dtype)
    else:
        limits = iinfo(dtype)
        end = limits.max + (dtype is not dtypes.int64)  # `randint` takes no larger one
        low, high = _bounds(low, high, (-9, 10), (limits.min, end), dtype)
    made: Tensor = randint(math.ceil(low), math.ceil(high), sizes, dtype=dtype, device=device)
    return made


def _bounds(low: Any, high: Any, default: Any, within: Any, dtype: DType) -> tuple[Any, Any]:
    """The bounds to draw between, clamped to those of the dtype. The second is exclusive."""
    low = default[0] if low is None else low
    high = default[1] if high is None else high
    if any(isinstance(bound, float) and math.isnan(bound) for bound in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low == high and dtype in _FLOATS:
        warn(
            "Passing `low==high` to `torch.testing.make_tensor` for floating or complex types is "
            "deprecated since 2.1 and will be removed in 2.3. Use `torch.full(...)` instead.",
            FutureWarning,
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < within[0] or low >= within[1]:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {dtype} "
            f"only supports [{within[0]}, {within[1]})"
        )
    first, end = (min(max(bound, within[0]), within[1]) for bound in (low, high))
    return first, end
