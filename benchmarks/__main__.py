"""`python -m benchmarks`: one training step in NumPy by hand, in minigrad and in PyTorch.

The engines take turns, round by round, in one process, on one thread, from the same data and
parameters in float32; a ratio is the median over rounds of the ratio within a round. Before
anything is timed, each engine's losses are compared with those by hand. The garbage collector is
off while a round runs.
"""

from __future__ import annotations

import argparse
import gc
import platform
import statistics
import time
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

import minigrad

from .steps import Problem, Step, automatic, by_hand, manual


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=31, help="how often each engine has its turn")
    parser.add_argument("--seconds", type=float, default=0.05, help="how long a turn lasts, about")
    options = parser.parse_args()
    if options.rounds < 1 or not options.seconds > 0:
        parser.error("--rounds must be at least 1 and --seconds positive")
    try:
        import torch
    except ModuleNotFoundError:
        parser.error("PyTorch is not installed: pip install 'torch>=2.4,<2.14'")

    torch.set_num_threads(1)
    with threadpool_limits(1):
        blas = ", ".join(f"{i['internal_api']} {i['version']}" for i in threadpool_info())
        versions = f"NumPy {np.__version__}, PyTorch {torch.__version__}, {blas}"
        print(f"Python {platform.python_version()}, {versions}")
        print(f"one thread, float32, medians of {options.rounds} rounds, µs per step\n")
        columns = ("by hand", "minigrad", "PyTorch", "/by hand", "/PyTorch")
        print(" " * 32 + "".join(f"{column:>10}" for column in columns))
        for problem in (Problem.tutorial(), Problem.drawn(256, 784, 512, 10)):
            for style in (manual, automatic):
                steps = {
                    "by hand": by_hand(problem)[0],
                    "minigrad": style(minigrad, problem)[0],
                    "PyTorch": style(torch, problem)[0],
                }
                check(steps)
                times = measure(steps, options.rounds, options.seconds)
                report(f"{problem.name} {style.__name__}", times)


def check(steps: dict[str, Step], count: int = 10, tolerance: float = 1e-4) -> None:
    """Refuse to time engines that disagree: their losses over some steps must match by hand's."""
    losses = {name: [step().item() for _ in range(count)] for name, step in steps.items()}
    expected = losses["by hand"]
    for name, found in losses.items():
        if not np.allclose(found, expected, rtol=tolerance, atol=0):
            raise SystemExit(f"{name} computes other losses than by hand: {found} != {expected}")


def measure(steps: dict[str, Step], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Seconds per step, for each engine a list with one entry per round."""
    counts = {}
    for name, step in steps.items():
        run(step, 3)
        counts[name] = max(1, int(seconds / run(step, 3)))
        run(step, counts[name])
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            times[name].append(run(step, counts[name]))
    return times


def run(step: Step, count: int) -> float:
    """The mean time of `count` steps in a row."""
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(count):
            step()
        return (time.perf_counter() - start) / count
    finally:
        gc.enable()


def report(label: str, times: dict[str, list[float]]) -> None:
    medians = [statistics.median(times[name]) * 1e6 for name in ("by hand", "minigrad", "PyTorch")]
    ratios = [ratio(times["minigrad"], times[name]) for name in ("by hand", "PyTorch")]
    row = "".join(f"{m:10.1f}" for m in medians) + "".join(f"{r:10.2f}" for r in ratios)
    print(f"{label:32}{row}", flush=True)


def ratio(ours: list[float], theirs: list[float]) -> Any:
    """The median over rounds of our time over theirs."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()
