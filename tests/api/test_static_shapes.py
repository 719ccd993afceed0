"""nonzero_static, vander, detach and detach_copy, which are compositions of few lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from twins import both, check_same

import minigrad

torch = pytest.importorskip("torch")

shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


@given(hnp.arrays(np.int64, shapes, elements=st.integers(-1, 1)), st.integers(-1, 9))
def test_nonzero_static(x: np.ndarray, size: int) -> None:
    check_same(lambda t: t.nonzero_static(t.from_numpy(x.copy()), size=size))
    check_same(lambda t: t.from_numpy(x.copy()).nonzero_static(size=max(size, 0), fill_value=7))


@given(
    st.lists(st.integers(-3, 3), max_size=4),
    st.sampled_from([None, -1, 0, 1, 2, 5]),
    st.booleans(),
    st.sampled_from(["int64", "int8", "bool", "float32", "float64", "float16"]),
)
def test_vander(data: list[int], n: Any, increasing: bool, dtype: str) -> None:
    def program(t: Any) -> Any:
        return t.vander(t.tensor(data).to(getattr(t, dtype)), n, increasing)

    check_same(program)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=4), st.integers(2, 5), st.booleans())
def test_the_gradient_of_vander(data: list[int], n: int, increasing: bool) -> None:
    """It is that of linalg.vander; PyTorch has none, as it writes to what it saved."""
    x = minigrad.tensor(data, dtype=minigrad.float64, requires_grad=True)
    y = minigrad.tensor(data, dtype=minigrad.float64, requires_grad=True)
    weights = minigrad.arange(len(data) * n).view(len(data), n)
    powers = minigrad.linalg.vander(y, n)
    (minigrad.vander(x, n, increasing) * weights).sum().backward()
    ((powers if increasing else powers.flip(1)) * weights).sum().backward()
    assert x.grad.tolist() == y.grad.tolist()


@pytest.mark.parametrize(
    "call",
    [
        "t.vander(t.ones(2, 2))",
        "t.vander(t.tensor(1.0))",
        "t.vander(t.ones(2), 2.0)",
        "t.nonzero_static(t.ones(2))",
        "t.nonzero_static(t.ones(2), size=2.0)",
        "t.nonzero_static(t.ones(2), size=2, fill_value=0.5)",
        "t.nonzero_static(t.ones(2), 2)",
        "t.nonzero_static(t.ones(2), size=2, out=t.empty(0, dtype=t.int64))",
        "t.detach_copy(t.ones(2, 3).t(), out=t.empty(0))",
        "t.detach([1])",
    ],
)
def test_calls(call: str) -> None:
    def plain(t: Any) -> Any:
        result = eval(call)
        return result.tolist(), str(result.dtype), result.stride()

    ours, theirs = both(plain)
    assert ours == theirs


def test_detached_tensors_share_memory_or_not() -> None:
    for t in (minigrad, torch):
        x = t.ones(2, requires_grad=True)
        assert t.detach(x).data_ptr() == x.data_ptr()
        assert not t.detach(x).requires_grad
        assert t.detach_copy(x).data_ptr() != x.data_ptr()
    assert not minigrad.detach_copy(minigrad.ones(2, requires_grad=True)).requires_grad
