"""Activations as modules. Each calls the function of nn.functional with its name."""

from __future__ import annotations

import warnings
from typing import Any

from ..api.creation import empty
from ..api.tensor import Tensor
from . import functional as F
from . import init
from .function_layer import FunctionLayer
from .module import Module
from .parameter import Parameter


class _InPlace(FunctionLayer):
    """An activation whose only option is to write into its input."""

    _options = ("inplace",)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class ReLU(_InPlace):
    """`max(input, 0)`, elementwise. `inplace` writes into the input.

    >>> nn.ReLU()(minigrad.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, inplace=self.inplace)


class Tanh(Module):
    """The hyperbolic tangent, elementwise.

    >>> nn.Tanh()(minigrad.zeros(2))
    tensor([0., 0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class Sigmoid(Module):
    """`1 / (1 + exp(-input))`, elementwise.

    >>> nn.Sigmoid()(minigrad.zeros(2))
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class SELU(_InPlace):
    """`ELU` with the scale and `alpha` that keep a mean of 0 and a variance of 1: `F.selu`.

    >>> nn.SELU()(minigrad.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """

    function = "selu"


class SiLU(_InPlace):
    """`input * sigmoid(input)`, elementwise, also called swish: `F.silu`.

    >>> nn.SiLU()(minigrad.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """

    function = "silu"


class Mish(_InPlace):
    """`input * tanh(softplus(input))`, elementwise: `F.mish`.

    >>> nn.Mish()(minigrad.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """

    function = "mish"


class Hardswish(_InPlace):
    """`input * Hardsigmoid(input)`, elementwise: `F.hardswish`.

    >>> nn.Hardswish()(minigrad.tensor([-1.0, 2.0]))
    tensor([-0.3333,  1.6667])
    """

    function = "hardswish"
    shown = ""  # as in PyTorch


class Hardsigmoid(_InPlace):
    """`(input + 3) / 6`, clamped to [0, 1], elementwise: `F.hardsigmoid`.

    >>> nn.Hardsigmoid()(minigrad.tensor([-1.0, 2.0]))
    tensor([0.3333, 0.8333])
    """

    function = "hardsigmoid"
    shown = ""  # as in PyTorch


class ELU(FunctionLayer):
    """`input` where it is positive, else `alpha * (exp(input) - 1)`: `F.elu`.

    >>> nn.ELU()(minigrad.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """

    function = "elu"

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha, inplace=inplace)


class CELU(FunctionLayer):
    """`ELU` of `input / alpha`, with a continuous derivative: `F.celu`.

    >>> nn.CELU(2.0)(minigrad.tensor([-1.0, 2.0]))
    tensor([-0.7869,  2.0000])
    """

    function = "celu"

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha, inplace=inplace)


class LeakyReLU(FunctionLayer):
    """`input` where it is positive, else `negative_slope * input`: `F.leaky_relu`.

    >>> nn.LeakyReLU()(minigrad.tensor([-1.0, 2.0]))
    tensor([-0.0100,  2.0000])
    """

    function = "leaky_relu"

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(negative_slope=negative_slope, inplace=inplace)


class Threshold(FunctionLayer):
    """`input` where it is above `threshold`, else `value`: `F.threshold`.

    >>> nn.Threshold(0.1, 20.0)(minigrad.tensor([-1.0, 2.0]))
    tensor([20.,  2.])
    """

    function = "threshold"

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(threshold=threshold, value=value, inplace=inplace)


class RReLU(FunctionLayer):
    """`LeakyReLU` whose slopes are drawn between `lower` and `upper`: `F.rrelu`.

    In evaluation mode the slope is their mean.

    >>> nn.RReLU(0.1, 0.3).eval()(minigrad.tensor([-1.0, 2.0]))
    tensor([-0.2000,  2.0000])
    """

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False
    ) -> None:
        super().__init__(lower=lower, upper=upper, inplace=inplace)

    def forward(self, input: Tensor) -> Any:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class Hardtanh(FunctionLayer):
    """`input` clamped to [min_val, max_val], elementwise: `F.hardtanh`.

    `min_value` and `max_value` are the former names. Raises ValueError for an empty interval.

    >>> nn.Hardtanh()(minigrad.tensor([-3.0, 0.5]))
    tensor([-1.0000,  0.5000])
    """

    _options = ("min_val", "max_val", "inplace")
    min_val: float
    max_val: float

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        for name, old in (("min", min_value), ("max", max_value)):
            if old is not None:
                warnings.warn(
                    f"keyword argument `{name}_value` is deprecated and rename to `{name}_val`",
                    FutureWarning,
                    stacklevel=2,
                )
        min_val = min_val if min_value is None else min_value
        max_val = max_val if max_value is None else max_value
        super().__init__(min_val=min_val, max_val=max_val, inplace=inplace)
        if max_val <= min_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")

    def forward(self, input: Tensor) -> Any:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)


class ReLU6(Hardtanh):
    """`input` clamped to [0, 6], elementwise: `F.relu6`.

    >>> nn.ReLU6()(minigrad.tensor([-3.0, 8.0]))
    tensor([0., 6.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class GELU(FunctionLayer):
    """`input` times the normal distribution function, or its tanh approximation: `F.gelu`.

    >>> nn.GELU()(minigrad.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """

    function = "gelu"

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class GLU(FunctionLayer):
    """The first half along `dim` times the sigmoid of the second: `F.glu`.

    >>> nn.GLU()(minigrad.tensor([2.0, 0.0]))
    tensor([1.])
    """

    function = "glu"

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)


class Hardshrink(FunctionLayer):
    """`input` where it is outside of [-lambd, lambd], else 0: `F.hardshrink`.

    >>> nn.Hardshrink(1.0)(minigrad.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    function = "hardshrink"
    shown = "{lambd}"

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class Softshrink(FunctionLayer):
    """`input` moved towards 0 by `lambd`: `F.softshrink`.

    >>> nn.Softshrink()(minigrad.tensor([-1.0, 2.0]))
    tensor([-0.5000,  1.5000])
    """

    function = "softshrink"
    shown = "{lambd}"

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class Softplus(FunctionLayer):
    """`log(1 + exp(beta * input)) / beta`, elementwise: `F.softplus`.

    >>> nn.Softplus()(minigrad.tensor([-1.0, 2.0]))
    tensor([0.3133, 2.1269])
    """

    function = "softplus"

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)


class LogSigmoid(FunctionLayer):
    """The logarithm of `Sigmoid`, without its underflow: `F.logsigmoid`.

    >>> nn.LogSigmoid()(minigrad.tensor([-1.0, 2.0]))
    tensor([-1.3133, -0.1269])
    """

    function = "logsigmoid"


class Softsign(FunctionLayer):
    """`input / (1 + abs(input))`, elementwise: `F.softsign`.

    >>> nn.Softsign()(minigrad.tensor([-1.0, 2.0]))
    tensor([-0.5000,  0.6667])
    """

    function = "softsign"


class Tanhshrink(FunctionLayer):
    """`input - tanh(input)`, elementwise: `F.tanhshrink`.

    >>> nn.Tanhshrink()(minigrad.tensor([-1.0, 2.0]))
    tensor([-0.2384,  1.0360])
    """

    function = "tanhshrink"


class _AlongDim(Module):
    """An activation along one dimension."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """`exp(input) / sum(exp(input))`, with the sum over dimension `dim`.

    >>> nn.Softmax(dim=1)(minigrad.zeros(1, 4))
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim, _stacklevel=5)


class Softmin(_AlongDim):
    """The `Softmax` of `-input`.

    >>> nn.Softmin(dim=0)(minigrad.tensor([0.0, 1.0]))
    tensor([0.7311, 0.2689])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim, _stacklevel=5)


class LogSoftmax(_AlongDim):
    """The logarithm of `Softmax`, without its underflow.

    >>> nn.LogSoftmax(dim=0)(minigrad.tensor([0.0, 1000.0]))
    tensor([-1000.,     0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim, _stacklevel=5)


class Softmax2d(Module):
    """`Softmax` over the channels of an input (N, C, H, W) or (C, H, W).

    >>> nn.Softmax2d()(minigrad.zeros(2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (3, 4):
            raise ValueError(
                f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead"
            )
        return F.softmax(input, -3, _stacklevel=5)


class PReLU(Module):
    """`LeakyReLU` with a slope that is trained, one for all channels or for each: `F.prelu`.

    Initially the slopes, `weight`, are `init`.

    >>> nn.PReLU()(minigrad.tensor([-1.0, 2.0])).detach()
    tensor([-0.2500,  2.0000])
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the slopes to their initial value."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"
