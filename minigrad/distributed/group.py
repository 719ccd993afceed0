"""`ProcessGroup`: some of the ranks, which check that they agree before they move anything.

PyTorch's backends abort or hang if one rank calls another collective than the others, or with
another shape. Here, each rank first sends rank 0 of the group one line of text, such as
`all_reduce(SUM) of float32 [2, 3]`. Rank 0 compares the lines and answers all of them: go on, or
the error that each of them raises. So an error always names a rank and a collective. These lines
have connections of their own, which still work after a transfer has failed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from .errors import DistBackendError, TransportError
from .transport import Array, Handle, Transport

_LINE = 512  # bytes of a line of text
_TAG = 0
# Rank 0 gives up before those that wait for its answer do, so that they get its answer.
_RANK_0 = 0.8
_LEAST = 0.2  # seconds that rank 0 waits for a rank after it has given up another


class Work:
    """An operation that may still be under way: the result of a call with `async_op=True`."""

    def __init__(self, finish: Callable[[float | None], int | None], done: Callable[[], bool]):
        self._finish, self._done = finish, done
        self._source: int | None = None
        self._error: Exception | None = None
        self._finished = False

    def wait(self, timeout: Any = None) -> bool:
        """Wait until the result is there. A `timedelta` as `timeout` replaces the group's.

        Raises DistBackendError, which names the rank to blame, if the operation fails.
        """
        if not self._finished:
            try:
                self._source = self._finish(None if timeout is None else timeout.total_seconds())
            except Exception as error:
                self._error = error
                raise
            finally:
                self._finished = True
        elif self._error is not None:
            raise self._error
        return True

    def is_completed(self) -> bool:
        """Whether the operation has ended, so that `wait` won't wait."""
        if not self._finished and self._done():
            try:
                self.wait()
            except Exception:
                return True  # `wait` raises it
        return self._finished

    def is_success(self) -> bool:
        """Whether the operation has ended without an error."""
        return self.is_completed() and self._error is None

    def exception(self) -> Exception | None:
        """The error that ended the operation."""
        return self._error

    def source_rank(self) -> int:
        """The rank in the group that a message came from."""
        if self._source is None:
            raise RuntimeError("only a finished receive has a source rank")
        return self._source


class ProcessGroup:
    """Some of the ranks. `ranks` are their numbers among all processes, in the group's order."""

    def __init__(
        self,
        name: str,
        backend: str,
        ranks: Sequence[int],
        rank: int,
        transport: Transport,
        control: Transport,
        timeout: float,
    ) -> None:
        self.group_name, self.backend, self.ranks = name, backend, tuple(ranks)
        self._rank, self.transport, self.control = rank, transport, control
        self.timeout = timeout
        self._thread: ThreadPoolExecutor | None = None

    def rank(self) -> int:
        """The rank of this process in the group."""
        return self._rank

    def size(self) -> int:
        """The number of ranks in the group."""
        return len(self.ranks)

    def name(self) -> str:
        """The name of the backend."""
        return self.backend

    def __repr__(self) -> str:
        return f"<ProcessGroup {self.group_name!r}: ranks {list(self.ranks)} by {self.backend}>"

    # Operations -----------------------------------------------------------------------------------

    def run(
        self,
        line: str,
        start: Callable[[], Handle],
        finish: Callable[[], object] = lambda: None,
        async_op: bool = False,
        timeout: float | None = None,
    ) -> Work | None:
        """Run a collective: compare lines, `start` the transfer, wait for it, and `finish`.

        With `async_op`, a thread does all but `finish`, and the result is a Work.
        """
        limit = self.timeout if timeout is None else timeout

        def transfer() -> None:
            self.check(line, limit)
            self.finished(line, start, limit)

        if async_op and self._thread is None:
            self._thread = ThreadPoolExecutor(1, f"minigrad-{self.group_name}")
        if self._thread is None:
            transfer()
            finish()
            return None
        # All that follows an asynchronous operation goes through its thread, so that the order is
        # the same on every rank.
        running: Future[None] = self._thread.submit(transfer)

        def complete(seconds: float | None) -> None:
            try:
                running.result(seconds)
            except TimeoutError:
                raise self._failure(line, f"timed out after {seconds:g} s") from None
            finish()

        work = Work(complete, running.done)
        if async_op:
            return work
        work.wait()
        return None

    def begin(self, start: Callable[[], Handle]) -> Handle:
        """Start a transfer whose form was checked before, after all that was started before."""
        if self._thread is None:
            return start()
        return self._thread.submit(start).result()

    def finished(
        self, line: str, start: Callable[[], Handle], timeout: float | None = None
    ) -> None:
        """Start a transfer and wait for it. DistBackendError names the rank that is missing."""
        try:
            start().wait(self.timeout if timeout is None else timeout)
        except TransportError as error:
            self.blame(line, error)

    def blame(self, line: str, error: TransportError) -> None:
        """Raise the DistBackendError for a transfer that failed: find the rank that is missing."""
        self.check(f"{line}, which failed ({error})", min(self.timeout, 10.0))
        raise self._failure(line, str(error)) from None

    def _failure(self, line: str, what: str) -> DistBackendError:
        return DistBackendError(f"{line} on rank {self.ranks[self._rank]}: {what}")

    # Agreement ------------------------------------------------------------------------------------

    def check(self, line: str, timeout: float) -> None:
        """Raise DistBackendError unless every rank is at the same line within the timeout."""
        if self.size() == 1:
            return
        answer = self._ask(line, timeout) if self._rank else self._answer(line, timeout)
        if answer:
            raise self._failure(line, answer)

    def _ask(self, line: str, timeout: float) -> str:
        """Send rank 0 the line, and return its answer. It is empty if all agree."""
        answer = _line("")
        try:
            self.control.send(_line(line), 0, _TAG).wait(timeout)
            self.control.receive(answer, 0, _TAG).wait(timeout)
        except TransportError as error:
            note = self.control.posted()
            self.control.acknowledge(self._rank)
            return note or f"rank {self.ranks[0]} didn't answer: {error}"
        if text := _text(answer):
            self.control.acknowledge(self._rank)
        return text

    def _answer(self, line: str, timeout: float) -> str:
        """Receive the lines of all ranks, and send them the answer."""
        end, answer = time.monotonic() + _RANK_0 * timeout, ""
        arrived = []
        buffers = {rank: _line("") for rank in range(1, self.size())}
        for rank, buffer in buffers.items():
            try:
                left = max(min(_LEAST, timeout), end - time.monotonic())
                self.control.receive(buffer, rank, _TAG).wait(left)
            except TransportError as error:
                answer = answer or f"rank {self.ranks[rank]} didn't come: {error}"
                continue
            arrived.append(rank)
            other = _text(buffer)
            if other != _text(_line(line)):
                answer = answer or (
                    f"rank {self.ranks[rank]} is at {other}, but rank {self.ranks[0]} at {line}"
                )
        missing = [rank for rank in buffers if rank not in arrived]
        if missing:
            self.control.post(answer)
        for rank in arrived:
            try:
                self.control.send(_line(answer), rank, _TAG).wait(timeout)
            except TransportError as error:
                answer = answer or f"rank {self.ranks[rank]} is gone: {error}"
        if missing:  # only the first for certain: a gloo that times out closes all connections
            self.control.await_acknowledgement([r for r in buffers if r != missing[0]])
        return answer

    # Messages -------------------------------------------------------------------------------------

    def send(self, array: Array, dst: int, tag: int) -> Work:
        """Send an array, after a line that says what it is."""
        line = form(array)
        try:
            parts = [
                self.transport.send(_line(line), dst, 2 * tag),
                *([self.transport.send(array, dst, 2 * tag + 1)] if array.size else []),
            ]
        except TransportError as error:
            raise self._failure(f"send to rank {self.ranks[dst]}", str(error)) from None

        def finish(timeout: float | None) -> None:
            for part in parts:
                try:
                    part.wait(self.timeout if timeout is None else timeout)
                except TransportError as error:
                    text = f"rank {self.ranks[dst]} didn't receive {line}: {error}"
                    raise self._failure("send", text) from None

        return Work(finish, lambda: all(part.done() for part in parts))

    def receive(
        self, array: Array, src: int | None, tag: int, filled: Callable[[], object]
    ) -> Work:
        """Receive an array. DistBackendError if the sender's has another shape or dtype."""
        line = _line("")
        whom = "any rank" if src is None else f"rank {self.ranks[src]}"
        try:
            first = None if src is None else self.transport.receive(line, src, 2 * tag)
        except TransportError as error:
            raise self._failure(f"recv from {whom}", str(error)) from None

        def finish(timeout: float | None) -> int:
            limit, source = self.timeout if timeout is None else timeout, src
            try:
                if source is None or first is None:
                    source = self.transport.receive_any(line, 2 * tag, limit)
                else:
                    first.wait(limit)
                if _text(line) != form(array):
                    raise self._failure(
                        "recv",
                        f"rank {self.ranks[source]} sends {_text(line)}, but the tensor here is "
                        f"{form(array)}",
                    )
                if array.size:
                    self.transport.receive(array, source, 2 * tag + 1).wait(limit)
            except TransportError as error:
                text = f"{whom} didn't send {form(array)}: {error}"
                raise self._failure("recv", text) from None
            filled()
            return source

        return Work(finish, lambda: first is None or first.done())

    def close(self) -> None:
        """Give up the thread and the connections."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
        self.transport.close()
        self.control.close()


def described(what: str, array: Array) -> str:
    """A line of text for an operation on an array."""
    return f"{what} of {form(array)}"


def form(array: Array) -> str:
    """The dtype and shape of an array as text."""
    return f"{array.dtype} {list(array.shape)}"


def _line(text: str) -> Array:
    line = np.zeros(_LINE, np.uint8)
    encoded = np.frombuffer(text.encode()[:_LINE], np.uint8)
    line[: len(encoded)] = encoded
    return line


def _text(line: Array) -> str:
    return line.tobytes().rstrip(b"\0").decode(errors="replace")
