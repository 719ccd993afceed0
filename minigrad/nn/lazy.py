"""Layers that learn the size of their input from their first call.

Until then their parameters are placeholders of class UninitializedParameter. The first call makes
the parameters, draws their initial values, and turns the layer into one of the ordinary class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

from ..api.creation import empty
from ..api.tensor import Tensor
from . import batchnorm, conv
from .linear import Linear
from .module import Module
from .parameter import Parameter


class _Uninitialized:
    """A placeholder for a tensor whose shape isn't known yet. It can be made a real one."""

    def materialize(self, shape: Sequence[int], device: Any = None, dtype: Any = None) -> None:
        """Make it an ordinary parameter or buffer of that shape, with arbitrary numbers."""
        this: Any = self
        this.data = empty(tuple(shape), device=device, dtype=dtype or this.data.dtype)
        this.__class__ = Parameter if isinstance(self, Parameter) else Tensor

    @property
    def shape(self) -> Any:
        """Raise RuntimeError."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. Call `forward` to "
            "initialize the parameters before accessing their attributes."
        )

    def numel(self) -> int:
        """Raise ValueError."""
        raise ValueError(
            "Attempted to use an uninitialized parameter in numel. Call `forward` with a dummy "
            "batch to initialize the parameters before that."
        )

    def detach(self) -> Any:
        """Return self: there is nothing to share the memory of yet."""
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(_Uninitialized, Parameter):
    """A Parameter whose shape isn't known yet.

    >>> weight = nn.UninitializedParameter()
    >>> weight.materialize((2, 3))
    >>> weight.shape
    torch.Size([2, 3])
    """

    __slots__ = ()

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: Any = None
    ) -> UninitializedParameter:
        made = super().__new__(cls, empty(0, device=device, dtype=dtype), requires_grad)
        assert isinstance(made, UninitializedParameter)
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, dtype=self.data.dtype)
        return memo[id(self)]


class UninitializedBuffer(_Uninitialized, Tensor):
    """A buffer whose shape isn't known yet; see `UninitializedParameter`.

    >>> nn.UninitializedBuffer()
    <UninitializedBuffer>
    """

    __slots__ = ()

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:
        made = empty(0, device=device, dtype=dtype)
        made.__class__ = cls
        assert isinstance(made, UninitializedBuffer)
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass


def is_lazy(param: Any) -> bool:
    """Tell whether a parameter is a placeholder.

    >>> is_lazy(nn.LazyLinear(3).weight)
    True
    """
    return isinstance(param, _Uninitialized)


class LazyModuleMixin(Module):
    """The base of lazy layers: placeholders, and the first call.

    A subclass says which class it becomes, and which size of the first input it needs.
    """

    cls_to_become: ClassVar[type[Module]]
    _size_name: ClassVar[str] = "in_channels"

    def has_uninitialized_params(self) -> bool:
        """Tell whether there are placeholders still."""
        return any(is_lazy(param) for param in (*self._parameters.values(),))

    def _size_of(self, input: Tensor) -> int:
        raise NotImplementedError

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each placeholder, when the size is known."""
        raise NotImplementedError

    def initialize_parameters(self, input: Tensor) -> None:
        """Make the parameters for inputs of the size of this one, and draw their values."""
        if self.has_uninitialized_params():
            setattr(self, self._size_name, self._size_of(input))
            for name, shape in self._shapes().items():
                if is_lazy(getattr(self, name)):
                    getattr(self, name).materialize(shape)
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values; there are none before the first call."""
        if not self.has_uninitialized_params() and getattr(self, self._size_name) != 0:
            super().reset_parameters()  # type: ignore[misc]

    def _convert(
        self, fn: Callable[[Tensor], Tensor], floats_only: bool = True, recurse: bool = True
    ) -> Self:
        placeholders = {name: x for name, x in self._buffers.items() if is_lazy(x)}
        super()._convert(fn, floats_only, recurse)
        for name, placeholder in placeholders.items():
            buffer = self._buffers[name]
            assert buffer is not None
            placeholder.data = buffer  # type: ignore[union-attr]
            self._buffers[name] = placeholder
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.initialize_parameters(*args, **kwargs)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        return self(*args, **kwargs)

    def _load_member(self, name: str, member: Tensor, key: str, value: Any, assign: bool) -> Any:
        if is_lazy(member) and isinstance(value, Tensor):
            if is_lazy(value):
                return None
            member.materialize(value.shape)  # type: ignore[attr-defined]
        return super()._load_member(name, member, key, value, assign)


class LazyLinear(LazyModuleMixin, Linear):
    """`Linear` whose `in_features` are the last size of its first input.

    >>> layer = nn.LazyLinear(3)
    >>> layer
    LazyLinear(in_features=0, out_features=3, bias=True)
    >>> layer(minigrad.zeros(4, 2)).shape
    torch.Size([4, 3])
    >>> layer
    Linear(in_features=2, out_features=3, bias=True)
    """

    cls_to_become = Linear
    _size_name = "in_features"

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        Module.__init__(self)
        self.in_features = 0
        self.out_features = out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        placeholder = UninitializedParameter(device=device, dtype=dtype) if bias else None
        self.register_parameter("bias", placeholder)

    def _size_of(self, input: Tensor) -> int:
        return input.shape[-1]

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        weight = (self.out_features, self.in_features)
        return {"weight": weight, "bias": (self.out_features,)}


class _LazyConvMixin(LazyModuleMixin):
    """A convolution whose `in_channels` are those of its first input."""

    _dims: ClassVar[int]

    def _placeholders(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        """Put placeholders in the place of the empty parameters of no channels."""
        this: Any = self
        this.out_channels = out_channels
        this.weight = UninitializedParameter(device=device, dtype=dtype)
        placeholder = UninitializedParameter(device=device, dtype=dtype) if bias else None
        self._parameters["bias"] = placeholder

    def _size_of(self, input: Tensor) -> int:
        dims = self._dims
        if input.dim() not in (dims + 1, dims + 2):
            raise RuntimeError(
                f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to "
                f"{type(self).__name__}, but got input of size: {input.shape}"
            )
        return input.shape[-dims - 1]

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        this: Any = self
        conv._check_channels(this.in_channels, this.out_channels, this.groups)
        weight = (*this._channels_of_weight(), *this.kernel_size)
        return {"weight": weight, "bias": (this.out_channels,)}


class _LazyConv(_LazyConvMixin, conv._Conv):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            0,
            0,
            kernel_size,
            groups=groups,
            bias=False,
            stride=stride,
            padding=padding,
            dilation=dilation,
            padding_mode=padding_mode,
            device=device,
            dtype=dtype,
        )
        self._placeholders(out_channels, bias, device, dtype)


class _LazyConvTransposeNd(_LazyConvMixin, conv._ConvTransposeNd):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            0,
            0,
            kernel_size,
            groups=groups,
            bias=False,
            stride=stride,
            padding=padding,
            output_padding=output_padding,
            dilation=dilation,
            padding_mode=padding_mode,
            device=device,
            dtype=dtype,
        )
        self._placeholders(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv):
    """`Conv1d` whose `in_channels` are those of its first input.

    >>> layer = nn.LazyConv1d(4, 3)
    >>> layer(minigrad.zeros(5, 2, 7)).shape, layer.in_channels
    (torch.Size([5, 4, 5]), 2)
    """

    cls_to_become = conv.Conv1d
    _dims = 1


class LazyConv2d(_LazyConv):
    """`Conv2d` whose `in_channels` are those of its first input.

    >>> nn.LazyConv2d(4, 1)(minigrad.zeros(5, 2, 3, 3)).shape
    torch.Size([5, 4, 3, 3])
    """

    cls_to_become = conv.Conv2d
    _dims = 2


class LazyConv3d(_LazyConv):
    """`Conv3d` whose `in_channels` are those of its first input.

    >>> nn.LazyConv3d(4, 1)(minigrad.zeros(5, 2, 3, 3, 3)).shape
    torch.Size([5, 4, 3, 3, 3])
    """

    cls_to_become = conv.Conv3d
    _dims = 3


class LazyConvTranspose1d(_LazyConvTransposeNd):
    """`ConvTranspose1d` whose `in_channels` are those of its first input.

    >>> nn.LazyConvTranspose1d(4, 1)(minigrad.zeros(5, 2, 3)).shape
    torch.Size([5, 4, 3])
    """

    cls_to_become = conv.ConvTranspose1d
    _dims = 1


class LazyConvTranspose2d(_LazyConvTransposeNd):
    """`ConvTranspose2d` whose `in_channels` are those of its first input.

    >>> nn.LazyConvTranspose2d(4, 1)(minigrad.zeros(5, 2, 3, 3)).shape
    torch.Size([5, 4, 3, 3])
    """

    cls_to_become = conv.ConvTranspose2d
    _dims = 2


class LazyConvTranspose3d(_LazyConvTransposeNd):
    """`ConvTranspose3d` whose `in_channels` are those of its first input.

    >>> nn.LazyConvTranspose3d(4, 1)(minigrad.zeros(5, 2, 3, 3, 3)).shape
    torch.Size([5, 4, 3, 3, 3])
    """

    cls_to_become = conv.ConvTranspose3d
    _dims = 3


class _LazyNorm(LazyModuleMixin, batchnorm._NormBase):
    """A normalisation whose `num_features` are the channels of its first input."""

    _size_name = "num_features"

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        made = {"device": device, "dtype": dtype}
        super().__init__(0, eps, momentum, affine, track_running_stats, **made, bias=bias)
        for registry, names in (
            (self._parameters, ("weight", "bias")),
            (self._buffers, ("running_mean", "running_var")),
        ):
            kind = UninitializedParameter if registry is self._parameters else UninitializedBuffer
            for name in names:
                if registry[name] is not None:
                    registry[name] = kind(**made)  # type: ignore[assignment]

    def has_uninitialized_params(self) -> bool:
        return any(is_lazy(x) for x in (*self._parameters.values(), *self._buffers.values()))

    def _size_of(self, input: Tensor) -> int:
        return input.shape[1]

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        names = ("weight", "bias", "running_mean", "running_var")
        return {name: (self.num_features,) for name in names if getattr(self, name) is not None}


class LazyBatchNorm1d(_LazyNorm, batchnorm.BatchNorm1d):
    """`BatchNorm1d` whose `num_features` are the channels of its first input.

    >>> nn.LazyBatchNorm1d()(minigrad.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    cls_to_become = batchnorm.BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, batchnorm.BatchNorm2d):
    """`BatchNorm2d` whose `num_features` are the channels of its first input.

    >>> nn.LazyBatchNorm2d()(minigrad.zeros(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    cls_to_become = batchnorm.BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, batchnorm.BatchNorm3d):
    """`BatchNorm3d` whose `num_features` are the channels of its first input.

    >>> nn.LazyBatchNorm3d()(minigrad.zeros(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 4, 4, 4])
    """

    cls_to_become = batchnorm.BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, batchnorm.InstanceNorm1d):
    """`InstanceNorm1d` whose `num_features` are the channels of its first input.

    >>> nn.LazyInstanceNorm1d()(minigrad.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    cls_to_become = batchnorm.InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, batchnorm.InstanceNorm2d):
    """`InstanceNorm2d` whose `num_features` are the channels of its first input.

    >>> nn.LazyInstanceNorm2d()(minigrad.zeros(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    cls_to_become = batchnorm.InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, batchnorm.InstanceNorm3d):
    """`InstanceNorm3d` whose `num_features` are the channels of its first input.

    >>> nn.LazyInstanceNorm3d()(minigrad.zeros(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 4, 4, 4])
    """

    cls_to_become = batchnorm.InstanceNorm3d
