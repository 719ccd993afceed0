"""optim/lr_scheduler.py: PyTorch's learning rates, bit for bit."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same, torch

import minigrad
from minigrad import nn, optim

GAMMAS = st.floats(0.01, 1.5)
SCHEDULES = st.one_of(
    st.tuples(st.just("StepLR"), st.fixed_dictionaries({"step_size": st.integers(1, 7)})),
    st.tuples(
        st.just("StepLR"), st.fixed_dictionaries({"step_size": st.integers(1, 7), "gamma": GAMMAS})
    ),
    st.tuples(st.just("ExponentialLR"), st.fixed_dictionaries({"gamma": GAMMAS})),
    st.tuples(
        st.just("CosineAnnealingLR"),
        st.fixed_dictionaries(
            {"T_max": st.integers(1, 12)}, optional={"eta_min": st.floats(0, 0.1)}
        ),
    ),
)
RATES = st.lists(st.floats(1e-4, 2), min_size=1, max_size=3)


def optimizer_of(t: Any, rates: list[Any]) -> Any:
    return t.optim.SGD([{"params": [t.zeros(1)], "lr": lr} for lr in rates], lr=1.0)


def scheduler_of(t: Any, schedule: Any, optimizer: Any, **more: Any) -> Any:
    name, options = schedule
    return getattr(t.optim.lr_scheduler, name)(optimizer, **options, **more)


def walk(optimizer: Any, *schedulers: Any, epochs: int) -> list[Any]:
    log = []
    for _ in range(epochs):
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
            log.append(scheduler.get_last_lr())
        log.append([group["lr"] for group in optimizer.param_groups])
    return log


@given(SCHEDULES, RATES)
def test_rates_and_state(schedule: Any, rates: Any) -> None:
    def program(t: Any) -> Any:
        optimizer = optimizer_of(t, rates)
        scheduler = scheduler_of(t, schedule, optimizer)
        first = dict(scheduler.state_dict()), optimizer.state_dict()
        return first, walk(optimizer, scheduler, epochs=40), scheduler.state_dict()

    check_same(program)


@given(SCHEDULES, SCHEDULES, RATES)
def test_chained_schedulers(first: Any, second: Any, rates: Any) -> None:
    def program(t: Any) -> Any:
        optimizer = optimizer_of(t, rates)
        schedulers = [scheduler_of(t, schedule, optimizer) for schedule in (first, second)]
        return walk(optimizer, *schedulers, epochs=20)

    check_same(program)


@given(SCHEDULES, RATES, st.integers(0, 20))
def test_schedule_resumes_from_its_state_in_either_library(
    schedule: Any, rates: Any, epochs: int
) -> None:
    whole = optimizer_of(torch, rates)
    expected = walk(whole, scheduler_of(torch, schedule, whole), epochs=epochs + 10)
    for first, second in ((minigrad, torch), (torch, minigrad), (minigrad, minigrad)):
        optimizer = optimizer_of(first, rates)
        scheduler = scheduler_of(first, schedule, optimizer)
        log = walk(optimizer, scheduler, epochs=epochs)
        follower = optimizer_of(second, rates)
        resumed = scheduler_of(second, schedule, follower)
        resumed.load_state_dict(scheduler.state_dict())
        follower.load_state_dict(optimizer.state_dict())
        assert log + walk(follower, resumed, epochs=10) == expected


@given(SCHEDULES, RATES, st.integers(0, 20))
def test_resume_from_last_epoch(schedule: Any, rates: Any, last_epoch: int) -> None:
    def program(t: Any) -> Any:
        optimizer = optimizer_of(t, rates)
        for group in optimizer.param_groups:
            group["initial_lr"] = 0.75
        scheduler = scheduler_of(t, schedule, optimizer, last_epoch=last_epoch)
        return scheduler.state_dict(), walk(optimizer, scheduler, epochs=5)

    check_same(program)


@given(SCHEDULES, st.lists(st.integers(0, 20), min_size=1, max_size=4))
def test_step_to_an_epoch(schedule: Any, epochs: Any) -> None:
    def program(t: Any) -> Any:
        optimizer = optimizer_of(t, [0.3])
        scheduler = scheduler_of(t, schedule, optimizer)
        optimizer.step()
        log = []
        for epoch in epochs:
            scheduler.step(epoch)
            log.append([scheduler.get_last_lr(), scheduler.last_epoch])
            scheduler.step()
            log.append(scheduler.get_last_lr())
        return log

    check_same(program)


@given(SCHEDULES)
def test_tensor_lr_is_changed_in_place(schedule: Any) -> None:
    def program(t: Any) -> Any:
        rate = t.tensor(0.5, dtype=t.float64)
        optimizer = t.optim.SGD([t.zeros(1)], lr=rate)
        scheduler = scheduler_of(t, schedule, optimizer)
        log = []
        for _ in range(6):
            optimizer.step()
            scheduler.step()
            # Rounded, because a Tensor's arithmetic may differ from Python's in the last bit.
            log.append([round(rate.item(), 12), round(scheduler.get_last_lr()[0].item(), 12)])
        assert optimizer.param_groups[0]["lr"] is rate
        assert scheduler.get_last_lr()[0] is not rate
        # The initial rate is unchanged.
        return log, scheduler.base_lrs[0].item(), optimizer.param_groups[0]["initial_lr"].item()

    check_same(program)


@pytest.mark.parametrize("t_max", [1, 4, 9])
def test_cosine_annealing_follows_its_closed_form(t_max: int) -> None:
    optimizer = optimizer_of(minigrad, [1.0])
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, t_max, eta_min=0.25)
    for epoch in range(1, 3 * t_max):
        optimizer.step()
        scheduler.step()
        height = (1 + math.cos(math.pi * epoch / t_max)) / 2
        assert scheduler.get_last_lr()[0] == pytest.approx(0.25 + 0.75 * height, abs=1e-9)


def replaced_step(t: Any) -> Any:
    optimizer = optimizer_of(t, [1.0])
    scheduler = t.optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.step = lambda: None
    optimizer.step()
    scheduler.step()
    return scheduler.get_last_lr()


def step_before_the_scheduler(t: Any) -> Any:
    optimizer = optimizer_of(t, [1.0])
    optimizer.step()
    scheduler = t.optim.lr_scheduler.StepLR(optimizer, 1)
    scheduler.step()
    return scheduler.get_last_lr()


def scheduler_before_optimizer(t: Any) -> Any:
    optimizer = optimizer_of(t, [1.0])
    scheduler = t.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    for _ in range(2):
        scheduler.step()
        optimizer.step()
    return scheduler.get_last_lr()


def calling_get_lr(t: Any) -> Any:
    optimizer = optimizer_of(t, [1.0])
    return t.optim.lr_scheduler.ExponentialLR(optimizer, 0.5).get_lr()


def custom_scheduler(t: Any) -> Any:
    class Halving(t.optim.lr_scheduler.LRScheduler):
        def get_lr(self) -> Any:
            return [base / 2**self.last_epoch for base in self.base_lrs]

    optimizer = optimizer_of(t, [1.0, 3.0])
    scheduler = Halving(optimizer)
    log = walk(optimizer, scheduler, epochs=3)
    with_epoch = scheduler.step(7)
    return log, with_epoch, scheduler.get_last_lr()


def group_added_later(t: Any) -> Any:
    optimizer = optimizer_of(t, [1.0])
    scheduler = t.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2)
    optimizer.add_param_group({"params": [t.zeros(1)]})
    optimizer.step()
    scheduler.step()
    return scheduler.get_last_lr()


def step_with_a_closure(t: Any) -> Any:
    optimizer = optimizer_of(t, [1.0])
    t.optim.lr_scheduler.StepLR(optimizer, 1)
    t.optim.lr_scheduler.StepLR(optimizer, 1)
    return optimizer.step(lambda: 5), optimizer.step(closure=lambda: 6)


CASES = {
    "replaced step": replaced_step,
    "optimizer step before the scheduler": step_before_the_scheduler,
    "scheduler before optimizer": scheduler_before_optimizer,
    "get_lr": calling_get_lr,
    "custom scheduler": custom_scheduler,
    "group added later": group_added_later,
    "step with a closure": step_with_a_closure,
    "no optimizer": lambda t: t.optim.lr_scheduler.StepLR(3, 1),
    "base class": lambda t: t.optim.lr_scheduler.LRScheduler(optimizer_of(t, [1.0])),
    "resume without initial_lr": lambda t: t.optim.lr_scheduler.StepLR(
        optimizer_of(t, [1.0]), 1, last_epoch=3
    ),
    "T_max of 0": lambda t: t.optim.lr_scheduler.CosineAnnealingLR(
        optimizer_of(t, [1.0]), 0
    ).step(),
}


@pytest.mark.parametrize("program", CASES.values(), ids=CASES)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)


def test_scheduled_run_equals_one_with_rates_set_by_hand() -> None:
    runs = []
    for scheduled in (True, False):
        w = nn.Parameter(minigrad.tensor([3.0, -2.0], dtype=minigrad.float64))
        optimizer = optim.SGD([w], lr=0.1)
        if scheduled:
            scheduler = optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
        for epoch in range(6):
            if not scheduled:
                optimizer.param_groups[0]["lr"] = 0.1 * 0.5 ** (epoch // 2)
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()
            if scheduled:
                scheduler.step()
        runs.append(w.tolist())
    assert runs[0] == runs[1]
