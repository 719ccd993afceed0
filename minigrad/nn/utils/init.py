"""Modules whose parameters are not given initial values."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from ...random.seeding import get_rng_state, set_rng_state
from ..module import Module

M = TypeVar("M", bound=Module)


def skip_init(module_cls: type[M], *args: Any, **kwargs: Any) -> M:
    """Make a module, as `module_cls(*args, **kwargs)`, but draw no random numbers.

    Raises RuntimeError for a class that isn't a module or has no argument `device`.

    >>> nn.utils.skip_init(nn.Linear, 2, 3)
    Linear(in_features=2, out_features=3, bias=True)
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    device = kwargs.get("device", "cpu")
    state = get_rng_state()
    made = module_cls(*args, **{**kwargs, "device": device})
    set_rng_state(state)
    return made
