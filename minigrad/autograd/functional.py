"""Jacobians, Hessians, and their products with vectors: `grad`, called once or many times.

Let f take x, of n elements, to y, of m. Its Jacobian J is m × n, J[i, j] = ∂y[i] / ∂x[j]; where y
is one element, its Hessian H is the Jacobian of its gradient. A walk back over the tape takes a
cotangent v of y to vᵀJ, and everything here is made of that:

- `vjp`: vᵀJ itself;
- `jacobian`: row i of J is vᵀJ for the v that is 1 at i and 0 elsewhere, so it takes m walks;
- `jvp`: Jv. As a function of u, uᵀJ is linear, and its own Jacobian is Jᵀ: a walk back over the
  walk back takes v to vᵀJᵀ = (Jv)ᵀ, whatever u is (J. Townsend, "A new trick for calculating
  Jacobian vector products", 2017, https://j-towns.github.io/2017/06/12/A-new-trick.html);
- `hessian`, `vhp` and `hvp`: the `jacobian`, the `vjp` and the `jvp` of the gradient.

Inputs, outputs and vectors are tensors or tuples of tensors, and results have their structure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from ..api.creation import zeros_like
from ..api.functions import stack
from ..api.tensor import Tensor
from ..core.backward import grad
from ..core.grad_mode import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors: TypeAlias = tuple[Tensor, ...]
# Gradients as `grad` gives them: None where nothing depends on the input.
Found: TypeAlias = Sequence[Tensor | None]

# First derivatives --------------------------------------------------------------------------------


def vjp(
    func: Callable[..., Any],
    inputs: Tensor | Tensors,
    v: Tensor | Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The outputs of `func`, and vᵀJ: the product of a vector with its Jacobian.

    `v` has the outputs' shapes, and is 1 if it is left out, for one output of one element. vᵀJ has
    the inputs' shapes. With `create_graph` both results can be differentiated in their turn, with
    respect to what they were computed from that requires grad; otherwise they have no history.

    Where no output depends on an input, vᵀJ is zeros; with `strict` that is a RuntimeError, and so
    is an output without a history, or a vᵀJ without one where `create_graph` asks for it.
    RuntimeError for a `v` of another shape, or none where it is needed; TypeError for what is
    neither a tensor nor a tuple of tensors.

    >>> x, v = minigrad.tensor([1., 2., 3.]), minigrad.tensor([1., 10., 100.])
    >>> minigrad.autograd.functional.vjp(lambda x: x * x, x, v)
    (tensor([1., 4., 9.]), tensor([  2.,  40., 600.]))
    """
    with enable_grad():
        many_inputs, x = _inputs(inputs, "vjp", create_graph)
        many_outputs, y = _outputs(func, x, "vjp", strict)
        vector = _vector(v, "vjp", y, many_outputs, "user-provided function returns")
        product = _back(y, x, vector, create_graph)
        if strict:
            _check(product, _UNUSED, _LINEAR if create_graph else None)
        outputs = _results(y, many_outputs, create_graph)
        return outputs, _results(_or_zeros(product, x), many_inputs, create_graph)


def jvp(
    func: Callable[..., Any],
    inputs: Tensor | Tensors,
    v: Tensor | Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The outputs of `func`, and Jv: how fast they change as the inputs move along `v`.

    `v` has the inputs' shapes, and is 1 if it is left out, for one input of one element. Jv has the
    outputs' shapes. It takes two walks back, as said at the head of this file. `create_graph`,
    `strict` and errors are as in `vjp`.

    >>> x, v = minigrad.tensor([1., 2., 3.]), minigrad.tensor([1., 10., 100.])
    >>> minigrad.autograd.functional.jvp(lambda x: (x * x).sum(), x, v)
    (tensor(14.), tensor(642.))
    """
    with enable_grad():
        many_inputs, x = _inputs(inputs, "jvp", create_graph)
        vector = _vector(v, "jvp", x, many_inputs, "input to the user-provided function is")
        many_outputs, y = _outputs(func, x, "jvp", strict)
        back, product = _back_and_forth(y, x, vector, create_graph)
        if strict:
            _check(back, _UNUSED, _NOT_WALKED)
            _check(product, _NOT_REACHED, _LINEAR_OUTPUT if create_graph else None)
        outputs = _results(y, many_outputs, create_graph)
        return outputs, _results(_or_zeros(product, y), many_outputs, create_graph)


def jacobian(
    func: Callable[..., Any],
    inputs: Tensor | Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of `func`, one walk back for each element of its outputs.

    The block for an output and an input has the output's shape followed by the input's. There is a
    tuple of blocks, one for each input, if the inputs are a tuple, and a tuple of what there is for
    each output, if the outputs are.

    `create_graph`, `strict` and errors are as in `vjp`, and RuntimeError for an output without
    elements. `vectorize=True` and `strategy="forward-mode"` are not implemented.

    >>> x, y = minigrad.tensor([1., 2.]), minigrad.tensor(3.)
    >>> minigrad.autograd.functional.jacobian(lambda x, y: x * y, (x, y))
    (tensor([[3., 0.],
             [0., 3.]]), tensor([1., 2.]))
    """
    _check_options(create_graph, strict, vectorize, strategy)
    with enable_grad():
        many_inputs, x = _inputs(inputs, "jacobian", create_graph)
        many_outputs, y = _outputs(func, x, "jacobian", strict)
        blocks = []
        for i, output in enumerate(y):
            unused = f"Output {i} of the user-provided function is independent of input {{0}}"
            rows = []
            for element in output.reshape(-1):
                row = _back((element,), x, (None,), create_graph, retain_graph=True)
                if strict:
                    _check(row, unused, _LINEAR if create_graph else None)
                rows.append(_or_zeros(row, x))
            stacks = [stack([row[j] for row in rows]) for j in range(len(x))]
            block = [s.view(output.shape + z.shape) for s, z in zip(stacks, x, strict=True)]
            blocks.append(_results(block, many_inputs, create_graph))
        return tuple(blocks) if many_outputs else blocks[0]


# Second derivatives -------------------------------------------------------------------------------


def hessian(
    func: Callable[..., Any],
    inputs: Tensor | Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of `func`, which returns one element: the Jacobian of its gradient.

    For one input, its shape comes twice. For a tuple, `hessian(...)[i][j]` is the block of inputs i
    and j: the shape of i followed by that of j.

    `create_graph`, `strict` and errors are as in `vjp`; `strict` refuses a constant gradient, too.
    RuntimeError where `func` does not return one tensor of one element, and for an input without
    elements. `vectorize=True` and `outer_jacobian_strategy="forward-mode"` are not implemented.

    >>> x = minigrad.tensor([2., 3.])
    >>> minigrad.autograd.functional.hessian(lambda x: x[0] * x[0] * x[1], x)
    tensor([[6., 4.],
            [4., 0.]])
    """
    many_inputs, inputs = _tensors(inputs, "inputs", "hessian")

    def gradient(*x: Tensor) -> Tensors:
        return _gradient(func, _fresh(x, create_graph=True), "hessian", strict)[1]

    found = jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return found if many_inputs else found[0][0]


def vhp(
    func: Callable[..., Any],
    inputs: Tensor | Tensors,
    v: Tensor | Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensor, Any]:
    """The output of `func`, which is one element, and vᵀH: a vector's product with its Hessian.

    `v` and vᵀH have the inputs' shapes; `v` is 1 if it is left out, for one input of one element.
    `create_graph`, `strict` and errors are as in `hessian`, but inputs may be without elements.

    >>> x, v = minigrad.tensor([2., 3.]), minigrad.tensor([1., 10.])
    >>> minigrad.autograd.functional.vhp(lambda x: x[0] * x[0] * x[1], x, v)
    (tensor(12.), tensor([46.,  4.]))
    """
    with enable_grad():
        many_inputs, x = _inputs(inputs, "vhp", create_graph)
        vector = _vector(v, "vhp", x, many_inputs, "input to the user-provided function is")
        y, g = _gradient(func, x, "vhp", strict)
        product = _back(g, x, vector, create_graph)
        if strict:
            _check(product, _LINEAR, _QUADRATIC if create_graph else None)
        output = _results((y,), False, create_graph)
        return output, _results(_or_zeros(product, x), many_inputs, create_graph)


def hvp(
    func: Callable[..., Any],
    inputs: Tensor | Tensors,
    v: Tensor | Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensor, Any]:
    """The output of `func`, which is one element, and Hv: its Hessian's product with a vector.

    As `vhp`, to which it is equal where H is symmetric, and that is wherever the second derivatives
    are continuous (Schwarz's theorem); it takes three walks back, and `vhp` two.

    >>> x, v = minigrad.tensor([2., 3.]), minigrad.tensor([1., 10.])
    >>> minigrad.autograd.functional.hvp(lambda x: x[0] * x[0] * x[1], x, v)
    (tensor(12.), tensor([46.,  4.]))
    """
    with enable_grad():
        many_inputs, x = _inputs(inputs, "hvp", create_graph)
        vector = _vector(v, "hvp", x, many_inputs, "input to the user-provided function is")
        y, g = _gradient(func, x, "hvp", strict)
        _, product = _back_and_forth(g, x, vector, create_graph)
        if strict:
            _check(product, _GRADIENT_NOT_REACHED, _QUADRATIC if create_graph else None)
        output = _results((y,), False, create_graph)
        return output, _results(_or_zeros(product, x), many_inputs, create_graph)


# In and out ---------------------------------------------------------------------------------------


def _tensors(value: Any, what: str, name: str) -> tuple[bool, Tensors]:
    """Whether `value` is a tuple, and it as a tuple of tensors."""
    many = isinstance(value, tuple)
    tensors = value if many else (value,)
    for i, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            where = f"value at index {i}" if many else f"given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the "
                f"{where} has type {type(tensor)}."
            )
    return many, tensors


def _fresh(tensors: Tensors, create_graph: bool) -> Tensors:
    """The tensors again, on the same memory, so that what `func` captured is no input of it.

    They are leaves, or views of what is to be differentiated with respect to later.
    """
    return tuple(
        x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_()
        for x in tensors
    )


def _inputs(inputs: Any, name: str, create_graph: bool) -> tuple[bool, Tensors]:
    many, tensors = _tensors(inputs, "inputs", name)
    return many, _fresh(tensors, create_graph)


def _outputs(func: Callable[..., Any], x: Tensors, name: str, strict: bool) -> tuple[bool, Tensors]:
    many, y = _tensors(func(*x), "outputs of the user-provided function", name)
    if strict:
        _check(y, None, _UNRECORDED)
    return many, y


def _vector(v: Any, name: str, like: Tensors, many: bool, single: str) -> Found:
    """`v` as a tuple, of the shapes of `like`; or of None, which stands for a one."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if the {single} a single Tensor with a single "
                "element."
            )
        return (None,)
    _, v = _tensors(v, "v", name)
    if len(v) != len(like):
        if not many:
            raise RuntimeError(f"The given v should contain a single Tensor, not {len(v)}.")
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}."
        )
    for i, (given, model) in enumerate(zip(v, like, strict=True)):
        if given.shape != model.shape:
            raise RuntimeError(
                f"{f'Entry {i} in ' if many else ''}v has invalid size: should be {model.shape} "
                f"but got {given.shape}."
            )
    return v


def _or_zeros(found: Found, like: Tensors) -> Tensors:
    return tuple(zeros_like(x) if g is None else g for g, x in zip(found, like, strict=True))


def _results(tensors: Sequence[Tensor], many: bool, create_graph: bool) -> Any:
    """What the user gets: with a history if that was asked for, and a tuple for a tuple."""
    results = tuple(x if create_graph else x.detach() for x in tensors)
    return results if many else results[0]


# Walks --------------------------------------------------------------------------------------------


def _back(
    y: Tensors, x: Tensors, v: Found, create_graph: bool, retain_graph: bool | None = None
) -> Found:
    """vᵀJ, by one walk back from those outputs that have a history."""
    pairs = [(output, u) for output, u in zip(y, v, strict=True) if output.requires_grad]
    if not pairs:
        return (None,) * len(x)
    outputs, cotangents = zip(*pairs, strict=True)
    return grad(outputs, x, cotangents, retain_graph, create_graph, allow_unused=True)


def _back_and_forth(y: Tensors, x: Tensors, v: Found, create_graph: bool) -> tuple[Found, Found]:
    """uᵀJ for some u, as a function of u; and Jv, by a walk back over that."""
    u = tuple(zeros_like(output, requires_grad=True) for output in y)
    back = _back(y, x, u, create_graph=True)
    return back, _back(_or_zeros(back, x), u, v, create_graph)


def _gradient(
    func: Callable[..., Any], x: Tensors, name: str, strict: bool
) -> tuple[Tensor, Tensors]:
    """The one element that `func` returns, and its gradient, as a function of `x`."""
    many, y = _outputs(func, x, name, strict)
    if many:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if y[0].numel() != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {name} should contain a single element, "
            f"but has shape {list(y[0].shape)}: reduce it, with .sum() say"
        )
    found = _back(y, x, (None,), create_graph=True)
    if strict:
        _check(found, _LINEAR_FUNC if name == "hessian" else _UNUSED, _LINEAR_FUNC)
    return y[0], _or_zeros(found, x)


# Strict mode --------------------------------------------------------------------------------------

_UNRECORDED = "Output {0} of the user-provided function does not require gradients"
_UNUSED = "The output of the user-provided function is independent of input {0}"
_LINEAR = "The jacobian of the user-provided function is independent of input {0}"
_LINEAR_OUTPUT = (
    "The jacobian of the user-provided function is independent of the inputs for output {0}"
)
_LINEAR_FUNC = (
    "While computing the hessian, found that the jacobian of the user-provided function with "
    "respect to input {0} is independent of the input"
)
_QUADRATIC = "The hessian of the user-provided function is independent of input {0}"
_NOT_WALKED = (
    "The gradient with respect to input {0} is independent of the inputs of the user-provided "
    "function"
)
_NOT_REACHED = (
    "The gradient with respect to the input is independent of entry {0} in the grad_outputs, so "
    "output {0} of the user-provided function is independent of the inputs"
)
_GRADIENT_NOT_REACHED = (
    "The hessian of the user-provided function is independent of entry {0} in the grad_jacobian, "
    "so the gradient with respect to input {0} is independent of the inputs"
)


def _check(tensors: Found, unused: str | None, constant: str | None) -> None:
    """RuntimeError for the first that is None, or that does not require grad if it should."""
    for i, tensor in enumerate(tensors):
        said = unused if tensor is None else None if tensor.requires_grad else constant
        if said is not None:
            raise RuntimeError(
                f"{said.format(i)}. This is not allowed in strict mode; with strict=False, the "
                "derivative is zeros."
            )


def _check_options(create_graph: bool, strict: bool, vectorize: bool, strategy: str) -> None:
    """Refuse what PyTorch does, and then forward mode and walks for several rows at once."""
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    forward = strategy == "forward-mode"
    together = "minigrad.autograd.functional.jacobian: `{}` and `{}` are not supported together"
    if forward and create_graph:
        raise NotImplementedError(together.format("create_graph=True", 'strategy="forward-mode"'))
    if forward and strict:
        raise RuntimeError(together.format("strict=True", 'strategy="forward-mode"'))
    if vectorize and strict:
        raise RuntimeError(together.format("strict=True", "vectorized=True"))
    if forward:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is not "
            "implemented: leave strategy (hessian's outer_jacobian_strategy) out"
        )
    if vectorize:
        raise NotImplementedError(
            "vectorize=True is not implemented: leave it out; the values are the same"
        )
