"""The profiler under the name of torch.profiler: ops, derivatives and blocks, also by steps.

What it records, and what it doesn't, is in `autograd/profiler.py`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, NoReturn

from .autograd.profiler import (
    EventList,
    Recorded,
    begin_recording,
    record_function,
    refuse_options,
)
from .core.warning import warn

__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]


class ProfilerActivity(enum.Enum):
    """What can be profiled. Here it is the CPU; the others have no events."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What a profiler does in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def supported_activities() -> set[ProfilerActivity]:
    """Return what can be profiled: the CPU.

    >>> minigrad.profiler.supported_activities()
    {<ProfilerActivity.CPU: 0>}
    """
    return {ProfilerActivity.CPU}


def schedule(
    *,
    wait: int,
    warmup: int,
    active: int,
    repeat: int = 0,
    skip_first: int = 0,
    skip_first_wait: int = 0,
) -> Callable[[int], ProfilerAction]:
    """Return a function from the number of a step to what the profiler does in it.

    After `skip_first` steps, a cycle waits for `wait` steps, warms up for `warmup` steps and
    records `active` steps. There are `repeat` cycles, or any number if it is 0. With
    `skip_first_wait`, the first cycle doesn't wait. Without warming up, it warns. AssertionError
    for negative numbers, and for no active step.

    >>> action = minigrad.profiler.schedule(wait=1, warmup=1, active=1, repeat=1)
    >>> [action(step).name for step in range(4)]
    ['NONE', 'WARMUP', 'RECORD_AND_SAVE', 'NONE']
    """
    numbers = {"wait": wait, "warmup": warmup, "repeat": repeat, "skip_first": skip_first}
    if min(numbers.values()) < 0 or active <= 0:
        raise AssertionError(
            f"Invalid profiler schedule arguments. Got {numbers} (need >= 0) and active={active} "
            "(need > 0)."
        )
    if warmup == 0:
        warn("Profiler won't be using warmup, this can skew profiler results", UserWarning)
    length = wait + warmup + active

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError(f"Step must be non-negative. Got {step}.")
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait != 0:
            step += wait
        cycle, place = divmod(step, length)
        if (repeat and cycle >= repeat) or place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        last = place == length - 1
        return ProfilerAction.RECORD_AND_SAVE if last else ProfilerAction.RECORD

    return action


def tensorboard_trace_handler(*args: Any, **kwargs: Any) -> NoReturn:
    """NotImplementedError: no trace is written for TensorBoard. Use `export_chrome_trace`."""
    raise NotImplementedError(
        "profiler.tensorboard_trace_handler is not implemented: use profile.export_chrome_trace"
    )


_DEFAULTS = {
    "record_shapes": False,
    "profile_memory": False,
    "with_stack": False,
    "with_flops": False,
    "with_modules": False,
    "experimental_config": None,
    "execution_trace_observer": None,
    "acc_events": False,
    "use_cuda": None,
    "custom_trace_id_callback": None,
    "post_processing_timeout_s": None,
}


class profile(Recorded):
    """Record the ops, the derivatives and the named blocks of a `with` block, or of its steps.

    `schedule(n)` says what to do in step n; `step()` begins the next one. After each recorded
    cycle, and at the end of a recorded block, `on_trace_ready` is called with the profiler. Without
    a schedule the whole block is recorded. `activities` may name GPUs, which have no events.

    NotImplementedError for options that would record shapes, stacks, modules, memory or FLOPs.
    RuntimeError if another profiler is on.

    >>> x = minigrad.ones(2, requires_grad=True)
    >>> with minigrad.profiler.profile() as p:
    ...     (x * 3).sum().backward()
    >>> [(event.key, event.count) for event in p.key_averages()]
    [('aten::mul', 1), ('aten::sum', 1), ('SumBackward0', 1), ('MulBackward0', 1)]
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None,
        **options: Any,
    ) -> None:
        refuse_options("profiler.profile", options, _DEFAULTS)
        self.activities = {*activities} if activities is not None else supported_activities()
        for activity in self.activities:
            if not isinstance(activity, ProfilerActivity):
                raise TypeError(f"activities must be ProfilerActivity, not {activity!r}")
        self.on_trace_ready, self.step_num = on_trace_ready, 0
        self.schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self.current_action = ProfilerAction.NONE
        self._events: EventList | None = None
        self._recording: Any = None
        self._stack = ExitStack()

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin the first step."""
        self._begin()

    def stop(self) -> None:
        """End the last step."""
        if self._recording is not None:
            self._end()
            self._report()

    def step(self) -> None:
        """End a step and begin the next one."""
        if self.current_action is ProfilerAction.RECORD_AND_SAVE:
            self._end()
            self._report()
        self.step_num += 1
        self._begin()

    def _begin(self) -> None:
        self.current_action = self.schedule(self.step_num)
        if self.current_action in _RECORDING and self._recording is None:
            self._recording = begin_recording(self._stack)
        elif self.current_action not in _RECORDING and self._recording is not None:
            self._end()

    def _end(self) -> None:
        self._stack.close()
        self._events = self._recording.finished()
        self._recording = None

    def _report(self) -> None:
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def events(self) -> EventList:
        """Return the events of the last recording. AssertionError if there is none."""
        if self._events is None:
            raise AssertionError("Expected profiler to have recorded something")
        return self._events
