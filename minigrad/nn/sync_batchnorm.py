"""BatchNorm over the batches of several processes, which needs GPUs."""

from __future__ import annotations

from typing import Any

from ..api.tensor import Tensor
from ..distributed.world import is_initialized
from .batchnorm import _BatchNorm
from .module import Module

# What a converted layer has from the one before it.
_KEPT = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked", "training")


class SyncBatchNorm(_BatchNorm):
    """Normalise each channel over the batches of all processes.

    Shapes: input and result (N, C, *). PyTorch has it for GPUs only. In training mode, if processes
    are initialised, a batch on the CPU is a ValueError, as there. Otherwise, and in evaluation
    mode, it does what `BatchNorm1d` does. ValueError for an input of fewer than 2 dimensions.

    >>> nn.SyncBatchNorm(3)(minigrad.ones(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        if self.training and is_initialized():
            raise ValueError(
                "SyncBatchNorm expected input tensor to be on a GPU, where batches are "
                "synchronised; use BatchNorm1d, BatchNorm2d or BatchNorm3d on the CPU"
            )
        return super().forward(input)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """Replace each BatchNorm in a module, which is changed; returns it, or its replacement.

        The replacements have the parameters, the statistics and the mode of what they replace.

        >>> model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        >>> nn.SyncBatchNorm.convert_sync_batchnorm(model)[1]
        SyncBatchNorm(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
        """
        result = module
        if isinstance(module, _BatchNorm):
            result = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            for name in _KEPT:
                setattr(result, name, getattr(module, name))
        for name, child in module.named_children():
            result.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return result
