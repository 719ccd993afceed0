"""`backward` and `grad`: the walk over the tape, in terms of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..rules.dtypes import SUPPORTED
from ..rules.layout import dense, like
from .dispatch import OPS
from .errstate import quiet
from .grad_mode import grad_mode
from .hooks import retain_grad
from .node import Node, Parent
from .tensor import TensorBase, refresh, wrap
from .versions import count_write, hold, let_go
from .views import reshaped
from .walk import Seeds, fitted, walk
from .warning import warn, warn_once

Tensors = TensorBase | Sequence[TensorBase]


def backward(
    tensors: Tensors,
    grad_tensors: TensorBase | Sequence[TensorBase | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: TensorBase | Sequence[TensorBase | None] | None = None,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradient of `tensors` to the `.grad` of every leaf that they were computed from.

    `grad_tensors` are the cotangents to start from, each with its tensor's shape. For a tensor of
    one element, None means 1. With `inputs`, only their `.grad` is filled; a non-leaf among them
    retains its gradient from then on. The graph is freed unless `retain_graph` is true.

    With `create_graph`, the gradients are recorded and can be differentiated again.

    RuntimeError if a tensor doesn't require grad, a shape doesn't match, the graph was freed, or a
    saved tensor was modified in place.

    >>> x = minigrad.ones(2, requires_grad=True)
    >>> minigrad.autograd.backward([x * 2, x.sum()], [minigrad.tensor([1., 10.]), None])
    >>> x.grad
    tensor([ 3., 21.])
    """
    if grad_variables is not None:
        warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning)
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to "
                "`backward()`. Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    fill_gradients(tensors, grad_tensors, retain_graph, create_graph, inputs)


def fill_gradients(
    tensors: Tensors,
    grad_tensors: TensorBase | Sequence[TensorBase | None] | None,
    retain_graph: bool | None,
    create_graph: bool,
    inputs: Tensors | None,
) -> None:
    """Do the work of `backward`, the function and the method."""
    seeds = _seeds(_listed(tensors), grad_tensors, create_graph)
    if create_graph:
        warn_once(
            "Using backward() with create_graph=True will create a reference cycle between the "
            "parameter and its gradient which can cause a memory leak. We recommend using "
            "autograd.grad when creating the graph to avoid this. If you have to use this "
            "function, make sure to reset the .grad fields of your parameters to None after use "
            "to break the cycle and avoid the leak."
        )
    wanted = None
    if inputs is not None:
        inputs = _listed(inputs)
        _check_inputs(inputs)
        for tensor in inputs:
            retain_grad(tensor)  # does nothing for a leaf
        wanted = {_parent(tensor) for tensor in inputs}
    walked = _walked(seeds, retain_graph, create_graph, wanted, _accumulate)
    for parent, gradient in walked.items():
        if isinstance(parent, TensorBase):
            _accumulate(parent, gradient)


def _check_inputs(inputs: Sequence[Any]) -> None:
    if not inputs:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    for tensor in inputs:
        if not isinstance(tensor, TensorBase):
            kind = type(tensor).__name__
            raise RuntimeError(f"all inputs have to be Tensors, but got {kind}")


def _walked(
    seeds: Seeds,
    retain_graph: bool | None,
    create_graph: bool,
    wanted: set[Parent] | None,
    deliver: Callable[[TensorBase, Any], None] | None = None,
) -> dict[Parent, Any]:
    """The gradients from the walk: arrays, or Tensors with `create_graph`."""
    if retain_graph is None:
        retain_graph = create_graph
    # Hooks and Functions that run during the walk are recorded only with `create_graph`.
    before, grad_mode.enabled = grad_mode.enabled, create_graph
    try:
        walked: dict[Parent, Any] = quiet.within(
            walk, seeds, retain_graph, wanted, create_graph, deliver
        )
    finally:
        grad_mode.enabled = before
    return walked


def _accumulate(leaf: TensorBase, gradient: Any) -> None:
    """Add a gradient to the `.grad` of a leaf, and call its hooks.

    The first array becomes the memory of `.grad`, and later ones are added in place. A Tensor has a
    history, so it is never added in place.
    """
    if leaf._requires_grad:  # it may have changed since the leaf was used
        hold()  # several threads may share the leaf
        try:
            before = leaf._grad
            if isinstance(gradient, TensorBase):
                leaf._grad = _laid_out(gradient, leaf) if before is None else before + gradient
            elif before is not None:
                _add(before._array, gradient)
                count_write(before._counter)
            else:
                array = gradient if type(gradient) is np.ndarray else gradient[...]
                other_shape = reshaped and array.shape != leaf._array.shape
                contiguous = array.flags.c_contiguous and leaf._array.flags.c_contiguous
                if other_shape or not contiguous:
                    array = like(array, leaf._array)
                leaf._grad = wrap(array)
        finally:
            let_go()
    if leaf._attached is not None:
        leaf._attached.arrived(leaf, gradient)


def _add(total: np.ndarray, gradient: np.ndarray) -> None:
    """Add to `.grad` in place. RuntimeError if the shape of its leaf was changed since."""
    try:
        total += gradient
    except ValueError:
        wide = list(np.broadcast_shapes(total.shape, gradient.shape))
        raise RuntimeError(
            f"output with shape {list(total.shape)} doesn't match the broadcast shape {wide}: the "
            "shape of a leaf was changed after its .grad was accumulated"
        ) from None


def _laid_out(gradient: TensorBase, leaf: TensorBase) -> Any:
    """A recorded copy of a gradient in the shape and the memory layout of its leaf."""
    shaped = leaf._array if dense(leaf._array) else gradient._array
    return wrap(like(np.empty_like(shaped), leaf._array)).copy_(gradient)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: TensorBase | Sequence[TensorBase | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """Return the gradients of `outputs` with respect to each of `inputs`. No `.grad` is changed.

    `grad_outputs` are the cotangents, as in `backward`. An input that wasn't used is a
    RuntimeError; with `allow_unused` its gradient is None, and with `materialize_grads` it is
    zeros.

    >>> x = minigrad.tensor(3., requires_grad=True)
    >>> minigrad.autograd.grad(x * x, x)
    (tensor(6.),)
    """
    if is_grads_batched:
        raise NotImplementedError("grad(is_grads_batched=True) is not implemented: call it per row")
    if not only_inputs:
        warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To "
            "accumulate gradient for other parts of the graph, please use autograd.backward.",
            FutureWarning,
        )
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, "
            "but got: allow_unused=False."
        )
    seeds = _seeds(_listed(outputs), grad_outputs, create_graph)
    inputs = _listed(inputs)
    if not inputs:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    parents = [_parent(tensor) for tensor in inputs]
    arrived = _walked(seeds, retain_graph, create_graph, set(parents))
    results: list[Any] = []
    given: set[Parent] = set()
    for index, (tensor, parent) in enumerate(zip(inputs, parents, strict=True)):
        if parent in arrived:
            # An input that is listed twice gets two gradients with memory of their own.
            results.append(_as_gradient(arrived[parent], parent not in given))
            given.add(parent)
        elif materialize_grads:
            zeros = wrap(np.zeros_like(tensor._array))
            results.append(zeros.requires_grad_(create_graph))
        elif allow_unused:
            results.append(None)
        else:
            raise RuntimeError(
                f"The differentiated Tensor at index {index} appears to not have been used in the "
                "graph. Set allow_unused=True if this is the desired behavior."
            )
    return tuple(results)


def _as_gradient(d: Any, first: bool) -> Any:
    """A gradient from the walk as a Tensor; a copy of it unless it is the first."""
    if isinstance(d, TensorBase):
        return d if first else OPS["clone"](d)
    return wrap((d if first else d.copy())[...])


def _listed(tensors: Tensors) -> Sequence[TensorBase]:
    return (tensors,) if isinstance(tensors, TensorBase) else tuple(tensors)


def _parent(tensor: TensorBase) -> Parent:
    """Where the tape sends a tensor's gradient: the node that computed it, or the leaf itself."""
    if not tensor.requires_grad:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    refresh(tensor)
    return tensor._node or tensor


_ONE = {d.numpy: np.ones((), d.numpy) for d in SUPPORTED if d.is_floating_point}


def _seeds(tensors: Sequence[TensorBase], cotangents: Any, create_graph: bool) -> Seeds:
    """The nodes and leaves where the walk starts, with cotangents that the walk may keep."""
    if cotangents is None:
        cotangents = (None,) * len(tensors)
    elif isinstance(cotangents, TensorBase):
        cotangents = (cotangents,)
    if len(cotangents) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(cotangents)} gradients")
    seeds: list[tuple[Parent, Any]] = []
    for index, tensor in enumerate(tensors):
        given = cotangents[index]
        refresh(tensor)
        if not tensor._requires_grad:
            raise RuntimeError(
                f"element {index} of tensors does not require grad and does not have a grad_fn: "
                "nothing it was computed from was made with requires_grad=True, or it was "
                "computed in no_grad"
            )
        if given is None:
            one = _ones_like(tensor._array)
            cotangent = wrap(one) if create_graph else one
        else:
            given = _checked_cotangent(index, tensor, given)
            cotangent = given if create_graph else given._array.copy("K")
        node = tensor._node
        if reshaped and node is not None and node.shape not in (None, cotangent.shape):
            cotangent = _of_old_shape(cotangent, node)
        seeds.append((node or tensor, cotangent))
    return seeds


def _of_old_shape(cotangent: Any, node: Node) -> Any:
    """A cotangent of a tensor whose shape was changed in place, in the shape that its node has."""
    if len(node.shape) > len(cotangent.shape):
        raise RuntimeError(
            f"invalid gradient at index 0 - got {list(cotangent.shape)} but expected shape "
            f"compatible with {list(node.shape)}"
        )
    return fitted(cotangent, node)


def _ones_like(array: np.ndarray) -> np.ndarray:
    if array.size != 1:
        raise RuntimeError(
            "grad can be implicitly created only for scalar outputs; this one has shape "
            f"{list(array.shape)}: reduce it, for example with .sum(), or pass gradient="
        )
    return _ONE[array.dtype].copy() if array.ndim == 0 else np.ones_like(array)


def _checked_cotangent(index: int, tensor: TensorBase, cotangent: Any) -> Any:
    """A cotangent given by the user, converted to its tensor's dtype."""
    if not isinstance(cotangent, TensorBase):
        kind = type(cotangent).__name__
        raise TypeError(f"gradients can be either Tensors or None, but got {kind}")
    wanted, given = tensor._array, cotangent._array
    if given.shape != wanted.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{index}] has a shape of torch.Size("
            f"{list(given.shape)}) and output[{index}] has a shape of torch.Size("
            f"{list(wanted.shape)})."
        )
    return cotangent if given.dtype is wanted.dtype else OPS["cast"](cotangent, wanted.dtype)
