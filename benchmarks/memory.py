"""Peak memory of a piece of work, measured alike for every library: in a process of its own.

The child imports everything, does the same work on something tiny, and notes what memory it has;
then it does the work, and tells by how much the peak of its resident memory rose above that. So
what is counted is what the system had to give: arrays, buffers, tape and all. Linux alone can set
that peak back (`/proc/self/clear_refs`).

    python -m benchmarks.memory chain minigrad 100000
"""

from __future__ import annotations

import ctypes
import gc
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class NotMeasured(Exception):
    """Memory that could not be measured; the message says why."""


def peak(work: str, engine: str, *sizes: int, dtype: str = "float32", threads: int = 1) -> int:
    """By how many bytes the work `work` of an engine raises the memory of a process.

    `work` is "chain" or "fan", of so many ops, or "step", with a network's n, inputs, hidden units
    and classes. NotMeasured where the system does not tell.
    """
    if not _CLEAR.exists():
        raise NotMeasured(f"{sys.platform} does not set back the peak of a process's memory")
    command = [sys.executable, "-m", __name__, work, engine, *map(str, sizes), dtype, str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotMeasured(done.stderr.strip().splitlines()[-1])
    return int(json.loads(done.stdout))


def risen(work: Callable[[], Any]) -> int:
    """By how many bytes `work()` raises the peak of this process's resident memory."""
    gc.collect()
    # What is free, but still the process's, would be taken first, and not be seen.
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
    _CLEAR.write_text("5")  # the peak is now what there is
    before = _kilobytes("VmRSS")
    work()
    return 1024 * (_kilobytes("VmHWM") - before)


def _kilobytes(name: str) -> int:
    """VmRSS is the resident memory, VmHWM its peak, the high-water mark."""
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(lines[name].split()[0])


def _child(arguments: Sequence[str]) -> int:
    from . import machine
    from .engines import makers
    from .growth import NAMESPACES, SHAPES
    from .networks import Network

    work, engine, *sizes, dtype, threads = arguments
    numbers = [int(size) for size in sizes]
    with machine.threads(int(threads)):
        if work in SHAPES:
            build, namespace = SHAPES[work], NAMESPACES[engine]
            build(namespace, 10)()
            return risen(build(namespace, numbers[0]))
        make = makers()[engine]
        make(Network.tutorial(dtype)).contestant().run()
        n, inputs, hidden, classes = numbers
        run = make(Network.drawn(n, inputs, hidden, classes, dtype)).contestant().run
        # Some steps: at the second one old gradients are there beside new ones.
        return risen(lambda: [run() for _ in range(4)])


if __name__ == "__main__":
    print(_child(sys.argv[1:]))
