"""Prepare PyTorch for a comparison, and record versions, device, threads and arithmetic settings.

Comparisons run inside `prepared`, and their reports keep what `environment` returns.
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
    """PyTorch cannot compute on the device; the message is one line that says why."""


def check_device(device: str) -> None:
    """Raise DeviceError unless PyTorch can compute on `device`: "cpu", "cuda" or "cuda:1"."""
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
    """Switch TF32 off and warm up MKL, so that PyTorch computes float32 as float32 in the block.

    Raises DeviceError. Errors that CUDA reports late are raised at the end of the block.
    """
    check_device(device)
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = False
    _warm_up_mkl()
    try:
        yield
        synchronize(device)
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def synchronize(device: str) -> None:
    """Wait for the device to finish, and raise its errors."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


@functools.cache
def _warm_up_mkl() -> None:
    """Call the vectorised functions of MKL once on one thread.

    MKL's first call of each is inexact if several threads make it at once.
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
    """Return what a report records about the machine and the libraries, as plain data.

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
    """Tell, for each library, whether its arithmetic flushes subnormal numbers to zero.

    Adds subnormal numbers to find out, in arrays long enough for the vectorised loops.
    """
    tiny = np.full(64, np.finfo(np.float32).smallest_subnormal, np.float32)
    theirs = torch.from_numpy(tiny.copy()).to(device)
    found = {"minigrad": tiny + tiny, "torch": (theirs + theirs).cpu().numpy()}
    # Look at the bits: hardware that flushes such numbers also compares them as zeros.
    return {name: not x.view(np.uint32).all() for name, x in found.items()}


def describe(environment: dict[str, Any]) -> str:
    """Format an environment as the few lines above a table."""
    versions, blas = environment["versions"], environment["blas"]
    threads = ", ".join(f"{name} {count}" for name, count in environment["threads"].items())
    tf32 = "on" if any(environment["tf32"].values()) else "off"
    seed = "" if environment["seed"] is None else f"; seed {environment['seed']}"
    lines = [
        f"minigrad {versions['minigrad']} (NumPy {versions['numpy']}, {blas['numpy']}), "
        f"PyTorch {versions['torch']} ({blas['torch']}), Python {versions['python']}",
        f"on {environment['device_name']}; threads: {threads}; TF32 {tf32}{seed}",
    ]
    flushing = [name for name, is_on in environment["flush_to_zero"].items() if is_on]
    if flushing:
        names = " and ".join(flushing)
        lines.append(f"flush-to-zero is on for {names}: subnormal numbers become 0")
    return "\n".join(lines)


def _device_name(device: str) -> str:
    if torch.device(device).type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"cpu ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"


def _thread_pools() -> list[dict[str, Any]]:
    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        return []
    return threadpool_info()


def _blas_threads() -> dict[str, int]:
    return {
        pool["prefix"]: pool["num_threads"]
        for pool in _thread_pools()
        if pool["user_api"] == "blas"
    }


def _blas_of_numpy() -> str:
    config: Any = np.show_config(mode="dicts")
    blas = config["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"


def _blas_of_torch() -> str:
    if torch.backends.mkl.is_available():
        return "MKL"
    config = torch.__config__.show()
    names = ("OpenBLAS", "Accelerate", "BLIS", "Eigen")
    return next((name for name in names if name.lower() in config.lower()), "built-in BLAS")
