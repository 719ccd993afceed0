"""Mutants: every rule of the registry, made wrong in every way of a table of mutations.

A mutation changes one call of a rule, or leaves it unchanged. Which mutants a rule has is found by
calling it on samples and inspecting its pullbacks, captured arrays, shapes and special values. So
a new op has its mutants immediately.

A mutant's pullback must also run on Tensors (`core/higher_order.py`), which replaces names in its
code and the contents of its closures. So the functions below accept Tensors too. A mutant keeps its
own objects in a `Box`, which the checker doesn't inspect. Otherwise they alone would reveal it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np

import minigrad
from bridge.conformance import checker
from bridge.conformance.checks import FIRST
from bridge.drawing.samples import draw_case
from minigrad.api.tensor import Tensor
from minigrad.catalogue.accuracy import Scaled, Ulps, tolerance
from minigrad.core.errstate import quiet
from minigrad.core.half import computing
from minigrad.rules import REGISTRY
from minigrad.rules.rule import Pullback, Result

# A rule replaced by another -----------------------------------------------------------------------


@contextmanager
def planted(name: str, forward: Callable[..., Result]) -> Iterator[None]:
    """Replace the forward of the rule `name`, for everything that calls it."""
    right = REGISTRY[name]

    def watch(run: Callable[..., Any], function: Any, *args: Any, **options: Any) -> Any:
        if getattr(function, "__wrapped__", function) is right.forward:
            function = computing(REGISTRY[name], list(args))  # in float32 for float16 operands
        return run(function, *args, **options)

    REGISTRY[name] = replace(right, forward=forward)
    try:
        with quiet.watched(watch):
            yield
    finally:
        REGISTRY[name] = right


# One call of a rule -------------------------------------------------------------------------------


@dataclass
class ObservedCall:
    """A call of a rule by the engine, with its result and pullbacks."""

    name: str
    forward: Callable[..., Result]
    args: tuple[Any, ...]
    options: dict[str, Any]
    result: Any
    pullbacks: tuple[Pullback | None, ...]

    @property
    def y(self) -> np.ndarray:
        """The result, or the first of several."""
        return np.asarray(self.result[0] if isinstance(self.result, tuple) else self.result)

    def with_result(self, y: Any) -> Result:
        if isinstance(self.result, tuple):
            return type(self.result)(y, *self.result[1:]), self.pullbacks
        return y, self.pullbacks

    def with_pullback(self, i: int, pullback: Pullback | None) -> Result:
        return self.result, (*self.pullbacks[:i], pullback, *self.pullbacks[i + 1 :])

    @property
    def differentiable(self) -> list[int]:
        """The operands that get a gradient."""
        return [
            i
            for i, (x, pullback) in enumerate(zip(self.args, self.pullbacks, strict=False))
            if pullback is not None and isinstance(x, np.ndarray) and x.dtype.kind == "f"
        ]

    def pullback(self, i: int) -> Pullback | None:
        """Return the pullback of an operand that gets a gradient."""
        return self.pullbacks[i] if i in self.differentiable else None

    def gradient(self, i: int) -> np.ndarray:
        """Return the result of a pullback for a random cotangent."""
        pullback = self.pullbacks[i]
        assert pullback is not None
        with np.errstate(all="ignore"):
            return np.asarray(pullback(self.cotangent()))

    def cotangent(self) -> np.ndarray:
        drawn = np.random.default_rng(1).standard_normal(self.y.shape)
        return np.asarray(drawn, self.y.dtype)


# Changes to arrays, or to Tensors -----------------------------------------------------------------


@dataclass(frozen=True)
class Box:
    """An object that a mutant holds, and the rule doesn't."""

    content: Any


def like_ones(g: Any) -> Any:
    return minigrad.ones_like(g) if isinstance(g, Tensor) else np.ones_like(g)


def in_float32(d: Any) -> Any:
    if isinstance(d, Tensor):
        return d.to(minigrad.float32).to(d.dtype)
    return d.astype(np.float32).astype(d.dtype)


def then_overwritten(d: Any, g: Any) -> Any:
    """Return a copy of `d`, then overwrite `g`."""
    if isinstance(g, np.ndarray) and g.flags.writeable:
        d = np.array(d)
        g[...] = wrong(g)
    return d


def then_captures_overwritten(d: Any, pullback: Pullback) -> Any:
    captured = [x for x in checker._arrays(pullback) if x.flags.writeable]
    if captured:
        d = np.array(d)
        for x in captured:
            x[...] = wrong(x)
    return d


def kept(shelf: Box, d: Any) -> Any:
    """Return `d` in an array that stays on the shelf: the same one for every call."""
    if not isinstance(d, np.ndarray):
        return d
    place = shelf.content.setdefault((d.shape, d.dtype), np.array(d))
    place[...] = d
    return place


def shared(shelf: Box, who: int, d: Any) -> Any:
    """Return `d` in the array that another operand received before, or in a new one."""
    if not isinstance(d, np.ndarray):
        return d
    giver, place = shelf.content.pop((d.shape, d.dtype), (who, None))
    if giver == who or place is None:
        place = np.array(d)
        shelf.content[d.shape, d.dtype] = who, place
    place[...] = d
    return place


def row_major(x: Any) -> Any:
    """Return `x` as code would read it that assumes row-major order."""
    if isinstance(x, np.ndarray) and not x.flags.c_contiguous:
        return x.ravel("K").reshape(x.shape)
    return x


def nonempty(d: Any) -> Any:
    """Return `d`, or raise IndexError if it is empty."""
    if (d.numel() if isinstance(d, Tensor) else np.size(d)) == 0:
        raise IndexError("there is no first element")
    return d


def first_copy(d: Any, shape: tuple[int, ...]) -> Any:
    """Return the first slice of `d`, instead of the sum over its leading dimensions."""
    lead = len(d.shape) - len(shape)
    return d[(0,) * lead] if lead and 0 not in d.shape[:lead] else d


def first_place(d: Any, shape: tuple[int, ...]) -> Any:
    """Return the first slice of `d`, instead of the sum over dimensions of size 1."""
    lead = len(d.shape) - len(shape)
    ends = (1 if size == 1 else None for size in shape)
    return d[(slice(None),) * lead + tuple(slice(end) for end in ends)]


def averaged(d: Any, shape: tuple[int, ...]) -> Any:
    """Return `d` scaled so that the sum becomes a mean."""
    many, few = int(np.prod(d.shape)), int(np.prod(shape))
    return d / (many // few) if few and many > few else d


def replaced(d: Any, where: Box) -> Any:
    """Return `d`, but wrong at the elements that a boxed mask selects."""
    if isinstance(d, Tensor):
        mask = minigrad.from_numpy(np.array(where.content))
        t: Any = minigrad
        return t.where(mask, t.where(t.isfinite(d), d + 1, 0.0), d)
    return np.where(where.content, wrong(d), d)


def wrong(x: Any) -> np.ndarray:
    """Return an array that differs from `x` in every element."""
    x = np.asarray(x)
    if x.dtype.kind == "b":
        return ~x
    if x.dtype.kind == "i":
        return np.where(x == 0, np.ones_like(x), np.zeros_like(x))  # also valid as indices
    with np.errstate(all="ignore"):
        y = np.where(np.isfinite(x), x + 1, 0)
        return np.where(y == x, -x, y).astype(x.dtype)


def full_gradient_at_ties(d: Any, g: Any, tie: Box) -> Any:
    if isinstance(d, Tensor):
        return d  # a smooth case has no ties
    mask, shape = tie.content
    return np.where(mask, g.reshape(shape), d)


# Where mutations apply ----------------------------------------------------------------------------

Applies = Callable[[ObservedCall, int], bool]


def has_derivative(call: ObservedCall, i: int) -> bool:
    return i in call.differentiable


def in_float64(call: ObservedCall, i: int) -> bool:
    return i in call.differentiable and call.args[i].dtype == np.float64


def captures_writable(call: ObservedCall, i: int) -> bool:
    if i not in call.differentiable:
        return False
    return any(x.size and x.flags.writeable for x in checker._arrays(call.pullbacks[i]))


def two_derivatives(call: ObservedCall, i: int) -> bool:
    return i == 0 and len(call.differentiable) > 1


def two_gradients_alike(call: ObservedCall, i: int) -> bool:
    if not two_derivatives(call, i):
        return False
    found = [call.gradient(j) for j in call.differentiable]
    return any(
        a.size and (a.shape, a.dtype) == (b.shape, b.dtype)
        for a, b in itertools.combinations(found, 2)
    )


def summed(dims: Callable[[tuple[int, ...], tuple[int, ...]], bool]) -> Applies:
    """Return a condition: the engine sums a gradient over dimensions that `dims` accepts."""

    def applies(call: ObservedCall, i: int) -> bool:
        if i not in call.differentiable:
            return False
        given, wanted = call.gradient(i).shape, call.args[i].shape
        return 0 not in given and dims(given, wanted)

    return applies


def over_leading(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return int(np.prod(given[: len(given) - len(wanted)])) > 1


def over_single(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return any(a != b for a, b in zip(given[len(given) - len(wanted) :], wanted, strict=True))


def over_any(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return over_leading(given, wanted) or over_single(given, wanted)


def scattered(shape: tuple[int, ...]) -> bool:
    """Tell whether an array of this shape can have an order other than row-major."""
    return 0 not in shape and sum(size > 1 for size in shape) > 1


SPECIAL: dict[str, Callable[[Any], Any]] = {
    "+0": lambda x: (x == 0) & ~np.signbit(x),
    "-0": lambda x: (x == 0) & np.signbit(x),
    "nan": np.isnan,
}


def special(kind: str, x: Any) -> Any:
    """Return a mask of an operand's special values, or None if there are none."""
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        return None
    mask = SPECIAL[kind](x)
    return mask if mask.any() else None


def has(kind: str, derivative: bool) -> Applies:
    def applies(call: ObservedCall, i: int) -> bool:
        if derivative and i not in call.differentiable:
            return False
        return call.y.size > 0 and special(kind, call.args[i]) is not None

    return applies


def tie_of(call: ObservedCall, i: int) -> Box | None:
    """Return where the operand's elements equal the result's, as a boxed mask."""
    x, y = call.args[i], call.y
    shape = y.shape
    if isinstance(dim := call.options.get("dim"), int) and not call.options.get("keepdim"):
        shape = np.expand_dims(y, dim).shape if x.ndim else shape
    try:
        return Box((x == y.reshape(shape), shape))
    except ValueError:  # they don't broadcast
        return None


def has_ties(call: ObservedCall, i: int) -> bool:
    """Tell whether an element equals the result but doesn't get the full gradient."""
    if i not in call.differentiable:
        return False
    tie = tie_of(call, i)
    if tie is None:
        return False
    d = call.gradient(i)
    try:
        full = full_gradient_at_ties(d, call.cotangent(), tie)
    except ValueError:
        return False
    # Near 0, sin(x) is x, and its derivative 1 to within rounding.
    return full.shape == d.shape and not np.allclose(full, d, rtol=1e-4, atol=0, equal_nan=True)


# The mutations ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutation:
    """A change to a call's result or pullbacks at one operand, and the condition for it.

    A mutation of the whole rule has a single mutant, for operand 0.
    """

    applies: Applies
    change: Callable[[ObservedCall, int], Result]


def of_pullback(applies: Applies, change: Callable[[Pullback], Pullback]) -> Mutation:
    """Return a mutation that changes the pullback of one operand."""

    def changed(call: ObservedCall, i: int) -> Result:
        pullback = call.pullback(i)
        if pullback is None:
            return call.result, call.pullbacks
        return call.with_pullback(i, change(pullback))

    return Mutation(applies, changed)


def swapped(call: ObservedCall, i: int) -> Result:
    found = call.differentiable
    pullbacks = list(call.pullbacks)
    if len(found) > 1:
        first, last = found[0], found[-1]
        pullbacks[first], pullbacks[last] = pullbacks[last], pullbacks[first]
    return call.result, tuple(pullbacks)


def missing(call: ObservedCall, i: int) -> Result:
    return call.with_pullback(i, None) if call.pullback(i) else (call.result, call.pullbacks)


def one_for_two(call: ObservedCall, i: int) -> Result:
    shelf = Box({})

    def sharing(who: int, pullback: Pullback) -> Pullback:
        return lambda g: shared(shelf, who, pullback(g))

    return call.result, tuple(p and sharing(who, p) for who, p in enumerate(call.pullbacks))


def badly_summed(
    how: Callable[[Any, tuple[int, ...]], Any],
) -> Callable[[ObservedCall, int], Result]:
    def change(call: ObservedCall, i: int) -> Result:
        pullback = call.pullback(i)
        if pullback is None:
            return call.result, call.pullbacks
        shape, boxed = call.args[i].shape, Box(how)
        return call.with_pullback(i, lambda g: boxed.content(pullback(g), shape))

    return change


def wrong_derivative(kind: str) -> Callable[[ObservedCall, int], Result]:
    def change(call: ObservedCall, i: int) -> Result:
        pullback, mask = call.pullback(i), special(kind, call.args[i])
        if pullback is None or mask is None:
            return call.result, call.pullbacks
        where = Box(mask)
        return call.with_pullback(i, lambda g: replaced(pullback(g), where))

    return change


def wrong_value(kind: str) -> Callable[[ObservedCall, int], Result]:
    def change(call: ObservedCall, i: int) -> Result:
        mask, y = special(kind, call.args[i]), call.y
        if mask is None or not y.size:
            return call.result, call.pullbacks
        try:
            return call.with_result(np.where(np.broadcast_to(mask, y.shape), wrong(y), y))
        except ValueError:  # not elementwise
            return call.with_result(wrong(y))

    return change


def ties_in_full(call: ObservedCall, i: int) -> Result:
    pullback, tie = call.pullback(i), tie_of(call, i)
    if pullback is None or tie is None:
        return call.result, call.pullbacks
    return call.with_pullback(i, lambda g: full_gradient_at_ties(pullback(g), g, tie))


def crashing(call: ObservedCall, i: int) -> Result:
    nonempty(call.args[i])
    return call.result, call.pullbacks


def on_row_major(call: ObservedCall, i: int) -> Result:
    x = row_major(call.args[i])
    if x is call.args[i]:
        return call.result, call.pullbacks
    return call.forward(*call.args[:i], x, *call.args[i + 1 :], **call.options)


def ulps_off(call: ObservedCall, i: int) -> Result:
    """Change the value by the smallest amount that its tolerance in `accuracy.py` excludes.

    This is 1 ULP for `Exact`, n + 1 ULPs for `Ulps(n)`, and n + 1 units for `Scaled(n)` if its unit
    is known. If the unit depends on the terms it is 1 ULP, since not all sums round.
    """
    y, claim = np.array(call.y), tolerance(call.name, call.options.get("alpha", 1))
    off = y
    if isinstance(claim.value, Scaled) and claim.value_terms is not None:
        unit = np.finfo(y.dtype).eps * claim.value_terms(y)
        off = (y + (claim.value.bound + 1) * unit).astype(y.dtype)
    else:
        for _ in range(int(claim.value.bound) + 1 if isinstance(claim.value, Ulps) else 1):
            off = np.nextafter(off, y.dtype.type(np.inf))
    y = np.where(np.isfinite(y) & (y != 0), off, y)
    fresh = isinstance(call.result, np.ndarray) and call.result.flags.writeable
    if fresh and not REGISTRY[call.name].view:
        call.result[...] = y  # the pullbacks may have captured this array
        return call.result, call.pullbacks
    return call.with_result(y)


def roundable(call: ObservedCall, i: int) -> bool:
    y = call.y
    return i == 0 and y.dtype.kind == "f" and bool((np.isfinite(y) & (y != 0)).any())


# Not a mutation, but planted like one: its outcome shows what the harness itself changes.
CONTROL = "unchanged"

MUTATIONS: dict[str, Mutation] = {
    CONTROL: of_pullback(has_derivative, lambda p: lambda g: p(g)),
    "scaled": of_pullback(has_derivative, lambda p: lambda g: p(g) * (1 + 5e-4)),
    "negated": of_pullback(has_derivative, lambda p: lambda g: -p(g)),
    "dropped": of_pullback(has_derivative, lambda p: lambda g: np.zeros_like(p(g))),
    "missing": Mutation(has_derivative, missing),
    "swapped": Mutation(two_derivatives, swapped),
    "cotangent-ignored": of_pullback(has_derivative, lambda p: lambda g: p(like_ones(g))),
    "cotangent-written": of_pullback(has_derivative, lambda p: lambda g: then_overwritten(p(g), g)),
    "saved-written": of_pullback(
        captures_writable, lambda p: lambda g: then_captures_overwritten(p(g), p)
    ),
    "one-array-for-two": Mutation(two_gradients_alike, one_for_two),
    "kept-and-given-away": of_pullback(
        has_derivative, lambda p: (lambda shelf: lambda g: kept(shelf, p(g)))(Box({}))
    ),
    "in-float32": of_pullback(in_float64, lambda p: lambda g: in_float32(p(g))),
    "first-leading-copy": Mutation(summed(over_leading), badly_summed(first_copy)),
    "first-place": Mutation(summed(over_single), badly_summed(first_place)),
    "mean-for-sum": Mutation(summed(over_any), badly_summed(averaged)),
    "ties-in-full": Mutation(has_ties, ties_in_full),
    **{
        f"derivative-at-{kind}": Mutation(has(kind, True), wrong_derivative(kind))
        for kind in SPECIAL
    },
    **{f"value-at-{kind}": Mutation(has(kind, False), wrong_value(kind)) for kind in SPECIAL},
    "crash-on-nothing": Mutation(
        lambda call, i: isinstance(call.args[i], np.ndarray) and call.args[i].size == 0, crashing
    ),
    "crash-back-from-nothing": of_pullback(
        lambda call, i: i in call.differentiable and 0 in (call.y.size, call.args[i].size),
        lambda p: lambda g: nonempty(p(nonempty(g))),
    ),
    "row-major-cotangents": of_pullback(
        lambda call, i: i in call.differentiable and scattered(call.y.shape),
        lambda p: lambda g: p(row_major(g)),
    ),
    "row-major-operands": Mutation(
        lambda call, i: isinstance(call.args[i], np.ndarray) and scattered(call.args[i].shape),
        on_row_major,
    ),
    "ulps-off": Mutation(roundable, ulps_off),
}


# The mutants --------------------------------------------------------------------------------------


class Mutant(NamedTuple):
    """A rule that is wrong in one way at one operand."""

    mutation: str
    op: str
    operand: int

    def forward(self) -> Callable[..., Result]:
        right, change, operand = REGISTRY[self.op].forward, MUTATIONS[self.mutation].change, self[2]

        def forward(*args: Any, **options: Any) -> Result:
            result, pullbacks = right(*args, **options)
            if operand >= len(args):
                return result, pullbacks
            return change(ObservedCall(self.op, right, args, options, result, pullbacks), operand)

        return forward


SAMPLED = 30  # samples per style


@cache
def observed_calls(name: str) -> list[ObservedCall]:
    """Return the engine's calls of a rule in some of its samples."""
    calls: list[ObservedCall] = []
    right = REGISTRY[name].forward

    def watched(*args: Any, **options: Any) -> Result:
        result, pullbacks = right(*args, **options)
        calls.append(ObservedCall(name, right, args, dict(options), result, pullbacks))
        return result, pullbacks

    with planted(name, watched):
        for style, seed in itertools.product(("tame", "wild"), range(100, 100 + SAMPLED)):
            case = draw_case(name, 2**20 + seed, style)
            with suppress(Exception):  # compared with PyTorch's errors by check_outcome
                checker.called(minigrad, FIRST[name], case, checker.leaves_of(minigrad, case))
    return calls


@cache
def mutants_of(name: str) -> list[Mutant]:
    """Return the mutants that apply to a rule's samples."""
    return [
        Mutant(mutation, name, i)
        for mutation, of in MUTATIONS.items()
        for i in range(max((len(call.args) for call in observed_calls(name)), default=0))
        if any(i < len(call.args) and of.applies(call, i) for call in observed_calls(name))
    ]


# Mutants that no check can find because they do the same as the rule, each with a proof.
EQUIVALENT: dict[Mutant, str] = {
    Mutant(mutation, name, 0): "The gradient is zeros, because the operand is overwritten or the "
    "result is constant between jumps. Zeros stay zeros when they are scaled, rounded, dropped or "
    "computed from another cotangent, and in any layout."
    for name in ("ceil", "copy", "fill", "floor", "round", "sign", "trunc", "zero")
    for mutation in (
        "scaled",
        "dropped",
        "cotangent-ignored",
        "in-float32",
        "row-major-cotangents",
        "row-major-operands",
    )
    if mutation != "row-major-operands" or name in ("copy", "fill", "zero")
} | {
    Mutant(mutation, name, operand): "The gradient is zeros, because the result is "
    "constant between jumps. Zeros stay zeros however they are scaled, rounded, dropped, laid out "
    "or summed."
    for name, operand in (("copysign", 1), ("nextafter", 1), ("rounded_div", 0), ("rounded_div", 1))
    for mutation in (
        "scaled",
        "dropped",
        "cotangent-ignored",
        "in-float32",
        "first-leading-copy",
        "first-place",
        "mean-for-sum",
        "row-major-cotangents",
    )
    if (mutation, operand) != ("first-leading-copy", 0)
}
EQUIVALENT |= {
    Mutant("row-major-operands", name, 1): "The functions that call this rule make its table of "
    "windows, in row-major order."
    for name in ("max_of_windows", "mean_of_windows")
}
