"""Twin: one call of a rule, made in PyTorch from copies of the very same operands.

It gives PyTorch's results and derivatives, and what the bounds of sums are scaled by: Σ|terms|.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from minigrad.catalogue.accuracy import Bound, bound
from minigrad.rules import REGISTRY

from .closeness import Array
from .convert import array_of, tensor_of
from .spelling import spelling

# Ops whose operands broadcast against each other.
_BROADCASTING = {
    name
    for name, rule in REGISTRY.items()
    if len(rule.operands) > 1 and (rule.presentation.promotion is not None or name == "where")
}
# The magnitudes of a difference's terms are those of a sum's.
_SUM_OF = {"sub": "add", "rsub": "add"}


class Twin:
    """A call of the rule `name` in PyTorch, on `device`.

    `operands` are copies, leaves that require grad where that is `wanted`, or numbers; `results`
    are PyTorch's, the first with its graph. What PyTorch raises is raised.
    """

    def __init__(
        self,
        name: str,
        operands: Sequence[Any],
        options: dict[str, Any],
        wanted: Sequence[bool],
        device: str,
    ) -> None:
        self.name, self.device = name, device
        self.bound: Bound = bound(name, options.get("alpha", 1), device)
        shape = None
        if name in _BROADCASTING:
            # Each operand is spread out first, so that no gradient is a sum, with the freedom of
            # one. To sum it is the engine's work, and no part of the op's.
            shape = np.broadcast_shapes(*(x.shape for x in operands if hasattr(x, "shape")))
        self.operands = tuple(
            self._leaf(x, shape, wish) for x, wish in zip(operands, wanted, strict=True)
        )
        self.options = {key: self._option(value) for key, value in options.items()}
        self.results = _called(name, self.operands, self.options)

    def _leaf(self, x: Any, shape: tuple[int, ...] | None, wanted: bool) -> Any:
        if not isinstance(x, np.ndarray):
            return x
        spread = x if shape is None else np.broadcast_to(x, shape)
        return tensor_of(spread, self.device).requires_grad_(wanted)

    def _option(self, option: Any) -> Any:
        if isinstance(option, np.dtype):
            return getattr(torch, option.name)
        if isinstance(option, np.ndarray):
            return tensor_of(option, self.device)
        if isinstance(option, tuple):
            return tuple(self._option(item) for item in option)
        return option

    def differentiable(self, i: int) -> bool:
        """Whether PyTorch can be asked for the gradient of operand `i`."""
        wanted: bool = getattr(self.operands[i], "requires_grad", False)
        return wanted and self.results[0].requires_grad

    def gradient(self, i: int, g: Array) -> Array:
        """The gradient of operand `i` for the cotangent `g` of the first result."""
        return array_of(_pulled_back(self.results[0], self.operands[i], tensor_of(g, self.device)))

    def value_terms(self) -> Array:
        """Σ|terms| of each element of the first result."""
        if self.bound.value_terms is not None:
            return self.bound.value_terms(self._result())
        return np.abs(array_of(self._of_magnitudes()[0]))

    def gradient_terms(self, i: int, g: Array) -> Array:
        """Σ|terms| of each element of the gradient of operand `i`."""
        if self.bound.gradient_terms is not None:
            dim = self.options.get("dim", 0)
            return self.bound.gradient_terms(self._result(), g.astype(np.float64), dim)
        result, operands = self._of_magnitudes()
        cotangent = _magnitude(tensor_of(g, self.device))
        return np.abs(array_of(_pulled_back(result, operands[i], cotangent)))

    def _result(self) -> Array:
        return array_of(self.results[0]).astype(np.float64)

    def _of_magnitudes(self) -> tuple[torch.Tensor, list[Any]]:
        """The op of its operands' magnitudes, and these.

        In an op that is linear in each operand, the terms of that are the magnitudes of its terms.
        """
        options = dict(self.options)
        if "alpha" in options:
            options["alpha"] = abs(options["alpha"])
        if options.get("dtype") is not None:
            options["dtype"] = torch.float64
        operands = [_magnitude(x) for x in self.operands]
        return _called(_SUM_OF.get(self.name, self.name), operands, options)[0], operands


def _called(name: str, operands: Sequence[Any], options: dict[str, Any]) -> tuple[Any, ...]:
    with torch.enable_grad():
        results = spelling(name)(torch, *operands, **options)
    return tuple(results) if isinstance(results, tuple) else (results,)


def _pulled_back(result: torch.Tensor, leaf: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    (found,) = torch.autograd.grad(result, leaf, g, retain_graph=True, allow_unused=True)
    return torch.zeros_like(leaf) if found is None else found


def _magnitude(x: Any) -> Any:
    """|x| in float64. What is not finite has no rounding error, so it counts for nothing."""
    if isinstance(x, torch.Tensor) and x.is_floating_point():
        finite = torch.nan_to_num(x.detach().double(), nan=0.0, posinf=0.0, neginf=0.0)
        return finite.abs().requires_grad_(x.requires_grad)
    return abs(x) if isinstance(x, float) else x
