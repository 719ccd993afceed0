"""Comparison on several ranks: the same program in DistributedDataParallel in both libraries.

Each rank runs both libraries, each with a process group of its own, and judges its own results as
`lockstep` and `trajectory` do for one process. The program reports losses that are averaged over
the ranks, so all that is compared is the same on every rank, and all ranks repeat the same steps.
"""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import torch

import minigrad
from bridge.comparing.closeness import Array
from bridge.reporting.report import ProgramReport

from .lockstep import lockstep
from .program import SteppedProgram
from .run import ProgramRun
from .trajectory import Trajectory, trajectory

# A rank that waits longer for another gives up.
TIMEOUT = timedelta(seconds=60)


def is_one() -> bool:
    """Whether this process is a rank: torchrun or `start` has started it."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def start(argv: Sequence[str], size: int) -> int:
    """Start the bridge with these arguments on each rank; return the largest exit status."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(size)}
    command = [sys.executable, "-m", "bridge", *argv]
    started = [
        subprocess.Popen(command, env={**os.environ, **where, "RANK": str(rank)})
        for rank in range(size)
    ]
    try:
        return max(abs(process.wait()) for process in started)
    finally:
        for process in started:
            process.kill()


@contextmanager
def joined(backend: str = "gloo") -> Iterator[None]:
    """Within the block, this process is a rank of a process group of each library.

    The backend is minigrad's; PyTorch's is gloo.
    """
    minigrad.distributed.init_process_group(backend, timeout=TIMEOUT)
    rank, size = minigrad.distributed.get_rank(), minigrad.distributed.get_world_size()
    torch.distributed.init_process_group("gloo", rank=rank, world_size=size, timeout=TIMEOUT)
    try:
        yield
    finally:
        minigrad.distributed.destroy_process_group()
        torch.distributed.destroy_process_group()


def compare(
    program: SteppedProgram,
    whole: SteppedProgram | None,
    modes: Sequence[str],
    dtype: str,
    seed: int,
) -> int:
    """Compare a program on this rank, print what rank 0 finds, and return the exit status.

    `whole` is the program for one process with the whole batches, whose results the ranks must
    have up to rounding; None if their shares aren't equal.
    """
    ranks = minigrad.distributed.get_world_size()
    problems: list[str] = []
    for mode in modes:
        run: Any = lockstep if mode == "lockstep" else trajectory
        report: ProgramReport = run(program, dtype=dtype, seed=seed)
        _print(f"\nauto on {ranks} ranks, {mode}: {report.start}\n{report}")
        if not report.ok:
            problems.append(f"{mode}: {report.verdict()}")
    ours = _last(program, dtype)
    problems += _differing_ranks(ours)
    if whole is not None:
        problems += _from_one_process(ours, whole, dtype, seed)
    everywhere: list[Any] = [None] * ranks
    minigrad.distributed.all_gather_object(everywhere, problems)
    for rank, found in enumerate(everywhere):
        for problem in found:
            _print(f"rank {rank}: {problem}")
    outcome = "DIFFER" if any(everywhere) else "agree"
    _print(f"\nminigrad and PyTorch {outcome} on {ranks} ranks")
    return int(any(everywhere))


def _print(text: str) -> None:
    if minigrad.distributed.get_rank() == 0:
        print(text, flush=True)


def _last(program: SteppedProgram, dtype: str) -> dict[str, Array]:
    """minigrad's parameters at the end."""
    run = ProgramRun(program, minigrad, "cpu", dtype)
    while run.step():
        pass
    return {name.removeprefix("module."): x for name, x in run.parameter_values().items()}


def _differing_ranks(ours: dict[str, Array]) -> list[str]:
    """The parameters that aren't bit-identical on all ranks."""
    digests = {name: hashlib.sha256(x.tobytes()).hexdigest() for name, x in ours.items()}
    everywhere: list[Any] = [None] * minigrad.distributed.get_world_size()
    minigrad.distributed.all_gather_object(everywhere, digests)
    differing = [name for name in ours if len({each[name] for each in everywhere}) > 1]
    if not differing:
        _print("\nall ranks have the same bits")
    return [f"{name} has other bits than on another rank" for name in differing]


def _from_one_process(
    ours: dict[str, Array], whole: SteppedProgram, dtype: str, seed: int
) -> list[str]:
    """Compare the ranks' result with that of one process.

    The two only add the gradients of the samples in another order. That may carry them as far
    apart as two correct libraries, which is what the bound of a free run is for.
    """
    alone: Trajectory = trajectory(whole, dtype=dtype, seed=seed)
    reference = _last(whole, dtype)
    distances = {
        name: float(np.abs(x - reference[name]).max() / (np.abs(reference[name]).max() or 1.0))
        for name, x in ours.items()
    }
    name = max(distances, key=lambda each: distances[each])
    text = (
        f"{name} is {distances[name]:.3g} from the run of one process on the whole batch, where "
        f"{2 * alone.bound:.3g} is allowed"
    )
    _print(f"farthest: {text}")
    return [] if distances[name] <= 2 * alone.bound else [text]
