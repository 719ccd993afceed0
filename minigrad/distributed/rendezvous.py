"""Where the processes meet: which rank each of them is, and the store that they all can reach."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlparse

from .errors import DistNetworkError
from .pytorch import c10d


@dataclass
class Meeting:
    """The rank of this process, their number, and the store of them all (None for one process)."""

    rank: int
    size: int
    store: Any = None


def meet(init_method: str, rank: int, size: int, timeout: float) -> Meeting:
    """Meet the other processes as `init_method` says: env://, tcp://host:port or file://path.

    Raises ValueError if it or the environment lacks something, DistNetworkError if the place can't
    be reached.
    """
    url = urlparse(init_method)
    options = {name: values[-1] for name, values in parse_qs(url.query).items()}
    rank = int(options["rank"]) if "rank" in options and rank < 0 else rank
    size = int(options["world_size"]) if "world_size" in options and size < 0 else size
    if url.scheme == "env":
        rank = rank if rank >= 0 else int(_variable("RANK"))
        size = size if size >= 0 else int(_variable("WORLD_SIZE"))
        address, port = _variable("MASTER_ADDR"), int(_variable("MASTER_PORT"))
    elif url.scheme not in ("tcp", "file"):
        raise RuntimeError(f"No rendezvous handler for {url.scheme}://")
    if rank < 0 or size < 0:
        missing = "rank" if rank < 0 else "world size"
        raise ValueError(
            f"Error initializing torch.distributed using {url.scheme}:// rendezvous: {missing} "
            "parameter missing"
        )
    check_rank(rank, size)
    if size == 1:
        return Meeting(rank, size)
    if url.scheme == "file":
        return Meeting(rank, size, c10d().FileStore(url.path, size))
    if url.scheme == "tcp":
        if not url.port:
            raise ValueError("port number missing in the init_method, as in tcp://host:port")
        address, port = url.hostname or "127.0.0.1", url.port
    return Meeting(rank, size, _tcp_store(address, port, rank, size, timeout))


def check_rank(rank: int, size: int) -> None:
    """ValueError unless the rank is one of so many."""
    if not 0 <= rank < size:
        raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {size - 1}]")


def _variable(name: str) -> str:
    found = os.environ.get(name)
    if found is None:
        raise ValueError(
            "Error initializing torch.distributed using env:// rendezvous: environment variable "
            f"{name} expected, but not set"
        )
    return found


def _tcp_store(address: str, port: int, rank: int, size: int, timeout: float) -> Any:
    # torchrun has a store of its own at this address, and says so.
    agent = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    c, duration = c10d(), timedelta(milliseconds=max(1, math.ceil(timeout * 1e3)))
    try:
        store = c.TCPStore(
            host_name=address,
            port=port,
            world_size=size,
            is_master=rank == 0 and not agent,
            timeout=duration,
            wait_for_workers=False,
            multi_tenant=True,
        )
    except RuntimeError as error:
        raise DistNetworkError(
            f"init_process_group on rank {rank}: can't reach rank 0 at {address}:{port} within "
            f"{timeout:g} s: {str(error).splitlines()[0]}"
        ) from None
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return c.PrefixStore(f"minigrad/{attempt}", store)
