"""nn/grad.py: the gradients of convolutions, compared with PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_close

import minigrad
from minigrad import nn


@given(
    st.integers(1, 3),
    st.sampled_from([1, 2]),
    st.integers(0, 2),
    st.integers(1, 2),
    st.sampled_from([1, 2]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_gradients(
    dims: int, stride: int, padding: int, dilation: int, groups: int, recorded: bool, seed: int
) -> None:
    def program(t: Any) -> Any:
        t.manual_seed(seed)
        input = t.randn(2, 2 * groups, *[5] * dims, requires_grad=recorded)
        weight = t.randn(3 * groups, 2, *[2] * dims, requires_grad=recorded)
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        output = getattr(t.nn.functional, f"conv{dims}d")(input, weight, **options)
        g = t.randn(output.shape)
        by_input = getattr(t.nn.grad, f"conv{dims}d_input")(input.shape, weight, g, **options)
        by_weight = getattr(t.nn.grad, f"conv{dims}d_weight")(input, weight.shape, g, **options)
        found = [by_input, by_weight, by_input.requires_grad, by_weight.requires_grad]
        if recorded:
            (by_input.sum() + (by_weight**2).sum()).backward()
            found += [input.grad, weight.grad]
        return found

    check_close(program, rtol=1e-3, atol=1e-3)


def test_nothing_is_recorded_without_grad_mode() -> None:
    with minigrad.no_grad():
        weight = minigrad.ones(1, 1, 2, requires_grad=True)
        assert not nn.grad.conv1d_input((1, 1, 3), weight, minigrad.ones(1, 1, 2)).requires_grad


@pytest.mark.parametrize("name", ["conv1d_input", "conv3d_weight"])
def test_they_are_names_of_functional_too(name: str) -> None:
    assert getattr(nn.functional.grad, name) is getattr(nn.grad, name)
