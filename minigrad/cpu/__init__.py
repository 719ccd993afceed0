"""Names of torch.cpu, with which programs treat the CPU as they treat a GPU. Its queue of work is
always empty: a call of an op returns when its result is there."""

from __future__ import annotations

from typing import Any

from . import amp

__all__ = [
    "Event",
    "Stream",
    "StreamContext",
    "amp",
    "current_device",
    "current_stream",
    "device_count",
    "is_available",
    "is_initialized",
    "set_device",
    "stream",
    "synchronize",
]


def is_available() -> bool:
    """Return True: minigrad computes on the CPU.

    >>> minigrad.get_device_module("cpu").is_available()
    True
    """
    return True


def is_initialized() -> bool:
    """Return True: there is nothing to initialise."""
    return True


def device_count() -> int:
    """Return the number of CPUs: 1."""
    return 1


def current_device() -> str:
    """Return the name of the current device: "cpu"."""
    return "cpu"


def set_device(device: Any) -> None:
    """Make a CPU the current one: nothing to do."""


def synchronize(device: Any = None) -> None:
    """Wait for the ops: nothing to do."""


class Stream:
    """A queue of work, always empty."""

    def __init__(self, priority: int = -1) -> None:
        pass

    def wait_stream(self, stream: Stream) -> None:
        """Wait for another queue: nothing to do."""

    def record_event(self) -> None:
        """Put an event in the queue: nothing to do."""

    def wait_event(self, event: Event) -> None:
        """Wait for an event: nothing to do."""


class Event:
    """An event in a queue of work, which has always happened."""

    def query(self) -> bool:
        """Return whether it has happened: True."""
        return True

    def record(self, stream: Stream | None = None) -> None:
        """Put it in a queue: nothing to do."""

    def synchronize(self) -> None:
        """Wait for it: nothing to do."""

    def wait(self, stream: Stream | None = None) -> None:
        """Let a queue wait for it: nothing to do."""


class StreamContext:
    """Make a queue of work the current one in a block. None leaves the current one.

    >>> other = minigrad.cpu.Stream()
    >>> with minigrad.cpu.StreamContext(other):
    ...     minigrad.cpu.current_stream() is other
    True
    """

    current = Stream()

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        self.before = StreamContext.current
        StreamContext.current = self.before if self.stream is None else self.stream

    def __exit__(self, *exception: object) -> None:
        StreamContext.current = self.before


def current_stream(device: Any = None) -> Stream:
    """Return the queue of work."""
    return StreamContext.current


def stream(stream: Stream | None) -> StreamContext:
    """Return a context manager that makes a queue of work the current one."""
    return StreamContext(stream)
