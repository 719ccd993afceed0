"""Compare one function in minigrad and in PyTorch: its results, its gradients, and each op.

Ops are compared one by one, each from the same operands (`comparing/replay.py`). The final results
are compared too, up to how far rounding carries them (`comparing/rounding.py`). That finds mistakes
that no single op makes, such as ops that are combined differently than in PyTorch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import torch

import minigrad
from bridge.comparing.closeness import Array, difference, normwise, strides_of
from bridge.comparing.findings import Finding, missing_on_one_side
from bridge.comparing.localise import RecordedTensors, first_unmatched
from bridge.comparing.replay import Replay
from bridge.comparing.rounding import judge_by_rounding
from bridge.libraries.convert import array_of, copy_with_strides, from_torch, to_torch
from bridge.libraries.environment import environment, prepared
from bridge.reporting.report import Report
from minigrad.catalogue.accuracy import Exact

ComparedFunction = Callable[..., Any]
Errors = type[BaseException] | tuple[type[BaseException], ...] | None


@dataclass(kw_only=True)
class Comparison(Report):
    """What `compare` found.

    `compared` has a finding for each result, each gradient, and each input that was written to;
    `ops` says how often each op was called. `faults` lists ops first, in program order.
    """

    mode: ClassVar[str] = "compare"
    compared: list[Finding] = field(default_factory=list)
    ops: dict[str, int] = field(default_factory=dict)

    @property
    def worst(self) -> Finding | None:
        """The first fault or, if there is none, the result or gradient that is farthest apart."""
        if self.fault is not None:
            return self.fault
        return max(self.compared, key=lambda found: found.distance, default=None)

    def verdict(self) -> str:
        return f"minigrad and PyTorch {'agree' if self.ok else 'differ'}"

    def to_dict(self) -> dict[str, Any]:
        compared = [found.to_dict() for found in self.compared]
        return super().to_dict() | {"compared": compared, "ops": self.ops}

    def __str__(self) -> str:
        ops = ", ".join(
            f"{name} {count}×" if count > 1 else name for name, count in self.ops.items()
        )
        lines = [f"ops: {ops or 'none'}"]
        lines += [str(found) for found in self.compared if found.ok]
        lines += [f"DIFFERS: {fault}" for fault in self.faults]
        return "\n".join([*lines, self.verdict()])


def compare(
    function: ComparedFunction,
    *inputs: Any,
    seed: int = 0,
    device: str = "cpu",
    raises: Errors = None,
) -> Comparison:
    """Run `function(torch, *inputs)` in both libraries, and report where and how far they differ.

    The function takes a namespace, `minigrad` or `torch`. It returns a tensor or a number, or a
    tuple, list or dict of them; TypeError if it returns none.

    Of the inputs, float arrays become leaves that require grad, and other arrays become tensors.
    Tensors and modules of either library are converted for the other. Numbers, strings and None
    stay. Each result that requires grad gets a random cotangent drawn from `seed`, which also seeds
    both libraries' random streams. PyTorch runs on `device`; DeviceError if it can't.

    With `raises`, both libraries must raise that error. Without it, an error that only one library
    raises is a fault, and an error that both raise is raised here.

    >>> report = compare(lambda torch, x, w: torch.relu(x @ w), np.ones((2, 3)), np.ones((3, 4)))
    >>> report.ok, report.ops
    (True, {'mm': 1, 'relu': 1})
    """
    with prepared(device):
        with Replay(device) as replay:
            ours = _run(minigrad, function, inputs, seed, "cpu")
        theirs = _run(torch, function, inputs, seed, device)
        report = Comparison(
            ops=dict(Counter(op.name for op in replay.ops)), environment=environment(device, seed)
        )
        if ours.error or theirs.error or raises is not None:
            report.faults = _error_faults(ours.error, theirs.error, raises)
            return report

        def rerun(context: AbstractContextManager[Any]) -> dict[str, Array]:
            with context:
                return _run(torch, function, inputs, seed, device).results

        report.compared = _compare_results(ours, theirs, rerun, seed, replay.overflowed)
        report.faults = sorted(replay.findings, key=lambda found: found.number)
        if not report.faults and not all(found.ok for found in report.compared):
            rerun(recorded := RecordedTensors())
            unmatched = first_unmatched(replay.computed, recorded)
            report.faults += [unmatched] if unmatched is not None else []
        report.faults += [found for found in report.compared if not found.ok]
        report.faults += _fact_faults(ours, theirs)
        return report


def assert_matches_torch(
    function: ComparedFunction,
    *inputs: Any,
    seed: int = 0,
    device: str = "cpu",
    raises: Errors = None,
) -> None:
    """Raise AssertionError unless `compare` with the same arguments finds that the libraries agree.

    The message names the op, the tensor, the index, both values, their distance and the bound.

    >>> assert_matches_torch(lambda torch, x: torch.log_softmax(x, dim=1), np.ones((2, 3)))
    """
    __tracebackhide__ = True  # pytest shows the caller's line, not this one
    report = compare(function, *inputs, seed=seed, device=device, raises=raises)
    if not report.ok:
        raise AssertionError("\n".join(str(fault) for fault in report.faults))


def _compare_results(
    ours: _FunctionRun,
    theirs: _FunctionRun,
    rerun: Callable[[Any], Any],
    seed: int,
    overflowed: bool,
) -> list[Finding]:
    a, b = ours.results, theirs.results
    common = [name for name in a if name in b]
    suspects = [name for name in common if difference(a[name], b[name], Exact()) is not None]
    judged = judge_by_rounding(a, b, suspects, rerun, seed, overflowed)
    found = [Finding(name, judged.get(name) or normwise(a[name], b[name])) for name in common]
    return found + missing_on_one_side(a, b)


def _fact_faults(ours: _FunctionRun, theirs: _FunctionRun) -> list[Finding]:
    faults = []
    for fact in ("requires_grad", "strides"):
        a, b = getattr(ours, fact), getattr(theirs, fact)
        differ = (name for name in a if b.get(name, a[name]) != a[name])
        faults += [
            Finding(name, f"{fact} is {a[name]} in minigrad and {b[name]} in PyTorch")
            for name in differ
        ]
    return faults


def _error_faults(
    ours: Exception | None, theirs: Exception | None, raises: Errors
) -> list[Finding]:
    if raises is None and ours is not None and type(ours) is type(theirs):
        raise ours
    wanted = "the same" if raises is None else getattr(raises, "__name__", str(raises))
    faults = []
    for name, error in (("minigrad", ours), ("PyTorch", theirs)):
        if raises is None or not isinstance(error, raises):
            raised = "nothing" if error is None else f"{type(error).__name__} ({error})"
            faults.append(f"{name} raises {raised}")
    return [Finding("error", f"{' and '.join(faults)}, not {wanted}")] if faults else []


# One run in one library ---------------------------------------------------------------------------


@dataclass
class _FunctionRun:
    """What a function returned or raised: arrays, strides and `requires_grad` flags, by name."""

    results: dict[str, Array] = field(default_factory=dict)
    requires_grad: dict[str, bool] = field(default_factory=dict)
    strides: dict[str, tuple[int, ...]] = field(default_factory=dict)
    error: Exception | None = None


def _run(
    namespace: ModuleType,
    function: ComparedFunction,
    inputs: tuple[Any, ...],
    seed: int,
    device: str,
) -> _FunctionRun:
    run = _FunctionRun()
    converted = [_convert_input(namespace, x, device) for x in inputs]
    leaves = {
        name: leaf for i, x in enumerate(converted) for name, leaf in _tensors(f"input {i}", x)
    }
    before = {name: array_of(x) for name, x in leaves.items()}
    try:
        with _seeded(namespace, seed):
            outputs = dict(_named_results("output", function(namespace, *converted)))
        if not outputs:
            raise TypeError("the function must return tensors or numbers, but it returns none")
        run.requires_grad = {n: getattr(y, "requires_grad", False) for n, y in outputs.items()}
        tracked = [y for name, y in outputs.items() if run.requires_grad[name]]
        if tracked:
            cotangents = [_cotangent(namespace, y, seed + i) for i, y in enumerate(tracked)]
            namespace.autograd.backward(tracked, cotangents)
    except Exception as error:
        run.error = error
        return run
    run.results = {name: _as_array(y) for name, y in outputs.items()}
    run.strides = {n: strides_of(y) for n, y in outputs.items() if hasattr(y, "stride")}
    for name, leaf in leaves.items():
        if leaf.is_leaf and leaf.grad is not None:
            run.results[f"gradient of {name}"] = array_of(leaf.grad)
            run.strides[f"gradient of {name}"] = strides_of(leaf.grad)
    for name, leaf in leaves.items():
        if difference(array_of(leaf), before[name], Exact()) is not None:
            run.results[f"{name} afterwards"] = array_of(leaf)
    return run


@contextmanager
def _seeded(namespace: ModuleType, seed: int) -> Iterator[None]:
    """Seed the library's random stream, and restore it after the block."""
    state = namespace.get_rng_state()
    namespace.manual_seed(seed)
    try:
        yield
    finally:
        namespace.set_rng_state(state)


def _convert_input(namespace: ModuleType, x: Any, device: str) -> Any:
    """Copy an input into the library; an array keeps its strides."""
    if isinstance(x, np.ndarray | np.generic):
        array = copy_with_strides(np.asarray(x))
        return namespace.from_numpy(array).to(device).requires_grad_(array.dtype.kind == "f")
    if isinstance(x, list | tuple):
        return type(x)(_convert_input(namespace, item, device) for item in x)
    if isinstance(x, dict):
        return {key: _convert_input(namespace, item, device) for key, item in x.items()}
    if isinstance(x, torch.Tensor | torch.nn.Module):
        x = from_torch(x)
    else:
        x = from_torch(to_torch(x)) if namespace is minigrad else x
    return x if namespace is minigrad else to_torch(x, device)


def _named_results(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the tensors and numbers that a function returned, by name."""
    if isinstance(value, tuple | list):
        for i, item in enumerate(value):
            yield from _named_results(f"{name}[{i}]", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _named_results(f"{name}[{key!r}]", item)
    elif isinstance(value, minigrad.Tensor | torch.Tensor | bool | int | float | np.ndarray):
        yield name, value
    elif value is not None:
        kind = type(value).__name__
        raise TypeError(f"the function must return tensors or numbers, but {name} is a {kind}")


def _tensors(name: str, x: Any) -> Iterator[tuple[str, Any]]:
    """Yield the tensors of an input, by name."""
    if isinstance(x, minigrad.nn.Module | torch.nn.Module):
        for part, tensor in (*x.named_parameters(), *x.named_buffers()):
            yield f"{name}.{part}", tensor
    elif isinstance(x, minigrad.Tensor | torch.Tensor):
        yield name, x
    elif isinstance(x, list | tuple | dict):
        for key, item in x.items() if isinstance(x, dict) else enumerate(x):
            yield from _tensors(f"{name}[{key!r}]", item)


def _cotangent(namespace: ModuleType, y: Any, seed: int) -> Any:
    """Draw a cotangent for a result, the same in both libraries."""
    shape, dtype = tuple(y.shape), array_of(y).dtype
    g = np.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)
    return namespace.from_numpy(g).to(y.device)


def _as_array(y: Any) -> Array:
    return array_of(y) if hasattr(y, "detach") else np.asarray(y)
