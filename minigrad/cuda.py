"""Queries under the names of torch.cuda, which answer that there is no GPU."""


def is_available() -> bool:
    """Return False: minigrad computes on the CPU.

    >>> minigrad.device("cuda" if minigrad.cuda.is_available() else "cpu")
    device(type='cpu')
    """
    return False


def device_count() -> int:
    """Return the number of GPUs: 0."""
    return 0
