"""Which engines there are: those always there, those on a GPU, and those that `--with` asks for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch

import minigrad

from . import by_hand, others
from .engine import Engine
from .in_namespace import manual, modules
from .networks import Network

BY_HAND, PREALLOCATED = "NumPy by hand", "NumPy, preallocated"


def _static(function: Callable[..., Any]) -> Callable[..., Any]:
    compiled: Callable[..., Any] = torch.compile(function, dynamic=False)
    return compiled


def _compiled(network: Network) -> Engine:
    torch.compiler.reset()  # what was compiled for another network is of no use to this one
    return modules(torch, network, "torch.compile", compiled=_static)


# What `--with` may name, and the module that it needs.
OPTIONAL: dict[str, tuple[str, Callable[[Network], Engine]]] = {
    "compile": ("torch", _compiled),
    "jax": ("jax", others.jax),
    "mygrad": ("mygrad", others.mygrad),
    "autograd": ("autograd", others.autograd),
}


def engines(network: Network, optional: Sequence[str] = ()) -> list[Engine]:
    """All engines that are to train this network, ready to begin."""
    every = [by_hand.plain(network), by_hand.preallocated(network)]
    for library, namespace, options in _namespaces():
        every.append(manual(namespace, network, library, **options))
        every.append(modules(namespace, network, library, **options))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what other libraries say of each other
        every += [OPTIONAL[name][1](network) for name in optional]
    return every


def _namespaces() -> list[tuple[str, Any, dict[str, Any]]]:
    found: list[tuple[str, Any, dict[str, Any]]] = [
        ("minigrad", minigrad, {}),
        ("PyTorch", torch, {}),
    ]
    if torch.cuda.is_available():
        found.append(("PyTorch CUDA", torch, {"device": "cuda", "finish": torch.cuda.synchronize}))
    return found
