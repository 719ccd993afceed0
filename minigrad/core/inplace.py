"""From a rule to a method that writes its result into its first operand, `x.add_(y)`.

A write is the op itself, then its result put into the tensor's own memory, which moves the version
counter of its storage. Where it is recorded, the tensor takes over the result's history; a view
hands it on to its base (`autograd/views.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..rules import Rule, dtypes
from ..rules.dims import dense
from .dispatch import function
from .errstate import anyhow, quiet
from .grad_mode import mode, no_grad
from .tensor import Tensor, _up_to_date, wrap
from .tracing import count_write
from .views import rebase, set_history


def in_place(rule: Rule, fills: bool = False) -> Callable[..., Tensor]:
    """The rule as a method that writes its result into its first operand, `x.add_(y)`.

    `fills` lets it go into a tensor whose elements share memory, as `fill_` may with a number.
    """
    out_of_place = function(rule)

    def op(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        recorded = (
            mode.enabled and self.is_floating_point() and _any_requires_grad(self, args, kwargs)
        )
        if recorded:
            _refuse_leaf(self)
        operands = (*args, *kwargs.values())
        shared = fills and not any(isinstance(x, Tensor) for x in operands)
        _refuse_memory(self._array, f"{rule.name}_", shared)
        if not fills:
            _refuse_overlap(self._array, operands)
        if not self.is_floating_point():
            with no_grad():  # an integer has no history, whatever is written into it
                _write(self, out_of_place(self, *args, **kwargs)._array, rule.name)
            return self
        if not recorded:
            _write(self, out_of_place(self, *args, **kwargs)._array, rule.name)
            return self
        _up_to_date(self)
        # The tensor as it was: its history, and the values that pullbacks may remember.
        before = wrap(self._array.copy("K"))
        before._node, before._requires_grad = self._node, self._requires_grad
        result = out_of_place(before, *args, **kwargs)
        _write(self, result._array, rule.name)
        if result._node is not None:
            # Where the pullbacks saved the result, this tensor must not be written to again.
            (saved, _, _), *others = result._node.guards or ((0, self._counter, 0),)
            result._node.guards = [(saved, self._counter, self._counter[0]), *others]
            if self._view is None:
                set_history(self, result._node)
            else:
                rebase(self, result._node)
        return self

    op.__name__ = op.__qualname__ = f"{rule.name}_"
    op.__doc__ = f"`{rule.name}`, written into this tensor; RuntimeError for a leaf's own values."
    return without_a_copy(rule, op)


def without_a_copy(rule: Rule, long: Callable[..., Any]) -> Callable[..., Any]:
    """`long`, which applies the rule in place, or what does so in one step where that is enough.

    That is where a ufunc is all there is to it, nothing is recorded and the two operands are alike,
    as in an update.
    """
    if rule.ufunc is None:
        return long
    ufunc = rule.ufunc

    @functools.wraps(long)
    def op(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != 1 or not isinstance(args[0], Tensor):
            return long(self, *args, **kwargs)
        (other,) = args
        a, b = self._array, other._array
        if (
            (mode.enabled and (self._requires_grad or other._requires_grad))
            or not (self._view is None is other._view)
            or not (a.shape == b.shape and a.dtype is b.dtype and a.dtype.kind == "f")
        ):
            return long(self, other)
        try:
            quiet.run(ufunc, a, b, a)
        except Exception:
            return long(self, other)  # which says what is wrong
        count_write(self._counter)
        return self

    return op


def _any_requires_grad(self: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    operands = (self, *args, *kwargs.values())
    return any(isinstance(a, Tensor) and a.requires_grad for a in operands)


def _refuse_leaf(self: Tensor) -> None:
    """RuntimeError where a write would change a leaf that requires grad, or a view of one."""
    view = self._view
    if view is not None and view.special:
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


def refuse_write(self: Tensor, name: str) -> None:
    """The errors of a write into this tensor, before anything is drawn or computed for it."""
    if mode.enabled and self.is_floating_point() and _any_requires_grad(self, (), {}):
        _refuse_leaf(self)
    _refuse_memory(self._array, name)


def _write(self: Tensor, output: np.ndarray, name: str) -> None:
    """Put a result into a tensor's own memory, where its shape and category allow."""
    target = self._array
    if output.shape != target.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape "
            f"{list(output.shape)}: {name}_ writes into the first tensor, which keeps its shape"
        )
    kinds = output.dtype, target.dtype
    if kinds[0] is not kinds[1] and not dtypes.same_category_or_higher(*kinds):
        result, desired = (dtypes.SCALAR_NAMES[kind] for kind in kinds)
        raise RuntimeError(
            f"result type {result} can't be cast to the desired output type {desired}"
        )
    anyhow(quiet.run, np.copyto, target, output, "unsafe")
    count_write(self._counter)


def _refuse_overlap(target: np.ndarray, args: tuple[Any, ...]) -> None:
    """RuntimeError where an operand shares some memory with what is written, but is not the same.

    As in PyTorch, that is looked for where both lie without gaps or repetitions.
    """
    for a in args:
        if not (isinstance(a, Tensor) and np.may_share_memory(a._array, target)):
            continue
        other = a._array
        if not (dense(target) and dense(other)):
            continue
        same = byte_bounds(target) == byte_bounds(other) and target.strides == other.strides
        if not same:
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to "
                "tensor refer to a single memory location. Please clone() the tensor before "
                "performing the operation."
            )


def _refuse_memory(target: np.ndarray, method: str, fills: bool = False) -> None:
    """RuntimeError where an array's memory must not be written to."""
    if not target.flags.writeable:
        raise RuntimeError(f"{method} cannot write: the array is read-only")
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
