"""Layers that learn the size of their input from their first call.

Until then their parameters are placeholders of class UninitializedParameter. The first call makes
the parameters, draws their initial values, and turns the layer into one of the ordinary class.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..api.tensor import Tensor
from . import batchnorm, conv
from .linear import Linear
from .module import Module
from .parameter import UninitializedBuffer, UninitializedParameter, is_lazy


class LazyModuleMixin(Module):
    """The base of modules that make their parameters at their first call.

    A subclass has parameters and buffers that are placeholders, and `initialize_parameters`, which
    gives them their shapes. It is called with the arguments of the first call. Then the module
    becomes one of the class `cls_to_become`, or stays as it is for None. Loading a state gives the
    placeholders the shapes in it.

    >>> from minigrad.nn.modules.lazy import LazyModuleMixin
    >>> class Scale(LazyModuleMixin, nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = nn.UninitializedParameter()
    ...     def initialize_parameters(self, input):
    ...         if self.has_uninitialized_params():
    ...             self.factor.materialize(input.shape[-1])
    ...             nn.init.ones_(self.factor)
    ...     def forward(self, input):
    ...         return input * self.factor
    >>> Scale()(minigrad.ones(2, 3)).shape
    torch.Size([2, 3])
    """

    cls_to_become: ClassVar[type[Module] | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._initialize_hook = self.register_forward_pre_hook(
            self._infer_parameters, with_kwargs=True
        )

    def has_uninitialized_params(self) -> bool:
        """Tell whether there are placeholders still."""
        return any(is_lazy(x) for x in (*self._parameters.values(), *self._buffers.values()))

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the placeholders their shapes, for the arguments of a call. Subclasses define it."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def _infer_parameters(self, module: Any, args: Any, kwargs: Any = None) -> None:
        """Become an ordinary module, before the first call."""
        module.initialize_parameters(*args, **({} if kwargs is None else kwargs))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        del module._initialize_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _load_member(self, name: str, member: Tensor, key: str, value: Any, assign: bool) -> Any:
        if is_lazy(member) and isinstance(value, Tensor):
            if is_lazy(value):
                return None
            member.materialize(value.shape)  # type: ignore[attr-defined]
        return super()._load_member(name, member, key, value, assign)


class _LazyLayer(LazyModuleMixin):
    """A lazy layer that says which size of the first input it needs, and where it keeps it."""

    _size_name: ClassVar[str] = "in_channels"

    def _size_of(self, input: Tensor) -> int:
        raise NotImplementedError

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each placeholder, when the size is known."""
        raise NotImplementedError

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
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


class LazyLinear(_LazyLayer, Linear):
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
        super().__init__(0, 0, bias=False)
        self.out_features = out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.bias = UninitializedParameter(device=device, dtype=dtype) if bias else None

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        super().initialize_parameters(input, *args, **kwargs)
        self.in_features = self._size_of(input)  # also if a state was loaded

    def _size_of(self, input: Tensor) -> int:
        return input.shape[-1]

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        weight = (self.out_features, self.in_features)
        return {"weight": weight, "bias": (self.out_features,)}


class _LazyConvMixin(_LazyLayer):
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


class LazyConv1d(_LazyConv, conv.Conv1d):
    """`Conv1d` whose `in_channels` are those of its first input.

    >>> layer = nn.LazyConv1d(4, 3)
    >>> layer(minigrad.zeros(5, 2, 7)).shape, layer.in_channels
    (torch.Size([5, 4, 5]), 2)
    """

    cls_to_become = conv.Conv1d


class LazyConv2d(_LazyConv, conv.Conv2d):
    """`Conv2d` whose `in_channels` are those of its first input.

    >>> nn.LazyConv2d(4, 1)(minigrad.zeros(5, 2, 3, 3)).shape
    torch.Size([5, 4, 3, 3])
    """

    cls_to_become = conv.Conv2d


class LazyConv3d(_LazyConv, conv.Conv3d):
    """`Conv3d` whose `in_channels` are those of its first input.

    >>> nn.LazyConv3d(4, 1)(minigrad.zeros(5, 2, 3, 3, 3)).shape
    torch.Size([5, 4, 3, 3, 3])
    """

    cls_to_become = conv.Conv3d


class LazyConvTranspose1d(_LazyConvTransposeNd, conv.ConvTranspose1d):
    """`ConvTranspose1d` whose `in_channels` are those of its first input.

    >>> nn.LazyConvTranspose1d(4, 1)(minigrad.zeros(5, 2, 3)).shape
    torch.Size([5, 4, 3])
    """

    cls_to_become = conv.ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTransposeNd, conv.ConvTranspose2d):
    """`ConvTranspose2d` whose `in_channels` are those of its first input.

    >>> nn.LazyConvTranspose2d(4, 1)(minigrad.zeros(5, 2, 3, 3)).shape
    torch.Size([5, 4, 3, 3])
    """

    cls_to_become = conv.ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTransposeNd, conv.ConvTranspose3d):
    """`ConvTranspose3d` whose `in_channels` are those of its first input.

    >>> nn.LazyConvTranspose3d(4, 1)(minigrad.zeros(5, 2, 3, 3, 3)).shape
    torch.Size([5, 4, 3, 3, 3])
    """

    cls_to_become = conv.ConvTranspose3d


class _LazyNorm(_LazyLayer, batchnorm._NormBase):
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

    def _size_of(self, input: Tensor) -> int:
        return input.shape[1]

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        names = ("weight", "bias", "running_mean", "running_var")
        return {name: (self.num_features,) for name in names if getattr(self, name) is not None}


class LazyBatchNorm1d(_LazyNorm, batchnorm._BatchNorm):
    """`BatchNorm1d` whose `num_features` are the channels of its first input.

    >>> nn.LazyBatchNorm1d()(minigrad.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    cls_to_become = batchnorm.BatchNorm1d
    _dims_of_input = cls_to_become._dims_of_input


class LazyBatchNorm2d(_LazyNorm, batchnorm._BatchNorm):
    """`BatchNorm2d` whose `num_features` are the channels of its first input.

    >>> nn.LazyBatchNorm2d()(minigrad.zeros(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    cls_to_become = batchnorm.BatchNorm2d
    _dims_of_input = cls_to_become._dims_of_input


class LazyBatchNorm3d(_LazyNorm, batchnorm._BatchNorm):
    """`BatchNorm3d` whose `num_features` are the channels of its first input.

    >>> nn.LazyBatchNorm3d()(minigrad.zeros(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 4, 4, 4])
    """

    cls_to_become = batchnorm.BatchNorm3d
    _dims_of_input = cls_to_become._dims_of_input


class LazyInstanceNorm1d(_LazyNorm, batchnorm._InstanceNorm):
    """`InstanceNorm1d` whose `num_features` are the channels of its first input.

    >>> nn.LazyInstanceNorm1d()(minigrad.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    cls_to_become = batchnorm.InstanceNorm1d
    _dims_of_input = cls_to_become._dims_of_input


class LazyInstanceNorm2d(_LazyNorm, batchnorm._InstanceNorm):
    """`InstanceNorm2d` whose `num_features` are the channels of its first input.

    >>> nn.LazyInstanceNorm2d()(minigrad.zeros(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    cls_to_become = batchnorm.InstanceNorm2d
    _dims_of_input = cls_to_become._dims_of_input


class LazyInstanceNorm3d(_LazyNorm, batchnorm._InstanceNorm):
    """`InstanceNorm3d` whose `num_features` are the channels of its first input.

    >>> nn.LazyInstanceNorm3d()(minigrad.zeros(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 4, 4, 4])
    """

    cls_to_become = batchnorm.InstanceNorm3d
    _dims_of_input = cls_to_become._dims_of_input
