"""From a rule to a method that writes its result into its first operand, `x.add_(y)`.

A write computes the op, stores the result in the tensor's memory, and increments the version
counter of its storage. If it is recorded, the tensor gets the history of the result. If the tensor
is a view, its base gets a new history too (`views.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..rules import Rule
from ..rules.dtypes import scalar_name
from ..rules.layout import dense
from ..rules.presentation import NO_DERIVATIVE
from ..rules.promotion import result_type, same_category_or_higher
from ..rules.rule import Array, Operand, Result
from .arguments import from_old_order, read_key
from .dispatch import OPERANDS, OPS, factor_of, function, number_fits
from .errstate import quiet
from .grad_mode import grad_mode
from .inference import refuse_inference
from .node import Node
from .tensor import TensorBase, refresh, wrap
from .versions import NOT_SAVED, Untracked, count_write, hold, let_go
from .views import may_repeat, rebase, set_history
from .warning import warn

# Up to this size, NumPy's functions keep the interpreter's lock, so other threads wait.
_ATOMIC = 500


def in_place(
    rule: Rule,
    *,
    fills: bool = False,
    into_shared: Callable[..., None] | None = None,
    node: str = "",
    operator: bool = False,
) -> Callable[..., Any]:
    """The rule as a method that writes its result into its first operand, `x.add_(y)`.

    With `fills`, it may write a number to a tensor whose elements share memory, as `fill_` may.
    With `into_shared`, it may write to some elements of such a tensor, with a warning:
    `into_shared(array, *args)` does that, because the result, which has a value for every element,
    doesn't say which ones. `node` and `operator` are as in `dispatch.function`.
    """
    if not rule.presentation.in_place_derivative:
        rule = rule.presented(not_implemented={"input": f"inplace version of {rule.name}"})
    called = f"{rule.name}_" if rule.presentation.node == NO_DERIVATIVE else ""
    out_of_place = function(rule, node=node, operator=operator, called=called)
    write = rule.write
    factor = factor_of(rule)
    clears, compares = rule.name in _CLEARING, rule.name in _COMPARISONS
    # PyTorch never records these. The tensor keeps its history, as in `no_grad`.
    logical = rule.name.startswith("logical_")

    def op(self: Any, *args: Any, **kwargs: Any) -> Any:
        if (
            write is not None
            and len(args) == 1
            and not kwargs
            and (other := _simple(self, args[0])) is not None
        ):
            target = self._array
            if held := target.size > _ATOMIC:
                hold()
            try:
                quiet.run(write, target, other, target)
            except Exception:
                pass  # the code below raises PyTorch's error
            else:
                count_write(self._counter)
                return self
            finally:
                if held:
                    let_go()
        if operator and not isinstance(args[0], OPERANDS):
            return NotImplemented
        refuse_inference(self)
        if factor and len(args) >= len(rule.operands):
            _, *operands, kwargs[factor] = from_old_order(f"{rule.name}_", [self, *args])
            args = tuple(operands)
        others = (*args, *kwargs.values())
        floats = self._array.dtype.kind == "f"
        recordable = grad_mode.enabled and floats and not logical
        recorded = recordable and _any_requires_grad((self, *others))
        if recorded:
            refuse_leaf(self)
        shared = fills and not any(isinstance(x, TensorBase) for x in others)
        store: Callable[[np.ndarray, np.ndarray], None] | None = None
        if into_shared is not None and warn_of_shared(self._array, rule.name):
            store, shared = partial(_store_parts, into_shared, args), True
        elif clears and _repeats_matrices(self._array):
            store, shared = _store_zeros, True
        refuse_memory(self._array, f"{rule.name}_", shared)
        refuse_overlap(self._array, others, rule.name, fills)
        compute = _comparison(rule) if recorded and compares else out_of_place
        try:
            _write_result(self, lambda x: compute(x, *args, **kwargs), rule.name, recorded, store)
        except NotImplementedError:
            if rule.presentation.layout == "elementwise":
                _refuse_output(self, others, rule)
            raise
        return self

    op.__name__ = op.__qualname__ = f"{rule.name}_"
    op.__doc__ = f"`{rule.name}`, in place. RuntimeError for a leaf that requires grad."
    return op


# In-place ops that only clear elements. PyTorch lets them write to elements that share memory. If
# one of them is cleared, all are.
_CLEARING = ("tril", "triu")


def _store_zeros(target: np.ndarray, output: np.ndarray) -> None:
    """Clear the elements that are 0 in a result whose other elements are those of the target."""
    np.copyto(target, target.dtype.type(0), where=(output == 0) & ~np.signbit(output))


def _repeats_matrices(array: np.ndarray) -> bool:
    """Whether elements of matrices share memory, and PyTorch nevertheless writes to them.

    That is so if a stack of matrices is contiguous, except that its first dimension may be
    expanded. The matrices may have any strides.
    """
    if not array.size or array.flags.forc or not (shares_memory(array) or may_repeat(array)):
        return False
    step = array.itemsize * math.prod(array.shape[-2:])
    for size, stride in zip(array.shape[-3:0:-1], array.strides[-3:0:-1], strict=True):
        if stride != step:
            return False
        step *= size
    return array.ndim < 4 or array.shape[0] == 1 or array.strides[0] in (0, step)


# In-place ops without a derivative that PyTorch records with one of zero.
_COMPARISONS = ("eq", "ge", "gt", "le", "lt", "ne")


def _comparison(rule: Rule) -> Callable[..., Any]:
    """A comparison, for a write to a tensor that requires grad."""

    def constant(input: Array, other: Operand) -> Result:
        y = np.zeros(np.broadcast_shapes(input.shape, np.shape(other)), input.dtype)
        return y, (lambda g: np.zeros_like(g), lambda g: np.zeros_like(g))

    def node(input: Array, other: Operand) -> str:
        return f"{rule.name.capitalize()}Backward{int(isinstance(other, np.ndarray))}"

    record = function(replace(rule, forward=constant, differentiable=True, linear=True), node=node)

    def compute(self: TensorBase, *args: Any, **kwargs: Any) -> TensorBase:
        compared, result = OPS[rule.name](self, *args, **kwargs), record(self, *args, **kwargs)
        result._array = compared._array
        return result

    return compute


def in_place_composition(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of tensors as a method that writes its result into its first argument."""
    name = function.__name__.rstrip("_")

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        refuse_inference(self)
        others = (*args, *kwargs.values())
        floats = self._array.dtype.kind == "f"
        recorded = grad_mode.enabled and floats and _any_requires_grad((self, *others))
        if recorded:
            refuse_leaf(self)
        refuse_memory(self._array, f"{name}_")
        refuse_overlap(self._array, others, name, fills=name == "index_fill")
        _write_result(self, lambda before: function(before, *args, **kwargs), name, recorded)
        return self

    method.__name__ = method.__qualname__ = f"{name}_"
    method.__doc__ = f"`{name}`, in place. RuntimeError for a leaf that requires grad."
    return method


def _simple(self: TensorBase, other: Any) -> Any:
    """The array or number to write, if NumPy alone can do it; None otherwise.

    It can if the write isn't recorded, and needs no conversion or check.
    """
    kind = self._array.dtype
    if type(self._counter) is Untracked:
        return None
    if isinstance(other, TensorBase):
        if other._array.dtype is not kind:
            return None
        if other._counter is self._counter and _overlap(other._array, self._array):
            return None
        may_require = other._requires_grad or other._view is not None
        if may_require and grad_mode.enabled and other.requires_grad:
            return None
        other = other._array
    elif not (type(other) is float and kind.char in "fd") and not number_fits(other, kind.char):
        return None
    if self._array.base is not None and 0 in self._array.strides:
        return None
    may_require = self._requires_grad or self._view is not None
    return None if may_require and grad_mode.enabled and self.requires_grad else other


def _overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays of one dtype may share memory, but not all of it."""
    if a is b or not np.may_share_memory(a, b):
        return False
    if a.shape != b.shape or a.strides != b.strides:
        return True
    # Reading the addresses takes longer than a small write. One element shares all or nothing.
    if a.size == 1:
        return False
    return bool(a.ctypes.data != b.ctypes.data)


def _write_result(
    self: TensorBase,
    compute: Callable[[TensorBase], TensorBase],
    name: str,
    recorded: bool,
    store: Callable[[np.ndarray, np.ndarray], None] | None = None,
) -> None:
    """Write the result of `compute`, called with the tensor, by `store` or as a whole."""
    hold()  # another thread must not write between the reading and the writing
    try:
        if recorded:
            _write_recorded(self, compute, name, store)
        else:
            # An integer tensor has no history, whatever is written to it.
            enabled, grad_mode.enabled = grad_mode.enabled, False
            try:
                result = compute(self)
            finally:
                grad_mode.enabled = enabled
            _write(self, result._array, name, store)
    finally:
        let_go()


def _write_recorded(
    self: TensorBase,
    compute: Callable[[TensorBase], TensorBase],
    name: str,
    store: Callable[[np.ndarray, np.ndarray], None] | None,
) -> None:
    """Write the result of `compute`, called with the tensor as it was, and record the write."""
    refresh(self)
    # A copy of the tensor as it was, which pullbacks may save.
    before = wrap(self._array.copy("K"))
    before._node, before._requires_grad = self._node, self._requires_grad
    result = compute(before)
    if self._view is not None and not _begins_with(result._node, before):
        # The last op of a composition, which has other operands. The whole is like a copy.
        result = OPS["copy"](before.detach(), result)
    _write(self, result._array, name, store)
    if (node := result._node) is not None:
        if store is not None:
            node.pullbacks = tuple(p and _refuse_gradient for p in node.pullbacks or ())
        elif self._view is not None and shares_memory(self._array) and node.pullbacks:
            first, *rest = node.pullbacks
            node.pullbacks = (first and _refuse_gradient, *rest)
        # If the pullbacks saved the result, this tensor must not be written to again.
        (identity, _, _), *others = node.saved or (NOT_SAVED,)
        node.saved = [(identity, self._counter, self._counter[0]), *others]
        if self._view is None:
            set_history(self, node)
        else:
            rebase(self, node)


def _begins_with(node: Node | None, operand: TensorBase) -> bool:
    """Whether the first parent of a node is that of this operand."""
    parent = operand._node if operand._requires_grad else None
    return node is None or node.parents[0] is parent


def _refuse_gradient(g: Any) -> NoReturn:
    """The pullback of a write to elements that share memory, which has no derivative in PyTorch."""
    raise RuntimeError(_SHARED_MEMORY)


def _store_parts(
    into_shared: Callable[..., None], args: tuple[Any, ...], target: np.ndarray, _: np.ndarray
) -> None:
    arrays = [read_key(x)[0] if isinstance(x, tuple) else x for x in read_key(args)[0]]
    quiet.call(into_shared, target, *arrays)


def warn_of_shared(target: np.ndarray, name: str) -> bool:
    """Warn before a write to an array whose elements share memory. Returns whether they do."""
    shares = shares_memory(target)
    if shares:
        warn(
            f"Use of {name}_ on expanded tensors is deprecated. Please clone() the tensor before "
            "performing this operation. This also applies to advanced indexing e.g. tensor[mask] = "
            "scalar",
            UserWarning,
        )
    return shares


def _refuse_output(self: TensorBase, others: Sequence[Any], rule: Rule) -> None:
    """Raise the error of a result that the tensor can't hold, although the op isn't computed.

    PyTorch checks the shape and the dtype of the result first, then whether it has the op for that
    dtype.
    """
    arrays = [x._array if isinstance(x, TensorBase) else x for x in (self, *others)]
    arrays = [x for x in arrays if isinstance(x, np.ndarray | int | float)]
    try:
        shape = np.broadcast_shapes(*map(np.shape, arrays))
    except ValueError:
        return  # there is no result
    promotes = rule.presentation.promotion is not None
    kind = result_type(*arrays) if promotes else self._array.dtype
    _refuse_misfit(self._array, np.empty(shape, kind), rule.name)


def _refuse_misfit(target: np.ndarray, output: np.ndarray, name: str) -> None:
    """RuntimeError if the shape or the category of a result doesn't fit the tensor's memory."""
    if output.shape != target.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape "
            f"{list(output.shape)}: {name}_ writes into the first tensor, which keeps its shape"
        )
    if output.dtype is not target.dtype and not same_category_or_higher(output.dtype, target.dtype):
        raise RuntimeError(
            f"result type {scalar_name(output)} can't be cast to the desired output type "
            f"{scalar_name(target)}"
        )


def _write(
    self: TensorBase,
    output: np.ndarray,
    name: str,
    store: Callable[[np.ndarray, np.ndarray], None] | None,
) -> None:
    """Store a result in a tensor's own memory.

    RuntimeError if its shape or category doesn't fit.
    """
    target = self._array
    _refuse_misfit(target, output, name)
    if store is None:
        quiet.call(np.copyto, target, output, "unsafe")
    else:
        store(target, output)
    count_write(self._counter)


def refuse_write(self: TensorBase, name: str) -> None:
    """Raise the errors of a write to this tensor, before the values are drawn or computed."""
    refuse_inference(self)
    if grad_mode.enabled and self._array.dtype.kind == "f" and _any_requires_grad((self,)):
        refuse_leaf(self)
    refuse_memory(self._array, name)


def _any_requires_grad(operands: Sequence[Any]) -> bool:
    for x in operands:  # noqa: SIM110 - a generator costs as much as a small write
        if isinstance(x, TensorBase) and x.requires_grad:
            return True
    return False


def refuse_leaf(self: TensorBase) -> None:
    """RuntimeError if a write would change a leaf that requires grad, or a view of one."""
    view = self._view
    if view is not None and view.creation_meta:
        view.refuse("is being modified inplace")
    if not self.requires_grad:
        return
    if view is not None and view.base._node is None:
        which = "a view of a leaf Variable that requires grad"
    elif self._node is None:
        which = "a leaf Variable that requires grad"
    else:
        return
    raise RuntimeError(
        f"{which} is being used in an in-place operation. Write in `with no_grad():` to change its "
        "values, or make a new tensor (x = x + y) to record the change."
    )


# Ops that move elements one after another, most of them from or to places that an index chooses.
# PyTorch accepts no operand in the memory that they write to, even if it is all of it.
_APART = (
    *("index_add", "index_copy", "index_fill", "index_put", "index_reduce", "index_select"),
    *("gather", "masked_select", "put", "scatter", "scatter_add", "scatter_reduce", "take", "cat"),
)


def refuse_overlap(
    target: np.ndarray, operands: Sequence[Any], name: str, fills: bool = False
) -> None:
    """RuntimeError if an operand shares memory with the target, but not all of it.

    For the ops that `_APART` names, it is one if they share all of it, too. Like PyTorch, this
    looks only at tensors that fill a block of memory. With `fills`, the op reads a 0-d operand
    before it writes, so that may share memory.
    """
    for x in operands:
        if isinstance(x, tuple):  # an index; a number is stored by a mask as masked_fill_ does it
            fills = fills or not any(isinstance(y, TensorBase) for y in operands)
            for y in x:
                refuse_overlap(target, (y,), "masked_fill" if fills and _is_mask(y) else name)
        if not isinstance(x, TensorBase):
            continue
        other = x._array
        if not np.may_share_memory(other, target) or (fills and other.ndim == 0):
            continue
        if dense(target) and dense(other):
            same = byte_bounds(target) == byte_bounds(other) and target.strides == other.strides
            if not same or name in _APART:
                raise RuntimeError(
                    "unsupported operation: some elements of the input tensor and the written-to "
                    "tensor refer to a single memory location. Please clone() the tensor before "
                    "performing the operation."
                )


def _is_mask(x: Any) -> bool:
    return isinstance(x, TensorBase) and x._array.dtype == bool


def refuse_memory(target: np.ndarray, method: str, shared: bool = False) -> None:
    """RuntimeError if an array is read-only or, unless `shared`, if its elements share memory."""
    if not target.flags.writeable:
        raise RuntimeError(f"{method} cannot write: the array is read-only")
    if not shared and shares_memory(target):
        raise RuntimeError(_SHARED_MEMORY)


_SHARED_MEMORY = (
    "unsupported operation: more than one element of the written-to tensor refers to a single "
    "memory location. Please clone() the tensor before performing the operation."
)


def shares_memory(array: np.ndarray) -> bool:
    """Whether elements of an array are in the same place in memory."""
    if 0 not in array.strides:
        return False
    steps = zip(array.strides, array.shape, strict=True)
    return array.size > 0 and any(step == 0 and size > 1 for step, size in steps)
