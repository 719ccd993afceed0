"""Check an optimiser: both libraries get the same gradients at each step.

Gradients are drawn, not computed, so only the update can differ. Each parameter and each tensor of
its state is compared after each step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from twins import torch

import minigrad
from bridge.drawing.class_samples import OPTIMIZERS

SHAPES = ((), (3,), (2, 3), (0, 2))
MATRICES = ((2, 3), (5, 3), (1, 4), (4, 4))
# The optimisers whose float32 updates have PyTorch's bits: they have no square root.
EXACT = ("ASGD", "Adamax", "Rprop", "SGD")
# Muon rounds every matrix to 8 bits, so that a rounding elsewhere may change one bit of these.
_RTOL = {"float64": 1e-12, "float32": 2e-5}
SEEDS = st.integers(0, 2**32 - 1)


class Course:
    """Parameters in two groups, the second with its own learning rate, and gradients."""

    def __init__(
        self, seed: int, dtype: str, steps: int = 15, shapes: tuple[Any, ...] = SHAPES
    ) -> None:
        rng = np.random.default_rng(seed)
        self.starts = [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes]
        self.grads = [
            # Some gradients are missing, zero or large.
            [
                None
                if rng.random() < 0.1
                else np.asarray(rng.standard_normal(shape) * rng.choice([0, 1, 1, 1, 30]), dtype)
                for shape in shapes
            ]
            for _ in range(steps)
        ]

    @classmethod
    def of(cls, name: str, seed: int, dtype: str, steps: int = 15) -> Course:
        """Return a course with shapes that the optimiser of that name takes."""
        sample = OPTIMIZERS[name]
        shapes = SHAPES if sample.takes_empty else SHAPES[:3]
        return cls(seed, dtype, steps, MATRICES if sample.only_matrices else shapes)

    def parameters(self, t: Any) -> list[Any]:
        return [t.nn.Parameter(t.from_numpy(start.copy())) for start in self.starts]

    def groups(self, t: Any, params: list[Any]) -> list[dict[str, Any]]:
        return [{"params": params[:2]}, {"params": params[2:], "lr": 0.05}]

    def set_grads(self, t: Any, params: list[Any], step: int) -> None:
        for param, grad in zip(params, self.grads[step], strict=True):
            param.grad = None if grad is None else t.from_numpy(grad.copy())


def arrays(params: list[Any], optimizer: Any) -> list[tuple[str, np.ndarray]]:
    """Return every parameter and its state as named arrays."""
    found = []
    for i, param in enumerate(params):
        found.append((f"parameter {i}", param.detach().numpy()))
        for name, value in optimizer.state.get(param, {}).items():
            if value is not None:
                found.append((f"{name} of parameter {i}", value.numpy()))
    return found


def check_equal(ours: Any, theirs: Any, rtol: float, when: str) -> None:
    """Check that names, dtypes and shapes are equal, and elements within `rtol` of the largest."""
    assert [name for name, _ in ours] == [name for name, _ in theirs], when
    for (name, a), (_, b) in zip(ours, theirs, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), f"{when}: {name}"
        scale = max(1.0, float(np.abs(b).max(initial=0)))
        np.testing.assert_allclose(a, b, rtol=0, atol=rtol * scale, err_msg=f"{when}: {name}")


def check_trajectory(
    ours: Any, theirs: Any, options: dict[str, Any], seed: int, dtype: str
) -> None:
    """Check that the optimiser classes `ours` and `theirs` take the same steps."""
    name = theirs.__name__
    course = Course.of(name, seed, dtype)
    rtol = 0.0 if name in EXACT and dtype == "float32" else _RTOL[dtype]
    rtol = 0.02 if name == "Muon" else rtol
    pairs = []
    for t, kind in ((minigrad, ours), (torch, theirs)):
        params = course.parameters(t)
        pairs.append((t, params, kind(course.groups(t, params), **options)))
    for step in range(len(course.grads)):
        for t, params, optimizer in pairs:
            course.set_grads(t, params, step)
            before = [None if p.grad is None else p.grad.numpy().copy() for p in params]
            optimizer.step()
            for param, grad in zip(params, before, strict=True):
                assert grad is None or np.array_equal(param.grad.numpy(), grad), "grad was written"
        states = [arrays(params, optimizer) for _, params, optimizer in pairs]
        check_equal(*states, rtol, f"step {step + 1}")
