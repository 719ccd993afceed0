"""Initial values: functions that fill a Tensor in place, in no_grad, and return it.

The bounds are computed in Python floats in PyTorch's order of operations, so that the same seed
gives the same values bit for bit.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from ..api.compositions.linalg import qr
from ..api.creation import empty, empty_like, full
from ..api.creation import eye as identity
from ..api.functions import where
from ..api.tensor import Tensor
from ..autograd import no_grad
from ..random.sampling import randperm

_GAINS = {
    **dict.fromkeys(("linear", "sigmoid", "conv1d", "conv2d", "conv3d"), 1),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1),
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
        return tensor.copy_(identity(*tensor.shape))


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
    """Fill with an orthogonal matrix times `gain`: its rows or columns are orthonormal.

    It is the Q of a matrix of normal random values, with the signs that make R's diagonal positive.
    All dimensions but the first count as columns. Raises ValueError for fewer than 2 dimensions.
    As LAPACK libraries differ, PyTorch's values are the same up to rounding only. Saxe et al.,
    "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks" (2013).

    >>> w = nn.init.orthogonal_(minigrad.empty(3, 5))
    >>> bool(((w @ w.t() - minigrad.eye(3)).abs() < 1e-5).all())
    True
    """
    if tensor.dim() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    with no_grad():
        drawn = empty(rows, columns, dtype=tensor.dtype).normal_(0, 1, generator=generator)
        q, r = qr(drawn.t() if rows < columns else drawn)
        q = q * r.diagonal().sign()
        tensor.copy_((q.t() if rows < columns else q).reshape(tensor.shape))
        return tensor.mul_(gain)


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that it returns its input, as far as there are channels.

    Raises ValueError if there aren't 3 to 5 dimensions, or `groups` doesn't divide the first.

    >>> nn.init.dirac_(minigrad.empty(2, 2, 3))
    tensor([[[0., 1., 0.],
             [0., 0., 0.]],
    <BLANKLINE>
            [[0., 0., 0.],
             [0., 1., 0.]]])
    """
    if tensor.dim() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    outputs, inputs, *window = tensor.shape
    if outputs % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    middle = tuple(size // 2 for size in window)
    per_group = outputs // groups
    with no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(per_group, inputs)):
                tensor[(group * per_group + channel, channel, *middle)] = 1
    return tensor


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Fill a matrix with normal random values, of which a share of `sparsity` per column is zero.

    Raises ValueError if it is not a matrix. Martens, "Deep learning via Hessian-free optimization"
    (2010).

    >>> (nn.init.sparse_(minigrad.empty(4, 2), sparsity=0.5) == 0).sum(0)
    tensor([2, 2])
    """
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            tensor[randperm(rows)[:zeros], column] = 0
    return tensor


def _former(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a function under its former name, without the final underscore, which warns."""
    new = function.__name__
    old = new[:-1]

    def call(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    call.__name__ = call.__qualname__ = old
    call.__doc__ = f"`{new}`, under its former name."
    return call


uniform, normal, constant = _former(uniform_), _former(normal_), _former(constant_)
eye, dirac, sparse = _former(eye_), _former(dirac_), _former(sparse_)
xavier_uniform, xavier_normal = _former(xavier_uniform_), _former(xavier_normal_)
kaiming_uniform, kaiming_normal = _former(kaiming_uniform_), _former(kaiming_normal_)
orthogonal = _former(orthogonal_)


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


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """Return the inputs per output ("fan_in") or the outputs per input ("fan_out")."""
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


# Private names of PyTorch's that programs use. The public functions do the same.
_no_grad_uniform_, _no_grad_normal_, _no_grad_trunc_normal_ = uniform_, normal_, trunc_normal_
_no_grad_fill_, _no_grad_zero_ = constant_, zeros_


def _warn_if_empty(tensor: Tensor) -> bool:
    is_empty = 0 in tensor.shape
    if is_empty:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
    return is_empty
