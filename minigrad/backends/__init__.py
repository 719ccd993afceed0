"""Settings under the names of torch.backends. They are for GPUs and for libraries that minigrad
doesn't use, so they change nothing here."""

from . import cpu, cuda, cudnn, mha, mkl, mkldnn, mps, openmp, opt_einsum

__all__ = ["cpu", "cuda", "cudnn", "mha", "mkl", "mkldnn", "mps", "openmp", "opt_einsum"]
