"""`backward` and `grad`: the walk over the tape, in terms of tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

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


class GradientEdge(NamedTuple):
    """Where the gradient of a tensor arrives: a node, and the tensor's position among its results.

    It stands for the tensor in `backward` and `grad`, and doesn't keep it in memory. The token is
    whatever else keeps that part of the graph alive.

    >>> x = minigrad.tensor([1., 2.], requires_grad=True)
    >>> edge = minigrad.autograd.graph.get_gradient_edge(x)
    >>> minigrad.autograd.grad((x * x).sum(), edge)
    (tensor([2., 4.]),)
    """

    node: Any
    output_nr: int
    ownership_token: Any = None

    def _parent(self) -> Parent:
        """The node or the leaf."""
        token: Parent | None = self.ownership_token
        parent: Parent = self.node._parent() if token is None else token
        return parent


Tensors = TensorBase | GradientEdge | Sequence[TensorBase | GradientEdge]


def backward(
    tensors: Tensors,
    grad_tensors: TensorBase | Sequence[TensorBase | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: TensorBase | Sequence[TensorBase | None] | None = None,
    inputs: Tensors | dict[Any, TensorBase] | None = None,
) -> None:
    """Add the gradient of `tensors` to the `.grad` of every leaf that they were computed from.

    `grad_tensors` are the cotangents to start from, each with its tensor's shape. For a tensor of
    one element, None means 1. With `inputs`, only their `.grad` is filled; a non-leaf among them
    retains its gradient from then on. A dict stands for its values. The graph is freed unless
    `retain_graph` is true.

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
    inputs: Tensors | dict[Any, TensorBase] | None,
) -> None:
    """Do the work of `backward`, the function and the method."""
    wished = None if inputs is None else _listed_inputs(inputs, "backward")
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
    if wished is not None:
        wanted = set()
        for each in wished:
            if isinstance(each, TensorBase):
                retain_grad(each)  # does nothing for a leaf
            wanted.add(_parent(each))
    walked = _walked(seeds, retain_graph, create_graph, wanted, accumulate)
    for parent, gradient in walked.items():
        if isinstance(parent, TensorBase):
            accumulate(parent, gradient)


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


def accumulate(leaf: TensorBase, gradient: Any) -> None:
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
    inputs: Tensors | dict[Any, TensorBase],
    grad_outputs: TensorBase | Sequence[TensorBase | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """Return the gradients of `outputs` with respect to each of `inputs`. No `.grad` is changed.

    They are a tuple, or a dict if `inputs` is one. `grad_outputs` are the cotangents, as in
    `backward`. An input that wasn't used is a RuntimeError; with `allow_unused` its gradient is
    None, and with `materialize_grads` it is zeros. With `is_grads_batched`, each of `grad_outputs`
    has a first dimension more, and so has each gradient: one walk is made for each of its elements.

    >>> x = minigrad.tensor(3., requires_grad=True)
    >>> minigrad.autograd.grad(x * x, x)
    (tensor(6.),)
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, "
            "but got: allow_unused=False."
        )
    wished = _listed_inputs(inputs, "grad")
    if not only_inputs:
        warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To "
            "accumulate gradient for other parts of the graph, please use autograd.backward.",
            FutureWarning,
        )
    if is_grads_batched:
        options = {"create_graph": create_graph, "allow_unused": allow_unused or materialize_grads}
        found = _grads_of_batch(outputs, wished, grad_outputs, retain_graph, **options)
        results = [
            _zeros_for(tensor, create_graph) if batch is None and materialize_grads else batch
            for tensor, batch in zip(wished, found, strict=True)
        ]
        return _as_given(inputs, results)
    seeds = _seeds(_listed(outputs), grad_outputs, create_graph)
    parents = list(map(_parent, wished))
    arrived = _walked(seeds, retain_graph, create_graph, set(parents))
    results = []
    given: set[Parent] = set()
    for index, (tensor, parent) in enumerate(zip(wished, parents, strict=True)):
        if parent in arrived:
            # An input that is listed twice gets two gradients with memory of their own.
            results.append(_as_gradient(arrived[parent], parent not in given))
            given.add(parent)
        elif materialize_grads:
            results.append(_zeros_for(tensor, create_graph))
        elif allow_unused:
            results.append(None)
        else:
            raise RuntimeError(
                f"The differentiated Tensor at index {index} appears to not have been used in the "
                "graph. Set allow_unused=True if this is the desired behavior."
            )
    return _as_given(inputs, results)


def _as_given(inputs: Any, results: list[Any]) -> Any:
    """The gradients as a dict if the inputs were one, else as a tuple."""
    return dict(zip(inputs, results, strict=True)) if type(inputs) is dict else tuple(results)


def _grads_of_batch(
    outputs: Tensors, inputs: Sequence[Any], batches: Any, retain_graph: bool | None, **options: Any
) -> list[Any]:
    """`grad` for each element of the first dimension of the cotangents, and the results stacked.

    ValueError unless there is a batch for each output, all of one size; IndexError for one of
    nothing.
    """
    if batches is None:
        _seeds(_listed(outputs), None, False)  # which raises the error of an implicit cotangent
        batches = ()
    batches = _listed(batches)
    if not all(isinstance(each, TensorBase) for each in batches) or not batches:
        raise ValueError("grad(is_grads_batched=True) needs a tensor of cotangents for each output")
    if not all(each._array.ndim and len(each._array) for each in batches):
        raise IndexError(
            "grad(is_grads_batched=True): cotangents have no first dimension, or 0 rows"
        )
    size, *others = {len(each._array) for each in batches}
    if others:
        raise ValueError("grad(is_grads_batched=True): the batches of cotangents differ in size")
    rows = []
    for i in range(size):
        cotangents = [OPS["select"](each, 0, i) for each in batches]
        keep = True if i < size - 1 else retain_graph
        rows.append(grad(outputs, inputs, cotangents, keep, **options))
    columns = zip(*rows, strict=True)
    return [None if c[0] is None else OPS["stack"](*c, dim=0) for c in columns]


def _zeros_for(input: Any, create_graph: bool) -> Any:
    """The gradient of an unused input with `materialize_grads`."""
    if isinstance(input, GradientEdge):
        raise RuntimeError("materialize_grads cannot be used when an input is a GradientEdge")
    zeros = wrap(np.zeros_like(input._array))
    zeros._requires_grad = create_graph
    return zeros


def _as_gradient(d: Any, first: bool) -> Any:
    """A gradient from the walk as a Tensor; a copy of it unless it is the first."""
    if isinstance(d, TensorBase):
        return d if first else OPS["clone"](d)
    return wrap((d if first else d.copy())[...])


def _listed(tensors: Any) -> Sequence[Any]:
    return (tensors,) if isinstance(tensors, TensorBase | GradientEdge) else tuple(tensors)


def _listed_inputs(inputs: Any, function: str) -> Sequence[Any]:
    """The inputs that `backward` or `grad` was given. RuntimeError if there are none."""
    if isinstance(inputs, Mapping):
        if type(inputs) is not dict:
            kind = type(inputs).__name__
            raise TypeError(f"`inputs` argument to `{function}()` must be a dict, not {kind}")
        inputs = inputs.values()
    listed = _listed(inputs)
    if not listed:
        raise RuntimeError(f"`inputs` argument to `{function}()` cannot be empty.")
    return listed


def _parent(input: Any) -> Parent:
    """Where the tape sends an input's gradient: the node that computed it, or the leaf itself."""
    if isinstance(input, GradientEdge):
        return input._parent()
    if not isinstance(input, TensorBase):
        kind = type(input).__name__
        raise RuntimeError(f"all inputs have to be Tensors or GradientEdges, but got {kind}")
    if not input.requires_grad:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    refresh(input)
    return input._node or input


_ONE = {d.numpy: np.ones((), d.numpy) for d in SUPPORTED if d.is_floating_point}


def _seeds(tensors: Sequence[Any], cotangents: Any, create_graph: bool) -> Seeds:
    """The nodes and leaves where the walk starts, with cotangents that the walk may keep."""
    if cotangents is None:
        cotangents = (None,) * len(tensors)
    cotangents = _listed(cotangents)
    starts = [
        _start(index, tensor, given, create_graph)
        for index, (tensor, given) in enumerate(zip(tensors, cotangents, strict=False))
    ]
    if len(cotangents) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(cotangents)} gradients")
    seeds: list[tuple[Parent, Any]] = []
    for index, (parent, cotangent) in enumerate(starts):
        if parent is None:
            raise RuntimeError(
                f"element {index} of tensors does not require grad and does not have a grad_fn: "
                "nothing it was computed from was made with requires_grad=True, or it was "
                "computed in no_grad"
            )
        if reshaped and isinstance(parent, Node) and parent.shape not in (None, cotangent.shape):
            cotangent = _of_old_shape(cotangent, parent)
        seeds.append((parent, cotangent))
    return seeds


def _start(index: int, tensor: Any, given: Any, create_graph: bool) -> tuple[Parent | None, Any]:
    """Where the walk starts for a tensor, and its cotangent; None if it doesn't require grad."""
    parent: Parent | None
    if isinstance(tensor, GradientEdge):
        parent = tensor._parent()
        like: Any = parent if isinstance(parent, Node) else parent._array
    elif isinstance(tensor, TensorBase):
        refresh(tensor)
        parent, like = (tensor._node or tensor) if tensor._requires_grad else None, tensor._array
    else:
        raise AssertionError(f"Expected output to be a Tensor, not {type(tensor).__name__}")
    if given is None:
        if parent is None:
            return None, None
        one = _ones_like(like)
        return parent, wrap(one) if create_graph else one
    given = _checked_cotangent(index, like, given)
    return parent, given if create_graph else given._array.copy("K")


def _of_old_shape(cotangent: Any, node: Node) -> Any:
    """A cotangent of a tensor whose shape was changed in place, in the shape that its node has."""
    if len(node.shape) > len(cotangent.shape):
        raise RuntimeError(
            f"invalid gradient at index 0 - got {list(cotangent.shape)} but expected shape "
            f"compatible with {list(node.shape)}"
        )
    return fitted(cotangent, node)


def _ones_like(like: Any) -> np.ndarray:
    """A cotangent of 1 for an array, or for the result of a node."""
    if math.prod(like.shape) != 1:
        raise RuntimeError(
            "grad can be implicitly created only for scalar outputs; this one has shape "
            f"{list(like.shape)}: reduce it, for example with .sum(), or pass gradient="
        )
    return _ONE[like.dtype].copy() if not like.shape else np.ones(like.shape, like.dtype)


def _checked_cotangent(index: int, like: Any, cotangent: Any) -> Any:
    """A cotangent given by the user, converted to its tensor's dtype."""
    if not isinstance(cotangent, TensorBase):
        kind = type(cotangent).__name__
        raise TypeError(f"gradients can be either Tensors or None, but got {kind}")
    given = cotangent._array
    if given.shape != like.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{index}] has a shape of torch.Size("
            f"{list(given.shape)}) and output[{index}] has a shape of torch.Size("
            f"{list(like.shape)})."
        )
    return cotangent if given.dtype is like.dtype else OPS["cast"](cotangent, like.dtype)
