"""The functions that make batches, under their names in torch.utils.data._utils.collate."""

from __future__ import annotations

from ..collate import default_collate, default_convert

__all__ = ["default_collate", "default_convert"]
