"""The collectives and messages, with PyTorch's names and arguments.

Each checks its arguments as PyTorch does, describes itself in a line, and gives the group what to
start and what to do at the end. A tensor that isn't contiguous is moved as a copy. With
`async_op=True` the result is a Work; otherwise it is None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from ..core.tensor import TensorBase
from ..core.versions import count_write
from ..core.warning import warn
from .group import ProcessGroup, Work, described
from .reduce_op import ReduceOp, checked
from .transport import Array, Both, Handle
from .world import Group, GroupMember, get_group_rank, group_of

Tensor = Any


# Reductions ---------------------------------------------------------------------------------------


def all_reduce(
    tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: Group = None, async_op: bool = False
) -> Work | None:
    """Replace a tensor on every rank by the reduction of all of them.

    >>> dist.init_process_group("gloo", "tcp://localhost:29500", rank=0, world_size=1)
    >>> x = minigrad.ones(2)
    >>> dist.all_reduce(x, dist.ReduceOp.AVG)
    >>> x
    tensor([1., 1.])
    >>> dist.destroy_process_group()
    """
    _check_tensor(tensor, "tensor")
    found = _member(group, "all_reduce")
    if found is None:
        return None
    memory = _Memory(tensor)
    array, plain = _reducible(memory.array, checked(op))

    def finish() -> None:
        _divide(memory.array, op, found)
        memory.written()

    line = described(f"all_reduce({op.name})", memory.array)
    return found.run(line, lambda: found.transport.all_reduce(array, plain), finish, async_op)


def reduce(
    tensor: Tensor,
    dst: int | None = None,
    op: ReduceOp = ReduceOp.SUM,
    group: Group = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Replace a tensor on rank `dst` by the reduction of those of all ranks."""
    _check_tensor(tensor, "tensor")
    found = _member(group, "reduce")
    if found is None:
        return None
    to = _rank_in(found, dst, group_dst)
    memory = _Memory(tensor, reads=found.rank() != to)
    array, plain = _reducible(memory.array, checked(op))

    def finish() -> None:
        if found.rank() == to:
            _divide(memory.array, op, found)
            memory.written()

    line = described(f"reduce({op.name}, dst={found.ranks[to]})", array)
    return found.run(line, lambda: found.transport.reduce(array, to, plain), finish, async_op)


def reduce_scatter(
    output: Tensor,
    input_list: list[Tensor],
    op: ReduceOp = ReduceOp.SUM,
    group: Group = None,
    async_op: bool = False,
) -> Work | None:
    """Reduce each item of `input_list` over the ranks; rank i gets the i-th result in `output`."""
    _check_tensor(output, "output")
    _check_list(input_list, "input_list")
    _check_one_dtype(output, input_list)
    found = _member(group, "reduce_scatter")
    if found is None:
        return None
    _check_length(input_list, found, "input_list")
    stacked = _stack(input_list, output, "input_list")
    return _reduce_scatter("reduce_scatter", output, stacked, op, found, async_op)


def reduce_scatter_tensor(
    output: Tensor,
    input: Tensor,
    op: ReduceOp = ReduceOp.SUM,
    group: Group = None,
    async_op: bool = False,
) -> Work | None:
    """Do `reduce_scatter` on `input`, whose memory has an equal part for each rank."""
    _check_tensor(output, "output")
    _check_tensor(input, "input")
    _check_one_dtype(output, [input])
    found = _member(group, "reduce_scatter_tensor")
    if found is None:
        return None
    _check_parts(input, output, found, "input", "output")
    stacked = np.ascontiguousarray(_array(input)).reshape(found.size(), *_array(output).shape)
    return _reduce_scatter("reduce_scatter_tensor", output, stacked, op, found, async_op)


def _reduce_scatter(
    name: str,
    output: Tensor,
    stacked: Array,
    op: ReduceOp,
    found: ProcessGroup,
    async_op: bool,
) -> Work | None:
    memory = _Memory(output, writes_only=True)
    array, plain = _reducible(memory.array, checked(op))
    whole, _ = _reducible(stacked, op)

    def finish() -> None:
        _divide(memory.array, op, found)
        memory.written()

    line = described(f"{name}({op.name})", array)

    def start() -> Handle:
        return found.transport.reduce_scatter(array, whole, plain)

    return found.run(line, start, finish, async_op)


# Copies -------------------------------------------------------------------------------------------


def broadcast(
    tensor: Tensor,
    src: int | None = None,
    group: Group = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Fill the tensor of every rank with that of rank `src`."""
    _check_tensor(tensor, "tensor")
    found = _member(group, "broadcast")
    if found is None:
        return None
    root = _rank_in(found, src, group_src)
    memory = _Memory(tensor, reads=found.rank() == root)
    line = described(f"broadcast(src={found.ranks[root]})", memory.array)
    finish = (lambda: None) if found.rank() == root else memory.written

    def start() -> Handle:
        return found.transport.broadcast(memory.array, root)

    return found.run(line, start, finish, async_op)


def all_gather(
    tensor_list: list[Tensor], tensor: Tensor, group: Group = None, async_op: bool = False
) -> Work | None:
    """Fill `tensor_list` on every rank with the tensors of all ranks."""
    _check_list(tensor_list, "tensor_list")
    _check_tensor(tensor, "tensor")
    _check_one_dtype(tensor, tensor_list)
    found = _member(group, "all_gather")
    if found is None:
        return None
    _check_length(tensor_list, found, "tensor_list")
    array = _readable(tensor)
    _check_shapes(tensor_list, array, "tensor_list")
    stacked = np.empty((found.size(), *array.shape), array.dtype)

    def start() -> Handle:
        return found.transport.all_gather(stacked, array)

    def finish() -> None:
        _unstack(stacked, tensor_list)

    return found.run(described("all_gather", array), start, finish, async_op)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: Group = None, async_op: bool = False
) -> Work | None:
    """Do `all_gather` into one tensor, whose memory has an equal part for each rank.

    >>> dist.init_process_group("gloo", "tcp://localhost:29500", rank=0, world_size=1)
    >>> x = minigrad.zeros(2)
    >>> dist.all_gather_into_tensor(x, minigrad.ones(2))
    >>> x
    tensor([1., 1.])
    >>> dist.destroy_process_group()
    """
    _check_tensor(output_tensor, "output_tensor")
    _check_tensor(input_tensor, "input_tensor")
    _check_one_dtype(output_tensor, [input_tensor])
    found = _member(group, "all_gather_into_tensor")
    if found is None:
        return None
    _check_parts(output_tensor, input_tensor, found, "output_tensor", "input_tensor")
    array = _readable(input_tensor)
    memory = _Memory(output_tensor, writes_only=True)
    stacked = memory.array.reshape(found.size(), *array.shape)

    def start() -> Handle:
        return found.transport.all_gather(stacked, array)

    line = described("all_gather_into_tensor", array)
    return found.run(line, start, memory.written, async_op)


def gather(
    tensor: Tensor,
    gather_list: list[Tensor] | None = None,
    dst: int | None = None,
    group: Group = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Fill `gather_list` on rank `dst` (by default 0) with the tensors of all ranks."""
    _check_tensor(tensor, "tensor")
    if gather_list:
        _check_list(gather_list, "gather_list")
        _check_one_dtype(tensor, gather_list)
    found = _member(group, "gather")
    if found is None:
        return None
    to = _rank_in(found, 0 if dst is None and group_dst is None else dst, group_dst)
    _check_root(gather_list, found.rank() == to, "gather_list", "destination")
    array, stacked = _readable(tensor), None
    if gather_list:
        _check_length(gather_list, found, "gather_list")
        _check_shapes(gather_list, array, "gather_list")
        stacked = np.empty((found.size(), *array.shape), array.dtype)

    def finish() -> None:
        if stacked is not None and gather_list:
            _unstack(stacked, gather_list)

    def start() -> Handle:
        return found.transport.gather(stacked, array, to)

    line = described(f"gather(dst={found.ranks[to]})", array)
    return found.run(line, start, finish, async_op)


def scatter(
    tensor: Tensor,
    scatter_list: list[Tensor] | None = None,
    src: int | None = None,
    group: Group = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Fill the tensor of rank i with item i of `scatter_list` on rank `src` (by default 0)."""
    _check_tensor(tensor, "tensor")
    if scatter_list:
        _check_list(scatter_list, "scatter_list")
        _check_one_dtype(tensor, scatter_list)
    found = _member(group, "scatter")
    if found is None:
        return None
    root = _rank_in(found, 0 if src is None and group_src is None else src, group_src)
    _check_root(scatter_list, found.rank() == root, "scatter_list", "source")
    stacked = None
    if scatter_list:
        _check_length(scatter_list, found, "scatter_list")
        stacked = _stack(scatter_list, tensor, "scatter_list")
    memory = _Memory(tensor, writes_only=True)

    def start() -> Handle:
        return found.transport.scatter(memory.array, stacked, root)

    line = described(f"scatter(src={found.ranks[root]})", memory.array)
    return found.run(line, start, memory.written, async_op)


def all_to_all(
    output_tensor_list: list[Tensor],
    input_tensor_list: list[Tensor],
    group: Group = None,
    async_op: bool = False,
) -> Work | None:
    """Send the i-th input to rank i, and receive the i-th output from it.

    The tensors for different ranks may have different shapes.
    """
    _check_list(output_tensor_list, "output_tensor_list")
    _check_list(input_tensor_list, "input_tensor_list")
    _check_one_dtype(*output_tensor_list, input_tensor_list)
    found = _member(group, "all_to_all")
    if found is None:
        return None
    _check_length(output_tensor_list, found, "output_tensor_list")
    _check_length(input_tensor_list, found, "input_tensor_list")
    memories = [_Memory(tensor, writes_only=True) for tensor in output_tensor_list]
    inputs = [_readable(tensor) for tensor in input_tensor_list]

    def finish() -> None:
        for memory in memories:
            memory.written()

    outputs = [memory.array for memory in memories]
    return _exchange("all_to_all", outputs, inputs, found, finish, async_op)


def all_to_all_single(
    output: Tensor,
    input: Tensor,
    output_split_sizes: Sequence[int] | None = None,
    input_split_sizes: Sequence[int] | None = None,
    group: Group = None,
    async_op: bool = False,
) -> Work | None:
    """Do `all_to_all` on parts of two tensors along the first dimension, by default equal parts."""
    _check_tensor(output, "output")
    _check_tensor(input, "input")
    _check_one_dtype(output, [input])
    found = _member(group, "all_to_all_single")
    if found is None:
        return None
    memory = _Memory(output, writes_only=True)
    outputs = _split(memory.array, output_split_sizes, found, "output")
    inputs = _split(_readable(input), input_split_sizes, found, "input")
    return _exchange("all_to_all_single", outputs, inputs, found, memory.written, async_op)


_EXCHANGE = 2**20  # the tag of these messages, which users' messages don't have


def _exchange(
    name: str,
    outputs: list[Array],
    inputs: list[Array],
    found: ProcessGroup,
    finish: Callable[[], object],
    async_op: bool,
) -> Work | None:
    here = found.rank()
    if outputs[here].shape != inputs[here].shape:
        raise RuntimeError(
            f"{name}: rank {here} sends itself {list(inputs[here].shape)} for "
            f"{list(outputs[here].shape)}"
        )

    def start() -> Handle:
        # As messages, whose lines tell if a rank expects another shape.
        outputs[here][...] = inputs[here]
        others = [rank for rank in range(found.size()) if rank != here]
        sent = [found.send(inputs[rank], rank, _EXCHANGE) for rank in others]
        for rank in others:
            found.receive(outputs[rank], rank, _EXCHANGE, lambda: None).wait()
        return Both([_Waiting(work) for work in sent])

    return found.run(f"{name} of {outputs[here].dtype}", start, finish, async_op)


class _Waiting:
    """A Work as a transport's handle."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def wait(self, timeout: float) -> None:
        self.work.wait(timedelta(seconds=timeout))

    def done(self) -> bool:
        return self.work.is_completed()


def barrier(
    group: Group = None,
    async_op: bool = False,
    device_ids: Any = None,
    timeout: timedelta | None = None,
) -> Work | None:
    """Wait until every rank of the group is here.

    >>> dist.init_process_group("gloo", "tcp://localhost:29500", rank=0, world_size=1)
    >>> dist.barrier()
    >>> dist.destroy_process_group()
    """
    if device_ids is not None:
        raise RuntimeError(f"barrier(device_ids={device_ids!r}): there is no device but the CPU")
    found = _member(group, "barrier")
    if found is None:
        return None
    seconds = None if timeout is None else timeout.total_seconds()
    # The check of the lines is a barrier.
    return found.run("barrier", lambda: Both([]), async_op=async_op, timeout=seconds)


def monitored_barrier(
    group: Group = None, timeout: timedelta | None = None, wait_all_ranks: bool = False
) -> None:
    """Do `barrier`, which always names a rank that doesn't come."""
    barrier(group, timeout=timeout)


# Messages -----------------------------------------------------------------------------------------


def send(
    tensor: Tensor,
    dst: int | None = None,
    group: Group = None,
    tag: int = 0,
    group_dst: int | None = None,
) -> None:
    """Send a tensor to rank `dst`, and wait until it may be changed."""
    work = isend(tensor, dst, group, tag, group_dst)
    if work is not None:
        work.wait()


def recv(
    tensor: Tensor,
    src: int | None = None,
    group: Group = None,
    tag: int = 0,
    group_src: int | None = None,
) -> int:
    """Fill a tensor with the one that rank `src` (or any rank) sends. Returns the sender's rank."""
    work = irecv(tensor, src, group, tag, group_src)
    if work is None:
        return -1
    work.wait()
    found = group_of(group)
    assert found is not None
    return found.ranks[work.source_rank()]


def isend(
    tensor: Tensor,
    dst: int | None = None,
    group: Group = None,
    tag: int = 0,
    group_dst: int | None = None,
) -> Work | None:
    """Start to send a tensor to rank `dst`. Don't change it until the Work is done."""
    _check_tensor(tensor, "tensor")
    found = _member(group, "isend")
    if found is None:
        return None
    to = _rank_in(found, dst, group_dst)
    if to == found.rank():
        raise ValueError(
            "Invalid destination rank: destination rank should not be the same as "
            "the rank of the current process."
        )
    return found.send(_readable(tensor), to, tag)


def irecv(
    tensor: Tensor,
    src: int | None = None,
    group: Group = None,
    tag: int = 0,
    group_src: int | None = None,
) -> Work | None:
    """Start to receive a tensor from rank `src`, or from any. It is there when the Work is done."""
    _check_tensor(tensor, "tensor")
    found = _member(group, "irecv")
    if found is None:
        return None
    source = None
    if src is not None or group_src is not None:
        source = _rank_in(found, src, group_src)
        if source == found.rank():
            raise ValueError(
                "Invalid source rank: source rank should not be the same as the rank "
                "of the current process."
            )
    memory = _Memory(tensor, writes_only=True)
    return found.receive(memory.array, source, tag, memory.written)


class P2POp:
    """An `isend` or `irecv` of a list for `batch_isend_irecv`."""

    def __init__(
        self,
        op: Callable[..., Work | None],
        tensor: Tensor,
        peer: int | None = None,
        group: Group = None,
        tag: int = 0,
        group_peer: int | None = None,
    ) -> None:
        if op not in (isend, irecv):
            raise ValueError(
                "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or "
                "``torch.distributed.irecv``."
            )
        self.op, self.tensor, self.peer = op, tensor, peer
        self.group, self.tag, self.group_peer = group, tag, group_peer


def batch_isend_irecv(p2p_op_list: list[P2POp]) -> list[Work]:
    """Start each of the messages, and return their Works."""
    if not p2p_op_list or not all(isinstance(each, P2POp) for each in p2p_op_list):
        raise ValueError(
            "Invalid ``p2p_op_list``. Each op is expected to to be of type "
            "``torch.distributed.P2POp``."
        )
    works = [
        each.op(each.tensor, each.peer, each.group, each.tag, each.group_peer)
        for each in p2p_op_list
    ]
    return [work for work in works if work is not None]


# Checks -------------------------------------------------------------------------------------------


def _member(group: Group, name: str) -> ProcessGroup | None:
    """The group, or None after a warning if this process isn't in it."""
    found = group_of(group)
    if found is None:
        rank = -1 if GroupMember.WORLD is None else GroupMember.WORLD.rank()
        warn(
            f"Running {name} on global rank {rank} which does not belong to the given group.",
            UserWarning,
        )
    return found


def _rank_in(group: ProcessGroup, rank: int | None, group_rank: int | None) -> int:
    if group_rank is not None:
        if rank is not None:
            raise ValueError("Can't specify both group_rank and global_rank")
        if not 0 <= group_rank < group.size():
            raise ValueError(f"Group rank {group_rank} is not part of group {group}")
        return group_rank
    if rank is None:
        raise ValueError("Must specify global_rank or group_rank")
    return get_group_rank(group, rank)


def _check_tensor(value: object, name: str) -> None:
    if not isinstance(value, TensorBase):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor\n"
            f"             but got {type(value)} instead."
        )


def _check_list(value: object, name: str) -> None:
    if not isinstance(value, list) or not all(isinstance(each, TensorBase) for each in value):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type "
            f"List[torch.Tensor]\n             but got {type(value)} instead."
        )


def _check_one_dtype(*tensors: Any) -> None:
    flat: list[Any] = []
    for each in tensors:
        flat += each if isinstance(each, list) else [each]
    for other in flat[1:]:
        if other.dtype != flat[0].dtype:
            raise ValueError(
                "Invalid usage of tensors with different dtypes"
                f"Found {flat[0].dtype} and  {other.dtype}"
            )


def _check_length(tensors: Sequence[Tensor], group: ProcessGroup, name: str) -> None:
    if len(tensors) != group.size():
        raise RuntimeError(
            f"{name} must have a tensor for each of {group.size()} ranks, not {len(tensors)}"
        )


def _check_shapes(tensors: Sequence[Tensor], like: Array, name: str) -> None:
    for i, each in enumerate(tensors):
        if _array(each).shape != like.shape:
            raise RuntimeError(
                f"{name}[{i}] has the shape {list(_array(each).shape)}, but the tensor has "
                f"{list(like.shape)}"
            )


def _check_parts(
    whole: Tensor, part: Tensor, group: ProcessGroup, whole_name: str, part_name: str
) -> None:
    if whole.numel() != group.size() * part.numel():
        raise ValueError(
            f"{whole_name} must have {group.size()} times the elements of {part_name}: it has "
            f"{whole.numel()}, and {part_name} has {part.numel()}"
        )


def _check_root(tensors: Sequence[Tensor] | None, is_root: bool, name: str, what: str) -> None:
    if is_root and not tensors:
        raise ValueError(f"Argument ``{name}`` must be specified on {what} rank.")
    if tensors and not is_root:
        raise ValueError(f"Argument ``{name}`` must NOT be specified on non-{what} ranks.")


# Memory -------------------------------------------------------------------------------------------


class _Memory:
    """The elements of a tensor as a contiguous array: its own, or a copy that is written back."""

    def __init__(self, tensor: Tensor, reads: bool = False, writes_only: bool = False) -> None:
        self.tensor, array = tensor, tensor._array
        self.own = array.flags.c_contiguous and (reads or array.flags.writeable)
        copy = np.empty(array.shape, array.dtype) if writes_only else None
        self.array = array if self.own else np.array(array, order="C") if copy is None else copy

    def written(self) -> None:
        """Note that the elements have changed."""
        if not self.own:
            self.tensor._array[...] = self.array
        count_write(self.tensor._counter)


def _array(tensor: Tensor) -> Array:
    found: Array = tensor._array
    return found


def _readable(tensor: Tensor) -> Array:
    return np.ascontiguousarray(_array(tensor)).reshape(_array(tensor).shape)


def _stack(tensors: Sequence[Tensor], like: Tensor, name: str) -> Array:
    _check_shapes(tensors, _array(like), name)
    return np.stack([_array(each) for each in tensors])


def _unstack(stacked: Array, tensors: Iterable[Tensor]) -> None:
    for item, tensor in zip(stacked, tensors, strict=True):
        tensor._array[...] = item
        count_write(tensor._counter)


def _split(
    array: Array, sizes: Sequence[int] | None, group: ProcessGroup, name: str
) -> list[Array]:
    rows = len(array) if array.ndim else 0
    if not sizes:
        if rows % group.size():
            raise RuntimeError(
                f"the first dimension of {name}, {rows}, isn't a multiple of {group.size()} ranks"
            )
        sizes = [rows // group.size()] * group.size()
    if len(sizes) != group.size() or sum(sizes) != rows:
        raise RuntimeError(
            f"the split sizes of {name}, {list(sizes)}, don't add up to {rows} for "
            f"{group.size()} ranks"
        )
    ends = np.cumsum(sizes)
    return [array[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _reducible(array: Array, op: ReduceOp) -> tuple[Array, ReduceOp]:
    """The array and operation that a backend is given: AVG is a sum, and bools are bytes."""
    if array.dtype == np.bool_:
        whole = op in (ReduceOp.PRODUCT, ReduceOp.MIN, ReduceOp.BAND)
        return array.view(np.uint8), ReduceOp.MIN if whole else ReduceOp.MAX
    if op is ReduceOp.AVG and array.dtype.kind != "f":
        raise RuntimeError(f"ReduceOp.AVG is for floats, not {array.dtype}")
    if op.name.startswith("B") and array.dtype.kind == "f":
        raise RuntimeError(f"Cannot use ReduceOp.{op.name} with non-integral dtype")
    return array, ReduceOp.SUM if op is ReduceOp.AVG else op


def _divide(array: Array, op: ReduceOp, group: ProcessGroup) -> None:
    if op is ReduceOp.AVG:
        array /= array.dtype.type(group.size())
