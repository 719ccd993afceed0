"""nn/loss.py: each module calls the function of its name with its options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from twins import check_same, torch, translate

import minigrad
from minigrad import nn

OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "reduction": st.sampled_from(["mean", "sum", "none"]),
        "ignore_index": st.sampled_from([-100, 0, 2]),
        "weight": st.just(np.array([0.5, 2.0, 1.0])),
    },
)
SMOOTHING = st.fixed_dictionaries({}, optional={"label_smoothing": st.sampled_from([0.0, 0.3])})


def check_loss(name: str, options: dict[str, Any], x: np.ndarray, target: np.ndarray) -> None:
    """Compare the loss, and the gradient of its input for a random cotangent, with PyTorch's."""
    results = []
    for t in (minigrad, torch):
        made_with = {k: t.from_numpy(v) if k == "weight" else v for k, v in options.items()}
        leaf = t.from_numpy(x.copy()).requires_grad_()
        loss = getattr(t.nn, name)(**made_with)(leaf, t.from_numpy(target))
        cotangent = np.random.default_rng(7).standard_normal(tuple(loss.shape))
        loss.backward(t.from_numpy(np.asarray(cotangent)))
        results.append((loss.detach().numpy(), leaf.grad.numpy()))
    for ours, theirs in zip(*results, strict=True):
        assert ours.shape == theirs.shape
        assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@given(OPTIONS, SMOOTHING, st.integers(0, 99))
def test_cross_entropy(options: dict[str, Any], smoothing: dict[str, Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = np.array([1, *rng.integers(0, 3, 3)])
    check_loss("CrossEntropyLoss", {**options, **smoothing}, rng.standard_normal((4, 3)), target)


@given(OPTIONS, st.integers(0, 99))
def test_nll(options: dict[str, Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = np.array([1, *rng.integers(0, 3, 3)])
    check_loss("NLLLoss", options, rng.standard_normal((4, 3)), target)


@given(st.sampled_from(["mean", "sum", "none"]), st.integers(0, 99))
def test_mse(reduction: str, seed: int) -> None:
    x, target = np.random.default_rng(seed).standard_normal((2, 4, 3))
    check_loss("MSELoss", {"reduction": reduction}, x, target)


def test_weight_is_a_buffer() -> None:
    def program(t: Any) -> Any:
        loss = t.nn.CrossEntropyLoss(weight=t.ones(3)).double()
        return dict(loss.state_dict()), dict(t.nn.NLLLoss().state_dict()), repr(loss)

    check_same(program)
    theirs = torch.nn.NLLLoss(torch.tensor([1.0, 2.0])).state_dict()
    ours = nn.NLLLoss(minigrad.zeros(2))
    ours.load_state_dict(translate(theirs, minigrad))
    assert ours.weight.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss", "MSELoss"])
@pytest.mark.parametrize("flags", [{"reduce": False}, {"size_average": False}, {"reduce": True}])
def test_deprecated_flags(name: str, flags: dict[str, bool]) -> None:
    check_same(lambda t: getattr(t.nn, name)(**flags).reduction)


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss", "MSELoss"])
def test_unknown_reduction_is_refused_when_called(name: str) -> None:
    def program(t: Any) -> Any:
        target = t.zeros(1, 2) if name == "MSELoss" else t.tensor([0])
        return getattr(t.nn, name)(reduction="average")(t.zeros(1, 2), target)

    check_same(program)
