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
