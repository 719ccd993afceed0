"""LayerNorm, RMSNorm, GroupNorm and LocalResponseNorm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..api.creation import empty
from ..api.tensor import Tensor
from . import functional as F
from . import init
from .function_layer import FunctionLayer
from .module import Module
from .parameter import Parameter


class _Affine(Module):
    """A layer with an optional `weight`, initially ones, and an optional `bias`, zeros."""

    weight: Parameter | None
    bias: Parameter | None

    def _make(self, shape: Any, device: Any, dtype: Any, **present: bool) -> None:
        for name, is_present in present.items():
            values = empty(shape, device=device, dtype=dtype) if is_present else None
            self.register_parameter(name, None if values is None else Parameter(values))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the initial values."""
        if self.weight is not None:
            init.ones_(self.weight)
        bias = getattr(self, "bias", None)  # RMSNorm has none
        if bias is not None:
            init.zeros_(bias)


def _shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(_Affine):
    """Normalise over the last dimensions, which have `normalized_shape`: `F.layer_norm`.

    `weight` and `bias` have that shape. Ba et al., "Layer Normalization" (2016).

    >>> layer = nn.LayerNorm(3)
    >>> layer
    LayerNorm((3,), eps=1e-05, elementwise_affine=True, bias=True)
    >>> layer(minigrad.tensor([[1.0, 2.0, 3.0]])).detach()
    tensor([[-1.2247,  0.0000,  1.2247]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make(
            self.normalized_shape,
            device,
            dtype,
            weight=elementwise_affine,
            bias=elementwise_affine and bias,
        )

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(_Affine):
    """Divide by the root of the mean square over the last dimensions: `F.rms_norm`.

    They have `normalized_shape`. `eps` None is the epsilon of the dtype. Zhang and Sennrich, "Root
    Mean Square Layer Normalization" (2019).

    >>> nn.RMSNorm(2)(minigrad.tensor([[3.0, 4.0]])).detach()
    tensor([[0.8485, 1.1314]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make(self.normalized_shape, device, dtype, weight=elementwise_affine)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(_Affine):
    """Normalise each of `num_groups` groups of channels of each sample: `F.group_norm`.

    Shapes: input and result (N, num_channels, *). Raises ValueError if the groups don't divide the
    channels. Wu and He, "Group Normalization" (2018).

    >>> nn.GroupNorm(2, 4)
    GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._make(num_channels, device, dtype, weight=affine, bias=affine and bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(FunctionLayer):
    """Divide by a power of a mean square over `size` channels: `F.local_response_norm`.

    >>> nn.LocalResponseNorm(2)
    LocalResponseNorm(2, alpha=0.0001, beta=0.75, k=1.0)
    """

    function = "local_response_norm"
    shown = "{size}, alpha={alpha}, beta={beta}, k={k}"

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__(size=size, alpha=alpha, beta=beta, k=k)
