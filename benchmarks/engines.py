"""Which engines there are: those always there, those on a GPU, and those that `--with` asks for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
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
    return modules(torch, "torch.compile", network, compiled=_static)


# What `--with` may name: the module that it needs, the engine's name, and what makes it.
OPTIONAL: dict[str, tuple[str, str, Callable[[Network], Engine]]] = {
    "compile": ("torch", "torch.compile", _compiled),
    "jax": ("jax", "JAX", others.jax),
    "mygrad": ("mygrad", "MyGrad", others.mygrad),
    "autograd": ("autograd", "autograd", others.autograd),
}


def makers(optional: Sequence[str] = ()) -> dict[str, Callable[[Network], Engine]]:
    """What makes each engine there is, and each of these optional ones, by the engine's name.

    >>> list(makers())[:4]
    ['NumPy by hand', 'NumPy, preallocated', 'minigrad, manual', 'minigrad, modules']
    """
    found: dict[str, Callable[[Network], Engine]] = {
        BY_HAND: by_hand.plain,
        PREALLOCATED: by_hand.preallocated,
    }
    for library, namespace, options in _namespaces():
        for program in (manual, modules):
            name = f"{library}, {program.__name__}"
            found[name] = partial(program, namespace, name, **options)
    return found | {name: make for _, name, make in map(OPTIONAL.__getitem__, optional)}


def engines(network: Network, optional: Sequence[str] = ()) -> list[Engine]:
    """All engines that are to train this network, ready to begin."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what other libraries say of each other
        return [make(network) for make in makers(optional).values()]


def _namespaces() -> list[tuple[str, Any, dict[str, Any]]]:
    found: list[tuple[str, Any, dict[str, Any]]] = [
        ("minigrad", minigrad, {}),
        ("PyTorch", torch, {}),
    ]
    if torch.cuda.is_available():
        found.append(("PyTorch CUDA", torch, {"device": "cuda", "finish": torch.cuda.synchronize}))
    return found
