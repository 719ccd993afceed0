"""The old names of what `amp` has, which warn of the new ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import amp as _amp
from ..core.warning import warn as _warn
from ..rules import dtypes as _dtypes

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


class autocast(_amp.autocast):
    """`amp.autocast("cuda")`, which is disabled on a CPU."""

    def __init__(
        self,
        enabled: bool = True,
        dtype: _dtypes.dtype = _dtypes.float16,
        cache_enabled: bool = True,
    ) -> None:
        _warn(
            "`torch.cuda.amp.autocast(args...)` is deprecated. Please use "
            "`torch.amp.autocast('cuda', args...)` instead.",
            FutureWarning,
        )
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(_amp.GradScaler):
    """`amp.GradScaler("cuda")`, which is disabled on a CPU."""

    def __init__(self, *args: Any, **options: Any) -> None:
        _warn(
            "`torch.cuda.amp.GradScaler(args...)` is deprecated. Please use "
            "`torch.amp.GradScaler('cuda', args...)` instead.",
            FutureWarning,
        )
        super().__init__("cuda", *args, **options)


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, cast_inputs: _dtypes.dtype | None = None
) -> Callable[..., Any]:
    """`amp.custom_fwd` for "cuda"."""
    _warn(
        "`torch.cuda.amp.custom_fwd(args...)` is deprecated. Please use "
        "`torch.amp.custom_fwd(args..., device_type='cuda')` instead.",
        FutureWarning,
    )
    return _amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable[..., Any]) -> Callable[..., Any]:
    """`amp.custom_bwd` for "cuda"."""
    _warn(
        "`torch.cuda.amp.custom_bwd(args...)` is deprecated. Please use "
        "`torch.amp.custom_bwd(args..., device_type='cuda')` instead.",
        FutureWarning,
    )
    return _amp.custom_bwd(bwd, device_type="cuda")
