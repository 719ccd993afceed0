"""Settings for GPUs, which can be read and set. There is no GPU, so they change nothing."""

from __future__ import annotations

from collections.abc import Iterator as _Iterator
from contextlib import contextmanager as _contextmanager
from types import SimpleNamespace as _SimpleNamespace
from typing import Any as _Any

from ..core.warning import warn as _warn

matmul = _SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
)


def is_built() -> bool:
    """Return False: minigrad has no code for GPUs."""
    return False


_enabled = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


def _enable(kernel: str, enabled: bool) -> None:
    if not isinstance(enabled, bool):
        kind = type(enabled).__name__
        raise RuntimeError(f"set_sdp_use_{kernel} expects a bool, but got {kind}")
    _enabled[kernel] = enabled


def enable_flash_sdp(enabled: bool) -> None:
    """Allow or forbid one of the GPU's kernels for attention.

    >>> minigrad.backends.cuda.enable_flash_sdp(False)
    >>> minigrad.backends.cuda.flash_sdp_enabled()
    False
    >>> minigrad.backends.cuda.enable_flash_sdp(True)
    """
    _enable("flash", enabled)


def flash_sdp_enabled() -> bool:
    """Return what `enable_flash_sdp` set."""
    return _enabled["flash"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Allow or forbid one of the GPU's kernels for attention."""
    _enable("mem_efficient", enabled)


def mem_efficient_sdp_enabled() -> bool:
    """Return what `enable_mem_efficient_sdp` set."""
    return _enabled["mem_efficient"]


def enable_math_sdp(enabled: bool) -> None:
    """Allow or forbid one of the GPU's kernels for attention."""
    _enable("math", enabled)


def math_sdp_enabled() -> bool:
    """Return what `enable_math_sdp` set."""
    return _enabled["math"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Allow or forbid one of the GPU's kernels for attention."""
    _enable("cudnn", enabled)


def cudnn_sdp_enabled() -> bool:
    """Return what `enable_cudnn_sdp` set."""
    return _enabled["cudnn"]


def is_flash_attention_available() -> bool:
    """Return False: there is no GPU."""
    return False


@_contextmanager
def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> _Iterator[dict[str, _Any]]:
    """Do nothing but warn: the old name of `nn.attention.sdpa_kernel`.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     with minigrad.backends.cuda.sdp_kernel(enable_flash=False):
    ...         pass
    """
    _warn(
        "`torch.backends.cuda.sdp_kernel()` is deprecated. In the future, this context manager "
        "will be removed. Please see `torch.nn.attention.sdpa_kernel()`.",
        FutureWarning,
    )
    yield {}
