"""PyTorch's databases of its own tests, and what their import changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.backends
from hypothesis import settings


@contextmanager
def side_effects_undone() -> Iterator[None]:
    """Undo what an import of PyTorch's testing modules changes.

    They load a profile of hypothesis with few examples, and freeze the flags of the backends, which
    `bridge` sets.
    """
    profile = settings.get_current_profile_name()
    try:
        yield
    finally:
        settings.load_profile(profile)
        torch.backends.flags_frozen.__globals__["__allow_nonbracketed_mutation_flag"] = True
