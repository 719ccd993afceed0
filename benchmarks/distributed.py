"""The part "distributed": weak and strong scaling of DistributedDataParallel.

minigrad's ranks are connected by gloo, as PyTorch's are, and then by MPI where it is installed. In
weak scaling each rank has a whole batch, in strong scaling its share of one. The first layer has
almost all parameters of this network, and its gradient comes last, so that there is nothing behind
which its transfer could be hidden. "Deep" is weak scaling of a network with several such layers.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import product
from pathlib import Path

from tabulate import tabulate

from . import machine
from .measurement import Measurement, median, ratio
from .progress_bar import with_progress_bar
from .settings import BenchmarkSettings

PART, OURS, THEIRS = "distributed", "minigrad", "PyTorch"
BATCH = 256
NETWORK, DEEP = (784, 512, 10), (784, 512, 512, 512, 512, 512, 10)
RANKS = 1, 2, 4
KINDS = "weak", "strong", "deep"
BY_MPI = ", MPI"  # after the kind
# The targets: the throughput of two ranks on two cores, and the time divided by PyTorch's.
SPEEDUP, MOST = 1.8, 1.0
LIMIT = 300.0  # seconds for the processes of one number of ranks


def measure(settings: BenchmarkSettings) -> list[Measurement]:
    """Measure steps of both libraries on 1, 2 and 4 ranks."""
    found: list[Measurement] = []
    backends = ["gloo", *(["mpi"] if find_spec("mpi4py") and _mpiexec() else [])]
    runs = list(product(backends, RANKS[:2] if settings.quick else RANKS))
    for backend, ranks in with_progress_bar(runs, PART):
        cases = {
            "weak": (BATCH, NETWORK),
            "strong": (BATCH // ranks, NETWORK),
            "deep": (BATCH, DEEP),
        }
        if settings.quick:
            cases = {"weak": (8, NETWORK)}
        measured = _on_ranks(backend, ranks, list(cases.values()), settings)
        for kind, rounds in zip(cases, measured, strict=True):
            case = kind + (BY_MPI if backend == "mpi" else "")
            for name, values in rounds.items():
                engine, _, quantity = name.rpartition(" ")
                found.append(
                    Measurement(PART, case, ranks, engine or OURS, quantity, tuple(values))
                )
    return found


def _mpiexec() -> str | None:
    beside = str(Path(sys.executable).parent)
    return shutil.which("mpiexec", path=beside) or shutil.which("mpiexec")


def _on_ranks(
    backend: str, ranks: int, cases: Sequence[object], settings: BenchmarkSettings
) -> list[dict[str, list[float]]]:
    """What rank 0 measured for each batch size and network."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "backend": backend,
        "cases": cases,
        "rounds": settings.rounds,
        "steps": 2 if settings.quick else 10,
        "dtype": settings.dtype,
        "cores": machine.all_cores(),
    }
    command = [sys.executable, "-m", f"{__package__}.distributed_rank", json.dumps(options)]
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    environments = [
        {**os.environ, **where, "WORLD_SIZE": str(ranks), "RANK": str(rank)}
        for rank in range(ranks)
    ]
    if backend == "mpi":
        launcher = [_mpiexec() or "mpiexec", "-n", str(ranks), "--oversubscribe"]
        root = hasattr(os, "getuid") and os.getuid() == 0
        command = [*launcher, *(["--allow-run-as-root"] if root else []), *command]
        environments = [{**os.environ, **where}]
    started = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for environment in environments
    ]
    try:
        outputs = [process.communicate(timeout=LIMIT)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    if any(process.returncode for process in started):
        raise RuntimeError(f"a rank of {ranks} failed")
    return [json.loads(line) for line in outputs[0].splitlines()]


# Tables -------------------------------------------------------------------------------------------

COLUMNS = (
    *("", "ranks", OURS, THEIRS, "÷ PyTorch", "speed-up", "PyTorch's", "apart"),
    *("MB sent", "PyTorch's", "optimum", "hidden"),
)


def table(measurements: Sequence[Measurement]) -> str:
    """A line for each kind and number of ranks, with the targets."""
    rounds = {(m.case, int(m.size), m.engine, m.quantity): m.rounds for m in measurements}
    cases = dict.fromkeys((m.case, int(m.size)) for m in measurements)
    lines, missed = list[list[str]](), list[str]()
    cores = len(machine.all_cores())
    order = [kind + by for kind in KINDS for by in ("", BY_MPI)]
    for kind, ranks in sorted(cases, key=lambda case: (order.index(case[0]), case[1])):

        def of(engine: str, quantity: str, kind: str = kind, ranks: int = ranks) -> Sequence[float]:
            return rounds[kind, ranks, engine, quantity]

        against = median(ratio(of(OURS, "step"), of(THEIRS, "step")))
        speed = {e: speedup(rounds, kind, ranks, e) for e in (OURS, THEIRS)}
        apart = speedup(rounds, kind, ranks, OURS, "apart")
        name, _, by_mpi = kind.partition(",")
        over = "over MPI" if by_mpi else "over gloo"
        if name == "weak" and ranks == 2 and speed[OURS] < SPEEDUP:
            missed.append(f"a speed-up of {SPEEDUP} with 2 ranks {over}")
        if ranks == 2 and name != "deep" and against > MOST:
            missed.append(f"no slower than PyTorch in {name} scaling with 2 ranks {over}")
        size = median(of(OURS, "parameters"))
        # Other programs may use the loopback, too: the least is closest to what was sent.
        sent = [min(of(e, "bytes")) / ranks / 1e6 for e in (OURS, THEIRS)]
        lines.append(
            [
                kind,
                f"{ranks}{'*' if ranks > cores else ''}",
                *(f"{median(of(e, 'step')) * 1e3:.2f}" for e in (OURS, THEIRS)),
                f"{against:.2f}",
                *(f"{each:.2f}" for each in (speed[OURS], speed[THEIRS], apart)),
                *(f"{each:.2f}" for each in sent),  # MPI's doesn't go through the loopback
                f"{2 * (ranks - 1) / ranks * size / 1e6:.2f}",
                f"{hidden(of(OURS, 'waited'), of(OURS, 'transfer')):.0%}" if ranks > 1 else "",
            ]
        )
    text = tabulate(
        lines, COLUMNS, disable_numparse=True, colalign=("left", *["right"] * (len(COLUMNS) - 1))
    )
    outcome = f"targets missed: {'; '.join(missed)}" if missed else "all targets are met"
    return (
        f"ms per step of {BATCH}×784→512→10 (weak: on each rank, strong: in total; deep: four more "
        "layers),\nthroughput against one rank, and that of ranks that send nothing (apart),\n"
        "MB that a rank sends in a step, share of the transfers hidden behind the walk;\n"
        f"*: more ranks than cores\n{text}\n{outcome}"
    )


def speedup(
    rounds: dict[tuple[str, int, str, str], tuple[float, ...]],
    kind: str,
    ranks: int,
    engine: str,
    quantity: str = "step",
) -> float:
    """The throughput against one rank; that of steps "apart" if the ranks send nothing.

    >>> steps = {("weak", n, "minigrad", "step"): (float(n + 2),) for n in (1, 2)}
    >>> speedup(steps, "weak", 2, "minigrad")
    1.5
    """
    alone, together = (median(rounds[kind, n, engine, quantity]) for n in (1, ranks))
    return alone / together * (1 if kind.startswith("strong") else ranks)


def hidden(waited: Sequence[float], transfer: Sequence[float]) -> float:
    """The share of the transfers' time in which the walk went on.

    >>> hidden([1.0], [4.0])
    0.75
    """
    return max(0.0, 1 - median(waited) / median(transfer))
