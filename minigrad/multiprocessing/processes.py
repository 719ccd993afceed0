"""`spawn`: start processes, wait for all of them, and raise the first error of one of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any


class ProcessException(Exception):
    """A process that failed: its number `error_index` and its `pid`."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid


class ProcessRaisedException(ProcessException):
    """A process that raised an error, whose traceback is the message."""


class ProcessExitedException(ProcessException):
    """A process that ended with an exit code other than 0, or by a signal."""

    def __init__(
        self,
        msg: str,
        error_index: int,
        pid: int,
        exit_code: int,
        signal_name: str | None = None,
    ) -> None:
        super().__init__(msg, error_index, pid)
        self.exit_code, self.signal_name = exit_code, signal_name


class ProcessContext:
    """The running processes of one call of `start_processes`."""

    def __init__(self, processes: list[Any], error_files: list[str]) -> None:
        self.processes, self.error_files = processes, error_files
        self.sentinels = {process.sentinel: i for i, process in enumerate(processes)}

    def pids(self) -> list[int]:
        """Return the processes' ids."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait for some process to end. Returns whether all have ended.

        If one has failed, the others are terminated, and killed after `grace_period` seconds.
        Raises ProcessRaisedException or ProcessExitedException for it.
        """
        if not self.sentinels:
            return True
        for sentinel in wait(list(self.sentinels), timeout):
            number = self.sentinels.pop(sentinel)
            self.processes[number].join()
            if self.processes[number].exitcode != 0:
                self._stop_others(grace_period)
                error = self._error_of(number)
                self._remove_files()
                raise error
        if not self.sentinels:
            self._remove_files()
        return not self.sentinels

    def _stop_others(self, grace_period: float | None) -> None:
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        end = None if grace_period is None else time.monotonic() + grace_period
        for process in self.processes:
            process.join(None if end is None else max(0.0, end - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()

    def _error_of(self, number: int) -> ProcessException:
        process = self.processes[number]
        trace = Path(self.error_files[number]).read_text()
        if trace:
            text = f"\n\n-- Process {number} terminated with the following error:\n{trace}"
            return ProcessRaisedException(text, number, process.pid)
        code, name = process.exitcode, None
        how = f"exit code {code}"
        if code < 0:
            name = signal.Signals(-code).name
            how = f"signal {name}"
        message = f"process {number} terminated with {how}"
        return ProcessExitedException(message, number, process.pid, code, name)

    def _remove_files(self) -> None:
        for file in self.error_files:
            Path(file).unlink(missing_ok=True)


class SpawnContext(ProcessContext):
    """The running processes of one call of `spawn`."""


def _run(fn: Callable[..., Any], number: int, args: tuple[Any, ...], error_file: str) -> None:
    """Call the function in a new process; write the traceback of an error to a file."""
    try:
        fn(number, *args)
    except KeyboardInterrupt:
        pass  # the parent gets it too
    except Exception:
        Path(error_file).write_text(traceback.format_exc())
        sys.exit(1)


def start_processes(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Call `fn(i, *args)` in `nprocs` processes, where i is the number of the process.

    With `join`, wait for all of them; otherwise return a ProcessContext, whose `join` waits for
    one. The first that fails ends the others, and its error is raised: ProcessRaisedException with
    its traceback, or ProcessExitedException.
    """
    context: Any = multiprocessing.get_context(start_method)
    processes, files = [], []
    for number in range(nprocs):
        handle, file = tempfile.mkstemp(prefix="minigrad-", suffix=".error")
        os.close(handle)
        files.append(file)
        process = context.Process(target=_run, args=(fn, number, args, file), daemon=daemon)
        process.start()
        processes.append(process)
    started = SpawnContext(processes, files)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Do what `start_processes` does, in new interpreters.

    Each of them imports the program again, so the call has to be under `if __name__ ==
    "__main__":`. Warns of another start method.
    """
    if start_method != "spawn":
        warnings.warn(
            f"This method only supports start_method=spawn (got: {start_method}).\nTo use a "
            "different start_method use:\n\t\t torch.multiprocessing.start_processes(...)",
            FutureWarning,
            stacklevel=2,
        )
    return start_processes(fn, args, nprocs, join, daemon, start_method)
