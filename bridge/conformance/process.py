"""WorkerProcess: the parent's side of a worker, with limits on its time and memory."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .adapter import BadCandidate
from .verdicts import ERROR, Verdict, one_line
from .worker import create_note

_POLL = 0.1  # seconds


class Stopped(Exception):
    """The worker died or was stopped: why, and what it was doing."""

    def __init__(self, what: str, message: str, program: str) -> None:
        super().__init__(message)
        self.what, self.message, self.program = what, message, program


class WorkerProcess:
    """A process that judges a candidate; a new one takes the place of one that was stopped."""

    def __init__(self, candidate: str, suites: Sequence[str], patience: float, memory: int) -> None:
        self.candidate, self.suites = candidate, list(suites)
        self.patience, self.memory = patience, memory
        self._folder = tempfile.TemporaryDirectory(prefix="conform-")
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""
        self.name, self.units = candidate, dict[str, list[str]]()
        self.kinds: dict[str, list[str]] = {}

    def start(self, kinds: bool = False) -> None:
        """Start the process and load the candidate; if `kinds`, list the properties of its ops.

        Raises BadCandidate.
        """
        path = Path(self._folder.name) / "note"
        self._note = create_note(path)
        self._buffer = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bridge.conformance.worker", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the parent's to handle
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        path_entries = ["", *sys.path]
        self._send(
            candidate=self.candidate,
            path=path_entries,
            suites=self.suites,
            memory=self.memory,
            kinds=kinds,
        )
        try:
            first = self._receive(max(self.patience, 120))
        except Stopped as stopped:
            raise BadCandidate(f"{self.candidate}: {stopped.message} while it was loaded") from None
        if "bad" in first:
            raise BadCandidate(first["bad"])
        self.name, self.units = first["ready"], first["units"]
        self.kinds = first["kinds"] or self.kinds

    def judge(self, suite: str, unit: str, **options: Any) -> Iterator[Verdict]:
        """Yield the verdicts on a part of a suite; a crash is one, too."""
        if self._process is None:
            self.start()
        self._send(suite=suite, unit=unit, **options)
        try:
            while not (answer := self._receive(self.patience)).get("done"):
                if "failed" in answer:
                    said = one_line(answer["failed"])
                    yield Verdict(suite, unit, unit, ERROR, "error", said, answer["program"])
                else:
                    yield Verdict(**answer["verdict"])
        except Stopped as stopped:
            self.stop()
            said, what = stopped.message, stopped.what
            yield Verdict(suite, unit, unit, ERROR, what, said, stopped.program, diagnosis=what)

    def stop(self) -> None:
        """Kill the process, with all that it started."""
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def close(self) -> None:
        self.stop()
        self._folder.cleanup()

    def _send(self, **fields: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(fields).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # found by the next _receive

    def _receive(self, patience: float) -> dict[str, Any]:
        """Return the next answer. Raises Stopped if there is none."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        last, since = self._note.read()[0], time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if selector.select(_POLL):
                    data = os.read(process.stdout.fileno(), 2**16)
                    if not data:
                        raise self._stopped("crash", _ending(process.wait()))
                    self._buffer += data
                count = self._note.read()[0]
                if count != last:
                    last, since = count, time.monotonic()
                if time.monotonic() - since > patience:
                    raise self._stopped("hang", f"hangs: no progress in {patience:g} s")
                if _memory_of(process.pid) > self.memory + 2**30:
                    limit = f"{self.memory / 2**30:.3g} GiB"
                    raise self._stopped("memory", f"takes more than {limit} of memory")
        line, _, self._buffer = self._buffer.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    def _stopped(self, what: str, message: str) -> Stopped:
        return Stopped(what, message, self._note.read()[1])


def _ending(status: int) -> str:
    if status < 0:
        return f"crashes: {signal.Signals(-status).name}"
    return f"ends the process with status {status}"


def _memory_of(pid: int) -> int:
    """Return the resident memory of a process in bytes, or 0 if it isn't known."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
