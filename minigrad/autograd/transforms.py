"""`grad` and its kin as functions of functions, under their names in torch.func.

Each calls the function with fresh tensors in the place of its inputs and walks back over the tape.
If the outputs depend on other tensors that require grad, the results have a history: those are
tensors that the user differentiates by, or inputs of another of these functions around this one. So
they can be nested, and mixed with `backward`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ..api.creation import eye, zeros_like
from ..api.functions import stack
from ..api.tensor import Tensor
from ..core.backward import grad as walk_back
from ..core.grad_mode import enable_grad, is_grad_enabled
from ..core.node import Node
from .structures import drawn, flattened

ArgNums = int | tuple[int, ...]


def grad(func: Callable[..., Any], argnums: ArgNums = 0, has_aux: bool = False) -> Any:
    """Return a function that computes the gradient of `func`, which returns a 0-d tensor.

    The gradient is by the argument with the number `argnums`, or a tuple of gradients for a tuple
    of numbers. An argument may be a structure of tensors (tuples, lists, dicts), and the gradient
    then is one. With `has_aux`, `func` returns a pair, whose second item is returned as it is.

    RuntimeError for other outputs and for wrong `argnums`, ValueError for an argument that isn't a
    tensor.

    >>> minigrad.func.grad(lambda x: (x * x).sum())(minigrad.tensor([1., 2.]))
    tensor([2., 4.])
    """

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def grad_and_value(func: Callable[..., Any], argnums: ArgNums = 0, has_aux: bool = False) -> Any:
    """Return a function that computes the gradient of `func`, as `grad` does, and its value.

    With `has_aux` the value is a pair, as `func` returns it.

    >>> minigrad.func.grad_and_value(lambda x: (x * x).sum())(minigrad.tensor([1., 2.]))
    (tensor([2., 4.]), tensor(5.))
    """

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        numbers = _checked_argnums(argnums, len(args))
        run = _Run([args[i] for i in numbers])
        output = run.call(lambda *chosen: func(*_replaced(args, numbers, chosen), **kwargs))
        output, aux = _parted(output, has_aux, "grad_and_value(f)(*args)")
        if not isinstance(output, Tensor):
            raise RuntimeError(
                "grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got "
                f"{type(output)}"
            )
        if output.ndim:
            raise RuntimeError(
                "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got "
                f"tensor with {output.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs "
                "instead?"
            )
        gradients = run.structured(run.cotangents_of([output], [None]))
        found = gradients[0] if isinstance(argnums, int) else tuple(gradients)
        value = run.returned(output)
        return found, (value, run.returned_aux(aux)) if has_aux else value

    return both


def _parted(output: Any, has_aux: bool, called: str) -> tuple[Any, Any]:
    """The output of a function, and what it returns next to it with `has_aux`."""
    if not has_aux:
        return output, None
    if not (isinstance(output, tuple) and len(output) == 2):
        raise RuntimeError(
            f"{called}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return output


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Return the output of `func` and a function that takes cotangents of it to those of `primals`.

    The cotangents have the structure and the shapes of the output. The function returns a tuple
    with one item per primal. With `has_aux`, `func` returns a pair, whose second item is returned
    as the third. RuntimeError for an output that isn't made of tensors, and for cotangents of
    another structure or shape.

    >>> x = minigrad.tensor([1., 2.])
    >>> output, pull_back = minigrad.func.vjp(lambda x: x * x, x)
    >>> pull_back(minigrad.ones(2))
    (tensor([2., 4.]),)
    """
    run = _Run(list(primals))
    output = run.call(func)
    output, aux = _parted(output, has_aux, "vjp(f, *primals)")
    outputs, rebuilt = flattened(output)
    _check_outputs(outputs)

    def pull_back(cotangents: Any) -> Any:
        given, _ = flattened(cotangents)
        if drawn(cotangents) != drawn(output):
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {drawn(cotangents)}, primal output: "
                f"{drawn(output)}"
            )
        for index, (cotangent, of) in enumerate(zip(given, outputs, strict=True)):
            if cotangent.shape != of.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{index}] has a shape of {cotangent.shape} and "
                    f"output[{index}] has a shape of {of.shape}."
                )
        return tuple(run.structured(run.cotangents_of(outputs, given)))

    value = rebuilt([run.returned(x) for x in outputs])
    return (value, pull_back, run.returned_aux(aux)) if has_aux else (value, pull_back)


def jacrev(
    func: Callable[..., Any],
    argnums: ArgNums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Any:
    """Return a function that computes the Jacobian of `func`, by a walk per element of its outputs.

    The block for an output and an input has the output's shape followed by the input's. The result
    has the structure of the outputs with, for each, the structure of the inputs: of one argument,
    or of a tuple of them for a tuple `argnums`. `chunk_size`, which saves memory in PyTorch, has no
    effect. `has_aux` is as in `grad`.

    >>> minigrad.func.jacrev(lambda x: x * x)(minigrad.tensor([1., 2.]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        numbers = _checked_argnums(argnums, len(args))
        run = _Run([args[i] for i in numbers])
        output = run.call(lambda *chosen: func(*_replaced(args, numbers, chosen), **kwargs))
        output, aux = _parted(output, has_aux, "jacrev(f)(*args)")
        outputs, rebuilt = flattened(output)
        _check_outputs(outputs)
        blocks = []
        for out in outputs:
            block = run.structured(_jacobian_blocks(run, out))
            blocks.append(block[0] if isinstance(argnums, int) else tuple(block))
        found = rebuilt(blocks)
        return (found, run.returned_aux(aux)) if has_aux else found

    return jacobian


def _jacobian_blocks(run: _Run, output: Tensor) -> list[Tensor]:
    """The Jacobian of one output by each input."""
    count = output.numel()
    if count == 0:
        return [zeros_like(x).new_zeros((*output.shape, *x.shape)) for x in run.x]
    units = eye(count, dtype=output.dtype if output.is_floating_point() else None)
    rows = [run.cotangents_of([output], [units[i].view(output.shape)]) for i in range(count)]
    columns = zip(*rows, strict=True)
    return [
        stack(list(column)).view((*output.shape, *x.shape))
        for column, x in zip(columns, run.x, strict=True)
    ]


def hessian(func: Callable[..., Any], argnums: ArgNums = 0) -> Any:
    """Return a function that computes the Hessian of `func`: the Jacobian of its Jacobian.

    >>> minigrad.func.hessian(lambda x: (x * x * x).sum())(minigrad.tensor([1., 2.]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)


# What is refused ----------------------------------------------------------------------------------


def vmap(func: Callable[..., Any], *args: Any, **options: Any) -> NoReturn:
    """Raise NotImplementedError: write the function for a batch, or stack the results of a loop."""
    raise NotImplementedError("vmap is not implemented: write the function for a batch, or loop")


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, **options: Any) -> NoReturn:
    """Raise NotImplementedError: use `autograd.functional.jvp`, which takes two walks back."""
    raise NotImplementedError("func.jvp is not implemented: use autograd.functional.jvp")


def jacfwd(func: Callable[..., Any], *args: Any, **options: Any) -> NoReturn:
    """Raise NotImplementedError: there is no forward mode, and `jacrev` has the same result."""
    raise NotImplementedError("func.jacfwd is not implemented: use func.jacrev")


# Calls of a function ------------------------------------------------------------------------------


class _Run:
    """A call of a function whose outputs are then differentiated by its inputs.

    `x` are the tensors in the inputs, made fresh.
    """

    def __init__(self, inputs: list[Any]) -> None:
        self.recorded = is_grad_enabled()
        leaves, self.rebuilt = flattened(inputs)
        self.x = [self._fresh(leaf) for leaf in leaves]

    def _fresh(self, x: Any) -> Tensor:
        if not isinstance(x, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")
        if not x.is_floating_point():
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if x.requires_grad and self.recorded:
            return x.view_as(x)
        return x.detach().requires_grad_()

    def call(self, func: Callable[..., Any]) -> Any:
        with enable_grad():
            return func(*self.rebuilt(list(self.x)))

    def structured(self, leaves: Sequence[Any]) -> list[Any]:
        """A list with the structure of the inputs."""
        return self.rebuilt(list(leaves))

    def cotangents_of(self, outputs: list[Tensor], cotangents: Sequence[Any]) -> list[Tensor]:
        """The cotangents of the inputs from those of the outputs; zeros where nothing arrives."""
        pairs = [(y, v) for y, v in zip(outputs, cotangents, strict=True) if y.requires_grad]
        if not pairs:
            return [zeros_like(x) for x in self.x]
        create_graph = any(
            self._has_history(t) for pair in pairs for t in pair if isinstance(t, Tensor)
        )
        ys, vs = zip(*pairs, strict=True)
        found = walk_back(ys, self.x, vs, True, create_graph, allow_unused=True)
        return [zeros_like(x) if d is None else d for d, x in zip(found, self.x, strict=True)]

    def returned(self, y: Tensor) -> Tensor:
        """An output without a history, unless it has one outside of this call."""
        return y if self._has_history(y) else y.detach()

    def returned_aux(self, aux: Any) -> Any:
        leaves, rebuilt = flattened(aux)
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise RuntimeError(f"Expected tensors, got unsupported type {type(leaf)}")
        return rebuilt([self.returned(leaf) for leaf in leaves])

    def _has_history(self, y: Tensor) -> bool:
        """Whether a tensor depends on a leaf that requires grad, other than the fresh inputs."""
        fresh = {id(x) for x in self.x}
        return self.recorded and any(id(leaf) not in fresh for leaf in leaves_of(y))


def leaves_of(tensor: Tensor) -> list[Any]:
    """The leaves that a tensor depends on, or the tensor itself if it is one that requires grad."""
    if tensor.is_leaf:
        return [tensor] if tensor.requires_grad else []
    todo: list[Any] = [tensor._node]
    leaves: list[Any] = []
    seen = set(todo)
    while todo:
        for parent in todo.pop().parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                (todo if isinstance(parent, Node) else leaves).append(parent)
    return leaves


def _checked_argnums(argnums: Any, count: int) -> tuple[int, ...]:
    """The numbers of the arguments to differentiate by, from 0."""
    if not isinstance(argnums, int | tuple):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    numbers = (argnums,) if isinstance(argnums, int) else argnums
    if not numbers:
        raise RuntimeError("argnums must be non-empty")
    if len(set(numbers)) != len(numbers):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    for number in numbers:
        if not -count <= number < count:
            raise RuntimeError(f"Got argnum={number}, but only {count} positional inputs")
    return tuple(number % count for number in numbers)


def _replaced(args: tuple[Any, ...], numbers: tuple[int, ...], chosen: Sequence[Any]) -> list[Any]:
    replaced = list(args)
    for number, argument in zip(numbers, chosen, strict=True):
        replaced[number] = argument
    return replaced


def _check_outputs(outputs: list[Any]) -> None:
    for output in outputs:
        if not isinstance(output, Tensor):
            raise RuntimeError(
                "vjp(f, *primals): expected f(*primals) to return only tensors, got unsupported "
                f"type {type(output)}"
            )
