"""TorchCall: one call of a rule, made in PyTorch from copies of the same operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from bridge.libraries.convert import array_of, tensor_of
from bridge.libraries.matrix_calls import signs
from bridge.libraries.op_calls import spelling
from minigrad.catalogue.accuracy import OpTolerance, tolerance
from minigrad.rules import REGISTRY

from .closeness import Array

# Ops whose operands broadcast against each other.
_BROADCASTING = {
    name
    for name, rule in REGISTRY.items()
    if len(rule.operands) > 1 and (rule.presentation.promotion is not None or name == "where")
}
# The terms of a difference have the same magnitudes as those of a sum.
_SUM_OF = {"sub": "add", "rsub": "add"}


def _glu_terms(call: TorchCall, x: Any, *, dim: int = -1) -> Any:
    """In the derivative s (1 - s) of the sigmoid, 1 - s may cancel."""
    share = torch.sigmoid(call.operands[0].detach().double().chunk(2, dim)[1])
    first, second = x.chunk(2, dim)
    slope = first.detach() * share * (1 + share)
    return first * share + slope * (second - second.detach())


def _lerp_terms(call: TorchCall, input: Any, end: Any, weight: Any) -> Any:
    # From the end that is nearer.
    far = end + (1 + weight) * (end + input)
    return torch.where(torch.as_tensor(weight < 0.5), input + weight * (end + input), far)


def _normalise_terms(
    call: TorchCall, x: Any, weight: Any, bias: Any, *, split: Any, over: Any, eps: Any, **_: Any
) -> Any:
    """Return the sum of the terms of a normalisation with the statistics of the call's input.

    Its derivative has the terms of the derivative, which goes through the statistics.
    """
    input = call.operands[0].detach().double().reshape(split)
    centred = input - input.mean(over, keepdim=True)
    rstd = 1 / torch.sqrt((centred * centred).mean(over, keepdim=True) + eps)
    hat, part = (centred * rstd).abs(), x.reshape(split)
    mean, along = part.mean(over, keepdim=True), (part * hat).mean(over, keepdim=True)
    y = (rstd * (part + mean + hat * along)).reshape(x.shape)
    affine = call.options["affine"]
    if weight is not None:
        y = y * weight.reshape(affine)
    return y if bias is None else y + bias.reshape(affine)


def _normalise_by_terms(
    call: TorchCall, x: Any, weight: Any, bias: Any, mean: Any, var: Any, *, eps: float
) -> Any:
    return spelling("normalise_by")(torch, x, weight, bias, -mean, var, eps=eps)


# The sums of terms of ops that aren't linear in each operand, or whose terms have both signs. They
# get the call and the magnitudes of its operands.
TERMS: dict[str, Callable[..., Any]] = {
    "glu": _glu_terms,
    "lerp": _lerp_terms,
    "normalise": _normalise_terms,
    "normalise_by": _normalise_by_terms,
}


def _gradient_terms_of_normalise(call: TorchCall, i: int, g: Array) -> Array:
    """Σ|terms| of the gradients of `normalise`, with the rounding of the mean in each deviation."""
    given = REGISTRY["normalise"].signature.bind(*call.operands, **call.options).arguments
    split, over, affine = given["split"], given["over"], given["affine"]
    x = array_of(given["input"]).astype(np.float64).reshape(split)
    weight = given["weight"]
    rstd = 1 / np.sqrt(x.var(over, keepdims=True) + given["eps"])
    hat = (np.abs(x - x.mean(over, keepdims=True)) + np.abs(x).max(over, keepdims=True)) * rstd
    h = np.abs(g.astype(np.float64))
    if i == 0:
        if weight is not None:
            h = h * np.abs(array_of(weight)).reshape(affine)
        h = h.reshape(split)
        terms = h + h.mean(over, keepdims=True) + hat * (h * hat).mean(over, keepdims=True)
        return np.asarray(rstd * terms).reshape(g.shape)
    terms = h * hat.reshape(g.shape) if i == 1 else h
    padded = (1,) * (g.ndim - len(affine)) + tuple(affine)
    summed = terms.sum(tuple(d for d, size in enumerate(padded) if size == 1))
    return np.asarray(summed).reshape(call.operands[i].shape)


def _gradient_terms_of_prelu(call: TorchCall, i: int, g: Array) -> Array:
    """Σ|terms| of the gradients of `prelu_kernel`; the slopes count for all elements."""
    x, weight = (np.abs(array_of(operand)).astype(np.float64) for operand in call.operands)
    terms = np.abs(g.astype(np.float64)) * (np.maximum(weight, 1) if i == 0 else x)
    missing = tuple(d for d, n in enumerate(call.operands[i].shape) if n == 1 != terms.shape[d])
    return np.asarray(terms.sum(missing, keepdims=True))


# The Σ|terms| of gradients of ops that aren't linear in each operand.
_GRADIENT_TERMS: dict[str, Callable[[TorchCall, int, Array], Array]] = {
    "normalise": _gradient_terms_of_normalise,
    "prelu_kernel": _gradient_terms_of_prelu,
}

# Options that are factors of a term.
_FACTORS = ("alpha", "value")


class TorchCall:
    """A call of the rule `name` in PyTorch on `device`, and its gradients.

    - `operands`: copies of the arrays as leaves, and numbers.
    - `results`: PyTorch's results, the first with its graph. Vectors that are unique up to their
      signs point as those in `value`, minigrad's first result.
    - `tolerance`: how far minigrad's value and gradients may be from these. `value_terms` and
      `gradient_terms` compute the Σ|terms| that `Scaled` tolerances need.

    The constructor raises whatever PyTorch raises.
    """

    def __init__(
        self,
        name: str,
        operands: Sequence[Any],
        options: dict[str, Any],
        requires_grad: Sequence[bool],
        device: str,
        value: Array,
    ) -> None:
        self.name, self.device = name, device
        self.tolerance: OpTolerance = tolerance(name, options.get("alpha", 1), device)
        shape = None
        if name in _BROADCASTING:
            # Expand the operands first, so that no gradient is a sum over broadcast copies: the
            # engine computes that sum, which has its own tolerance.
            shape = np.broadcast_shapes(*(x.shape for x in operands if hasattr(x, "shape")))
        self.operands = tuple(
            self._leaf(x, shape, tracked)
            for x, tracked in zip(operands, requires_grad, strict=True)
        )
        self.options = {key: self._option(value) for key, value in options.items()}
        first, *others = _call(name, self.operands, self.options)
        factors = signs(name, getattr(self.operands[0], "shape", ()), value, array_of(first))
        if factors is not None:
            with torch.enable_grad():
                first = first * tensor_of(factors, device)
        self.results = (first, *others)

    def _leaf(self, x: Any, shape: tuple[int, ...] | None, requires_grad: bool) -> Any:
        if not isinstance(x, np.ndarray):
            return x
        expanded = x if shape is None else np.broadcast_to(x, shape)
        return tensor_of(expanded, self.device).requires_grad_(requires_grad)

    def _option(self, option: Any) -> Any:
        if isinstance(option, np.dtype):
            return getattr(torch, option.name)
        if isinstance(option, np.ndarray):
            return tensor_of(option, self.device)
        if isinstance(option, tuple):
            return tuple(self._option(item) for item in option)
        return option

    def differentiable(self, i: int) -> bool:
        """Whether PyTorch has a gradient for operand `i`."""
        requires_grad: bool = getattr(self.operands[i], "requires_grad", False)
        return requires_grad and self.results[0].requires_grad

    def gradient(self, i: int, g: Array) -> Array:
        """Return the gradient of operand `i` for the cotangent `g` of the first result."""
        return array_of(_pull_back(self.results[0], self.operands[i], tensor_of(g, self.device)))

    def value_terms(self) -> Array:
        """Return Σ|terms| of each element of the first result."""
        if self.tolerance.value_terms is not None:
            return self.tolerance.value_terms(self._float64_result())
        return np.abs(array_of(self._call_on_magnitudes()[0]))

    def gradient_terms(self, i: int, g: Array) -> Array:
        """Return Σ|terms| of each element of the gradient of operand `i`."""
        if self.name in _GRADIENT_TERMS:
            return _GRADIENT_TERMS[self.name](self, i, g)
        if self.tolerance.gradient_terms is not None:
            dim, cotangent = self.options.get("dim", 0), g.astype(np.float64)
            return self.tolerance.gradient_terms(self._float64_result(), cotangent, dim)
        result, operands = self._call_on_magnitudes()
        magnitude = _magnitude(tensor_of(g, self.device))
        return np.abs(array_of(_pull_back(result, operands[i], magnitude)))

    def _float64_result(self) -> Array:
        return array_of(self.results[0]).astype(np.float64)

    def _call_on_magnitudes(self) -> tuple[torch.Tensor, list[Any]]:
        """Call the op on the magnitudes of its operands; return the result and those magnitudes.

        Since the op is linear in each operand, or in `TERMS`, the result is Σ|terms|.
        """
        options = dict(self.options)
        for factor in _FACTORS:
            if factor in options:
                options[factor] = abs(options[factor])
        if options.get("dtype") is not None:
            options["dtype"] = torch.float64
        operands = [_magnitude(x) for x in self.operands]
        if self.name in TERMS:
            with torch.enable_grad():
                return TERMS[self.name](self, *operands, **options), operands
        return _call(_SUM_OF.get(self.name, self.name), operands, options)[0], operands


def _call(name: str, operands: Sequence[Any], options: dict[str, Any]) -> tuple[Any, ...]:
    with torch.enable_grad():
        results = spelling(name)(torch, *operands, **options)
    return tuple(results) if isinstance(results, tuple) else (results,)


def _pull_back(result: torch.Tensor, leaf: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    with torch.enable_grad():
        end = _WithCotangent.apply(result, g)
    (found,) = torch.autograd.grad(end, leaf, retain_graph=True, allow_unused=True)
    return torch.zeros_like(leaf) if found is None else found


class _WithCotangent(torch.autograd.Function):
    """A scalar whose gradient is the cotangent.

    `torch.autograd.grad` imports SymPy when it gets a cotangent, which takes 0.4 seconds.
    """

    @staticmethod
    def forward(ctx: Any, result: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(g)
        return torch.zeros((), dtype=result.dtype, device=result.device)

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        return (*ctx.saved_tensors, None)


def _magnitude(x: Any) -> Any:
    """Return |x| in float64, with 0 for infinities and NaN, which have no rounding error."""
    if isinstance(x, torch.Tensor) and x.is_floating_point():
        finite = torch.nan_to_num(x.detach().double(), nan=0.0, posinf=0.0, neginf=0.0)
        return finite.abs().requires_grad_(x.requires_grad)
    return abs(x) if isinstance(x, float) else x
