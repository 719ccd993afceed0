"""For pytest: no doctests are collected here if a package that the modules import is missing."""

from __future__ import annotations

import importlib.util

needed = ("torch", "tabulate", "threadpoolctl")
if any(importlib.util.find_spec(name) is None for name in needed):
    collect_ignore_glob = ["*.py"]
