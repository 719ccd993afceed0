"""Random programs do the same in minigrad as in PyTorch (see `bridge/random_programs`).

`pytest tests/test_random_programs.py::test_random_programs --hypothesis-profile=deep --minutes=30`
draws programs on every core for 30 minutes and prints how many it ran.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from campaign import PROGRAMS, Campaign, deep
from hypothesis import Phase, given, seed, settings

torch = pytest.importorskip("torch")


from profiles import AT_A_GLANCE

import minigrad
from bridge.comparing.watching import engine_watched
from bridge.random_programs import check
from bridge.random_programs.program import Program, Statement, Trace
from bridge.random_programs.writing import LEAF, NOTHING, OPS, Slot, write_program
from bridge.strategies import programs
from minigrad.api import copying, creation, indexing, tensor
from minigrad.core import grad_fn, inplace
from minigrad.core import tensor as tensor_core
from minigrad.core import walk as graph
from minigrad.core.dispatch import OPS as OPS_OF_ENGINE
from minigrad.core.tensor import wrap
from minigrad.core.views import View
from minigrad.optim import optimizer
from minigrad.rules import REGISTRY, elementwise, layout
from minigrad.rules import indexing as rules_of_indexing
from tests.bridge.mistakes import mistake_in_rule

BATCH = 250
LANES = range(os.cpu_count() or 1) if deep() else range(1)


@pytest.mark.parametrize("lane", LANES)
def test_random_programs(lane: int, campaign: Campaign) -> None:
    for batch in campaign.seeds(lane):
        count = 0

        def checked(program: Program) -> None:
            nonlocal count
            count += 1
            check(program)

        test = settings(max_examples=BATCH, database=None)(given(programs())(checked))
        if batch is not None:
            test = seed(batch)(test)
        try:
            test()
        except BaseException as error:
            campaign.add_command(error, batch)
            raise
        finally:
            campaign.record(PROGRAMS, count)


# What is drawn ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many() -> list[Program]:
    found: list[Program] = []

    @settings(max_examples=1500, phases=[Phase.generate], database=None, derandomize=True)
    @given(programs())
    def collect(program: Program) -> None:
        found.append(program)

    collect()
    return found


def test_every_kind_of_statement_is_drawn(many: list[Program]) -> None:
    text = "\n".join(program.source() for program in many)
    kinds = {
        "backward": r"\.backward\(",
        "a gradient with a graph": r"autograd\.grad\(",
        "no_grad": r"no_grad\(\)",
        "detach": r"\.detach\(\)",
        "retain_grad": r"\.retain_grad\(\)",
        "a copy": r"= copy\.copy\(",
        "a deep copy": r"= copy\.deepcopy\(",
        "a pickle": r"= pickle\.loads\(",
        "a copy of a module": r"\((pickle.dumps\()?module\)+\.buffers\(\)",
        "a copy of an attribute": r"= \w+\.note$",
        "zero_grad": r"\.zero_grad\(set_to_none=False\)",
        "a warning": r"= \w+\.T$",
        "a method in place": r"^ *\w+\.\w+_\(",
        "an operator in place": r"^ *\w+ [-+*/]= ",
        "an assignment to elements": r"^ *\w+\[.*\] = ",
        "an error": r"except \w+ as error",
        "a leaf without requires_grad": r"= torch\.tensor\([^a-z]*\)$",
        "other dtypes": r"dtype=torch\.(int64|float32|bool)",
        "infinities": r"\binf\b.*\n",
        "an empty tensor": r"torch\.zeros\(\(.*0.*\)",
        "uint8": r"dtype=torch\.uint8",
        "named indices": r"= \w+\[(:, )*[a-z],( [a-z],)*\]$",
        "a write to indices": r"^\w+(\.zero_\(\)|\[\.\.\.\] = 0)$",
        "a number to elements": r"^ *\w+\[(\w+|:1|\.\.\.)\] = \(?-?[0-9.]+\)?$",
        "a number that is too large": r"\b(2147483648|9223372036854775808|1e\+39)\b",
        "a bool alpha": r"alpha=True",
        "data": r"^\w+\.data = ",
        "arange": r"torch\.arange\(",
        "linspace": r"torch\.linspace\(",
        "an impossible size": r"2\*\*(62|40)|torch\.\w+\(\(?(2, )?-[13]",
        "a view of one dimension": r"\.(view|reshape)\(-1\)",
        "a write to a view": r"= \w+\.(view|reshape)\(-1\)\n(with .*\n +)?\w+\.(zero|add|fill)_",
        "a write to a copy": r"= \w+\.(clone|contiguous)\(\)\n(with .*\n +)?\w+\.(zero|add|fill)_",
        "an ignored tensor": r"= torch\.zeros\(\(0,\)(.*\n)+.* = torch\.cat\(",
        "a layout": r"\.(T|expand\(.*\)|permute\(.*\))\.requires_grad_",
    }
    assert [k for k, pattern in kinds.items() if not re.search(pattern, text, re.MULTILINE)] == []


def test_every_op_is_drawn() -> None:
    for name in OPS:
        texts = [
            write_program([Slot(LEAF, leaf), Slot(name, seed)], ends=False).statements[-1].text
            for seed in range(12)
            for leaf in (3, 43)  # one is empty, the other has negative numbers
        ]
        words = {name, name.split("_")[0], *_TEXTS.get(name, "").split()}
        assert any(word in text for word in words for text in texts), f"{name}: {texts}"


# Ops whose text doesn't contain their name.
_TEXTS = {
    "alias": "[...]",
    "cast": "to( bool( long( int( float( double(",
    "col2im": "fold(",
    "constant_pad": "pad(",
    "convolution": "conv",
    "deviation": "std(",
    "im2col": "unfold(",
    "index": ",]",
    "index_put": "=",
    "logical_and": "logical",
    "logical_or": "logical",
    "mean_of_windows": "adaptive_avg_pool",
    "normalise": "_norm(",
    "normalise_by": "batch_norm(",
    "rounded_div": "div",
    "rsub": "-",
    "slice": ":",
    "variance": "var(",
    "vector_norm": "norm(",
}


def test_values_are_reused_and_leaves_get_gradients(many: list[Program]) -> None:
    reused, long, with_gradients, raised = 0, 0, 0, 0
    for program in many:
        made = [name for s in program.statements for name in s.names]
        words = Counter(re.findall(r"\b[a-z]\b", program.source()))
        reused += any(words[name] > 2 for name in made)
        long += len(program.statements) > 10
        with_gradients += any(label.endswith(".grad") for label in program.theirs.values)
        raised += any(error is not None for error in program.theirs.errors)
    assert min(reused, long, with_gradients, len(many) - raised) > len(many) / 3
    assert raised > len(many) / 20


def test_the_printed_program_runs_in_either_library(many: list[Program]) -> None:
    for program in many[:50]:
        for library in ("torch", "minigrad"):
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(program.source(library), {})


def test_the_sign_of_a_sum_of_zeros_is_not_compared() -> None:
    lines = [
        ("a = torch.tensor([[3.0], [-3.0]], dtype=torch.float64)", ("a",)),
        ("b = torch.tensor([[0.0, 3.0, 0.0]], dtype=torch.float64)", ("b",)),
        ("c = a.mm(b)", ("c",)),
        ("c.reciprocal_()", ()),
    ]
    program = Program(tuple(Statement(text, names) for text, names in lines), Trace())
    check(replace(program, theirs=program.run(torch)))


# Mistakes that must be found ----------------------------------------------------------------------


def failure(most: int = 200, **kinds: Any) -> str:
    """Return the message about the first of `most` programs that differs; "" if none does."""

    @settings(AT_A_GLANCE, max_examples=most)
    @given(programs(**kinds))
    def run(program: Program) -> None:
        check(program)

    try:
        run()
    except AssertionError as error:
        return str(error)
    return ""


ELEMENTWISE = (NOTHING, LEAF, "mul", "add", "relu", "exp", "sum", "maximum", "transpose")
WRITES = (NOTHING, LEAF, "mul", "exp", "select", "fill", "copy", "slice", "relu", "neg", "backward")

STATE = (NOTHING, LEAF, "mul", "index", "linear", "overwrite", "set", "data", "range", "backward")


@pytest.mark.parametrize("actions", [ELEMENTWISE, WRITES, STATE])
def test_without_a_mistake_nothing_is_found(actions: tuple[str, ...]) -> None:
    assert failure(actions=actions) == ""


def a_little_more(x: Any) -> Any:
    return x * (1 + 5e-4)


@pytest.mark.parametrize(
    ("op", "changes"),
    [
        ("relu", {"value": a_little_more}),
        ("exp", {"derivative": a_little_more}),
        ("mul", {"derivative": lambda d: -d}),
        ("sum", {"derivative": lambda d: d.astype(np.float32).astype(d.dtype) * (1 + 1e-6)}),
        ("add", {"value": lambda y: np.nextafter(y, np.inf)}),
    ],
    ids=["value", "derivative", "sign", "precision", "1 ULP"],
)
def test_a_mistake_in_a_rule_is_found(op: str, changes: dict[str, Any]) -> None:
    with mistake_in_rule(op, **changes):
        assert failure(actions=ELEMENTWISE)


def _zero_by_detaching(params: Any, set_to_none: bool) -> None:
    for param in params:
        if param.grad is not None:
            param.grad = None if set_to_none else param.grad.detach_().zero_()


COPIES = (NOTHING, LEAF, "slice", "select", "mul", "backward", "copies", "copies", "zero_grad", "T")


@pytest.mark.parametrize(
    ("owner", "name", "instead"),
    [
        (copying, "owner_of", lambda array: array),
        (copying, "_block", lambda array: array.reshape(-1).copy()),
        (tensor, "warn_once", lambda message: None),
        (optimizer, "zero_grad", _zero_by_detaching),
    ],
    ids=["memory", "layout", "warning", "gradient"],
)
def test_a_mistake_in_copies_clearing_or_warnings_is_found(
    owner: Any, name: str, instead: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert failure(actions=COPIES) == ""
    monkeypatch.setattr(owner, name, instead)
    assert failure(actions=COPIES)


def _uneven_steps(start: float, step: float, count: int, kind: np.dtype) -> Any:
    return (start + step * np.arange(count)).astype(kind)


@pytest.mark.parametrize(
    ("owner", "name", "instead"),
    [
        (tensor_core, "count_replacement", lambda old, new: None),
        (indexing, "in_kind", lambda k, kind: wrap(k._array.astype(kind))),
        (grad_fn, "_insert_op_before", lambda node: None),
        (creation, "_float_range", _uneven_steps),
    ],
    ids=["data", "version of a mask", "graph", "last digit"],
)
def test_a_mistake_in_state_is_found(
    owner: Any, name: str, instead: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, instead)
    assert failure(2000, actions=STATE)


def _do_nothing(*args: Any, **options: Any) -> None:
    pass


def _refuse(target: Any, name: str) -> bool:
    if inplace.shares_memory(target):
        raise RuntimeError(name)
    return False


MEMORY = (NOTHING, LEAF, "view", "view", "set", "copies", "T", "mul", "masked_fill", "backward")


@pytest.mark.parametrize(
    ("name", "instead"), [("warn_of_shared", _refuse), ("refuse_memory", _do_nothing)]
)
def test_writes_into_expanded_tensors_are_found(
    name: str, instead: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inplace, name, instead)
    assert failure(actions=MEMORY)


@contextlib.contextmanager
def result_changed(op: str, change: Callable[..., Any]) -> Iterator[None]:
    """Within the context, the result of the op's rule is `change(result, *operands)`."""
    forward = REGISTRY[op].forward

    def watch(run: Callable[..., Any], function: Any, *args: Any, **options: Any) -> Any:
        result = run(function, *args, **options)
        return change(result, *args) if function is forward else result

    with engine_watched(watch):
        yield


def _own_memory(result: Any, x: Any, *options: Any) -> Any:
    return result[0].copy("K"), result[1]


def _shared_memory(result: Any, x: Any) -> Any:
    return x if x.strides == result[0].strides else result[0], result[1]


@pytest.mark.parametrize(
    ("op", "change"),
    [
        ("select", _own_memory),
        ("view", _own_memory),
        ("transpose", _own_memory),
        ("clone", _shared_memory),
    ],
)
def test_a_view_that_is_a_copy_and_a_copy_that_is_a_view_are_found(
    op: str, change: Callable[..., Any]
) -> None:
    with result_changed(op, change):
        assert failure(actions=(*MEMORY, op))


POWERS = (NOTHING, LEAF, "pow", "pow", "mul", "neg", "backward")


def test_a_square_root_in_the_place_of_a_power_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert failure(actions=POWERS) == ""
    monkeypatch.setattr(elementwise, "_float_power", lambda base, exponent: base**exponent)
    assert failure(300, actions=POWERS)


@pytest.mark.parametrize("operand", [0, 1], ids=["base", "exponent"])
def test_a_derivative_of_a_power_whose_exponent_broadcasts_is_found(operand: int) -> None:
    def change(result: Any, *operands: Any) -> Any:
        y, pullbacks = result
        of_one, exponent = pullbacks[operand], operands[1]
        if of_one is None or getattr(exponent, "shape", y.shape) == y.shape:
            return result
        changed = list(pullbacks)
        changed[operand] = lambda g: a_little_more(of_one(g))
        return y, tuple(changed)

    with result_changed("pow", change):
        assert failure(actions=POWERS)


def _refuse_empty(result: Any, *tensors: Any) -> Any:
    if len({x.ndim for x in tensors}) > 1:
        raise RuntimeError("Tensors must have same number of dimensions")
    return result


def test_a_cat_that_refuses_what_it_should_ignore_is_found() -> None:
    with result_changed("cat", _refuse_empty):
        assert failure(actions=(NOTHING, LEAF, "cat", "cat", "mul", "backward"))


def test_a_cat_that_ignores_what_it_should_refuse_is_found() -> None:
    cat = REGISTRY["cat"].forward

    def watch(run: Callable[..., Any], function: Any, *args: Any, **options: Any) -> Any:
        if function is cat:
            args = tuple(x for x in args if x.size) or args
        return run(function, *args, **options)

    with engine_watched(watch):
        assert failure(400, actions=(NOTHING, LEAF, "cat", "cat", "mul"), ends=False)


@pytest.mark.parametrize("op", ["amax", "deviation", "masked_fill", "cumsum"])
def test_a_result_that_keeps_a_layout_is_found(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert OPS_OF_ENGINE[op].__globals__["ascontiguousarray"] is layout.contiguous
    monkeypatch.setitem(OPS_OF_ENGINE[op].__globals__, "ascontiguousarray", lambda x: x)
    assert failure(300, actions=(NOTHING, LEAF, LEAF, op, op, "T", "permute", "transpose"))


def test_a_selection_that_keeps_a_layout_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_of_indexing, "ordered", lambda output, operands: output)
    assert failure(300, actions=(NOTHING, LEAF, "index", "index", "T", "mul", "backward"))


@pytest.mark.parametrize(
    ("owner", "name", "instead"),
    [
        (inplace, "count_write", _do_nothing),
        (inplace, "refuse_leaf", _do_nothing),
        (inplace, "set_history", _do_nothing),
        (View, "refresh", _do_nothing),
        (graph, "summed_to", lambda shape, g: g),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_a_mistake_in_the_tape_is_found(
    owner: Any, name: str, instead: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, instead)
    assert failure(actions=WRITES)


def test_a_failure_names_the_difference_and_prints_the_program() -> None:
    with mistake_in_rule("relu", value=a_little_more):
        message = failure(actions=ELEMENTWISE)
    first, program = message.split("\n", 1)
    assert re.fullmatch(r"\w+( at the end|\.grad)?: .* elements? differs?, worst at .*", first)
    assert program.strip().startswith("import minigrad as torch")
    exec(program, {"minigrad": minigrad})


def test_a_failing_campaign_prints_the_command_that_reproduces_it() -> None:
    error = AssertionError()
    Campaign(1, 0, lambda name, value: None).add_command(error, 7)
    (note,) = error.__notes__
    assert "--hypothesis-profile=deep --minutes=0 --first-seed=7" in note
