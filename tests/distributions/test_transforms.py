"""distributions/transforms.py: images, inverses, log-determinants, shapes and caches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad

torch = pytest.importorskip("torch")

# For each, a value from numbers between 0 and 1, and its shape.
TRANSFORMS = {
    "T.ExpTransform()": (2, 3),
    "T.SigmoidTransform()": (2, 3),
    "T.SoftplusTransform()": (2, 3),
    "T.TanhTransform()": (2, 3),
    "T.AbsTransform()": (2, 3),
    "T.PowerTransform(2.5)": (2, 3),
    "T.PowerTransform(t([2.0, -1.0, 0.5]))": (2, 3),
    "T.AffineTransform(0.5, -2.0)": (2, 3),
    "T.AffineTransform(0.5, 0.0)": (2, 3),
    "T.AffineTransform(t([0.5, 1.0, 2.0]), t([[2.0], [0.5]]))": (2, 3),
    "T.AffineTransform(0.5, -2.0, event_dim=1)": (2, 3),
    "T.AffineTransform(0.5, t([2.0, 0.5, 1.0]), event_dim=2)": (2, 3),
    "T.SoftmaxTransform()": (2, 3),
    "T.StickBreakingTransform()": (2, 3),
    "T.LowerCholeskyTransform()": (2, 2, 2),
    "T.CorrCholeskyTransform()": (2, 6),
    "T.PositiveDefiniteTransform()": (2, 2, 2),
    "T.CumulativeDistributionTransform(D.Normal(0.0, 1.0))": (2, 3),
    "T.ReshapeTransform((3,), (3, 1))": (2, 3),
    "T.IndependentTransform(T.ExpTransform(), 1)": (2, 3),
    "T.StackTransform([T.ExpTransform(), T.TanhTransform()])": (2, 3),
    "T.StackTransform([T.ExpTransform(), T.TanhTransform()], dim=-1)": (3, 2),
    "T.CatTransform([T.ExpTransform(), T.TanhTransform()], dim=-1, lengths=[1, 2])": (2, 3),
    "T.CatTransform([T.ExpTransform(), T.TanhTransform()])": (2, 3),
    "T.CatTransform([T.AffineTransform(1, 2, 1), T.ExpTransform()], -1, [1, 2])": (2, 3),
    "T.ComposeTransform([])": (2, 3),
    "T.ComposeTransform([T.AffineTransform(1.0, 2.0), T.ExpTransform()])": (2, 3),
    "T.ComposeTransform([T.StickBreakingTransform(), T.ExpTransform()])": (2, 3),
    "T.ComposeTransform([T.ExpTransform(), T.StickBreakingTransform(), T.ExpTransform()])": (2, 3),
    "T.ComposeTransform([T.ReshapeTransform((3,), (3, 1)), T.ExpTransform()])": (2, 3),
    "T.ComposeTransform([T.ExpTransform(), T.ReshapeTransform((3,), (1, 3))], 1)": (2, 3),
    "T.ComposeTransform([T.StickBreakingTransform(), T.ReshapeTransform((4,), (2, 2))])": (2, 3),
    "T.ExpTransform().inv": (2, 3),
    "T.ComposeTransform([T.ExpTransform(), T.TanhTransform()]).inv": (2, 3),
    "T.ExpTransform(cache_size=1)": (2, 3),
}


def made(t: Any, line: str) -> Any:
    names = {"T": t.distributions.transforms, "D": t.distributions}
    return eval(line, names | {"t": lambda data: t.tensor(data, dtype=t.float64)})


def outcome(run: Any) -> Any:
    try:
        return run()
    except Exception as error:
        return type(error)


def check_close(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, torch.Tensor):
        assert str(ours.dtype) == str(theirs.dtype)
        assert tuple(ours.shape) == tuple(theirs.shape)
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), 1e-7, 1e-9)
    else:
        assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("line", TRANSFORMS)
@given(st.integers(0, 2**32 - 1))
def test_images_inverses_and_their_gradients(line: str, seed: int) -> None:
    x = np.random.default_rng(seed).uniform(0.05, 0.7, TRANSFORMS[line])
    results: list[list[Any]] = []
    for t in (minigrad, torch):
        transform = made(t, line)
        leaf = t.from_numpy(x.copy()).requires_grad_()
        y = transform(leaf)
        back = outcome(lambda transform=transform, y=y: transform.inv(y))
        found = [y, back]
        volume = outcome(
            lambda transform=transform, leaf=leaf, y=y: transform.log_abs_det_jacobian(leaf, y)
        )
        found.append(volume)
        for result in (y, volume):
            if getattr(result, "requires_grad", False):
                leaf.grad = None
                result.sum().backward(retain_graph=True)
                found.append(leaf.grad)
        results.append(found)
    for ours, theirs in zip(*results, strict=True):
        check_close(ours, theirs)


EXTREMES = [-800.0, -40.0, -1e-9, 0.0, 40.0, 800.0]
KINDS = ("Sigmoid", "Softplus", "Tanh", "Softmax", "StickBreaking", "CorrCholesky")


@pytest.mark.parametrize("kind", KINDS)
def test_extreme_values(kind: str) -> None:
    found = []
    for t in (minigrad, torch):
        transform, x = made(t, f"T.{kind}Transform()"), t.tensor(EXTREMES, dtype=t.float64)
        y = transform(x)
        volume = outcome(lambda transform=transform, x=x, y=y: transform.log_abs_det_jacobian(x, y))
        back = outcome(lambda transform=transform, x=x: transform.inv(x.abs()))
        found.append([y, transform.inv(y), back, volume])
    for ours, theirs in zip(*found, strict=True):
        check_close(ours, theirs)


@pytest.mark.parametrize("line", TRANSFORMS)
def test_facts(line: str) -> None:
    ours, theirs = made(minigrad, line), made(torch, line)
    for name in ("bijective", "sign", "event_dim", "domain", "codomain", "inv"):
        a, b = (outcome(lambda x=x, name=name: getattr(x, name)) for x in (ours, theirs))
        check_close(a, b)
    assert repr(ours) == repr(theirs)
    for shape in ((), (3,), (4, 1), (2, 3), (5, 2, 2)):
        for name in ("forward_shape", "inverse_shape"):
            a, b = (
                outcome(lambda x=x, name=name, shape=shape: tuple(getattr(x, name)(shape)))
                for x in (ours, theirs)
            )
            assert a == b, (name, shape)


@pytest.mark.parametrize("first", TRANSFORMS)
def test_equality(first: str) -> None:
    for second in TRANSFORMS:
        ours, theirs = (made(t, first) == made(t, second) for t in (minigrad, torch))
        assert ours == theirs, second


WRONG = """
T.CatTransform([T.ExpTransform()], lengths=[1, 2])
T.CatTransform([T.ExpTransform()], lengths=[2])(t([1.0, 2.0, 3.0]))
T.CatTransform([T.ExpTransform()], dim=1)(t([1.0]))
T.StackTransform([T.ExpTransform()])(t([1.0, 2.0]))
T.StackTransform([T.ExpTransform()], dim=-2)(t([1.0]))
""".strip().splitlines()


@pytest.mark.parametrize("line", WRONG)
def test_parts_that_do_not_fit_are_refused(line: str) -> None:
    results = {outcome(lambda t=t: made(t, line)) for t in (minigrad, torch)}
    assert results == {AssertionError}


def test_a_cache_keeps_the_value_that_a_result_was_computed_from() -> None:
    for t in (minigrad, torch):
        T = t.distributions.transforms
        x = t.tensor([0.1])
        for transform in (T.TanhTransform(cache_size=1), T.TanhTransform().with_cache()):
            y = transform(x)
            assert transform.inv(y) is x
            assert transform(x) is y
            assert transform.inv(y.clone()) is not x
        assert T.TanhTransform().inv(T.TanhTransform()(x)) is not x
        both = T.ComposeTransform([T.ExpTransform(), T.TanhTransform()], cache_size=1)
        assert both.inv(both(x)) is x
        rows = T.IndependentTransform(T.ExpTransform(), 1, cache_size=1)
        assert rows.base_transform.inv(rows(x)) is x
        tanh = T.TanhTransform(cache_size=1)
        y = tanh(x)
        assert tanh.with_cache(0).with_cache(1).inv(y) is not x


def test_a_transform_is_unhashable_as_pytorchs() -> None:
    for t in (minigrad, torch):
        with pytest.raises(TypeError, match="unhashable"):
            hash(t.distributions.ExpTransform())
