"""The old names of `autocast` and `GradScaler`, which warn of the new ones."""

from __future__ import annotations

from typing import Any

from .. import amp as _amp
from ..core.warning import warn as _warn
from ..rules import dtypes as _dtypes

__all__ = ["GradScaler", "autocast"]


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
