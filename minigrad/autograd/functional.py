"""Jacobians, Hessians and their products with vectors, computed by calls of `grad`.

Let f map x, of n elements, to y, of m elements. Its Jacobian J is m × n, with J[i, j] =
∂y[i] / ∂x[j]. If y has one element, the Hessian H of f is the Jacobian of its gradient. A walk back
over the tape takes a cotangent v of y to vᵀJ. All functions here consist of such walks:

- `vjp`: vᵀJ, by one walk.
- `jacobian`: row i of J is vᵀJ for the unit vector v at i, so it takes m walks.
- `jvp`: Jv, by two walks. uᵀJ is a linear function of u, and its Jacobian is Jᵀ. So a walk back
  over the first walk takes v to vᵀJᵀ = (Jv)ᵀ, for any u (J. Townsend, "A new trick for calculating
  Jacobian vector products", 2017, https://j-towns.github.io/2017/06/12/A-new-trick.html).
- `hessian`, `vhp` and `hvp`: the `jacobian`, `vjp` and `jvp` of the gradient.

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
# Gradients as `grad` returns them: None for an input that nothing depends on.
Gradients: TypeAlias = Sequence[Tensor | None]

# First derivatives --------------------------------------------------------------------------------


def vjp(
    func: Callable[..., Any],
    inputs: Tensor | Tensors,
    v: Tensor | Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Return the outputs of `func`, and vᵀJ: the product of a vector with its Jacobian.

    `v` has the shapes of the outputs. It may be left out, and is 1 then, for one output of one
    element. vᵀJ has the shapes of the inputs. With `create_graph` both results can be
    differentiated again; otherwise they have no history.

    vᵀJ is zero for an input that no output depends on. With `strict` that is a RuntimeError, as is
    an output without a history and, with `create_graph`, a vᵀJ without one. RuntimeError also for a
    `v` that has the wrong shape or is missing, TypeError for anything other than tensors and tuples
    of tensors.

    >>> x, v = minigrad.tensor([1., 2., 3.]), minigrad.tensor([1., 10., 100.])
    >>> minigrad.autograd.functional.vjp(lambda x: x * x, x, v)
    (tensor([1., 4., 9.]), tensor([  2.,  40., 600.]))
    """
    with enable_grad():
        f = _Differentiated(func, inputs, "vjp", create_graph, strict)
        y = f.outputs()
        product = _walk_back(y, f.x, f.vector_like_outputs(v), create_graph)
        f.check(product, _UNUSED, _LINEAR if create_graph else None)
        return f.returned_outputs(y), f.returned_inputs(product)


def jvp(
    func: Callable[..., Any],
    inputs: Tensor | Tensors,
    v: Tensor | Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Return the outputs of `func`, and Jv: their derivative in the direction `v`.

    `v` has the shapes of the inputs. It may be left out, and is 1 then, for one input of one
    element. Jv has the shapes of the outputs. `create_graph`, `strict` and errors are as in `vjp`.

    >>> x, v = minigrad.tensor([1., 2., 3.]), minigrad.tensor([1., 10., 100.])
    >>> minigrad.autograd.functional.jvp(lambda x: (x * x).sum(), x, v)
    (tensor(14.), tensor(642.))
    """
    with enable_grad():
        f = _Differentiated(func, inputs, "jvp", create_graph, strict)
        vector = f.vector_like_inputs(v)
        y = f.outputs()
        first, product = _walk_twice(y, f.x, vector, create_graph)
        f.check(first, _UNUSED, _NOT_WALKED)
        f.check(product, _NOT_REACHED, _LINEAR_OUTPUT if create_graph else None)
        return f.returned_outputs(y), f.returned_outputs(product)


def jacobian(
    func: Callable[..., Any],
    inputs: Tensor | Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Return the Jacobian of `func`, computed by one walk back per element of its outputs.

    The block for an output and an input has the output's shape followed by the input's. If the
    inputs are a tuple, there is a tuple of blocks, one per input. If the outputs are a tuple, there
    is a tuple of those, one per output.

    `create_graph`, `strict` and errors are as in `vjp`. RuntimeError also for an output without
    elements. `vectorize` changes nothing. `strategy="forward-mode"` is not implemented.

    >>> x, y = minigrad.tensor([1., 2.]), minigrad.tensor(3.)
    >>> minigrad.autograd.functional.jacobian(lambda x, y: x * y, (x, y))
    (tensor([[3., 0.],
             [0., 3.]]), tensor([1., 2.]))
    """
    _check_options(create_graph, strict, vectorize, strategy)
    with enable_grad():
        f = _Differentiated(func, inputs, "jacobian", create_graph, strict)
        blocks = []
        for i, output in enumerate(f.outputs()):
            unused = f"Output {i} of the user-provided function is independent of input {{0}}"
            rows = []
            for element in output.reshape(-1):
                row = _walk_back((element,), f.x, (None,), create_graph, retain_graph=True)
                f.check(row, unused, _LINEAR if create_graph else None)
                rows.append(_or_zeros(row, f.x))
            stacks = [stack([row[j] for row in rows]) for j in range(len(f.x))]
            block = [s.view(output.shape + x.shape) for s, x in zip(stacks, f.x, strict=True)]
            blocks.append(f.returned_inputs(block))
        return tuple(blocks) if f.outputs_in_tuple else blocks[0]


# Second derivatives -------------------------------------------------------------------------------


def hessian(
    func: Callable[..., Any],
    inputs: Tensor | Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return the Hessian of `func`, which returns one element: the Jacobian of its gradient.

    For one input, the shape is the input's twice. For a tuple, `hessian(...)[i][j]` is the block of
    inputs i and j, with the shape of i followed by that of j.

    `create_graph`, `strict` and errors are as in `vjp`, but `strict` also refuses a constant
    gradient. RuntimeError unless `func` returns one tensor of one element, and for an input without
    elements. `vectorize` changes nothing. `outer_jacobian_strategy="forward-mode"` is not
    implemented.

    >>> x = minigrad.tensor([2., 3.])
    >>> minigrad.autograd.functional.hessian(lambda x: x[0] * x[0] * x[1], x)
    tensor([[6., 4.],
            [4., 0.]])
    """
    inputs_in_tuple, inputs = _as_tensors(inputs, "inputs", "hessian")

    def gradient(*x: Tensor) -> Tensors:
        return _Differentiated(func, x, "hessian", True, strict).output_and_gradient()[1]

    blocks = jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return blocks if inputs_in_tuple else blocks[0][0]


def vhp(
    func: Callable[..., Any],
    inputs: Tensor | Tensors,
    v: Tensor | Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensor, Any]:
    """Return the output of `func`, one element, and vᵀH: a vector's product with its Hessian.

    `v` and vᵀH have the shapes of the inputs. `v` may be left out, and is 1 then, for one input of
    one element. `create_graph`, `strict` and errors are as in `hessian`, but an input may have no
    elements.

    >>> x, v = minigrad.tensor([2., 3.]), minigrad.tensor([1., 10.])
    >>> minigrad.autograd.functional.vhp(lambda x: x[0] * x[0] * x[1], x, v)
    (tensor(12.), tensor([46.,  4.]))
    """
    with enable_grad():
        f = _Differentiated(func, inputs, "vhp", create_graph, strict)
        vector = f.vector_like_inputs(v)
        y, gradient = f.output_and_gradient()
        product = _walk_back(gradient, f.x, vector, create_graph)
        f.check(product, _LINEAR, _QUADRATIC if create_graph else None)
        return f.returned_outputs(y), f.returned_inputs(product)


def hvp(
    func: Callable[..., Any],
    inputs: Tensor | Tensors,
    v: Tensor | Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensor, Any]:
    """Return the output of `func`, one element, and Hv: its Hessian's product with a vector.

    It is as `vhp`, but takes three walks back instead of two. The results are equal if H is
    symmetric, as it is where the second derivatives are continuous (Schwarz's theorem).

    >>> x, v = minigrad.tensor([2., 3.]), minigrad.tensor([1., 10.])
    >>> minigrad.autograd.functional.hvp(lambda x: x[0] * x[0] * x[1], x, v)
    (tensor(12.), tensor([46.,  4.]))
    """
    with enable_grad():
        f = _Differentiated(func, inputs, "hvp", create_graph, strict)
        vector = f.vector_like_inputs(v)
        y, gradient = f.output_and_gradient()
        _, product = _walk_twice(gradient, f.x, vector, create_graph)
        f.check(product, _GRADIENT_NOT_REACHED, _QUADRATIC if create_graph else None)
        return f.returned_outputs(y), f.returned_inputs(product)


# Walks --------------------------------------------------------------------------------------------


def _walk_back(
    y: Tensors, x: Tensors, v: Gradients, create_graph: bool, retain_graph: bool | None = None
) -> Gradients:
    """vᵀJ, by one walk back from the outputs that have a history."""
    pairs = [(output, u) for output, u in zip(y, v, strict=True) if output.requires_grad]
    if not pairs:
        return (None,) * len(x)
    outputs, cotangents = zip(*pairs, strict=True)
    return grad(outputs, x, cotangents, retain_graph, create_graph, allow_unused=True)


def _walk_twice(
    y: Tensors, x: Tensors, v: Gradients, create_graph: bool
) -> tuple[Gradients, Gradients]:
    """uᵀJ as a function of some u, by a walk back; and Jv, by a walk back over that."""
    u = tuple(zeros_like(output, requires_grad=True) for output in y)
    first = _walk_back(y, x, u, create_graph=True)
    return first, _walk_back(_or_zeros(first, x), u, v, create_graph)


def _or_zeros(gradients: Gradients, like: Tensors) -> Tensors:
    return tuple(zeros_like(x) if g is None else g for g, x in zip(gradients, like, strict=True))


# Inputs and outputs -------------------------------------------------------------------------------


class _Differentiated:
    """A function and its inputs, with the checks and conversions that all derivatives share.

    `x` are the inputs that the function is called with, and `y` its outputs.
    """

    def __init__(
        self, func: Callable[..., Any], inputs: Any, name: str, create_graph: bool, strict: bool
    ) -> None:
        self.func, self.name, self.create_graph, self.strict = func, name, create_graph, strict
        self.inputs_in_tuple, inputs = _as_tensors(inputs, "inputs", name)
        self.x = _fresh(inputs, create_graph)

    def outputs(self) -> Tensors:
        """Call the function."""
        found = _as_tensors(self.func(*self.x), "outputs of the user-provided function", self.name)
        self.outputs_in_tuple, self.y = found
        self.check(self.y, None, _UNRECORDED)
        return self.y

    def output_and_gradient(self) -> tuple[Tensors, Tensors]:
        """Call the function, which must return one element, and compute its gradient, recorded."""
        y = self.outputs()
        if self.outputs_in_tuple:
            raise RuntimeError(f"The function given to {self.name} should return a single Tensor")
        if y[0].numel() != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {self.name} should contain a single "
                f"element, but has shape {list(y[0].shape)}: reduce it, for example with .sum()"
            )
        gradient = _walk_back(y, self.x, (None,), create_graph=True)
        self.check(gradient, _LINEAR_FUNC if self.name == "hessian" else _UNUSED, _LINEAR_FUNC)
        return y, _or_zeros(gradient, self.x)

    def vector_like_inputs(self, v: Any) -> Gradients:
        only_one = "input to the user-provided function is"
        return _vector(v, self.name, self.x, self.inputs_in_tuple, only_one)

    def vector_like_outputs(self, v: Any) -> Gradients:
        only_one = "user-provided function returns"
        return _vector(v, self.name, self.y, self.outputs_in_tuple, only_one)

    def check(self, tensors: Gradients, unused: str | None, constant: str | None) -> None:
        if self.strict:
            _check_dependence(tensors, unused, constant)

    def returned_inputs(self, found: Gradients) -> Any:
        return _results(_or_zeros(found, self.x), self.inputs_in_tuple, self.create_graph)

    def returned_outputs(self, found: Gradients) -> Any:
        return _results(_or_zeros(found, self.y), self.outputs_in_tuple, self.create_graph)


def _as_tensors(value: Any, what: str, name: str) -> tuple[bool, Tensors]:
    """Whether `value` is a tuple, and its tensors as a tuple. TypeError for anything else."""
    in_tuple = isinstance(value, tuple)
    tensors = value if in_tuple else (value,)
    for i, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            where = f"value at index {i}" if in_tuple else f"given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the "
                f"{where} has type {type(tensor)}."
            )
    return in_tuple, tensors


def _fresh(tensors: Tensors, create_graph: bool) -> Tensors:
    """New tensors on the same memory, so that a tensor which the function captured isn't its input.

    They are leaves, or views of tensors that are to be differentiated with respect to later.
    """
    return tuple(
        x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_()
        for x in tensors
    )


def _results(tensors: Sequence[Tensor], in_tuple: bool, create_graph: bool) -> Any:
    """The tensors as the user gets them: a tuple for a tuple, recorded for `create_graph`."""
    results = tuple(x if create_graph else x.detach() for x in tensors)
    return results if in_tuple else results[0]


def _vector(v: Any, name: str, like: Tensors, in_tuple: bool, only_one: str) -> Gradients:
    """`v` as a tuple of tensors with the shapes of `like`, or (None,), which stands for a 1."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if the {only_one} a single Tensor with a single "
                "element."
            )
        return (None,)
    _, v = _as_tensors(v, "v", name)
    if len(v) != len(like):
        if not in_tuple:
            raise RuntimeError(f"The given v should contain a single Tensor, not {len(v)}.")
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}."
        )
    for i, (given, model) in enumerate(zip(v, like, strict=True)):
        if given.shape != model.shape:
            raise RuntimeError(
                f"{f'Entry {i} in ' if in_tuple else ''}v has invalid size: should be "
                f"{model.shape} but got {given.shape}."
            )
    return v


# Strict mode and options --------------------------------------------------------------------------

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


def _check_dependence(tensors: Gradients, unused: str | None, constant: str | None) -> None:
    """RuntimeError for the first tensor that is None (`unused`) or has no history (`constant`).

    The arguments are the messages; a message of None allows that.
    """
    for i, tensor in enumerate(tensors):
        said = unused if tensor is None else None if tensor.requires_grad else constant
        if said is not None:
            raise RuntimeError(
                f"{said.format(i)}. This is not allowed in strict mode; with strict=False, the "
                "derivative is zero."
            )


def _check_options(create_graph: bool, strict: bool, vectorize: bool, strategy: str) -> None:
    """Raise PyTorch's errors, then NotImplementedError for forward mode."""
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
