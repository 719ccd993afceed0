"""What a backend offers to a process group, in terms of arrays, and the world of one process.

Arrays are contiguous and of the same shape and dtype on every rank; the group has checked this. A
`stacked` array has one more dimension in front, with an item for each rank. An operation starts
at once and returns a `Handle`, whose `wait` raises TransportError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from .errors import TransportError
from .reduce_op import ReduceOp

Array = np.ndarray[Any, Any]


class Handle(Protocol):
    """A transfer that may still be under way."""

    def wait(self, timeout: float) -> None:
        """Wait until the transfer is done. TransportError if it fails or takes too long."""

    def done(self) -> bool:
        """Whether the transfer has ended."""


class Transport(Protocol):
    """Moves arrays between the ranks of one group."""

    def all_reduce(self, array: Array, op: ReduceOp) -> Handle:
        """Reduce an array in place."""

    def reduce(self, array: Array, dst: int, op: ReduceOp) -> Handle:
        """Reduce an array in place, on `dst` only."""

    def broadcast(self, array: Array, src: int) -> Handle:
        """Fill the array of every rank with that of `src`."""

    def all_gather(self, stacked: Array, array: Array) -> Handle:
        """Fill `stacked` with the arrays of all ranks."""

    def gather(self, stacked: Array | None, array: Array, dst: int) -> Handle:
        """Fill `stacked` on `dst` with the arrays of all ranks."""

    def scatter(self, array: Array, stacked: Array | None, src: int) -> Handle:
        """Fill the array of each rank with its item of `stacked` on `src`."""

    def reduce_scatter(self, array: Array, stacked: Array, op: ReduceOp) -> Handle:
        """Reduce `stacked`, and fill the array of each rank with its item."""

    def send(self, array: Array, dst: int, tag: int) -> Handle:
        """Send an array."""

    def receive(self, array: Array, src: int, tag: int) -> Handle:
        """Receive an array from a rank."""

    def receive_any(self, array: Array, tag: int, timeout: float) -> int:
        """Receive an array from whichever rank sends one, and return that rank."""

    def post(self, fault: str) -> None:
        """Leave a note for all ranks, where messages can't arrive any more."""

    def posted(self) -> str:
        """The note that a rank has left; empty if there is none."""

    def acknowledge(self, rank: int) -> None:
        """Say that this rank knows what has failed."""

    def await_acknowledgement(self, ranks: Sequence[int]) -> None:
        """Wait a moment until the ranks know what has failed."""

    def close(self) -> None:
        """Give up the connections."""


class Done:
    """The handle of what has been done already."""

    def wait(self, timeout: float) -> None:
        """Return at once."""

    def done(self) -> bool:
        """Return True."""
        return True


class WithoutNotes:
    """The part of a transport that needs no notes: messages still arrive after one has failed."""

    def post(self, fault: str) -> None:
        """Do nothing."""

    def posted(self) -> str:
        """Return no note."""
        return ""

    def acknowledge(self, rank: int) -> None:
        """Do nothing."""

    def await_acknowledgement(self, ranks: Sequence[int]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Alone(WithoutNotes):
    """The transport of a group of one rank, which needs no backend."""

    def all_reduce(self, array: Array, op: ReduceOp) -> Handle:
        """Leave the array as it is: it's the reduction of itself."""
        return Done()

    def reduce(self, array: Array, dst: int, op: ReduceOp) -> Handle:
        """Leave the array as it is."""
        return Done()

    def broadcast(self, array: Array, src: int) -> Handle:
        """Leave the array as it is."""
        return Done()

    def all_gather(self, stacked: Array, array: Array) -> Handle:
        """Copy the array."""
        stacked[0] = array
        return Done()

    def gather(self, stacked: Array | None, array: Array, dst: int) -> Handle:
        """Copy the array."""
        assert stacked is not None
        return self.all_gather(stacked, array)

    def scatter(self, array: Array, stacked: Array | None, src: int) -> Handle:
        """Copy the only item."""
        assert stacked is not None
        array[...] = stacked[0]
        return Done()

    def reduce_scatter(self, array: Array, stacked: Array, op: ReduceOp) -> Handle:
        """Copy the only item."""
        return self.scatter(array, stacked, 0)

    def send(self, array: Array, dst: int, tag: int) -> Handle:
        """Raise TransportError: there is no other rank."""
        raise TransportError("there is no other rank")

    def receive(self, array: Array, src: int, tag: int) -> Handle:
        """Raise TransportError: there is no other rank."""
        raise TransportError("there is no other rank")

    def receive_any(self, array: Array, tag: int, timeout: float) -> int:
        """Raise TransportError: there is no other rank."""
        raise TransportError("there is no other rank")


class Both:
    """The handle of several transfers."""

    def __init__(self, handles: Sequence[Handle]) -> None:
        self.handles = handles

    def wait(self, timeout: float) -> None:
        """Wait for all of them, each for the timeout."""
        for handle in self.handles:
            handle.wait(timeout)

    def done(self) -> bool:
        """Whether all of them have ended."""
        return all(handle.done() for handle in self.handles)
