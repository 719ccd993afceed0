"""A profiler: how often ops and derivatives run in a block, and how long they take.

While it is on, each call of a rule is an event, named as in PyTorch, such as `aten::mul`, and so is
each node that `backward` walks, named as the node. A rule that PyTorch doesn't have has its own
name after `aten::`. The time of an op is that of its rule in NumPy, without the
microseconds of the engine around it. A part of a tensor, whose gradient the engine may add in
place, then takes none. Events of a thread other than the one that started the profiler aren't
recorded. `minigrad/profiler.py` has the same for steps of a loop.
"""

from __future__ import annotations

import functools
import inspect
import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..api.functions import PUBLIC
from ..core.errstate import quiet
from ..core.node import Node
from ..core.observer import Observer, observation
from ..rules.rule import BY_FORWARD, BY_WRITE, Array, Pullback

__all__ = ["EventList", "FunctionEvent", "profile", "record_function"]


# Events -------------------------------------------------------------------------------------------


@dataclass(eq=False)
class FunctionEvent:
    """One call: when it started and ended, in µs, and the µs of it that other events took."""

    name: str
    start_us: float
    end_us: float = 0.0
    inner_us: float = 0.0

    count = 1

    @property
    def key(self) -> str:
        """The name."""
        return self.name

    @property
    def cpu_time_total(self) -> float:
        """How long the call took, in µs."""
        return self.end_us - self.start_us

    @property
    def self_cpu_time_total(self) -> float:
        """The same without the events inside of it."""
        return self.cpu_time_total - self.inner_us


@dataclass
class FunctionEventAvg:
    """All calls of one name: how many, and their times in µs."""

    key: str
    count: int = 0
    cpu_time_total: float = 0.0
    self_cpu_time_total: float = 0.0

    @property
    def cpu_time(self) -> float:
        """The mean time of a call, in µs."""
        return self.cpu_time_total / self.count if self.count else 0.0


class EventList(list[Any]):
    """Events, or averages of them, that can be shown as a table."""

    def key_averages(self) -> EventList:
        """Return an average for each name, in the order of their first calls."""
        found: dict[str, FunctionEventAvg] = {}
        for event in self:
            average = found.setdefault(event.key, FunctionEventAvg(event.key))
            average.count += event.count
            average.cpu_time_total += event.cpu_time_total
            average.self_cpu_time_total += event.self_cpu_time_total
        return EventList(found.values())

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all events, each counted once, in µs."""
        return float(sum(event.self_cpu_time_total for event in self))

    def table(self, sort_by: str | None = None, row_limit: int = 100) -> str:
        """Return a table with a row for each entry, the largest first if `sort_by` is given.

        It is the name of an attribute, such as "cpu_time_total" or "count". AttributeError for
        another one.
        """
        rows = list(self)
        if sort_by is not None:
            rows.sort(key=lambda event: getattr(event, sort_by), reverse=True)
        whole = self.self_cpu_time_total or 1.0
        width = max([20, *(len(event.key) for event in rows)])
        head = ("Self CPU %", "Self CPU", "CPU total", "CPU time avg", "# of Calls")
        rule = "  ".join(["-" * width, *["-" * 12] * len(head)])
        lines = [rule, "  ".join(["Name".rjust(width), *(name.rjust(12) for name in head)]), rule]
        for event in rows[: row_limit if row_limit >= 0 else None]:
            cells = (
                f"{100 * event.self_cpu_time_total / whole:.2f}%",
                _time(event.self_cpu_time_total),
                _time(event.cpu_time_total),
                _time(event.cpu_time_total / max(event.count, 1)),
                str(event.count),
            )
            lines.append("  ".join([event.key.rjust(width), *(cell.rjust(12) for cell in cells)]))
        total = f"Self CPU time total: {_time(self.self_cpu_time_total)}"
        return "\n".join([*lines, rule, total, ""])

    def export_chrome_trace(self, path: str | Path) -> None:
        """Write the events to a JSON file that `chrome://tracing` shows."""
        place = {"ph": "X", "pid": 0, "tid": 0}  # a complete event of the only thread
        events = [
            {"name": e.name, "ts": e.start_us, "dur": e.cpu_time_total, **place} for e in self
        ]
        Path(path).write_text(json.dumps({"traceEvents": events}), encoding="utf-8")

    def __str__(self) -> str:
        return self.table()


def _time(us: float) -> str:
    """A time in the unit that PyTorch's tables have it in."""
    if us >= 1e6:
        return f"{us / 1e6:.3f}s"
    return f"{us / 1e3:.3f}ms" if us >= 1e3 else f"{us:.3f}us"


# Recording ----------------------------------------------------------------------------------------


class _Recording(Observer):
    """The events of one thread since its start, of which the last open one contains the next."""

    def __init__(self) -> None:
        self.events = EventList()
        self.open: list[FunctionEvent] = []
        self.origin = time.perf_counter_ns()
        self.thread = threading.get_ident()

    def begin(self, name: str) -> FunctionEvent:
        event = FunctionEvent(name, self.now())
        self.events.append(event)
        self.open.append(event)
        return event

    def end(self, event: FunctionEvent, since: float | None = None) -> None:
        """End an event. One that had ended, and went on `since` some time, takes that much more."""
        now = self.now()
        if since is None:
            since = event.end_us = event.start_us
        event.end_us += now - since
        self.open.remove(event)
        if self.open:
            self.open[-1].inner_us += now - since

    def finished(self) -> EventList:
        """The events that have ended, in the order in which they began."""
        return EventList(event for event in self.events if event.end_us)

    def now(self) -> float:
        return (time.perf_counter_ns() - self.origin) / 1e3

    def watch(self, run: Callable[..., Any], called: Any, *args: Any, **options: Any) -> Any:
        """Run a rule, or anything else that the engine runs so, as an event."""
        function = inspect.unwrap(called)
        in_place = function in BY_WRITE
        rule = BY_WRITE[function] if in_place else BY_FORWARD.get(function)
        if rule is None:
            return run(called, *args, **options)
        public = rule.name if rule.name in PUBLIC else rule.presentation.public or rule.name
        name = public.rpartition(".")[2]
        event = self.begin(f"aten::{name}{'_' if in_place else ''}")
        try:
            return run(called, *args, **options)
        finally:
            self.end(event)

    def pullbacks(
        self, node: Node, pullbacks: Sequence[Pullback | None]
    ) -> Sequence[Pullback | None]:
        """The pullbacks of a node, whose calls are one event."""
        if threading.get_ident() != self.thread:
            return pullbacks
        event = self.begin(node.name)
        self.end(event)

        def timed(pullback: Pullback) -> Pullback:
            def call(g: Array) -> Array:
                began = self.now()
                self.open.append(event)
                try:
                    return pullback(g)
                finally:
                    self.end(event, began)

            vars(call)["place"] = getattr(pullback, "place", None)  # where the walk adds in place
            return call

        return [p and timed(p) for p in pullbacks]


class record_function:
    """Name a block, or the calls of a function, as an event of the profiler that is on, if any.

    >>> with minigrad.autograd.profiler.profile() as p:
    ...     with minigrad.autograd.profiler.record_function("forward"):
    ...         y = minigrad.ones(2).exp()
    >>> [event.name for event in p.events()]
    ['forward', 'aten::exp']
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args
        self._opened: list[tuple[_Recording, FunctionEvent] | None] = []

    def __enter__(self) -> record_function:
        recording = observation.parts.get("profiler")
        pair = None
        if isinstance(recording, _Recording) and recording.thread == threading.get_ident():
            pair = recording, recording.begin(self.name)
        self._opened.append(pair)
        return self

    def __exit__(self, *exception: object) -> None:
        pair = self._opened.pop()
        if pair is not None and pair[1] in pair[0].open:
            pair[0].end(pair[1])

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def named(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return named


class Recorded:
    """What both profilers make of their events."""

    def events(self) -> EventList:
        """Return the events."""
        raise NotImplementedError

    def key_averages(self) -> EventList:
        """Return an average of the events of each name."""
        return self.events().key_averages()

    def export_chrome_trace(self, path: str | Path) -> None:
        """Write the events to a JSON file that `chrome://tracing` shows."""
        self.events().export_chrome_trace(path)


class profile(Recorded):
    """Record the ops, the derivatives and the named blocks of a `with` block.

    With `enabled=False` it records nothing. What needs a GPU, shapes, stacks, modules, memory or
    FLOPs isn't recorded: NotImplementedError for these options. RuntimeError if another profiler
    is on, or for a second block.

    >>> x = minigrad.ones(2, requires_grad=True)
    >>> with minigrad.autograd.profiler.profile() as p:
    ...     (x * 3).sum().backward()
    >>> [(event.key, event.count) for event in p.key_averages()]
    [('aten::mul', 1), ('aten::sum', 1), ('SumBackward0', 1), ('MulBackward0', 1)]
    """

    def __init__(self, enabled: bool = True, **options: Any) -> None:
        refuse_options("autograd.profiler.profile", options, _DEFAULTS)
        self.enabled = enabled
        self._recording: _Recording | None = None
        self._stack = ExitStack()

    def __enter__(self) -> profile:
        if self.enabled:
            if self._recording is not None:
                raise RuntimeError("Profiler context manager is not reentrant")
            self._recording = begin_recording(self._stack)
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def events(self) -> EventList:
        """Return the events, in the order in which they began. RuntimeError without a block."""
        if self._recording is None:
            raise RuntimeError("Profiler didn't finish running")
        return self._recording.finished()

    def table(self, sort_by: str | None = None, row_limit: int = 100) -> str:
        """Return a table of the events; see `EventList.table`."""
        return self.events().table(sort_by, row_limit)

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all events, each counted once, in µs."""
        return self.events().self_cpu_time_total


_DEFAULTS = {
    "use_cuda": False,
    "use_device": None,
    "record_shapes": False,
    "with_flops": False,
    "profile_memory": False,
    "with_stack": False,
    "with_modules": False,
    "use_kineto": False,
    "use_cpu": True,
}


def refuse_options(function: str, options: dict[str, Any], defaults: dict[str, Any]) -> None:
    """NotImplementedError for an option that isn't its default, TypeError for an unknown one."""
    for name, value in options.items():
        if name not in defaults:
            raise TypeError(f"{function}() got an unexpected keyword argument '{name}'")
        if value != defaults[name]:
            raise NotImplementedError(f"{function}({name}={value!r}) is not implemented")


def begin_recording(stack: ExitStack) -> _Recording:
    """Record events until the stack is closed. RuntimeError if another recording is on."""
    if "profiler" in observation.parts:
        raise RuntimeError("Can't start a profiler while another one is on")
    recording = _Recording()
    observation.set("profiler", recording)
    stack.callback(observation.set, "profiler", None)
    stack.enter_context(quiet.watched(recording.watch))
    return recording
