"""Settings that are the variables of a module."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def in_block(variables: dict[str, Any], **given: Any) -> Iterator[None]:
    """Give some variables of a module other values in a block.

    >>> variables = {"enabled": True, "deterministic": False}
    >>> with in_block(variables, enabled=False):
    ...     variables
    {'enabled': False, 'deterministic': False}
    >>> variables
    {'enabled': True, 'deterministic': False}
    """
    before = {name: variables[name] for name in given}
    variables.update(given)
    try:
        yield
    finally:
        variables.update(before)
