"""The backend `gloo`: PyTorch's process group, given arrays that share their memory with it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import numpy as np

from .errors import DistNetworkError, DistStoreError, TransportError
from .pytorch import c10d, pytorch, stand_in_set_aside
from .reduce_op import ReduceOp
from .rendezvous import Meeting
from .transport import Array, Done, Handle

_NAP = 0.02  # seconds between two looks at the store
_FAULT = "fault"  # the key in the store for what has failed
_NOTE = 1.0  # seconds that a rank waits for the note of another
_ACKNOWLEDGEMENT = 2.0  # seconds that the rank with the note waits for those that read it


class GlooHandle:
    """A transfer by gloo."""

    def __init__(self, work: Any, *kept: Any) -> None:
        self.work, self.kept = work, kept  # the tensors must live as long as the transfer

    def wait(self, timeout: float) -> None:
        """Wait until the transfer is done."""
        try:
            self.work.wait(_duration(timeout))
        except RuntimeError as error:
            raise TransportError(_short(error)) from None

    def done(self) -> bool:
        """Whether the transfer has ended."""
        return bool(self.work.is_completed())


def _duration(seconds: float) -> timedelta:
    # PyTorch takes 0 as "no timeout".
    return timedelta(milliseconds=max(1, math.ceil(seconds * 1e3)))


def _short(error: BaseException) -> str:
    """The first line of a C++ error, without the place in the source."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if text.startswith("["):
        text = text.partition("] ")[2] or text
    return text.partition(". This is typically")[0]


class Gloo:
    """A group of ranks that are connected by gloo."""

    def __init__(self, group: Any, store: Any) -> None:
        self.group, self.store, self.c = group, store, c10d()
        self.from_numpy = pytorch().from_numpy

    @classmethod
    def connect(cls, meeting: Meeting, name: str, rank: int, size: int, timeout: float) -> Gloo:
        """Connect all ranks of a group of that name, which meet at a store.

        Raises DistStoreError, which names the ranks that haven't come within `timeout` seconds.
        """
        c = c10d()
        store = c.PrefixStore(name, meeting.store)
        _await_ranks(store, name, rank, size, timeout)
        with stand_in_set_aside():
            try:
                return cls(c.ProcessGroupGloo(store, rank, size, _duration(timeout)), store)
            except RuntimeError as error:
                raise DistNetworkError(
                    f"init_process_group on rank {rank}: the ranks can't connect: {_short(error)}"
                ) from None

    def _tensor(self, array: Array) -> Any:
        if not array.flags.writeable:
            array = array.copy()
        return self.from_numpy(array)

    def _bytes(self, array: Array) -> Any:
        # What is only moved goes as bytes: gloo lacks a few dtypes, such as int16.
        return self._tensor(array.reshape(-1).view(np.uint8))

    def _options(self, options: Any, op: ReduceOp | None = None, root: int | None = None) -> Any:
        if op is not None:
            options.reduceOp = getattr(self.c.ReduceOp, op.name)
        if root is not None:
            options.rootRank = root
        return options

    def all_reduce(self, array: Array, op: ReduceOp) -> Handle:
        """Reduce an array in place."""
        if not array.size:
            return Done()
        t = self._tensor(array)
        return _started(self.group.allreduce, [t], self._options(self.c.AllreduceOptions(), op))

    def reduce(self, array: Array, dst: int, op: ReduceOp) -> Handle:
        """Reduce an array in place, on `dst` only."""
        if not array.size:
            return Done()
        options = self._options(self.c.ReduceOptions(), op, dst)
        return _started(self.group.reduce, [self._tensor(array)], options)

    def broadcast(self, array: Array, src: int) -> Handle:
        """Fill the array of every rank with that of `src`."""
        if not array.size:
            return Done()
        options = self._options(self.c.BroadcastOptions(), root=src)
        return _started(self.group.broadcast, [self._bytes(array)], options)

    def all_gather(self, stacked: Array, array: Array) -> Handle:
        """Fill `stacked` with the arrays of all ranks."""
        if not array.size:
            return Done()
        outputs, options = [self._bytes(item) for item in _items(stacked)], self.c.AllgatherOptions
        return _started(self.group.allgather, [outputs], [self._bytes(array)], options())

    def gather(self, stacked: Array | None, array: Array, dst: int) -> Handle:
        """Fill `stacked` on `dst` with the arrays of all ranks."""
        if not array.size:
            return Done()
        outputs = [] if stacked is None else [[self._bytes(item) for item in _items(stacked)]]
        options = self._options(self.c.GatherOptions(), root=dst)
        return _started(self.group.gather, outputs, [self._bytes(array)], options)

    def scatter(self, array: Array, stacked: Array | None, src: int) -> Handle:
        """Fill the array of each rank with its item of `stacked` on `src`."""
        if not array.size:
            return Done()
        inputs = [] if stacked is None else [[self._bytes(item) for item in _items(stacked)]]
        options = self._options(self.c.ScatterOptions(), root=src)
        return _started(self.group.scatter, [self._bytes(array)], inputs, options)

    def reduce_scatter(self, array: Array, stacked: Array, op: ReduceOp) -> Handle:
        """Reduce `stacked`, and fill the array of each rank with its item."""
        if not array.size:
            return Done()
        inputs = [self._tensor(item) for item in _items(stacked)]
        options = self._options(self.c.ReduceScatterOptions(), op)
        return _started(self.group.reduce_scatter, [self._tensor(array)], [inputs], options)

    def send(self, array: Array, dst: int, tag: int) -> Handle:
        """Send an array."""
        return _started(self.group.send, [self._bytes(array)], dst, tag)

    def receive(self, array: Array, src: int, tag: int) -> Handle:
        """Receive an array from a rank."""
        return _started(self.group.recv, [self._bytes(array)], src, tag)

    def receive_any(self, array: Array, tag: int, timeout: float) -> int:
        """Receive an array from whichever rank sends one, and return that rank."""
        handle = _started(self.group.recv_anysource, [self._bytes(array)], tag)
        handle.wait(timeout)
        return int(handle.work._source_rank())

    def post(self, fault: str) -> None:
        """Leave a note for all ranks: a gloo that has waited too long closes its connections."""
        with suppress(RuntimeError):
            self.store.set(_FAULT, fault)

    def posted(self) -> str:
        """The note that a rank has left; empty if there is none."""
        try:
            self.store.wait([_FAULT], _duration(_NOTE))
            return str(self.store.get(_FAULT).decode())
        except RuntimeError:
            return ""

    def acknowledge(self, rank: int) -> None:
        """Say that this rank knows what has failed."""
        with suppress(RuntimeError):
            self.store.set(_known_by(rank), "")

    def await_acknowledgement(self, ranks: Sequence[int]) -> None:
        """Wait a moment until the ranks know what has failed: the store may end with this one."""
        with suppress(RuntimeError):
            self.store.wait([_known_by(rank) for rank in ranks], _duration(_ACKNOWLEDGEMENT))

    def close(self) -> None:
        """Give up the connections."""
        self.group = None


def _known_by(rank: int) -> str:
    return f"{_FAULT} known by rank {rank}"


def _items(stacked: Array) -> list[Array]:
    return [stacked[i] for i in range(len(stacked))]


def _started(operation: Any, *arguments: Any) -> GlooHandle:
    try:
        return GlooHandle(operation(*arguments), *arguments)
    except RuntimeError as error:
        raise TransportError(_short(error)) from None


def _await_ranks(store: Any, name: str, rank: int, size: int, timeout: float) -> None:
    """Wait until every rank has come to the store."""
    end, missing = time.monotonic() + timeout, list(range(size))
    try:
        store.set(f"rank {rank}", "here")
        while missing and time.monotonic() < end:
            missing = [other for other in missing if not store.check([f"rank {other}"])]
            if missing:
                time.sleep(_NAP)
    except RuntimeError:
        pass  # the process that has the store has given up
    if missing:
        ranks = ", ".join(map(str, missing))
        raise DistStoreError(
            f"{name} on rank {rank}: rank {ranks} of {size} didn't come within {timeout:g} s"
        )
