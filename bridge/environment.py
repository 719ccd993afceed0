"""Where a comparison was made: versions, device, threads, and what changes arithmetic.

`prepared` makes PyTorch compute as exactly as it can for the time of a comparison, and
`environment` is what a report records.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

import minigrad


class DeviceError(ValueError):
    """A device that PyTorch cannot compute on here; the message is one line that says why."""


def check_device(device: str) -> None:
    """Raise DeviceError unless PyTorch can compute on `device`, "cpu" or "cuda" (or "cuda:1")."""
    try:
        kind = torch.device(device).type
    except RuntimeError:
        raise DeviceError(f"there is no device {device!r}: use cpu or cuda") from None
    if kind not in ("cpu", "cuda"):
        raise DeviceError(f"the bridge compares on cpu and cuda, not on {device!r}")
    if kind == "cuda":
        if not torch.cuda.is_available():
            built = "" if torch.backends.cuda.is_built() else " (this build is for the CPU only)"
            raise DeviceError(
                f"PyTorch {torch.__version__} finds no CUDA device{built}: use the device cpu"
            )
        number, count = torch.device(device).index or 0, torch.cuda.device_count()
        if number >= count:
            raise DeviceError(f"there is no {device}: PyTorch finds {count} CUDA device(s)")


@contextmanager
def prepared(device: str) -> Iterator[None]:
    """Within it, PyTorch's float32 is float32: TF32 is off, and the first calls have been made.

    Raises DeviceError. Errors that CUDA reports late are raised at the end, at the latest.
    """
    check_device(device)
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = False
    _first_calls()
    try:
        yield
        synchronize(device)
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def synchronize(device: str) -> None:
    """Wait for what was started on the device, and raise the errors that it ran into."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


@functools.cache
def _first_calls() -> None:
    """Call the vectorised functions of MKL once on one thread.

    Its first call is inexact where several threads make it at once.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for dtype in (torch.float32, torch.float64):
            x = torch.linspace(0.1, 1, 64, dtype=dtype)
            for function in (torch.exp, torch.log, torch.sqrt, torch.sigmoid, torch.tanh):
                function(x)
            x.pow(x)
            torch.log_softmax(x, 0)
            torch.softmax(x, 0)
    finally:
        torch.set_num_threads(threads)


def environment(device: str = "cpu", seed: int | None = None) -> dict[str, Any]:
    """What a report says of where it was made, as plain data.

    >>> sorted(environment()["flush_to_zero"])
    ['minigrad', 'torch']
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    return {
        "versions": {
            "minigrad": minigrad.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
        },
        "device": device,
        "device_name": _device_name(device),
        "threads": {"torch": torch.get_num_threads(), **_blas_threads()},
        "blas": {"numpy": _blas_of_numpy(), "torch": _blas_of_torch()},
        "tf32": {"matmul": matmul.allow_tf32, "cudnn": cudnn.allow_tf32},
        "flush_to_zero": flush_to_zero(device),
        "seed": seed,
    }


def flush_to_zero(device: str = "cpu") -> dict[str, bool]:
    """For each library, whether its arithmetic makes a subnormal number zero.

    Found out by trying: the sum of two such numbers, long enough for the vectorised loops.
    """
    tiny = np.full(64, np.finfo(np.float32).smallest_subnormal, np.float32)
    theirs = torch.from_numpy(tiny.copy()).to(device)
    found = {"minigrad": tiny + tiny, "torch": (theirs + theirs).cpu().numpy()}
    # By their bits: hardware that flushes such numbers takes them for zeros in a comparison too.
    return {name: not x.view(np.uint32).all() for name, x in found.items()}


def describe(where: dict[str, Any]) -> str:
    """An environment in a few lines, to stand above a table."""
    versions, flushed = where["versions"], where["flush_to_zero"]
    threads = ", ".join(f"{name} {count}" for name, count in where["threads"].items())
    lines = [
        f"minigrad {versions['minigrad']} (NumPy {versions['numpy']}, {where['blas']['numpy']}), "
        f"PyTorch {versions['torch']} ({where['blas']['torch']}), Python {versions['python']}",
        f"on {where['device_name']}; threads: {threads}; TF32 "
        f"{'on' if any(where['tf32'].values()) else 'off'}"
        + ("" if where["seed"] is None else f"; seed {where['seed']}"),
    ]
    on = [name for name, is_on in flushed.items() if is_on]
    if on:
        lines.append(f"flush-to-zero is on for {' and '.join(on)}: subnormal numbers become 0")
    return "\n".join(lines)


def _device_name(device: str) -> str:
    if torch.device(device).type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"cpu ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"


def _pools() -> list[dict[str, Any]]:
    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        return []
    return threadpool_info()


def _blas_threads() -> dict[str, int]:
    return {pool["prefix"]: pool["num_threads"] for pool in _pools() if pool["user_api"] == "blas"}


def _blas_of_numpy() -> str:
    config: Any = np.show_config(mode="dicts")
    blas = config["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"


def _blas_of_torch() -> str:
    if torch.backends.mkl.is_available():
        return "MKL"
    config = torch.__config__.show()
    names = ("OpenBLAS", "Accelerate", "BLIS", "Eigen")
    return next((name for name in names if name.lower() in config.lower()), "its own BLAS")
