"""`ReduceOp`: how a reduction combines the elements of the ranks."""

from __future__ import annotations

import enum


class ReduceOp(enum.Enum):
    """How a reduction combines the elements of the ranks.

    `AVG` is the sum divided by the number of ranks. The bitwise operations are PyTorch's for
    integers.

    >>> ReduceOp.SUM
    <RedOpType.SUM: 0>
    """

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7

    def __repr__(self) -> str:
        return f"<RedOpType.{self.name}: {self.value}>"


def checked(op: object) -> ReduceOp:
    """Return the operation. Raises TypeError for anything else."""
    if not isinstance(op, ReduceOp):
        raise TypeError(f"op must be a ReduceOp such as ReduceOp.SUM, not {type(op).__name__}")
    return op
