"""Settings for GPUs, which can be read and set. There is no GPU, so they change nothing."""

from __future__ import annotations

from types import SimpleNamespace as _SimpleNamespace

matmul = _SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
)


def is_built() -> bool:
    """Return False: minigrad has no code for GPUs."""
    return False
