"""One function, run in minigrad and in PyTorch: its results, its gradients, and each op on the way.

Ops are compared one by one, each from the same operands (`replay.py`). What comes out in the end is
compared too, up to what rounding alone is seen to do there (`rounding.py`): that finds what no op
can be blamed for, such as ops put together in another way than PyTorch's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import torch

import minigrad
from minigrad.catalogue.accuracy import Exact

from .closeness import Array, difference, normwise
from .convert import array_of, from_torch, to_torch
from .environment import environment, prepared
from .findings import Finding, one_sided
from .localise import Recorded, first_stranger
from .operands import copied
from .replay import Replay
from .rounding import beside_rounding

Function = Callable[..., Any]


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    `compared` has an entry for each result, each gradient, and each input that was written to;
    `ops` says how often each op was called, and `faults` is what differs by more than arithmetic
    allows: ops first, in program order.
    """

    compared: list[Finding]
    ops: dict[str, int]
    faults: list[Finding]
    environment: dict[str, Any] = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the two libraries agree."""
        return not self.faults

    @property
    def fault(self) -> Finding | None:
        """The first of the faults."""
        return self.faults[0] if self.faults else None

    @property
    def worst(self) -> Finding | None:
        """The first fault; where there is none, the result or gradient that is farthest off."""
        if self.faults:
            return self.faults[0]
        return max(self.compared, key=lambda found: found.distance, default=None)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {
            "mode": "compare",
            "ok": self.ok,
            "verdict": self.verdict(),
            "compared": [found.to_dict() for found in self.compared],
            "ops": self.ops,
            "faults": [found.to_dict() for found in self.faults],
            "environment": self.environment,
        }

    def __str__(self) -> str:
        ops = ", ".join(
            f"{name} {count}×" if count > 1 else name for name, count in self.ops.items()
        )
        lines = [f"ops: {ops or 'none'}"]
        lines += [str(found) for found in self.compared if found.ok]
        lines += [f"DIFFERS: {fault}" for fault in self.faults]
        return "\n".join([*lines, self.verdict()])

    def verdict(self) -> str:
        """One line that says how it ended."""
        return "minigrad and PyTorch " + ("agree" if self.ok else "differ")


def compare(
    function: Function,
    *inputs: Any,
    seed: int = 0,
    device: str = "cpu",
    raises: type[BaseException] | tuple[type[BaseException], ...] | None = None,
) -> Comparison:
    """Run `function(torch, *inputs)` in both libraries, and say where and how far they differ.

    The function takes a namespace, minigrad or torch, and returns a tensor or a number, or some of
    them in a tuple, list or dict (TypeError if it returns none). Of the inputs, float arrays become
    leaves that require grad, other arrays tensors; tensors and modules of either library become
    those of both; numbers, strings and None stay. Each result that requires grad gets a random
    cotangent drawn from `seed`, which is also the seed of both libraries' random streams. PyTorch
    runs on `device`.

    With `raises`, both must raise that error. An error that only one of them raises is a fault, and
    one that both raise is raised here. Raises DeviceError for a device that is not there.

    >>> report = compare(lambda torch, x, w: torch.relu(x @ w), np.ones((2, 3)), np.ones((3, 4)))
    >>> report.ok, report.ops
    (True, {'mm': 1, 'relu': 1})
    """
    with prepared(device):
        where = environment(device, seed)
        with Replay(device) as replay:
            ours = _outcome(minigrad, function, inputs, seed, "cpu")
        theirs = _outcome(torch, function, inputs, seed, device)
        ops = dict(Counter(op.name for op in replay.ops))
        if ours.error or theirs.error or raises is not None:
            return Comparison([], ops, _errors(ours.error, theirs.error, raises), where)

        def again(within: AbstractContextManager[Any]) -> dict[str, Array]:
            with within:
                return _outcome(torch, function, inputs, seed, device).results

        compared = _compared(ours.results, theirs.results, again, seed, replay.overflowed)
        faults = sorted(replay.findings, key=lambda found: found.number)
        if not faults and not all(found.ok for found in compared):
            again(recorded := Recorded())
            stranger = first_stranger(replay.events, recorded)
            faults += [stranger] if stranger is not None else []
        faults += [found for found in compared if not found.ok]
        faults += [
            Finding(
                name, f"requires_grad is {flag} in minigrad and {theirs.flags[name]} in PyTorch"
            )
            for name, flag in ours.flags.items()
            if theirs.flags.get(name, flag) != flag
        ]
        return Comparison(compared, ops, faults, where)


def assert_matches_torch(
    function: Function,
    *inputs: Any,
    seed: int = 0,
    device: str = "cpu",
    raises: type[BaseException] | tuple[type[BaseException], ...] | None = None,
) -> None:
    """AssertionError unless `compare` of the same arguments finds that the two libraries agree.

    It names the op, the tensor, the index, both values, their distance and what is allowed.

    >>> assert_matches_torch(lambda torch, x: torch.log_softmax(x, dim=1), np.ones((2, 3)))
    """
    __tracebackhide__ = True  # pytest shows the caller's line, not this one
    report = compare(function, *inputs, seed=seed, device=device, raises=raises)
    if not report.ok:
        raise AssertionError("\n".join(str(fault) for fault in report.faults))


def _compared(
    ours: dict[str, Array],
    theirs: dict[str, Array],
    again: Callable[[Any], Any],
    seed: int,
    overflowed: bool,
) -> list[Finding]:
    """Each result and gradient, and how far apart it is."""
    common = [name for name in ours if name in theirs]
    suspects = [n for n in common if difference(ours[n], theirs[n], Exact()) is not None]
    apart = beside_rounding(ours, theirs, suspects, again, seed, overflowed)
    found = [Finding(n, apart.get(n) or normwise(ours[n], theirs[n])) for n in common]
    return found + one_sided(ours, theirs)


def _errors(
    ours: Exception | None,
    theirs: Exception | None,
    raises: type[BaseException] | tuple[type[BaseException], ...] | None,
) -> list[Finding]:
    """What is wrong with the errors that were raised, or not."""
    if raises is None and ours is not None and type(ours) is type(theirs):
        raise ours
    wanted = "the same" if raises is None else getattr(raises, "__name__", str(raises))
    faults = []
    for name, error in (("minigrad", ours), ("PyTorch", theirs)):
        if raises is None or not isinstance(error, raises):
            said = "nothing" if error is None else f"{type(error).__name__} ({error})"
            faults.append(f"{name} raises {said}")
    return [Finding("error", f"{' and '.join(faults)}, not {wanted}")] if faults else []


# One run in one library ---------------------------------------------------------------------------


@dataclass
class _Outcome:
    results: dict[str, Array] = field(default_factory=dict)
    flags: dict[str, bool] = field(default_factory=dict)
    error: Exception | None = None


def _outcome(
    namespace: ModuleType, function: Function, inputs: tuple[Any, ...], seed: int, device: str
) -> _Outcome:
    found = _Outcome()
    made = [_made(namespace, x, device) for x in inputs]
    leaves = {name: leaf for i, x in enumerate(made) for name, leaf in _tensors(f"input {i}", x)}
    before = {name: array_of(x) for name, x in leaves.items()}
    try:
        with _seeded(namespace, seed):
            outputs = dict(_named("output", function(namespace, *made)))
        if not outputs:
            raise TypeError("the function is to return tensors or numbers, but it returns none")
        found.flags = {name: getattr(y, "requires_grad", False) for name, y in outputs.items()}
        tracked = [y for name, y in outputs.items() if found.flags[name]]
        if tracked:
            cotangents = [_cotangent(namespace, y, seed + i) for i, y in enumerate(tracked)]
            namespace.autograd.backward(tracked, cotangents)
    except Exception as error:
        found.error = error
        return found
    found.results = {name: _array(y) for name, y in outputs.items()}
    for name, leaf in leaves.items():
        if leaf.is_leaf and leaf.grad is not None:
            found.results[f"gradient of {name}"] = array_of(leaf.grad)
    for name, leaf in leaves.items():
        if difference(array_of(leaf), before[name], Exact()) is not None:
            found.results[f"{name} afterwards"] = array_of(leaf)
    return found


@contextmanager
def _seeded(namespace: ModuleType, seed: int) -> Iterator[None]:
    """Within it, the library's random stream starts at the seed; after it, it goes on as before."""
    state = namespace.get_rng_state()
    namespace.manual_seed(seed)
    try:
        yield
    finally:
        namespace.set_rng_state(state)


def _made(namespace: ModuleType, x: Any, device: str) -> Any:
    """An input as a library has it: a fresh copy, which lies in memory as the input does."""
    if isinstance(x, np.ndarray | np.generic):
        array = copied(np.asarray(x))
        return namespace.from_numpy(array).to(device).requires_grad_(array.dtype.kind == "f")
    if isinstance(x, list | tuple):
        return type(x)(_made(namespace, item, device) for item in x)
    if isinstance(x, dict):
        return {key: _made(namespace, item, device) for key, item in x.items()}
    if isinstance(x, torch.Tensor | torch.nn.Module):
        x = from_torch(x)
    else:
        x = from_torch(to_torch(x)) if namespace is minigrad else x
    return x if namespace is minigrad else to_torch(x, device)


def _named(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The tensors and numbers in what a function returned, by name."""
    if isinstance(value, tuple | list):
        for i, item in enumerate(value):
            yield from _named(f"{name}[{i}]", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _named(f"{name}[{key!r}]", item)
    elif isinstance(value, minigrad.Tensor | torch.Tensor | bool | int | float | np.ndarray):
        yield name, value
    elif value is not None:
        raise TypeError(
            f"the function is to return tensors or numbers, but {name} is a {type(value).__name__}"
        )


def _tensors(name: str, x: Any) -> Iterator[tuple[str, Any]]:
    """The tensors in an input, by name."""
    if isinstance(x, minigrad.nn.Module | torch.nn.Module):
        for part, tensor in (*x.named_parameters(), *x.named_buffers()):
            yield f"{name}.{part}", tensor
    elif isinstance(x, minigrad.Tensor | torch.Tensor):
        yield name, x
    elif isinstance(x, list | tuple | dict):
        for key, item in x.items() if isinstance(x, dict) else enumerate(x):
            yield from _tensors(f"{name}[{key!r}]", item)


def _cotangent(namespace: ModuleType, y: Any, seed: int) -> Any:
    """A random cotangent of a result, the same in both libraries."""
    shape, dtype = tuple(y.shape), array_of(y).dtype
    g = np.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)
    return namespace.from_numpy(g).to(y.device)


def _array(y: Any) -> Array:
    return array_of(y) if hasattr(y, "detach") else np.asarray(y)
