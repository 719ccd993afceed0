"""nn/plain.py: functions of nn under their names in torch, and their gradients."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import twins
from hypothesis import given
from hypothesis import strategies as st
from twins import both, check_close, torch

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
    "convolution": lambda t: t.convolution(
        x(t, 2, 4, 7), x(t, 6, 2, 3), x(t, 6), [2], [1], [1], False, [0], 2
    ),
    "convolution of images, transposed": lambda t: t.convolution(
        x(t, 1, 4, 3, 5), x(t, 4, 2, 2, 3), None, [2, 3], [0, 1], [1, 1], True, [1, 0], 1
    ),
    "convolution of volumes": lambda t: t.convolution(
        x(t, 1, 2, 3, 4, 5), x(t, 3, 2, 2, 2, 2), None, (1,), (0,), (1, 1, 2), False, (0,), 1
    ),
    "affine_grid_generator": lambda t: t.affine_grid_generator(x(t, 2, 2, 3), (2, 1, 4, 1), True),
    "affine_grid_generator of volumes": lambda t: t.affine_grid_generator(
        x(t, 2, 3, 4), [2, 1, 4, 3, 5], False
    ),
    "affine_grid_generator of nothing": lambda t: t.affine_grid_generator(
        x(t, 2, 2, 3), (2, 1, 0, 3), True
    ),
    "native_batch_norm": lambda t: t.native_batch_norm(
        x(t, 4, 3, 2), *statistics(t), True, 0.1, 1e-3
    ),
    "native_batch_norm of one": lambda t: t.native_batch_norm(
        x(t, 1, 3), *statistics(t), True, 0.1, 1e-3
    ),
    "native_batch_norm by running statistics": lambda t: t.native_batch_norm(
        x(t, 4, 3, 2), *statistics(t), False, 0.1, 1e-3
    ),
    "native_layer_norm": lambda t: t.native_layer_norm(
        x(t, 4, 2, 3), (2, 3), x(t, 2, 3), None, 1.0
    ),
    "native_group_norm": lambda t: t.native_group_norm(
        x(t, 2, 6, 3), x(t, 6), x(t, 6), 2, 6, 3, 2, 1e-3
    ),
    "native_group_norm of nothing": lambda t: t.native_group_norm(
        x(t, 0, 4, 3), x(t, 4), x(t, 4), 0, 4, 3, 2, 1e-3
    ),
    "native_dropout": lambda t: t.native_dropout(x(t, 7), 0.5, True),
    "native_dropout of all": lambda t: t.native_dropout(x(t, 7), 1.0, True),
    "native_dropout in evaluation": lambda t: t.native_dropout(x(t, 7), 0.5, False),
    "as_strided_scatter": lambda t: t.as_strided_scatter(
        t.randn(3, 4), x(t, 2, 3), (2, 3), (1, 4), 2
    ),
    "as_strided_scatter in a part of the memory": lambda t: t.randn(3, 4)[1:].as_strided_scatter(
        x(t, 2, 3), (2, 3), (1, 2)
    ),
    "as_strided_scatter of repeated elements": lambda t: (
        t.arange(3.0).expand(3, 3).as_strided_scatter(x(t, 2, 2), (2, 2), (3, 1), 1)
    ),
    "as_strided_scatter of a transpose": lambda t: (
        t.arange(6.0).view(2, 3).t().as_strided_scatter(t.randn(2, 2), (2, 2), (2, 1), 1)
    ),
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


@pytest.mark.parametrize("padding", [None, 2, -1])
@pytest.mark.parametrize("include_last", [False, True])
@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_bags_and_what_they_consist_of(
    dtype: str, mode: int, include_last: bool, padding: int | None
) -> None:
    def program(t: Any) -> Any:
        t.manual_seed(mode)
        w = t.randn(10, 3).to(getattr(t, dtype)).requires_grad_()
        factors = t.rand(8).to(w.dtype).requires_grad_() if mode == 0 and include_last else None
        indices = t.tensor([1, 2, 4, 9, 4, 3, 2, 9], dtype=t.int32 if padding else t.int64)
        offsets = t.tensor([0, 3, 3, 8 if include_last else 6], dtype=indices.dtype)
        found = t.embedding_bag(
            w, indices, offsets, False, mode, False, factors, include_last, padding
        )
        leaves = [w] if factors is None else [w, factors]
        cotangent = t.randn(found[0].shape).to(w.dtype)
        node = found[0].grad_fn
        edges = [n and n.name() for n, _ in node.next_functions]
        return [node.name(), edges, *found, *t.autograd.grad(found[0], leaves, cotangent)]

    check_close(program, *((2e-3, 1e-3) if dtype == "float16" else (1e-5, 1e-6)))


def bags(t: Any, *args: Any, offsets: Any = (0, 1), **options: Any) -> Any:
    return t.embedding_bag(t.ones(4, 2), t.tensor([0, 1, 1]), t.tensor(offsets), *args, **options)


@pytest.mark.parametrize(
    "program",
    [
        lambda t: t.convolution(t.ones(1, 3), t.ones(1, 1, 2), None, [1], [0], [1], False, [0], 1),
        lambda t: t.convolution(t.ones(1, 1, 3), t.ones(1, 1, 2), None, 1, [0], [1], False, [0], 1),
        lambda t: t.convolution(
            t.ones(1, 1, 3), t.ones(1, 1, 2), None, [1], [-1], [1], False, [0], 1
        ),
        lambda t: t.affine_grid_generator(t.ones(2, 2, 3), (2, 1, 4), True),
        lambda t: t.affine_grid_generator(t.ones(2, 2, 3), (3, 1, 4, 4), True),
        lambda t: bags(t, mode=3),
        lambda t: bags(t, mode="sum"),
        lambda t: bags(t, offsets=[1, 2]),
        lambda t: bags(t, offsets=[0, 4]),
        lambda t: bags(t, offsets=0),
        lambda t: bags(t, offsets=[0.0, 1.0]),
        lambda t: bags(t, False, 1, False, t.ones(3)),
        lambda t: bags(t, False, 0, False, t.ones(2)),
        lambda t: bags(t, False, 0, False, None, False, 4),
        lambda t: t.embedding_bag(
            t.ones(4, 2), t.tensor([1]), t.tensor([0])[:0], include_last_offset=True
        ),
        lambda t: t.native_batch_norm(t.ones(0, 3), None, None, None, None, True, 0.1, 1e-5),
        lambda t: t.native_batch_norm(t.ones(3), None, None, None, None, True, 0.1, 1e-5),
        lambda t: t.native_layer_norm(t.ones(2, 3), (2,), None, None, 1e-5),
        lambda t: t.native_group_norm(t.ones(2, 4, 3), None, None, 2, 4, 2, 2, 1e-5),
        lambda t: t.native_group_norm(t.ones(2, 4, 3), None, None, 2, 4, 3, 3, 1e-5),
        lambda t: t.native_group_norm(t.ones(2, 3, 4).mT, None, None, 2, 4, 3, 2, 1e-5),
        lambda t: t.native_dropout(t.ones(3), 1.5, True),
        lambda t: t.native_dropout(t.tensor([1]), 0.5, True),
        lambda t: t.native_channel_shuffle(t.arange(8).view(1, 4, 2), 2),
        lambda t: t.native_channel_shuffle(t.ones(1, 4, 2), 3),
        lambda t: t.native_channel_shuffle(t.ones(1, 4, 2, requires_grad=True), 2).sum().backward(),
        lambda t: t.as_strided_scatter(t.ones(4), t.ones(3), (2,), (1,)),
        lambda t: t.as_strided_scatter(t.ones(4), t.ones(2), (2,), (4,)),
        lambda t: (
            t.as_strided_scatter(t.ones(2, 3, requires_grad=True).t(), t.ones(2), (2,), (1,)).shape
        ),
        lambda t: t.arange(6).view(2, 3)[1:].as_strided_scatter(t.tensor([9]), (1,), (1,), 0),
    ],
)
def test_calls(program: Any) -> None:
    """Values, and errors by their type: PyTorch words some as failed assertions of its own."""
    ours, theirs = (plain_values(each) for each in both(program))
    assert ours == theirs


def plain_values(value: Any) -> Any:
    return value if isinstance(value, type) else twins.plain(value)[1:]


@pytest.mark.parametrize("offset", [0, 2])
@pytest.mark.parametrize("turned", [False, True])
def test_the_derivative_of_as_strided_scatter(offset: int, turned: bool) -> None:
    """In PyTorch the input has the gradient of the other elements."""

    def scattered(x: Any, src: Any) -> Any:
        x = x.detach().t() if turned else x
        return x.as_strided_scatter(src, (2, 3), (1, 4), offset)

    x, src = (minigrad.randn(*shape, dtype=minigrad.float64) for shape in ((3, 4), (2, 3)))
    operands = x.requires_grad_(not turned), src.requires_grad_()
    assert minigrad.autograd.gradcheck(scattered, operands)
    assert minigrad.autograd.gradgradcheck(scattered, operands)


def test_rows_are_renormalised() -> None:
    def program(t: Any) -> Any:
        w = t.arange(8.0).view(4, 2)
        found = t.embedding_renorm_(w, t.tensor([3, 0, 3]), 1.0, 1.0)
        return [found is w, w]

    check_close(program, 1e-6)


def test_statistics_of_a_batch_are_written_out() -> None:
    def program(t: Any) -> Any:
        outs = t.empty(0), t.empty(0), t.empty(0)
        x, running = t.arange(6.0).view(3, 2), (t.zeros(2), t.ones(2))
        found = t.native_batch_norm(x, None, None, *running, True, 0.5, 1.0, out=outs)
        return [isinstance(found, tuple), *outs, *running, *found]

    check_close(program, 1e-6, 1e-7)


@pytest.mark.parametrize("dim", [0, (0,), (), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("keepdim", [False, True])
def test_old_norms(dim: Any, keepdim: bool) -> None:
    def program(t: Any) -> Any:
        t.manual_seed(0)
        x = t.randn(2, 3, 4, requires_grad=True)
        with warnings.catch_warnings(action="ignore"):
            y = t.frobenius_norm(x, dim, keepdim)
            z = t.nuclear_norm(x, dim, keepdim) if dim == (0, 2) else t.nuclear_norm(x)
        (grad,) = t.autograd.grad(y, x, t.randn(y.shape), retain_graph=True)
        return [y.grad_fn.name(), y, grad, y.stride(), z.stride(), z.grad_fn.name(), z]

    check_close(program, 1e-5, 1e-6)


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
    layers = {"gru", "lstm", "rnn_relu", "rnn_tanh"}  # tested beside the modules
    assert set(plain.__all__) <= tested | layers
