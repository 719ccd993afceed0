"""The examples in docstrings: none where PyTorch is absent, which every module here needs."""

from __future__ import annotations

import importlib.util

needed = ("torch", "tabulate", "threadpoolctl")
if any(importlib.util.find_spec(name) is None for name in needed):
    collect_ignore_glob = ["*.py"]
