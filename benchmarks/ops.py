"""The part "ops": the cost of every op, split into a fixed cost and a cost per element.

Every rule in the registry is called on one element and on a million, forward, and forward with
backward, in minigrad, PyTorch and NumPy. "NumPy" is the rule's own code on bare arrays, without
tensors and without a tape: the difference to minigrad is the engine's overhead. The fixed cost is
the time for one element. The cost per element is the additional time for a million, divided.

Most expressions of `expressions.py`, such as `m[3, 4] += 1`, have a fixed cost only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress, groupby
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from tabulate import tabulate

import minigrad
from bridge.libraries.op_calls import SPELLED, spelling
from minigrad.catalogue.op_table import TABLE
from minigrad.rules import REGISTRY

from .agreement import check_agreement
from .expressions import EXPRESSIONS, SCALED, calls
from .measurement import Measurement, median, ratio
from .op_arguments import MEASURED, OpArguments, op_arguments
from .progress_bar import with_progress_bar
from .settings import BenchmarkSettings
from .turns import Contestant, take_turns

PART, FORWARD, BOTH = "ops", "forward", "forward and backward"
SMALL, LARGE = 1, 1_000_000
QUICK_LARGE = 100
MINIGRAD, PYTORCH, NUMPY = "minigrad", "PyTorch", "NumPy"
ENGINES = (MINIGRAD, PYTORCH, NUMPY)

# There are many ops, so each gets a fraction of a turn's usual length and of the usual rounds.
SHARE_OF_SECONDS, SHARE_OF_ROUNDS = 0.2, 0.5

Rounds = tuple[float, ...]


# One op in each engine ----------------------------------------------------------------------------


@dataclass(frozen=True)
class TimedOp:
    """One op in one engine: a call forward, a call forward and backward, and their results."""

    forward: Callable[[], Any]
    both: Callable[[], Any] | None  # None if the op has no derivative
    results: Callable[[], dict[str, np.ndarray]]


def in_library(name: str, torch: Any, call: OpArguments) -> TimedOp:
    """The op as users call it, on leaves that require grad where they can."""
    leaves, operands = [], []
    rule = REGISTRY[name]
    kinds = itertools.chain(rule.operands, itertools.repeat(rule.operands[-1]))  # cat takes many
    names = itertools.chain(rule.parameters, itertools.repeat(""))
    for each, kind, operand in zip(call.operands, kinds, names, strict=False):
        if isinstance(each, np.ndarray):
            each = torch.from_numpy(each.copy() if each.flags.c_contiguous else each)
            has_derivative = rule.differentiable and kind != "Constant"
            has_derivative &= operand not in rule.presentation.not_implemented
            if each.is_floating_point() and has_derivative:
                leaves.append(each.requires_grad_())
        operands.append(each)
    options = {k: _converted(torch, value) for k, value in call.options.items()}
    op = partial(_function(name, torch), *operands, **options)
    first = op()
    has_several_results = isinstance(first, tuple)
    value = first[0] if has_several_results else first
    cotangent = torch.from_numpy(_cotangent(value.detach().numpy()))

    def both() -> Any:
        y = op()[0] if has_several_results else op()
        y.backward(cotangent)
        for leaf in leaves:
            leaf.grad = None

    def results() -> dict[str, np.ndarray]:
        found = {"the value": value.detach().numpy()}
        if value.requires_grad:
            gradients = torch.autograd.grad(value, leaves, cotangent, allow_unused=True)
            found |= _by_operand(d if d is None else d.numpy() for d in gradients)
        return found

    return TimedOp(op, both if value.requires_grad else None, results)


def in_numpy(name: str, call: OpArguments) -> TimedOp:
    """The rule's own code on bare arrays: its forward and its operands' pullbacks."""
    rule = REGISTRY[name]
    op = partial(rule.forward, *call.operands, **call.options)
    output, pullbacks = op()
    value = np.asarray(output[0] if isinstance(output, tuple) else output)
    wanted = [
        pullback is not None and isinstance(x, np.ndarray) and x.dtype.kind == "f"
        for x, pullback in zip(call.operands, pullbacks, strict=False)
    ]
    cotangent = _cotangent(value)

    def both() -> Any:
        _, pullbacks = op()
        for pullback in compress(pullbacks, wanted):
            pullback(cotangent)  # type: ignore[misc]  # no wanted pullback is None

    return TimedOp(op, both if any(wanted) else None, lambda: {"the value": value})


def _expression(name: str, torch: Any, size: int) -> TimedOp:
    """An expression in a library. Random numbers aren't compared."""
    forward, both = calls(name, torch, size)

    def results() -> dict[str, np.ndarray]:
        value = None if "rand" in name else forward()
        return {} if value is None else {"the value": np.asarray(value)}

    return TimedOp(forward, both, results)


def _function(name: str, torch: Any) -> Callable[..., Any]:
    """The namespace's function or method for a rule, without a wrapper if it needs none."""
    for op in TABLE:
        if op.rule.name == name and name not in SPELLED:
            if op.functions:
                return attrgetter(op.functions[0].removeprefix("minigrad."))(torch)
            if op.methods:
                return getattr(torch.Tensor, op.methods[0].removeprefix("Tensor."))
    return partial(spelling(name), torch)


def _converted(torch: Any, option: Any) -> Any:
    """The option with the namespace's own dtype, or with tensors in its key."""
    if isinstance(option, np.dtype):
        return getattr(torch, option.name)
    if isinstance(option, tuple):
        return tuple(torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in option)
    return option


def _cotangent(value: np.ndarray) -> np.ndarray:
    return np.asarray(np.random.default_rng(1).uniform(0.5, 1, value.shape), value.dtype)


def _by_operand(gradients: Iterable[Any]) -> dict[str, Any]:
    named = {f"the gradient of operand {i}": d for i, d in enumerate(gradients)}
    return {name: d for name, d in named.items() if d is not None}


# Measuring ----------------------------------------------------------------------------------------


def measure(settings: BenchmarkSettings) -> list[Measurement]:
    """Measure every op, or those in the settings, on one element and on many.

    Raises Disagreement if minigrad or NumPy doesn't compute what PyTorch does.
    """
    found: list[Measurement] = []
    for name in with_progress_bar(settings.ops or (*MEASURED, *EXPRESSIONS), PART):
        large = QUICK_LARGE if settings.quick else LARGE
        for size in (SMALL,) if name in EXPRESSIONS and name not in SCALED else (SMALL, large):
            engines = _in_each_engine(name, size, settings.numpy_dtype)
            check_op(name, engines, settings.numpy_dtype)
            found += _measure_op(name, size, engines, settings)
    return found


def _in_each_engine(name: str, size: int, dtype: np.dtype) -> dict[str, TimedOp]:
    if name in EXPRESSIONS:
        libraries = {MINIGRAD: minigrad, PYTORCH: torch}
        return {engine: _expression(name, each, size) for engine, each in libraries.items()}
    call = op_arguments(name, size, dtype)
    return {
        MINIGRAD: in_library(name, minigrad, call),
        PYTORCH: in_library(name, torch, call),
        NUMPY: in_numpy(name, call),
    }


def check_op(name: str, engines: Mapping[str, TimedOp], dtype: np.dtype) -> None:
    """Raise Disagreement unless all engines compute what PyTorch does, up to rounding."""
    results = {engine: each.results() for engine, each in engines.items()}
    tolerance = 1000 * float(np.finfo(dtype).eps)  # the ops include sums of a thousand terms
    for quantity in results[PYTORCH]:
        having = {e: {quantity: r[quantity]} for e, r in results.items() if quantity in r}
        check_agreement(name, having, tolerance, reference=PYTORCH)


def _measure_op(
    name: str, size: int, engines: Mapping[str, TimedOp], settings: BenchmarkSettings
) -> list[Measurement]:
    found: list[Measurement] = []
    rounds = max(1, round(settings.rounds * SHARE_OF_ROUNDS))
    for quantity, attribute in ((FORWARD, "forward"), (BOTH, "both")):
        contestants = {
            engine: Contestant(run)
            for engine, each in engines.items()
            if (run := getattr(each, attribute)) is not None
        }
        times = take_turns(contestants, rounds, settings.seconds * SHARE_OF_SECONDS)
        found += [
            Measurement(PART, name, size, engine, quantity, each) for engine, each in times.items()
        ]
    return found


# The table ----------------------------------------------------------------------------------------


def table(measurements: Sequence[Measurement]) -> str:
    """A line for each op, and a summary."""
    lines, ratios = [], dict[str, float]()
    for name, group in groupby(measurements, key=lambda each: each.case):
        line, ratios[name] = _op_line(
            name, {(m.size, m.quantity, m.engine): m.rounds for m in group}
        )
        lines.append(line)
    columns = (*ENGINES, "÷ PyTorch")
    headers = ["", *(f"\n{column}" for column in columns * 3)]
    headers[1] = f"fixed cost, µs: forward\n{columns[0]}"
    headers[5] = f"and with backward\n{columns[0]}"
    headers[9] = f"per element, ns\n{columns[0]}"
    alignment = ("left", *["right"] * (len(headers) - 1))
    text = tabulate(lines, headers, disable_numparse=True, colalign=alignment)
    largest = sorted(ratios, key=lambda name: -ratios[name])[:5]
    summary = (
        f"{text}\n\nfixed cost of minigrad ÷ PyTorch, with backward if the op has one: median "
        f"{np.median(list(ratios.values())):.2f}, largest: "
        + ", ".join(f"{name} {ratios[name]:.2f}" for name in largest)
    )
    return "\n".join([summary, *_over_target(measurements)])


def target(name: str, size: float) -> float:
    """How many times PyTorch's time an op may take: 2, but 3 for convolutions, 1.5 for sorting.

    >>> target("sort(x)", 1), target("sort(x)", 1_000_000), target("exp", 1)
    (2.0, 1.5, 2.0)
    """
    return {"convolution": 3.0, "sort(x)": 1.5}.get(name, 2.0) if size > SMALL else 2.0


def _over_target(measurements: Sequence[Measurement]) -> list[str]:
    """A line for each size and quantity, with the ops that take longer than their target."""
    by_engine = {(m.size, m.quantity, m.case, m.engine): m.rounds for m in measurements}
    found = dict[tuple[float, str], dict[str, float]]()
    for (size, quantity, name, engine), ours in by_engine.items():
        if engine == MINIGRAD:
            over = found.setdefault((size, quantity), {})
            each = median(ratio(ours, by_engine[size, quantity, name, PYTORCH]))
            if each > target(name, size):
                over[name] = each
    return [
        f"over the target, {size:,.0f} element{'s' if size > 1 else ''}, {quantity}: "
        + (", ".join(f"{n} {over[n]:.1f}" for n in sorted(over, key=lambda n: -over[n])) or "none")
        for (size, quantity), over in sorted(found.items())
    ]


def _op_line(name: str, rounds: Mapping[tuple[float, str, str], Rounds]) -> tuple[list[str], float]:
    """The op's line, and the ratio of minigrad's fixed cost to PyTorch's."""
    small, large = (pick(size for size, _, _ in rounds) for pick in (min, max))
    line = [name]
    for quantity in (FORWARD, BOTH):
        line += _columns([rounds.get((small, quantity, engine)) for engine in ENGINES], 1e6)
    quantity = BOTH if (small, BOTH, MINIGRAD) in rounds else FORWARD
    per_element = [
        cost_per_element(
            rounds[small, quantity, engine], rounds[large, quantity, engine], large - small
        )
        if large > small and (small, quantity, engine) in rounds
        else None
        for engine in ENGINES
    ]
    line += _columns(per_element, 1e9)
    fixed = ratio(rounds[small, quantity, MINIGRAD], rounds[small, quantity, PYTORCH])
    return line, median(fixed)


def cost_per_element(small: Sequence[float], large: Sequence[float], elements: float) -> Rounds:
    """The additional time per additional element, round by round; 0 where noise exceeds it.

    >>> cost_per_element([1.0, 1.0], [3.0, 0.5], 2)
    (1.0, 0.0)
    """
    return tuple(max(b - a, 0.0) / elements for a, b in zip(small, large, strict=True))


def _columns(rounds: Sequence[Sequence[float] | None], scale: float) -> list[str]:
    """The engines' medians, and the ratio of minigrad to PyTorch."""
    cells = ["" if each is None else f"{median(each) * scale:.2f}" for each in rounds]
    ours, theirs, _ = rounds
    if ours is None or theirs is None or min(theirs) * scale < 0.01:  # shown as 0.00
        return [*cells, ""]
    return [*cells, f"{median(ratio(ours, theirs)):.2f}"]
