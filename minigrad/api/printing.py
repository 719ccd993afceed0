"""The repr of a tensor, made from a NumPy array, digit for digit as in PyTorch.

A program must print the same text after its import is changed, so the text says
`dtype=torch.float64`, not `dtype=minigrad.float64`.

A repr is made in three steps: `_number_texts` formats the numbers to one width, `_contents` puts
them into nested brackets, and `_suffixes` and `_append` add the size, dtype and gradient where the
brackets don't show them. This module doesn't know about Tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np


@dataclass(frozen=True)
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: float = 80
    sci_mode: bool | None = None

    def __post_init__(self) -> None:
        for name in ("precision", "edgeitems"):
            count = getattr(self, name)
            if not isinstance(count, Integral) or isinstance(count, bool) or count < 0:
                raise ValueError(f"{name} must be an integer of at least 0, not {count!r}")
        if not isinstance(self.threshold, Real):
            raise ValueError(f"threshold must be a number, not {self.threshold!r}")
        if not isinstance(self.linewidth, Real) or not math.isfinite(self.linewidth):
            raise ValueError(f"linewidth must be a finite number, not {self.linewidth!r}")
        if self.sci_mode not in (True, False, None):
            raise ValueError(f"sci_mode must be True, False or None, not {self.sci_mode!r}")


_PROFILES = {
    "default": _Options(),
    "short": _Options(precision=2, edgeitems=2),
    "full": _Options(threshold=math.inf),
}

# Replaced as a whole, never changed in place, and read once per repr. So another thread sees either
# the old options or the new ones, never a mixture.
_options = _PROFILES["default"]


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: float | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed, in all threads.

    An option that isn't given keeps its value, except that, as in PyTorch, `sci_mode` goes back to
    None.

    Args:
        precision: digits after the decimal point of a floating-point number (initially 4).
        threshold: a tensor with more elements is summarised (initially 1000).
        edgeitems: items that a summary shows at each end of each dimension (initially 3).
        linewidth: characters after which a line is broken (initially 80).
        profile: values for the four options above, which they override if given too: "default",
            "short" (precision 2, edgeitems 2) or "full" (nothing is summarised).
        sci_mode: whether floating-point numbers are printed as 1.0000e+00. None decides by the
            finite nonzero elements: yes if the largest magnitude is above 1e8 or above 1000 times
            the smallest, or the smallest is below 1e-4.

    Raises:
        ValueError: an option has the wrong type or is out of range. (PyTorch ignores an unknown
            profile and accepts any other value, and then some values make the next print fail.)

    >>> minigrad.set_printoptions(precision=2, threshold=5, edgeitems=1)
    >>> minigrad.tensor([0.123, 1, 2, 3, 4, 5])
    tensor([0.12,  ..., 5.00])
    >>> minigrad.set_printoptions(profile="default")
    >>> minigrad.tensor([0.123, 1, 2, 3, 4, 5])
    tensor([0.1230, 1.0000, 2.0000, 3.0000, 4.0000, 5.0000])
    """
    global _options
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"profile must be 'default', 'short' or 'full', not {profile!r}")
    chosen: dict[str, Any] = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    _options = replace(
        _options if profile is None else _PROFILES[profile],
        sci_mode=sci_mode,
        **{name: value for name, value in chosen.items() if value is not None},
    )


def get_printoptions() -> dict[str, Any]:
    """Return the current options, as keyword arguments for `set_printoptions`.

    As in PyTorch, whose function is in `torch._tensor_str`, it isn't in the top-level namespace.

    >>> from minigrad.api.printing import get_printoptions
    >>> get_printoptions()
    {'precision': 4, 'threshold': 1000, 'edgeitems': 3, 'linewidth': 80, 'sci_mode': None}
    """
    return asdict(_options)


def tensor_repr(
    array: np.ndarray,
    *,
    default_dtype: np.dtype,
    requires_grad: bool = False,
    grad_fn: str | None = None,
    prefix: str = "tensor(",
) -> str:
    """Return what PyTorch prints for a tensor that holds `array`, under the current options.

    Args:
        array: bools, integers or floating-point numbers, of any shape.
        default_dtype: the default floating-point dtype, which isn't printed.
        requires_grad: whether the tensor requires grad, which is printed if `grad_fn` is None.
        grad_fn: the name of the node that computed the tensor, such as "AddBackward0".
        prefix: the class name and "(", whose length is the indentation of the lines below.

    Raises:
        TypeError: the array has another kind of dtype, such as complex.

    >>> import numpy as np
    >>> from minigrad.api.printing import tensor_repr
    >>> float32 = np.dtype("float32")
    >>> tensor_repr(np.array([[1, -2.5]]), default_dtype=float32)
    'tensor([[ 1.0000, -2.5000]], dtype=torch.float64)'
    >>> tensor_repr(np.array(3, float32), default_dtype=float32, grad_fn="AddBackward0")
    'tensor(3., grad_fn=<AddBackward0>)'
    """
    if array.dtype.kind not in "biuf":
        raise TypeError(f"only boolean, integer and real arrays can be printed, not {array.dtype}")
    options = _options
    suffixes = _suffixes(array, default_dtype, options)
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    indent = len(prefix)
    return _append(prefix + _contents(array, indent, options), suffixes, indent, options) + ")"


def _contents(array: np.ndarray, indent: int, options: _Options) -> str:
    """The elements in nested brackets, the first of which is in column `indent`."""
    if array.size == 0:
        return "[]"
    rank, edge = array.ndim, options.edgeitems
    summarised = rank > 0 and array.size > options.threshold
    if summarised and edge == 0:
        return "[...]"
    cut = [summarised and length > 2 * edge for length in array.shape]
    if any(cut):  # only the elements that are shown decide the format
        kept = (
            np.r_[:edge, length - edge : length] if is_cut else np.arange(length)
            for length, is_cut in zip(array.shape, cut, strict=True)
        )
        array = array[np.ix_(*kept)]

    texts, width = _number_texts(array, options)
    room = options.linewidth - (indent + rank - 1)
    per_line = max(1, math.floor(room / (width + len(", "))))
    for axis in reversed(range(rank)):  # the innermost brackets first
        rows = _chunks(texts, array.shape[axis])
        innermost = axis == rank - 1
        if cut[axis]:
            for row in rows:
                row.insert(edge, " ..." if innermost else "...")
        if innermost:
            rows = [[", ".join(line) for line in _chunks(row, per_line)] for row in rows]
        # Vectors are on adjacent lines, matrices one blank line apart, blocks of matrices two, ...
        separator = "," + "\n" * max(1, rank - 1 - axis) + " " * (indent + axis + 1)
        texts = ["[" + separator.join(row) + "]" for row in rows]
    return texts[0]


def _chunks(items: list[str], length: int) -> list[list[str]]:
    return [items[i : i + length] for i in range(0, len(items), length)]


def _number_texts(array: np.ndarray, options: _Options) -> tuple[list[str], int]:
    """The elements as right-justified texts, and the width of their column."""
    numbers = array.ravel().tolist()  # Python floats: a float32 is formatted as a double
    if array.dtype.kind == "f":
        # As in PyTorch, only these decide the format and the width. The text of any other number
        # (0, inf, NaN) may be wider than the column.
        measured = [number for number in numbers if number != 0 and math.isfinite(number)]
        write = _float_writer(measured, options)
    else:
        measured, write = numbers, str
    width = max((len(write(number)) for number in measured), default=1)
    return [write(number).rjust(width) for number in numbers], width


def _float_writer(measured: list[float], options: _Options) -> Callable[[float], str]:
    """The function that formats a number, given the finite nonzero ones of the array."""
    if not measured:
        scientific = False
    elif options.sci_mode is None:
        low, high = min(map(abs, measured)), max(map(abs, measured))
        scientific = high / low > 1000.0 or high > 1e8 or low < 1e-4
    else:
        scientific = options.sci_mode

    if scientific:
        return lambda number: f"{number:.{options.precision}e}"
    if all(number.is_integer() for number in measured):
        return lambda number: f"{number:.0f}." if math.isfinite(number) else str(number)
    return lambda number: f"{number:.{options.precision}f}"


def _suffixes(array: np.ndarray, default_dtype: np.dtype, options: _Options) -> list[str]:
    """The size and the dtype, each only if the brackets don't show it."""
    if array.size == 0:  # [] is read as a vector of the default dtype
        size_is_shown = array.ndim == 1
        shown = [default_dtype]
    else:
        size_is_shown = options.edgeitems > 0
        shown = [default_dtype, np.dtype("int64"), np.dtype("bool")]
    size = [] if size_is_shown else [f"size={array.shape}"]
    dtype = [] if array.dtype in shown else [f"dtype=torch.{array.dtype}"]
    return size + dtype


def _append(text: str, suffixes: list[str], indent: int, options: _Options) -> str:
    """Append each suffix to the last line, or on a line of its own if that would be too long.

    As in PyTorch, a line with numbers counts as two characters longer than it is, and a line with
    only suffixes as long as it is.
    """
    length = len(text) - (text.rfind("\n") + 1) + 2
    for suffix in suffixes:
        length += len(", ") + len(suffix)
        if length > options.linewidth:
            text += ",\n" + " " * indent + suffix
            length = indent + len(suffix)
        else:
            text += ", " + suffix
    return text
