"""`Size`: a tensor's shape, a tuple that prints as PyTorch's does."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any


class Size(tuple[int, ...]):
    """A tuple of ints. Its slices, sums and multiples are sizes too.

    >>> minigrad.ones(2, 3).shape
    torch.Size([2, 3])
    >>> minigrad.ones(2, 3).shape[1:] + (4,)
    torch.Size([3, 4])
    """

    __slots__ = ()

    def __new__(cls, iterable: Iterable[Any] = ()) -> Size:
        """TypeError for a size that isn't an int."""
        found = tuple(iterable)
        for position, size in enumerate(found):
            if not hasattr(size, "__index__"):
                kind = type(size).__name__
                raise TypeError(f"torch.Size() takes ints, but item {position} is a {kind}")
        return super().__new__(cls, map(operator.index, found))

    def numel(self) -> int:
        """The number of elements in a tensor of this size."""
        return math.prod(self)

    def __getitem__(self, key: Any) -> Any:
        item = super().__getitem__(key)
        return size_of(item) if isinstance(key, slice) else item

    def __add__(self, other: Any) -> Size:
        return Size((*self, *other)) if isinstance(other, tuple) else NotImplemented

    def __radd__(self, other: Any) -> Size:
        return Size((*other, *self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: Any) -> Size:
        return size_of(super().__mul__(times))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"


def size_of(shape: tuple[int, ...]) -> Size:
    """Convert an array's shape to a Size, without the checks."""
    return tuple.__new__(Size, shape)
