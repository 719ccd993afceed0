"""nn/utils: clipped gradients, and parameters as a vector, compared with PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same, torch

import minigrad
from minigrad import nn

SHAPES = ((), (3,), (2, 4), (5,))
SEEDS = st.integers(0, 2**32 - 1)
ORDERS = st.sampled_from([2.0, 1, 3.5, 0.5, math.inf, -math.inf, "inf", 0])


def parameters(t: Any, seed: int, dtype: str, scale: float = 1.0) -> list[Any]:
    """Return parameters with drawn gradients; one has none."""
    rng = np.random.default_rng(seed)
    found = [t.nn.Parameter(t.zeros(shape, dtype=getattr(t, dtype))) for shape in SHAPES]
    for param in found[:-1]:
        values = rng.standard_normal(tuple(param.shape)) * scale
        param.grad = t.from_numpy(np.asarray(values, dtype))
    return found


def check_close(program: Any, dtype: str) -> None:
    """Check that the tensors that a program returns agree to a few roundings."""
    with np.errstate(all="ignore"):
        for ours, theirs in zip(program(minigrad), program(torch), strict=True):
            a, b = ours.detach().numpy(), theirs.detach().numpy()
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            np.testing.assert_allclose(a, b, rtol=1e-5 if dtype == "float32" else 1e-14)


@given(SEEDS, ORDERS, st.sampled_from([0.1, 1.0, 100.0]), st.sampled_from(["float32", "float64"]))
def test_clip_grad_norm(seed: int, order: Any, max_norm: float, dtype: str) -> None:
    def program(t: Any) -> Any:
        params = parameters(t, seed, dtype, 3.0)
        total = t.nn.utils.clip_grad_norm_(iter(params), max_norm, norm_type=order)
        return [total, *(param.grad for param in params[:-1])]

    check_close(program, dtype)


@given(SEEDS, ORDERS, st.sampled_from(["float32", "float64"]))
def test_total_norm(seed: int, order: Any, dtype: str) -> None:
    def program(t: Any) -> Any:
        grads = [param.grad for param in parameters(t, seed, dtype)[:-1]]
        norms = t.nn.utils.get_total_norm(grads, order), t.nn.utils.get_total_norm(grads[1], order)
        t.nn.utils.clip_grads_with_norm_(parameters(t, seed, dtype), 0.5, norms[0])
        return norms

    check_close(program, dtype)


@given(SEEDS, st.sampled_from([0.0, 0.5, 2]))
def test_clip_grad_value(seed: int, limit: float) -> None:
    def program(t: Any) -> Any:
        params = parameters(t, seed, "float32")
        t.nn.utils.clip_grad_value_(params, limit)
        t.nn.utils.clip_grad_value_(params[0], limit / 2)
        return [param.grad for param in params]

    check_same(program)


def nonfinite(t: Any) -> Any:
    w = t.nn.Parameter(t.zeros(2))
    w.grad = t.tensor([1.0, math.nan])
    return t.nn.utils.clip_grad_norm_(w, 1.0, error_if_nonfinite=True)


def vectors(t: Any) -> Any:
    net = t.nn.Linear(2, 3)
    vector = t.arange(9.0)
    t.nn.utils.vector_to_parameters(vector, net.parameters())
    vector[0] = 7.0
    joined = t.nn.utils.parameters_to_vector(net.parameters())
    joined.sum().backward()
    return net.weight, net.bias, joined, joined.requires_grad, net.weight.grad


CASES: dict[str, Any] = {
    "no gradients": lambda t: t.nn.utils.clip_grad_norm_([t.zeros(2)], 1.0),
    "no parameters": lambda t: t.nn.utils.clip_grad_norm_([], 1.0),
    "an empty generator": lambda t: t.nn.utils.clip_grad_norm_((x for x in []), 1.0),
    "NaN": nonfinite,
    "the old name": lambda t: t.nn.utils.clip_grad_norm([t.zeros(2)], 1.0),
    "vectors": vectors,
    "a list as the vector": lambda t: t.nn.utils.vector_to_parameters([1.0], []),
    "a short vector": lambda t: t.nn.utils.vector_to_parameters(t.ones(1), [t.ones(2)]),
    "no parameters to join": lambda t: t.nn.utils.parameters_to_vector([]),
    "a transposed parameter": lambda t: t.nn.utils.parameters_to_vector([t.ones(2, 3).t()]),
}


@pytest.mark.parametrize("program", CASES.values(), ids=CASES)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)


def test_foreach_has_no_effect() -> None:
    w = nn.Parameter(minigrad.zeros(2))
    w.grad = minigrad.tensor([3.0, 4.0])
    assert nn.utils.clip_grad_norm_(w, 1.0, foreach=True) == 5
    nn.utils.clip_grad_value_(w, 0.7, foreach=False)
    assert w.grad.tolist() == pytest.approx([0.6, 0.7])
