"""optim/swa_utils.py: averages of models and their schedule are PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same, torch, translate

import minigrad

AVERAGES: dict[str, Any] = {
    "the default": lambda t: {},
    "buffers": lambda t: {"use_buffers": True},
    "equal": lambda t: {"avg_fn": t.optim.swa_utils.get_swa_avg_fn()},
    "exponential": lambda t: {"avg_fn": t.optim.swa_utils.get_ema_avg_fn(0.75)},
    "equal lists": lambda t: {"multi_avg_fn": t.optim.swa_utils.get_swa_multi_avg_fn()},
    "exponential lists": lambda t: {
        "multi_avg_fn": t.optim.swa_utils.get_ema_multi_avg_fn(0.9),
        "use_buffers": True,
    },
    "own": lambda t: {"avg_fn": lambda average, value, n: average * n + value},
}


def averaged(t: Any, name: str, seed: int) -> Any:
    """Average a model with a buffer over four updates; return it and its parameters."""
    rng = np.random.default_rng(seed)
    net = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.Linear(3, 1))
    net.register_buffer("seen", t.zeros(2))
    net.register_buffer("count", t.tensor(0))
    mean = t.optim.swa_utils.AveragedModel(net, **AVERAGES[name](t))
    for _ in range(4):
        for x in (*net.parameters(), net.seen):
            x.data = t.from_numpy(rng.standard_normal(tuple(x.shape)).astype(np.float32))
        net.count += 3
        mean.update_parameters(net)
    return mean


@pytest.mark.parametrize("name", AVERAGES)
@given(st.integers(0, 2**32 - 1))
def test_averages(name: str, seed: int) -> None:
    ours, theirs = averaged(minigrad, name, seed), averaged(torch, name, seed)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        assert a.numpy().dtype == b.numpy().dtype
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    assert repr(ours) == repr(theirs)
    x = np.ones((2, 2), np.float32)
    mine, its = (mean(t.from_numpy(x)) for t, mean in ((minigrad, ours), (torch, theirs)))
    np.testing.assert_allclose(mine.detach().numpy(), its.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_averaged_model_continues_from_the_other_librarys_state() -> None:
    theirs = averaged(torch, "the default", 0)
    ours = averaged(minigrad, "the default", 1)
    ours.load_state_dict(translate(theirs.state_dict(), minigrad))
    assert ours.n_averaged == 4
    assert ours.module[0].weight.tolist() == theirs.module[0].weight.tolist()


OPTIONS = st.fixed_dictionaries(
    {"swa_lr": st.sampled_from([0.05, [0.05, 0.1]])},
    optional={
        "anneal_epochs": st.sampled_from([0, 1, 3]),
        "anneal_strategy": st.sampled_from(["cos", "linear"]),
    },
)


def scheduled(t: Any, options: dict[str, Any]) -> Any:
    groups = [{"params": [t.zeros(1)], "lr": lr} for lr in (0.5, 1.0)]
    optimizer = t.optim.SGD(groups, lr=0.1)
    return optimizer, t.optim.swa_utils.SWALR(optimizer, **options)


def walk(optimizer: Any, scheduler: Any, epochs: int) -> list[Any]:
    log = []
    for _ in range(epochs):
        optimizer.step()
        scheduler.step()
        log.append(scheduler.get_last_lr())
    return log


@given(OPTIONS)
def test_rates(options: dict[str, Any]) -> None:
    check_same(lambda t: walk(*scheduled(t, options), 12))


@given(OPTIONS, st.integers(0, 5))
def test_rates_continue_from_a_state(options: dict[str, Any], epochs: int) -> None:
    expected = walk(*scheduled(torch, options), epochs + 5)
    for first, second in ((minigrad, torch), (torch, minigrad), (minigrad, minigrad)):
        optimizer, scheduler = scheduled(first, options)
        log = walk(optimizer, scheduler, epochs)
        follower, resumed = scheduled(second, options)
        resumed.load_state_dict(scheduler.state_dict())
        follower.load_state_dict(optimizer.state_dict())
        assert log + walk(follower, resumed, 5) == expected


@pytest.mark.skipif(not hasattr(minigrad.nn, "BatchNorm1d"), reason="no batch normalisation yet")
def test_update_bn() -> None:
    results = []
    for t in (minigrad, torch):
        t.manual_seed(0)
        net = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.BatchNorm1d(3)).eval()
        rng = np.random.default_rng(0)
        batches = [t.from_numpy(rng.standard_normal((8, 2)).astype(np.float32)) for _ in range(3)]
        loader = [batches[0], [batches[1], None], (batches[2],)]
        t.optim.swa_utils.update_bn(loader, net)
        results.append((net[1].running_mean.numpy(), net[1].running_var.numpy(), net[1].momentum))
        assert not net.training
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


CASES: dict[str, Any] = {
    "decay of 2": lambda t: t.optim.swa_utils.get_ema_avg_fn(2.0),
    "negative decay": lambda t: t.optim.swa_utils.get_ema_multi_avg_fn(-1.0),
    "unknown strategy": lambda t: scheduled(t, {"swa_lr": 0.1, "anneal_strategy": "fast"}),
    "negative epochs": lambda t: scheduled(t, {"swa_lr": 0.1, "anneal_epochs": -1}),
    "rates of too few groups": lambda t: scheduled(t, {"swa_lr": [0.1]}),
    "no batch normalisation": lambda t: t.optim.swa_utils.update_bn([], t.nn.Linear(1, 1)),
}


@pytest.mark.parametrize("program", CASES.values(), ids=CASES)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)


@pytest.mark.parametrize("t", [minigrad, torch])
def test_two_functions_are_refused(t: Any) -> None:
    with pytest.raises(AssertionError, match="Only one"):
        t.optim.swa_utils.AveragedModel(t.nn.Linear(1, 1), avg_fn=len, multi_avg_fn=len)
