"""nn/plain.py: functions of nn under their names in torch, and their gradients."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_close, torch

import minigrad
from minigrad.nn import plain


def x(t: Any, *shape: int) -> Any:
    return t.randn(*shape, requires_grad=True)


def cell(name: str) -> Any:
    """A program that calls the function of a cell."""
    gates = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}[name]

    def program(t: Any, *, biased: bool = True) -> Any:
        hx = (x(t, 2, 3), x(t, 2, 3)) if name == "lstm" else x(t, 2, 3)
        weights = [x(t, gates * 3, 4), x(t, gates * 3, 3)]
        biases = [x(t, gates * 3), x(t, gates * 3)] if biased else []
        return getattr(t, f"{name}_cell")(x(t, 2, 4), hx, *weights, *biases)

    return program


def signs(t: Any, *shape: int) -> Any:
    return t.randn(*shape).sign()


def statistics(t: Any) -> Any:
    return [x(t, 3), x(t, 3), t.ones(3), t.ones(3)]


PROGRAMS: dict[str, Any] = {
    "selu": lambda t: t.selu(x(t, 5)),
    "celu": lambda t: t.celu(x(t, 5), 0.5),
    "dropout": lambda t: t.dropout(x(t, 5), 0.5, True),
    "alpha_dropout": lambda t: t.alpha_dropout(x(t, 5), 0.5, True),
    "feature_dropout": lambda t: t.feature_dropout(x(t, 2, 3, 4), 0.5, train=True),
    "feature_alpha_dropout": lambda t: t.feature_alpha_dropout(x(t, 2, 3, 4), 0.5, True),
    "batch_norm": lambda t: t.batch_norm(x(t, 4, 3), *statistics(t), True, 0.1, 1e-5, True),
    "instance_norm": lambda t: t.instance_norm(
        x(t, 4, 3, 2), *statistics(t), False, 0.1, 1e-5, True
    ),
    "batch_norm without eps": lambda t: t.batch_norm(
        x(t, 4, 3), *statistics(t), True, 0.1, 0, True
    ),
    "instance_norm without eps": lambda t: t.instance_norm(
        x(t, 4, 3, 5), *statistics(t), True, 0.1, 0.0, True
    ),
    "group_norm": lambda t: t.group_norm(x(t, 4, 6), 2, x(t, 6), x(t, 6), 1e-3),
    "layer_norm": lambda t: t.layer_norm(x(t, 4, 6), (6,), x(t, 6), None, 1e-3),
    "rms_norm": lambda t: t.rms_norm(x(t, 4, 6), (6,), x(t, 6)),
    "norm_except_dim": lambda t: t.norm_except_dim(x(t, 4, 6), 3, 1),
    "norm_except_dim of all": lambda t: t.norm_except_dim(x(t, 4, 6), dim=-1),
    "embedding": lambda t: t.embedding(x(t, 4, 2), t.tensor([[0, 3, 3]]), 3),
    "embedding without padding": lambda t: t.embedding(x(t, 4, 2), t.tensor([[0, 3, 3]])),
    "conv_tbc": lambda t: t.conv_tbc(x(t, 5, 2, 3), x(t, 2, 3, 4), x(t, 4), 1),
    "conv_tbc of a matrix": lambda t: t.conv_tbc(x(t, 5, 2), x(t, 2, 3, 4), x(t, 4)),
    "max_pool1d": lambda t: t.max_pool1d(x(t, 2, 7), 3),
    "max_pool1d_with_indices": lambda t: t.max_pool1d_with_indices(x(t, 2, 7), 3, 2, 1),
    "max_pool2d": lambda t: t.max_pool2d(x(t, 2, 7, 7), 3, [2, 1], ceil_mode=True),
    "max_pool3d": lambda t: t.max_pool3d(x(t, 2, 4, 4, 4), 2, dilation=2),
    "rnn_tanh_cell": cell("rnn_tanh"),
    "rnn_relu_cell": cell("rnn_relu"),
    "gru_cell": cell("gru"),
    "lstm_cell": cell("lstm"),
    "lstm_cell without biases": lambda t: cell("lstm")(t, biased=False),
    "an unknown reduction": lambda t: t.hinge_embedding_loss(x(t, 4), signs(t, 4), 1.0, 3),
}
LOSSES: dict[str, Any] = {
    "binary_cross_entropy_with_logits": lambda t, n: t.binary_cross_entropy_with_logits(
        x(t, 4), t.rand(4), t.rand(4), t.rand(4), n
    ),
    "cosine_embedding_loss": lambda t, n: t.cosine_embedding_loss(
        x(t, 4, 3), x(t, 4, 3), signs(t, 4), 0.1, n
    ),
    "ctc_loss": lambda t, n: t.ctc_loss(
        x(t, 4, 2, 3).log_softmax(2), t.tensor([[1, 2], [2, 1]]), (4, 3), (2, 1), 0, n, True
    ),
    "hinge_embedding_loss": lambda t, n: t.hinge_embedding_loss(x(t, 4), signs(t, 4), 0.5, n),
    "kl_div": lambda t, n: t.kl_div(x(t, 4, 3), t.randn(4, 3), n, log_target=True),
    "margin_ranking_loss": lambda t, n: t.margin_ranking_loss(
        x(t, 4), x(t, 4), signs(t, 4), 0.1, n
    ),
    "poisson_nll_loss": lambda t, n: t.poisson_nll_loss(
        x(t, 4), t.rand(4), True, True, 1e-8, reduction=n
    ),
    "triplet_margin_loss": lambda t, n: t.triplet_margin_loss(
        x(t, 4, 3), x(t, 4, 3), x(t, 4, 3), 0.5, 1, 1e-6, True, n
    ),
}
for _name, _program in LOSSES.items():
    for _number in range(3):
        PROGRAMS[f"{_name} {_number}"] = lambda t, of=_program, n=_number: of(t, n)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_matches_pytorch(program: Any) -> None:
    def with_gradients(t: Any) -> Any:
        seen, kept = t.randn, []

        class Drawing:  # draws the operands, and keeps those that require grad
            def __getattr__(self, name: str) -> Any:
                return randn if name == "randn" else getattr(t, name)

        def randn(*shape: int, requires_grad: bool = False) -> Any:
            kept.append(seen(*shape, requires_grad=requires_grad))
            return kept[-1]

        t.manual_seed(0)
        made = program(Drawing())
        outputs = [made] if isinstance(made, t.Tensor) else [*made]
        sum(y.sin().sum() for y in outputs if y.requires_grad).backward()
        return [*outputs, *(each.grad for each in kept if each.requires_grad)]

    check_close(with_gradients, rtol=1e-4, atol=1e-5)


SHAPES = [(), (2,), (0,), (2, 3), (2, 3, 4), (1, 2, 1, 3), (3, 0), (0, 3), (3, 0, 2)]


@given(
    st.sampled_from(SHAPES),
    st.integers(0, 3),
    st.integers(-5, 4),
    st.booleans(),
    st.sampled_from(["float16", "float32", "int64"]),
)
def test_norms_over_all_dimensions_but_one(
    shape: tuple[int, ...], pow: int, dim: int, turned: bool, dtype: str
) -> None:
    def program(t: Any) -> Any:
        t.manual_seed(0)
        v = t.randn(shape).to(getattr(t, dtype))
        v = v.permute(*reversed(range(len(shape)))) if turned else v
        v.requires_grad_(dtype != "int64")
        y = t.norm_except_dim(v, pow, dim)
        (grad,) = t.autograd.grad(y, v, t.randn(y.shape).to(y.dtype), allow_unused=True)
        return [y.grad_fn.name(), y.stride(), y, grad]

    rtol = 1e-2 if dtype == "float16" else 1e-5
    check_close(program, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("args", [([1.0],), ("v", 2.5), ("v", True), ("v", 2, 0.0)])
def test_operands_of_norms_over_all_dimensions_but_one(args: Any) -> None:
    for t in (minigrad, torch):
        given_args = [t.ones(2, 3) if arg == "v" else arg for arg in args]
        with pytest.raises(TypeError, match=r"norm_except_dim\(\): argument"):
            t.norm_except_dim(*given_args)


def test_nothing_is_dropped() -> None:
    for t in (minigrad, torch):
        ones = t.ones(1, 2)
        assert t.feature_dropout(ones, 0.5, False) is ones
        assert t.feature_dropout(ones, 0.0, True) is not None


def test_a_reduction_is_a_number() -> None:
    for t in (minigrad, torch):
        with pytest.raises(TypeError):
            t.kl_div(t.zeros(2), t.ones(2), "sum")


def test_every_name_is_tested() -> None:
    tested = {name.split()[0] for name in PROGRAMS}
    assert set(plain.__all__) <= tested
