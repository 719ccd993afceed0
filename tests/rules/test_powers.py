"""Powers: special bases and exponents, in every way in which the two can be broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad

torch = pytest.importorskip("torch")

INF = float("inf")
SPECIAL = [-INF, -4.0, -2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, INF, float("nan")]
special = st.sampled_from(SPECIAL)


@st.composite
def powers(draw: Any) -> tuple[Any, Any]:
    """A base and an exponent, of which at most one is a number; few different exponents."""
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=4))
    kind = draw(st.sampled_from([np.float32, np.float64]))
    base, exponent = (
        draw(hnp.arrays(kind, shape, elements=special, fill=special))
        for shape in shapes.input_shapes
    )
    number = draw(st.sampled_from(["base", "exponent", "neither"]))
    return draw(special) if number == "base" else base, (
        draw(special) if number == "exponent" else exponent
    )


@given(powers(), st.sampled_from(["x ** y", "in place", "expanded"]))
def test_a_power_and_its_gradients(operands: tuple[Any, Any], form: str) -> None:
    ours, theirs = (results(namespace, *operands, form) for namespace in (minigrad, torch))
    for y, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-6)
        zeros = expected == 0
        np.testing.assert_array_equal(np.signbit(y[zeros]), np.signbit(expected[zeros]))


def results(torch: Any, base: Any, exponent: Any, form: str) -> list[np.ndarray]:
    """The power and the gradients of its operands."""
    leaves = [
        torch.tensor(x, requires_grad=True) if isinstance(x, np.ndarray) else x
        for x in (base, exponent)
    ]
    x, y = leaves
    if form == "expanded" and isinstance(exponent, np.ndarray):
        y = y.expand(np.broadcast_shapes(np.shape(base), exponent.shape))
    if form == "in place" and isinstance(base, np.ndarray):
        shape = np.broadcast_shapes(base.shape, np.shape(exponent))
        power = x.expand(shape).clone().pow_(y)
    else:
        power = x**y
    power.backward(torch.ones_like(power))
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    return [power.detach().numpy(), *(leaf.grad.numpy() for leaf in tensors)]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
@given(data=st.data())
def test_a_power_of_integers(dtype: str, data: st.DataObject) -> None:
    low = 0 if dtype == "uint8" else -3
    bases = data.draw(st.lists(st.integers(low, 255 if dtype == "uint8" else 7), min_size=1))
    exponent = data.draw(st.integers(low, 9) | st.sampled_from([63, 64, 200]))
    for form in (int, list):
        got = []
        for namespace in (minigrad, torch):
            kind = getattr(namespace, dtype)
            x = namespace.tensor(bases, dtype=kind)
            y = exponent if form is int else namespace.tensor([exponent], dtype=kind)
            try:
                got.append(f"{(x**y).dtype} {(x**y).tolist()}")
            except RuntimeError as error:
                got.append(str(error)[:40])
        assert got[0] == got[1]
