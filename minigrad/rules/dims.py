"""Arguments that aren't operands, such as dimensions and sizes, checked as PyTorch checks them."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence


def index(argument: int, name: str) -> int:
    """An argument as an int. TypeError for anything else and for a bool, else as `int64`."""
    if type(argument) is int and -(2**63) <= argument < 2**63:
        return argument
    if isinstance(argument, bool) or not hasattr(argument, "__index__"):
        raise TypeError(f"argument '{name}' must be int, not {type(argument).__name__}")
    return int64(argument)


def number(argument: float, name: str) -> float:
    """An argument that is a number. TypeError for anything else."""
    if not isinstance(argument, int | float):
        raise TypeError(f"argument '{name}' must be Number, not {type(argument).__name__}")
    return argument


def flag(argument: bool, name: str) -> bool:
    """An argument as a bool. TypeError for anything else, also for an int."""
    if not isinstance(argument, bool):
        raise TypeError(f"argument '{name}' must be bool, not {type(argument).__name__}")
    return argument


def int64(number: int) -> int:
    """An object that counts as an int, as an int. ValueError for more than 64 bits."""
    found = operator.index(number)
    if not -(2**63) <= found < 2**63:
        raise ValueError(f"Overflow when unpacking long long: {found} needs more than 64 bits")
    return found


def indices(arguments: Sequence[int], name: str) -> list[int]:
    """An argument that is a sequence of ints. TypeError if an item isn't an int of 64 bits."""
    try:
        return [index(each, name) for each in arguments]
    except ValueError as error:
        raise TypeError(f"argument '{name}' failed to unpack: {error}") from None


def axis(dim: int, ndim: int) -> int:
    """`dim`, counted from the front. IndexError outside [-ndim, ndim); 0-d counts as 1-d."""
    reach = ndim or 1
    found = dim if type(dim) is int else index(dim, "dim")
    if not -reach <= found < reach:
        int64(found)
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-reach}, {reach - 1}], "
            f"but got {found})"
        )
    return found % reach


def axes(dim: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """The dimensions of a reduction; None and () mean all. RuntimeError for one named twice."""
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, Sequence):
        found = tuple(axis(d, ndim) for d in dim)
        for d in found:
            if found.count(d) > 1:
                raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
        return (found or tuple(range(ndim))) if ndim else ()
    found = (axis(dim, ndim),)
    return found if ndim else ()


def named(dim: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Like `axes`, except that () means no dimension."""
    return () if isinstance(dim, Sequence) and not dim else axes(dim, ndim)


def kept(shape: tuple[int, ...], reduced: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` with size 1 at each reduced dimension."""
    return tuple([1 if d in reduced else size for d, size in enumerate(shape)])


def infer_size(shape: Sequence[int], numel: int) -> tuple[int, ...]:
    """`shape` with its -1, if any, inferred from the number of elements.

    RuntimeError for a second -1, another negative size, or sizes that don't multiply to `numel`.
    """
    sizes = tuple([size if type(size) is int else index(size, "shape") for size in shape])
    if not sizes or min(sizes) >= 0:
        if math.prod(sizes) == numel:
            return sizes
    elif sizes.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    elif min(sizes) < -1:
        raise RuntimeError(f"invalid shape dimension {next(size for size in sizes if size < -1)}")
    else:
        known = -math.prod(sizes)
        if known == 0 and numel == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(sizes)} because the "
                "unspecified dimension size -1 can be any value and is ambiguous"
            )
        if known and numel % known == 0:
            return tuple([numel // known if size == -1 else size for size in sizes])
    indices(sizes, "shape")
    raise RuntimeError(f"shape '{list(sizes)}' is invalid for input of size {numel}")
