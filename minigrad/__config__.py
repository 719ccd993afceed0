"""What minigrad computes with, under the names of torch.__config__."""

from __future__ import annotations

import sys as _sys

import numpy as _np

from .api.queries import get_num_interop_threads as _get_num_interop_threads
from .api.queries import get_num_threads as _get_num_threads
from .version import __version__ as _version


def show() -> str:
    """Return a text with the versions of minigrad, NumPy and Python.

    >>> minigrad.__config__.show().startswith("minigrad")
    True
    """
    python = _sys.version.partition(" ")[0]
    return f"minigrad {_version} with:\n  - NumPy {_np.__version__}\n  - Python {python}\n"


def parallel_info() -> str:
    """Return a text with the numbers of threads."""
    return (
        f"get_num_threads() : {_get_num_threads()}\n"
        f"get_num_interop_threads() : {_get_num_interop_threads()}\n"
    )
