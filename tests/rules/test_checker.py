"""The checker itself: it finds every planted mistake, and passes rules without one.

A mistake is a broken variant of a rule. It replaces the rule in the registry and in minigrad's ops.
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

from bridge.conformance import checker
from bridge.conformance.checks import CHECKS, DIFFERENTIABLE, FIRST, TOGETHER, checks_of
from bridge.drawing.operands import Case, Operand
from bridge.drawing.samples import Form, draw_case, forms
from bridge.libraries.op_calls import ONE_RESULT
from bridge.strategies import cases
from minigrad.api.tensor import Tensor
from minigrad.core.dispatch import function
from minigrad.rules import REGISTRY
from minigrad.rules.reduction import sum as sum_of
from minigrad.rules.rule import Pullback, Result
from tests.rules import test_rules
from tests.rules.checks import for_each_case

pytestmark = pytest.mark.filterwarnings(f"ignore:{checker.LAYOUT_WARNING}")


def _gradients(name: str, seed: int, by: float) -> list[np.ndarray]:
    """Return the gradients of a smooth case whose operands are changed by a share of at most `by`.

    The change is too small for an operand to reach a kink.
    """
    rng = np.random.default_rng(seed)
    case = draw_case(name, seed, "smooth")
    if not any(isinstance(x, Operand) and x.differentiable for x in case.operands):
        return []

    def moved(x: Any) -> Any:
        if not isinstance(x, Operand) or not x.differentiable:
            return x
        return replace(
            x,
            values=np.multiply(
                x.values, 1 + by * rng.uniform(-1, 1, x.values.shape), out=x.values.copy()
            ),
        )

    call = checker.RuleCall(name, replace(case, operands=tuple(map(moved, case.operands))))
    g = rng.standard_normal(call.results[0].shape)
    with np.errstate(all="ignore"):
        return [
            np.asarray(pullback(g))
            for x, pullback in zip(case.operands, call.pullbacks, strict=True)
            if pullback and isinstance(x, Operand) and x.differentiable
        ]


def _differ(name: str) -> bool:
    """Whether the gradients of a rule change with its operands."""
    return any(
        not np.allclose(d, moved, rtol=1e-9, atol=1e-12, equal_nan=True)
        for seed in range(16)
        for d, moved in zip(_gradients(name, seed, 0), _gradients(name, seed, 1e-4), strict=True)
    )


# Rules whose gradient is zeros for any cotangent.
ZEROS = {
    name
    for name in DIFFERENTIABLE
    if not any(d.any() for seed in range(16) for d in _gradients(name, seed, 0))
}


def held_to(*checks: str) -> list[str]:
    """Return the rules that have these checks."""
    return [name for name in DIFFERENTIABLE if checks_of(name).keys() >= {*checks}]


@contextmanager
def broken(name: str, forward: Callable[..., Any], **changes: Any) -> Iterator[Form]:
    """Replace a rule in the registry by a broken variant, and return a form that calls it."""
    presented = {n: changes.pop(n) for n in ("node", "derivative_node") if n in changes}
    rule = replace(REGISTRY[name].presented(**presented), forward=forward, **changes)
    op, right = function(rule), FIRST[name]

    def form(t: Any, /, *operands: Any, **options: Any) -> Any:
        if t is torch:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # warnings come from the form, not from the rule
                return right(t, *operands, **options)
        found = op(*operands, **{key: _in_rules_terms(value) for key, value in options.items()})
        return found[0] if name in ONE_RESULT else found

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


# Wrong declarations -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in DIFFERENTIABLE if not REGISTRY[name].linear])
def test_a_nonlinear_rule_declared_linear_fails(name: str) -> None:
    with broken(name, REGISTRY[name].forward, linear=True) as form:
        must_fail("linear", name, form)
        must_fail("second backward", name, form)


@pytest.mark.parametrize("name", [name for name in DIFFERENTIABLE if REGISTRY[name].linear])
def test_a_linear_rule_not_declared_linear_fails(name: str) -> None:
    with broken(name, REGISTRY[name].forward, linear=False) as form:
        must_fail("second backward", name, form)
        must_fail_together("linear declared", name)


def test_a_wrong_declaration_of_a_derivative_fails() -> None:
    for name in ("exp", "eq"):
        rule = REGISTRY[name]
        with broken(name, rule.forward, differentiable=not rule.differentiable):
            must_fail_together("derivative declared", name)


# Very small mistakes ------------------------------------------------------------------------------


def changed(name: str, change: Callable[[Pullback], Pullback]) -> Callable[..., Result]:
    """Return the rule's forward with all its pullbacks changed."""
    forward = REGISTRY[name].forward

    def variant(*args: Any, **options: Any) -> Result:
        y, pullbacks = forward(*args, **options)
        return y, tuple(p and change(p) for p in pullbacks)

    return variant


@pytest.mark.parametrize("name", [name for name in held_to("complex step") if name not in ZEROS])
def test_an_error_too_small_for_differences_fails_the_complex_step(name: str) -> None:
    def off(pullback: Pullback) -> Pullback:
        return lambda g: pullback(g) * (1 + 1e-9)

    with broken(name, changed(name, off)) as form:
        run("differences", name, form, 5)
        must_fail("complex step", name, form)


# Mistakes that only higher derivatives show -------------------------------------------------------

# Rules whose second derivative is nonzero. Those that are linear in pieces have a node for it, or
# the sign of the operand.
SMOOTH = [
    name
    for name in DIFFERENTIABLE
    if not REGISTRY[name].presentation.derivative_node and _differ(name)
]
CURVED = [
    name
    for name in held_to("second order")
    if name in SMOOTH or REGISTRY[name].presentation.derivative_node or name == "abs"
]


def detached(pullback: Pullback) -> Pullback:
    """Return a pullback whose result doesn't depend on the cotangent."""
    return lambda g: pullback(g.detach() if hasattr(g, "detach") else g)


def doubled_when_recorded(pullback: Pullback) -> Pullback:
    return lambda g: pullback(g) * 2 if hasattr(g, "detach") else pullback(g)


def with_copied_captures(pullback: Pullback) -> Pullback:
    """Return the pullback with copies of the captured arrays, which are no operands."""
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
    return (
        with_copied_captures(thing)
        if isinstance(thing, FunctionType) and thing.__closure__
        else thing
    )


@pytest.mark.parametrize("name", [name for name in held_to("second order") if name not in ZEROS])
def test_a_gradient_detached_from_its_cotangent_fails(name: str) -> None:
    with broken(name, changed(name, detached)) as form:
        must_fail("second order", name, form)


@pytest.mark.parametrize("check", ["second order", "recorded"])
@pytest.mark.parametrize("name", [name for name in DIFFERENTIABLE if name not in ZEROS])
def test_a_gradient_that_changes_with_a_graph_fails(name: str, check: str) -> None:
    if check in checks_of(name):
        with broken(name, changed(name, doubled_when_recorded)) as form:
            must_fail(check, name, form)


@pytest.mark.parametrize("name", CURVED)
def test_a_gradient_detached_from_its_operands_fails(name: str) -> None:
    with broken(name, changed(name, with_copied_captures)) as form:
        run("outcome", name, form, 10)  # the first order is right
        must_fail("second order", name, form)
        if name in SMOOTH:
            must_fail("second differences", name, form)


@pytest.mark.parametrize(
    "name", [name for name in CURVED if REGISTRY[name].presentation.derivative_node]
)
def test_a_piecewise_linear_rule_not_declared_so_fails(name: str) -> None:
    with broken(name, REGISTRY[name].forward, derivative_node="") as form:
        must_fail("second order", name, form)


# Mistakes of single rules -----------------------------------------------------------------------


def swapped_pullbacks(input: Any, other: Any) -> Result:
    return input * other, (lambda g: g * input, lambda g: g * other)


def writes_into_an_operand(input: Any) -> Result:
    y = np.exp(input)
    input += 1
    return y, (lambda g: g * y,)


def whole_tie_to_one(input: Any, other: Any) -> Result:
    return np.maximum(input, other), (
        lambda g: np.where(input >= other, g, 0),
        lambda g: np.where(input >= other, 0, g),
    )


def nan_is_zero(input: Any) -> Result:
    y = np.fmax(0, input)
    return y, (lambda g: np.where(y <= 0, 0, g),)


def nan_ignored(input: Any, other: Any) -> Result:
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


def term_left_out(input: Any, mat2: Any) -> Result:
    y = np.dot(input[:, 1:], mat2[1:])
    return y, (lambda g: np.dot(g, mat2.T), lambda g: np.dot(input.T, g))


def wrong_dtype(input: Any) -> Result:
    y = np.exp(input.astype(np.float64))
    return y, (lambda g: g * y,)


def operand_returned(input: Any) -> Result:
    y = input if input.ndim and (input > 0).all() else np.absolute(input)
    return y, (lambda g: g * np.sign(input),)


def view_of_operand_saved(input: Any, other: Any) -> Result:
    x, y = input[...], np.asarray(other)[...]
    return input * other, (lambda g: g * y, lambda g: g * x)


def copy_saved(input: Any, other: Any) -> Result:
    x, y = np.copy(input), np.copy(other)
    return input * other, (lambda g: g * y, lambda g: g * x)


def one_ulp_off(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Result:
    y, pullbacks = sum_of(input, dim, keepdim, dtype=dtype)
    return np.nextafter(y, np.inf), pullbacks


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("mul", swapped_pullbacks, "differences"),
    ("exp", writes_into_an_operand, "contract"),
    ("maximum", whole_tie_to_one, "outcome"),
    ("relu", nan_is_zero, "outcome"),
    ("maximum", nan_ignored, "outcome"),
    ("softmax", nan_at_large_values, "outcome"),
    ("exp", contiguous_cotangents_only, "outcome"),
    ("exp", contiguous_cotangents_only, "contract"),
    ("mm", in_float32, "outcome"),
    ("mm", term_left_out, "outcome"),
    ("sum", one_ulp_off, "whole"),
    ("exp", wrong_dtype, "outcome"),
    ("abs", operand_returned, "contract"),
    ("mul", view_of_operand_saved, "contract"),
    ("mul", copy_saved, "writes"),
    ("mul", copy_saved, "second differences"),
]


@pytest.mark.parametrize(
    ("name", "forward", "check"),
    MISTAKES,
    ids=[f"{forward.__name__}-{check}" for _, forward, check in MISTAKES],
)
def test_a_mistake_fails(name: str, forward: Callable[..., Any], check: str) -> None:
    with broken(name, forward) as form:
        must_fail(check, name, form)


def test_an_in_place_form_with_a_different_result_fails() -> None:
    def wrong(t: Any, input: Any) -> Any:
        return input.clone().exp_().mul_(1 + 4e-16)

    case, right = Case((Operand(np.linspace(-2, 2, 9)),)), forms("exp")
    checker.check_in_place("exp", right["in-place"], right["function"], case)
    with pytest.raises(AssertionError):
        checker.check_in_place("exp", wrong, right["function"], case)


def test_a_wrong_node_name_fails() -> None:
    with broken("exp", REGISTRY["exp"].forward, node="ExpBackward") as form:
        must_fail("graph", "exp", form)


def test_a_rule_without_samples_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTRY, "new", REGISTRY["exp"])
    with pytest.raises(AssertionError):
        test_rules.test_every_rule_has_samples_and_a_form()
