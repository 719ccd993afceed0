"""The functions of DLPack, under their names in torch.utils.dlpack."""

from __future__ import annotations

from ..api.dlpack import DLDeviceType
from ..api.dlpack import to_dlpack as to_dlpack
from ..api.sharing import from_dlpack

__all__ = ["DLDeviceType", "from_dlpack"]
