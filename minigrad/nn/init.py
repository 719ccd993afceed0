"""Initial values: functions that fill a Tensor in place, in no_grad, and return it.

The bounds are computed in Python floats in PyTorch's order of operations, so that the same seed
gives the same values bit for bit.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..api.creation import empty_like, eye, full
from ..api.functions import where
from ..api.tensor import Tensor
from ..autograd import no_grad

_GAINS = {
    **dict.fromkeys(("linear", "sigmoid", "conv1d", "conv2d", "conv3d"), 1.0),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1.0),
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the gain: the factor that preserves the standard deviation through `nonlinearity`.

    `param` is the slope of `"leaky_relu"`, by default 0.01. Raises ValueError for an unknown name.

    >>> round(nn.init.calculate_gain("leaky_relu", 0.2), 4)
    1.3868
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float):
            raise ValueError(f"negative_slope {slope} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(
            f"Unsupported nonlinearity {nonlinearity}, use leaky_relu or one of {list(_GAINS)}"
        )
    return _GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with uniform random values from [a, b).

    >>> w = nn.init.uniform_(minigrad.empty(3, 5), -1.0, 1.0)
    >>> bool((w.abs() <= 1).all())
    True
    """
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with normal random values with the given mean and standard deviation.

    >>> nn.init.normal_(minigrad.empty(2), mean=3.0, std=0.0)
    tensor([3., 3.])
    """
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with `val`.

    >>> nn.init.constant_(minigrad.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones.

    >>> nn.init.ones_(minigrad.empty(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros.

    >>> nn.init.zeros_(minigrad.empty(2))
    tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Fill with ones on the diagonal and zeros elsewhere. Raises ValueError if it is not a matrix.

    >>> nn.init.eye_(minigrad.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.dim() != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported, got {tensor.dim()}")
    with no_grad():
        return tensor.copy_(eye(*tensor.shape))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with uniform random values in ±gain·sqrt(6 / (fan_in + fan_out)).

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks"
    (2010).

    >>> w = nn.init.xavier_uniform_(minigrad.empty(3, 3))
    >>> bool((w.abs() <= 1).all())
    True
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with normal random values with standard deviation gain·sqrt(2 / (fan_in + fan_out)).

    See `xavier_uniform_`.

    >>> nn.init.xavier_normal_(minigrad.empty(3, 3), gain=0.0)[0]
    tensor([0., 0., 0.])
    """
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Fill with uniform random values in ±gain·sqrt(3 / fan).

    `gain` is that of the `nonlinearity` after the layer, whose negative slope is `a`. `mode` is
    `"fan_in"`, which preserves the variance in the forward pass, or `"fan_out"`, in the backward
    pass. He et al., "Delving Deep into Rectifiers" (2015).

    >>> w = nn.init.kaiming_uniform_(minigrad.empty(5, 6), nonlinearity="relu")
    >>> bool((w.abs() <= 1).all())
    True
    """
    if _warn_if_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Fill with normal random values with standard deviation gain / sqrt(fan).

    See `kaiming_uniform_`.

    >>> nn.init.kaiming_normal_(minigrad.empty(5, 6), mode="fan_out").shape
    torch.Size([5, 6])
    """
    if _warn_if_empty(tensor):
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Fill with normal random values truncated to [a, b].

    Values outside [a, b] are drawn again. If most would be outside, uniform proposals are accepted
    with a probability proportional to their density. Warns if `mean` is more than two standard
    deviations outside [a, b].

    >>> w = nn.init.trunc_normal_(minigrad.empty(3, 5), std=4.0)
    >>> bool((w.abs() <= 2).all())
    True
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    with no_grad():
        inside = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
        if inside > 0.3:
            return tensor.copy_(_normal_proposals(tensor, mean, std, a, b, generator))
        return tensor.copy_(_uniform_proposals(tensor, mean, std, a, b, generator))


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _normal_proposals(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Any
) -> Tensor:
    low, high = (full((), bound, dtype=tensor.dtype).item() for bound in (a, b))
    # The tensor itself, since the numbers drawn depend on its memory layout.
    drawn = tensor.normal_(mean, std, generator=generator)
    while (outside := (drawn < low) | (drawn > high)).any():
        # A whole tensor each time, as in PyTorch.
        again = empty_like(drawn).normal_(mean, std, generator=generator)
        drawn = where(outside, again, drawn)
    return drawn


def _uniform_proposals(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Any
) -> Tensor:
    peak = max(a, min(mean, b))  # where in [a, b] the density is highest
    log_density_at_peak = -0.5 * ((peak - mean) / std) ** 2

    def propose() -> tuple[Tensor, Tensor]:
        drawn = empty_like(tensor).uniform_(a, b, generator=generator)
        log_probability = drawn.sub(mean).div(std).pow(2).mul(-0.5).sub(log_density_at_peak)
        return drawn, empty_like(tensor).uniform_(generator=generator).log() > log_probability

    accepted, rejected = propose()
    while rejected.any():
        drawn, rejected_again = propose()
        accepted = where(rejected, drawn, accepted)
        rejected = rejected.bitwise_and(rejected_again)
    return accepted


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """Raise NotImplementedError: PyTorch's values depend on its LAPACK, which NumPy's is not."""
    raise NotImplementedError(
        "orthogonal_ is not implemented: the values of a QR decomposition depend on the LAPACK "
        "library, and PyTorch's is not NumPy's"
    )


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """Return the inputs per output and the outputs per input of an (out, in, *) weight."""
    if tensor.dim() < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    outputs, inputs, *window = tensor.shape
    return inputs * math.prod(window), outputs * math.prod(window)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    fan = _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _warn_if_empty(tensor: Tensor) -> bool:
    empty = 0 in tensor.shape
    if empty:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
    return empty
