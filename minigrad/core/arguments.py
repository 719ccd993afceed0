"""The arguments of an op: checking, unwrapping, and conversion to one dtype.

Most calls don't need this (see `dispatch.py`). All others go through `prepare`. This module also
translates NumPy's errors about arguments into PyTorch's.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from ..rules import Rule
from ..rules.layout import in_dtype
from ..rules.promotion import converted, get_default_dtype, python_number, result_type, wrapped
from .errstate import quiet
from .grad_mode import grad_mode
from .tensor import TensorBase, refresh, require_element, require_tensor, wrap
from .versions import SavedVersion
from .warning import warn_once

MISSING: Any = object()  # the default of a required argument
UNGIVEN: Any = object()  # that of a `dim` which may be None, but not left out, with `keepdim`
_ALIASES = {"axis": "dim", "keepdims": "keepdim", "x2": "other"}
_ALIASES |= dict.fromkeys(("x", "a", "x1"), "input")


def prepare(rule: Rule, operands: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The operands of a call, and the arrays and numbers that the rule gets for them."""
    if not check_operands(rule, operands):
        operands = [_tensor_of(operands[0]), *operands[1:]]
    arrays = []
    for x in operands:
        if isinstance(x, TensorBase) and grad_mode.enabled and rule.differentiable:
            refresh(x)
        arrays.append(x._array if isinstance(x, TensorBase) else python_number(x))
    if rule.presentation.promotion is not None:
        try:
            arrays = _promoted(rule, arrays)
        except MemoryError as error:
            raise_as_pytorch(rule, arrays, error)
    # An operand that isn't a tensor is replaced by what the rule gets. So the op tells them apart.
    pairs = zip(operands, arrays, strict=True)
    return [x if isinstance(x, TensorBase) else array for x, array in pairs], arrays


def _promoted(rule: Rule, arrays: list[Any]) -> list[Any]:
    """Arrays and numbers in the dtype in which PyTorch computes the op."""
    no_bools = rule.presentation.no_bools
    if no_bools and any(_is_bool(x) for x in arrays):
        raise RuntimeError(no_bools)
    common = result_type(*(x for x in arrays if x is not None))
    if rule.presentation.promotion == "float" and common.kind != "f":
        common = get_default_dtype().numpy
    checked = [rule.presentation.checked.get(name) for name in rule.parameters]
    kinds = checked or [None] * len(arrays)
    return [_in_dtype(x, common, each) for x, each in zip(arrays, kinds, strict=False)]


def read_key(key: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[SavedVersion]]:
    """A key as the rule gets it, with arrays in place of tensors, and the versions of these."""
    tensors = [e for e in key if isinstance(e, TensorBase)]
    arrays = tuple([e._array if isinstance(e, TensorBase) else e for e in key])
    return arrays, [(id(t._array), t._counter, t._counter[0]) for t in tensors]


def _is_bool(operand: Any) -> bool:
    return isinstance(operand, bool) or getattr(operand, "dtype", None) == np.bool_


def _in_dtype(operand: Any, kind: np.dtype, checked: str | None) -> Any:
    """An operand in a dtype. `checked` is as in `Presentation.checked`."""
    if isinstance(operand, np.ndarray):
        # A number too large for float32 becomes infinite, without a warning.
        return operand if operand.dtype == kind else quiet.call(in_dtype, operand, kind)
    if operand is None or isinstance(operand, bool):
        return operand
    if checked is not None:
        return converted(operand, kind) if kind.kind in checked else operand
    return wrapped(operand, kind) if kind.kind in "iu" else operand


def check_operands(rule: Rule, operands: Sequence[Any]) -> bool:
    """Whether any operand is a tensor. TypeError for the first that is missing or of a wrong type.

    A rule for numbers alone needs no tensor.
    """
    any_tensor = False
    annotations = rule.operands if rule.parameters else rule.operands * len(operands)
    for i, (annotation, x) in enumerate(zip(annotations, operands, strict=True)):
        if x is MISSING:
            name = rule.parameters[i]
            raise TypeError(f'{rule.name}() missing 1 required positional arguments: "{name}"')
        if isinstance(x, TensorBase):
            any_tensor = True
        elif isinstance(x, int | float | np.number | np.bool_):
            if not annotation.startswith("Operand"):
                _refuse_operand(rule, i, x)
        elif x is not None or not annotation.endswith("None"):
            _refuse_operand(rule, i, x)
    if not (any_tensor or rule.presentation.numbers_alone):
        _refuse_operand(rule, 0, operands[0])
    return any_tensor


def _tensor_of(number: Any) -> TensorBase:
    """A number as a tensor, whose dtype is an integer's or the default one."""
    number = python_number(number)
    return wrap(np.array(number, result_type(number)))


def _refuse_operand(rule: Rule, position: int, operand: Any) -> None:
    if rule.parameters:
        require_tensor(operand, rule.name, rule.parameters[position], position + 1)
    else:  # any number of operands, which users give in a list
        require_element(operand, position)


def call_by_names(op: Callable[..., Any], given: dict[str, Any], others: dict[str, Any]) -> Any:
    """Call an op again with NumPy's names for arguments (`axis`, `keepdims`, `x`) replaced.

    `given` are the arguments under PyTorch's names, and `others` those under any other name.
    """
    for alias, value in others.items():
        name = _ALIASES.get(alias)
        if name not in given:
            raise TypeError(f"{op.__name__}() got an unexpected keyword argument '{alias}'")
        given[name] = value
    return op(**{name: value for name, value in given.items() if value is not MISSING})


# Options for numbers that multiply a term. PyTorch once took them by position.
FACTORS = ("beta", "alpha", "value")


def from_old_order(name: str, args: Sequence[Any], most: int = 1) -> list[Any]:
    """The operands of a call with factors by position, such as `x.add_(0.1, y)`, then the factors.

    There are up to `most` factors, which come before the tensors that they multiply. TypeError for
    any other arguments.
    """
    *first, last = args
    factors = [x for x in first if isinstance(x, int | float | np.number)]
    tensors = [x for x in first if isinstance(x, TensorBase)]
    given = ", ".join(type(x).__name__ for x in args)
    fits = isinstance(last, TensorBase | int | float) and len(factors) + len(tensors) == len(first)
    if not (fits and 0 < len(factors) <= most):
        raise TypeError(f"{name}() received an invalid combination of arguments - got ({given})")
    warn_once(
        f"This overload of {name} is deprecated: it takes ({given}). Give the factors by name, "
        "after the tensors.",
        kind="overload",
    )
    return [*tensors, last, *factors]


def taking_numpy_names(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that takes its `dim` and `keepdim` as `axis` and `keepdims` too.

    It is the function itself if it has neither, or takes any keyword. Otherwise it has the function
    as its attribute `plain`.
    """
    parameters = inspect.signature(function).parameters
    aliases = {
        a: name for a, name in _ALIASES.items() if name in parameters and a not in parameters
    }
    others = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if others or not aliases.keys() & {"axis", "keepdims"}:
        return function

    @functools.wraps(function)
    def renaming(*args: Any, **options: Any) -> Any:
        if options:
            for alias in options.keys() & aliases:
                if aliases[alias] not in options:
                    options[aliases[alias]] = options.pop(alias)
        return function(*args, **options)

    vars(renaming)["plain"] = function
    return renaming


def requiring_bools(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that raises TypeError for a flag that isn't a bool: an int may be meant as a dim.

    It is the function itself if none of its parameters is annotated as a bool.
    """
    flags = [
        (place if p.kind is p.POSITIONAL_OR_KEYWORD else sys.maxsize, name, p.annotation != "bool")
        for place, (name, p) in enumerate(inspect.signature(function).parameters.items())
        if p.annotation in ("bool", "bool | None")
    ]
    if not flags:
        return function

    @functools.wraps(function)
    def checking(*args: Any, **options: Any) -> Any:
        for place, name, optional in flags:
            flag = args[place] if place < len(args) else options.get(name, False)
            if type(flag) is not bool and not (optional and flag is None):
                kind = type(flag).__name__
                raise TypeError(
                    f"{function.__name__}(): argument '{name}' must be bool, not {kind}"
                )
        return function(*args, **options)

    return checking


# How to recognise NumPy's errors about shapes, and about arrays that no memory can hold.
_TOO_LARGE = re.compile("too (big|large)|[Mm]aximum allowed")
_MISFIT = re.compile("broadcast|remapping|cannot assign|boolean array indexing")


def raise_as_pytorch(rule: Rule, arrays: Sequence[Any], error: Exception) -> NoReturn:
    """Raise PyTorch's error for an error of NumPy about shapes or sizes; any other unchanged."""
    if isinstance(error, MemoryError) or _says(error, _TOO_LARGE):
        raise RuntimeError(f"{rule.name}(): can't allocate memory: {error}") from None
    if not _says(error, _MISFIT):
        raise error
    shapes = [a.shape for a in arrays if isinstance(a, np.ndarray)]
    for a, b in itertools.pairwise(shapes):
        require_broadcastable(a, b, rule.name)
    raise RuntimeError(f"{rule.name}(): {error}") from None


def _says(error: Exception, message: re.Pattern[str]) -> bool:
    return isinstance(error, ValueError | TypeError) and bool(message.search(str(error)))


def require_broadcastable(a: tuple[int, ...], b: tuple[int, ...], where: str) -> None:
    """RuntimeError, as PyTorch words it, unless two shapes broadcast."""
    for d in range(1, min(len(a), len(b)) + 1):
        if a[-d] != b[-d] and 1 not in (a[-d], b[-d]):
            raise RuntimeError(
                f"The size of tensor a ({a[-d]}) must match the size of tensor b ({b[-d]}) at "
                f"non-singleton dimension {max(len(a), len(b)) - d} (shapes {list(a)} and "
                f"{list(b)} in {where})"
            ) from None
