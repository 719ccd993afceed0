"""A progress bar on the terminal, if standard error is one."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def with_progress_bar(cases: Sequence[T], title: str) -> Iterator[T]:
    """Yield the cases and advance the bar after each."""
    yield from tqdm(cases, desc=title, leave=False, disable=not sys.stderr.isatty())
