"""`functional_call` under its old name."""

from __future__ import annotations

from typing import Any

from ...core.warning import warn
from . import functional_call as _new

__all__ = ["functional_call"]


def functional_call(
    module: Any,
    parameters_and_buffers: dict[str, Any],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Return `func.functional_call` of the arguments, and warn of its new name.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     functional_call(nn.ReLU(), {}, (minigrad.ones(1),))
    tensor([1.])
    """
    warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be "
        "removed in a future version of PyTorch. Please use `torch.func.functional_call` instead "
        "which is a drop-in replacement.",
        FutureWarning,
    )
    return _new.functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )
