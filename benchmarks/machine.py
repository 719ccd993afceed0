"""The machine: its description, and a limit on threads and cores for all libraries."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from bridge.libraries.environment import environment as library_environment

# Load per core above which other processes disturb the times.
BUSY = 0.5

OPTIONAL_DISTRIBUTIONS = ("jax", "mygrad", "autograd")


@contextmanager
def limited_threads(count: int) -> Iterator[None]:
    """Limit every library to `count` threads and this process to as many cores.

    The limit on cores is for libraries that ask for their number at start-up, like JAX. Raises
    ValueError if the process has fewer cores.
    """
    cores = usable_cores()
    if not 1 <= count <= len(cores):
        raise ValueError(f"{count} threads: use 1 to {len(cores)}, this process's cores")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    _restrict_to(cores[-count:])
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)
        _restrict_to(cores)


def usable_cores() -> list[int]:
    """The numbers of the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


_ALL = usable_cores()


def all_cores() -> list[int]:
    """The cores that this process could use at the start, also within `limited_threads`."""
    return _ALL


def _restrict_to(cores: Sequence[int]) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def environment(engines: Sequence[str] = ()) -> dict[str, Any]:
    """The machine and the libraries as JSON values; `engines` as `--with` names them.

    >>> sorted(environment())[:4]
    ['blas', 'cores', 'cpu', 'cuda']
    """
    found = library_environment()
    versions = found["versions"]
    for name in engines:
        if name in OPTIONAL_DISTRIBUTIONS:
            versions[name] = importlib.metadata.version(name)
    cuda = torch.cuda.is_available()
    return {
        "cpu": _cpu(),
        "cores": {"of the machine": os.cpu_count(), "of this process": len(usable_cores())},
        "cuda": torch.cuda.get_device_name() if cuda else None,
        "governor": _first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "versions": versions,
        "threads": found["threads"],
        "blas": found["blas"],
    }


def describe(where: dict[str, Any]) -> str:
    """An environment in two lines, and a third if the machine is busy."""
    versions, blas = where["versions"], where["blas"]
    libraries = [
        f"minigrad {versions['minigrad']}",
        f"NumPy {versions['numpy']} ({blas['numpy']})",
        f"PyTorch {versions['torch']} ({blas['torch']})",
        *(f"{name} {versions[name]}" for name in OPTIONAL_DISTRIBUTIONS if name in versions),
        f"Python {versions['python']}",
    ]
    machine = [where["cpu"], f"{where['threads']['torch']} thread(s) each"]
    machine += [f"governor {where['governor']}"] if where["governor"] else []
    machine += [where["cuda"]] if where["cuda"] else []
    lines = [", ".join(libraries), ", ".join(machine)]
    load, cores = where["load"], where["cores"]["of the machine"]
    if load and cores and load[0] / cores > BUSY:
        lines.append(
            f"Warning: this machine is busy (load {load[0]:.1f} on {cores} cores); "
            "repeat the run when it is idle."
        )
    return "\n".join(lines)


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _first_line(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None
