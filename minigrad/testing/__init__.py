"""Functions for tests, under the names of torch.testing."""

from .comparing import assert_allclose, assert_close
from .making import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]
