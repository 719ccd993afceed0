"""Empty batches, sizes of nothing, sizes too large, and other arguments at the edge."""

from __future__ import annotations

import functools
import itertools
import warnings
from typing import Any

import pytest
from twins import check_close

import minigrad

torch = pytest.importorskip("torch")

CALLS = """
max_pool1d(t.ones(2, 1), 2, None, 1, 2)
max_pool1d(t.ones(2, 1), 2, None, 1, 2, return_indices=True)
max_pool1d(t.tensor([[1.0, 2.0]]), 2, 1, 1, 2)
max_pool1d(t.tensor([[1.0, 2.0]]), 2, 2, 1, 2, True, return_indices=True)
max_pool2d(t.ones(1, 1, 3), 2, None, 1, 2, return_indices=True)
max_pool3d(t.ones(1, 1, 2, 1), 2, None, 1, 2, return_indices=True)
max_pool2d(t.ones(1, 1, 3).long(), 2, None, 1, 2)
max_unpool1d(t.ones(0, 4, 5), t.ones(0, 4, 5).long(), 2)
max_unpool2d(t.ones(0, 4, 5, 5), t.ones(0, 4, 5, 5).long(), 2)
max_unpool3d(t.ones(0, 4, 5, 5, 5), t.ones(0, 4, 5, 5, 5).long(), 2)
max_unpool3d(t.ones(0, 4, 5, 5), t.ones(0, 4, 5, 5).long(), 2)
max_unpool1d(t.ones(3, 0, 5), t.ones(3, 0, 5).long(), 2)
max_unpool2d(t.ones(3, 2, 0, 5), t.ones(3, 2, 0, 5).long(), 2)
max_unpool3d(t.ones(3, 0, 5, 5), t.ones(3, 0, 5, 5).long(), 2)
multi_margin_loss(t.ones(0, 9), t.ones(0).long(), reduction="none")
multi_margin_loss(t.ones(2, 0), t.ones(2).long())
multilabel_margin_loss(t.ones(0, 9), t.ones(0, 9).long(), reduction="none")
multilabel_margin_loss(t.ones(0), t.ones(0).long())
fractional_max_pool2d(t.ones(1, 0, 8, 8), 2, 3)
fractional_max_pool2d(t.ones(0, 8, 8), 2, 3)
fractional_max_pool2d(t.ones(0, 2, 8, 8), 2, 3)
fractional_max_pool3d(t.ones(1, 0, 8, 8, 8), 2, 3)
fractional_max_pool2d(t.ones(1, 8, 8), 2, 7)
fractional_max_pool3d(t.ones(1, 8, 8, 8), 2, 7)
fractional_max_pool3d(t.ones(1, 8, 8, 8), 2, 6)
fractional_max_pool2d(t.ones(1, 8, 8), (), 3)
fractional_max_pool2d(t.ones(1, 8, 8), (2,), 3)
fractional_max_pool3d(t.ones(1, 8, 8, 8), 2, (3, 3))
fractional_max_pool3d(t.ones(1, 8, 8, 8), 2, (3,))
fractional_max_pool2d(t.ones(1, 8, 8), 2, -1)
fractional_max_pool2d(t.ones(1, 8, 8), 2, 0)
fractional_max_pool2d(t.ones(1, 8, 8), 2, output_ratio=(0.5,))
fractional_max_pool2d(t.ones(1, 8, 8), 2, output_ratio=(0.5, 0.5, 0.5))
adaptive_avg_pool1d(t.ones(2, 2, 2), 2**62)
adaptive_avg_pool2d(t.ones(2, 2, 2), 2**62)
adaptive_max_pool1d(t.ones(2, 2, 2), 2**62)
adaptive_max_pool3d(t.ones(2, 2, 2, 2), 2**62)
adaptive_avg_pool1d(t.ones(2, 2, 2), 2.0)
adaptive_avg_pool2d(t.ones(2, 2, 2), 2.0)
interpolate(t.ones(1, 1, 2, 2), scale_factor=1e20, mode="bilinear")
interpolate(t.ones(1, 1, 2, 2), scale_factor=float("nan"))
interpolate(t.ones(1, 1, 2, 2), scale_factor=float("inf"), mode="bicubic")
interpolate(t.ones(1, 1, 2, 2), scale_factor=1e10)
interpolate(t.ones(1, 1, 2, 2), size=2**40, mode="bicubic")
interpolate(t.ones(1, 1, 2, 2), size=2**63, mode="bicubic")
interpolate(t.ones(1, 1, 2, 2), size=2.0, mode="bilinear")
interpolate(t.ones(1, 1, 2, 2), size=(2, 2.0))
interpolate(t.ones(1, 1, 2, 2), size=2.0, mode="area")
interpolate(t.ones(1, 1, 2, 2), size=True)
interpolate(t.ones(1, 1, 2, 2), size="a")
interpolate(t.ones(1, 1, 2, 2), size=t.tensor(3))
one_hot(t.tensor([2**60]))
t.bincount(t.tensor([2**60]))
t.ones(2).new_empty(2**62, 4)
t.empty(0).resize_(0, 4, 2**61)
t.empty(0).resize_(2, 4, 2**30, 2**30)
t.nn.utils.rnn.pack_padded_sequence(t.ones(0, 0), [])
t.nn.utils.rnn.pack_padded_sequence(t.ones(2, 0, 3), [])
t.nn.utils.rnn.pack_padded_sequence(t.ones(2, 2, 3), t.ones(2, 2).long())
ctc_loss(t.zeros(3, 1, 2), t.tensor([1]), t.tensor([3.0]), t.tensor([1]))
ctc_loss(t.zeros(3, 1, 2), t.tensor([1]), t.tensor([3]), t.tensor([True]))
ctc_loss(t.zeros(3, 1, 2), t.tensor([1]), [3.0], [1])
ctc_loss(t.zeros(3, 1, 2), t.tensor([1]), [3], t.tensor([1]))
ctc_loss(t.zeros(3, 1, 2), t.tensor([1.0]), [3], [1])
affine_grid(t.ones(1, 2, 3), (1, 1, 1, 2), align_corners=True)
affine_grid(t.ones(1, 2, 3), (1, 1, 1, 2), align_corners=False)
affine_grid(t.ones(1, 3, 4), (1, 1, 2, 2, 1), align_corners=True)
instance_norm(t.arange(6.0).view(1, 2, 3), eps=0)
instance_norm(t.arange(6.0).view(1, 2, 3), eps=-1) * 0
instance_norm(t.ones(1, 2, 3), eps=0)
batch_norm(t.ones(2, 2), None, None, training=True, eps=0)
group_norm(t.ones(1, 3), 2)
local_response_norm(t.arange(48.0).view(1, 2, 2, 3, 4).transpose(2, 4), 2)
local_response_norm(t.arange(48.0).view(2, 2, 3, 4).transpose(0, 3), 2)
"""


@pytest.mark.parametrize("call", CALLS.strip().splitlines())
def test_calls_at_the_edge(call: str) -> None:
    def run(t: Any) -> Any:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            y = eval(call, vars(t.nn.functional) | {"t": t})
        return [*(y if isinstance(y, tuple) else [y]), len(caught)]

    check_close(run, 1e-6, 1e-6)


@pytest.mark.parametrize("shape", [(2, 3, 4), (0, 3, 4), (2, 3, 4, 5), (0, 2, 3, 4)])
@pytest.mark.parametrize("size", [0, 1, 2])
@pytest.mark.parametrize("kind", ["avg", "max"])
def test_the_gradient_of_adaptive_pooling_to_no_windows(
    kind: str, size: int, shape: tuple[int, ...]
) -> None:
    def gradient(t: Any, nd: int) -> Any:
        x = t.ones(shape, requires_grad=True)
        getattr(t.nn.functional, f"adaptive_{kind}_pool{nd}d")(x, size).sum().backward()
        return x.grad

    for nd in (len(shape) - 2, len(shape) - 1):
        check_close(functools.partial(gradient, nd=nd), 0)


DTYPES = ("bool", "int8", "int64", "float16", "float32", "float64")


@pytest.mark.parametrize(("a", "b"), list(itertools.product(DTYPES, repeat=2)))
@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_the_dtype_of_cosine_similarity(a: str, b: str, shape: tuple[int, ...]) -> None:
    def similarity(t: Any) -> Any:
        x = t.tensor([[1, 2, 3], [4, 5, 6]]).to(getattr(t, a))
        y = t.ones(shape).to(getattr(t, b))
        return t.nn.functional.cosine_similarity(x, y, dim=-1)

    check_close(similarity, 1e-3 if "float16" in (a, b) else 1e-6)


NORMS = {
    "batch_norm": "batch_norm(x, None, None, w, b, training=True)",
    "batch_norm of given statistics": "batch_norm(x, w.detach(), w.detach(), w, b)",
    "batch_norm without parameters": "batch_norm(x, w.detach(), w.detach())",
    "instance_norm": "instance_norm(x, None, None, w, b)",
    "group_norm": "group_norm(x, 1, w, b)",
    "layer_norm": "layer_norm(x, (2,), w, b)",
    "rms_norm": "rms_norm(x, (2,), w)",
}


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize(("a", "b"), list(itertools.product(DTYPES[3:], repeat=2)))
@pytest.mark.filterwarnings("ignore:Mismatch dtype")
def test_the_dtypes_of_normalisation(name: str, a: str, b: str) -> None:
    def normalised(t: Any) -> list[Any]:
        x = t.tensor([[[1, 2], [3, 5]], [[7, 0], [4, 4]]], dtype=getattr(t, a), requires_grad=True)
        w, bias = (t.tensor([2, 1], dtype=getattr(t, b), requires_grad=True) for _ in range(2))
        y = eval(NORMS[name], vars(t.nn.functional) | {"x": x, "w": w, "b": bias})
        (y * x.detach()).sum().backward()
        return [y, type(y.grad_fn).__name__, *(leaf.grad for leaf in (x, w, bias))]

    check_close(normalised, 1e-2 if "float16" in (a, b) else 1e-4, 1e-2)


@pytest.mark.parametrize(
    ("mode", "dtype"),
    [("linear", "float32"), *itertools.product(["bilinear", "bicubic"], ["float32", "uint8"])],
)
def test_a_dimension_that_keeps_its_size_is_copied(mode: str, dtype: str) -> None:
    shape, factor = ((1, 1, 3), 1.3) if mode == "linear" else ((1, 1, 3, 1), (1.3, 1))
    found = []
    for t in (minigrad, torch):
        x = t.tensor([1, 5, 7]).to(getattr(t, dtype)).view(shape)
        y = t.nn.functional.interpolate(x, scale_factor=factor, mode=mode)
        found.append(y.flatten().tolist())
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_the_gradient_of_a_window_of_padding_is_an_error() -> None:
    """PyTorch writes it beyond the memory of the input."""
    x = minigrad.ones(1, 1, requires_grad=True)
    y = minigrad.nn.functional.max_pool1d(x, 2, None, 1, 2)
    with pytest.raises(RuntimeError, match="only padding"):
        y.sum().backward()


@pytest.mark.parametrize("eps", [0.0, -1.0, float("nan"), 1e-8])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 1), (5,)])
def test_errors_of_cosine_similarity(shape: tuple[int, ...], dtype: str, eps: float) -> None:
    def similarity(t: Any) -> Any:
        kind = getattr(t, dtype)
        return t.cosine_similarity(t.ones(2, 3, dtype=kind), t.ones(shape, dtype=kind), eps=eps)

    check_close(similarity, 1e-6)
