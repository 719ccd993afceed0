"""The numbers of the reductions, under the names of torch.nn._reduction."""

from __future__ import annotations

from ..api.compositions.losses import reduction_of

_NUMBERS = {"none": 0, "mean": 1, "sum": 2}


def get_enum(reduction: str) -> int:
    """Return the number of a reduction. ValueError for another word.

    >>> get_enum("none"), get_enum("mean"), get_enum("sum")
    (0, 1, 2)
    """
    return _NUMBERS[reduction_of(None, None, reduction)]


def legacy_get_string(
    size_average: bool | None, reduce: bool | None, emit_warning: bool = True
) -> str:
    """Return the reduction that two old flags mean.

    >>> legacy_get_string(size_average=False, reduce=None, emit_warning=False)
    'sum'
    """
    if emit_warning:
        return reduction_of(size_average is not False, reduce, "mean")
    if reduce is not None and not reduce:
        return "none"
    return "sum" if size_average is not None and not size_average else "mean"


def legacy_get_enum(
    size_average: bool | None, reduce: bool | None, emit_warning: bool = True
) -> int:
    """Return the number of the reduction that two old flags mean."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))
