"""half.py: float16 is computed in float32 and rounded once, and its derivatives as PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")

LINES = """
t.arange(3000).half().sum()
t.full((5000,), 10.0).half().mean()
t.full((40,), 300.0).half().norm()
(x * 1e4).softmax(0)
x.log_softmax(0)
t.nn.functional.layer_norm(x * 100, (8,))
t.nn.functional.mse_loss(x * 300, -x * 300)
x @ x, x.outer(x) @ x
x * 0.1003 + 0.1003
x / 3, 3 / x, x ** 3, x % 0.3, x // 0.3
x * 70000, x + 70000, x - 70000.5
x == 0.1, x < 0.3, x.clamp(max=0.3)
t.add(x, x, alpha=0.1)
x.exp(), x.log(), x.sqrt(), x.tanh(), x.sigmoid()
x.cumsum(0), x.cumprod(0), x.var(), x.std()
x + t.tensor(2), x + t.ones(1, dtype=t.int64), x + t.ones(1), x + t.ones((), dtype=t.float64)
x.new_tensor(0.1).item()
t.linspace(-3.3, 7, 37, dtype=t.float16), t.arange(0, 7, 0.3, dtype=t.float16)
x.round(decimals=1), x.relu(), (-x).relu(), t.tensor([-0.0]).half().relu()
""".strip().splitlines()


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("second", [2.0, 0.0])
@pytest.mark.parametrize("create_graph", [False, True])
def test_the_cotangent_of_a_converting_scan_is_converted_first(
    name: str, second: float, create_graph: bool
) -> None:
    def gradient(t: Any) -> Any:
        x = t.tensor([1.0, second, -1.0, 1.0], dtype=t.float16).requires_grad_()
        y = getattr(x, name)(dim=0, dtype=t.float64)
        g = t.tensor([1e5, 1.0, 1 / 3, 0.1], dtype=t.float64)  # 1e5 is infinite in float16
        return t.autograd.grad(y, x, g, create_graph=create_graph)[0].tolist()

    np.testing.assert_array_equal(gradient(minigrad), gradient(torch))


@pytest.mark.parametrize("line", LINES)
def test_results_are_pytorchs(line: str) -> None:
    def results(t: Any) -> list[Any]:
        x = t.tensor([0.1, 0.3, 0.7, 1.0, 1.3, 2.1, 3.3, 5.7], dtype=t.float16)
        found = eval(line, {"t": t, "x": x})
        return list(found) if isinstance(found, tuple) else [found]

    for ours, theirs in zip(results(minigrad), results(torch), strict=True):
        if isinstance(theirs, float):
            assert ours == theirs
            continue
        assert str(ours.dtype) == str(theirs.dtype)
        # One rounding of two that are as correct.
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-3, atol=1e-7)


FUNCTIONS = ["exp", "log", "sqrt", "tanh", "sigmoid", "tan", "digamma"]
FUNCTIONS += ["sum", "mean", "std", "prod", "norm"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_float16_and_pytorchs(name: str) -> None:
    def gradients(t: Any) -> list[np.ndarray]:
        x = t.tensor([0.1, 0.3, 0.7, 1.3], dtype=t.float16, requires_grad=True)
        y = getattr(x, name)()
        (first,) = t.autograd.grad(y.sum(), x, create_graph=True)
        (second,) = t.autograd.grad((first * x).sum(), x)
        assert {str(g.dtype) for g in (first, second)} == {"torch.float16"}
        return [first.detach().numpy(), second.numpy()]

    for ours, theirs in zip(gradients(minigrad), gradients(torch), strict=True):
        scale = np.abs(theirs.astype(float)).max()
        np.testing.assert_allclose(ours, theirs, rtol=4e-3, atol=4e-3 * float(scale))


@pytest.mark.parametrize("name", ["igamma", "igammac"])
@pytest.mark.parametrize("value", [6000, 8000, 10000])
def test_gradients_that_overflow_on_the_way(name: str, value: float) -> None:
    """The logarithm of the gamma function of 10000 is infinite in float16."""
    found = []
    for t in (minigrad, torch):
        x, y = (t.tensor([value], dtype=t.float16) for _ in range(2))
        y.requires_grad_()
        found += [g.item() for g in t.autograd.grad(getattr(t, name)(x, y).sum(), y)]
    np.testing.assert_equal(found[0], found[1])


def test_a_sum_of_float16_does_not_stop_growing() -> None:
    assert minigrad.ones(5000, dtype=minigrad.float16).sum().item() == 5000
    x = minigrad.ones(1, dtype=minigrad.float16, requires_grad=True)
    (x * minigrad.ones(5000, dtype=minigrad.float16)).sum().backward()
    assert x.grad.item() == 5000  # the sum over a broadcast operand, too


def test_a_write_to_a_saved_float16_tensor_is_an_error() -> None:
    x = minigrad.tensor([1.0, 2.0], dtype=minigrad.float16, requires_grad=True)
    y = x.exp()
    y.detach().zero_()
    with pytest.raises(RuntimeError, match=r"modified by .*: .torch.HalfTensor"):
        y.sum().backward()


@pytest.mark.parametrize(
    "call",
    [
        lambda t, x: t.special.erfcx(x),
        lambda t, x: t.linalg.inv(x.outer(x)),
        lambda t, x: t.linalg.cholesky(x.outer(x)),
        lambda t, x: t.quantile(x, 0.5),
        lambda t, x: t.special.i1(x.requires_grad_()).sum().backward(),
        lambda t, x: t.nn.functional.rrelu(x, training=True),
        lambda t, x: t.full((2,), 70000.0, dtype=t.float16),
        lambda t, x: x.fill_(70000.0),
        lambda t, x: t.add(x, x, alpha=70000.0),
        lambda t, x: x & x,
        lambda t, x: x.char().exp_(),
        lambda t, x: t.tensor(128, dtype=t.int8),
        lambda t, x: x.short().fill_(40000),
    ],
)
def test_what_pytorch_lacks_is_refused(call: Any) -> None:
    with pytest.raises((RuntimeError, NotImplementedError)) as theirs:
        call(torch, torch.tensor([1.0, 2.0], dtype=torch.float16))
    with pytest.raises(type(theirs.value)):
        call(minigrad, minigrad.tensor([1.0, 2.0], dtype=minigrad.float16))


@pytest.mark.parametrize("name", ["int8", "int16"])
def test_small_integers_wrap_around(name: str) -> None:
    def results(t: Any) -> list[list[int]]:
        kind = getattr(t, name)
        x = t.tensor([t.iinfo(kind).max if t is torch else np.iinfo(name).max, -3], dtype=kind)
        values = [x + 1, x + 300, x * x, -x - 2, x << 1, x**2, x // 2, x.float().to(kind)]
        assert all(str(v.dtype) == f"torch.{name}" for v in values)
        return [*(v.tolist() for v in values), [x.sum().item(), str(x.sum().dtype)]]

    assert results(minigrad) == results(torch)
