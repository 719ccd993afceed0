"""Datasets, data loaders and the handle of a hook, under the names of torch.utils. It may import
`rules`, `core`, `autograd`, `api` and `random`. Read `data/`; `hooks.py` is an alias.
"""

from __future__ import annotations

from . import data, hooks

__all__ = ["data", "hooks"]
