"""Many steps in one call: which programs can be a loop, and the batches of the steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..api.tensor import Tensor
from ..core.tensor import wrap


def repeats(compiled: Any) -> bool:
    """Whether a recorded step, run again and again, finds each time what it was recorded for.

    It may not write its arguments or draw random numbers, and each `.grad` must exist after it if
    it did before.
    """
    if compiled.draws:
        return False
    recorder, paths = compiled.recorder, compiled.inputs.paths
    inputs = {id(tensor) for tensor, _, _ in recorder.inputs}
    if any(tensor_id in paths and recorder.versions[tensor_id] for tensor_id in inputs):
        return False
    if any(True for _ in _returned(compiled)):
        return False
    for tensor, _, _ in recorder.inputs:
        kind = recorder.grads[id(tensor)].kind
        if kind == "kept":
            continue
        existed, exists = tensor._grad is not None, kind == "new"
        if existed != exists or id(tensor) in paths or compiled.reads_old_grad(tensor):
            return False
    return True


def _returned(compiled: Any) -> Iterator[Any]:
    """The tensors of the user's that the step returns."""

    def look(thing: Any) -> Iterator[Any]:
        if isinstance(thing, Tensor):
            yield from (t for t, _, _ in compiled.recorder.inputs if t is thing)
        elif isinstance(thing, list | tuple):
            for part in thing:
                yield from look(part)
        elif isinstance(thing, dict):
            for part in thing.values():
                yield from look(part)

    yield from look(compiled.recorder.result)


class Batches:
    """The arguments of n steps: a tuple of stacked arguments, or a list of n tuples.

    TypeError or ValueError for anything else.
    """

    def __init__(self, n: int, batches: Any) -> None:
        if isinstance(n, bool) or not isinstance(n, int):
            raise TypeError(f"repeat() takes a number of steps, not {type(n).__name__}")
        if n < 1:
            raise ValueError(f"repeat() takes at least one step, not {n}")
        if type(batches) not in (tuple, list):
            raise TypeError(
                "repeat() takes a tuple of arguments with a row for each step, or a list with a "
                f"tuple of arguments for each step, not {type(batches).__name__}"
            )
        self.n, self.stacked = n, type(batches) is tuple
        self._batches = batches
        self._run: tuple[int, int, Any] = (0, 0, ())  # steps that were stacked, and their rows
        if self.stacked:
            _mapped(batches, self._check_rows)
        else:
            self._check_list()

    def _check_rows(self, tensor: Any) -> None:
        if tensor.ndim == 0 or tensor.shape[0] != self.n:
            raise ValueError(
                f"repeat() takes a row for each of the {self.n} steps, but an argument has the "
                f"shape {tuple(tensor.shape)}"
            )

    def _check_list(self) -> None:
        if len(self._batches) != self.n:
            raise ValueError(f"repeat() got {len(self._batches)} batches for {self.n} steps")
        for i, batch in enumerate(self._batches):
            if not isinstance(batch, tuple | list):
                raise TypeError(
                    f"batch {i} is a {type(batch).__name__}, not a tuple of the step's arguments"
                )

    def __getitem__(self, i: int) -> tuple[Any, ...]:
        """The arguments of step i."""
        if self.stacked:
            return tuple(_mapped(self._batches, lambda tensor: tensor[i]))
        return tuple(self._batches[i])

    def rows(self, i: int) -> tuple[int, tuple[Any, ...]]:
        """How many steps from step i on have arguments of one kind, and these, stacked."""
        if self.stacked:
            return self.n - i, tuple(_mapped(self._batches, lambda tensor: tensor[i:]))
        start, end, rows = self._run
        if not start <= i < end:
            start, end = i, i + 1
            while end < self.n and _alike(self._batches[i], self._batches[end]):
                end += 1
            rows = _stacked([tuple(batch) for batch in self._batches[i:end]])
            self._run = start, end, rows
        return end - i, tuple(_mapped(rows, lambda tensor: tensor[i - start :]))


def _mapped(thing: Any, change: Callable[[Any], Any]) -> Any:
    """Nested arguments with `change` applied to each tensor."""
    if isinstance(thing, Tensor):
        return change(thing)
    if isinstance(thing, list | tuple):
        return type(thing)([_mapped(part, change) for part in thing])
    if isinstance(thing, dict):
        return {key: _mapped(part, change) for key, part in thing.items()}
    return thing


def _alike(a: Any, b: Any) -> bool:
    """Whether two steps' arguments can be stacked."""
    if isinstance(a, Tensor):
        plain = isinstance(b, Tensor) and not (a.requires_grad or b.requires_grad)
        return plain and (a._array.shape, a._array.dtype, a._array.strides) == (
            b._array.shape, b._array.dtype, b._array.strides,
        )  # fmt: skip
    if isinstance(a, list | tuple):
        same = isinstance(b, list | tuple) and len(a) == len(b)
        return same and all(map(_alike, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(_alike(a[k], b[k]) for k in a)
    return type(a) is type(b) and bool(a == b)


def _stacked(parts: list[Any]) -> Any:
    """Nested arguments with a row for each step; a tensor that is the same in all isn't copied."""
    first = parts[0]
    if isinstance(first, Tensor):
        if all(part is first for part in parts):
            array = first._array
            shape, strides = (len(parts), *array.shape), (0, *array.strides)
            return wrap(np.lib.stride_tricks.as_strided(array, shape, strides))
        return wrap(_with_layout([part._array for part in parts]))
    if isinstance(first, list | tuple):
        return type(first)([_stacked(list(row)) for row in zip(*parts, strict=True)])
    if isinstance(first, dict):
        return {key: _stacked([part[key] for part in parts]) for key in first}
    return first


def _with_layout(arrays: list[np.ndarray]) -> np.ndarray:
    """Arrays stacked, each with the strides that it had."""
    first = arrays[0]
    if not first.flags.c_contiguous:
        low, high = np.lib.array_utils.byte_bounds(first)
        memory = np.empty((len(arrays), high - low), np.uint8)
        strides = (high - low, *first.strides)
        rows: np.ndarray = np.ndarray((len(arrays), *first.shape), first.dtype, memory, 0, strides)
        for row, array in zip(rows, arrays, strict=True):
            row[...] = array
        return rows
    return np.stack(arrays)


def first_row(stacked: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of the first of stacked steps."""
    return tuple(_mapped(stacked, lambda tensor: tensor[0]))


def row_checked(results: Any) -> Any:
    """Stacked results. TypeError if they aren't tensors."""
    return _tensors(results, lambda tensor: tensor)


def row_of(result: Any) -> Any:
    """The result of one step with a leading dimension, for `joined`."""
    return _tensors(result, lambda tensor: wrap(tensor._array[None].copy()))


def joined(pieces: list[Any]) -> Any:
    """The results of several runs of steps, stacked in one. TypeError if they aren't tensors."""
    first = pieces[0]
    if isinstance(first, Tensor):
        if len(pieces) == 1:
            return first
        return wrap(np.concatenate([piece._array for piece in pieces]))
    if isinstance(first, list | tuple):
        return type(first)([joined(list(row)) for row in zip(*pieces, strict=True)])
    if isinstance(first, dict):
        return {key: joined([piece[key] for piece in pieces]) for key in first}
    return None


def _tensors(result: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(result, Tensor):
        return change(result)
    if type(result) in (list, tuple):
        return type(result)([_tensors(part, change) for part in result])
    if type(result) is dict:
        return {key: _tensors(part, change) for key, part in result.items()}
    if result is None:
        return None
    raise TypeError(f"repeat() stacks tensors, but the step returns a {type(result).__name__}")
