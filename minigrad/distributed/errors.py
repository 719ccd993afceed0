"""The errors of a process group, under PyTorch's names."""

from __future__ import annotations


class DistError(RuntimeError):
    """Something went wrong between the processes."""


class DistBackendError(DistError):
    """A collective failed: the message names it and the rank that is to blame."""


class DistNetworkError(DistError):
    """The processes couldn't reach each other."""


class DistStoreError(DistError):
    """The store that the processes meet at failed, or a rank never came to it."""


class TransportError(Exception):
    """A transfer failed or took too long. The group turns it into a DistBackendError."""
