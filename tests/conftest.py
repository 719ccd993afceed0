"""What all tests share: hypothesis's profiles, and one thread for PyTorch.

`pytest --hypothesis-profile=thorough` looks for new failures; the default profile repeats itself.
"""

from __future__ import annotations

from contextlib import suppress

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile("repeatable")

with suppress(ImportError):
    import torch

    # One thread: sums are then taken in one order, and xdist's workers do not fight for cores.
    torch.set_num_threads(1)
