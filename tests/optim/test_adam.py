"""optim/adam.py: wrong updates, errors and saved states; test_trajectories.py tests the steps."""

from __future__ import annotations

from typing import Any

import pytest
from trajectories import check_trajectory
from twins import check_same, torch

import minigrad
from minigrad import optim


class NoBiasCorrection(optim.Adam):
    """Wrong: no bias correction."""

    def _update(self, group: Any, pairs: Any) -> None:
        for param, _ in pairs:
            self._state_of(group, param)["step"].fill_(1e6)
        super()._update(group, pairs)


class EpsilonUnderTheRoot(optim.Adam):
    """Wrong: sqrt(eps) for eps, which is close to sqrt(v + eps)."""

    def _update(self, group: Any, pairs: Any) -> None:
        super()._update({**group, "eps": group["eps"] ** 0.5}, pairs)


class CoupledDecay(optim.AdamW):
    """Wrong: Adam's weight decay in AdamW."""

    def _update(self, group: Any, pairs: Any) -> None:
        super()._update({**group, "decoupled_weight_decay": False}, pairs)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [(NoBiasCorrection, "Adam"), (EpsilonUnderTheRoot, "Adam"), (CoupledDecay, "AdamW")],
)
def test_check_finds_a_wrong_update(wrong: Any, name: str) -> None:
    options = {"lr": 0.1, "weight_decay": 0.1}
    theirs = getattr(torch.optim, name)
    check_trajectory(getattr(optim, name), theirs, options, 0, "float64")
    with pytest.raises(AssertionError):
        check_trajectory(wrong, theirs, options, 0, "float64")


def one_step(t: Any, kind: str = "Adam", **options: Any) -> Any:
    w = t.nn.Parameter(t.tensor([1.0, -2.0], dtype=t.float64))
    optimizer = getattr(t.optim, kind)([w], **options)
    w.grad = t.ones_like(w)
    optimizer.step()
    return optimizer.state_dict()["param_groups"], repr(optimizer), w.tolist()


CASES = {
    "the defaults": lambda t: one_step(t),
    "AdamW's defaults": lambda t: one_step(t, "AdamW"),
    "amsgrad": lambda t: one_step(t, amsgrad=True),
    "Tensor lr": lambda t: one_step(t, lr=t.tensor(0.5))[2],
    "AdamW with a Tensor lr": lambda t: one_step(t, "AdamW", lr=t.tensor([0.25]))[2],
    "Tensor lr of two elements": lambda t: one_step(t, lr=t.ones(2)),
    "negative lr": lambda t: one_step(t, lr=-1.0),
    "lr of NaN": lambda t: one_step(t, lr=float("nan")),
    "negative eps": lambda t: one_step(t, eps=-1e-8),
    "first beta of 1": lambda t: one_step(t, betas=(1.0, 0.9)),
    "negative second beta": lambda t: one_step(t, betas=(0.9, -0.1)),
    "negative weight_decay": lambda t: one_step(t, weight_decay=-1),
    "AdamW with negative weight_decay": lambda t: one_step(t, "AdamW", weight_decay=-1),
    "unknown option": lambda t: one_step(t, momentum=0.9),
}


@pytest.mark.parametrize("program", CASES.values(), ids=CASES)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        (optim.Adam, "differentiable"),
        (optim.Adam, "capturable"),
        (optim.AdamW, "differentiable"),
        (optim.AdamW, "capturable"),
    ],
)
def test_unsupported_option_is_refused_by_name(kind: Any, option: str) -> None:
    w = minigrad.zeros(1)
    with pytest.raises(NotImplementedError, match=option):
        kind([w], **{option: True})
    with pytest.raises(NotImplementedError, match=option):
        kind([{"params": [w], option: True}])
    state = kind([w]).state_dict()
    state["param_groups"][0][option] = True
    with pytest.raises(NotImplementedError, match=option):
        kind([w]).load_state_dict(state)


def test_tensor_betas_are_refused() -> None:
    betas = (minigrad.tensor(0.9), minigrad.tensor(0.99))
    with pytest.raises(NotImplementedError, match="betas"):
        optim.Adam([minigrad.zeros(1)], betas=betas)


def test_division_by_zero_does_not_warn() -> None:
    def program(t: Any) -> Any:
        w = t.nn.Parameter(t.tensor([1.0, 2.0, 3.0]))
        optimizer = t.optim.Adam([w], eps=0.0)
        w.grad = t.tensor([0.0, float("inf"), 1e30])
        optimizer.step()
        return str([round(x, 4) for x in w.tolist()])

    check_same(program)


def test_adamw_stays_decoupled_after_loading_the_state_of_adam() -> None:
    def program(t: Any) -> Any:
        optimizer = t.optim.AdamW([t.zeros(1)])
        optimizer.load_state_dict(t.optim.Adam([t.zeros(1)]).state_dict())
        return optimizer.param_groups[0]["decoupled_weight_decay"]

    check_same(program)


def test_loads_the_step_count_of_an_old_pytorch() -> None:
    def program(t: Any) -> Any:
        w = t.nn.Parameter(t.ones(2))
        optimizer = t.optim.Adam([w])
        state = optimizer.state_dict()
        moments = {"exp_avg": t.ones(2), "exp_avg_sq": t.ones(2)}
        state["state"] = {0: {"step": 3, **moments}}
        optimizer.load_state_dict(state)
        w.grad = t.ones(2)
        optimizer.step()
        return optimizer.state_dict()["state"][0]["step"]

    check_same(program)
