"""BatchNorm and InstanceNorm over 1, 2 and 3 dimensions."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from ..api.creation import empty, ones, tensor, zeros
from ..api.tensor import Tensor
from ..rules.dtypes import int64
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class _NormBase(Module):
    """The parameters and running statistics of a normalisation of channels.

    With `affine` there are a `weight` of ones and, unless `bias` is False, a `bias` of zeros. With
    `track_running_stats` there are buffers `running_mean`, `running_var` and `num_batches_tracked`.
    """

    _version = 2  # as in PyTorch; version 1 had no `num_batches_tracked`
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    _dims_of_input: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, present in (("weight", affine), ("bias", affine and bias)):
            values = empty(num_features, device=device, dtype=dtype) if present else None
            self.register_parameter(name, None if values is None else Parameter(values))
        statistics: dict[str, Any] = dict.fromkeys(
            ("running_mean", "running_var", "num_batches_tracked")
        )
        if track_running_stats:
            statistics = {
                "running_mean": zeros(num_features, device=device, dtype=dtype),
                "running_var": ones(num_features, device=device, dtype=dtype),
                "num_batches_tracked": tensor(0, dtype=int64, device=device),
            }
        for name, buffer in statistics.items():
            self.register_buffer(name, buffer)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Set the running mean to 0 and the running variance to 1."""
        if self.track_running_stats:
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Set the initial values of statistics, weight and bias."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        if (local_metadata.get("version") or 0) < 2 and self.num_batches_tracked is not None:
            state_dict.setdefault(prefix + "num_batches_tracked", self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in self._dims_of_input:
            expected = " or ".join(f"{dims}D" for dims in self._dims_of_input)
            raise ValueError(f"expected {expected} input (got {input.dim()}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_NormBase):
    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        share = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # the mean over all batches
                share = 1.0 / float(self.num_batches_tracked)
        has_statistics = self.running_mean is not None or self.running_var is not None
        uses_statistics = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if uses_statistics else None,
            self.running_var if uses_statistics else None,
            self.weight,
            self.bias,
            self.training or not has_statistics,
            share,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Normalise each channel over the batch: `nn.functional.batch_norm`.

    Shapes: input and result (N, C) or (N, C, L). In training mode the mean and variance are those
    of the batch, and the running statistics move towards them by `momentum`; with None they are
    the mean over all batches. In evaluation mode the running statistics are used. Ioffe and
    Szegedy, "Batch Normalization" (2015).

    >>> layer = nn.BatchNorm1d(3)
    >>> layer
    BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    >>> layer(minigrad.ones(2, 3)).sum().item(), layer.running_mean
    (0.0, tensor([0.1000, 0.1000, 0.1000]))
    """

    _dims_of_input = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalise each channel over the batch and the image; see `BatchNorm1d`.

    Shapes: input and result (N, C, H, W).

    >>> nn.BatchNorm2d(3)(minigrad.ones(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    _dims_of_input = (4,)


class BatchNorm3d(_BatchNorm):
    """Normalise each channel over the batch and the volume; see `BatchNorm1d`.

    Shapes: input and result (N, C, D, H, W).

    >>> nn.BatchNorm3d(3)(minigrad.ones(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 4, 4, 4])
    """

    _dims_of_input = (5,)


class _InstanceNorm(_NormBase):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        one_sample = input.dim() == self._dims_of_input[0]
        channels = 0 if one_sample else 1
        if input.shape[channels] != self.num_features:
            message = f"input's size at dim={channels} does not match num_features"
            if self.affine:
                raise ValueError(
                    f"expected {message.replace('does not', 'to')} ({self.num_features}), but got: "
                    f"{input.shape[channels]}."
                )
            warnings.warn(
                f"{message}. Since affine=False, num_features is not used in the normalization "
                "process. You can safely ignore this warning.",
                stacklevel=2,
            )
        if one_sample:
            return self._normalised(input.unsqueeze(0)).squeeze(0)
        return self._normalised(input)

    def _normalised(self, input: Tensor) -> Tensor:
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )


class InstanceNorm1d(_InstanceNorm):
    """Normalise each channel of each sample: `nn.functional.instance_norm`.

    Shapes: input and result (N, C, L) or (C, L). By default there are no parameters and no running
    statistics. Ulyanov et al., "Instance Normalization" (2016).

    >>> nn.InstanceNorm1d(2)(minigrad.ones(1, 2, 3)).sum().item()
    0.0
    """

    _dims_of_input = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalise each channel of each image; see `InstanceNorm1d`.

    >>> nn.InstanceNorm2d(2, affine=True)(minigrad.ones(1, 2, 3, 3)).shape
    torch.Size([1, 2, 3, 3])
    """

    _dims_of_input = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalise each channel of each volume; see `InstanceNorm1d`.

    >>> nn.InstanceNorm3d(2)(minigrad.ones(1, 2, 3, 3, 3)).shape
    torch.Size([1, 2, 3, 3, 3])
    """

    _dims_of_input = (4, 5)
