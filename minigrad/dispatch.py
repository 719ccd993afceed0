"""From a rule to a function of tensors: unwrap, promote, compute, wrap, record.

`function` makes what `minigrad.exp` and `Tensor.exp` are, `in_place` what `Tensor.exp_` is. This is
the one path that every op takes, so what it costs is what minigrad costs.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from . import dtypes
from .arithmetic import anyhow, quiet
from .autograd.grad_mode import mode, no_grad
from .autograd.graph import Guards, Node, Parent
from .autograd.views import View, rebase, set_history
from .rules import REGISTRY, Rule
from .rules.rule import Pullback
from .tensor import Tensor, wrap

# NumPy's names for arguments, which PyTorch takes too.
_ALIASES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "x1": "input", "x2": "other"}


def function(rule: Rule) -> Callable[..., Any]:
    """The rule as a function of tensors, recorded on the tape where that is wanted."""

    @functools.wraps(rule.forward)
    def op(*args: Any, **kwargs: Any) -> Any:
        args = _positional(rule, args, kwargs)
        arrays = _prepared(rule, args)
        output, pullbacks = _computed(rule, args, arrays, kwargs)
        more = None
        if isinstance(output, tuple):  # what an op gives besides its value has no derivative
            output, *more = output
        result: Tensor = wrap(np.asarray(output))
        if rule.view and (result._array.size == 0 or np.may_share_memory(output, arrays[0])):
            result._version = args[0]._version
            result._view = View(args[0], rule, arrays[1:], kwargs, mode.enabled)
        if mode.enabled:
            _record(rule, args, arrays, pullbacks, output, result)
        return result if more is None else (result, *map(wrap, more))

    return op if rule.view else _shortened(rule, op)


def _computed(
    rule: Rule, args: Sequence[Any], arrays: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Any, Sequence[Pullback | None]]:
    """What the rule gives for these arrays; its errors as PyTorch's, where that has others."""
    try:
        computed: tuple[Any, Any] = anyhow(quiet.run, rule.forward, *arrays, **kwargs)
        return computed
    except Exception as error:
        _explain(rule, args, arrays, error)
        raise


def _record(
    rule: Rule,
    args: Sequence[Any],
    arrays: Sequence[Any],
    pullbacks: Sequence[Pullback | None],
    output: Any,
    result: Tensor,
) -> None:
    """Enter one call of a rule on the tape, if an operand that requires grad has a derivative."""
    parents, wanted = [], []
    for a, pullback in zip(args, pullbacks, strict=False):  # an op may have further arguments
        if pullback is not None and isinstance(a, Tensor) and a._requires_grad:
            parents.append(a._node or a)
            wanted.append(pullback)
    if not parents:
        return
    if result._array.dtype.kind != "f":
        kind = dtypes.SCALAR_NAMES[result._array.dtype]
        raise RuntimeError(f"Autograd not support dtype: {kind} ({rule.name})")
    guards = []
    if not rule.linear:
        guards.append((id(output), result._version, 0))
        for a, array in zip(args, arrays, strict=True):
            if isinstance(a, Tensor):
                guards.append((id(array), a._version, a._version[0]))
    result._node = Node(rule, parents, wanted, guards, result._array)
    result._requires_grad = True


# The short way ------------------------------------------------------------------------------------
#
# A training step is made of ops on one tensor, or on two of one float dtype (or one and a number),
# that are no views, with plain options after them. For these, what `function` does comes down to
# a few lines without a loop, at half the cost. Anything else, errors too, is left to the long way.

_PLAIN = frozenset({int, float, str, type(None)})


def _shortened(rule: Rule, long: Callable[..., Any]) -> Callable[..., Any]:
    if rule.operands == ("Array",):
        return _of_one(rule, long)
    if rule.operands[:2] in (("Array", "Array"), ("Operand", "Operand")):
        return _of_two(rule, long)
    return long


def _of_one(rule: Rule, long: Callable[..., Any]) -> Callable[..., Any]:
    forward, linear, promotes = rule.forward, rule.linear, rule.promotion is not None

    @functools.wraps(forward)
    def op(*args: Any, **kwargs: Any) -> Any:
        if kwargs or not args:
            return long(*args, **kwargs)
        a, *options = args
        if not isinstance(a, Tensor) or a._view is not None:
            return long(*args)
        x = a._array
        if promotes and x.dtype.kind != "f":
            return long(*args)
        for option in options:
            if type(option) not in _PLAIN:
                return long(*args)
        try:
            output, pullbacks = quiet.run(forward, x, *options)
        except Exception:
            output = None
        if output is None:
            return long(*args)  # which says what is wrong
        if isinstance(output, tuple):
            return long(*args)
        result: Tensor = wrap(output if type(output) is ndarray else np.asarray(output))
        if a._requires_grad and pullbacks and mode.enabled:
            guards: Guards = ()
            if not linear:
                guards = (id(output), result._version, 0), (id(x), a._version, a._version[0])
            result._node = Node(rule, (a._node or a,), pullbacks, guards, output)
            result._requires_grad = True
        return result

    return op


def _of_two(rule: Rule, long: Callable[..., Any]) -> Callable[..., Any]:
    forward, linear, promotes = rule.forward, rule.linear, rule.promotion is not None
    numbers = rule.operands[1] == "Operand"

    @functools.wraps(forward)
    def op(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) < 2:
            return long(*args, **kwargs)
        a, b, *options = args
        if not isinstance(a, Tensor) or a._view is not None:
            return long(*args)
        x: Any = a._array
        y: Any
        if isinstance(b, Tensor):
            y = b._array
            if b._view is not None or (promotes and x.dtype is not y.dtype):
                return long(*args)
        elif numbers and type(b) is float:
            y = b
        else:
            return long(*args)
        if promotes and x.dtype.kind != "f":
            return long(*args)
        for option in options:
            if type(option) not in _PLAIN:
                return long(*args)
        try:
            output, pullbacks = quiet.run(forward, x, y, *options)
        except Exception:
            output = None
        if output is None:
            return long(*args)  # which says what is wrong
        result: Tensor = wrap(output if type(output) is ndarray else np.asarray(output))
        if pullbacks and mode.enabled:
            parents: tuple[Parent, ...]
            if y is not b and b._requires_grad and len(pullbacks) == 2:
                if a._requires_grad:
                    parents = a._node or a, b._node or b
                else:
                    parents, pullbacks = (b._node or b,), pullbacks[1:]
            elif a._requires_grad:
                parents, pullbacks = (a._node or a,), pullbacks[:1]
            else:
                return result
            guards: Guards = ()
            if not linear:
                guards = (id(output), result._version, 0), (id(x), a._version, a._version[0])
                if y is not b:
                    guards = (*guards, (id(y), b._version, b._version[0]))
            result._node = Node(rule, parents, pullbacks, guards, output)
            result._requires_grad = True
        return result

    return op


# In place -----------------------------------------------------------------------------------------


def in_place(rule: Rule, fills: bool = False) -> Callable[..., Tensor]:
    """The rule as a method that writes its result into its first operand, `x.add_(y)`.

    `fills` lets it go into a tensor whose elements share memory, as `fill_` may.
    """
    out_of_place = function(rule)

    def op(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not self.is_floating_point():
            with no_grad():  # an integer has no history, whatever is written into it
                _write(self, out_of_place(self, *args, **kwargs)._array, rule.name, fills)
            return self
        if not (mode.enabled and _any_requires_grad(self, args, kwargs)):
            _write(self, out_of_place(self, *args, **kwargs)._array, rule.name, fills)
            return self
        _refuse_leaf(self)
        # The tensor as it was: its history, and the values that pullbacks may remember.
        before = wrap(self._array.copy("K"))
        before._node, before._requires_grad = self._node, self._requires_grad
        result = out_of_place(before, *args, **kwargs)
        _write(self, result._array, rule.name, fills)
        if result._node is not None:
            # Where the pullbacks saved the result, this tensor must not be written to again.
            (saved, _, _), *others = result._node.guards or ((0, self._version, 0),)
            result._node.guards = [(saved, self._version, self._version[0]), *others]
            if self._view is None:
                set_history(self, result._node)
            else:
                rebase(self, result._node)
        return self

    op.__name__ = op.__qualname__ = f"{rule.name}_"
    op.__doc__ = f"`{rule.name}`, written into this tensor; RuntimeError for a leaf's own values."
    return op if rule.ufunc is None else _without_a_copy(rule.ufunc, op)


def _without_a_copy(ufunc: np.ufunc, long: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same where nothing is recorded and the two are alike, as in an update: in one step."""

    @functools.wraps(long)
    def op(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if kwargs or len(args) != 1 or not isinstance(args[0], Tensor):
            return long(self, *args, **kwargs)
        other = args[0]
        a, b = self._array, other._array
        if (
            (mode.enabled and (self._requires_grad or other._requires_grad))
            or not (self._view is None and other._view is None)
            or not (a.shape == b.shape and a.dtype is b.dtype and a.dtype.kind == "f")
        ):
            return long(self, other)
        if not a.flags.writeable:
            return long(self, other)  # which says what is wrong
        anyhow(quiet.run, ufunc, a, b, a)
        self._version[0] += 1
        return self

    return op


def _any_requires_grad(self: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    view = self._view
    if self.requires_grad or (view is not None and view.base._requires_grad):
        return True
    return any(isinstance(a, Tensor) and a.requires_grad for a in (*args, *kwargs.values()))


def _refuse_leaf(self: Tensor) -> None:
    """RuntimeError where a write would change a leaf that requires grad, or a view of one."""
    view = self._view
    base = self if view is None else view.base
    if view is not None and not view.differentiable:
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode "
            "enabled. Make the view where grad mode is enabled, or write to it in no_grad."
        )
    if self._requires_grad and self._node is None:
        which = "a leaf Variable that requires grad"
    elif base._requires_grad and base._node is None:
        which = "a view of a leaf Variable that requires grad"
    else:
        return
    raise RuntimeError(
        f"{which} is being used in an in-place operation. Write in `with no_grad():` to change its "
        "values, or make a new tensor (x = x + y) to record the change."
    )


def _write(self: Tensor, output: np.ndarray, name: str, fills: bool) -> None:
    """Put a result into a tensor's own memory, where its shape and category allow."""
    target = self._array
    if output.shape != target.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape "
            f"{list(output.shape)}: {name}_ writes into the first tensor, which keeps its shape"
        )
    kinds = output.dtype, target.dtype
    if kinds[0] is not kinds[1] and not np.can_cast(*kinds, "same_kind"):
        result, desired = (dtypes.SCALAR_NAMES[kind] for kind in kinds)
        raise RuntimeError(
            f"result type {result} can't be cast to the desired output type {desired}"
        )
    if not target.flags.writeable:
        raise RuntimeError(f"{name}_ cannot write: the array is read-only")
    if (
        not fills
        and target.size
        and any(
            step == 0 and size > 1 for step, size in zip(target.strides, target.shape, strict=True)
        )
    ):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    anyhow(quiet.run, np.copyto, target, output, "unsafe")
    self._version[0] += 1


# Arguments ----------------------------------------------------------------------------------------


def _positional(rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Move operands given by name to their positions; know aliases and dtypes. Changes `kwargs`."""
    for alias in _ALIASES.keys() & kwargs.keys():
        if alias not in rule.parameters and _ALIASES[alias] in rule.parameters:
            kwargs[_ALIASES[alias]] = kwargs.pop(alias)
    for name, value in kwargs.items():
        kwargs[name] = _plain(value)
    named = [name for name in rule.parameters[len(args) : len(rule.operands)] if name in kwargs]
    if named:
        last = rule.parameters.index(named[-1]) + 1
        args += tuple(kwargs.pop(name, None) for name in rule.parameters[len(args) : last])
    return args


def _prepared(rule: Rule, args: tuple[Any, ...]) -> list[Any]:
    """What the rule is given: checked, unwrapped, and the operands in one dtype if it promotes."""
    _check_operands(rule, args)
    arrays = []
    for a in args:
        if isinstance(a, Tensor):
            if a._view is not None:
                a._view.refresh(a)
            arrays.append(a._array)
        else:
            arrays.append(_plain(a))
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
        return operand.astype(kind, copy=False)
    if kind.kind == "i" and operand is not None and not isinstance(operand, bool):
        return int(np.array(operand).astype(kind))  # an int too large for int32 wraps around
    return operand


def _plain(argument: Any) -> Any:
    """NumPy's scalars as Python numbers, which do not widen an array, and dtypes as NumPy's."""
    if isinstance(argument, np.generic):
        return argument.item()
    return dtypes.to_numpy(argument) if isinstance(argument, dtypes.dtype | type) else argument


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


def _explain(rule: Rule, args: Sequence[Any], arrays: Sequence[Any], error: Exception) -> None:
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


# Every rule as a function of tensors, by its name in the registry.
OPS: dict[str, Callable[..., Any]] = {name: function(rule) for name, rule in REGISTRY.items()}
