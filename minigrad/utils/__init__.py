"""Datasets, data loaders and the handle of a hook, under the names of torch.utils. It imports all
the packages before it, up to `nn`. Read `data/`, then `serialization.py` (save and load).
"""

from __future__ import annotations

from . import data, hooks

__all__ = ["data", "hooks"]
