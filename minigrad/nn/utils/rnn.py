"""Batches of sequences of different lengths: padded to the longest one, or packed without padding.

A packed sequence has the elements of all sequences, step by step: the first elements of all
sequences, then the second elements, and so on. `batch_sizes[t]` is how many sequences have an
element at step t. So the sequences have to be sorted by length, the longest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from ...api.creation import arange, as_tensor, from_numpy, full
from ...api.functions import sort
from ...api.tensor import Tensor
from ...core.one_node import as_one_node
from ...rules.dtypes import float16, float32, float64, int8, int16, int32, int64, uint8

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _Fields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Fields):
    """A packed batch of sequences, made by `pack_padded_sequence` or `pack_sequence`.

    `data` is (elements of all sequences, *). `sorted_indices` says which sequence of the batch is
    in which place of the order by length, and `unsorted_indices` is its inverse. Both are None if
    the sequences were sorted already.

    >>> packed = nn.utils.rnn.pack_sequence([minigrad.tensor([1, 2, 3]), minigrad.tensor([4, 5])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 5, 3]), tensor([2, 2, 1]))
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:  # data and batch_sizes in one argument
            if not isinstance(data, list | tuple) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert the data, as `Tensor.to` does."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else type(self)(data, *self[1:])

    def cpu(self, *args: Any, **kwargs: Any) -> Self:
        """Return self: all tensors are on the CPU."""
        return self

    def cuda(self, *args: Any, **kwargs: Any) -> Self:
        """Raise the error of a CPU build of PyTorch."""
        self.data.cuda(*args, **kwargs)
        return self

    def double(self) -> Self:
        """Convert the data to float64."""
        return self.to(float64)

    def float(self) -> Self:
        """Convert the data to float32."""
        return self.to(float32)

    def half(self) -> Self:
        """Convert the data to float16."""
        return self.to(float16)

    def long(self) -> Self:
        """Convert the data to int64."""
        return self.to(int64)

    def int(self) -> Self:
        """Convert the data to int32."""
        return self.to(int32)

    def short(self) -> Self:
        """Convert the data to int16."""
        return self.to(int16)

    def char(self) -> Self:
        """Convert the data to int8."""
        return self.to(int8)

    def byte(self) -> Self:
        """Convert the data to uint8."""
        return self.to(uint8)

    @property
    def is_cuda(self) -> bool:
        """False: all tensors are on the CPU."""
        return False

    def is_pinned(self) -> bool:
        """False: there is no GPU that memory is pinned for."""
        return False


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Return the inverse of a permutation of 0, 1, …; None for None.

    >>> nn.utils.rnn.invert_permutation(minigrad.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    return None if permutation is None else permutation.argsort()


def _places(batch_sizes: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return the step and the sequence of each element of the packed data."""
    steps = np.repeat(np.arange(len(batch_sizes)), batch_sizes)
    sequences = np.concatenate([np.arange(size) for size in batch_sizes])
    return from_numpy(steps), from_numpy(sequences)


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a padded batch of sequences with the given lengths.

    Shapes: input (T, N, *), or (N, T, *) with `batch_first`. Without `enforce_sorted` the sequences
    are sorted here. Lengths are cast to int64; of a sequence that is longer than the input, `data`
    has the steps that there are. Raises RuntimeError for lengths that aren't sorted, aren't
    positive, or aren't one for each sequence.

    >>> padded = minigrad.tensor([[1, 2, 0], [3, 4, 5]])
    >>> nn.utils.rnn.pack_padded_sequence(padded, [2, 3], True, enforce_sorted=False).data
    tensor([3, 1, 4, 2, 5])
    """
    lengths = as_tensor(lengths, dtype=int64)
    order = None
    if not enforce_sorted:
        lengths, order = sort(lengths, descending=True)
        input = input.index_select(0 if batch_first else 1, order)
    steps = input.transpose(0, 1) if batch_first else input
    numbers = lengths.numpy()
    _check_lengths(numbers, steps.shape)
    batch_sizes = (numbers[None, :] > np.arange(numbers[0])[:, None]).sum(1)
    data = steps[_places(batch_sizes[: steps.shape[0]])]
    data = as_one_node(data, "PackPaddedSequenceBackward0", input)
    return PackedSequence(data, from_numpy(batch_sizes.astype(np.int64)), order)


def _check_lengths(lengths: np.ndarray, shape: Sequence[int]) -> None:
    if lengths.ndim != 1:
        raise RuntimeError(f"'lengths' argument should be a 1D tensor, but got {lengths.ndim}D")
    if 0 in shape:
        raise RuntimeError("Cannot pack empty tensors.")
    if shape[1] != len(lengths):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} "
            f"(batch_size={shape[1]})"
        )
    if lengths[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if (np.diff(lengths) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
            "Pass `enforce_sorted=False` to have the sequences sorted."
        )


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the padded batch of a packed one, and the lengths: undo `pack_padded_sequence`.

    The batch has as many steps as the longest sequence, or `total_length`. Raises ValueError if
    that is too few.

    >>> packed = nn.utils.rnn.pack_sequence([minigrad.tensor([1, 2, 3]), minigrad.tensor([4])])
    >>> nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2, 3],
            [4, 0, 0]]), tensor([3, 1]))
    """
    sizes = sequence.batch_sizes.numpy()
    steps = len(sizes)
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in "
                f"input, but got total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    data = sequence.data
    padded = full((steps, int(sizes[0]), *data.shape[1:]), padding_value, dtype=data.dtype)
    padded[_places(sizes)] = data
    as_one_node(padded, "CopySlices", data)
    lengths = from_numpy((sizes[None, :] > np.arange(sizes[0])[:, None]).sum(1).astype(np.int64))
    if batch_first:
        padded = padded.transpose(0, 1)
    order = sequence.unsorted_indices
    if order is None:
        return padded, lengths
    return padded.index_select(0 if batch_first else 1, order), lengths[order]


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences (length, *) of different lengths, padded to the longest one.

    Returns (T, N, *), or (N, T, *) with `batch_first`.

    >>> nn.utils.rnn.pad_sequence([minigrad.tensor([1, 2]), minigrad.tensor([3])], True)
    tensor([[1, 2],
            [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got {type(sequences)}"
        )
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, got {padding_side}")
    sequences = list(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    longest = max(sequence.shape[0] for sequence in sequences)
    first = sequences[0]
    leading = (len(sequences), longest) if batch_first else (longest, len(sequences))
    padded = full((*leading, *first.shape[1:]), padding_value, dtype=first.dtype)
    for i, sequence in enumerate(sequences):
        length = sequence.shape[0]
        start = longest - length if padding_side == "left" else 0
        steps = slice(start, start + length)
        padded[(i, steps) if batch_first else (steps, i)] = sequence
    return padded


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """Return the sequences of a padded batch: undo `pad_sequence`.

    Without `batch_first` the first two dimensions of the batch are swapped in place.

    >>> padded, lengths = minigrad.tensor([[1, 2], [3, 0]]), minigrad.tensor([2, 1])
    >>> nn.utils.rnn.unpad_sequence(padded, lengths, batch_first=True)
    [tensor([1, 2]), tensor([3])]
    """
    if not batch_first:
        padded_sequences.transpose_(0, 1)  # the argument itself, as in PyTorch
    steps = arange(padded_sequences.shape[1])
    pairs = zip(padded_sequences, lengths, strict=False)
    return [sequence[steps < length] for sequence, length in pairs]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (length, *); see `pack_padded_sequence`.

    >>> nn.utils.rnn.pack_sequence([minigrad.tensor([1, 2]), minigrad.tensor([3])]).data
    tensor([1, 3, 2])
    """
    lengths = as_tensor([sequence.shape[0] for sequence in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Return the sequences of a packed batch: undo `pack_sequence`.

    >>> packed = nn.utils.rnn.pack_sequence([minigrad.tensor([1, 2]), minigrad.tensor([3])])
    >>> nn.utils.rnn.unpack_sequence(packed)
    [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
