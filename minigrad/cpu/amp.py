"""The old names of `autocast` and `GradScaler`, which warn of the new ones."""

from __future__ import annotations

from typing import Any

from .. import amp as _amp
from ..core.warning import warn as _warn
from ..rules import dtypes as _dtypes

__all__ = ["GradScaler", "autocast"]


class autocast(_amp.autocast):
    """`amp.autocast("cpu")`, which is an error if it is enabled."""

    def __init__(
        self,
        enabled: bool = True,
        dtype: _dtypes.dtype = _dtypes.bfloat16,
        cache_enabled: bool = True,
    ) -> None:
        _warn(
            "`torch.cpu.amp.autocast(args...)` is deprecated. Please use "
            "`torch.amp.autocast('cpu', args...)` instead.",
            FutureWarning,
        )
        super().__init__("cpu", dtype, enabled, cache_enabled)


class GradScaler(_amp.GradScaler):
    """`amp.GradScaler("cpu")`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        _warn(
            "`torch.cpu.amp.GradScaler(args...)` is deprecated. Please use "
            "`torch.amp.GradScaler('cpu', args...)` instead.",
            FutureWarning,
        )
        super().__init__("cpu", *args, **options)
