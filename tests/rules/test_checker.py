"""The checker is checked: every seeded mistake must be found, and no rule blamed without one.

A mistake is a broken variant of a rule. The checker sees it as it sees the rule: in the registry,
and as what minigrad computes when the op is called.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import CellType, FunctionType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

torch = pytest.importorskip("torch")

from bridge.drawing.operands import Case, Operand
from bridge.drawing.samples import Form, forms
from bridge.strategies import cases
from minigrad.api.tensor import Tensor
from minigrad.core.dispatch import function
from minigrad.rules import REGISTRY
from minigrad.rules.reduction import sum as sum_of
from minigrad.rules.rule import Pullback, Result
from tests.rules import checker, test_rules
from tests.rules.checks import CHECKS, DIFFERENTIABLE, FIRST, TOGETHER, for_each_case

pytestmark = pytest.mark.filterwarnings(f"ignore:{checker.LAYOUT_WARNING}")


# Rules whose gradient is zeros, whatever the cotangent is.
ZEROS = {"zero", "sign"}


@contextmanager
def broken(name: str, forward: Callable[..., Any], **changes: Any) -> Iterator[Form]:
    """A broken variant of a rule in the registry, and the form that calls it."""
    presented = {n: changes.pop(n) for n in ("node", "derivative_node") if n in changes}
    presentation = replace(REGISTRY[name].presentation, **presented)
    rule = replace(REGISTRY[name], forward=forward, presentation=presentation, **changes)
    op, right = function(rule), FIRST[name]

    def form(t: Any, /, *operands: Any, **options: Any) -> Any:
        if t is torch:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they come of the form, not of the rule
                return right(t, *operands, **options)
        return op(*operands, **{key: _in_rules_terms(value) for key, value in options.items()})

    before = REGISTRY[name]
    REGISTRY[name] = rule
    try:
        yield form
    finally:
        REGISTRY[name] = before


def _in_rules_terms(option: Any) -> Any:
    if isinstance(option, tuple):
        return tuple(_in_rules_terms(item) for item in option)
    return option._array if isinstance(option, Tensor) else option


def run(check: str, name: str, form: Form, count: int = 40) -> None:
    """Run a check as the tests do, but stop at the first failure."""

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.filter_too_much],
    )
    @given(case=cases(name, CHECKS[check].style))
    def examples(case: Case) -> None:
        CHECKS[check].function(name, form, case)

    examples()


def must_fail(check: str, name: str, form: Form) -> None:
    with pytest.raises(AssertionError):
        run(check, name, form)


def must_fail_together(check: str, name: str) -> None:
    found: list[Case] = []
    for_each_case(name, check, found.append)
    with pytest.raises(AssertionError):
        TOGETHER[check](name, found)


# Wrong about itself -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in DIFFERENTIABLE if not REGISTRY[name].linear])
def test_a_rule_that_lies_about_being_linear_fails(name: str) -> None:
    with broken(name, REGISTRY[name].forward, linear=True) as form:
        must_fail("linear", name, form)
        must_fail("second backward", name, form)


@pytest.mark.parametrize("name", [name for name in DIFFERENTIABLE if REGISTRY[name].linear])
def test_a_linear_rule_that_does_not_say_so_fails(name: str) -> None:
    with broken(name, REGISTRY[name].forward, linear=False) as form:
        must_fail("second backward", name, form)
        must_fail_together("linear declared", name)


def test_a_rule_that_lies_about_having_a_derivative_fails() -> None:
    for name in ("exp", "eq"):
        rule = REGISTRY[name]
        with broken(name, rule.forward, differentiable=not rule.differentiable):
            must_fail_together("derivative declared", name)


# Wrong by very little -----------------------------------------------------------------------------


def changed(name: str, change: Callable[[Pullback], Pullback]) -> Callable[..., Result]:
    """The rule's forward with all its pullbacks changed."""
    forward = REGISTRY[name].forward

    def variant(*args: Any, **options: Any) -> Result:
        y, pullbacks = forward(*args, **options)
        return y, tuple(p and change(p) for p in pullbacks)

    return variant


@pytest.mark.parametrize(
    "name", [name for name in DIFFERENTIABLE if name not in (*checker.NOT_ANALYTIC, *ZEROS)]
)
def test_a_derivative_too_little_off_for_differences_fails_by_the_complex_step(name: str) -> None:
    def off(pullback: Pullback) -> Pullback:
        return lambda g: pullback(g) * (1 + 1e-9)

    with broken(name, changed(name, off)) as form:
        run("differences", name, form, 5)
        must_fail("complex step", name, form)


# Mistakes that only a derivative's derivative shows -----------------------------------------------

# Rules with no derivative but in the cotangent: all that are linear, and those that select.
STRAIGHT = {name for name in DIFFERENTIABLE if REGISTRY[name].linear}
STRAIGHT |= {"clamp", "where", "maximum", "minimum", "max", "min", "max_dim", "min_dim"}
STRAIGHT |= {"scatter", "index", "index_put", "masked_fill"}
BENT = [name for name in DIFFERENTIABLE if name not in STRAIGHT]
# Those whose second derivative is not zero wherever it exists.
SMOOTH = [
    name for name in BENT if name != "abs" and not REGISTRY[name].presentation.derivative_node
]


def detached(pullback: Pullback) -> Pullback:
    """What it gives is no function of the cotangent any more."""
    return lambda g: pullback(g.detach() if hasattr(g, "detach") else g)


def doubled_when_recorded(pullback: Pullback) -> Pullback:
    return lambda g: pullback(g) * 2 if hasattr(g, "detach") else pullback(g)


def of_copies(pullback: Pullback) -> Pullback:
    """The same of copies of what was captured, which are nobody's operands."""
    return FunctionType(
        pullback.__code__,
        pullback.__globals__,
        pullback.__name__,
        pullback.__defaults__,
        tuple(CellType(_copied(cell.cell_contents)) for cell in pullback.__closure__ or ()),
    )


def _copied(thing: Any) -> Any:
    if isinstance(thing, np.ndarray | np.generic):
        return np.array(thing)
    return of_copies(thing) if isinstance(thing, FunctionType) and thing.__closure__ else thing


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_gradient_that_is_cut_from_its_cotangent_fails(name: str) -> None:
    if name in ZEROS:
        return
    with broken(name, changed(name, detached)) as form:
        must_fail("second order", name, form)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_gradient_that_is_another_with_a_graph_fails(name: str) -> None:
    if name in ZEROS:
        return
    with broken(name, changed(name, doubled_when_recorded)) as form:
        must_fail("second order", name, form)
        must_fail("recorded", name, form)


@pytest.mark.parametrize("name", BENT)
def test_a_gradient_that_is_cut_from_its_operands_fails(name: str) -> None:
    with broken(name, changed(name, of_copies)) as form:
        run("outcome", name, form, 10)  # at first order it is the same
        must_fail("second order", name, form)
        if name in SMOOTH:
            must_fail("second differences", name, form)


@pytest.mark.parametrize(
    "name", [name for name in BENT if REGISTRY[name].presentation.derivative_node]
)
def test_a_flat_rule_that_does_not_say_so_fails(name: str) -> None:
    with broken(name, REGISTRY[name].forward, derivative_node="") as form:
        must_fail("second order", name, form)


# Mistakes of one rule ---------------------------------------------------------------------------


def swapped_pullbacks(input: Any, other: Any) -> Result:
    return input * other, (lambda g: g * input, lambda g: g * other)


def writes_into_an_operand(input: Any) -> Result:
    y = np.exp(input)
    input += 1
    return y, (lambda g: g * y,)


def all_of_a_tie_to_one(input: Any, other: Any) -> Result:
    return np.maximum(input, other), (
        lambda g: np.where(input >= other, g, 0),
        lambda g: np.where(input >= other, 0, g),
    )


def nan_is_zero(input: Any) -> Result:
    y = np.fmax(0, input)
    return y, (lambda g: np.where(y <= 0, 0, g),)


def nan_is_missing(input: Any, other: Any) -> Result:
    return np.fmax(input, other), (
        lambda g: np.where(input < other, 0, np.where(input == other, g / 2, g)),
        lambda g: np.where(input > other, 0, np.where(input == other, g / 2, g)),
    )


def nan_at_large_values(input: Any, dim: int, dtype: Any = None) -> Result:
    e = np.exp(input if dtype is None else input.astype(dtype))
    y = e / e.sum(dim if input.ndim else (), keepdims=True)
    d = dim if input.ndim else ()
    return y, (lambda g: y * (g - (g * y).sum(d, keepdims=True)),)


def contiguous_cotangents_only(input: Any) -> Result:
    y = np.exp(input)
    return y, (lambda g: g.ravel("K")[: y.size].reshape(y.shape) * y,)


def in_float32(input: Any, mat2: Any) -> Result:
    y = np.dot(input.astype(np.float32), mat2.astype(np.float32)).astype(input.dtype)
    return y, (lambda g: np.dot(g, mat2.T), lambda g: np.dot(input.T, g))


def a_term_left_out(input: Any, mat2: Any) -> Result:
    y = np.dot(input[:, 1:], mat2[1:])
    return y, (lambda g: np.dot(g, mat2.T), lambda g: np.dot(input.T, g))


def another_dtype(input: Any) -> Result:
    y = np.exp(input.astype(np.float64))
    return y, (lambda g: g * y,)


def its_own_operand(input: Any) -> Result:
    y = input if input.ndim and (input > 0).all() else np.absolute(input)
    return y, (lambda g: g * np.sign(input),)


def a_view_of_an_operand_saved(input: Any, other: Any) -> Result:
    x, y = input[...], np.asarray(other)[...]
    return input * other, (lambda g: g * y, lambda g: g * x)


def a_copy_saved(input: Any, other: Any) -> Result:
    x, y = np.copy(input), np.copy(other)
    return input * other, (lambda g: g * y, lambda g: g * x)


def one_ulp_off(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Result:
    y, pullbacks = sum_of(input, dim, keepdim, dtype=dtype)
    return np.nextafter(y, np.inf), pullbacks


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("mul", swapped_pullbacks, "differences"),
    ("exp", writes_into_an_operand, "contract"),
    ("maximum", all_of_a_tie_to_one, "outcome"),
    ("relu", nan_is_zero, "outcome"),
    ("maximum", nan_is_missing, "outcome"),
    ("softmax", nan_at_large_values, "outcome"),
    ("exp", contiguous_cotangents_only, "outcome"),
    ("exp", contiguous_cotangents_only, "contract"),
    ("mm", in_float32, "outcome"),
    ("mm", a_term_left_out, "outcome"),
    ("sum", one_ulp_off, "whole"),
    ("exp", another_dtype, "outcome"),
    ("abs", its_own_operand, "contract"),
    ("mul", a_view_of_an_operand_saved, "contract"),
    ("mul", a_copy_saved, "writes"),
    ("mul", a_copy_saved, "second differences"),
]


@pytest.mark.parametrize(
    ("name", "forward", "check"),
    MISTAKES,
    ids=[f"{forward.__name__}-{check}" for _, forward, check in MISTAKES],
)
def test_a_mistake_fails(name: str, forward: Callable[..., Any], check: str) -> None:
    with broken(name, forward) as form:
        must_fail(check, name, form)


def test_an_in_place_form_that_computes_something_else_fails() -> None:
    def wrong(t: Any, input: Any) -> Any:
        return input.clone().exp_().mul_(1 + 4e-16)

    case, right = Case((Operand(np.linspace(-2, 2, 9)),)), forms("exp")
    checker.check_in_place("exp", right["in-place"], right["function"], case)
    with pytest.raises(AssertionError):
        checker.check_in_place("exp", wrong, right["function"], case)


def test_another_name_of_the_node_fails() -> None:
    with broken("exp", REGISTRY["exp"].forward, node="ExpBackward") as form:
        must_fail("node name", "exp", form)


def test_a_rule_without_samples_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTRY, "new", REGISTRY["exp"])
    with pytest.raises(AssertionError):
        test_rules.test_every_rule_has_samples_and_a_form()
