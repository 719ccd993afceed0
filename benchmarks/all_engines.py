"""All engines: the ones that always run, PyTorch on CUDA if there is a GPU, and `--with`'s."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

import minigrad

from . import other_libraries
from .by_hand import BY_HAND, PREALLOCATED, preallocated, straightforward
from .engine import Engine
from .networks import Network
from .torch_api import manual, modules


def _compile(function: Callable[..., Any]) -> Callable[..., Any]:
    compiled: Callable[..., Any] = torch.compile(function, dynamic=False)
    return compiled


def _torch_compile(network: Network) -> Engine:
    torch.compiler.reset()  # drop the code compiled for other networks
    return modules(torch, "torch.compile", network, compiler=_compile)


# The names that `--with` takes: the module each needs, the engine's name, and its constructor.
OPTIONAL: dict[str, tuple[str, str, Callable[[Network], Engine]]] = {
    "compile": ("torch", "torch.compile", _torch_compile),
    "jax": ("jax", "JAX", other_libraries.jax),
    "mygrad": ("mygrad", "MyGrad", other_libraries.mygrad),
    "autograd": ("autograd", "autograd", other_libraries.autograd),
}


def constructors(optional: Sequence[str] = ()) -> dict[str, Callable[[Network], Engine]]:
    """The constructors of all engines, including the `optional` ones, by the engine's name.

    >>> list(constructors())[:4]
    ['NumPy by hand', 'NumPy, preallocated', 'minigrad, manual', 'minigrad, modules']
    """
    found: dict[str, Callable[[Network], Engine]] = {
        BY_HAND: straightforward,
        PREALLOCATED: preallocated,
    }
    for library, namespace, options in _namespaces():
        for program in (manual, modules):
            name = f"{library}, {program.__name__}"
            found[name] = partial(program, namespace, name, **options)
    return found | {name: construct for _, name, construct in map(OPTIONAL.__getitem__, optional)}


def all_engines(network: Network, optional: Sequence[str] = ()) -> list[Engine]:
    """All engines for this network, including the `optional` ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other libraries' deprecations
        return [construct(network) for construct in constructors(optional).values()]


def _namespaces() -> list[tuple[str, Any, dict[str, Any]]]:
    found: list[tuple[str, Any, dict[str, Any]]] = [
        ("minigrad", minigrad, {}),
        ("PyTorch", torch, {}),
    ]
    if torch.cuda.is_available():
        found.append(("PyTorch CUDA", torch, {"device": "cuda", "finish": torch.cuda.synchronize}))
    return found
