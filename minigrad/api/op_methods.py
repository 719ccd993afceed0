"""OpMethods: the methods and operators of Tensor that are made from rules and dtypes.

A rule's forms give the methods `x.exp()` and `x.exp_()`, its operators the expressions `x + y`,
`x += y` and `1 - x`. All other methods are written out in `tensor.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from ..core.dispatch import OPS, function
from ..core.formats import preserve_format
from ..core.inplace import in_place, in_place_composition
from ..core.resizing import in_other_dtype, shape_in_place
from ..rules import REGISTRY, Rule, dtypes
from .compositions import COMPOSITIONS
from .compositions.registry import Composition

# Python's special methods for an expression. The second one is for a number on the left.
_BINARY = {
    "x + y": ("__add__", "__radd__"),
    "x - y": ("__sub__",),
    "1 - x": ("__rsub__",),
    "x * y": ("__mul__", "__rmul__"),
    "x / y": ("__truediv__",),
    "x ** y": ("__pow__",),
    "x // y": ("__floordiv__",),
    "x % y": ("__mod__",),
    "x << y": ("__lshift__",),
    "x >> y": ("__rshift__",),
    "x & y": ("__and__", "__rand__"),
    "x | y": ("__or__", "__ror__"),
    "x ^ y": ("__xor__", "__rxor__"),
    "x < y": ("__lt__",),
    "x <= y": ("__le__",),
    "x > y": ("__gt__",),
    "x >= y": ("__ge__",),
}
_IN_PLACE = {
    "x += y": "__iadd__",
    "x -= y": "__isub__",
    "x *= y": "__imul__",
    "x /= y": "__itruediv__",
    "x **= y": "__ipow__",
    "x //= y": "__ifloordiv__",
    "x %= y": "__imod__",
    "x &= y": "__iand__",
    "x |= y": "__ior__",
    "x ^= y": "__ixor__",
    "x <<= y": "__ilshift__",
    "x >>= y": "__irshift__",
}
_UNARY = {"-x": "__neg__", "abs(x)": "__abs__"}


class OpMethods:
    """The methods of Tensor that are made from rules and dtypes."""

    __slots__ = ()


def methods(rule: Rule) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The names and methods that one rule gives."""
    presentation = rule.presentation
    if "method" in presentation.forms:
        op = OPS[rule.name]
        otherwise = _view_dtype if rule.name == "view" else None
        yield rule.name, _with_sizes(op, otherwise) if presentation.spread_sizes else op
    if "in-place" in presentation.forms:
        make = shape_in_place if rule.view else in_place
        method = make(rule, node=presentation.in_place_node)
        yield f"{rule.name}_", _with_sizes(method) if presentation.spread_sizes else method
    for expression in presentation.operators:
        if expression in _BINARY:
            operator = function(rule, operator=True)
            yield from ((name, operator) for name in _BINARY[expression])
        elif expression in _IN_PLACE:
            yield _IN_PLACE[expression], in_place(rule, operator=True)
        elif expression in _UNARY:
            yield _UNARY[expression], OPS[rule.name]


def composed_methods() -> Iterator[tuple[str, Composition]]:
    """The names of the methods that the compositions give."""
    for (_, name), composition in COMPOSITIONS.items():
        if "method" in composition.forms:
            yield name, composition
        if "in-place" in composition.forms:
            yield f"{name}_", composition


def _with_sizes(
    op: Callable[..., Any], otherwise: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """A function's method, which takes sizes in a sequence or one by one, `x.view(2, 3)`.

    `otherwise` is called for other arguments than sizes.
    """
    name, signature = op.__name__, inspect.signature(op)
    keyword = list(signature.parameters)[1]
    optional = signature.parameters[keyword].default is not inspect.Parameter.empty

    def method(self: Any, *sizes: Any, **options: Any) -> Any:
        if keyword in options:
            sizes = (*sizes, options.pop(keyword))
        if len(sizes) <= optional:  # a single dim isn't a sequence of one
            return op(self, *sizes, **options)
        if not sizes and not options:
            raise TypeError(f'{name}() missing 1 required positional arguments: "{keyword}"')
        in_sequence = len(sizes) == 1 and isinstance(sizes[0], tuple | list)
        try:
            return op(self, tuple(sizes[0]) if in_sequence else sizes, **options)
        except TypeError:
            if otherwise is None:
                raise
            return otherwise(self, *sizes, **options)

    method.__name__ = method.__qualname__ = name
    method.__doc__, method.__module__ = op.__doc__, op.__module__
    vars(method)["__signature__"] = signature
    return method


def _view_dtype(self: Any, dtype: Any = None, *others: Any) -> Any:
    """`x.view(dtype)`: the memory of a tensor, read as elements of another dtype."""
    if others or not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"view(): sizes must be ints, not {type(dtype).__name__}")
    return in_other_dtype(self, dtypes.to_numpy(dtype))


CONVERSIONS = {
    "float": dtypes.float32,
    "double": dtypes.float64,
    "int": dtypes.int32,
    "long": dtypes.int64,
    "byte": dtypes.uint8,
    "bool": dtypes.bool,
    "half": dtypes.float16,
    "char": dtypes.int8,
    "short": dtypes.int16,
    # Refused, because no tensor can have these dtypes:
    "bfloat16": dtypes.bfloat16,
    "cfloat": dtypes.complex64,
    "cdouble": dtypes.complex128,
}


def _conversion(name: str, target: dtypes.dtype) -> Callable[..., Any]:
    """The method that converts a tensor to a dtype, such as `x.float()`."""

    def convert(self: Any, *, memory_format: Any = preserve_format) -> Any:
        return self.to(target, memory_format=memory_format)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"This tensor converted to {target.name}, or itself if it has that dtype."
    return convert


for _name, _target in CONVERSIONS.items():
    setattr(OpMethods, _name, _conversion(_name, _target))
for _rule in REGISTRY.values():
    for _name, _method in methods(_rule):
        setattr(OpMethods, _name, _method)
for _name, _composition in composed_methods():
    _function = _composition.function
    if _name.endswith("_"):
        _op_name = _function.__name__
        _is_op = OPS.get(_op_name) is _function  # then this is another name of its method
        _written: Any = getattr(OpMethods, f"{_op_name}_") if _is_op else None
        setattr(OpMethods, _name, _written or in_place_composition(_function))
    else:
        setattr(
            OpMethods, _name, _with_sizes(_function) if _composition.spread_sizes else _function
        )
for _rule in REGISTRY.values():
    # Pickle finds a method by its name in its class, if it isn't a function of `functions.py` too.
    _op: Any = OPS[_rule.name]
    if vars(OpMethods).get(_rule.name) is _op:
        _op.__module__, _op.__qualname__ = __name__, f"OpMethods.{_rule.name}"
