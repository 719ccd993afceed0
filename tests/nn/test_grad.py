"""nn/grad.py: the gradients of convolutions, compared with PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import both, check_close

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
        for y in (by_input, by_weight) if recorded else ():
            edges = [parent is not None for parent, _ in y.grad_fn.next_functions]
            found += [y.grad_fn.name(), edges]
        if recorded:
            (by_input.sum() + (by_weight**2).sum()).backward()
            found += [input.grad, weight.grad]
        return found

    check_close(program, rtol=1e-3, atol=1e-3)


def test_nothing_is_recorded_without_grad_mode() -> None:
    with minigrad.no_grad():
        weight = minigrad.ones(1, 1, 2, requires_grad=True)
        assert not nn.grad.conv1d_input((1, 1, 3), weight, minigrad.ones(1, 1, 2)).requires_grad


CALLS = """
conv1d_input((1, 1, 3), o(1, 1, 2), o(1, 1, 3), padding="same")
conv1d_input((1, 1, 3), o(1, 1, 2), o(1, 1, 2), padding="valid")
conv1d_input((1, 3), o(1, 1, 2), o(1, 2))
conv1d_input((1, 1, 3), o(1, 1, 2), o(1, 1, 3))
conv1d_input((1, 1, 6), o(1, 1, 2), o(1, 1, 3), 2)
conv1d_input((1, 1, 5), o(1, 1, 2), o(1, 1, 2), (2,))
conv1d_input((1, 1, 5), o(1, 1, 2), o(1, 1, 2), (2, 2))
conv1d_input((1, 2, 3), o(1, 1, 2), o(1, 1, 2))
conv1d_input((2, 1, 3), o(1, 1, 2), o(1, 1, 2))
conv1d_input((1, 1, 3), o(1, 1, 4), o(1, 1, 0))
conv1d_input((1, 1, 3), o(1, 1, 2).double(), o(1, 1, 2))
conv1d_input((1, 1, 3), o(1, 1, 2), o(1, 1, 2), stride=0)
conv1d_input((1, 1, 3), o(1, 1, 2), o(1, 1, 2), padding=-1)
conv1d_input((1, 1, 3), o(1, 1, 2), o(1, 1, 2), dilation=0)
conv1d_input((1, 1, 3), o(1, 1, 2), o(1, 1, 2), groups=0)
conv1d_input((1, 2, 3), o(3, 1, 2), o(1, 3, 2), groups=2)
conv1d_input((0, 1, 3), o(1, 1, 2), o(0, 1, 2))
conv1d_input((1, 1, 3), o(1, 1, 2).int(), o(1, 1, 2).int())
conv1d_input((1, 1, 3), o(1, 1, 2).half(), o(1, 1, 2).half())
conv2d_input((1, 1, 3), o(1, 1, 2, 2), o(1, 1, 2, 2))
conv2d_input((1, 1, 3, 3), o(1, 1, 2), o(1, 1, 2, 2))
conv1d_weight(o(1, 3), (1, 1, 2), o(1, 2))
conv1d_weight(o(1, 1, 3), (1, 1, 2), o(1, 1, 3), padding="same")
conv1d_weight(o(1, 1, 3), (2, 1, 2), o(1, 1, 2))
conv1d_weight(o(1, 1, 3), (1, 1, 3), o(1, 1, 2))
conv1d_weight(o(1, 1, 3).double(), (1, 1, 2), o(1, 1, 2))
conv1d_weight(o(0, 1, 3), (1, 1, 2), o(0, 1, 2))
conv1d_weight(o(1, 1, 3).half(), (1, 1, 2), o(1, 1, 2).half())
conv2d_weight(o(1, 1, 3, 3), (1, 1, 2), o(1, 1, 2, 2))
""".strip().splitlines()


@pytest.mark.parametrize("call", CALLS)
def test_operands_at_the_edge(call: str) -> None:
    name, arguments = call.split("(", 1)
    code = f"t.nn.grad.{name}({arguments}"
    check_close(lambda t: eval(code, {"t": t, "o": t.ones}), rtol=0)


def test_inference_mode() -> None:
    def program(t: Any) -> Any:
        with t.inference_mode():
            x, w, g = t.ones(1, 1, 3), t.ones(1, 1, 2), t.ones(1, 1, 2)
            inside = [t.nn.grad.conv1d_input(x.shape, w, g), t.nn.grad.conv1d_weight(x, w.shape, g)]
        outside = [t.nn.grad.conv1d_input(x.shape, w, g), t.nn.grad.conv1d_weight(x, w.shape, g)]
        return [each.tolist() for each in inside + outside]

    ours, theirs = both(program)
    assert ours == theirs


@pytest.mark.parametrize("name", ["conv1d_input", "conv3d_weight"])
def test_they_are_names_of_functional_too(name: str) -> None:
    assert getattr(nn.functional.grad, name) is getattr(nn.grad, name)
