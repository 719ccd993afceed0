"""The machine: what is known of it, and how all libraries are held to as many threads."""

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

from bridge.libraries.environment import environment as of_the_libraries

# The load per core from which on something else is at work here, so that times are not to be had.
BUSY = 0.5

OTHERS = ("jax", "mygrad", "autograd")  # by the names of their distributions


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Within it every library computes on so many threads, and this process on as many cores.

    The cores are for those that ask the system how many there are when they start, as JAX does.
    ValueError if there are not so many.
    """
    cores = usable_cores()
    if not 1 <= count <= len(cores):
        raise ValueError(f"{count} threads: use 1 to {len(cores)}, this process has so many cores")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    _hold_to(cores[-count:])
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)
        _hold_to(cores)


def usable_cores() -> list[int]:
    """The numbers of the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _hold_to(cores: Sequence[int]) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def environment(engines: Sequence[str] = ()) -> dict[str, Any]:
    """What a record says of where it was made, as plain data; `engines` as `--with` names them.

    >>> sorted(environment())[:4]
    ['blas', 'cores', 'cpu', 'cuda']
    """
    found = of_the_libraries()
    versions = found["versions"]
    versions |= {name: importlib.metadata.version(name) for name in engines if name in OTHERS}
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
    """An environment in two lines, and a third where it is one in which times mean little."""
    versions, blas = where["versions"], where["blas"]
    others = [f"{name} {versions[name]}" for name in OTHERS if name in versions]
    libraries = [
        f"minigrad {versions['minigrad']}",
        f"NumPy {versions['numpy']} ({blas['numpy']})",
        f"PyTorch {versions['torch']} ({blas['torch']})",
        *others,
        f"Python {versions['python']}",
    ]
    machine = [where["cpu"], f"{where['threads']['torch']} thread(s) each"]
    machine += [f"governor {where['governor']}"] if where["governor"] else []
    machine += [where["cuda"]] if where["cuda"] else []
    lines = [", ".join(libraries), ", ".join(machine)]
    load, cores = where["load"], where["cores"]["of the machine"]
    if load and cores and load[0] / cores > BUSY:
        lines.append(
            f"This machine is busy (load {load[0]:.1f} on {cores} cores): wait, and repeat."
        )
    return "\n".join(lines)


def _cpu() -> str:
    """The processor's name, where the system tells."""
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
