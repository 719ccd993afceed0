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
from .arithmetic import anyhow, is_taken, quiet
from .autograd.grad_mode import mode
from .autograd.graph import Guards, Node
from .autograd.views import View, rebase, set_history
from .rules import REGISTRY, Rule
from .tensor import Tensor, wrap

# Arguments that reach a rule as they are; any other is looked at by `_prepared` first.
_PLAIN = frozenset({int, float, str, type(None)})
# NumPy's names for arguments, which PyTorch takes too.
_ALIASES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "x1": "input", "x2": "other"}


def function(rule: Rule) -> Callable[..., Any]:
    """The rule as a function of tensors, recorded on the tape where that is wanted."""
    forward, linear, view = rule.forward, rule.linear, rule.view
    promotes, needed = rule.promotion is not None, rule.tensors
    tensor_first = rule.operands[:1] == ("Array",)

    @functools.wraps(forward)
    def op(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            args = _positional(rule, args, kwargs)
        arrays = []
        tracked = odd = False
        tensors = 0
        dtype: Any = None
        for a in args:
            if isinstance(a, Tensor):
                if a._view is not None:
                    a._view.refresh(a)
                if a._requires_grad:
                    tracked = True
                array = a._array
                arrays.append(array)
                if promotes:
                    tensors += 1
                    if array.dtype is not dtype:
                        odd = odd or dtype is not None
                        dtype = array.dtype
            else:
                if type(a) not in _PLAIN or (tensor_first and not arrays):
                    odd = True
                arrays.append(a)
        # Tensors of one float dtype and plain numbers are the rule, and need no second look.
        if odd or (promotes and (tensors < needed or dtype.kind != "f")):
            arrays = _prepared(rule, args, arrays)
        try:
            if kwargs:
                output, pullbacks = quiet.run(forward, *arrays, **kwargs)
            else:
                output, pullbacks = quiet.run(forward, *arrays)
        except Exception as error:
            if is_taken(error):
                output, pullbacks = anyhow(quiet.run, forward, *arrays, **kwargs)
            elif (explained := _explained(rule, args, arrays, error)) is not None:
                raise explained from None
            else:
                raise

        more = None
        if type(output) is not ndarray:
            if isinstance(output, tuple):  # what an op gives besides its value has no derivative
                output, *more = output
            output = np.asarray(output)
        result = wrap(output)
        if view and (output.size == 0 or np.may_share_memory(output, arrays[0])):
            result._version = args[0]._version
            result._view = View(args[0], rule, arrays[1:], kwargs, mode.enabled)
        if tracked and mode.enabled:
            parents, wanted = [], []
            for a, pullback in zip(args, pullbacks):  # noqa: B905, an op has further arguments
                if pullback is not None and isinstance(a, Tensor) and a._requires_grad:
                    parents.append(a._node or a)
                    wanted.append(pullback)
            if parents:
                if output.dtype.kind != "f":
                    kind = dtypes.SCALAR_NAMES[output.dtype]
                    raise RuntimeError(f"Autograd not support dtype: {kind} ({rule.name})")
                guards = () if linear else _guards(args, arrays, result)
                result._node = Node(rule, parents, wanted, guards, output)
                result._requires_grad = True
        return result if more is None else (result, *map(wrap, more))

    return op


def _guards(args: Sequence[Any], arrays: Sequence[Any], result: Tensor) -> Guards:
    """What an op that saves something saw: see `Guards`."""
    guards = [(id(result._array), result._version, 0)]
    for a, array in zip(args, arrays):  # noqa: B905, they are of one length
        if isinstance(a, Tensor):
            guards.append((id(array), a._version, a._version[0]))
    return guards


# In place -----------------------------------------------------------------------------------------


def in_place(rule: Rule, casts: bool = False, fills: bool = False) -> Callable[..., Tensor]:
    """The rule as a method that writes its result into its first operand, `x.add_(y)`.

    `casts` lets the result go into an operand of any dtype, as `copy_` may; `fills` lets it go
    into one whose elements share memory, as `fill_` may.
    """
    out_of_place, ufunc = function(rule), rule.ufunc

    def op(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not (mode.enabled and _any_requires_grad(self, args, kwargs)):
            if ufunc is not None and len(args) == 1 and not kwargs and _alike(self, args[0]):
                # What an update by hand and an optimiser do all day: no copy on the way.
                anyhow(quiet.run, ufunc, self._array, args[0]._array, self._array)
                self._version[0] += 1
            else:
                _write(self, out_of_place(self, *args, **kwargs)._array, rule.name, casts, fills)
            return self
        _refuse_leaf(self)
        # The tensor as it was: its history, and the values that pullbacks may remember.
        before = wrap(self._array.copy("K"))
        before._node, before._requires_grad = self._node, self._requires_grad
        result = out_of_place(before, *args, **kwargs)
        _write(self, result._array, rule.name, casts, fills)
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
    return op


def _alike(self: Tensor, other: Any) -> bool:
    """Whether two tensors are of one shape and float dtype, and the first can be written to."""
    if not isinstance(other, Tensor):
        return False
    a, b = self._array, other._array
    plain = a.flags.writeable and self._view is None
    return plain and a.shape == b.shape and a.dtype is b.dtype and a.dtype.kind == "f"


def _any_requires_grad(self: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if self.requires_grad:
        return True
    others = (*args, *kwargs.values())
    wanted = any(isinstance(a, Tensor) and a.requires_grad for a in others)
    return wanted and self.is_floating_point()


def _refuse_leaf(self: Tensor) -> None:
    """RuntimeError where a write would change a leaf that requires grad, or a view of one."""
    base = self if self._view is None else self._view.base
    if self._requires_grad and self._node is None:
        which = "a leaf Variable that requires grad"
    elif base._requires_grad and base._node is None:
        which = "a view of a leaf Variable that requires grad"
    elif self._view is not None and not self._view.differentiable:
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode "
            "enabled. Make the view where grad mode is enabled, or write to it in no_grad."
        )
    else:
        return
    raise RuntimeError(
        f"{which} is being used in an in-place operation. Write in `with no_grad():` to change its "
        "values, or make a new tensor (x = x + y) to record the change."
    )


def _write(self: Tensor, output: np.ndarray, name: str, casts: bool, fills: bool) -> None:
    """Put a result into a tensor's own memory, where its shape and category allow."""
    target = self._array
    if output.shape != target.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape "
            f"{list(output.shape)}: {name}_ writes into the first tensor, which keeps its shape"
        )
    kinds = output.dtype, target.dtype
    if kinds[0] is not kinds[1] and not casts and not np.can_cast(*kinds, "same_kind"):
        result, desired = (dtypes.SCALAR_NAMES[kind] for kind in kinds)
        raise RuntimeError(
            f"result type {result} can't be cast to the desired output type {desired}"
        )
    if not target.flags.writeable:
        raise RuntimeError(f"{name}_ cannot write: the array is read-only")
    if not fills and any(
        step == 0 and size > 1 for step, size in zip(target.strides, target.shape, strict=True)
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


def _prepared(rule: Rule, args: tuple[Any, ...], arrays: list[Any]) -> list[Any]:
    """The arguments as the rule wants them: checked, the operands in one dtype if it promotes."""
    _check_operands(rule, args)
    arrays = [_plain(a) for a in arrays]
    if rule.promotion is None:
        return arrays
    count = len(rule.operands)
    if rule.no_bools and any(_is_bool(a) for a in arrays[:count]):
        raise RuntimeError(rule.no_bools)
    common = dtypes.result_type(*(a for a in arrays[:count] if a is not None))
    if rule.promotion == "float" and common.kind != "f":
        common = dtypes.get_default_dtype().numpy
    return [_in_dtype(a, common) for a in arrays[:count]] + arrays[count:]


def _in_dtype(operand: Any, kind: np.dtype) -> Any:
    if isinstance(operand, np.ndarray):
        return operand.astype(kind, copy=False)
    if kind.kind == "i" and operand is not None and not isinstance(operand, bool):
        return int(np.array(operand).astype(kind))  # an int too large for int32 wraps around
    return operand


def _is_bool(operand: Any) -> bool:
    return isinstance(operand, bool) or getattr(operand, "dtype", None) == np.bool_


def _plain(argument: Any) -> Any:
    """NumPy's scalars as Python numbers, which do not widen an array, and dtypes as NumPy's."""
    if isinstance(argument, np.generic):
        return argument.item()
    return dtypes.to_numpy(argument) if isinstance(argument, dtypes.dtype | type) else argument


def _check_operands(rule: Rule, args: tuple[Any, ...]) -> None:
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


def _explained(
    rule: Rule, args: tuple[Any, ...], arrays: list[Any], error: Exception
) -> Exception | None:
    """PyTorch's error for what NumPy said, or None to let that stand."""
    if isinstance(error, AttributeError | TypeError):
        _check_operands(rule, args)
    if isinstance(error, ValueError | TypeError) and _MISFIT.search(str(error)):
        shapes = [a.shape for a in arrays if isinstance(a, np.ndarray)]
        for a, b in itertools.pairwise(shapes):
            ndim = max(len(a), len(b))
            for d in range(1, min(len(a), len(b)) + 1):
                if a[-d] != b[-d] and 1 not in (a[-d], b[-d]):
                    return RuntimeError(
                        f"The size of tensor a ({a[-d]}) must match the size of tensor b "
                        f"({b[-d]}) at non-singleton dimension {ndim - d} (shapes {list(a)} and "
                        f"{list(b)} in {rule.name})"
                    )
        return RuntimeError(f"{rule.name}(): {error}")
    return None


# Every rule as a function of tensors, by its name in the registry.
OPS: dict[str, Callable[..., Any]] = {name: function(rule) for name, rule in REGISTRY.items()}
