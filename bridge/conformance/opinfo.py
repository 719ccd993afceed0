"""The suite `opinfo`: PyTorch's operator database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .adapter import Adapter
from .verdicts import Verdict

SUITE = "opinfo"


def units(adapter: Adapter) -> list[str]:
    return []


def judge(adapter: Adapter, name: str, **_: Any) -> Iterator[Verdict]:
    yield from ()
