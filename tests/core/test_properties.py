"""Properties of the tape that hold for every program, on random programs.

A program runs in minigrad only (`Executed`). Its gradients with respect to its leaves are compared
with what mathematics, or the contract of the tape, requires.
"""

from __future__ import annotations

import ast
import functools
import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings

pytest.importorskip("torch")

from profiles import AT_A_GLANCE

import minigrad
from bridge.conformance import mutants
from bridge.drawing.operands import laid_out
from bridge.random_programs.program import Execution, Program, Statement
from bridge.random_programs.writing import LEAF, NOTHING, OPS
from bridge.strategies import SEEDS, programs
from minigrad.core.node import Node, captures
from minigrad.rules import bessel, polynomials
from minigrad.rules.rule import names_in
from tests.bridge.mistakes import mistake_in_rule

Array = np.ndarray
LeafChange = Callable[[str, Any], Any]

# Programs that compute and write in place, but take no gradients.
PLAIN = {"actions": (NOTHING, LEAF, *OPS), "ends": False, "recording": True}
some_programs = programs(**PLAIN, textures=("whole", "normal"))
wild_programs = programs(**PLAIN)
# The derivative of matrix_exp takes the exponential of a matrix that contains the cotangent, and
# that of logcumsumexp takes the logarithm of the cotangent.
_UNEVEN = ("logcumsumexp", "matrix_exp")
homogeneous = {"actions": tuple(name for name in PLAIN["actions"] if name not in _UNEVEN)}
homogeneous_programs = programs(**(PLAIN | homogeneous))


def _is_overwritten(node: Node) -> bool:
    try:
        node.check_saved()
    except RuntimeError:
        return True
    return False


class Executed:
    """A program after it ran in minigrad: its leaves that require grad, and its results.

    `change` is called with each new leaf and its name, and returns the tensor that replaces it.
    """

    def __init__(self, program: Program, change: LeafChange = lambda name, x: x) -> None:
        execution = Execution(minigrad)
        self.leaves: dict[str, Any] = {}
        for statement in program.statements:
            execution.run(statement)
            for name in statement.names:
                x = execution.names.get(name)
                known = any(x is leaf for leaf in self.leaves.values())
                if x is not None and x.requires_grad and x.is_leaf and not known:
                    self.leaves[name] = execution.names[name] = change(name, x)
        self.errors = [type(error) for error in execution.trace.errors]
        self.tensors = {name: execution.names[name] for name in execution.made}
        self.results = {
            name: x for name, x in self.tensors.items() if x.requires_grad and not x.is_leaf
        }
        assume(self.results)
        # There are no gradients if the program has written to a saved array.
        assume(not any(map(_is_overwritten, self.nodes())))

    def cotangents(self, seed: int) -> dict[str, Array]:
        """Return random integers for every result, so that sums are exact."""
        rng = np.random.default_rng(seed)
        return {
            name: np.asarray(rng.integers(-4, 5, tuple(x.shape)), x.detach().numpy().dtype)
            for name, x in self.results.items()
        }

    def gradients(self, cotangents: dict[str, Array]) -> dict[str, Array]:
        """Return the gradient of each leaf from these results, zeros if it isn't reached."""
        results = [self.results[name] for name in cotangents]
        return self.of(results, [minigrad.from_numpy(g.copy()) for g in cotangents.values()])

    def of(self, results: Any, cotangents: Any = None) -> dict[str, Array]:
        """Return the gradient of each leaf from `results`, computed from this program's results."""
        leaves = [*self.leaves.values()]
        arrived = minigrad.autograd.grad(
            results, leaves, cotangents, retain_graph=True, allow_unused=True
        )
        return {
            name: np.zeros(tuple(x.shape)) if g is None else g.numpy()
            for (name, x), g in zip(self.leaves.items(), arrived, strict=True)
        }

    def backward(self, cotangents: dict[str, Array], **options: Any) -> None:
        """Call backward from all results."""
        minigrad.autograd.backward(
            [self.results[name] for name in cotangents],
            [minigrad.from_numpy(g) for g in cotangents.values()],
            **options,
        )

    def total(self, cotangents: dict[str, Array]) -> list[Any]:
        """Return the sum of each result times its cotangent, which has the same gradients."""
        return [
            (self.results[name] * minigrad.from_numpy(g)).sum() for name, g in cotangents.items()
        ]

    def nodes(self) -> Iterator[Node]:
        """Yield all nodes of the graph."""
        found, waiting = set(), [x._node for x in self.results.values()]
        while waiting:
            node = waiting.pop()
            if isinstance(node, Node) and node not in found:
                found.add(node)
                waiting += node.parents
                yield node

    def saved(self) -> list[Array]:
        """Return all arrays that the graph's pullbacks have captured."""
        return [
            x
            for node in self.nodes()
            for pullback in node.pullbacks or ()
            for x in captures(pullback)
            if isinstance(x, np.ndarray)
        ]


def assert_close(ran: Executed, ours: dict[str, Array], others: dict[str, Array]) -> None:
    """Check for equality up to rounding, relative to the largest of all elements."""
    assert ours.keys() == others.keys()
    both = [*ours.values(), *others.values()]
    assume(all(np.isfinite(x).all() for x in both))
    single = any(x is not None and x.dtype == minigrad.float32 for x in ran.tensors.values())
    scale = max((float(np.abs(x).max(initial=0)) for x in both), default=0) + 1
    for name, x in ours.items():
        apart = np.abs(x - others[name]).max(initial=0)
        assert apart <= scale * (1e-4 if single else 1e-9), (
            f"{name}: {x.tolist()} and {others[name].tolist()}"
        )


@given(program=some_programs, seed=SEEDS)
@np.errstate(all="ignore")  # results that aren't finite are skipped
def test_gradients_are_linear_in_the_cotangent(program: Program, seed: int) -> None:
    ran = Executed(program)
    g, h = ran.cotangents(seed), ran.cotangents(seed + 1)
    both = ran.gradients({name: np.asarray(3 * g[name] - h[name]) for name in g})
    apart = ran.gradients(g), ran.gradients(h)
    assert_close(ran, both, {name: 3 * apart[0][name] - apart[1][name] for name in both})


@given(program=homogeneous_programs, seed=SEEDS)
def test_a_power_of_two_scales_gradients_exactly(program: Program, seed: int) -> None:
    ran = Executed(program)
    g = ran.cotangents(seed)
    once, factor = ran.gradients(g), 2.0 ** (seed % 7 - 3)
    tiny = 1e-30  # below this, or above 1 / tiny, scaling may underflow or overflow
    extremes = [np.abs(x[np.isfinite(x) & (x != 0)]) for x in once.values()]
    assume(all(((x > tiny) & (x < 1 / tiny)).all() for x in extremes))
    scaled = ran.gradients({k: np.asarray(x * x.dtype.type(factor)) for k, x in g.items()})
    for name, x in once.items():
        np.testing.assert_array_equal(scaled[name], x * x.dtype.type(factor), err_msg=name)


@given(program=some_programs, seed=SEEDS)
@np.errstate(all="ignore")  # results that aren't finite are skipped
def test_the_gradient_of_a_sum_is_the_sum_of_gradients(program: Program, seed: int) -> None:
    ran = Executed(program)
    g = ran.cotangents(seed)
    at_once = ran.of([sum(ran.total(g))])
    one_by_one = [ran.gradients({name: x}) for name, x in g.items()]
    added = {name: sum(each[name] for each in one_by_one) for name in ran.leaves}
    assert_close(ran, at_once, {name: np.asarray(x) for name, x in added.items()})


@given(program=some_programs, seed=SEEDS)
def test_names_and_the_order_of_statements_do_not_matter(program: Program, seed: int) -> None:
    straight = replace(program, statements=tuple(pure(program)))
    rng = np.random.default_rng(seed)
    names = [name for s in straight.statements for name in s.names]
    renamed = dict(zip(names, rng.permutation([f"v{i}" for i in range(len(names))]), strict=True))
    other = replace(program, statements=tuple(shuffled(straight.statements, renamed, rng)))
    ran, again = Executed(straight), Executed(other)
    g = ran.cotangents(seed)
    arrived = again.gradients({renamed[name]: x for name, x in reversed(g.items())})
    assert_close(ran, ran.gradients(g), {name: arrived[renamed[name]] for name in ran.leaves})


def pure(program: Program) -> Iterator[Statement]:
    """Yield the statements that compute something new."""
    return (s for s in program.statements if s.names and not s.raises)


def shuffled(
    statements: Sequence[Statement], renamed: dict[str, str], rng: np.random.Generator
) -> Iterator[Statement]:
    """Yield the statements, renamed, in a random order in which each has its operands."""
    made: set[str] = set()
    waiting = [*statements]
    while waiting:
        ready = [i for i, s in enumerate(waiting) if names_read(s) & renamed.keys() <= made]
        statement = waiting.pop(int(rng.choice(ready)))
        made.update(statement.names)
        tree = ast.parse(statement.text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                node.id = renamed.get(node.id, node.id)
        yield Statement(ast.unparse(tree), tuple(renamed[name] for name in statement.names))


def names_read(statement: Statement) -> set[str]:
    nodes = ast.walk(ast.parse(statement.text))
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


@given(program=some_programs, seed=SEEDS)
def test_the_order_of_a_sum_does_not_matter(program: Program, seed: int) -> None:
    ran = Executed(program)
    g = ran.cotangents(seed)
    terms = ran.total(g)
    left, right = functools.reduce(operator.add, terms), terms[-1]
    for term in reversed(terms[:-1]):
        right = term + right
    assert_close(ran, ran.of([left]), ran.of([right]))


@given(program=wild_programs, seed=SEEDS)
def test_a_second_backward_doubles_the_gradients(program: Program, seed: int) -> None:
    ran = Executed(program)
    g = ran.cotangents(seed)
    ran.backward(g, retain_graph=True)
    first = {name: x.grad.numpy().copy() for name, x in ran.leaves.items() if x.grad is not None}
    ran.backward(g)
    for name, once in first.items():
        with np.errstate(over="ignore", invalid="ignore"):
            np.testing.assert_array_equal(ran.leaves[name].grad.numpy(), once + once, err_msg=name)


@given(program=wild_programs, seed=SEEDS)
def test_backward_writes_only_gradients(program: Program, seed: int) -> None:
    ran = Executed(program)
    g = ran.cotangents(seed)
    watched = [x.detach().numpy() for x in ran.tensors.values() if x is not None]
    watched += [*ran.saved(), *g.values()]
    before = [x.copy() for x in watched]
    ran.backward(g)
    for x, y in zip(watched, before, strict=True):
        np.testing.assert_array_equal(x, y)


@given(program=wild_programs, seed=SEEDS)
def test_gradients_share_no_memory(program: Program, seed: int) -> None:
    ran = Executed(program)
    g = ran.cotangents(seed)
    others = [x.detach().numpy() for x in ran.tensors.values() if x is not None]
    others += [*ran.saved(), *g.values()]
    for name in ran.results:
        ran.results[name].retain_grad()
    ran.backward(g)
    tensors = {id(x): x for x in (*ran.leaves.values(), *ran.results.values())}
    grads = [x.grad.numpy() for x in tensors.values() if x.grad is not None]
    for i, g in enumerate(grads):
        assert not any(np.shares_memory(g, x) for x in (*others, *grads[:i]))


@given(program=some_programs, seed=SEEDS)
def test_the_layout_of_leaves_does_not_matter(program: Program, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def with_layout(name: str, x: Any) -> Any:
        layout = rng.choice(["contiguous", "transposed", "strided"])
        return laid_out(x.detach().numpy().copy(), layout).tensor(minigrad).requires_grad_()

    ran, again = Executed(program), Executed(program, with_layout)
    # Some layouts make `view` fail, and contiguous() returns a contiguous tensor itself.
    assume(ran.errors == again.errors and ran.results.keys() == again.results.keys())
    g = ran.cotangents(seed)
    assert_close(ran, ran.gradients(g), again.gradients(g))


# Finite differences -------------------------------------------------------------------------------

# PyTorch's gradient isn't the derivative: of clamp if both bounds are the same tensor, which gets
# none, as if at a tie, of embedding at the row of padding, of nextafter if both operands are, and
# of the shrinks at 0 if `lambd` is 0.
_OTHER_GRADIENTS = ("clamp", "embedding", "hardshrink", "nextafter", "softshrink")
# At a tie, the median is another element on either side.
_OTHER_GRADIENTS += ("median", "nanmedian")
# Differences see the slope of what a program detaches for these, because PyTorch has no derivative.
_OTHER_GRADIENTS += ("acosh", "asinh", "atanh", "special_zeta")
_OTHER_GRADIENTS += (*names_in(bessel), *names_in(polynomials))
# PyTorch lets these write into a view of a leaf, and the view keeps its history.
_OTHER_GRADIENTS += ("logical_and", "logical_not", "logical_or", "logical_xor")
doubles = programs(
    actions=[name for name in (NOTHING, LEAF, *OPS) if name not in _OTHER_GRADIENTS],
    textures=("normal",),
    dtypes=("float64",),
    recording=True,
    ends=False,
)
STEP = 1e-6


def moved(program: Program, directions: dict[str, Array], step: float) -> Executed:
    """Run the program with its leaves moved by `step` along the directions."""

    def shift(name: str, x: Any) -> Any:
        values = x.detach().numpy() + step * directions[name]
        return minigrad.from_numpy(np.asarray(values)).requires_grad_()

    return Executed(program, shift)


@np.errstate(all="ignore")  # results that aren't finite are skipped
def check_slope(
    program: Program,
    seed: int,
    function: Callable[[Executed], float],
    slope: Callable[[Executed, dict[str, Array]], float],
) -> None:
    """Check the slope along a random direction against central differences of the function."""
    rng = np.random.default_rng(seed)
    leaves = Executed(program).leaves.items()
    directions = {name: np.asarray(rng.standard_normal(x.shape)) for name, x in leaves}
    ran = moved(program, directions, 0)
    assume(all(x is None or x.dtype != minigrad.float32 for x in ran.tensors.values()))
    places = (-STEP, 0, STEP / 2, STEP)
    values = [function(moved(program, directions, place)) for place in places]
    assume(np.isfinite(values).all())
    left, half, right = (
        (value - values[1]) / place for value, place in zip(values, places, strict=True) if place
    )
    scale = 1 + abs(left) + abs(right) + abs(values[1])
    # Skip kinks, jumps and functions that are too steep.
    assume(max(abs(right - left), abs(right - half)) < 1e-3 * scale)
    found = slope(ran, directions)
    assume(np.isfinite(found))  # it isn't at the root of 0
    assert abs(found - (left + right) / 2) <= 1e-4 * scale, f"{found}, not {left} or {right}"


def along(gradients: dict[str, Array], directions: dict[str, Array]) -> float:
    return float(sum((g * directions[name]).sum() for name, g in gradients.items()))


@given(program=doubles, seed=SEEDS)
def test_gradients_agree_with_differences(program: Program, seed: int) -> None:
    def function(ran: Executed) -> float:
        g = ran.cotangents(seed)
        return float(sum((x.detach().numpy() * g[name]).sum() for name, x in ran.results.items()))

    def slope(ran: Executed, directions: dict[str, Array]) -> float:
        return along(ran.gradients(ran.cotangents(seed)), directions)

    check_slope(program, seed, function, slope)


@given(program=doubles, seed=SEEDS)
def test_second_derivatives_agree_with_differences(program: Program, seed: int) -> None:
    rng = np.random.default_rng(seed + 1)
    leaves = Executed(program).leaves.items()
    weights = {name: np.asarray(rng.standard_normal(x.shape)) for name, x in leaves}

    def function(ran: Executed) -> float:
        return along(ran.gradients(ran.cotangents(seed)), weights)

    def slope(ran: Executed, directions: dict[str, Array]) -> float:
        leaves = [*ran.leaves.values()]
        cotangents = [minigrad.from_numpy(g) for g in ran.cotangents(seed).values()]
        first = minigrad.autograd.grad(
            [*ran.results.values()], leaves, cotangents, create_graph=True, allow_unused=True
        )
        pairs = [(d, w) for d, w in zip(first, weights.values(), strict=True) if d is not None]
        total = sum((d * minigrad.from_numpy(np.asarray(w))).sum() for d, w in pairs)
        assume(getattr(total, "requires_grad", False))
        return along(ran.of([total]), directions)

    check_slope(program, seed, function, slope)


# Each property can fail ---------------------------------------------------------------------------

FEW = (LEAF, "mul", "exp", "add", "transpose")


def counting() -> Callable[[Any], Any]:
    """Return a change to a derivative that differs each time."""
    count = itertools.count(1)
    return lambda d: d * next(count)


@contextmanager
def derivatives_in_one_place() -> Iterator[None]:
    """Put each derivative of one shape into the same memory."""
    places: dict[Any, Any] = {}
    with ExitStack() as mistakes:
        for name in ("mul", "exp", "add"):
            mistakes.enter_context(
                mistake_in_rule(name, derivative=lambda d: places.setdefault(d.shape, np.array(d)))
            )
        yield


def exp_that_overwrites(input: Any) -> Any:
    """`exp`, with a pullback that overwrites what it saved."""
    y = np.asarray(np.exp(input))

    def pullback(g: Any) -> Any:
        d = g * y
        y[...] = 0
        return d

    return y, (pullback,)


def exp_of_rows(input: Any) -> Any:
    """`exp`, with a derivative that is right only in row-major order."""
    y, rows = np.exp(input), input.flags.c_contiguous
    return y, (lambda g: g * y if rows else g,)


# The change to the derivative of `mul` that makes each test fail.
CHANGES: dict[Any, Callable[[Any], Any]] = {
    test_gradients_are_linear_in_the_cotangent: np.abs,
    test_a_power_of_two_scales_gradients_exactly: lambda d: d + d.dtype.type(1),
    test_the_gradient_of_a_sum_is_the_sum_of_gradients: np.abs,
    test_names_and_the_order_of_statements_do_not_matter: counting(),
    test_the_order_of_a_sum_does_not_matter: counting(),
    test_a_second_backward_doubles_the_gradients: counting(),
    test_gradients_agree_with_differences: lambda d: d * (1 + 1e-2),
    test_second_derivatives_agree_with_differences: (
        lambda d: d * 1.01 if hasattr(d, "detach") else d
    ),
}
MISTAKES = {t: mistake_in_rule("mul", derivative=change) for t, change in CHANGES.items()}
MISTAKES[test_gradients_share_no_memory] = derivatives_in_one_place()
MISTAKES[test_backward_writes_only_gradients] = mutants.planted("exp", exp_that_overwrites)
MISTAKES[test_the_layout_of_leaves_does_not_matter] = mutants.planted("exp", exp_of_rows)


@pytest.mark.parametrize("test", MISTAKES, ids=lambda test: test.__name__)
def test_a_mistake_is_found(test: Any) -> None:
    drawn = programs(
        8, actions=FEW, textures=("normal",), dtypes=("float64",), recording=True, ends=False
    )
    tried = 0

    def run(count: int) -> None:
        @settings(AT_A_GLANCE, max_examples=count)
        @given(program=drawn, seed=SEEDS)
        def examples(program: Program, seed: int) -> None:
            nonlocal tried
            tried += 1
            test.hypothesis.inner_test(program=program, seed=seed)

        examples()

    with MISTAKES[test], pytest.raises(AssertionError):
        run(800)
    run(tried)  # the same programs pass without the mistake


def test_every_property_has_a_mistake() -> None:
    assert {t for t in globals().values() if hasattr(t, "hypothesis")} == MISTAKES.keys()
