"""The checker is checked: every seeded mistake must be found, and no rule blamed without one.

A mistake is a broken variant of a rule. The checker sees it as it sees the rule: in the registry,
and as what minigrad computes when the op is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import CellType, FunctionType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

torch = pytest.importorskip("torch")

from bridge.operands import Case, Operand
from bridge.samples import Form, forms
from bridge.strategies import cases
from minigrad.dispatch import function
from minigrad.rules import REGISTRY
from minigrad.rules.rule import Pullback, Result
from minigrad.tensor import Tensor
from tests.rules import checker, test_rules
from tests.rules.test_rules import DIFFERENTIABLE

pytestmark = pytest.mark.filterwarnings(f"ignore:{checker.LAYOUT_WARNING}")
Check = Callable[[str, Form, Case], None]


@contextmanager
def broken(name: str, forward: Callable[..., Any], **changes: Any) -> Iterator[Form]:
    """A broken variant of a rule in the registry, and the form that calls it."""
    rule = replace(REGISTRY[name], forward=forward, **changes)
    op, right = function(rule), next(iter(forms(name).values()))

    def form(t: Any, /, *operands: Any, **options: Any) -> Any:
        if t is torch:
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


def run(check: Check, name: str, form: Form, style: str, count: int = 40) -> None:
    """Run a check as the tests do, but stop at the first failure."""

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.filter_too_much],
    )
    @given(case=cases(name, style))
    def examples(case: Case) -> None:
        check(name, form, case)

    examples()


def must_fail(check: Check, name: str, form: Form, style: str) -> None:
    with pytest.raises(AssertionError):
        run(check, name, form, style)


def contract(name: str, form: Form, case: Case) -> None:
    checker.check_contract(name, case)


def linear(name: str, form: Form, case: Case) -> None:
    checker.check_linear(name, case)


def writes(name: str, form: Form, case: Case) -> None:
    for i, operand in enumerate(case.operands):
        if isinstance(operand, Operand):
            checker.check_write(name, form, case, i)


# Mistakes that every derivative can have --------------------------------------------------------

Change = Callable[[Pullback], Pullback]

CHANGES: dict[str, Change] = {
    "scaled": lambda pullback: lambda g: pullback(g) * (1 + 5e-4),
    "negated": lambda pullback: lambda g: -pullback(g),
    "dropped": lambda pullback: lambda g: np.zeros_like(pullback(g)),
    "blind to the cotangent": lambda pullback: lambda g: pullback(np.ones_like(g)),
    "in float32": lambda pullback: lambda g: pullback(g.astype(np.float32)).astype(np.float32),
}


def changed(name: str, operand: int | None, change: Change) -> Callable[..., Result]:
    """The rule's forward with the pullback of one operand, or all, changed."""
    forward = REGISTRY[name].forward

    def variant(*args: Any, **options: Any) -> Result:
        y, pullbacks = forward(*args, **options)
        return y, tuple(
            p if p is None or operand not in (None, i) else change(p)
            for i, p in enumerate(pullbacks)
        )

    return variant


def differentiable_operands(name: str) -> list[int]:
    found: set[int] = set()

    @settings(phases=[Phase.generate], max_examples=10)
    @given(cases(name, "tame"))
    def look(case: Case) -> None:
        pullbacks = checker.Call(name, case).pullbacks
        found.update(
            i
            for i, (x, p) in enumerate(zip(case.operands, pullbacks, strict=True))
            if p is not None and isinstance(x, Operand) and x.differentiable
        )

    look()
    return sorted(found)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_right_rule_passes(name: str) -> None:
    with broken(name, REGISTRY[name].forward) as form:
        run(checker.check_outcome, name, form, "tame")
        run(checker.check_differences, name, form, "smooth")
        run(checker.check_second_differences, name, form, "smooth")
        run(contract, name, form, "tame")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_wrong_derivative_fails(name: str, change: str) -> None:
    for operand in differentiable_operands(name):
        if name in ("copy", "fill", "zero") and operand == 0:
            continue  # the gradient of what is overwritten is 0, changed or not
        if name == "cast" and change == "in float32":
            continue  # which is what the cast is to
        with broken(name, changed(name, operand, CHANGES[change])) as form:
            must_fail(checker.check_outcome, name, form, "tame")
            if change != "in float32":  # which central differences cannot see
                must_fail(checker.check_differences, name, form, "smooth")


@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if n not in checker.NOT_ANALYTIC])
def test_a_derivative_too_little_off_for_differences_fails_by_the_complex_step(name: str) -> None:
    def off(pullback: Pullback) -> Pullback:
        return lambda g: pullback(g) * (1 + 1e-9)

    for operand in differentiable_operands(name):
        if name in ("copy", "fill", "zero") and operand == 0:
            continue
        with broken(name, changed(name, operand, off)) as form:
            run(checker.check_differences, name, form, "smooth", 5)
            must_fail(checker.check_complex_step, name, form, "smooth")


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_pullback_that_writes_fails(name: str) -> None:
    def writing(pullback: Pullback) -> Pullback:
        def wrong(g: Any) -> Any:
            y = pullback(g).copy()
            np.copyto(_writable(g), 7)
            return y

        return wrong

    with broken(name, changed(name, None, writing)) as form:
        must_fail(contract, name, form, "tame")


def _writable(g: np.ndarray) -> np.ndarray:
    return np.lib.stride_tricks.as_strided(g, g.shape, g.strides) if g.flags.writeable else g.base


@pytest.mark.parametrize("name", [name for name in DIFFERENTIABLE if not REGISTRY[name].linear])
def test_a_rule_that_lies_about_being_linear_fails(name: str) -> None:
    with broken(name, REGISTRY[name].forward, linear=True) as form:
        must_fail(linear, name, form, "tame")
        must_fail(checker.check_second_backward, name, form, "tame")


@pytest.mark.parametrize("name", [name for name in DIFFERENTIABLE if REGISTRY[name].linear])
def test_a_linear_rule_that_does_not_say_so_fails(name: str) -> None:
    with broken(name, REGISTRY[name].forward, linear=False) as form:
        must_fail(checker.check_second_backward, name, form, "tame")


# Mistakes that only a derivative's derivative shows -----------------------------------------------

# Rules with no derivative but in the cotangent: all that are linear, and those that select.
STRAIGHT = {name for name in DIFFERENTIABLE if REGISTRY[name].linear}
STRAIGHT |= {"clamp", "where", "maximum", "minimum", "max", "min", "max_dim", "min_dim"}
STRAIGHT |= {"scatter", "index", "index_put", "masked_fill"}
BENT = [name for name in DIFFERENTIABLE if name not in STRAIGHT]
SMOOTH = [name for name in BENT if not REGISTRY[name].flat]


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


def second_order(name: str, form: Form, case: Case) -> None:
    checker.check_orders(name, form, case, 2)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_right_rule_passes_at_every_order(name: str) -> None:
    with broken(name, REGISTRY[name].forward) as form:
        run(second_order, name, form, "tame", 10)
        run(checker.check_recorded, name, form, "smooth", 5)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_gradient_that_is_cut_from_its_cotangent_fails(name: str) -> None:
    if name == "zero":
        return  # whose gradient is no function of it
    with broken(name, changed(name, None, detached)) as form:
        must_fail(second_order, name, form, "tame")


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_gradient_that_is_another_with_a_graph_fails(name: str) -> None:
    if name == "zero":
        return
    with broken(name, changed(name, None, doubled_when_recorded)) as form:
        must_fail(second_order, name, form, "tame")
        must_fail(checker.check_recorded, name, form, "smooth")


@pytest.mark.parametrize("name", BENT)
def test_a_gradient_that_is_cut_from_its_operands_fails(name: str) -> None:
    with broken(name, changed(name, None, of_copies)) as form:
        run(checker.check_outcome, name, form, "tame", 10)  # at first order it is the same
        must_fail(second_order, name, form, "tame")
        if name in SMOOTH:
            must_fail(checker.check_second_differences, name, form, "smooth")


@pytest.mark.parametrize("name", [name for name in BENT if REGISTRY[name].flat])
def test_a_flat_rule_that_does_not_say_so_fails(name: str) -> None:
    with broken(name, REGISTRY[name].forward, flat="") as form:
        must_fail(second_order, name, form, "tame")


# Mistakes of one rule ---------------------------------------------------------------------------


def swapped_pullbacks(input: Any, other: Any) -> Result:
    return input * other, (lambda g: g * input, lambda g: g * other)


def writes_into_what_it_saved(input: Any, other: Any) -> Result:
    saved = input.copy()

    def to_other(g: Any) -> Any:
        saved.__imul__(2)
        return g * saved / 2

    return input * other, (lambda g: g * other, to_other)


def writes_into_an_operand(input: Any) -> Result:
    y = np.exp(input)
    input += 1
    return y, (lambda g: g * y,)


def one_array_for_two_operands(input: Any, other: Any, *, alpha: float = 1) -> Result:
    made: list[Any] = []

    def pullback(g: Any) -> Any:
        made.append(g.copy())
        return made[0]

    return input + other, (pullback, pullback)


def gives_away_what_it_saved(input: Any) -> Result:
    y = np.exp(input)
    slope = np.array(y)

    def pullback(g: Any) -> Any:
        slope[...] = g * y
        return slope

    return y, (pullback,)


def no_unbroadcast(input: Any, other: Any) -> Result:
    size, shape = np.size(other), np.shape(other)
    return input * other, (
        lambda g: g * other,
        lambda g: (g * input).reshape(-1)[:size].reshape(shape) if g.size >= size else g * input,
    )


def mean_for_a_sum(input: Any, other: Any) -> Result:
    lead = np.ndim(input) - np.ndim(other)
    return input * other, (
        lambda g: g * other,
        lambda g: (g * input).mean(tuple(range(lead))) if lead > 0 else g * input,
    )


def all_of_a_tie_to_one(input: Any, other: Any) -> Result:
    return np.maximum(input, other), (
        lambda g: np.where(input >= other, g, 0),
        lambda g: np.where(input >= other, 0, g),
    )


def all_of_a_tie_to_both(input: Any, other: Any) -> Result:
    return np.maximum(input, other), (
        lambda g: np.where(input >= other, g, 0),
        lambda g: np.where(other >= input, g, 0),
    )


def a_slope_at_zero(input: Any) -> Result:
    return np.maximum(input, 0), (lambda g: np.where(input < 0, 0, g),)


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


def crashes_on_nothing(input: Any) -> Result:
    y = np.exp(input)
    y.flat[0]
    return y, (lambda g: g * y,)


def contiguous_cotangents_only(input: Any) -> Result:
    y = np.exp(input)
    return y, (lambda g: g.ravel("K")[: y.size].reshape(y.shape) * y,)


def contiguous_operands_only(input: Any) -> Result:
    y = np.exp(input.ravel("K").reshape(input.shape))
    return y, (lambda g: g * y,)


def a_few_ulps_off(input: Any) -> Result:
    y = np.exp(input)
    y = y + 20 * np.spacing(y)
    return y, (lambda g: g * y,)


def one_ulp_off(input: Any, other: Any) -> Result:
    y = np.nextafter(input * other, np.inf)
    return y, (lambda g: g * other, lambda g: g * input)


def in_float32(input: Any, mat2: Any) -> Result:
    y = np.dot(input.astype(np.float32), mat2.astype(np.float32)).astype(input.dtype)
    return y, (lambda g: np.dot(g, mat2.T), lambda g: np.dot(input.T, g))


def a_term_left_out(input: Any, mat2: Any) -> Result:
    y = np.dot(input[:, 1:], mat2[1:])
    return y, (lambda g: np.dot(g, mat2.T), lambda g: np.dot(input.T, g))


def no_derivative(input: Any) -> Result:
    return np.exp(input), ()


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


MISTAKES: list[tuple[str, Callable[..., Any], Check, str]] = [
    ("mul", swapped_pullbacks, checker.check_outcome, "tame"),
    ("mul", swapped_pullbacks, checker.check_differences, "smooth"),
    ("mul", writes_into_what_it_saved, contract, "tame"),
    ("exp", writes_into_an_operand, contract, "tame"),
    ("add", one_array_for_two_operands, contract, "tame"),
    ("exp", gives_away_what_it_saved, contract, "tame"),
    ("mul", no_unbroadcast, checker.check_outcome, "tame"),
    ("mul", no_unbroadcast, checker.check_differences, "smooth"),
    ("mul", mean_for_a_sum, checker.check_outcome, "tame"),
    ("maximum", all_of_a_tie_to_one, checker.check_outcome, "wild"),
    ("maximum", all_of_a_tie_to_both, checker.check_outcome, "wild"),
    ("relu", a_slope_at_zero, checker.check_outcome, "wild"),
    ("relu", nan_is_zero, checker.check_outcome, "wild"),
    ("maximum", nan_is_missing, checker.check_outcome, "wild"),
    ("softmax", nan_at_large_values, checker.check_outcome, "wild"),
    ("exp", crashes_on_nothing, checker.check_outcome, "tame"),
    ("exp", contiguous_cotangents_only, checker.check_outcome, "tame"),
    ("exp", contiguous_cotangents_only, contract, "tame"),
    ("exp", contiguous_operands_only, checker.check_outcome, "wild"),
    ("exp", a_few_ulps_off, checker.check_outcome, "tame"),
    ("mul", one_ulp_off, checker.check_outcome, "tame"),
    ("mm", in_float32, checker.check_outcome, "tame"),
    ("mm", a_term_left_out, checker.check_outcome, "tame"),
    ("exp", no_derivative, checker.check_outcome, "tame"),
    ("exp", another_dtype, checker.check_outcome, "wild"),
    ("abs", its_own_operand, contract, "tame"),
    ("mul", a_view_of_an_operand_saved, contract, "tame"),
    ("mul", a_copy_saved, writes, "tame"),
    ("mul", a_copy_saved, checker.check_second_differences, "smooth"),
]


@pytest.mark.parametrize(
    ("name", "forward", "check", "style"),
    MISTAKES,
    ids=[f"{forward.__name__}-{check.__name__}" for _, forward, check, _ in MISTAKES],
)
def test_a_mistake_fails(name: str, forward: Callable[..., Any], check: Check, style: str) -> None:
    with broken(name, forward) as form:
        must_fail(check, name, form, style)


def test_an_in_place_form_that_computes_something_else_fails() -> None:
    def wrong(t: Any, input: Any) -> Any:
        return input.clone().exp_().mul_(1 + 4e-16)

    case, right = Case((Operand(np.linspace(-2, 2, 9)),)), forms("exp")
    checker.check_in_place("exp", right["in-place"], right["function"], case)
    with pytest.raises(AssertionError):
        checker.check_in_place("exp", wrong, right["function"], case)


def test_another_name_of_the_node_fails() -> None:
    with broken("exp", REGISTRY["exp"].forward, backward="ExpBackward") as form:
        must_fail(checker.check_node_name, "exp", form, "tame")


def test_a_rule_without_samples_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTRY, "new", REGISTRY["exp"])
    with pytest.raises(AssertionError):
        test_rules.test_every_rule_has_samples_and_a_form()
