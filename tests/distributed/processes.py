"""Start a program on several ranks, with time limits, so that no test can hang."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = Path(__file__).parent / "programs"
LIMIT = 120.0  # seconds for all ranks of a program


@dataclass
class Ended:
    """A rank that has ended: its exit status, and what it printed."""

    status: int
    output: str
    errors: str


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def environment(**variables: object) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OMPI_", "PMIX_"))}
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return inherited | threads | {"PYTHONPATH": path} | {k: str(v) for k, v in variables.items()}


def run_ranks(
    size: int, program: Path | str, *arguments: object, ranks: object = None, **variables: object
) -> list[Ended]:
    """Run a program (a file or a text) on each rank, in the environment that torchrun would make.

    With `ranks`, only these are started. Fails if they take longer than the limit.
    """
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port(), "WORLD_SIZE": size}
    how = [str(program)] if isinstance(program, Path) else ["-c", program]
    started = [
        subprocess.Popen(
            [sys.executable, *how, *map(str, arguments)],
            env=environment(RANK=rank, **where, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (ranks or range(size))  # type: ignore[attr-defined]
    ]
    end, ended = time.monotonic() + LIMIT, []
    try:
        for process in started:
            output, errors = process.communicate(timeout=max(0.1, end - time.monotonic()))
            ended.append(Ended(process.returncode, output, errors))
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.communicate()
    return ended


def run_mpi(size: int, program: Path, *arguments: object, **variables: object) -> Ended:
    """Run a program on each rank by mpiexec. Skips without mpi4py and an MPI."""
    mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which(
        "mpiexec"
    )
    if importlib.util.find_spec("mpi4py") is None or mpiexec is None:
        pytest.skip("needs mpi4py and mpiexec")
    loads = subprocess.run([sys.executable, "-c", "from mpi4py import MPI"], capture_output=True)
    if loads.returncode:
        pytest.skip("needs an MPI library that mpi4py finds")
    command = [mpiexec, "-n", str(size), "--oversubscribe", "--allow-run-as-root"]
    ended = subprocess.run(
        [*command, sys.executable, str(program), *map(str, arguments)],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)
