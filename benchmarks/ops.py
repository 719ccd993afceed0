"""What an op costs: its fixed cost, and what each element adds to it, from the registry of rules.

Every rule is called on operands of one element and of a million, forward and forward with backward,
in minigrad, in PyTorch, and in NumPy. The last is the rule's own code over bare arrays: what the op
costs with no tensor and no tape, so that what minigrad takes besides is the engine's. The time on
one element is the fixed cost; what a million take besides, divided, is the cost of an element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
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

from .agreement import agree
from .measurement import Measurement, median, ratio
from .progress import progress
from .settings import Settings
from .turns import Contestant, take_turns

PART, FORWARD, BOTH = "ops", "forward", "forward and backward"
SMALL, LARGE = 1, 1_000_000
QUICK_LARGE = 100
MINIGRAD, PYTORCH, NUMPY = "minigrad", "PyTorch", "NumPy"

# Of a turn's usual length and of the usual rounds: there are many ops, and each is one call.
SHARE_OF_SECONDS, SHARE_OF_ROUNDS = 0.2, 0.5


@dataclass(frozen=True)
class Call:
    """A call of a rule: arrays, or numbers in their place, and the rule's options."""

    operands: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)


# The operands of every rule -----------------------------------------------------------------------


class Drawn:
    """Operands whose size, the number of the first one's elements, is (about) the one asked for."""

    def __init__(self, size: int, dtype: np.dtype) -> None:
        self.size, self.dtype = size, dtype
        self.side = round(size**0.5)
        self.square = self.side, self.side
        self._rng = np.random.default_rng(0)

    def floats(self, *shape: int) -> np.ndarray:
        """Floats in [0.1, 1), where every op has a derivative."""
        return self._rng.uniform(0.1, 1, shape or (self.size,)).astype(self.dtype)

    def bools(self, *shape: int) -> np.ndarray:
        return self._rng.random(shape or (self.size,)) < 0.5

    def indices(self, bound: int, *shape: int) -> np.ndarray:
        return self._rng.integers(0, bound, shape or (self.size,))

    def matrix(self, **options: Any) -> Call:
        return Call((self.floats(*self.square),), options)


def call(name: str, size: int, dtype: np.dtype) -> Call:
    """The call of the rule `name` that is timed on so many elements.

    >>> [x.shape for x in call("linear", 100, np.dtype("float32")).operands]
    [(10, 10), (10, 10), (10,)]
    """
    drawn = Drawn(size, dtype)
    if name in _CALLS:
        return _CALLS[name](drawn)
    operands = REGISTRY[name].operands
    return Call(tuple(drawn.floats() for kind in operands if kind in ("Array", "Operand")))


def _stack(d: Drawn) -> Call:
    side = round(d.size ** (1 / 3))
    return Call((d.floats(side, side, side), d.floats(side, side, side)))


def _cat(d: Drawn) -> Call:
    half = max(d.size // 2, 1)
    return Call((d.floats(half), d.floats(half)), {"dim": 0})


# Those whose operands are not just a vector each.
_CALLS: dict[str, Callable[[Drawn], Call]] = {
    "argmax": lambda d: d.matrix(dim=1),
    "argmin": lambda d: d.matrix(dim=1),
    "all": lambda d: Call((d.bools(),)),
    "any": lambda d: Call((d.bools(),)),
    "bitwise_and": lambda d: Call((d.bools(), d.bools())),
    "bitwise_not": lambda d: Call((d.bools(),)),
    "bitwise_or": lambda d: Call((d.bools(), d.bools())),
    "bitwise_xor": lambda d: Call((d.bools(), d.bools())),
    "cast": lambda d: Call((d.floats(),), {"dtype": np.dtype(np.float64)}),
    "cat": _cat,
    "clamp": lambda d: Call((d.floats(), 0.3, 0.7)),
    "contiguous_copy": lambda d: Call((d.floats(*d.square).T,)),
    "expand": lambda d: Call((d.floats(d.side, 1),), {"size": d.square}),
    "fill": lambda d: Call((d.floats(), 0.5)),
    "index": lambda d: Call((d.floats(),), {"key": (d.indices(d.size),)}),
    "index_put": lambda d: Call((d.floats(), 0.5), {"key": (d.indices(d.size),)}),
    "linear": lambda d: Call((d.floats(*d.square), d.floats(*d.square), d.floats(d.side))),
    "log_softmax": lambda d: d.matrix(dim=1),
    "logical_and": lambda d: Call((d.bools(), d.bools())),
    "logical_not": lambda d: Call((d.bools(),)),
    "logical_or": lambda d: Call((d.bools(), d.bools())),
    "masked_fill": lambda d: Call((d.floats(), d.bools(), 0.5)),
    "matmul": _stack,
    "max_dim": lambda d: d.matrix(dim=1),
    "min_dim": lambda d: d.matrix(dim=1),
    "mm": lambda d: Call((d.floats(*d.square), d.floats(*d.square))),
    "mv": lambda d: Call((d.floats(*d.square), d.floats(d.side))),
    "nll_loss": lambda d: Call((d.floats(*d.square), d.indices(d.side, d.side))),
    "permute": lambda d: d.matrix(dims=(1, 0)),
    "put": lambda d: Call((d.floats(),), {"key": (slice(0, d.size),), "shape": (d.size,)}),
    "reshape": lambda d: d.matrix(shape=(d.side**2,)),
    "scatter": lambda d: Call(
        (d.floats(),), {"key": (d.indices(d.size),), "shape": (d.size,), "repeats": True}
    ),
    "select": lambda d: d.matrix(dim=0, index=0),
    "slice": lambda d: Call((d.floats(),), {"dim": 0, "start": 0, "end": d.size, "step": 2}),
    "softmax": lambda d: d.matrix(dim=1),
    "squeeze": lambda d: Call((d.floats(1, d.size),), {"dim": 0}),
    "stack": _cat,
    "t": lambda d: d.matrix(),
    "transpose": lambda d: d.matrix(dim0=0, dim1=1),
    "unsqueeze": lambda d: Call((d.floats(),), {"dim": 0}),
    "view": lambda d: d.matrix(size=(d.side**2,)),
    "where": lambda d: Call((d.bools(), d.floats(), d.floats())),
}


# The engines --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Timed:
    """What one engine does with a call: the op, the op with its backward, and what they give."""

    forward: Callable[[], Any]
    both: Callable[[], Any] | None
    results: Callable[[], dict[str, np.ndarray]]


def _callable(name: str, torch: Any) -> Callable[..., Any]:
    """The op of that name in a namespace, with nothing around it that takes time."""
    for op in TABLE:
        if op.rule.name == name and name not in SPELLED:
            if op.functions:
                return attrgetter(op.functions[0].removeprefix("minigrad."))(torch)
            if op.methods:
                return getattr(torch.Tensor, op.methods[0].removeprefix("Tensor."))
    return partial(spelling(name), torch)


def in_library(name: str, torch: Any, asked: Call) -> Timed:
    """The op as a library's user calls it, on leaves that require grad where they can."""
    leaves, operands = [], []
    for each in asked.operands:
        if isinstance(each, np.ndarray):
            each = torch.from_numpy(each.copy() if each.flags.c_contiguous else each)
            if each.is_floating_point() and REGISTRY[name].differentiable:
                leaves.append(each.requires_grad_())
        operands.append(each)
    options = {k: _for(torch, value) for k, value in asked.options.items()}
    op = partial(_callable(name, torch), *operands, **options)
    first = op()
    several = isinstance(first, tuple)
    value = first[0] if several else first
    cotangent = torch.from_numpy(_cotangent(value.detach().numpy()))

    def both() -> Any:
        y = op()[0] if several else op()
        y.backward(cotangent)
        for leaf in leaves:
            leaf.grad = None

    def results() -> dict[str, np.ndarray]:
        found = {"the value": value.detach().numpy()}
        if value.requires_grad:
            gradients = torch.autograd.grad(value, leaves, cotangent, allow_unused=True)
            found |= _named(d if d is None else d.numpy() for d in gradients)
        return found

    return Timed(op, both if value.requires_grad else None, results)


def in_numpy(name: str, asked: Call) -> Timed:
    """The rule's own code over bare arrays: its forward, and the pullbacks of its operands."""
    rule = REGISTRY[name]
    op = partial(rule.forward, *asked.operands, **asked.options)
    output, pullbacks = op()
    value = np.asarray(output[0] if isinstance(output, tuple) else output)
    wanted = [
        pullback is not None and isinstance(x, np.ndarray) and x.dtype.kind == "f"
        for x, pullback in zip(asked.operands, pullbacks, strict=False)
    ]
    cotangent = _cotangent(value)

    def both() -> Any:
        _, pullbacks = op()
        for pullback in compress(pullbacks, wanted):
            pullback(cotangent)  # type: ignore[misc]  # these are not None

    return Timed(op, both if any(wanted) else None, lambda: {"the value": value})


def _for(torch: Any, option: Any) -> Any:
    """An option as the namespace takes it: its own dtypes, and tensors in a key."""
    if isinstance(option, np.dtype):
        return getattr(torch, option.name)
    if isinstance(option, tuple):
        return tuple(torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in option)
    return option


def _cotangent(value: np.ndarray) -> np.ndarray:
    return np.asarray(np.random.default_rng(1).uniform(0.5, 1, value.shape), value.dtype)


def _named(gradients: Iterable[Any]) -> dict[str, Any]:
    named = {f"the gradient of operand {i}": d for i, d in enumerate(gradients)}
    return {name: d for name, d in named.items() if d is not None}


# Measuring ----------------------------------------------------------------------------------------


def measure(settings: Settings) -> list[Measurement]:
    """The time of every op, or of those asked for, on few elements and on many.

    Raises Disagreement if minigrad or NumPy does not compute what PyTorch does.
    """
    found: list[Measurement] = []
    rounds = max(1, round(settings.rounds * SHARE_OF_ROUNDS))
    for name in progress(settings.ops or tuple(REGISTRY), PART):
        for size in (SMALL, QUICK_LARGE if settings.quick else LARGE):
            asked = call(name, size, settings.numpy_dtype)
            timed = {
                MINIGRAD: in_library(name, minigrad, asked),
                PYTORCH: in_library(name, torch, asked),
                NUMPY: in_numpy(name, asked),
            }
            check(name, timed, settings.numpy_dtype)
            for quantity, attribute in ((FORWARD, "forward"), (BOTH, "both")):
                contestants = {
                    engine: Contestant(run)
                    for engine, each in timed.items()
                    if (run := getattr(each, attribute)) is not None
                }
                seconds = settings.seconds * SHARE_OF_SECONDS
                times = take_turns(contestants, rounds, seconds)
                found += [
                    Measurement(PART, name, size, engine, quantity, each)
                    for engine, each in times.items()
                ]
    return found


def check(name: str, timed: dict[str, Timed], dtype: np.dtype) -> None:
    """Raise Disagreement unless all engines compute what PyTorch does, up to rounding."""
    results = {engine: each.results() for engine, each in timed.items()}
    tolerance = 1000 * float(np.finfo(dtype).eps)  # sums of a thousand terms are among them
    for quantity in results[PYTORCH]:
        having = {e: {quantity: r[quantity]} for e, r in results.items() if quantity in r}
        agree(name, having, tolerance, reference=PYTORCH)


# The table ----------------------------------------------------------------------------------------


def table(measurements: Sequence[Measurement]) -> str:
    """A line for each op, and what is to be said of them all."""
    lines, ratios = [], dict[str, float]()
    for name, group in groupby(measurements, key=lambda each: each.case):
        rounds = {(m.size, m.quantity, m.engine): m.rounds for m in group}
        small, large = (pick(size for size, _, _ in rounds) for pick in (min, max))
        line = [name]
        for quantity in (FORWARD, BOTH):
            line += _columns(
                [rounds.get((small, quantity, engine)) for engine in (MINIGRAD, PYTORCH, NUMPY)],
                1e6,
            )
        quantity = BOTH if (small, BOTH, MINIGRAD) in rounds else FORWARD
        added = [
            each_element(
                rounds[small, quantity, engine], rounds[large, quantity, engine], large - small
            )
            if (small, quantity, engine) in rounds
            else None
            for engine in (MINIGRAD, PYTORCH, NUMPY)
        ]
        line += _columns(added, 1e9)
        ratios[name] = median(
            ratio(rounds[small, quantity, MINIGRAD], rounds[small, quantity, PYTORCH])
        )
        lines.append(line)
    columns = ("minigrad", "PyTorch", "NumPy", "÷ PyTorch")
    headers = ["", *(f"\n{column}" for column in columns * 3)]
    headers[1] = f"fixed cost, µs: forward\n{columns[0]}"
    headers[5] = f"and with backward\n{columns[0]}"
    headers[9] = f"each element, ns\n{columns[0]}"
    text = tabulate(
        lines, headers, disable_numparse=True, colalign=("left", *["right"] * (len(headers) - 1))
    )
    worst = sorted(ratios, key=lambda name: -ratios[name])[:5]
    return (
        f"{text}\n\nfixed cost of minigrad ÷ PyTorch, with backward where there is one: median "
        f"{np.median(list(ratios.values())):.2f}, largest of "
        + ", ".join(f"{name} {ratios[name]:.2f}" for name in worst)
    )


def each_element(
    small: Sequence[float], large: Sequence[float], elements: float
) -> tuple[float, ...]:
    """What each of so many more elements adds, round by round; nothing, if that is lost in noise.

    >>> each_element([1.0, 1.0], [3.0, 0.5], 2)
    (1.0, 0.0)
    """
    return tuple(max(b - a, 0.0) / elements for a, b in zip(small, large, strict=True))


def _columns(rounds: Sequence[Sequence[float] | None], scale: float) -> list[str]:
    """The three engines' medians, and the ratio of the first to the second."""
    cells = ["" if each is None else f"{median(each) * scale:.2f}" for each in rounds]
    ours, theirs, _ = rounds
    if ours is None or theirs is None or min(theirs) * scale < 0.01:  # which is none at all
        return [*cells, ""]
    return [*cells, f"{median(ratio(ours, theirs)):.2f}"]
