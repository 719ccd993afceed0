"""optim/lbfgs.py and line_search.py: PyTorch's evaluations and steps, for any options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same, torch, translate

import minigrad
from bridge.drawing.class_samples import draw_optimizer_options
from minigrad import optim

SEEDS = st.integers(0, 2**32 - 1)


class Fit:
    """A small nonlinear fit: its parameters, and a closure that logs every loss."""

    def __init__(self, t: Any, seed: int, **options: Any) -> None:
        rng = np.random.default_rng(seed)
        self.x, self.y = (t.from_numpy(rng.standard_normal((8, n))) for n in (2, 3))
        self.w = t.nn.Parameter(t.from_numpy(rng.standard_normal((2, 3))))
        self.b = t.nn.Parameter(t.from_numpy(rng.standard_normal(3)))
        unused = t.nn.Parameter(t.zeros(2, dtype=t.float64))
        self.t, self.losses = t, []
        self.optimizer = t.optim.LBFGS([self.w, unused, self.b], **options)

    def closure(self) -> Any:
        self.optimizer.zero_grad()
        outputs = self.t.tanh(self.x @ self.w) * 2 + self.b
        loss = ((outputs - self.y) ** 2).sum() + (self.b**4).sum()
        loss.backward()
        self.losses.append(loss.item())
        return loss

    def run(self, steps: int) -> list[float]:
        """Take steps; return what they return."""
        return [self.optimizer.step(self.closure).item() for _ in range(steps)]


def check_steps(seed: int, options: dict[str, Any], theirs: Any = None) -> None:
    """Check the first evaluations; later ones show nothing but how roundings grow."""
    fits = [
        Fit(minigrad, seed, **options),
        Fit(torch, seed, **(options if theirs is None else theirs)),
    ]
    losses = [fit.run(3) + fit.losses[:12] for fit in fits]
    assert len(losses[0]) == len(losses[1])
    np.testing.assert_allclose(*losses, rtol=1e-6)
    counts = [fit.optimizer.state[fit.w]["func_evals"] for fit in fits]
    assert counts[0] == len(fits[0].losses)


@given(SEEDS, SEEDS)
def test_steps_are_pytorchs(seed: int, options_seed: int) -> None:
    check_steps(seed, dict(draw_optimizer_options("LBFGS", options_seed)))


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"line_search_fn": "strong_wolfe"}, {}),
        ({"max_iter": 4}, {"max_iter": 5}),
        ({"max_iter": 4, "max_eval": 3}, {"max_iter": 4}),
        ({"history_size": 1}, {"history_size": 2}),
        ({"lr": 0.1}, {"lr": 0.2}),
        ({"tolerance_grad": 5.0}, {}),
        ({"tolerance_change": 1.0}, {}),
    ],
)
def test_an_option_that_is_ignored_is_found(options: Any, wrong: Any) -> None:
    check_steps(0, options)
    with pytest.raises(AssertionError):
        check_steps(0, options, wrong)


@pytest.mark.parametrize(("first", "second"), [(minigrad, torch), (torch, minigrad)])
@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_continues_from_the_other_librarys_state(first: Any, second: Any, search: Any) -> None:
    options = {"max_iter": 2, "lr": 0.5, "history_size": 3, "line_search_fn": search}
    whole = Fit(torch, 3, **options)
    expected = whole.run(4)
    leading, following = Fit(first, 3, **options), Fit(second, 3)
    log = leading.run(2)
    for ours, theirs in ((following.w, leading.w), (following.b, leading.b)):
        ours.data = translate(theirs, second)
    state = leading.optimizer.state_dict()
    assert list(state["state"][0]) == list(whole.optimizer.state_dict()["state"][0])
    following.optimizer.load_state_dict(translate(state, second))
    np.testing.assert_allclose(log + following.run(2), expected, rtol=1e-9)


def test_minimises_rosenbrocks_function() -> None:
    x = minigrad.nn.Parameter(minigrad.tensor([-1.5, 2.0], dtype=minigrad.float64))
    optimizer = optim.LBFGS([x], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        loss.backward()
        return loss

    optimizer.step(closure)
    assert x.tolist() == pytest.approx([1, 1], abs=1e-5)


def one_step(t: Any, **options: Any) -> Any:
    w = t.nn.Parameter(t.tensor([1.0, -2.0], dtype=t.float64))
    optimizer = t.optim.LBFGS([w], **options)

    def closure() -> Any:
        assert t.is_grad_enabled()
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    return loss.item(), optimizer.state_dict()["param_groups"], repr(optimizer)


def without_closure(t: Any) -> Any:
    t.optim.LBFGS([t.zeros(1)]).step()


CASES: dict[str, Any] = {
    "the defaults": lambda t: one_step(t),
    "Tensor lr": lambda t: one_step(t, lr=t.tensor(0.5))[0],
    "negative lr": lambda t: one_step(t, lr=-1.0),
    "no evaluations": lambda t: one_step(t, max_eval=0)[0],
    "no iterations": lambda t: one_step(t, max_iter=0)[0],
    "unknown search": lambda t: one_step(t, line_search_fn="golden"),
    "two groups": lambda t: t.optim.LBFGS([{"params": t.zeros(1)}, {"params": t.ones(1)}]),
    "no closure": without_closure,
}


@pytest.mark.parametrize("program", CASES.values(), ids=CASES)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)
