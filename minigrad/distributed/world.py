"""The groups of this process: `init_process_group`, `new_group`, and questions about them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

from ..core.devices import device as _device
from ..core.warning import warn
from .gloo import Gloo
from .group import ProcessGroup
from .mpi import MPITransport
from .pytorch import is_installed
from .rendezvous import Meeting, check_rank, meet
from .transport import Alone, Transport

default_pg_timeout = timedelta(minutes=30)
# What these do needs hardware or libraries that NumPy can't use.
_REFUSED = ("nccl", "ucc", "xccl")


class Backend(str):
    """The name of a backend, `gloo` or `mpi`. ValueError for any other name."""

    GLOO, MPI = "gloo", "mpi"

    def __new__(cls, name: str) -> Backend:
        """Return the name in lower case."""
        if not isinstance(name, str):
            raise ValueError(f"Backend constructor parameter must be string-ish, not {name!r}")
        lower = name.lower().removeprefix("cpu:").partition(",")[0]
        if lower in _REFUSED:
            raise RuntimeError(f"the backend {lower} needs a GPU: use gloo or mpi")
        if lower not in ("gloo", "mpi"):
            raise ValueError(f"Invalid backend: '{name}': use gloo or mpi")
        return super().__new__(cls, lower)


class GroupMember:
    """The group of all processes, and what stands for a group without this process."""

    WORLD: ProcessGroup | None = None
    NON_GROUP_MEMBER = -100


group = GroupMember
Group = ProcessGroup | int | None


class _World:
    meeting: Meeting | None = None
    groups: list[ProcessGroup]  # all but that of all processes
    created = 0  # how many groups this process has seen, the same number on every rank


_world = _World()
_world.groups = []


# Start and end ------------------------------------------------------------------------------------


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | None = None,
    world_size: int = -1,
    rank: int = -1,
    store: Any = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Connect this process with the others. All of them call it.

    - `backend`: `gloo`, or `mpi` for a program that `mpiexec` has started. By default it is what
      the launcher asks for.
    - `init_method`: where they meet: `env://` (the default: RANK, WORLD_SIZE, MASTER_ADDR and
      MASTER_PORT, as `torchrun` sets them), `tcp://host:port` or `file://path`. `store` is an
      object of PyTorch's instead.
    - `timeout`: how long a rank waits for others, here and in every operation.

    A world of one process needs no backend. ValueError for a second call, or if something is
    missing; DistStoreError names the ranks that don't come in time.

    >>> dist.init_process_group("gloo", "tcp://localhost:29500", rank=0, world_size=1)
    >>> dist.get_rank(), dist.get_world_size(), dist.get_backend()
    (0, 1, 'gloo')
    >>> dist.destroy_process_group()
    """
    if GroupMember.WORLD is not None:
        raise ValueError("trying to initialize the default process group twice!")
    if store is not None and init_method is not None:
        raise AssertionError("Cannot specify both init_method and store.")
    if pg_options is not None:
        raise NotImplementedError("init_process_group(pg_options=...) is not supported")
    if device_id is not None and getattr(device_id, "type", None) != "cpu":
        raise ValueError(f"device_id={device_id!r}: there is no device but the CPU")
    seconds = _seconds(timeout)
    chosen = Backend(_launched_backend() if backend is None else backend)
    if chosen == Backend.MPI:
        if world_size != -1 or rank != -1:
            warn(
                f"For MPI backend, world_size ({world_size}) and rank ({rank}) are ignored since "
                "they are assigned by the MPI runtime.",
                UserWarning,
            )
        transport = MPITransport.world()
        found = Meeting(transport.comm.Get_rank(), transport.comm.Get_size())
        GroupMember.WORLD = ProcessGroup(
            "world", chosen, range(found.size), found.rank, transport, transport.copy(), seconds
        )
    else:
        found = _met(init_method or "env://", store, rank, world_size, seconds)
        GroupMember.WORLD = _gloo_group("init_process_group", found, range(found.size), seconds)
    _world.meeting, _world.created, _world.groups = found, 0, []


def _met(init_method: str, store: Any, rank: int, size: int, seconds: float) -> Meeting:
    if store is None:
        return meet(init_method, rank, size, seconds)
    if size <= 0:
        raise AssertionError("world_size must be positive if using store")
    if rank < 0:
        raise AssertionError("rank must be non-negative if using store")
    check_rank(rank, size)
    return Meeting(rank, size, store)


def _launched_backend() -> str:
    """The backend that fits the program which started this process."""
    by_mpi = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"} & set(os.environ)
    return "mpi" if by_mpi and "RANK" not in os.environ else "gloo"


def _seconds(timeout: timedelta | None) -> float:
    timeout = default_pg_timeout if timeout is None else timeout
    if not isinstance(timeout, timedelta):
        raise TypeError(
            f"Expected timeout argument to be of type datetime.timedelta, got {timeout!r}"
        )
    return timeout.total_seconds()


def _gloo_group(name: str, found: Meeting, ranks: Sequence[int], seconds: float) -> ProcessGroup:
    rank, size = list(ranks).index(found.rank), len(ranks)
    transport: Transport = Alone()
    control: Transport = Alone()
    if size > 1:
        transport = Gloo.connect(found, name, rank, size, seconds)
        control = Gloo.connect(found, f"{name} (control)", rank, size, seconds)
    return ProcessGroup(name, Backend("gloo"), ranks, rank, transport, control, seconds)


def new_group(
    ranks: Sequence[int] | None = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    use_local_synchronization: bool = False,
    group_desc: str | None = None,
    device_id: Any = None,
    sort_ranks: bool = True,
) -> Any:
    """Make a group of some of the ranks, by default of all. All processes call it, in one order.

    Returns GroupMember.NON_GROUP_MEMBER in the processes that aren't in it. The backend is that of
    all processes. ValueError for ranks that don't exist or that are listed twice.

    >>> dist.init_process_group("gloo", "tcp://localhost:29500", rank=0, world_size=1)
    >>> dist.get_process_group_ranks(dist.new_group([0]))
    [0]
    >>> dist.destroy_process_group()
    """
    world = default_group()
    for name, value in {"pg_options": pg_options, "device_id": device_id}.items():
        if value is not None:
            raise NotImplementedError(f"new_group({name}=...) is not supported")
    if backend is not None and Backend(backend) != world.backend:
        raise NotImplementedError(f"new_group(backend={backend!r}): all groups have one backend")
    chosen = list(range(world.size())) if ranks is None else list(ranks)
    if len(set(chosen)) != len(chosen):
        raise ValueError("the new group's ranks have duplicates")
    if len(chosen) > world.size():
        raise ValueError(
            "the new group's world size should be less or equal to the world size set by "
            "init_process_group"
        )
    if any(not 0 <= rank < world.size() for rank in chosen):
        raise ValueError(
            "The new group's rank should be within the world_size set by init_process_group"
        )
    chosen = sorted(chosen) if sort_ranks else chosen
    _world.created += 1
    if world.rank() not in chosen:
        return GroupMember.NON_GROUP_MEMBER
    made = _subgroup(world, chosen, world.timeout if timeout is None else _seconds(timeout))
    _world.groups.append(made)
    return made


def _subgroup(world: ProcessGroup, ranks: list[int], seconds: float) -> ProcessGroup:
    name = f"group {_world.created} of ranks {ranks}"
    if isinstance(world.transport, MPITransport):
        transport = world.transport.among(ranks, _world.created)
        rank = ranks.index(world.rank())
        return ProcessGroup(name, world.backend, ranks, rank, transport, transport.copy(), seconds)
    assert _world.meeting is not None
    return _gloo_group(name, _world.meeting, ranks, seconds)


def destroy_process_group(group: Group = None) -> None:
    """Give up a group, by default that of all processes with all others.

    ValueError for a group that doesn't exist any more.
    """
    if group == GroupMember.NON_GROUP_MEMBER:
        return
    world = GroupMember.WORLD
    if group is None and world is None:
        raise AssertionError("Process group cannot be None")
    if group is None or group is world:
        for each in (*_world.groups, world):
            assert each is not None
            each.close()
        GroupMember.WORLD, _world.meeting, _world.groups = None, None, []
    elif isinstance(group, ProcessGroup) and group in _world.groups:
        _world.groups.remove(group)
        group.close()
    else:
        raise ValueError("Invalid process group specified")


# Questions ----------------------------------------------------------------------------------------


def is_available() -> bool:
    """Whether there is `torch.distributed`: always."""
    return True


def is_initialized() -> bool:
    """Whether `init_process_group` has been called."""
    return GroupMember.WORLD is not None


def is_gloo_available() -> bool:
    """Whether PyTorch is installed, whose gloo the backend uses."""
    return is_installed()


def is_mpi_available() -> bool:
    """Whether mpi4py is installed."""
    return find_spec("mpi4py") is not None


def is_nccl_available() -> bool:
    """Whether there is NCCL: never."""
    return False


is_ucc_available = is_xccl_available = is_nccl_available


def is_backend_available(backend: str) -> bool:
    """Whether a backend can be used here."""
    known = {"gloo": is_gloo_available, "mpi": is_mpi_available}
    return backend.lower() in known and known[backend.lower()]()


def get_default_backend_for_device(device: Any) -> str:
    """The backend that PyTorch prefers for a device: gloo for the CPU.

    That of a GPU, such as nccl, doesn't exist here. RuntimeError for what isn't a device.

    >>> minigrad.distributed.get_default_backend_for_device("cpu")
    'gloo'
    """
    return {"cuda": "nccl", "xpu": "xccl"}.get(_device(device).type, "gloo")


def is_torchelastic_launched() -> bool:
    """Whether `torchrun` has started this process."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def default_group() -> ProcessGroup:
    """The group of all processes. ValueError before `init_process_group`."""
    if GroupMember.WORLD is None:
        raise ValueError(
            "Default process group has not been initialized, please make sure to call "
            "init_process_group."
        )
    return GroupMember.WORLD


def group_of(group: Group) -> ProcessGroup | None:
    """The group that an argument means; None for one without this process."""
    if isinstance(group, ProcessGroup):
        if group is not GroupMember.WORLD and group not in _world.groups:
            raise ValueError(
                f"Group {group} is not registered, please create group with "
                "torch.distributed.new_group API"
            )
        return group
    if group is None:
        return default_group()
    if group == GroupMember.NON_GROUP_MEMBER:
        return None
    raise TypeError(f"group must be a ProcessGroup or None, not {type(group).__name__}")


def get_rank(group: Group = None) -> int:
    """The rank of this process in a group, by default among all; -1 if it isn't in it."""
    found = group_of(group)
    return -1 if found is None else found.rank()


def get_world_size(group: Group = None) -> int:
    """The number of ranks of a group, by default of all processes; -1 if this one isn't in it."""
    found = group_of(group)
    return -1 if found is None else found.size()


def get_backend(group: Group = None) -> str:
    """The name of a group's backend."""
    found = group_of(group)
    if found is None:
        raise ValueError("Invalid process group specified")
    return found.backend


def get_process_group_ranks(group: Group) -> list[int]:
    """The numbers of a group's ranks among all processes."""
    found = group_of(group)
    return [] if found is None else list(found.ranks)


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The rank in a group of a rank among all. ValueError if it isn't in it."""
    if global_rank not in group.ranks:
        raise ValueError(f"Global rank {global_rank} is not part of group {group}")
    return group.ranks.index(global_rank)


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The rank among all of a rank in a group. ValueError if there is none."""
    if not 0 <= group_rank < group.size():
        raise ValueError(f"Group rank {group_rank} is not part of group {group}")
    return group.ranks[group_rank]


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """The rank of this process on its machine, from LOCAL_RANK. RuntimeError without it."""
    found = os.environ.get("LOCAL_RANK", fallback_rank)
    if found is None:
        raise RuntimeError(
            "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow "
            "`get_node_local_rank` to work, assuming you are not running in a multi-device "
            "context and want the code to run locally instead."
        )
    return int(found)
