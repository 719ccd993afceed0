"""The peak memory of a piece of work, measured for every library alike: in a separate process.

The child process imports everything and does the same work on a tiny case. Then it measures by how
much the full work raises the peak of its resident memory. So everything counts that the operating
system had to provide: arrays, buffers and tape. Only Linux can reset that peak
(`/proc/self/clear_refs`).

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

from .all_engines import constructors
from .chains_and_fans import NAMESPACES, SHAPES
from .machine import limited_threads
from .model_zoo import MODELS, training_step
from .networks import Network

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class NotMeasured(Exception):
    """The memory can't be measured; the message says why."""


def peak(work: str, engine: str, *sizes: int, dtype: str = "float32", threads: int = 1) -> int:
    """The bytes by which an engine's work raises the peak memory of a process.

    `work` is "chain" or "fan" with the number of ops, "model" with its place in `MODELS`, or "step"
    with a network's n, inputs, hidden units and classes. Raises NotMeasured.
    """
    if not _CLEAR.exists():
        raise NotMeasured(f"{sys.platform} can't reset a process's peak memory")
    command = [sys.executable, "-m", __name__, work, engine, *map(str, sizes), dtype, str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotMeasured(done.stderr.strip().splitlines()[-1])
    return int(json.loads(done.stdout))


def rise_of_peak(work: Callable[[], Any]) -> int:
    """The bytes by which `work()` raises the peak of this process's resident memory."""
    gc.collect()
    # Return freed memory to the system: work that reuses it would not be seen.
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
    _CLEAR.write_text("5")  # resets the peak to the current size
    before = _kilobytes("VmRSS")
    work()
    return 1024 * (_kilobytes("VmHWM") - before)


def _kilobytes(name: str) -> int:
    """The resident memory (VmRSS) or its peak (VmHWM, "high-water mark")."""
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(lines[name].split()[0])


def _child(arguments: Sequence[str]) -> int:
    work, engine, *sizes, dtype, threads = arguments
    numbers = [int(size) for size in sizes]
    with limited_threads(int(threads)):
        if work in SHAPES:
            build, namespace = SHAPES[work], NAMESPACES[engine]
            build(namespace, 10)()
            return rise_of_peak(build(namespace, numbers[0]))
        if work == "model":
            model = list(MODELS.values())[numbers[0]]
            training_step(model, NAMESPACES[engine], dtype, small=True).run()
            run = training_step(model, NAMESPACES[engine], dtype).run
            return rise_of_peak(lambda: [run() for _ in range(4)])
        construct = constructors()[engine]
        construct(Network.tutorial(dtype)).contestant().run()
        n, inputs, hidden, classes = numbers
        run = construct(Network.drawn(n, inputs, hidden, classes, dtype)).contestant().run
        # Several steps, because from the second one on old gradients exist next to new ones.
        return rise_of_peak(lambda: [run() for _ in range(4)])


if __name__ == "__main__":
    print(_child(sys.argv[1:]))
