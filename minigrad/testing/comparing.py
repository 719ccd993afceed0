"""`assert_close`: two values are equal, or close to each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..api.creation import as_tensor as _as_tensor
from ..api.tensor import Tensor as _Tensor
from ..core.warning import warn as _warn
from ..rules import dtypes as _dtypes
from ..rules.promotion import promote_types as _promote_types

__all__ = ["assert_allclose", "assert_close"]

# The default rtol and atol of a dtype; those of all others are 0.
_TOLERANCES = {_dtypes.float32: (1.3e-6, 1e-5), _dtypes.float64: (1e-7, 1e-7)}
_OF_NUMBERS: dict[type, _dtypes.dtype] = {int: _dtypes.int64, float: _dtypes.float64}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raise AssertionError unless |actual - expected| <= atol + rtol · |expected| everywhere.

    Tensors, arrays and numbers are compared, and sequences and mappings of them. The tolerances
    depend by default on the dtype: they are 0 for integers. Shapes and dtypes must be equal, unless
    `check_dtype` is false, and strides with `check_stride`. NaN is equal to NaN with `equal_nan`.
    `msg` is the message, or makes it from the usual one. ValueError for only one of `rtol` and
    `atol`, TypeError for things that can't be compared.

    >>> x = minigrad.ones(2)
    >>> minigrad.testing.assert_close(x / 3 * 3, x)
    """
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(
            f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."
        )
    check = _Check(allow_subclasses, rtol, atol, equal_nan, check_dtype, check_stride, "")
    try:
        check.compare(actual, expected)
    except _Mismatch as mismatch:
        text = str(mismatch)
        raise AssertionError(msg(text) if callable(msg) else msg or text) from None


class _Mismatch(Exception):
    """What `_Check` found to differ."""


@dataclass(frozen=True)
class _Check:
    """A comparison at `place`, such as "[1]['a']", in the sequences and mappings given."""

    allow_subclasses: bool
    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_dtype: bool
    check_stride: bool
    place: str

    def fail(self, message: str) -> None:
        where = f"\n\nThe failure occurred for item {self.place}" if self.place else ""
        raise _Mismatch(message + where)

    def compare(self, actual: Any, expected: Any) -> None:
        pair = (actual, expected)
        if all(isinstance(x, Sequence) and not isinstance(x, str) for x in pair):
            if len(actual) != len(expected):
                lengths = f"{len(actual)} != {len(expected)}"
                self.fail(f"The length of the sequences mismatch: {lengths}")
            self.compare_items(actual, expected, range(len(actual)))
        elif all(isinstance(x, Mapping) for x in pair):
            missing = sorted(expected.keys() - actual.keys(), key=str)
            additional = sorted(actual.keys() - expected.keys(), key=str)
            if missing or additional:
                self.fail(
                    "The keys of the mappings do not match:\n"
                    f"Missing keys in the actual mapping: {missing}\n"
                    f"Additional keys in the actual mapping: {additional}"
                )
            self.compare_items(actual, expected, list(expected))
        elif any(x is None for x in pair):
            if actual is not expected:
                self.fail(f"None mismatch: {actual} is not {expected}")
        elif all(isinstance(x, bool | np.bool_) for x in pair):
            if bool(actual) is not bool(expected):
                self.fail(f"Booleans mismatch: {actual} is not {expected}")
        elif all(isinstance(x, int | float | np.number) for x in pair):
            self.compare_numbers(*(x.item() if isinstance(x, np.generic) else x for x in pair))
        else:
            self.compare_tensors(actual, expected)

    def compare_items(self, actual: Any, expected: Any, keys: Any) -> None:
        for key in keys:
            inside = replace(self, place=f"{self.place}[{key!r}]")
            inside.compare(actual[key], expected[key])

    def tolerances(self, *kinds: _dtypes.dtype) -> tuple[float, float]:
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        defaults = [_TOLERANCES.get(kind, (0.0, 0.0)) for kind in kinds]
        return max(rtol for rtol, _ in defaults), max(atol for _, atol in defaults)

    def compare_numbers(self, actual: Any, expected: Any) -> None:
        if self.check_dtype and type(actual) is not type(expected):
            self.fail(f"The (d)types do not match: {type(actual)} != {type(expected)}.")
        kinds = (_OF_NUMBERS[type(x)] for x in (actual, expected))
        rtol, atol = self.tolerances(*kinds)
        nans = self.equal_nan and actual != actual and expected != expected
        if not (actual == expected or nans or _within(actual, expected, rtol, atol)):
            self.fail(_numbers_differ(actual, expected, rtol, atol))

    def compare_tensors(self, actual: Any, expected: Any) -> None:
        related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
        same = type(actual) is type(expected)
        comparable = same or (related and self.allow_subclasses)
        try:
            a, e = (x if isinstance(x, _Tensor) else _as_tensor(x) for x in (actual, expected))
        except (TypeError, ValueError, RuntimeError):
            comparable = False
        if not comparable:
            raise TypeError(
                "No comparison pair was able to handle inputs of type "
                f"{type(actual)} and {type(expected)}."
            )
        self.compare_attribute("shape", a.shape, e.shape)
        if self.check_dtype:
            self.compare_attribute("dtype", a.dtype, e.dtype)
        if self.check_stride:
            self.compare_attribute("stride()", a.stride(), e.stride())
        rtol, atol = self.tolerances(a.dtype, e.dtype)
        common = _promote_types(a.dtype, e.dtype)
        ours, theirs = (x.detach().to(common).numpy() for x in (a, e))
        with np.errstate(all="ignore"):
            different = ~np.isclose(ours, theirs, rtol, atol, equal_nan=self.equal_nan)
            if different.any():
                self.fail(_tensors_differ(ours, theirs, different, rtol, atol))

    def compare_attribute(self, name: str, actual: Any, expected: Any) -> None:
        if actual != expected:
            self.fail(f"The values for attribute '{name}' do not match: {actual} != {expected}.")


def _within(actual: float, expected: float, rtol: float, atol: float) -> bool:
    difference = abs(actual - expected)
    return difference < float("inf") and difference <= atol + rtol * abs(expected)


def _kind_of_difference(rtol: float, atol: float) -> tuple[str, str, str]:
    """The first line's end, and what is allowed of the absolute and the relative difference."""
    if rtol == 0 and atol == 0:
        return "are not equal!", "", ""
    return "are not close!", f" (up to {atol} allowed)", f" (up to {rtol} allowed)"


def _numbers_differ(actual: Any, expected: Any, rtol: float, atol: float) -> str:
    how, allowed, allowed_relative = _kind_of_difference(rtol, atol)
    difference = abs(actual - expected)
    relative = difference / abs(expected) if expected else float("inf")
    return (
        f"Scalars {how}\n\nExpected {expected} but got {actual}.\n"
        f"Absolute difference: {difference}{allowed}\n"
        f"Relative difference: {relative}{allowed_relative}"
    )


def _tensors_differ(
    actual: np.ndarray, expected: np.ndarray, different: np.ndarray, rtol: float, atol: float
) -> str:
    if actual.ndim == 0:
        return _numbers_differ(actual.item(), expected.item(), rtol, atol)
    how, allowed, allowed_relative = _kind_of_difference(rtol, atol)
    if actual.dtype.kind != "f":
        actual, expected = actual.astype(np.int64), expected.astype(np.int64)
    difference = np.where(different, abs(actual - expected), actual.dtype.type(0))
    ratio = np.divide(difference, abs(expected), dtype=np.result_type(difference, np.float32))
    count, lines = int(different.sum()), []
    for name, values, limit in (
        ("absolute", difference, allowed),
        ("relative", np.where(different, ratio, 0), allowed_relative),
    ):
        place = np.unravel_index(int(np.argmax(values)), values.shape)
        index = tuple(int(i) for i in place)
        lines.append(f"Greatest {name} difference: {values[index].item()} at index {index}{limit}")
    return (
        f"Tensor-likes {how}\n\nMismatched elements: {count} / {different.size} "
        f"({count / different.size:.1%})\n{lines[0]}\n{lines[1]}"
    )


# What `assert_allclose` allows: rtol and atol.
_OLD_TOLERANCES = {
    _dtypes.float16: (1e-3, 1e-3),
    _dtypes.float32: (1e-4, 1e-5),
    _dtypes.float64: (1e-5, 1e-8),
}


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """`assert_close` with larger tolerances, for tensors and what `as_tensor` takes. Deprecated.

    Dtypes may differ. The errors are those of `assert_close`, and each call gives a FutureWarning.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     minigrad.testing.assert_allclose(minigrad.ones(2), [1.0, 1.0])
    """
    _warn(
        "`minigrad.testing.assert_allclose()` is deprecated. Please use "
        "`minigrad.testing.assert_close()` instead.",
        FutureWarning,
    )
    a = actual if isinstance(actual, _Tensor) else _as_tensor(actual)
    b = expected if isinstance(expected, _Tensor) else _as_tensor(expected, dtype=a.dtype)
    if rtol is None and atol is None:
        pairs = [_OLD_TOLERANCES.get(x.dtype, (0.0, 0.0)) for x in (a, b)]
        rtol, atol = (max(numbers) for numbers in zip(*pairs, strict=True))
    assert_close(
        a, b, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None
    )
