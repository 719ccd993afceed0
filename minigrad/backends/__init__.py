"""Settings under the names of torch.backends. They are for GPUs, so they change nothing here."""

from . import cuda, cudnn, mps

__all__ = ["cuda", "cudnn", "mps"]
