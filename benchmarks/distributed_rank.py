"""One rank of the part "distributed": `python -m benchmarks.distributed_rank '{"rounds": 3, ...}'`.

It runs both libraries, each in a process group of its own, which take turns. Rank 0 prints what it
measured as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

import minigrad
from bridge.running.ranks import joined
from minigrad.distributed.reduce_op import ReduceOp

LIBRARIES = {"minigrad": minigrad, "PyTorch": torch}
WARM_UP = 3  # steps
BUCKET = 1  # megabytes: a layer of the deep network fills one


class Trained:
    """A network in DistributedDataParallel, and its step on a batch."""

    def __init__(self, library: Any, batch: int, sizes: list[int], dtype: str) -> None:
        library.manual_seed(0)
        nn, rank = library.nn, library.distributed.get_rank()
        layers = [
            layer
            for inputs, outputs in pairwise(sizes)
            for layer in (nn.Linear(inputs, outputs), nn.ReLU())
        ]
        network = nn.Sequential(*layers[:-1]).to(getattr(library, dtype))
        self.model = nn.parallel.DistributedDataParallel(network, bucket_cap_mb=BUCKET)
        self.optimizer = library.optim.SGD(self.model.parameters(), lr=0.01)
        self.criterion = nn.CrossEntropyLoss()
        random = np.random.default_rng(rank)
        self.x = library.from_numpy(random.standard_normal((batch, sizes[0])).astype(dtype))
        self.y = library.from_numpy(random.integers(0, sizes[-1], batch))

    def step_apart(self) -> None:
        """Make one step without the other ranks: what it takes if nothing is sent."""
        with self.model.no_sync():
            self.step()

    def step(self) -> None:
        """Make one step."""
        self.optimizer.zero_grad()
        self.criterion(self.model(self.x), self.y).backward()
        self.optimizer.step()


def loopback_bytes() -> float:
    """The bytes that this machine has sent to itself; NaN where the system doesn't tell."""
    path = Path("/proc/net/dev")
    if not path.exists():
        return float("nan")
    found = next(line for line in path.read_text().splitlines() if line.strip().startswith("lo:"))
    return float(found.split(":")[1].split()[0])


def seconds_of(run: Callable[[], object], times: int) -> float:
    """Seconds of one call, if all ranks start together."""
    minigrad.distributed.barrier()
    start = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - start) / times


def measure(batch: int, sizes: list[int], rounds: int, steps: int, dtype: str) -> dict[str, Any]:
    """Measure steps of both libraries in turns, with `batch` samples on this rank."""
    trained = {name: Trained(library, batch, sizes, dtype) for name, library in LIBRARIES.items()}
    reducer = trained["minigrad"].model.reducer
    for each in trained.values():
        seconds_of(each.step, WARM_UP)

    def transfer() -> None:
        transport = reducer.group.transport
        for bucket in reducer.buckets:
            transport.all_reduce(bucket.array, ReduceOp.SUM).wait(60)

    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, each in trained.items():
            waited, moved = reducer.waited, loopback_bytes()
            found.setdefault(f"{name} step", []).append(seconds_of(each.step, steps))
            minigrad.distributed.barrier()
            found.setdefault(f"{name} bytes", []).append((loopback_bytes() - moved) / steps)
            if name == "minigrad":
                found.setdefault("waited", []).append((reducer.waited - waited) / steps)
        found.setdefault("transfer", []).append(seconds_of(transfer, steps))
        found.setdefault("apart", []).append(seconds_of(trained["minigrad"].step_apart, steps))
    parameters = sum(p.numel() for p in trained["minigrad"].model.parameters())
    return found | {"parameters": [float(parameters * np.dtype(dtype).itemsize)]}


def main() -> None:
    """Measure the cases that the argument names."""
    options = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):  # the benchmark restricts itself, and so what it starts
        os.sched_setaffinity(0, options["cores"])
    with threadpool_limits(1), joined(options["backend"]):
        for batch, sizes in options["cases"]:
            found = measure(batch, sizes, options["rounds"], options["steps"], options["dtype"])
            if minigrad.distributed.get_rank() == 0:
                print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
