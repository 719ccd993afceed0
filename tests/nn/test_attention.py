"""nn/attention.py: given keys and values, and the errors of shapes."""

from __future__ import annotations

from typing import Any

import pytest
from twins import both, check_close

STATIC = {
    "both": "k=(4, 3, 2), v=(4, 3, 2)",
    "keys": "k=(4, 3, 2)",
    "values": "v=(4, 3, 2)",
    "longer than the key": "k=(4, 5, 2), v=(4, 5, 2)",
    "other heads": "k=(2, 3, 2), v=(4, 3, 2)",
    "another width": "k=(4, 3, 2), v=(4, 3, 4)",
    "with a bias": "k=(4, 3, 2), bias_k=b, bias_v=b",
    "with zeros": "k=(4, 3, 2), v=(4, 3, 2), add_zero_attn=True",
    "with a mask": "k=(4, 3, 2), v=(4, 3, 2), attn_mask=t.ones(3, 3)",
    "with a mask of other sizes": "k=(4, 5, 2), v=(4, 5, 2), attn_mask=t.ones(3, 3)",
    "with padding": "v=(4, 3, 2), key_padding_mask=t.tensor([[True, False, False]] * 2)",
    "with padding of other sizes": "k=(4, 5, 2), v=(4, 5, 2), key_padding_mask=t.zeros(2, 3)",
}


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("name", STATIC)
def test_given_keys_and_values(name: str, need_weights: bool) -> None:
    def attend(t: Any) -> list[Any]:
        def given(*shape: int) -> Any:
            x = t.arange(float(t.ones(shape).numel())).view(shape).sin()
            return x.requires_grad_()

        bias = given(1, 1, 4)
        options = eval(f"dict({STATIC[name]})", {"t": t, "b": bias})
        settings = {"bias_k": None, "bias_v": None, "add_zero_attn": False} | options
        static = [given(*settings.pop(which)) if which in settings else None for which in "kv"]
        x = given(3, 2, 4)
        leaves = [x, *(leaf for leaf in static if leaf is not None)]
        output, weights = t.nn.functional.multi_head_attention_forward(
            *[x] * 3,
            *(4, 2),
            in_proj_weight=given(12, 4),
            in_proj_bias=given(12),
            dropout_p=0.0,
            out_proj_weight=given(4, 4),
            out_proj_bias=given(4),
            need_weights=need_weights,
            static_k=static[0],
            static_v=static[1],
            **settings,
        )
        output.square().sum().backward()
        return [output, weights, *(leaf.grad for leaf in leaves)]

    check_close(attend, 1e-4, 1e-5)


@pytest.mark.parametrize("shape", [(4,), (4, 4), (3, 4), (4, 4, 4), (5, 4, 4), (4, 3, 4)])
@pytest.mark.parametrize("batch", [(), (1,), (2,)])
def test_the_shapes_of_masks(shape: tuple[int, ...], batch: tuple[int, ...]) -> None:
    def attend(t: Any) -> Any:
        x = t.ones(4, *batch, 4)
        layer = t.nn.MultiheadAttention(4, 4)
        output, weights = layer(x, x, x, attn_mask=t.zeros(shape))
        return [tuple(output.shape), tuple(weights.shape)]

    check_close(attend, 0)


@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 2, 8), (3, 2, 8), (3, 2, 8)),
        ((3, 2, 8), (3, 2, 4), (3, 2, 4)),
        ((3, 2, 8), (3, 2, 4), (3, 1, 6)),
        ((3, 2, 8), (5, 2, 4), (5, 2, 6)),
    ],
)
def test_widths_of_separate_projections(shapes: tuple[tuple[int, ...], ...]) -> None:
    def program(t: Any) -> Any:
        layer = t.nn.MultiheadAttention(8, 2, kdim=4, vdim=6)
        return [list(y.shape) for y in layer(*map(t.ones, shapes))]

    ours, theirs = both(program)
    assert ours == theirs
