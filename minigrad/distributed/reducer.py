"""`Reducer`: averages the gradients of some parameters over the ranks while `backward` goes on.

A hook on each parameter copies its gradient, as soon as it is complete, into its place in a bucket.
A bucket that is full is reduced at once, in the background. The buckets hold the parameters from
the last to the first, which is about the order in which their gradients come, and they are reduced
in this order on every rank. The hook of the last parameter waits for all of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..core.tensor import TensorBase, wrap
from ..core.versions import count_write
from ..core.walk import leaves_below
from .errors import TransportError
from .group import ProcessGroup
from .objects import all_gather_object
from .reduce_op import ReduceOp
from .transport import Array, Handle

_FIRST_BUCKET = 2**20  # bytes: a small one, so that the first transfer starts early

Named = Sequence[tuple[str, Any]]


class Bucket:
    """The gradients of a few parameters in one array."""

    def __init__(self, parameters: dict[int, Any]) -> None:
        arrays = {i: parameter._array for i, parameter in parameters.items()}
        dtype = next(iter(arrays.values())).dtype
        self.array: Array = np.zeros(sum(array.size for array in arrays.values()), dtype)
        self.places: dict[int, Array] = {}
        start = 0
        for i, array in arrays.items():
            self.places[i] = self.array[start : start + array.size].reshape(array.shape)
            start += array.size
        self.missing = len(self.places)
        self.handle: Handle | None = None


def in_buckets(parameters: Sequence[Any], limit: int) -> list[Bucket]:
    """Put the parameters, from the last to the first, into buckets of about `limit` bytes."""
    filling: dict[Any, dict[int, Any]] = {}
    full: list[dict[int, Any]] = []
    for i in reversed(range(len(parameters))):
        array = parameters[i]._array
        chosen = filling.setdefault(array.dtype, {})
        chosen[i] = parameters[i]
        most = limit if full else min(limit, _FIRST_BUCKET)
        if sum(each._array.nbytes for each in chosen.values()) >= most:
            full.append(filling.pop(array.dtype))
    return [Bucket(each) for each in (*full, *filling.values())]


class Reducer:
    """Averages the gradients of parameters over the ranks of a group.

    - `find_unused`: whether a step may leave parameters out. Those that no rank uses keep their
      gradient.
    - `as_views`: whether a gradient is the place in its bucket, and not a copy of it.
    - `waited`: the seconds in which `backward` had nothing to do but wait for transfers.
    """

    def __init__(
        self,
        parameters: Named,
        group: ProcessGroup,
        limit: int,
        find_unused: bool,
        as_views: bool,
    ) -> None:
        self.names = [name for name, _ in parameters]
        self.parameters = [parameter for _, parameter in parameters]
        self.group, self.find_unused, self.as_views = group, find_unused, as_views
        self.buckets = in_buckets(self.parameters, limit)
        self.bucket_of = {i: bucket for bucket in self.buckets for i in bucket.places}
        self.expecting = False
        self.waited = 0.0
        self._start([])
        for i, parameter in enumerate(self.parameters):
            parameter.register_post_accumulate_grad_hook(lambda _, i=i: self._arrived(i))

    # A step ---------------------------------------------------------------------------------------

    def prepare(self, outputs: Iterable[TensorBase]) -> None:
        """Expect the gradients of a `backward` from these outputs.

        RuntimeError if gradients of the step before are missing.
        """
        if self.expecting and self.begun:
            raise RuntimeError(self._unfinished())
        self.expecting = True
        unused: list[int] = []
        if self.find_unused:
            used = leaves_below(outputs)
            unused = [i for i, parameter in enumerate(self.parameters) if parameter not in used]
        self._start(unused)

    def _start(self, unused: list[int]) -> None:
        self.unused, self.begun, self.launched = unused, False, 0
        self.arrived = [False] * len(self.parameters)
        for bucket in self.buckets:
            bucket.missing, bucket.handle = len(bucket.places), None

    def _arrived(self, i: int) -> None:
        """The hook of a parameter: its gradient is complete."""
        if not self.expecting:
            return
        if self.arrived[i]:
            raise RuntimeError(
                "Expected to mark a variable ready only once. The parameter "
                f"{self.names[i]!r} got a gradient twice in one step: by a backward in a backward, "
                "or because a loss uses find_unused_parameters=True and the graph changed."
            )
        if not self.begun:
            self.begun = True
            for other in self.unused:
                self._fill(other)
        self._fill(i)
        if self.launched == len(self.buckets):
            self._finish()

    def _fill(self, i: int) -> None:
        """Copy a gradient into its bucket, and reduce the buckets that are full."""
        bucket, grad = self.bucket_of[i], self.parameters[i].grad
        place = bucket.places[i]
        if grad is None:
            place.fill(0)
        else:
            np.multiply(grad._array, place.dtype.type(1 / self.group.size()), out=place)
        self.arrived[i] = True
        bucket.missing -= 1
        while self.launched < len(self.buckets) and not self.buckets[self.launched].missing:
            next_bucket = self.buckets[self.launched]
            next_bucket.handle = self.group.begin(
                lambda bucket=next_bucket: self.group.transport.all_reduce(  # type: ignore[misc]
                    bucket.array, ReduceOp.SUM
                )
            )
            self.launched += 1
        for each in self.buckets[: self.launched]:
            assert each.handle is not None
            each.handle.done()  # MPI goes on only when it is asked

    def _finish(self) -> None:
        """Wait for all buckets, and put the averages into the gradients."""
        self.expecting = False
        used = self._used_anywhere()
        start = time.perf_counter()
        for number, bucket in enumerate(self.buckets):
            assert bucket.handle is not None
            try:
                bucket.handle.wait(self.group.timeout)
            except TransportError as error:
                self.group.blame(f"all_reduce of the gradients in bucket {number}", error)
        self.waited += time.perf_counter() - start
        for bucket in self.buckets:
            for i, place in bucket.places.items():
                if used[i]:
                    self._give(self.parameters[i], place)

    def _give(self, parameter: Any, average: Array) -> None:
        grad = parameter.grad
        if grad is None or (self.as_views and not np.shares_memory(grad._array, average)):
            parameter.grad = wrap(average if self.as_views else average.copy())
        else:
            if grad._array is not average and not np.shares_memory(grad._array, average):
                grad._array[...] = average
            count_write(grad._counter)

    def _used_anywhere(self) -> Sequence[Any]:
        """Whether any rank used each parameter in this step."""
        if not self.find_unused:
            return self.arrived
        used = np.ones(len(self.parameters), np.uint8)
        used[self.unused] = 0
        handle = self.group.begin(lambda: self.group.transport.all_reduce(used, ReduceOp.MAX))
        try:
            handle.wait(self.group.timeout)
        except TransportError as error:
            self.group.blame("all_reduce of which parameters are used", error)
        return list(used)

    def _unfinished(self) -> str:
        missing = [self.names[i] for i, here in enumerate(self.arrived) if not here]
        return (
            "Expected to have finished reduction in the prior iteration before starting a new "
            "one. This error indicates that your module has parameters that were not used in "
            f"producing loss: {', '.join(missing)}. You can enable unused parameter detection by "
            "passing the keyword argument `find_unused_parameters=True` to "
            "`torch.nn.parallel.DistributedDataParallel`."
        )


# The start ----------------------------------------------------------------------------------------


def check_same(parameters: Named, group: ProcessGroup) -> None:
    """RuntimeError that names the first parameter which isn't the same kind on every rank."""
    here = [(name, str(p.dtype), list(p.shape)) for name, p in parameters]
    everywhere: list[Any] = [None] * group.size()
    all_gather_object(everywhere, here, group)
    first = everywhere[0]
    for rank, there in enumerate(everywhere):
        if len(there) != len(first):
            raise RuntimeError(
                f"DDP expects same model across all ranks, but Rank {group.ranks[rank]} has "
                f"{len(there)} params, while rank {group.ranks[0]} has inconsistent {len(first)} "
                "params."
            )
        for i, (ours, theirs) in enumerate(zip(there, first, strict=True)):
            if ours != theirs:
                name, dtype, shape = ours
                raise RuntimeError(
                    f"[{group.ranks[rank]}]: params[{i}], {name!r}, in this process with sizes "
                    f"{shape} and {dtype} appears not to match sizes of the same param in process "
                    f"{group.ranks[0]}, {theirs[0]!r} with sizes {theirs[2]} and {theirs[1]}."
                )


def broadcast_all(what: str, tensors: Sequence[Any], group: ProcessGroup) -> None:
    """Give all ranks the elements that the first rank of the group has.

    They go in one array for each dtype. As in PyTorch, this doesn't count as a write: a graph may
    have saved the tensors.
    """
    by_dtype: dict[Any, list[Array]] = {}
    for tensor in tensors:
        by_dtype.setdefault(tensor._array.dtype, []).append(tensor._array)
    for dtype, arrays in by_dtype.items():
        flat = np.concatenate([array.reshape(-1) for array in arrays])
        line = f"broadcast of {what}: {dtype} [{flat.size}]"
        group.run(line, lambda flat=flat: group.transport.broadcast(flat, 0))  # type: ignore[misc]
        start = 0
        for array in arrays if group.rank() else ():
            array[...] = flat[start : start + array.size].reshape(array.shape)
            start += array.size
