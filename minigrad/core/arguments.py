"""The arguments of an op: from names to positions, checked, unwrapped, and in one dtype.

And the other way round: what NumPy says of arguments that do not fit, in PyTorch's words.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..rules import Rule, dtypes
from .errstate import anyhow, quiet
from .grad_mode import mode
from .tensor import Tensor

# NumPy's names for arguments, which PyTorch takes too.
_ALIASES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "x1": "input", "x2": "other"}


def positional(rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Move operands given by name to their positions; know aliases and dtypes. Changes `kwargs`."""
    for alias in _ALIASES.keys() & kwargs.keys():
        if alias not in rule.parameters and _ALIASES[alias] in rule.parameters:
            kwargs[_ALIASES[alias]] = kwargs.pop(alias)
    for name, value in kwargs.items():
        kwargs[name] = _plain(name, value)
    named = [name for name in rule.parameters[len(args) : len(rule.operands)] if name in kwargs]
    if named:
        last = rule.parameters.index(named[-1]) + 1
        args += tuple(kwargs.pop(name, None) for name in rule.parameters[len(args) : last])
    return args


def prepared(rule: Rule, args: tuple[Any, ...]) -> list[Any]:
    """What the rule is given: checked, unwrapped, and the operands in one dtype if it promotes."""
    _check_operands(rule, args)
    arrays = []
    for name, a in itertools.zip_longest(rule.parameters[: len(args)], args):
        if isinstance(a, Tensor):
            if a._view is not None and mode.enabled and rule.differentiable:
                a._view.refresh(a)
            arrays.append(a._array)
        else:
            arrays.append(_plain(name, a))
    if rule.promotion is None:
        return arrays
    count = len(rule.operands)
    if rule.no_bools and any(_is_bool(a) for a in arrays[:count]):
        raise RuntimeError(rule.no_bools)
    common = dtypes.result_type(*(a for a in arrays[:count] if a is not None))
    if rule.promotion == "float" and common.kind != "f":
        common = dtypes.get_default_dtype().numpy
    return [_in_dtype(a, common) for a in arrays[:count]] + arrays[count:]


def _is_bool(operand: Any) -> bool:
    return isinstance(operand, bool) or getattr(operand, "dtype", None) == np.bool_


def _in_dtype(operand: Any, kind: np.dtype) -> Any:
    if isinstance(operand, np.ndarray):
        # Too large for float32 is infinite, without a warning.
        return operand if operand.dtype == kind else anyhow(quiet.run, operand.astype, kind)
    if kind.kind in "iu" and operand is not None and not isinstance(operand, bool):
        return int(np.array(operand).astype(kind))  # an int too large for int32 wraps around
    return operand


def _plain(name: str | None, argument: Any) -> Any:
    """NumPy's scalars as Python numbers, which do not widen an array, and dtypes as NumPy's."""
    if name == "dtype":
        known = argument is None or isinstance(argument, np.dtype)
        return argument if known else dtypes.to_numpy(argument)
    return argument.item() if isinstance(argument, np.generic) else argument


def _check_operands(rule: Rule, args: Sequence[Any]) -> None:
    """TypeError naming the first operand that is not what the rule takes there."""
    found = 0
    for i, (annotation, a) in enumerate(zip(rule.operands, args, strict=False)):
        number = isinstance(a, int | float | np.number | np.bool_)
        if isinstance(a, Tensor):
            found += 1
        elif not ((number and "Operand" in annotation) or (a is None and "None" in annotation)):
            _refuse(rule, i, a)
    for name in rule.parameters[len(args) : rule.tensors]:
        raise TypeError(f'{rule.name}() missing 1 required positional arguments: "{name}"')
    if not found:
        _refuse(rule, 0, args[0])


def _refuse(rule: Rule, position: int, argument: Any) -> None:
    raise TypeError(
        f"{rule.name}(): argument '{rule.parameters[position]}' (position {position + 1}) must be "
        f"Tensor, not {type(argument).__name__}"
    )


# How NumPy's errors about shapes can be told from others.
_MISFIT = re.compile("broadcast|remapping|cannot assign|boolean array indexing")


def explain(rule: Rule, args: Sequence[Any], arrays: Sequence[Any], error: Exception) -> None:
    """Raise PyTorch's error for what NumPy said; where PyTorch would say the same, do nothing."""
    if isinstance(error, AttributeError | TypeError):
        _check_operands(rule, args)
    if not isinstance(error, ValueError | TypeError) or not _MISFIT.search(str(error)):
        return
    shapes = [a.shape for a in arrays if isinstance(a, np.ndarray)]
    for a, b in itertools.pairwise(shapes):
        ndim = max(len(a), len(b))
        for d in range(1, min(len(a), len(b)) + 1):
            if a[-d] != b[-d] and 1 not in (a[-d], b[-d]):
                raise RuntimeError(
                    f"The size of tensor a ({a[-d]}) must match the size of tensor b ({b[-d]}) at "
                    f"non-singleton dimension {ndim - d} (shapes {list(a)} and {list(b)} in "
                    f"{rule.name})"
                ) from None
    raise RuntimeError(f"{rule.name}(): {error}") from None
