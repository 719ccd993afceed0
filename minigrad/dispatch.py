"""From a rule to a function of tensors: unwrap, promote, compute, wrap, record.

`function` makes what `minigrad.exp` and `Tensor.exp` are, `in_place` what `Tensor.exp_` is. This is
the one path that every op takes, so what it costs is what minigrad costs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes
from .arithmetic import quiet
from .autograd.grad_mode import mode
from .autograd.graph import Node
from .autograd.views import View, rebase
from .rules.rule import Pullback, Rule
from .tensor import Tensor, wrap

# Arguments that reach a rule as they are; any other is looked at by `_prepared` first.
_PLAIN = frozenset({int, float, bool, str, type(None)})
# NumPy's names for arguments, which PyTorch takes too.
_ALIASES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "x1": "input", "x2": "other"}


def function(rule: Rule) -> Callable[..., Any]:
    """The rule as a function of tensors, recorded on the tape where that is wanted."""
    view = rule.view

    @functools.wraps(rule.forward)
    def op(*args: Any, **kwargs: Any) -> Any:
        args, arrays, tracked, output, pullbacks = compute(rule, args, kwargs)
        more = None
        if type(output) is not np.ndarray:
            if isinstance(output, tuple):  # what an op gives besides its value has no derivative
                output, *more = output
            output = np.asarray(output)
        result = wrap(output)
        if view and np.may_share_memory(output, arrays[0]):
            result._version = args[0]._version
            result._view = View(args[0], rule, arrays[1:], kwargs, mode.enabled)
        if tracked and pullbacks and mode.enabled:
            node = record(rule, args, arrays, pullbacks, output, result._version)
            if node is not None:
                result._node, result._requires_grad = node, True
        return result if more is None else (result, *map(wrap, more))

    return op


def compute(
    rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], list[Any], bool, Any, Sequence[Pullback | None]]:
    """Run a rule on its operands' arrays.

    Returns the arguments, all operands by position now; what the rule was given for them; whether
    one of them requires grad; and the rule's output and pullbacks.
    """
    if kwargs:
        args = _positional(rule, args, kwargs)
    if rule.sizes and (len(args) != 2 or type(args[1]) is int):
        args = (args[0], args[1:])

    arrays = []
    tensors, tracked, odd = 0, False, False
    dtype = None
    for a in args:
        if isinstance(a, Tensor):
            if a._view is not None:
                a._view.refresh(a)
            array = a._array
            arrays.append(array)
            tensors += 1
            if a._requires_grad:
                tracked = True
            if array.dtype is not dtype:
                odd = odd or dtype is not None
                dtype = array.dtype
        else:
            arrays.append(a)
            odd = odd or type(a) not in _PLAIN
    # What is most common, tensors of one float dtype and plain numbers, needs no second look.
    if odd or tensors < rule.tensors or (rule.promotion is not None and dtype.kind != "f"):
        arrays = _prepared(rule, args, arrays)
    try:
        output, pullbacks = quiet.run(rule.forward, *arrays, **kwargs)
    except Exception as error:
        explained = _explained(rule, args, arrays, error)
        if explained is None:
            raise
        raise explained from None
    return args, arrays, tracked, output, pullbacks


def record(
    rule: Rule,
    args: Sequence[Any],
    arrays: Sequence[Any],
    pullbacks: Sequence[Pullback | None],
    output: np.ndarray,
    version: list[int],
) -> Node | None:
    """The node for one call of a rule; None if no operand that requires grad has a derivative."""
    parents: list[Any] = []
    wanted: list[Pullback] = []
    guards = []
    for i, tensor in enumerate(args):
        if isinstance(tensor, Tensor):
            array = arrays[i]
            if tensor._requires_grad and i < len(pullbacks):
                pullback = pullbacks[i]
                if pullback is not None:
                    parents.append((tensor._node or tensor, array.shape, tensor._array.dtype))
                    wanted.append(pullback)
            guards.append((id(array), tensor._version, tensor._version[0]))
    if not parents:
        return None
    guards.append((id(output), version, version[0]))
    return Node(rule.backward, parents, wanted, [] if rule.linear else guards, rule.linear)


# In place -----------------------------------------------------------------------------------------


def in_place(rule: Rule, casts: bool = False) -> Callable[..., Tensor]:
    """The rule as a method that writes its result into its first operand, `x.add_(y)`.

    `casts` lets the result go into an operand of any dtype, as `copy_` may.
    """

    def op(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        before, recording = self, mode.enabled and _any_requires_grad(self, args, kwargs)
        if recording:
            _refuse_leaf(self)
            # The tensor as it was: its history, and the values that pullbacks may remember.
            before = wrap(self._array.copy("K"))
            before._node, before._requires_grad = self._node, self._requires_grad
        operands, arrays, _, output, pullbacks = compute(rule, (before, *args), kwargs)
        _write(self, output, rule.name, casts)
        if recording:
            node = record(rule, operands, arrays, pullbacks, output, self._version)
            if node is not None:
                _set_history(self, node, before._node)
        return self

    op.__name__ = op.__qualname__ = f"{rule.name}_"
    op.__doc__ = f"`{rule.name}`, written into this tensor. RuntimeError on a leaf that requires grad."
    return op


def _any_requires_grad(self: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if self.requires_grad:
        return True
    return any(isinstance(a, Tensor) and a.requires_grad for a in (*args, *kwargs.values()))


def _refuse_leaf(self: Tensor) -> None:
    """RuntimeError where a write would change a leaf that requires grad, itself or through a view."""
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


def _write(self: Tensor, output: Any, name: str, casts: bool) -> None:
    """Put a result into a tensor's own memory, where its shape and category allow."""
    target = self._array
    shape, dtype = np.shape(output), output.dtype
    if shape != target.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape "
            f"{list(shape)}: {name}_ writes into the first tensor, which keeps its shape"
        )
    if dtype is not target.dtype and not casts and not np.can_cast(dtype, target.dtype, "same_kind"):
        raise RuntimeError(
            f"result type {dtypes.SCALAR_NAMES[dtype]} can't be cast to the desired output type "
            f"{dtypes.SCALAR_NAMES[target.dtype]}"
        )
    if not target.flags.writeable:
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    target[...] = output
    self._version[0] += 1


def _set_history(self: Tensor, node: Node, before: Node | None) -> None:
    """Give a tensor that was written to its new history; for a view, that is its base's."""
    if self._view is not None:
        rebase(self, node)
        return
    self._node, self._requires_grad = node, True
    if before is not None and before.retaining is not None:
        node.retaining, before.retaining = before.retaining, None


# Arguments ----------------------------------------------------------------------------------------


def _positional(rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Move operands given by name to their positions; know aliases and dtypes. Changes `kwargs`."""
    for alias in _ALIASES.keys() & kwargs.keys():
        if alias not in rule.parameters and _ALIASES[alias] in rule.parameters:
            kwargs[_ALIASES[alias]] = kwargs.pop(alias)
    for name, value in kwargs.items():
        if isinstance(value, dtypes.dtype):
            kwargs[name] = value.numpy
    named = [name for name in rule.parameters[len(args) : len(rule.operands)] if name in kwargs]
    if named:
        last = rule.parameters.index(named[-1]) + 1
        args += tuple(kwargs.pop(name, None) for name in rule.parameters[len(args) : last])
    return args


def _prepared(rule: Rule, args: tuple[Any, ...], arrays: list[Any]) -> list[Any]:
    """The arguments as the rule wants them: checked, and the operands in one dtype if it promotes."""
    _check_operands(rule, args)
    arrays = [_plain(a) for a in arrays]
    if rule.promotion is None:
        return arrays
    count = len(rule.operands)
    common = dtypes.result_type(*(a for a in arrays[:count] if a is not None))
    if rule.promotion == "float" and common.kind != "f":
        common = dtypes.get_default_dtype().numpy
    return [
        a.astype(common, copy=False) if isinstance(a, np.ndarray) and i < count else a
        for i, a in enumerate(arrays)
    ]


def _plain(argument: Any) -> Any:
    """NumPy's scalars as Python numbers, which do not widen an array, and dtypes as NumPy's."""
    if isinstance(argument, np.generic):
        return argument.item()
    return argument.numpy if isinstance(argument, dtypes.dtype) else argument


def _check_operands(rule: Rule, args: tuple[Any, ...]) -> None:
    """TypeError naming the first operand that is not what the rule takes there."""
    found = 0
    for i, (annotation, a) in enumerate(zip(rule.operands, args, strict=False)):
        number = isinstance(a, int | float | np.number | np.bool_)
        if isinstance(a, Tensor):
            found += 1
        elif not (number and "Operand" in annotation or a is None and "None" in annotation):
            _refuse(rule, i, a)
    if not found and args:
        _refuse(rule, 0, args[0])


def _refuse(rule: Rule, position: int, argument: Any) -> None:
    raise TypeError(
        f"{rule.name}(): argument '{rule.parameters[position]}' (position {position + 1}) must be "
        f"Tensor, not {type(argument).__name__}"
    )


def _explained(
    rule: Rule, args: tuple[Any, ...], arrays: list[Any], error: Exception
) -> Exception | None:
    """PyTorch's error for what NumPy said, or None to let that stand."""
    if isinstance(error, AttributeError | TypeError):
        _check_operands(rule, args)
    if isinstance(error, ValueError) and "broadcast" in str(error):
        shapes = [a.shape for a in arrays if isinstance(a, np.ndarray)]
        for a, b in zip(shapes, shapes[1:], strict=False):
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
