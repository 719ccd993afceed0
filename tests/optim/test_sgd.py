"""optim/sgd.py: the manual loop, wrong updates and errors; test_trajectories.py tests the steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajectories import SEEDS, check_trajectory
from twins import check_close, check_same, torch

import minigrad
from minigrad import optim
from minigrad.optim import arithmetic
from minigrad.optim.arithmetic import writable


@given(st.floats(0, 10, width=32), SEEDS)
def test_without_momentum_it_equals_the_manual_loop_bit_for_bit_in_float64(
    lr: float, seed: int
) -> None:
    """In float32 it rounds once, as PyTorch does, where the manual loop rounds twice."""
    dtype = "float64"
    rng = np.random.default_rng(seed)
    start, *grads = (rng.standard_normal((4, 5)) * 10.0 ** rng.integers(-6, 6) for _ in range(6))
    by_hand = minigrad.from_numpy(start.astype(dtype)).requires_grad_()
    by_step = minigrad.from_numpy(start.astype(dtype)).requires_grad_()
    optimizer = optim.SGD([by_step], lr=lr)
    for grad in grads:
        by_hand.grad = minigrad.from_numpy(grad.astype(dtype))
        by_step.grad = by_hand.grad
        with minigrad.no_grad():
            by_hand.data -= lr * by_hand.grad.data
        optimizer.step()
        assert by_step.detach().numpy().tobytes() == by_hand.detach().numpy().tobytes()


class LateDampening(optim.SGD):
    """Wrong: dampens the first gradient, too."""

    def _update(self, group: Any, pairs: Any) -> None:
        for param, _ in pairs:
            self.state[param].setdefault("momentum_buffer", minigrad.zeros_like(param))
        super()._update(group, pairs)


class DecayAfterMomentum(optim.SGD):
    """Wrong: weight decay bypasses the momentum buffer."""

    def _update(self, group: Any, pairs: Any) -> None:
        for param, _ in pairs:
            array = writable(param)
            array -= group["lr"] * group["weight_decay"] * array
        super()._update({**group, "weight_decay": 0}, pairs)


class SlightlyTooLong(optim.SGD):
    """Wrong: steps are too long by one part in a million."""

    def _update(self, group: Any, pairs: Any) -> None:
        super()._update({**group, "lr": group["lr"] * (1 + 1e-6)}, pairs)


class ChangesGradient(optim.SGD):
    """Wrong: changes the gradient."""

    def _update(self, group: Any, pairs: Any) -> None:
        super()._update(group, pairs)
        for _, grad in pairs:
            grad.mul_(2)


@pytest.mark.parametrize(
    "wrong", [LateDampening, DecayAfterMomentum, SlightlyTooLong, ChangesGradient]
)
def test_check_finds_a_wrong_update(wrong: Any) -> None:
    options = {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}
    check_trajectory(optim.SGD, torch.optim.SGD, options, 0, "float64")
    with pytest.raises(AssertionError):
        check_trajectory(wrong, torch.optim.SGD, options, 0, "float64")


def one_step(t: Any, **options: Any) -> Any:
    w = t.nn.Parameter(t.tensor([1.0, -2.0], dtype=t.float64))
    optimizer = t.optim.SGD([w], **options)
    w.grad = t.ones_like(w)
    optimizer.step()
    return optimizer.state_dict(), repr(optimizer), w.tolist()


CASES = {
    "the defaults": lambda t: one_step(t),
    "momentum": lambda t: one_step(t, lr=0.5, momentum=0.5),
    "foreach": lambda t: one_step(t, lr=0.5, foreach=True),
    "Tensor lr": lambda t: one_step(t, lr=t.tensor(0.5))[2],
    "Tensor lr of shape (1,)": lambda t: one_step(t, lr=t.tensor([0.25]))[2],
    "Tensor lr of two elements": lambda t: one_step(t, lr=t.ones(2)),
    "negative lr": lambda t: one_step(t, lr=-1.0),
    "negative momentum": lambda t: one_step(t, momentum=-0.1),
    "negative weight_decay": lambda t: one_step(t, weight_decay=-0.1),
    "nesterov without momentum": lambda t: one_step(t, nesterov=True),
    "nesterov with dampening": lambda t: one_step(t, nesterov=True, momentum=0.9, dampening=0.1),
    "unknown option": lambda t: one_step(t, momentun=0.9),
    "maximize as a positional argument": lambda t: t.optim.SGD(
        [t.zeros(1)], 0.1, 0, 0, 0, False, True
    ),
}


@pytest.mark.parametrize("program", CASES.values(), ids=CASES)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)


def test_lr_of_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid learning rate: nan"):
        optim.SGD([minigrad.zeros(1)], lr=float("nan"))


@pytest.mark.parametrize("lr", ["fast", None])
def test_lr_that_is_not_a_number_is_refused(lr: Any) -> None:
    for t in (minigrad, torch):
        with pytest.raises(TypeError):
            t.optim.SGD([t.zeros(1)], lr=lr)


def test_overflow_does_not_warn() -> None:
    def program(t: Any) -> Any:
        w = t.nn.Parameter(t.tensor([1e38, -1e38, 0.0]))
        optimizer = t.optim.SGD([w], lr=10.0, momentum=0.9)
        w.grad = t.tensor([3e38, float("nan"), float("inf")])
        for _ in range(2):
            optimizer.step()
        return str(w.tolist())

    check_same(program)


def test_numpy_numbers_as_hyperparameters_keep_float32_arithmetic() -> None:
    start = np.random.default_rng(0).standard_normal(1000).astype("float32")
    results = []
    for number in (float, np.float64):
        w = minigrad.nn.Parameter(minigrad.from_numpy(start.copy()))
        hyper = {"lr": number(0.1), "momentum": number(0.9), "weight_decay": number(0.01)}
        optimizer = optim.SGD([w], **hyper)
        for _ in range(5):
            w.grad = w.detach() * 0.7
            optimizer.step()
        results.append(w.tolist())
    assert results[0] == results[1]


@given(
    st.sampled_from([{}, {"maximize": True}, {"weight_decay": 0.5}, {"nesterov": True}]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_the_first_momentum_buffer_shares_nothing_with_the_gradient(
    options: dict[str, Any], transposed: bool, of_transposed: bool, in_place: bool
) -> None:
    """It has the gradient's strides, and later changes of the gradient don't reach it."""

    def program(t: Any) -> Any:
        def matrix(back: bool) -> Any:
            x = t.arange(6.0)
            return x.view(3, 2).t() if back else x.view(2, 3)

        w = t.nn.Parameter(matrix(of_transposed))
        optimizer = t.optim.SGD([w], lr=0.5, momentum=0.5, **options)
        w.grad = matrix(transposed)
        optimizer.step()
        buffer = optimizer.state[w]["momentum_buffer"]
        if in_place or transposed != of_transposed:  # otherwise PyTorch warns of their strides
            w.grad.zero_()
        else:
            (w * 3).sum().backward()
        before = buffer.clone()
        optimizer.step()
        return before, buffer, w, w.grad, buffer.stride(), buffer.requires_grad, buffer.is_leaf

    check_same(program)


def recorded(
    t: Any,
    steps: int = 2,
    of_lr: bool = False,
    of_decay: bool = False,
    of_group: bool = True,
    **options: Any,
) -> list[Any]:
    """The gradients of a training by steps that are recorded, and its momentum."""
    w, g, b = (t.tensor(values, dtype=t.float64, requires_grad=True) for values in START)
    lr = t.tensor(0.1, dtype=t.float64, requires_grad=True) if of_lr else 0.1
    p, decay = w.clone(), t.tensor(0.2, dtype=t.float64, requires_grad=True)
    if of_decay:
        options["weight_decay"] = decay
    groups = [{"params": [p]} if of_group else {"params": [p], "differentiable": False}]
    optimizer = t.optim.SGD(groups, lr=lr, differentiable=True, **options)
    if options.get("momentum") and not of_lr:
        optimizer.state[p]["momentum_buffer"] = b.clone()
    with t.no_grad():
        for i in range(steps):
            with t.enable_grad():
                p.grad = g * (i + 1)
            optimizer.step()
    (p**3).sum().backward()
    buffer = optimizer.state[p].get("momentum_buffer")
    return [
        p,
        w.grad,
        g.grad,
        *(x for x in (b.grad, lr.grad if of_lr else None, decay.grad, buffer) if x is not None),
    ]


START = ([1.0, 2.0], [0.5, 0.3], [0.2, -0.1])
RECORDED: dict[str, dict[str, Any]] = {
    "plain": {},
    "momentum": {"momentum": 0.9, "dampening": 0.2},
    "Nesterov momentum": {"momentum": 0.9, "nesterov": True},
    "decay": {"weight_decay": 0.1, "maximize": True},
    "the rate": {"of_lr": True},
    "the rate and momentum": {"of_lr": True, "momentum": 0.9, "steps": 1},
    "an overwritten momentum": {"of_lr": True, "momentum": 0.9, "steps": 3},
    "the decay": {"of_decay": True},
    "one group that isn't differentiable": {"of_group": False, "weight_decay": 0.1},
}


@pytest.mark.parametrize("options", RECORDED.values(), ids=RECORDED)
def test_differentiable_steps(options: Any) -> None:
    check_close(lambda t: recorded(t, **options), rtol=1e-12)


def leaf(t: Any, *, of_group: bool = False, fused: bool = False) -> Any:
    w = t.ones(2, requires_grad=True)
    groups = [{"params": [w], "differentiable": True}] if of_group else [w]
    optimizer = t.optim.SGD(groups, lr=0.5, differentiable=not of_group, fused=fused)
    w.grad = t.ones(2)
    optimizer.step()
    return w


@pytest.mark.parametrize("options", [{}, {"of_group": True}, {"fused": True}])
def test_a_leaf_in_a_differentiable_step(options: Any) -> None:
    check_same(lambda t: leaf(t, **options))


def test_a_parameter_that_is_no_leaf_needs_a_differentiable_optimizer() -> None:
    check_same(lambda t: t.optim.SGD([t.ones(2, requires_grad=True).clone()], lr=0.1))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_an_update_in_blocks_has_the_same_bits(
    dtype: str, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"lr": 0.3, "momentum": 0.7, "nesterov": True, "weight_decay": 0.1, "maximize": True}

    def trained(block: int, compiled: bool = compiled) -> list[np.ndarray]:
        monkeypatch.setattr(arithmetic, "_BLOCK", block)
        rng = np.random.default_rng(3)
        drawn = [minigrad.from_numpy(rng.standard_normal((5, 3)).astype(dtype)) for _ in range(3)]
        leaves = [p.requires_grad_() for p in (drawn[0], drawn[1].t(), drawn[2][::2])]
        optimizer = minigrad.optim.SGD(leaves, **options)

        def step() -> None:
            optimizer.zero_grad()
            sum((p * p * p).sum() for p in leaves).backward()
            optimizer.step()

        run = minigrad.compile(step, fullgraph=True) if compiled else step
        for _ in range(4):
            run()
        return [p.detach().numpy().copy() for p in leaves]

    whole = trained(99, compiled=False)
    for block in (99, 4, 5, 14, 15):
        for a, b in zip(trained(block), whole, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_printed_update_is_not_divided() -> None:
    p = minigrad.ones((1 << 15) + 1, requires_grad=True)
    optimizer = minigrad.optim.SGD([p], lr=0.1)

    @minigrad.compile(fullgraph=True)
    def step() -> None:
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()

    for _ in range(3):
        step()
    assert step.source.count("dtype=np.float64") == 1
