"""A bar on the terminal, if there is one."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(cases: Sequence[T], title: str) -> Iterator[T]:
    """The cases, one after the other, with a bar that says how far it is."""
    yield from tqdm(cases, desc=title, leave=False, disable=not sys.stderr.isatty())
