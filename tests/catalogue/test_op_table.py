"""minigrad/catalogue/op_table.py: every cell of the op table agrees with minigrad."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import minigrad
from bridge.conformance import checker
from bridge.conformance.checks import ONCE_IN_PYTORCH
from bridge.drawing.cases_elementwise import of_special
from bridge.drawing.cases_indexing import CASES
from bridge.drawing.draws import RandomDraws
from bridge.drawing.operands import Case, Operand
from bridge.drawing.samples import FACTORISATIONS, SAMPLES, Form, forms, in_place
from bridge.libraries import nn_calls
from bridge.libraries.op_calls import function, functional, joining, method, of_linalg, spelling
from minigrad.api.tensor import Tensor
from minigrad.app import ops_command
from minigrad.catalogue.accuracy import FUSED, Exact, tolerance
from minigrad.catalogue.op_table import TABLE, Op, _op, claim, named
from minigrad.core.errstate import quiet
from minigrad.nn import functional as F
from minigrad.rules import REGISTRY, differentiable

# Rules without a form of their name: derivatives use them, or a function that chooses among rules.
WITHOUT_FORM = {
    *("cofactors", "gelu_backward", "put", "put_diagonal", "put_windows", "scatter"),
    *("lstm", "scatter_amax"),
}
# Rules for which some calls run others: a slice of everything, a product of a stack as one of mm.
ELSEWHERE = ("slice", "matmul", "linear", "cofactors")
OPERATORS = {
    name: rule.presentation.operators
    for name, rule in REGISTRY.items()
    if rule.presentation.operators
}
each_op = pytest.mark.parametrize("op", TABLE, ids=lambda op: op.rule.name)
CELLS = {
    op.rule.name: dict(zip(ops_command.HEADER, ops_command.cells(op), strict=True)) for op in TABLE
}


def tame_cases(op: Op, count: int = 30) -> list[Case]:
    """Return calls that succeed, with a tensor as first operand."""
    found = [SAMPLES[op.rule.name].case(RandomDraws(seed, "tame")) for seed in range(count)]
    return [case for case in found if isinstance(case.operands[0], Operand)]


def first_form(op: Op) -> Form:
    return next(iter(forms(op.rule.name).values()))


def called(t: Any, form: Form, case: Case) -> tuple[Any, list[Any]]:
    """Return the first result of a call, and its operands that require grad."""
    leaves = checker.leaves_of(t, case)
    result = checker.called(t, form, case, leaves)[0]
    return result, [leaf for leaf in leaves if getattr(leaf, "requires_grad", False)]


@contextmanager
def rules_run() -> Iterator[set[str]]:
    """Collect the names of the rules that run in the block."""
    ran: set[str] = set()
    rules = {rule.forward: name for name, rule in REGISTRY.items()}
    rules |= {rule.write: name for name, rule in REGISTRY.items() if rule.write is not None}

    def watch(run: Callable[..., Any], called: Any, *args: Any, **options: Any) -> Any:
        if called in rules:
            ran.add(rules[called])
        return run(called, *args, **options)

    with quiet.watched(watch):
        yield ran


# Ops ----------------------------------------------------------------------------------------------


def test_every_rule_has_one_row_and_a_unique_name() -> None:
    assert sorted(op.rule.name for op in TABLE) == sorted(REGISTRY)
    assert len({op.name for op in TABLE}) == len(TABLE)


@each_op
def test_every_op_has_forms_and_a_summary(op: Op) -> None:
    assert bool(op.forms) != (op.rule.name in WITHOUT_FORM)
    assert op.summary.endswith(".")
    assert "(" in op.signature
    assert op in named(op.name)
    assert op in named(op.rule.name)
    assert all(op in named(form) for form in op.forms)


def test_a_new_rule_is_described_from_its_definition() -> None:
    @differentiable(linear=True)
    def twice(input: Any, *, times: int = 2) -> Any:
        """Twice the operand.

        And a second paragraph.
        """
        return input + input, (lambda g: g + g,)

    op = _op(REGISTRY.pop("twice"))
    assert (op.name, op.forms, op.order, op.grad_fns) == (
        "twice",
        (),
        "linear",
        ("TwiceBackward0",),
    )
    assert (op.signature, op.summary) == ("twice(input, *, times=2)", "Twice the operand.")
    assert claim(op.tolerance.value) == claim(op.tolerance.gradient) == "exact"


# Forms --------------------------------------------------------------------------------------------


@each_op
def test_the_table_lists_exactly_the_existing_forms(op: Op) -> None:
    if op.rule.name in WITHOUT_FORM:  # a function may have the name of such a rule
        return
    only, _, name = (op.rule.presentation.public or op.rule.name).rpartition(".")
    name = name if name.isidentifier() else op.rule.name
    cells = CELLS[op.rule.name]

    def exists(space: Any, its_name: str, found: str) -> bool:
        return only in ("", its_name) and hasattr(space, found)

    assert ("yes" in cells["function"]) == exists(minigrad, "minigrad", name)
    assert ("F" in cells["function"]) == exists(F, "minigrad.nn.functional", name)
    assert (cells["method"] == "yes") == exists(Tensor, "Tensor", name)
    assert (cells["op_"] == "yes") == exists(Tensor, "Tensor", f"{name}_")


@pytest.mark.filterwarnings("ignore:torch[.](cholesky|lu|qr) is deprecated")
@each_op
@pytest.mark.filterwarnings("ignore:torch.* is deprecated in favor of torch.linalg")
def test_a_form_runs_its_rule(op: Op) -> None:
    for form in (*op.functions, *op.methods, *op.in_place):
        with rules_run() as ran:
            called(minigrad, _form(op, form), tame_cases(op)[-1])
        assert op.rule.name in ran, form


def _form(op: Op, form: str) -> Form:
    space, _, name = form.rpartition(".")
    if op.rule.name in CASES and not op.rule.presentation.forms:
        return first_form(op)  # PyTorch has the arguments in another order
    if op.rule.name == "prelu_kernel":  # the function reshapes the weight
        return first_form(op)
    if op.rule.name in nn_calls.SPELLED:
        return spelling(op.rule.name)
    if op.rule.name == "index_put" and space == "Tensor":
        return lambda t, x, value, key: getattr(x.clone(), name)((t.tensor([-1]),), x[-1:])
    if form == "Tensor.where":
        return SAMPLES["where"].forms["method"]
    if space == "minigrad.linalg" and op.rule.name in FACTORISATIONS:
        return FACTORISATIONS[op.rule.name]
    if space == "minigrad.linalg":
        return of_linalg(name)
    if space == "Tensor":
        return in_place(name) if form in op.in_place else method(name)
    if name in ("cat", "stack"):
        return joining(name)
    if op.rule.name == "index_put":  # the function takes no slices
        return lambda t, x, value, key: getattr(t, name)(x, (t.tensor([-1]),), x[-1:])
    if name == "polygamma":  # the order comes first
        return lambda t, x, n: t.polygamma(n, x)
    if space.endswith("special"):
        return of_special(name)["function"]
    return functional(name) if space.endswith("functional") else function(name)


MATRIX = minigrad.tensor([[1.0, 2.0], [3.0, 4.0]])
VECTOR = MATRIX[0].clone()
STACK = MATRIX[None].clone()
# Values of `x` and `y` for ops that don't take two matrices.
OPERANDS = {"dot": (VECTOR, VECTOR), "mv": (MATRIX, VECTOR), "matmul": (STACK, STACK)}
OPERANDS |= {name: (MATRIX.long(), MATRIX.long()) for name in OPERATORS if "bitwise" in name}
OPERANDS |= {"copy": (MATRIX, VECTOR), "index_put": (MATRIX, VECTOR[0].clone())}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_runs_its_rule(name: str) -> None:
    for written in OPERATORS[name]:
        x, y = OPERANDS.get(name, (MATRIX, MATRIX))
        names = {"x": x.clone(), "y": y, "i": 0, "a": 0, "b": 1, "mask": x > 1}
        with rules_run() as ran:
            exec(written, names)
        assert name in ran, written


BINARY = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "matmul": "@"}
BINARY |= {"floordiv": "//", "mod": "%", "and": "&", "or": "|", "xor": "^"}
BINARY |= {"lshift": "<<", "rshift": ">>"}
COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
METHODS = {f"__{name}__": f"x {sign} y" for name, sign in (BINARY | COMPARISONS).items()}
METHODS |= {f"__i{name}__": f"x {sign}= y" for name, sign in BINARY.items()}
METHODS |= {"__neg__": "-x", "__invert__": "~x", "__abs__": "abs(x)"}
METHODS |= {"__rsub__": "1 - x", "__rtruediv__": "1 / x", "__getitem__": "x[i]"}


@pytest.mark.parametrize("method", METHODS)
def test_the_table_lists_exactly_the_existing_operators(method: str) -> None:
    written = {each for op in TABLE for each in op.operators}
    assert (METHODS[method] in written) == (
        getattr(Tensor, method, None) is not getattr(object, method, None)
    )


# Derivatives --------------------------------------------------------------------------------------


@each_op
def test_the_order_is_0_if_no_result_requires_grad(op: Op) -> None:
    filled = False
    for case in tame_cases(op):
        result, leaves = called(minigrad, first_form(op), case)
        assert not (op.order == "0" and result.requires_grad)
        if result.requires_grad:
            result.backward(minigrad.ones_like(result))
            filled |= any(leaf.grad is not None for leaf in leaves)
    assert filled == (op.order != "0")
    assert (op.order == "linear") == op.rule.linear
    assert (CELLS[op.rule.name]["gradient"] == "none") == (op.order == "0")


@pytest.mark.parametrize("op", [op for op in TABLE if op.order != "0"], ids=lambda op: op.name)
def test_a_derivative_can_be_differentiated_again(op: Op) -> None:
    if op.rule.name in ONCE_IN_PYTORCH:
        return
    for case in tame_cases(op, 5):
        assert _differentiable_orders(minigrad, op, case) == _differentiable_orders(torch, op, case)


def _differentiable_orders(t: Any, op: Op, case: Case) -> int:
    """Count how often, up to three times, a sum of squares of the result can be differentiated."""
    result, leaves = called(t, first_form(op), case)
    total = (result * result).sum()
    for order in range(3):
        if not total.requires_grad:
            return order
        found = t.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
        total = sum((g * g).sum() for g in found if g is not None)
    return 3


def _names_below(node: Any) -> Iterator[str]:
    """Yield the names of a node and of those below it."""
    if node is not None:
        yield type(node).__name__
        for each, _ in node.next_functions:
            yield from _names_below(each)


@each_op
def test_a_node_has_one_of_the_listed_names(op: Op) -> None:
    """Other ops may come before it and after it, as a view does after `linear`."""
    found = False
    for case in tame_cases(op):
        result, _ = called(minigrad, first_form(op), case)
        names = set(_names_below(result.grad_fn))
        found |= bool(names)
        assert not names or names & {*op.grad_fns} or op.rule.name in ELSEWHERE
    assert found == bool(op.grad_fns)


# Tolerances ---------------------------------------------------------------------------------------


@each_op
def test_the_details_of_an_op_have_its_tolerances_and_reason(op: Op) -> None:
    name, cells, described = op.rule.name, CELLS[op.rule.name], ops_command.details(op)
    for what in ("value", "gradient"):
        allowed = getattr(tolerance(name), what)
        unit = {"eps Σ|terms|": "eps Σ"}.get(allowed.unit, allowed.unit)
        expected = "exact" if allowed == Exact() else f"{allowed.bound} {unit}"
        assert cells[what] == ("none" if what == "gradient" and op.order == "0" else expected)
        assert re.search(rf"^    {what} +{re.escape(cells[what])}$", described, re.MULTILINE)
    assert ("    why " in described) == bool(tolerance(name).why)
    assert ("    alpha " in described) == (name in FUSED)
    squeezed = " ".join(described.split())
    assert tolerance(name).why in squeezed
    assert op.summary in squeezed
    assert all(form in squeezed for form in op.forms)
    assert all(name in squeezed for name in op.grad_fns)


# Printed text -------------------------------------------------------------------------------------


def test_every_line_fits_in_100_columns() -> None:
    pages = [ops_command.table(TABLE), ops_command.LEGEND, *map(ops_command.details, TABLE)]
    assert max(len(line) for page in pages for line in page.splitlines()) <= 100
    assert not any(line != line.rstrip() for page in pages for line in page.splitlines())


def test_the_signature_is_that_of_the_callable() -> None:
    (softmax,) = named("F.softmax")
    assert softmax.signature == f"softmax{_bare(minigrad.softmax)}"
    (nll,) = named("nll_loss")
    assert nll.signature == f"nll_loss{_bare(F.nll_loss)}"
    whole, along = named("max")
    assert (whole.signature, along.signature) == (
        "max(input)",
        "max_dim(input, dim, keepdim=False)",
    )


def _bare(function: Callable[..., Any]) -> str:
    described = inspect.signature(function)
    parameters = [p.replace(annotation=p.empty) for p in described.parameters.values()]
    return str(described.replace(parameters=parameters, return_annotation=described.empty))
