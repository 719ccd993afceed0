"""Collectives of Python objects, which are pickled: for settings and results, not for arrays.

Unpickling runs code, so the other ranks must be trusted, as in PyTorch.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from ..core.tensor import wrap
from .collectives import all_gather, broadcast, gather
from .world import Group, get_rank, group_of


def all_gather_object(object_list: list[Any], obj: Any, group: Group = None) -> None:
    """Fill `object_list` on every rank with the objects of all ranks.

    >>> dist.init_process_group("gloo", "tcp://localhost:29500", rank=0, world_size=1)
    >>> found = [None]
    >>> dist.all_gather_object(found, {"loss": 0.5})
    >>> found
    [{'loss': 0.5}]
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        return
    size = found.size()
    packed, sizes = _packed(obj, size, group)
    everything = [wrap(np.empty_like(packed._array)) for _ in range(size)]
    all_gather(everything, packed, group)
    for i, each in enumerate(everything):
        object_list[i] = _unpacked(each, sizes[i])


def gather_object(
    obj: Any,
    object_gather_list: list[Any] | None = None,
    dst: int | None = None,
    group: Group = None,
    group_dst: int | None = None,
) -> None:
    """Fill `object_gather_list` on rank `dst` (by default 0) with the objects of all ranks."""
    found = group_of(group)
    if found is None:
        return
    size = found.size()
    packed, sizes = _packed(obj, size, group)
    everything = None
    if object_gather_list:
        everything = [wrap(np.empty_like(packed._array)) for _ in range(size)]
    gather(packed, everything, dst, group, group_dst=group_dst)
    for i, each in enumerate(everything or ()):
        assert object_gather_list is not None
        object_gather_list[i] = _unpacked(each, sizes[i])


def broadcast_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: Group = None,
    device: Any = None,
    group_src: int | None = None,
) -> None:
    """Replace the items of a list on every rank by those of rank `src` (by default 0)."""
    found = group_of(group)
    if found is None:
        return
    if src is None and group_src is None:
        src = 0
    root = group_src if group_src is not None else found.ranks.index(src)
    data = pickle.dumps(object_list) if found.rank() == root else b""
    size = wrap(np.array([len(data)]))
    broadcast(size, group=group, group_src=root)
    packed = wrap(np.frombuffer(data, np.uint8).copy() if data else np.empty(size.item(), np.uint8))
    broadcast(packed, group=group, group_src=root)
    object_list[:] = pickle.loads(packed._array.tobytes())


def scatter_object_list(
    scatter_object_output_list: list[Any],
    scatter_object_input_list: list[Any] | None = None,
    src: int | None = None,
    group: Group = None,
    group_src: int | None = None,
) -> None:
    """Put the i-th object of rank `src` (by default 0) into the first place of rank i's list."""
    if group_of(group) is None:
        return
    objects = [scatter_object_input_list]
    broadcast_object_list(objects, src, group, group_src=group_src)
    if objects[0] is None:
        raise ValueError("Expected argument scatter_object_input_list to be a list on source rank.")
    scatter_object_output_list[0] = objects[0][get_rank(group)]


def _packed(obj: Any, size: int, group: Group) -> tuple[Any, list[int]]:
    """The bytes of an object, padded to the longest of the ranks', and the lengths of all."""
    data = pickle.dumps(obj)
    lengths = [wrap(np.zeros(1, np.int64)) for _ in range(size)]
    all_gather(lengths, wrap(np.array([len(data)])), group)
    sizes = [int(each.item()) for each in lengths]
    padded = np.zeros(max(sizes), np.uint8)
    padded[: len(data)] = np.frombuffer(data, np.uint8)
    return wrap(padded), sizes


def _unpacked(tensor: Any, size: int) -> Any:
    return pickle.loads(tensor._array[:size].tobytes())
