"""Padding layers: constant, zero, reflection, replication and circular, in 1 to 3 dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ..api.tensor import Tensor
from . import functional as F
from .function_layer import numbers_for
from .module import Module

Sides = int | Sequence[int]


class _Pad(Module):
    """Pads the last `_dims` dimensions: `padding` has two numbers for each, or is one number."""

    _dims: ClassVar[int]
    _mode: ClassVar[str] = "constant"
    padding: tuple[int, ...]

    def __init__(self, padding: Sides) -> None:
        super().__init__()
        self.padding = numbers_for(2 * self._dims, padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_Pad):
    value: float

    def __init__(self, padding: Sides, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPadNd):
    def __init__(self, padding: Sides) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ReflectionPadNd(_Pad):
    _mode = "reflect"


class _ReplicationPadNd(_Pad):
    _mode = "replicate"


class _CircularPadNd(_Pad):
    _mode = "circular"


class ConstantPad1d(_ConstantPadNd):
    """Pad the last dimension with `value`.

    >>> nn.ConstantPad1d(1, 9.0)(minigrad.tensor([[1.0, 2.0]]))
    tensor([[9., 1., 2., 9.]])
    """

    _dims = 1


class ConstantPad2d(_ConstantPadNd):
    """Pad the last two dimensions with `value`.

    >>> nn.ConstantPad2d(1, 9.0)(minigrad.ones(1, 2, 2)).shape
    torch.Size([1, 4, 4])
    """

    _dims = 2


class ConstantPad3d(_ConstantPadNd):
    """Pad the last three dimensions with `value`.

    >>> nn.ConstantPad3d(1, 9.0)(minigrad.ones(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """

    _dims = 3


class ZeroPad1d(_ZeroPad, ConstantPad1d):
    """Pad the last dimension with zeros.

    >>> nn.ZeroPad1d(1)(minigrad.tensor([[1.0, 2.0]]))
    tensor([[0., 1., 2., 0.]])
    """


class ZeroPad2d(_ZeroPad, ConstantPad2d):
    """Pad the last two dimensions with zeros.

    >>> nn.ZeroPad2d(1)(minigrad.ones(1, 2, 2)).shape
    torch.Size([1, 4, 4])
    """


class ZeroPad3d(_ZeroPad, ConstantPad3d):
    """Pad the last three dimensions with zeros.

    >>> nn.ZeroPad3d(1)(minigrad.ones(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """


class ReflectionPad1d(_ReflectionPadNd):
    """Pad the last dimension by reflection at the edges, which are not repeated.

    >>> nn.ReflectionPad1d(1)(minigrad.tensor([[1.0, 2.0]]))
    tensor([[2., 1., 2., 1.]])
    """

    _dims = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Pad the last two dimensions by reflection at the edges, which are not repeated.

    >>> nn.ReflectionPad2d(1)(minigrad.ones(1, 2, 2)).shape
    torch.Size([1, 4, 4])
    """

    _dims = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Pad the last three dimensions by reflection at the edges, which are not repeated.

    >>> nn.ReflectionPad3d(1)(minigrad.ones(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """

    _dims = 3


class ReplicationPad1d(_ReplicationPadNd):
    """Pad the last dimension with copies of the edges.

    >>> nn.ReplicationPad1d(1)(minigrad.tensor([[1.0, 2.0]]))
    tensor([[1., 1., 2., 2.]])
    """

    _dims = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Pad the last two dimensions with copies of the edges.

    >>> nn.ReplicationPad2d(1)(minigrad.ones(1, 2, 2)).shape
    torch.Size([1, 4, 4])
    """

    _dims = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Pad the last three dimensions with copies of the edges.

    >>> nn.ReplicationPad3d(1)(minigrad.ones(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """

    _dims = 3


class CircularPad1d(_CircularPadNd):
    """Pad the last dimension with the elements of the other end.

    >>> nn.CircularPad1d(1)(minigrad.tensor([[1.0, 2.0]]))
    tensor([[2., 1., 2., 1.]])
    """

    _dims = 1


class CircularPad2d(_CircularPadNd):
    """Pad the last two dimensions with the elements of the other end.

    >>> nn.CircularPad2d(1)(minigrad.ones(1, 2, 2)).shape
    torch.Size([1, 4, 4])
    """

    _dims = 2


class CircularPad3d(_CircularPadNd):
    """Pad the last three dimensions with the elements of the other end.

    >>> nn.CircularPad3d(1)(minigrad.ones(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """

    _dims = 3
