"""Pooling layers over 1, 2 and 3 dimensions: max, average, Lp, adaptive, and unpooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..api.tensor import Tensor
from . import functional as F
from .function_layer import FunctionLayer, numbers_for
from .module import Module

Size = int | Sequence[int]


class _MaxPoolNd(FunctionLayer):
    shown = (
        "kernel_size={kernel_size}, stride={stride}, padding={padding}, dilation={dilation}, "
        "ceil_mode={ceil_mode}"
    )
    _options = ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode")

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            stride=kernel_size if stride is None else stride,
            padding=padding,
            dilation=dilation,
            return_indices=return_indices,
            ceil_mode=ceil_mode,
        )


class MaxPool1d(_MaxPoolNd):
    """The largest element of each window: `nn.functional.max_pool1d`.

    Shapes: input (N, C, L) or (C, L). With `return_indices`, also where it is.

    >>> nn.MaxPool1d(2)(minigrad.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[3., 2.]])
    """

    function = "max_pool1d"


class MaxPool2d(_MaxPoolNd):
    """The largest element of each window of an image; see `MaxPool1d`.

    >>> nn.MaxPool2d(2)
    MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    """

    function = "max_pool2d"


class MaxPool3d(_MaxPoolNd):
    """The largest element of each window of a volume; see `MaxPool1d`.

    >>> nn.MaxPool3d(2)(minigrad.zeros(1, 1, 4, 4, 4)).shape
    torch.Size([1, 1, 2, 2, 2])
    """

    function = "max_pool3d"


class _AvgPoolNd(FunctionLayer):
    """Average pooling."""


class AvgPool1d(_AvgPoolNd):
    """The mean of each window: `nn.functional.avg_pool1d`.

    Shapes: input (N, C, L) or (C, L).

    >>> nn.AvgPool1d(2)(minigrad.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[2., 1.]])
    """

    function = "avg_pool1d"
    shown = "kernel_size={kernel_size}, stride={stride}, padding={padding}"

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(
            kernel_size=numbers_for(1, kernel_size),
            stride=numbers_for(1, kernel_size if stride is None else stride),
            padding=numbers_for(1, padding),
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
        )


class _AvgPool(_AvgPoolNd):
    shown = "kernel_size={kernel_size}, stride={stride}, padding={padding}"
    _options = (
        *("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
        "divisor_override",
    )

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            stride=kernel_size if stride is None else stride,
            padding=padding,
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
            divisor_override=divisor_override,
        )


class AvgPool2d(_AvgPool):
    """The mean of each window of an image: `nn.functional.avg_pool2d`.

    >>> nn.AvgPool2d(2)
    AvgPool2d(kernel_size=2, stride=2, padding=0)
    """

    function = "avg_pool2d"


class AvgPool3d(_AvgPool):
    """The mean of each window of a volume: `nn.functional.avg_pool3d`.

    >>> nn.AvgPool3d(2)(minigrad.zeros(1, 1, 4, 4, 4)).shape
    torch.Size([1, 1, 2, 2, 2])
    """

    function = "avg_pool3d"


class _LPPoolNd(FunctionLayer):
    _options = ("norm_type", "kernel_size", "stride", "ceil_mode")

    def __init__(
        self,
        norm_type: float,
        kernel_size: Size,
        stride: Size | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(
            norm_type=norm_type, kernel_size=kernel_size, stride=stride, ceil_mode=ceil_mode
        )

    def forward(self, input: Tensor) -> Any:
        norm_type = float(self.norm_type)
        function = getattr(F, self.function)
        return function(input, norm_type, self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)}" for name in self._options)


class LPPool1d(_LPPoolNd):
    """The p-norm of each window: `nn.functional.lp_pool1d`.

    >>> nn.LPPool1d(2, 2)(minigrad.tensor([[3.0, 4.0]]))
    tensor([[5.]])
    """

    function = "lp_pool1d"


class LPPool2d(_LPPoolNd):
    """The p-norm of each window of an image: `nn.functional.lp_pool2d`.

    >>> nn.LPPool2d(1, 2)(minigrad.ones(1, 2, 2))
    tensor([[[4.]]])
    """

    function = "lp_pool2d"


class LPPool3d(_LPPoolNd):
    """The p-norm of each window of a volume: `nn.functional.lp_pool3d`.

    >>> nn.LPPool3d(1, 2)(minigrad.ones(1, 2, 2, 2))
    tensor([[[[8.]]]])
    """

    function = "lp_pool3d"


class _FractionalMaxPool(Module):
    """The base of both: the options, and a buffer for random samples that are given."""

    _dims: ClassVar[int]

    def __init__(
        self,
        kernel_size: Size,
        output_size: Size | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = f"FractionalMaxPool{self._dims}d"
        self.kernel_size = numbers_for(self._dims, kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        sizes, ratios = (
            None if given is None else numbers_for(self._dims, given)
            for given in (output_size, output_ratio)
        )
        self.output_size, self.output_ratio = sizes, ratios
        if sizes is None and ratios is None:
            raise ValueError(
                f"{name} requires specifying either an output size, or a pooling ratio"
            )
        if sizes is not None and ratios is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if ratios is not None and not all(0 < ratio < 1 for ratio in ratios):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input: Tensor) -> Any:
        return getattr(F, f"fractional_max_pool{self._dims}d")(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest elements of windows at random steps: `nn.functional.fractional_max_pool2d`.

    Shapes: input (N, C, H, W) or (C, H, W). The result has the `output_size`, or the share
    `output_ratio` of the input's. ValueError unless one of them is given.

    >>> nn.FractionalMaxPool2d(2, output_size=3)(minigrad.ones(1, 5, 5)).shape
    torch.Size([1, 3, 3])
    """

    _dims = 2


class FractionalMaxPool3d(_FractionalMaxPool):
    """The largest elements of windows in a volume, at random steps; see `FractionalMaxPool2d`.

    >>> nn.FractionalMaxPool3d(2, output_ratio=0.5)(minigrad.ones(1, 4, 4, 4)).shape
    torch.Size([1, 2, 2, 2])
    """

    _dims = 3


class _AdaptiveAvgPoolNd(FunctionLayer):
    shown = "output_size={output_size}"
    _options = ("output_size",)

    def __init__(self, output_size: Any) -> None:
        super().__init__(output_size=output_size)


class _AdaptiveMaxPoolNd(FunctionLayer):
    shown = "output_size={output_size}"
    _options = ("output_size", "return_indices")

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size=output_size, return_indices=return_indices)


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """The mean of each of `output_size` windows: `F.adaptive_avg_pool1d`.

    Shapes: input (N, C, L) or (C, L).

    >>> nn.AdaptiveAvgPool1d(2)(minigrad.zeros(1, 4)).shape
    torch.Size([1, 2])
    """

    function = "adaptive_avg_pool1d"


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """The mean of each of `output_size` windows of an image: `F.adaptive_avg_pool2d`.

    Shapes: input (N, C, H, W) or (C, H, W).

    >>> nn.AdaptiveAvgPool2d((2, None))(minigrad.zeros(1, 4, 4)).shape
    torch.Size([1, 2, 4])
    """

    function = "adaptive_avg_pool2d"


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """The mean of each of `output_size` windows of a volume: `F.adaptive_avg_pool3d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W).

    >>> nn.AdaptiveAvgPool3d(1)(minigrad.zeros(1, 4, 4, 4)).shape
    torch.Size([1, 1, 1, 1])
    """

    function = "adaptive_avg_pool3d"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The largest element of each of `output_size` windows: `F.adaptive_max_pool1d`.

    Shapes: input (N, C, L) or (C, L).

    >>> nn.AdaptiveMaxPool1d(2)(minigrad.zeros(1, 4)).shape
    torch.Size([1, 2])
    """

    function = "adaptive_max_pool1d"


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The largest element of each of `output_size` windows of an image: `F.adaptive_max_pool2d`.

    Shapes: input (N, C, H, W) or (C, H, W).

    >>> nn.AdaptiveMaxPool2d((2, None))(minigrad.zeros(1, 4, 4)).shape
    torch.Size([1, 2, 4])
    """

    function = "adaptive_max_pool2d"


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The largest element of each of `output_size` windows of a volume: `F.adaptive_max_pool3d`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W).

    >>> nn.AdaptiveMaxPool3d(1)(minigrad.zeros(1, 4, 4, 4)).shape
    torch.Size([1, 1, 1, 1])
    """

    function = "adaptive_max_pool3d"


class _MaxUnpoolNd(Module):
    _dims: ClassVar[int]

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__()
        self.kernel_size = numbers_for(self._dims, kernel_size)
        self.stride = numbers_for(self._dims, kernel_size if stride is None else stride)
        self.padding = numbers_for(self._dims, padding)

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        unpool = (F.max_unpool1d, F.max_unpool2d, F.max_unpool3d)[self._dims - 1]
        return unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Put each element where `MaxPool1d` found it, with zeros elsewhere: `F.max_unpool1d`.

    >>> pool, unpool = nn.MaxPool1d(2, return_indices=True), nn.MaxUnpool1d(2)
    >>> unpool(*pool(minigrad.ones(1, 1, 2))).sum()
    tensor(1.)
    """

    _dims = 1


class MaxUnpool2d(_MaxUnpoolNd):
    """Put each element where `MaxPool2d` found it, with zeros elsewhere: `F.max_unpool2d`.

    >>> pool, unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
    >>> unpool(*pool(minigrad.ones(1, 1, 2, 2))).sum()
    tensor(1.)
    """

    _dims = 2


class MaxUnpool3d(_MaxUnpoolNd):
    """Put each element where `MaxPool3d` found it, with zeros elsewhere: `F.max_unpool3d`.

    >>> pool, unpool = nn.MaxPool3d(2, return_indices=True), nn.MaxUnpool3d(2)
    >>> unpool(*pool(minigrad.ones(1, 1, 2, 2, 2))).sum()
    tensor(1.)
    """

    _dims = 3
