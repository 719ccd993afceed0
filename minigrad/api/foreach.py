"""Functions of lists of tensors: `_foreach_add` and its kin, though they are private in PyTorch.

Each calls a method for every tensor of a list. The names that end in "_" write in place and return
the list; the others return a tuple. The graph has a node for each tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..core.tensor import TensorBase
from .compositions import public

_LISTS = list | tuple
_UNARY = """
abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg
reciprocal round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc
"""
# The names of their other operand, which is a number, a list of numbers or of tensors, or a tensor.
_OTHER = ("other", "scalar", "scalars")
_BINARY: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("add", "clamp_max", "clamp_min", "div", "maximum", "minimum"), _OTHER),
    **dict.fromkeys(("mul", "sub"), _OTHER),
    "pow": ("exponent",),
}
_WITH_ALPHA = ("add", "sub")
_METHODS = {"maximum": "clamp_min", "minimum": "clamp_max"}  # which take a number too


def _check(name: str, *lists: Any) -> int:
    """The length of lists of tensors. TypeError for anything else, RuntimeError for other lengths.

    Only the first list must not be empty.
    """
    for place, each in enumerate(lists):
        if not isinstance(each, _LISTS):
            kind = type(each).__name__
            raise TypeError(
                f"{name}() received an invalid combination of arguments: argument {place} is "
                f"{kind}, not a list of tensors"
            )
        for i, x in enumerate(each):
            if not isinstance(x, TensorBase):
                kind = type(x).__name__
                raise TypeError(
                    f"expected Tensor as element {i} in argument {place}, but got {kind}"
                )
    first, *others = map(len, lists)
    if not first or 0 in others:
        raise RuntimeError("Tensor list must have at least one tensor.")
    for other in others:
        if other != first:
            raise RuntimeError(
                f"Tensor lists must have the same number of tensors, got {first} and {other}"
            )
    return first


def _each(name: str, value: Any, count: int) -> Iterable[Any]:
    """An operand for each tensor: those of a list, or the same number for all."""
    if isinstance(value, TensorBase) and not (value._array.ndim or value.requires_grad):
        value = value._array.item()
    if isinstance(value, bool | int | float):
        return [value] * count
    if not isinstance(value, _LISTS):
        raise TypeError(
            f"{name}() received an invalid combination of arguments: "
            f"{type(value).__name__} isn't a number or a list"
        )
    if len(value) != count and not any(isinstance(x, TensorBase) for x in value):
        raise RuntimeError("Tensor list must have same number of elements as scalar list.")
    return value


def _numbers(name: str, value: Any, count: int) -> Iterable[Any]:
    """A number for each tensor: those of a list or of a 1-d tensor, or the same for all."""
    if not isinstance(value, TensorBase):
        return _each(name, value, count)
    if value._array.ndim != 1:
        raise RuntimeError(
            f"Expected packed scalar Tensor to be of dimension 1. Got {value._array.ndim} instead."
        )
    if value._array.size != count:
        raise RuntimeError(
            f"Expected length of scalars to match input of length {count} but got "
            f"{value._array.size} instead."
        )
    return _each(name, value._array.tolist(), count)


def _given(name: str, positional: Sequence[Any], named: dict[str, Any], names: Any) -> Any:
    """The operand that is given by position or by one of its names."""
    values = [*positional, *(named[each] for each in names if each in named)]
    if len(values) != 1 or len(positional) + len(named) != 1:
        raise TypeError(f"{name}() received an invalid combination of arguments")
    return values[0]


def _result(tensors: Any, found: Iterable[Any], in_place: bool) -> Any:
    made = tuple(found)
    return tensors if in_place else made


def _unary(op: str, suffix: str) -> Callable[..., Any]:
    name = f"_foreach_{op}{suffix}"

    def function(self: Any) -> Any:
        _check(name, self)
        return _result(self, [getattr(x, op + suffix)() for x in self], bool(suffix))

    return function


def _binary(op: str, suffix: str) -> Callable[..., Any]:
    name = f"_foreach_{op}{suffix}"
    method = f"{_METHODS.get(op, op)}{suffix}"

    def function(self: Any, *args: Any, **named: Any) -> Any:
        options = {"alpha": named.pop("alpha")} if op in _WITH_ALPHA and "alpha" in named else {}
        other = _given(name, args, named, _BINARY[op])
        if name == "_foreach_pow" and isinstance(self, int | float):
            _check(name, other)
            return tuple([self**x for x in other])
        count = _check(name, self)
        if isinstance(other, TensorBase) and _stays_tensor(op, other, options):
            if other._array.ndim:
                raise RuntimeError(
                    f"scalar tensor expected to be 0 dim but it has {other._array.ndim} dimensions "
                    f"and {other._array.size} elements."
                )
            others: Iterable[Any] = [other] * count
        else:
            others = _each(name, other, count)
            if options or isinstance(next(iter(others), None), TensorBase):
                _check(name, self, other)
        pairs = zip(self, others, strict=True)
        return _result(self, [getattr(x, method)(y, **options) for x, y in pairs], bool(suffix))

    return function


def _stays_tensor(op: str, other: Any, options: dict[str, Any]) -> bool:
    """Whether a tensor takes part in the promotion of dtypes; otherwise it is a number."""
    if op == "add":
        return bool(options or other.requires_grad or other._array.ndim)
    return op in ("div", "mul")


def _product(op: str, suffix: str) -> Callable[..., Any]:
    name = f"_foreach_{op}{suffix}"

    def function(self: Any, tensor1: Any, tensor2: Any, *args: Any, **named: Any) -> Any:
        value = _given(name, args, named, ("value", "scalars")) if args or named else 1
        count = _check(name, self, tensor1, tensor2)
        each = zip(self, tensor1, tensor2, _numbers(name, value, count), strict=True)
        made = [getattr(x, op + suffix)(a, b, value=v) for x, a, b, v in each]
        return _result(self, made, bool(suffix))

    return function


def _lerp(op: str, suffix: str) -> Callable[..., Any]:
    name = f"_foreach_{op}{suffix}"

    def function(self: Any, tensors1: Any, *args: Any, **named: Any) -> Any:
        weight = _given(name, args, named, ("weight", "weights"))
        weights = _each(name, weight, _check(name, self, tensors1))
        if isinstance(next(iter(weights), None), TensorBase):
            _check(name, self, tensors1, weight)
        each = zip(self, tensors1, weights, strict=True)
        made = [getattr(x, op + suffix)(y, w) for x, y, w in each]
        return _result(self, made, bool(suffix))

    return function


def _foreach_norm(self: Any, ord: float = 2, dtype: Any = None) -> tuple[Any, ...]:
    """Return the vector norm of each tensor.

    >>> minigrad._foreach_norm([minigrad.ones(4)])
    (tensor(2.),)
    """
    _check("_foreach_norm", self)
    return tuple([_vector_norm(x, ord, dtype=dtype) for x in self])


def _foreach_max(self: Any) -> tuple[Any, ...]:
    """Return the largest element of each tensor.

    >>> minigrad._foreach_max([minigrad.tensor([1, 3])])
    (tensor(3),)
    """
    _check("_foreach_max", self)
    return tuple([x.max() for x in self])


def _foreach_clone(self: Any, *, memory_format: Any = None) -> tuple[Any, ...]:
    """Return a copy of each tensor.

    >>> minigrad._foreach_clone([minigrad.ones(1)])
    (tensor([1.]),)
    """
    _check("_foreach_clone", self)
    options = {} if memory_format is None else {"memory_format": memory_format}
    return tuple([x.clone(**options) for x in self])


def _foreach_zero_(self: Any) -> Any:
    """Write zeros to each tensor.

    >>> minigrad._foreach_zero_([minigrad.ones(1)])
    [tensor([0.])]
    """
    _check("_foreach_zero_", self)
    return _result(self, [x.zero_() for x in self], True)


def _foreach_copy_(self: Any, src: Any, non_blocking: bool = False) -> Any:
    """Write the elements of the tensors of another list to each tensor.

    >>> minigrad._foreach_copy_([minigrad.ones(1)], [minigrad.tensor([2.])])
    [tensor([2.])]
    """
    _check("_foreach_copy_", self, src)
    return _result(self, [x.copy_(y) for x, y in zip(self, src, strict=True)], True)


_vector_norm = public("linalg")["vector_norm"]
__all__ = [
    "_foreach_clone",
    "_foreach_copy_",
    "_foreach_max",
    "_foreach_norm",
    "_foreach_zero_",
]
for _make, _ops in (
    (_unary, _UNARY.split()),
    (_binary, _BINARY),
    (_product, ("addcdiv", "addcmul")),
    (_lerp, ("lerp",)),
):
    for _op in _ops:
        for _suffix in ("", "_"):
            _function = _make(_op, _suffix)
            _function.__name__ = _function.__qualname__ = _name = f"_foreach_{_op}{_suffix}"
            _function.__doc__ = f"Call `Tensor.{_op}{_suffix}` for each tensor of a list."
            globals()[_name] = _function
            __all__.append(_name)
