"""`backward` and `grad`: the walk over the tape, in terms of tensors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..rules.dtypes import SUPPORTED
from .errstate import quiet
from .grad_mode import mode
from .node import Parent
from .tensor import Tensor, _up_to_date, wrap
from .walk import walk

Tensors = Tensor | Sequence[Tensor]


def backward(
    tensors: Tensors,
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: None = None,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradient of `tensors` into `.grad` of every leaf they were computed from.

    `grad_tensors` are the cotangents to start from, each of its tensor's shape; None stands for a
    one, for a tensor of one element. `inputs` names the tensors whose `.grad` is to be filled,
    leaves or not (which retain their gradient from then on); without it, all leaves. The graph is
    freed unless `retain_graph`.

    With `create_graph` the gradients have a history of their own, and can be differentiated again.

    RuntimeError where a tensor does not require grad, a shape does not match, the graph has been
    freed before, or a saved tensor was written to since.

    >>> x = minigrad.ones(2, requires_grad=True)
    >>> minigrad.autograd.backward([x * 2, x.sum()], [minigrad.tensor([1., 10.]), None])
    >>> x.grad
    tensor([ 3., 21.])
    """
    if grad_variables is not None:
        raise TypeError("backward() has no grad_variables any more: use grad_tensors")
    _fill(tensors, grad_tensors, retain_graph, create_graph, inputs)


def _fill(
    tensors: Tensors,
    grad_tensors: Tensor | Sequence[Tensor | None] | None,
    retain_graph: bool | None,
    create_graph: bool,
    inputs: Tensors | None,
) -> None:
    """What `backward` does, called by the function or the method that the user called."""
    seeds = _seeds(_listed(tensors), grad_tensors, create_graph)
    if create_graph:
        warnings.warn(
            "Using backward() with create_graph=True will create a reference cycle between the "
            "parameter and its gradient which can cause a memory leak. We recommend using "
            "autograd.grad when creating the graph to avoid this. If you have to use this "
            "function, make sure to reset the .grad fields of your parameters to None after use "
            "to break the cycle and avoid the leak.",
            stacklevel=3,
        )
    if inputs is None:
        walked = _walked(seeds, retain_graph, create_graph, None, _arrive)
        for leaf, gradient in walked.items():
            _arrive(leaf, gradient)  # type: ignore[arg-type]  # no node is wanted
        return
    inputs = _listed(inputs)
    if not inputs:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    for tensor in inputs:
        if not isinstance(tensor, Tensor):
            kind = type(tensor).__name__
            raise RuntimeError(f"all inputs have to be Tensors, but got {kind}")
    for tensor in inputs:
        tensor.retain_grad()  # of a leaf that is nothing
    wanted = {_parent(tensor) for tensor in inputs}
    for parent, gradient in _walked(seeds, retain_graph, create_graph, wanted, _arrive).items():
        if isinstance(parent, Tensor):
            _arrive(parent, gradient)


def _walked(
    seeds: list[tuple[Parent, Any]],
    retain_graph: bool | None,
    create_graph: bool,
    wanted: set[Parent] | None,
    arrive: Callable[[Tensor, Any], None] | None = None,
) -> dict[Parent, Any]:
    """What the walk brings, over arrays, or over Tensors if the gradients are to have a graph."""
    if retain_graph is None:
        retain_graph = create_graph
    # What runs on the way, a hook or a Function's backward, is recorded only if that is asked for.
    before, mode.enabled = mode.enabled, create_graph
    try:
        walked: dict[Parent, Any] = quiet.within(
            walk, seeds, retain_graph, wanted, create_graph, arrive
        )
    finally:
        mode.enabled = before
    return walked


def _arrive(tensor: Tensor, gradient: Any) -> None:
    """Add a gradient into the `.grad` of a leaf."""
    if tensor._requires_grad:  # it may have been told since that it does not
        tensor._accumulate(gradient)
    if tensor._hooks is not None:
        tensor._hooks.arrived(tensor, gradient)


def _backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradient of this tensor into `.grad` of the leaves, or of `inputs` alone.

    `gradient` is the cotangent to start from, of this tensor's shape; a tensor of one element
    needs none. It is `minigrad.autograd.backward` of one tensor, and has its errors.

    >>> x = minigrad.tensor([1., 2.], requires_grad=True)
    >>> (x * x).backward(minigrad.tensor([1., 10.]))
    >>> x.grad
    tensor([ 2., 40.])
    """
    _fill((self,), (gradient,), retain_graph, create_graph, inputs)


_backward.__name__ = _backward.__qualname__ = "backward"
setattr(Tensor, "backward", _backward)  # noqa: B010, the tape is written in terms of tensors


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`, one each; no `.grad` is touched.

    `grad_outputs` are the cotangents, as in `backward`. For an input that was not used:
    RuntimeError, or None with `allow_unused`, or zeros with `materialize_grads`.

    >>> x = minigrad.tensor(3., requires_grad=True)
    >>> minigrad.autograd.grad(x * x, x)
    (tensor(6.),)
    """
    if is_grads_batched:
        raise NotImplementedError("grad(is_grads_batched=True) is not implemented: call it per row")
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To "
            "accumulate gradient for other parts of the graph, please use autograd.backward.",
            FutureWarning,
            stacklevel=2,
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
    results: list[Tensor | None] = []
    given: set[Parent] = set()
    for index, (tensor, parent) in enumerate(zip(inputs, parents, strict=True)):
        if parent in arrived:
            # An input that is listed twice gets two gradients, not one in two hands.
            d = arrived[parent]
            if not isinstance(d, Tensor):
                d = wrap(np.asarray(d.copy() if parent in given else d))
            elif parent in given:
                d = d.clone()
            given.add(parent)
            results.append(d)
        elif materialize_grads:
            results.append(wrap(np.zeros_like(tensor._array)))
        elif allow_unused:
            results.append(None)
        else:
            raise RuntimeError(
                f"The differentiated Tensor at index {index} appears to not have been used in the "
                "graph. Set allow_unused=True if this is the desired behavior."
            )
    return tuple(results)


def _listed(tensors: Tensors) -> Sequence[Tensor]:
    return (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)


def _parent(tensor: Tensor) -> Parent:
    """Where the tape sends a tensor's gradient: the node that made it, or a leaf itself."""
    if not tensor.requires_grad:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    _up_to_date(tensor)
    return tensor._node or tensor


_ONE = {d.numpy: wrap(np.ones((), d.numpy)) for d in SUPPORTED if d.is_floating_point}


def _seeds(
    tensors: Sequence[Tensor], cotangents: Any, create_graph: bool
) -> list[tuple[Parent, Any]]:
    """Where the walk starts, and with what."""
    if cotangents is None:
        cotangents = (None,) * len(tensors)
    elif isinstance(cotangents, Tensor):
        cotangents = (cotangents,)
    if len(cotangents) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(cotangents)} gradients")
    seeds: list[tuple[Parent, Any]] = []
    for index, tensor in enumerate(tensors):
        parent, cotangent = _seed(index, tensor, cotangents[index])
        # The walk keeps what it is given.
        seeds.append((parent, cotangent if create_graph else cotangent._array.copy()))
    return seeds


def _seed(index: int, tensor: Tensor, cotangent: Tensor | None) -> tuple[Parent, Tensor]:
    """The node or leaf behind one tensor, and the cotangent for it: a one if none is given."""
    _up_to_date(tensor)
    if not tensor._requires_grad:
        raise RuntimeError(
            f"element {index} of tensors does not require grad and does not have a grad_fn: "
            "nothing it was computed from was made with requires_grad=True, or it was "
            "computed in no_grad"
        )
    array, parent = tensor._array, tensor._node or tensor
    if cotangent is None:
        if array.size != 1:
            raise RuntimeError(
                "grad can be implicitly created only for scalar outputs; this one has shape "
                f"{list(array.shape)}: reduce it, with .sum() say, or pass gradient="
            )
        return parent, _ONE[array.dtype] if array.ndim == 0 else wrap(np.ones_like(array))
    if not isinstance(cotangent, Tensor):
        kind = type(cotangent).__name__
        raise TypeError(f"gradients can be either Tensors or None, but got {kind}")
    if cotangent._array.shape != array.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{index}] has a shape of {cotangent.shape} and "
            f"output[{index}] has a shape of {tensor.shape}."
        )
    if cotangent._array.dtype is not array.dtype:
        cotangent = cotangent.to(tensor.dtype)
    return parent, cotangent
