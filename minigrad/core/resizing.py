"""Other shapes for a tensor in place: `x.t_()`, `x.squeeze_()`, `x.resize_(2, 3)`, `x.view(dtype)`.

These change how the tensor's memory is read, but no element. The version counter is incremented
nevertheless, as in PyTorch, so that tensors saved before aren't used in another shape.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..rules import Rule
from ..rules.dtypes import of_numpy
from ..rules.memory import bytes_needed, contiguous_strides, has_strides, in_memory, memory_of
from .arguments import call_by_names
from .creating import allocated
from .dispatch import function, with_keywords
from .formats import laid_out
from .grad_mode import grad_mode
from .inference import refuse_inference
from .inplace import refuse_leaf
from .tensor import TensorBase, refresh, require_tensor, wrap
from .versions import count_write
from .views import View, note_reshaped, set_history


def resize_array(
    tensor: TensorBase, shape: Sequence[int], strides: Sequence[int] | None = None
) -> None:
    """Give a tensor another shape, and strides in bytes; contiguous by default.

    The elements stay in their order in memory. If they don't fit there, all are copied to a larger
    memory, which other views of the old one don't share.
    """
    array = tensor._array
    steps = contiguous_strides(shape, array.itemsize) if strides is None else tuple(strides)
    (data, start), needed = memory_of(array), bytes_needed(shape, steps, array.itemsize)
    if data.size < start + needed:
        larger: Any = allocated(np.empty, start + needed, np.uint8)
        larger[: data.size] = data
        data, tensor._view = larger, None
    tensor._array = allocated(in_memory, data, start, shape, steps, array.dtype)
    note_reshaped(tensor, array.shape)


def shape_in_place(rule: Rule, *, node: str = "") -> Callable[..., Any]:
    """A rule that makes views as a method that gives its first operand the view's shape.

    `node` is PyTorch's name for its nodes, if the rule's isn't just numbered on.
    """

    def numbered(*args: Any, **options: Any) -> str:
        """PyTorch's name: the nodes of the methods in place come after the others."""
        name = rule.node_name(args, options)
        count = {"squeeze": 3}.get(rule.name, 1)
        return f"{name[:-1]}{int(name[-1]) + count}"

    own = rule.presented(layout="own", half="float16")  # it computes nothing
    op = function(replace(own, view=False), node=node or numbered)
    signature = inspect.signature(rule.forward)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        require_tensor(self, f"{rule.name}_", "input")
        refuse_inference(self)
        if grad_mode.enabled and self.requires_grad:
            refuse_leaf(self)
        if grad_mode.enabled:
            refresh(self)
        before, old = wrap(self._array), self._view
        before._node, before._requires_grad = self._node, self._requires_grad
        before._counter, before._view = self._counter, old
        result = op(before, *args, **kwargs)
        self._array = result._array
        count_write(self._counter)
        note_reshaped(self, before._array.shape)
        if old is not None:
            given = signature.bind(before, *args, **kwargs).args[1:] if kwargs else args
            self._view = View(before, rule, given, old.creation_meta)
            self._view.maker = old.maker
            if not grad_mode.enabled:
                self._view.version = old.version  # so its history has to be recorded again
        if result._node is not None:
            set_history(self, result._node)
        return self

    method.__name__ = method.__qualname__ = f"{rule.name}_"
    method.__doc__ = f"`{rule.name}`, in place. RuntimeError for a leaf that requires grad."
    vars(method)["__signature__"] = signature
    return method


def resize(tensor: TensorBase, shape: Sequence[int]) -> None:
    """`resize_array` for users. RuntimeError for a tensor that requires grad."""
    if tensor.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    if any(size < 0 for size in shape):
        raise RuntimeError(f"resize_: a size is negative: {list(shape)}")
    if tuple(shape) == tensor._array.shape:
        return  # the strides stay too, and PyTorch counts no write
    refuse_inference(tensor)
    resize_array(tensor, shape)
    count_write(tensor._counter)


def in_other_dtype(x: TensorBase, dtype: np.dtype) -> TensorBase:
    """The memory of a tensor, read as elements of another dtype. It has no history.

    If the elements get larger or smaller, so does the last dimension. RuntimeError if that isn't
    possible.
    """
    array = x._array
    old, new = of_numpy(array.dtype).scalar_name, of_numpy(dtype).scalar_name
    if array.itemsize != dtype.itemsize:
        _check_divisible(array, dtype, f"to view {old} as {new} (different element sizes)")
    if array.size:
        read = array.view(dtype)
    else:
        last = array.shape[-1] * array.itemsize // dtype.itemsize
        read = np.empty((*array.shape[:-1], last), dtype)
    result = wrap(read)
    result._counter = x._counter
    return result


def _check_divisible(array: np.ndarray, dtype: np.dtype, purpose: str) -> None:
    if array.ndim == 0:
        raise RuntimeError(f"self.dim() cannot be 0 {purpose}")
    steps = [step // array.itemsize for step in array.strides]
    if array.size and array.shape[-1] > 1 and steps[-1] != 1:
        raise RuntimeError(f"self.stride(-1) must be 1 {purpose}, but got {steps[-1]}")
    ratio = dtype.itemsize // array.itemsize
    if ratio < 2:
        return
    if array.shape[-1] % ratio:
        raise RuntimeError(
            f"self.size(-1) must be divisible by {ratio} {purpose}, but got {array.shape[-1]}"
        )
    offset = memory_of(array)[1] // array.itemsize
    if offset % ratio:
        raise RuntimeError(
            f"self.storage_offset() must be divisible by {ratio} {purpose}, but got {offset}"
        )
    for d, step in enumerate(steps[:-1]):
        if step % ratio:
            raise RuntimeError(
                f"self.stride({d}) must be divisible by {ratio} {purpose}, but got {step}"
            )


def in_format(result: TensorBase, form: Any) -> Any:
    """A tensor that nothing else refers to, with its elements in a memory format."""
    result._array = laid_out(result._array, form)
    return result


def with_format(op: Any) -> Any:
    """An op that makes a copy, with the keyword `memory_format`."""

    def call(_: Any, given: dict[str, Any], others: dict[str, Any]) -> Any:
        form = others.pop("memory_format", None)
        return in_format(call_by_names(op, given, others), form)

    copy = with_keywords(op, call)
    signature = inspect.signature(op)
    keyword = inspect.Parameter.KEYWORD_ONLY
    form = inspect.Parameter("memory_format", keyword, default=None, annotation="Any")
    parameters = [*signature.parameters.values(), form]
    vars(copy)["__signature__"] = signature.replace(parameters=parameters)
    return copy


def strides_of_empty(tensor: TensorBase) -> tuple[int, ...]:
    """The strides of a tensor without elements, in elements.

    PyTorch computes them as if each size were at least 1, and views exchange them as others do.
    NumPy has zeros, so the ops that made the view are applied to such an array, unless the tensor
    was given strides.
    """
    steps, shape = [], tensor._array.shape
    while tensor._view is not None:
        steps.append(tensor._view)
        tensor = tensor._view.parent
    base = tensor._array
    filled = [max(size, 1) for size in base.shape]
    array = base if has_strides(base) else np.empty(filled, np.int8)
    try:
        for step in reversed(steps):
            array = step.rule.forward(array, *step.arguments)[0]
    except (IndexError, RuntimeError, ValueError):  # the op depends on the size of 0
        return contiguous_strides(shape)
    if array.ndim != len(shape) or not any(array.strides):
        return contiguous_strides(shape)
    return tuple([step // array.itemsize for step in array.strides])
