"""`gradcheck` and `gradgradcheck`: compare the backward pass with finite differences.

Let J be the Jacobian of a function at a point: J[i, j] is the derivative of the j-th element of an
output with respect to the i-th element of an input. It is computed in two independent ways:

- *Numerically*, from values alone: (f(x + εd) − f(x − εd)) / 2ε is the derivative of the output in
  direction d, the row dᵀJ. Its error has a part of order ε², from the function's curvature, and a
  part of order (machine epsilon) / ε, from rounding (Press et al., Numerical Recipes, 3rd ed.,
  section 5.7). At ε = 1e-6 both are small in float64. In float32 the second is a few percent, so
  there is a warning.
- *Analytically*, by the backward pass, which takes a cotangent v to the column Jv.

*Slow mode* computes J row by row and column by column, with unit vectors for d and for v, and
compares the two matrices element by element.

*Fast mode* compares one number uᵀJv for a random u and a random v: numerically (uᵀJ)·v, with two
evaluations of the function, and analytically u·(Jv), with one backward pass. If the two Jacobians
differ by D ≠ 0, then uᵀDv = 0 only for u and v in a set of measure zero. Freivalds checks matrix
products in the same way (Probabilistic machines can use less running time, IFIP Congress 1977).
Errors below the tolerances can add up or cancel in this number, so the two modes can disagree.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..api.creation import empty, eye, zeros, zeros_like
from ..api.tensor import Tensor
from ..core.backward import grad
from ..random.generator import Generator
from ..random.sampling import rand
from ..rules.dtypes import float64
from .function import Function


class GradcheckError(RuntimeError):
    """The error that `gradcheck` and `gradgradcheck` raise for a wrong gradient.

    As in PyTorch, import it from this module: `autograd.gradcheck` is the function.

    >>> from minigrad.autograd.gradcheck import GradcheckError
    >>> x = minigrad.tensor([1.0], dtype=minigrad.float64, requires_grad=True)
    >>> try:
    ...     minigrad.autograd.gradcheck(lambda x: x * x.detach(), x)
    ... except GradcheckError as error:
    ...     print(error)
    Jacobian mismatch for output 0 with respect to input 0,
    numerical:tensor([[2.0000]], dtype=torch.float64)
    analytical:tensor([[1.]], dtype=torch.float64)
    """


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Return True if the gradients of `func` at `inputs` agree with central differences.

    `inputs` are the arguments of `func`: a tensor, or a tuple of any objects. `func` returns a
    tensor or a tuple of tensors. For each output (m elements) and each input (n elements) that
    require grad, two Jacobians of shape (n, m) are computed, as described at the top of this file.
    They must satisfy |analytical − numerical| ≤ `atol` + `rtol` · |numerical|. In `fast_mode` one
    number is compared per Jacobian. To move an input by `eps`, its elements are written to and then
    restored.

    The backward pass must also give the same result twice, within `nondet_tol`; gradients of the
    input's dtype (if `check_grad_dtypes`); zeros for cotangents of zero; and zeros or no gradients
    if the cotangent of one output or of all is missing (if `check_undefined_grad`). Outputs that
    don't require grad are ignored, but if none does, all must be constant. `masked` is for sparse
    tensors and has no effect.

    If a check fails, GradcheckError, or False without `raise_exception`. ValueError if no input
    requires grad, RuntimeError for an expanded input (whose elements share memory) and for negative
    tolerances, AssertionError for contradictory arguments and if the number, a shape or a dtype of
    the outputs changes. Forward mode and batches are not implemented.

    >>> x = minigrad.tensor([[0.5, -1.0]], dtype=minigrad.float64, requires_grad=True)
    >>> minigrad.autograd.gradcheck(lambda x: (x.exp(), x.sum()), x)
    True
    >>> minigrad.autograd.gradcheck(lambda x: x * x.detach(), x, raise_exception=False)
    False
    """
    _require_one_of(check_forward_ad=check_forward_ad, check_backward_ad=check_backward_ad)
    _require("check_batched_grad", check_batched_grad, check_backward_ad=check_backward_ad)
    _require(
        "check_batched_forward_grad", check_batched_forward_grad, check_forward_ad=check_forward_ad
    )
    _reject_unsupported(check_forward_ad=check_forward_ad, check_batched_grad=check_batched_grad)
    try:
        checker = _Checker(func, _as_tuple(inputs), eps, atol, rtol, nondet_tol, check_grad_dtypes)
        checker.run(fast_mode, check_undefined_grad)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Return True if the second derivatives of `func` are right: `gradcheck` of its backward pass.

    The backward pass is a function of the inputs and of the cotangents `grad_outputs`, one for each
    output that requires grad, of its shape. By default they are random numbers between −1 and 1,
    with gaps in memory if `gen_non_contig_grad_outputs`. First derivatives are not checked. All
    other arguments and errors are those of `gradcheck`. ValueError if no output requires grad.

    >>> x = minigrad.tensor([[0.5, -1.0]], dtype=minigrad.float64, requires_grad=True)
    >>> minigrad.autograd.gradgradcheck(lambda x: x.exp(), x)
    True
    """
    _require_one_of(check_fwd_over_rev=check_fwd_over_rev, check_rev_over_rev=check_rev_over_rev)
    _require("check_undefined_grad", check_undefined_grad, check_rev_over_rev=check_rev_over_rev)
    _require("check_batched_grad", check_batched_grad, check_rev_over_rev=check_rev_over_rev)
    _reject_unsupported(
        check_fwd_over_rev=check_fwd_over_rev, check_batched_grad=check_batched_grad
    )
    inputs = _as_tuple(inputs)
    if grad_outputs is None:
        ys = _differentiable_outputs(func, inputs)
        cotangents = tuple(_random_cotangent(y, gen_non_contig_grad_outputs) for y in ys)
    else:
        cotangents = _as_tuple(grad_outputs)
    return gradcheck(
        _backward_of(func, len(inputs)),
        inputs + cotangents,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        fast_mode=fast_mode,
        masked=masked,
    )


def _backward_of(func: Callable[..., Any], count: int) -> Callable[..., tuple[Tensor, ...]]:
    """The backward pass of `func` as a function of its `count` inputs and the cotangents."""

    def gradients(*arguments: Any) -> tuple[Tensor, ...]:
        inputs, cotangents = arguments[:count], arguments[count:]
        ys = _differentiable_outputs(func, inputs)
        if not ys:
            raise ValueError("gradgradcheck expects at least one output to require gradient")
        found = grad(ys, _requiring_grad(inputs), cotangents, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradients


def _differentiable_outputs(func: Callable[..., Any], inputs: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(y for y in _as_tuple(func(*inputs)) if y.requires_grad)


class _Checker:
    """A function, the inputs at which its gradients are checked, and the tolerances."""

    def __init__(
        self,
        func: Callable[..., Any],
        inputs: tuple[Any, ...],
        eps: float,
        atol: float,
        rtol: float,
        nondet_tol: float,
        dtypes: bool,
    ) -> None:
        _check_points(inputs)
        self.func, self.inputs, self.wanted = func, inputs, _requiring_grad(inputs)
        self.eps, self.atol, self.rtol = eps, atol, rtol
        self.nondet_tol, self.dtypes = nondet_tol, dtypes
        self.outputs = self.call()
        # The positions of the outputs that require grad.
        self.places = [place for place, y in enumerate(self.outputs) if y.requires_grad]

    def call(self) -> tuple[Tensor, ...]:
        return _as_tuple(self.func(*self.inputs))

    def run(self, fast: bool, undefined: bool) -> None:
        """Run all checks. GradcheckError for the first that fails."""
        if not self.places:
            self.check_constant()
            return
        if fast:
            self.check_fast()
        else:
            self.check_slow()
        self.check_zeros()
        if undefined:
            self.check_undefined()

    def check_slow(self) -> None:
        """Compare whole Jacobians."""
        rows = [self.rows(x, _units(x)) for x in self.wanted]
        for output, place in enumerate(self.places):
            columns = self.columns(place, _units(self.outputs[place]))
            for input in range(len(self.wanted)):
                numerical, analytical = rows[input][place], columns[input].T
                if not self.close(analytical, numerical):
                    raise GradcheckError(_mismatch(output, input, numerical, analytical))

    def check_fast(self) -> None:
        """Compare one number per Jacobian. The error shows the whole Jacobian."""
        generator = Generator()  # always with the same seed, so that a failure can be repeated
        us = [_random(x, generator) for x in self.wanted]
        vs = [_random(self.outputs[place], generator) for place in self.places]
        rows = [self.rows(x, u.view(1, *x.shape)) for x, u in zip(self.wanted, us, strict=True)]
        columns = [
            self.columns(place, v.view(1, *self.outputs[place].shape))
            for place, v in zip(self.places, vs, strict=True)
        ]
        for output, (place, v) in enumerate(zip(self.places, vs, strict=True)):
            for input, u in enumerate(us):
                numerical = (rows[input][place] * v).sum()
                analytical = (columns[output][input] * u).sum()
                # If each element of J may be off by atol, uᵀJv may be off by atol · Σᵢⱼ uᵢvⱼ.
                if not self.close(analytical, numerical, u.sum().item() * v.sum().item()):
                    message = _mismatch(output, input, numerical, analytical)
                    raise GradcheckError(message + self.in_slow_mode(input, place))

    def in_slow_mode(self, input: int, place: int) -> str:
        """The slow mode's result, for the error message of the fast mode."""
        x, y = self.wanted[input], self.outputs[place]
        numerical = self.rows(x, _units(x))[place]
        analytical = self.columns(place, _units(y))[input].T
        text = (
            "\nThe above quantities relating the numerical and analytical jacobians are computed \n"
            "in fast mode. Below, we recompute numerical and analytical jacobians in slow mode:\n\n"
            f"Numerical:\n {numerical}\nAnalytical:\n{analytical}\n\n"
            "The max per-element difference (slow mode) is: "
            f"{(analytical - numerical).abs().max()}.\n"
        )
        if self.close(analytical, numerical):
            text += (
                "Fast gradcheck failed but element-wise differences are small. This means that "
                "the\ntest might've passed in slow_mode! Call it with `fast_mode=False`.\n"
            )
        return text

    def check_constant(self) -> None:
        """If no output requires grad, floating-point outputs must not change."""
        for x in self.wanted:
            for change in self.rows(x, _units(x)):
                if change.is_floating_point() and (change != 0).any():
                    raise GradcheckError("Numerical gradient for function expected to be zero")

    def check_zeros(self) -> None:
        """The backward pass is linear in the cotangents, so zeros must give zeros."""
        if not self.zeros_give_zeros([self.outputs[place] for place in self.places]):
            raise GradcheckError("backward not multiplied by grad_output")

    def check_undefined(self) -> None:
        """A missing cotangent must count as zero, at all outputs together and at each alone."""
        ys = [self.outputs[place] for place in self.places]
        missing = [[i] for i in range(len(ys))] if len(ys) > 1 else []
        try:
            for which in (range(len(ys)), *missing):
                outputs = [_Undefined.apply(y) if i in which else y for i, y in enumerate(ys)]
                if not self.zeros_give_zeros(outputs):
                    raise GradcheckError(
                        "Expected all input grads to be undefined or zero when all output grads "
                        "are undefined or zero."
                    )
        except RuntimeError as error:
            warnings.warn(
                "Backwards compatibility: New undefined gradient support checking feature is "
                "enabled by default, but it may break existing callers of this function. If this "
                'is true for you, you can call this function with "check_undefined_grad=False" to '
                "disable the feature",
                stacklevel=4,
            )
            if isinstance(error, GradcheckError):
                raise
            raise GradcheckError(
                "Expected backward function to handle undefined output grads."
            ) from error

    def zeros_give_zeros(self, outputs: Sequence[Tensor]) -> bool:
        """Whether cotangents of zero at these outputs give gradients of zero, or None."""
        cotangents = [zeros_like(y) for y in outputs]
        found = grad(outputs, self.wanted, cotangents, retain_graph=True, allow_unused=True)
        return not any((g != 0).any() for g in found if g is not None)

    def rows(self, x: Tensor, directions: Tensor) -> list[Tensor]:
        """Numerically, dᵀJ for each direction d of an input: one matrix per output."""
        point = x.data  # on the memory of x, but writes don't change the version of x
        origin = point.clone()

        def outputs_at(moved: Tensor) -> list[Tensor]:
            point.copy_(moved)
            return [y.detach().clone() for y in self.call()]  # y may be x itself

        matrices = [zeros(len(directions), y.numel(), dtype=y.dtype) for y in self.outputs]
        try:
            for row, d in enumerate(directions):
                before = outputs_at(origin - d * self.eps)
                after = outputs_at(origin + d * self.eps)
                _check_alike(self.outputs, before)
                _check_alike(self.outputs, after)
                for matrix, a, b in zip(matrices, before, after, strict=True):
                    matrix[row] = ((b - a) / (2 * self.eps)).flatten()
        finally:
            point.copy_(origin)
        return matrices

    def columns(self, place: int, cotangents: Tensor) -> list[Tensor]:
        """Analytically, Jv for each cotangent v of an output, as rows: one matrix per input."""
        first, second = (self.columns_once(self.outputs[place], cotangents) for _ in range(2))
        for a, b in zip(first, second, strict=True):
            if a.numel() and (a - b).abs().max() > self.nondet_tol:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and "
                    "grad_output multiple times gives different values, although analytical "
                    "gradient matches numerical gradient."
                    f"The tolerance for nondeterminism was {self.nondet_tol}.\n\n"
                    "If this is to be expected, call gradcheck with `nondet_tol=<tol>`.\n"
                )
        return first

    def columns_once(self, y: Tensor, cotangents: Tensor) -> list[Tensor]:
        matrices = [zeros(len(cotangents), x.numel(), dtype=x.dtype) for x in self.wanted]
        for row, v in enumerate(cotangents):
            found = grad(y, self.wanted, v, retain_graph=True, allow_unused=True)
            for matrix, x, g in zip(matrices, self.wanted, found, strict=True):
                if g is not None:
                    if self.dtypes and g.dtype is not x.dtype:
                        raise GradcheckError("Gradient has dtype mismatch")
                    matrix[row] = g.flatten()
        return matrices

    def close(self, analytical: Tensor, numerical: Tensor, scale: float = 1) -> bool:
        """Whether the two are equal within `rtol` and `scale` times `atol`."""
        for name, tolerance in {"rtol": self.rtol, "atol": self.atol}.items():
            if not tolerance >= 0:
                raise RuntimeError(
                    f"{name} must be greater than or equal to zero, but got {tolerance}"
                )
        return np.allclose(analytical.numpy(), numerical.numpy(), self.rtol, self.atol * scale)


class _Undefined(Function):
    """The identity, with a backward that returns no gradient."""

    @staticmethod
    def forward(ctx: Any, y: Tensor) -> Tensor:
        return y.clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> None:
        return None


def _mismatch(output: int, input: int, numerical: Tensor, analytical: Tensor) -> str:
    return (
        f"Jacobian mismatch for output {output} with respect to input {input},\n"
        f"numerical:{numerical}\nanalytical:{analytical}\n"
    )


# Directions and cotangents ------------------------------------------------------------------------


def _units(x: Tensor) -> Tensor:
    """The unit vectors of the shape and dtype of `x`, stacked: one per element of `x`."""
    return eye(x.numel(), dtype=x.dtype).view(x.numel(), *x.shape)


def _random(x: Tensor, generator: Generator) -> Tensor:
    """A flat random vector with the size and dtype of `x`: positive, of length 1."""
    vector = rand(x.numel(), generator=generator).to(x.dtype)
    return vector / (vector * vector).sum().sqrt()


def _random_cotangent(y: Tensor, gaps: bool) -> Tensor:
    """A random cotangent for `y`, with gaps in memory if `gaps`."""
    gaps = gaps and y.numel() > 1
    shape = (*y.shape[:-1], 2 * y.shape[-1]) if gaps else y.shape
    v = empty(shape, dtype=y.dtype).uniform_(-1, 1)
    return (v[..., 1::2] if gaps else v).requires_grad_()


# Inputs, outputs and arguments --------------------------------------------------------------------


def _as_tuple(things: Any) -> tuple[Any, ...]:
    return tuple(things) if isinstance(things, tuple | list) else (things,)


def _requiring_grad(things: Sequence[Any]) -> tuple[Tensor, ...]:
    return tuple(t for t in things if isinstance(t, Tensor) and t.requires_grad)


def _check_points(inputs: Sequence[Any]) -> None:
    """Errors for inputs that finite differences can't move, a warning for imprecise dtypes."""
    if not _requiring_grad(inputs):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
    for index, x in enumerate(inputs):
        if not isinstance(x, Tensor) or not x.requires_grad:
            continue
        if x.dtype is not float64:
            warnings.warn(
                f"Input #{index} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex. ",
                stacklevel=4,
            )
        if any(step == 0 and size > 1 for step, size in zip(x.stride(), x.shape, strict=True)):
            raise RuntimeError(
                f"The {index}th input has a dimension with stride 0. gradcheck only supports "
                "inputs that are non-overlapping to be able to compute the numerical gradients "
                "correctly. You should call .contiguous on the input before passing it to "
                "gradcheck."
            )


def _check_alike(outputs: Sequence[Tensor], moved: Sequence[Tensor]) -> None:
    """AssertionError if moved inputs give another number, shape or dtype of outputs."""
    same = "Expected `func` to return outputs with the same"
    if len(outputs) != len(moved):
        raise AssertionError(f"{same} length, but got {len(outputs)} and {len(moved)}.")
    for y, z in zip(outputs, moved, strict=True):
        for what, old, new in (("shape", y.shape, z.shape), ("dtype", y.dtype, z.dtype)):
            if old != new:
                raise AssertionError(
                    f"{same} {what} when inputs are perturbed, but got: {what}s {old} and {new}."
                )


def _require_one_of(**chosen: bool) -> None:
    if not any(chosen.values()):
        raise AssertionError(f"Expected at least one of {' or '.join(chosen)} to be True")


def _require(name: str, chosen: bool, **needed: bool) -> None:
    for other, given in needed.items():
        if chosen and not given:
            raise AssertionError(f"Setting {name}=True requires {other} to be True")


def _reject_unsupported(**chosen: bool) -> None:
    for name, given in chosen.items():
        if given:
            raise NotImplementedError(
                f"{name}=True is not implemented: forward mode and batched gradients don't exist"
            )
