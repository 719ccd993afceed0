"""optim/lr_scheduler.py: PyTorch's learning rates, bit for bit."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same, torch

import minigrad
from bridge.drawing.class_samples import SCHEDULERS, draw_scheduler_options, make_scheduler
from bridge.running.program import advance
from minigrad import nn, optim
from minigrad.optim import lr_scheduler
from tests.bridge.mistakes import one_epoch_late

Schedule = tuple[str, dict[str, Any]]  # the name and the options of a scheduler


def schedule_of(name: str, seed: int) -> Schedule:
    return name, dict(draw_scheduler_options(name, seed))


SEEDS = st.integers(0, 2**32 - 1)
SCHEDULES = st.builds(schedule_of, st.sampled_from(sorted(SCHEDULERS)), SEEDS)
NAMES = pytest.mark.parametrize("name", SCHEDULERS)
# Those that can start at an epoch other than 0.
RESUMABLE = [
    name
    for name in SCHEDULERS
    if "last_epoch" in inspect.signature(getattr(lr_scheduler, name)).parameters
]
LOSSES = (3.0, 2.0, 2.5, 2.0, 1.9, 1.95, 2.0, 1.0, 4.0, 4.5)  # for schedulers that watch the loss
RATES = st.lists(st.floats(1e-4, 2), min_size=1, max_size=3)


def optimizer_of(t: Any, rates: list[Any]) -> Any:
    return t.optim.SGD([{"params": [t.zeros(1)], "lr": lr} for lr in rates], lr=1.0)


def scheduler_of(t: Any, schedule: Schedule, optimizer: Any, **more: Any) -> Any:
    name, options = schedule
    return make_scheduler(t, name, optimizer, options | more)


def walk(optimizer: Any, *schedulers: Any, epochs: int, start: int = 0) -> list[Any]:
    log = []
    for epoch in range(start, start + epochs):
        optimizer.step()
        for scheduler in schedulers:
            advance(scheduler, LOSSES[epoch % len(LOSSES)])
            log.append(scheduler.get_last_lr())
        log.append([group["lr"] for group in optimizer.param_groups])
    return log


def check_rates_and_state(schedule: Schedule, rates: list[float]) -> None:
    def program(t: Any) -> Any:
        optimizer = optimizer_of(t, rates)
        scheduler = scheduler_of(t, schedule, optimizer)
        first = dict(scheduler.state_dict()), optimizer.state_dict()
        return first, walk(optimizer, scheduler, epochs=40), scheduler.state_dict()

    check_same(program)


@NAMES
@given(SEEDS, RATES)
def test_rates_and_state(name: str, seed: int, rates: list[float]) -> None:
    check_rates_and_state(schedule_of(name, seed), rates)


@given(SCHEDULES, SCHEDULES, RATES)
def test_chained_schedulers(first: Schedule, second: Schedule, rates: Any) -> None:
    def program(t: Any) -> Any:
        optimizer = optimizer_of(t, rates)
        schedulers = [scheduler_of(t, schedule, optimizer) for schedule in (first, second)]
        return walk(optimizer, *schedulers, epochs=20)

    check_same(program)


@given(SCHEDULES, RATES, st.integers(0, 20))
def test_schedule_resumes_from_its_state_in_either_library(
    schedule: Schedule, rates: Any, epochs: int
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
        assert log + walk(follower, resumed, epochs=10, start=epochs) == expected


@given(st.builds(schedule_of, st.sampled_from(RESUMABLE), SEEDS), RATES, st.integers(0, 20))
def test_resume_from_last_epoch(schedule: Schedule, rates: Any, last_epoch: int) -> None:
    def program(t: Any) -> Any:
        optimizer = optimizer_of(t, rates)
        for group in optimizer.param_groups:
            group["initial_lr"] = 0.75
        scheduler = scheduler_of(t, schedule, optimizer, last_epoch=last_epoch)
        return scheduler.state_dict(), walk(optimizer, scheduler, epochs=5)

    check_same(program)


@given(SCHEDULES, st.lists(st.integers(0, 20), min_size=1, max_size=4))
def test_step_to_an_epoch(schedule: Schedule, epochs: Any) -> None:
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
def test_tensor_lr_is_changed_in_place(schedule: Schedule) -> None:
    def program(t: Any) -> Any:
        rate = t.tensor(0.5, dtype=t.float64)
        optimizer = t.optim.SGD([t.zeros(1)], lr=rate)
        scheduler = scheduler_of(t, schedule, optimizer)
        log = []
        for _ in range(6):
            optimizer.step()
            advance(scheduler, 1.0)
            # Rounded, because a Tensor's arithmetic may differ from Python's in the last bit.
            log.append([round(rate.item(), 12), round(float(scheduler.get_last_lr()[0]), 12)])
        assert optimizer.param_groups[0]["lr"] is rate
        assert scheduler.get_last_lr()[0] is not rate
        # The initial rate is unchanged.
        starts = (
            getattr(scheduler, "base_lrs", [0.0])[0],
            optimizer.param_groups[0].get("initial_lr"),
        )
        return log, [None if start is None else float(start) for start in starts]

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


# Planted mistakes ---------------------------------------------------------------------------------


def check_is_found(wrong: Any, name: str, option: str = "") -> None:
    """Check that some schedule, with the option if one is given, shows a wrong scheduler."""
    schedules = [schedule_of(name, seed) for seed in range(60)]
    for schedule in (s for s in schedules if not option or option in s[1]):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lr_scheduler, name, wrong)
            try:
                check_rates_and_state(schedule, [0.5])
            except AssertionError:
                break
    else:
        raise AssertionError(f"{name}: the mistake is not found")
    check_rates_and_state(schedule, [0.5])


@NAMES
def test_scheduler_that_is_one_epoch_late_is_found(name: str) -> None:
    check_is_found(one_epoch_late(getattr(lr_scheduler, name)), name)


def changed(value: Any) -> Any:
    """Change a required option: a number, a function, a list of epochs or of schedulers."""
    if callable(value):
        return lambda epoch: value(epoch + 1)
    if isinstance(value, list):
        first_only = [value[0]] * len(value) if value else value
        return [item + 1 for item in value] if value and isinstance(value[0], int) else first_only
    return value + 1


OPTIONS = [
    (name, option, parameter.default)
    for name in SCHEDULERS
    for option, parameter in inspect.signature(getattr(lr_scheduler, name)).parameters.items()
    if option != "optimizer"
]


@pytest.mark.parametrize(("name", "option", "default"), OPTIONS)
def test_scheduler_that_misreads_an_option_is_found(name: str, option: str, default: Any) -> None:
    """It ignores an option, or changes a required one."""

    def __init__(self: Any, optimizer: Any, **options: Any) -> None:
        if default is inspect.Parameter.empty:
            options[option] = changed(options[option])
        else:
            options.pop(option, None)
        kind.__init__(self, optimizer=optimizer, **options)

    kind = getattr(lr_scheduler, name)
    check_is_found(type(name, (kind,), {"__init__": __init__}), name, option)
