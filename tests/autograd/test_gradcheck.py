"""gradcheck.py: passes and fails as PyTorch's does, with the same messages."""

from __future__ import annotations

import functools
import itertools
import math
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same

import minigrad
from minigrad.autograd.gradcheck import GradcheckError

torch = pytest.importorskip("torch")

Program = Callable[..., Any]
MODES = pytest.mark.parametrize("fast", [False, True], ids=["slow", "fast"])


# Programs -----------------------------------------------------------------------------------------


def leaf(torch: Any, *shape: int, dtype: str = "float64") -> Any:
    """Return 1, 2, 3, …, requiring grad."""
    count = torch.arange(1.0, 1.0 + math.prod(shape)).to(getattr(torch, dtype))
    return count.reshape(shape).detach().requires_grad_()


def half(x: Any) -> Any:
    """x², with only one of its two gradients."""
    return x * x.detach()


def faked(value: Any, surrogate: Any) -> Any:
    """Return `value` with the gradient of `surrogate`."""
    return surrogate + (value - surrogate).detach()


def check(func: Callable[..., Any], *inputs: Any, **options: Any) -> Program:
    """Return a program: gradcheck of `func`, which also gets the namespace, in either mode.

    Inputs are shapes of leaves, or functions of the namespace.
    """

    def program(torch: Any, **mode: Any) -> Any:
        made = [i(torch) if callable(i) else leaf(torch, *i) for i in inputs]
        return torch.autograd.gradcheck(
            lambda *arguments: func(torch, *arguments), tuple(made), **options, **mode
        )

    return program


# Messages -----------------------------------------------------------------------------------------


def messages(program: Program, torch: Any, **mode: Any) -> tuple[str, list[str]]:
    """Return a program's error or value, and its warnings, in full."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            outcome = repr(program(torch, **mode))
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
    return outcome, [f"{type(w.message).__name__}: {w.message}" for w in caught]


# What PyTorch says about itself: its page on fast mode and its own tests.
ABOUT_PYTORCH = [
    (r"See: \S+ for more background \nabout fast mode. Below", "Below"),
    (r"\n\n(NOTE: If your op|If you are adding a new op|If this is to be)(.|\n)*", ""),
    (r'Please look at "Notes about undefined output(.|\n)*', ""),
    (r"slow_mode!(.|\n)*", "slow_mode!"),
]
NUMBER = re.compile(r"-?(?:\d+\.?\d*(?:e[+-]\d+)?|\binf\b|\bnan\b)")


def check_same_messages(program: Program, **mode: Any) -> str:
    """Compare all messages of `program` in both libraries, numbers as numbers."""
    ours, our_warnings = messages(program, minigrad, **mode)
    theirs, their_warnings = messages(program, torch, **mode)
    both = f"\nminigrad: {ours}\nPyTorch:  {theirs}"
    for pattern, instead in ABOUT_PYTORCH:
        ours, theirs = re.sub(pattern, instead, ours), re.sub(pattern, instead, theirs)
    assert NUMBER.sub("#", " ".join(ours.split())) == NUMBER.sub("#", " ".join(theirs.split())), (
        both
    )
    a, b = ([float(n) for n in NUMBER.findall(text)] for text in (ours, theirs))
    np.testing.assert_allclose(a, b, rtol=1e-6, err_msg=both)
    assert our_warnings == their_warnings
    return theirs


def single(dtype: str = "float32", *shape: int) -> Callable[[Any], Any]:
    return lambda torch: leaf(torch, *shape, dtype=dtype)


RIGHT: dict[str, Program] = {
    "a square": check(lambda torch, x: x * x, (2,)),
    "a matrix": check(lambda torch, x: x @ x.t(), (2, 3)),
    "0-d": check(lambda torch, x: x * x, ()),
    "empty": check(lambda torch, x: x * x, (0,)),
    "empty, of several dimensions": check(lambda torch, x: x * 2, (2, 0)),
    "an output of no input elements": check(lambda torch, x: x.sum(), (0,)),
    "no output elements": check(lambda torch, x: x[:0], (2,)),
    "two inputs": check(lambda torch, x, y: x * y.exp(), (2,), (1,)),
    "two outputs": check(lambda torch, x: (x.exp(), x.sum()), (3,)),
    "two inputs, two outputs": check(lambda torch, x, y: (x * y, x.sum() - y), (2,), (2,)),
    "outputs in a list": check(lambda torch, x: [x * 2, x * 3], (2,)),
    "no outputs": check(lambda torch, x: (), (2,)),
    "the input itself": check(lambda torch, x: x, (2,)),
    "a view of it": check(lambda torch, x: x.view(-1), (2, 2)),
    "an unused input": check(lambda torch, x, y: x * 2, (2,), (3,)),
    "another leaf's": check(lambda torch, x: leaf(torch, 2) * 2, (2,)),
    "a constant": check(lambda torch, x: torch.ones(2), (2,)),
    "a constant output too": check(lambda torch, x: (x * 2, torch.ones(2)), (2,)),
    "a detached output too": check(lambda torch, x: (x * 2, x.detach() * 3), (2,)),
    "integers": check(lambda torch, x: (x + 0.5).long(), (2,)),
    "an integer output too": check(lambda torch, x: (x * 2, x.long()), (2,)),
    "not contiguous": check(
        lambda torch, x: x * x, lambda torch: leaf(torch, 2, 3).detach().t().requires_grad_()
    ),
    "with gaps": check(
        lambda torch, x: x * x, lambda torch: leaf(torch, 6).detach()[::2].requires_grad_()
    ),
    "not a leaf": check(lambda torch, x: x * x, lambda torch: leaf(torch, 2) * 2),
    "a part of a leaf": check(lambda torch, x: x * x, lambda torch: leaf(torch, 4)[1:3]),
    "a Parameter": check(
        lambda torch, x: x * x, lambda torch: torch.nn.Parameter(leaf(torch, 2).detach())
    ),
    "expanded, of size 1": check(
        lambda torch, x: x * x,
        lambda torch: torch.ones(1).double().expand(1, 1).requires_grad_(),
    ),
    "expanded, without grad": check(
        lambda torch, x, y: x * y, (3,), lambda torch: torch.ones(1).double().expand(3)
    ),
    "a number": check(lambda torch, x, k: x * k, (2,), lambda torch: 3),
    "a string and None": check(
        lambda torch, s, n, x: x * len(s), lambda torch: "ab", lambda torch: None, (2,)
    ),
    "integers as an input": check(lambda torch, n, x: x * n, lambda torch: torch.arange(2), (2,)),
    "float32 and wide tolerances": check(
        lambda torch, x: x * x, single("float32", 2), eps=1e-2, atol=1e-2
    ),
    "a float32 output": check(lambda torch, x: x.float() * 2, (2,), eps=1e-2, atol=1e-2),
    "a float32 output, dtypes checked": check(
        lambda torch, x: x.float() * 2, (2,), eps=1e-2, atol=1e-2, check_grad_dtypes=True
    ),
    "a negative eps": check(lambda torch, x: x * x, (2,), eps=-1e-6),
    "masked": check(lambda torch, x: x * x, (2,), masked=True),
    "nothing undefined": check(lambda torch, x: x * x, (2,), check_undefined_grad=False),
    "wrong, but within atol": check(lambda torch, x: faked(half(x), x * 0), (2,), atol=10.0),
    "wrong, but within rtol": check(lambda torch, x: faked(half(x), x * 0), (2,), rtol=1.1),
}
WRONG: dict[str, Program] = {
    "half": check(lambda torch, x: half(x), (2,)),
    "half of a matrix": check(lambda torch, x: half(x), (2, 2)),
    "half of 0-d": check(lambda torch, x: half(x), ()),
    "a gradient that should be zero": check(lambda torch, x: faked(x * 0, x), (2,)),
    "a zero gradient": check(lambda torch, x: faked(x, x * 0), (2,)),
    "the wrong sign": check(lambda torch, x: faked(x.exp(), -x.exp()), (2,)),
    "the wrong element": check(lambda torch, x: faked(x, x[[1, 0]] * 2), (2,)),
    "of an unused input": check(lambda torch, x, y: faked(x * 2, x * 2 + y), (2,), (2,)),
    "the second output": check(lambda torch, x: (x * x, half(x)), (2,)),
    "the second input": check(lambda torch, x, y: x * y * y.detach(), (2,), (2,)),
    "the second input, two outputs": check(
        lambda torch, x, y: (x * y, x * y * y.detach()), (2,), (1,)
    ),
    "detached from the second input": check(lambda torch, x, y: x * y.detach(), (2,), (2,)),
    "after integers": check(
        lambda torch, n, x: half(x) * n, lambda torch: torch.arange(1, 3), (2,)
    ),
    "after a string": check(lambda torch, s, x: half(x) + len(s), lambda torch: "a", (2,)),
    "before a constant": check(lambda torch, x: (half(x), x.detach()), (2,)),
    "not contiguous": check(
        lambda torch, x: half(x), lambda torch: leaf(torch, 2, 3).detach().t().requires_grad_()
    ),
    "NaN": check(lambda torch, x: x * math.nan, (2,)),
    "inf": check(lambda torch, x: x * math.inf, (2,)),
    "no number": check(
        lambda torch, x: x.log(), lambda torch: torch.zeros(2).double().requires_grad_()
    ),
    "a kink": check(
        lambda torch, x: x.relu(), lambda torch: torch.zeros(2).double().requires_grad_()
    ),
    "detached": check(lambda torch, x: (x * 2).detach(), (2,)),
    "detached, small": check(lambda torch, x: (x * 1e-300).detach(), (2,)),
    "detached, large atol": check(lambda torch, x: x.detach(), (2,), atol=10.0),
    "detached, and integers": check(lambda torch, x: ((x + 0.5).detach(), (x + 0.5).long()), (2,)),
    "a different value at each call": check(
        lambda torch, x, calls: x * 0 + calls(), (1,), lambda torch: itertools.count().__next__
    ),
    "no eps": check(lambda torch, x: x * x, (2,), eps=0),
    "in no_grad": lambda torch, **mode: torch.no_grad()(check(lambda torch, x: x * x, (2,)))(
        torch, **mode
    ),
}
REFUSED: dict[str, Program] = {
    "no input that requires grad": check(lambda torch, x: x, lambda torch: torch.ones(2)),
    "no input": check(lambda torch: leaf(torch, 2)),
    "no tensor": check(lambda torch, k: k, lambda torch: 3),
    "no callable": lambda torch, **mode: torch.autograd.gradcheck(3, leaf(torch, 2), **mode),
    "a set": lambda torch, **mode: torch.autograd.gradcheck(lambda x: x, {leaf(torch, 2)}, **mode),
    "a generator": lambda torch, **mode: torch.autograd.gradcheck(
        lambda x: x, (x for x in [leaf(torch, 2)]), **mode
    ),
    "expanded": check(
        lambda torch, x: x * x, lambda torch: torch.ones(1).double().expand(3).requires_grad_()
    ),
    "expanded, the second input": check(
        lambda torch, k, x: x * x,
        lambda torch: 3,
        lambda torch: torch.ones(2, 1).expand(2, 3).requires_grad_(),
    ),
    "a number as the output": check(lambda torch, x: 3, (2,)),
    "None as the output": check(lambda torch, x: None, (2,)),
    "a number among outputs": check(lambda torch, x: (x * 2, 3), (2,)),
    "a dictionary of outputs": check(lambda torch, x: {"a": x * 2}, (2,)),
    "bools": check(lambda torch, x: x > 0, (2,)),
    "a bool output too": check(lambda torch, x: (x * 2, x > 0), (2,)),
    "an error in the function": check(lambda torch, x: 1 // 0, (2,)),
    "a write to a leaf": check(lambda torch, x: x.add_(1), (2,)),
    "no mode at all": check(lambda torch, x: x, (2,), check_backward_ad=False),
    "batches without backward": check(
        lambda torch, x: x, (2,), check_backward_ad=False, check_batched_grad=True
    ),
    "batches without forward": check(lambda torch, x: x, (2,), check_batched_forward_grad=True),
    "batches without either": check(
        lambda torch, x: x, (2,), check_batched_forward_grad=True, check_batched_grad=True
    ),
    "an unknown argument": check(lambda torch, x: x, (2,), epsilon=1e-6),
    "eps by position": lambda torch, **mode: torch.autograd.gradcheck(
        lambda x: x, leaf(torch, 2), 1e-6, **mode
    ),
    "a negative atol": check(lambda torch, x: x, (2,), atol=-1),
    "a negative rtol": check(lambda torch, x: x, (2,), rtol=-1),
    "a negative rtol, empty": check(lambda torch, x: x, (0,), rtol=-1),
    "both negative": check(lambda torch, x: x, (2,), atol=-1, rtol=-1),
    "atol is NaN": check(lambda torch, x: x, (2,), atol=math.nan),
    "a different shape at each call": check(
        lambda torch, x, calls: x * torch.ones(calls(), 2),
        (2,),
        lambda torch: itertools.count(1).__next__,
    ),
    "a different shape at alternate calls": check(
        lambda torch, x, turns: x.view(turns()),
        (2,),
        lambda torch: itertools.cycle([(1, 2), (2, 1)]).__next__,
    ),
    "a different dtype at alternate calls": check(
        lambda torch, x, turns: x.to(getattr(torch, turns())),
        (2,),
        lambda torch: itertools.cycle(["float64", "float32"]).__next__,
    ),
}


@MODES
@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients(name: str, fast: bool) -> None:
    assert check_same_messages(RIGHT[name], fast_mode=fast) == "True"


@MODES
@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients(name: str, fast: bool) -> None:
    assert check_same_messages(WRONG[name], fast_mode=fast).startswith("GradcheckError: ")


@MODES
@pytest.mark.parametrize("name", REFUSED)
def test_refused_arguments(name: str, fast: bool) -> None:
    # The type and the first words.
    ours, theirs = (
        messages(REFUSED[name], namespace, fast_mode=fast)[0].split()[:5]
        for namespace in (minigrad, torch)
    )
    assert ours == theirs
    assert theirs[0] not in ("True", "False", "GradcheckError:")


def test_float32_gives_a_warning_and_fails() -> None:
    program = check(lambda torch, k, x: x * x * k, lambda torch: 3, single("float32", 2))
    theirs = messages(program, torch)
    assert theirs[1] == messages(program, minigrad)[1]
    assert len(theirs[1]) == 1
    assert theirs[1][0].startswith("UserWarning: Input #1 requires gradient")
    check_same_messages(program, fast_mode=True)
    with pytest.warns(UserWarning, match="Input #0") as caught:
        minigrad.autograd.gradcheck(lambda x: x * 1, leaf(minigrad, 0, dtype="float32"))
    assert caught[0].filename == __file__  # it points to the call


def test_each_float32_input_that_requires_grad_gives_a_warning() -> None:
    check_same_messages(
        check(
            lambda torch, x, c, y: x * y * c,
            single("float32", 2),
            lambda torch: torch.ones(2),
            single("float32", 1),
            eps=1e-2,
            atol=1e-1,
        )
    )


@MODES
@pytest.mark.parametrize("name", WRONG)
def test_without_exceptions_a_wrong_gradient_gives_false(name: str, fast: bool) -> None:
    outcome = check_same_messages(WRONG[name], fast_mode=fast, raise_exception=False)
    assert outcome == "False"


@MODES
@pytest.mark.parametrize("name", REFUSED)
def test_without_exceptions_bad_arguments_still_raise(name: str, fast: bool) -> None:
    ours = messages(REFUSED[name], minigrad, fast_mode=fast, raise_exception=False)[0]
    assert ours.split()[:5] == messages(REFUSED[name], minigrad, fast_mode=fast)[0].split()[:5]


@pytest.mark.parametrize("name", ["check_forward_ad", "check_batched_grad"])
def test_missing_features_are_refused_by_name(name: str) -> None:
    with pytest.raises(NotImplementedError, match=f"{name}=True is not implemented"):
        minigrad.autograd.gradcheck(lambda x: x, leaf(minigrad, 2), **{name: True})


def test_forward_mode_alone_is_refused_by_name() -> None:
    with pytest.raises(NotImplementedError, match="check_forward_ad=True is not"):
        minigrad.autograd.gradcheck(
            lambda x: x, leaf(minigrad, 2), check_forward_ad=True, check_backward_ad=False
        )


def test_the_error_class_has_pytorchs_name() -> None:
    def program(torch: Any) -> Any:
        module = __import__(f"{torch.__name__}.autograd.gradcheck", fromlist=["GradcheckError"])
        return [
            module.GradcheckError.__name__,
            [base.__name__ for base in module.GradcheckError.__mro__],
            hasattr(torch.autograd, "GradcheckError"),
            hasattr(torch.autograd.gradcheck, "GradcheckError"),
        ]

    check_same(program)


# Where PyTorch is wrong ---------------------------------------------------------------------------


@MODES
def test_constant_outputs_before_others_are_skipped(fast: bool) -> None:
    """PyTorch confuses outputs: in slow mode after integers, in fast mode after others."""
    for first in (lambda x: (x + 0.5).long(), lambda x: x.detach() * 3):
        x = leaf(minigrad, 2)
        assert minigrad.autograd.gradcheck(lambda x: (first(x), x * 2), x, fast_mode=fast)  # noqa: B023
        with pytest.raises(GradcheckError, match="for output 0 with respect to input 0"):
            minigrad.autograd.gradcheck(lambda x: (first(x), half(x)), x, fast_mode=fast)  # noqa: B023


@MODES
def test_integer_outputs_may_jump(fast: bool) -> None:
    """In PyTorch, only in slow mode."""
    assert minigrad.autograd.gradcheck(lambda x: x.long(), leaf(minigrad, 2), fast_mode=fast)


@MODES
def test_dtypes_may_be_mixed(fast: bool) -> None:
    """In PyTorch, only in slow mode."""
    x, y = leaf(minigrad, 2, dtype="float32"), leaf(minigrad, 2)
    with pytest.warns(UserWarning, match="Input #0"):
        minigrad.autograd.gradcheck(lambda x, y: x * y, (x, y), eps=1e-2, fast_mode=fast)


@MODES
def test_a_changing_number_of_outputs_is_an_error(fast: bool) -> None:
    """In PyTorch, more are ignored in slow mode, and fewer are an IndexError."""
    for lengths in ([1, 2], [2, 1]):
        turns = itertools.cycle(lengths).__next__
        with pytest.raises(AssertionError, match="Expected `func` to return outputs with the same"):
            minigrad.autograd.gradcheck(
                lambda x: (x * 2,) * turns(),  # noqa: B023
                leaf(minigrad, 2),
                fast_mode=fast,
            )


@MODES
def test_an_input_is_restored_if_the_function_fails(fast: bool) -> None:
    calls = itertools.count().__next__

    def fails(x: Any) -> Any:
        if calls() == 2:
            raise KeyError
        return x * x

    x = leaf(minigrad, 2)
    with pytest.raises(KeyError):
        minigrad.autograd.gradcheck(fails, x, fast_mode=fast)
    assert x.tolist() == [1, 2]


# Tolerances ---------------------------------------------------------------------------------------

HALVES = st.integers(-4, 4).map(lambda n: n / 2)


def linear(torch: Any, matrix: Any, wrong: Any) -> Callable[[Any], Any]:
    """Return x → `matrix` @ x, with the gradient of (`matrix` + `wrong`) @ x."""
    a, b = torch.tensor(matrix).double(), torch.tensor(matrix + wrong).double()
    return lambda x: faked(a @ x, b @ x)


@given(st.integers(1, 3), st.integers(1, 3), st.data())
def test_tolerances_are_exact(m: int, n: int, data: st.DataObject) -> None:
    """|analytical − numerical| ≤ atol + rtol · |numerical|, for numbers that are not rounded."""
    matrix = np.array(data.draw(st.lists(HALVES, min_size=m * n, max_size=m * n))).reshape(m, n)
    atol, rtol = data.draw(st.sampled_from([0.0, 2.0**-10])), data.draw(st.sampled_from([0, 2**-8]))
    allowed = atol + rtol * np.abs(matrix)
    parts = st.sampled_from([0, 1, -1, 1 - 2.0**-10, 1 + 2.0**-10, -1 - 2.0**-10])
    weights = st.sampled_from([parts, st.sampled_from([0, 1, -1])])
    part = data.draw(st.lists(data.draw(weights), min_size=m * n, max_size=m * n))
    wrong = np.array(part).reshape(m, n) * allowed

    def program(torch: Any) -> Any:
        return torch.autograd.gradcheck(
            linear(torch, matrix, wrong),
            leaf(torch, n),
            eps=2.0**-20,
            atol=atol,
            rtol=rtol,
            raise_exception=False,
        )

    assert check_same(program).value == bool((np.abs(wrong) <= allowed).all())


@given(st.integers(0, 3), st.integers(0, 3), st.data())
def test_fast_mode_compares_the_same_numbers(m: int, n: int, data: st.DataObject) -> None:
    """The random vectors come from the same generator."""
    matrix = np.array(data.draw(st.lists(HALVES, min_size=m * n, max_size=m * n))).reshape(m, n)
    wrong = np.array(
        data.draw(st.lists(st.sampled_from([0, 0, 0, 1, -1]), min_size=m * n, max_size=m * n))
    ).reshape(m, n)

    def program(torch: Any) -> Any:
        return torch.autograd.gradcheck(
            linear(torch, matrix, wrong), leaf(torch, n), eps=2.0**-20, fast_mode=True
        )

    check_same_messages(program)


@given(st.integers(1, 4), st.integers(1, 4), st.data())
def test_fast_mode_finds_each_wrong_element(m: int, n: int, data: st.DataObject) -> None:
    matrix = np.array(data.draw(st.lists(HALVES, min_size=m * n, max_size=m * n))).reshape(m, n)
    wrong = np.zeros(m * n)
    wrong[data.draw(st.integers(0, m * n - 1))] = data.draw(st.sampled_from([0.5, -0.5, 3]))
    for fast in (False, True):
        function = linear(minigrad, matrix, wrong.reshape(m, n))
        with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0"):
            minigrad.autograd.gradcheck(function, leaf(minigrad, n), fast_mode=fast)


@pytest.mark.parametrize(("share", "passes"), [(0.999, True), (1.001, False)])
def test_the_absolute_tolerance_of_fast_mode(share: float, passes: bool) -> None:
    """If each element is off by atol, it is as strict as slow mode."""

    def program(torch: Any, **mode: Any) -> Any:
        function = linear(torch, np.zeros((3, 2)), np.full((3, 2), share * 1e-5))
        return torch.autograd.gradcheck(
            function, leaf(torch, 2), rtol=0, raise_exception=False, **mode
        )

    for fast in (False, True):
        assert check_same(functools.partial(program, fast_mode=fast)).value is passes


def test_fast_mode_says_that_slow_mode_might_pass() -> None:
    wrong = 9e-4 * np.eye(2)  # within rtol of each element, but not of their sum
    program = check(lambda torch, x: linear(torch, np.diag([1.0, -1.0]), wrong)(x), (2,), atol=0.0)
    assert check_same_messages(program) == "True"
    assert "test might've passed in slow_mode!" in check_same_messages(program, fast_mode=True)


def test_fast_mode_draws_in_the_default_dtype() -> None:
    def program(torch: Any, **mode: Any) -> Any:
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            return check(lambda torch, x: half(x), (3,))(torch, **mode)
        finally:
            torch.set_default_dtype(before)

    check_same_messages(program, fast_mode=True)


# Side effects -------------------------------------------------------------------------------------


@MODES
@given(st.data())
def test_nothing_is_changed(fast: bool, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["a matrix", "0-d", "empty", "not contiguous", "half"]))
    program = (RIGHT | WRONG)[name]
    kept: list[tuple[Any, bytes]] = []

    class Watching:
        """minigrad, with a gradcheck that keeps its inputs."""

        class autograd:
            @staticmethod
            def gradcheck(func: Any, inputs: Any, **options: Any) -> Any:
                kept.extend((x, x.detach().numpy().tobytes()) for x in inputs)
                return minigrad.autograd.gradcheck(func, inputs, **options)

        def __getattr__(self, name: str) -> Any:
            return getattr(minigrad, name)

    minigrad.manual_seed(1)
    messages(program, Watching(), fast_mode=fast)
    assert kept
    for x, before in kept:
        assert x.detach().numpy().tobytes() == before
        assert (x._version, x.grad, x.is_leaf, x.requires_grad) == (0, None, True, True)
    assert minigrad.initial_seed() == 1
    drawn = minigrad.rand(1)
    minigrad.manual_seed(1)
    assert drawn.tolist() == minigrad.rand(1).tolist()


@MODES
def test_the_function_is_called_as_in_pytorch(fast: bool) -> None:
    """It gets the same tensors, moved as far and as often, with grad mode on."""

    def program(torch: Any) -> Any:
        x, y, seen = leaf(torch, 2), leaf(torch, 1), []

        def function(*inputs: Any) -> Any:
            assert inputs[0] is x
            assert inputs[1] is y
            seen.append([i.detach().clone() for i in inputs])
            return inputs[0] * 2, inputs[1] * 2

        torch.autograd.gradcheck(function, (x, y), fast_mode=fast, check_undefined_grad=False)
        return seen

    check_same(program)


# Custom backward functions ------------------------------------------------------------------------


def custom(
    torch: Any,
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    materialize: bool = True,
) -> Callable[..., Any]:
    """Return `forward` with a custom `backward(saved inputs, *cotangents)`.

    Without `materialize`, a missing cotangent is None there, not zeros.
    """

    class Custom(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            ctx.save_for_backward(*inputs)
            ctx.set_materialize_grads(materialize)
            return forward(*inputs)

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            return backward(ctx.saved_tensors, *cotangents)

    return Custom.apply


def double(backward: Callable[..., Any], materialize: bool = True, **options: Any) -> Program:
    """Return a program: gradcheck of 2x with a custom backward."""
    return check(
        lambda torch, x: custom(
            torch,
            lambda x: x * 2,
            lambda saved, g: backward(torch, g),
            materialize,
        )(x),
        (2,),
        **options,
    )


def pair(backward: Callable[..., Any], materialize: bool = False) -> Program:
    """Return a program: gradcheck of (2x, 3y) with a custom backward."""
    return check(
        lambda torch, x, y: custom(
            torch,
            lambda x, y: (x * 2, y * 3),
            lambda saved, g, h: backward(torch, g, h),
            materialize,
        )(x, y),
        (2,),
        (2,),
    )


def times(g: Any, k: float) -> Any:
    """Return k · g, or None if g is None."""
    return None if g is None else g * k


def three(torch: Any, gs: tuple[Any, ...], of_two: Any = None) -> Any:
    """Return 2g + 3h + 4k, or if one alone is missing, `of_two` or a RuntimeError."""
    known = [g * k for g, k in zip(gs, (2, 3, 4), strict=True) if g is not None]
    if len(known) == 2:
        return torch.ones(2) @ torch.ones(3) if of_two is None else of_two
    return sum(known) if known else None


CUSTOM: dict[str, Program] = {
    "right": double(lambda torch, g: g * 2),
    "wrong": double(lambda torch, g: g * 3),
    "a constant": double(lambda torch, g: torch.ones(2).double()),
    "not linear in the cotangent": double(lambda torch, g: g * 2 + (g == 0).all()),
    "another dtype": double(lambda torch, g: (g * 2).float(), check_grad_dtypes=True),
    "fails for None": double(lambda torch, g: g * 2, False),
    "fails for None, unchecked": double(lambda torch, g: g * 2, False, check_undefined_grad=False),
    "None for None": double(lambda torch, g: times(g, 2), False),
    "zeros for None": double(
        lambda torch, g: torch.zeros(2).double() if g is None else g * 2, False
    ),
    "ones for None": double(lambda torch, g: torch.ones(2).double() if g is None else g * 2, False),
    "a RuntimeError for None": double(
        lambda torch, g: torch.ones(2) @ torch.ones(3) if g is None else g * 2, False
    ),
    "a RuntimeError for zeros": double(
        lambda torch, g: g * 2 if g.any() else torch.ones(2) @ torch.ones(3)
    ),
    "the second output wrong": pair(lambda torch, g, h: (g * 2, h * 2), True),
    "two, fails for None": pair(lambda torch, g, h: (g * 2, h * 3)),
    "two, None for None": pair(lambda torch, g, h: (times(g, 2), times(h, 3))),
    "two, None for both None": pair(
        lambda torch, g, h: (None, None) if g is None and h is None else (g * 2, h * 3)
    ),
    "two, with ones for one None": pair(
        lambda torch, g, h: (
            (None, None)
            if g is None and h is None
            else (times(g, 2), torch.ones(2).double() if h is None else h * 3)
        )
    ),
    "two, with ones for the other": pair(
        lambda torch, g, h: (
            (None, None)
            if g is None and h is None
            else (torch.ones(2).double() if g is None else g * 2, times(h, 3))
        )
    ),
    "three, fails for one None": check(
        lambda torch, x: custom(
            torch,
            lambda x: (x * 2, x * 3, x * 4),
            lambda saved, *gs: three(torch, gs),
            materialize=False,
        )(x),
        (2,),
    ),
    "three, with ones for one None": check(
        lambda torch, x: custom(
            torch,
            lambda x: (x * 2, x * 3, x * 4),
            lambda saved, *gs: three(torch, gs, torch.ones(2).double()),
            materialize=False,
        )(x),
        (2,),
    ),
}


@MODES
@pytest.mark.parametrize("name", CUSTOM)
def test_custom_backward_functions(name: str, fast: bool) -> None:
    check_same_messages(CUSTOM[name], fast_mode=fast)


def test_the_warning_about_undefined_gradients_points_to_the_call() -> None:
    with pytest.warns(UserWarning, match="Backwards compatibility") as caught:
        assert not CUSTOM["ones for None"](minigrad, raise_exception=False)
    assert caught[0].filename == __file__


DRIFTS = {
    "by much": (1.0, {}),
    "by little": (1e-9, {}),
    "within nondet_tol": (1e-9, {"nondet_tol": 1e-6}),
    "without it": (1e-6, {"nondet_tol": 1e-9}),
    "none, nondet_tol negative": (0.0, {"nondet_tol": -1.0}),
}


@MODES
@pytest.mark.parametrize("name", DRIFTS)
def test_backward_must_be_deterministic(name: str, fast: bool) -> None:
    drift, options = DRIFTS[name]

    def program(torch: Any, **mode: Any) -> Any:
        count = itertools.count().__next__
        return double(lambda torch, g: g * (2 + drift * count()), **options)(torch, **mode)

    check_same_messages(program, fast_mode=fast)


@MODES
def test_which_of_two_failures_comes_first(fast: bool) -> None:
    """One output is wrong, the next nondeterministic: fast mode calls every backward first."""

    def program(torch: Any, **mode: Any) -> Any:
        count = itertools.count().__next__
        drifting = custom(torch, lambda x: x * 2, lambda saved, g: g * (2 + count()))
        return check(lambda torch, x: (half(x), drifting(x)), (2,))(torch, **mode)

    said_first = check_same_messages(program, fast_mode=fast)
    assert ("reentrant" in said_first) is fast


@MODES
def test_a_gradient_of_another_dtype(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """This needs another engine: minigrad's converts gradients to their tensor's dtype."""
    actual = minigrad.autograd.grad

    def rough(*args: Any, **kwargs: Any) -> Any:
        return tuple(None if g is None else g.float() for g in actual(*args, **kwargs))

    module = sys.modules["minigrad.autograd.gradcheck"]
    monkeypatch.setattr(module, "grad", rough)
    run = functools.partial(minigrad.autograd.gradcheck, lambda x: x * 2, leaf(minigrad, 2))
    assert run(fast_mode=fast)
    with pytest.raises(GradcheckError, match="dtype"):
        run(fast_mode=fast, check_grad_dtypes=True)


# gradgradcheck ------------------------------------------------------------------------------------


def second(func: Callable[..., Any], *inputs: Any, **options: Any) -> Program:
    """Return a program: gradgradcheck of `func`, like `check`, and the random state after it."""

    def program(torch: Any, **mode: Any) -> Any:
        torch.manual_seed(0)
        made = [i(torch) if callable(i) else leaf(torch, *i) for i in inputs]
        given = {k: v(torch) if callable(v) else v for k, v in options.items()}
        result = torch.autograd.gradgradcheck(
            lambda *arguments: func(torch, *arguments), tuple(made), **given, **mode
        )
        return result, torch.rand(1).item()

    return program


def seeds(*values: float, dtype: str = "float64", requires_grad: bool = True) -> Any:
    return lambda torch: torch.tensor(
        values, dtype=getattr(torch, dtype), requires_grad=requires_grad
    )


def square(torch: Any, backward: Callable[..., Any]) -> Callable[..., Any]:
    """Return x² with a custom `backward(x, cotangent)`."""
    return custom(torch, lambda x: x * x, lambda saved, g: backward(saved[0], g))


SECOND_RIGHT: dict[str, Program] = {
    "a square": second(lambda torch, x: x * x, (2,)),
    "linear": second(lambda torch, x: x * 2, (2,)),
    "the input itself": second(lambda torch, x: x, (2,)),
    "0-d": second(lambda torch, x: x * x, ()),
    "empty": second(lambda torch, x: x * x, (0,)),
    "two inputs, two outputs": second(lambda torch, x, y: (x * y, x.exp()), (2,), (1,)),
    "a list": second(lambda torch, x: [x.tanh()], (2, 2)),
    "an unused input": second(lambda torch, x, y: x * x, (2,), (2,)),
    "after a constant": second(lambda torch, x: (x.detach(), x * x), (2,)),
    "before integers": second(lambda torch, x: (x * x, x.long()), (2,)),
    "a number": second(lambda torch, x, k: x * x * k, (2,), lambda torch: 3),
    "not a leaf": second(lambda torch, x: x * x, lambda torch: leaf(torch, 2) * 1),
    "float32": second(lambda torch, x: x * x, single("float32", 2), eps=1e-2, atol=1e-1),
    "a float32 output": second(lambda torch, x: (x * x).float(), (2,), eps=1e-2, atol=1e-1),
    "strided cotangents": second(lambda torch, x: x * x, (2, 3), gen_non_contig_grad_outputs=True),
    "one strided cotangent": second(
        lambda torch, x: (x * x).sum(), (2, 3), gen_non_contig_grad_outputs=True
    ),
    "given cotangents": second(lambda torch, x: x * x, (2,), grad_outputs=seeds(1.0, -2.0)),
    "constant cotangents": second(
        lambda torch, x: x * x, (2,), grad_outputs=seeds(1.0, -2.0, requires_grad=False)
    ),
    "cotangents in a tuple": second(
        lambda torch, x: (x * x, x.exp()),
        (2,),
        grad_outputs=lambda torch: (seeds(1.0, -2.0)(torch), seeds(3.0, 0.0)(torch)),
    ),
    "all options": second(
        lambda torch, x: x * x,
        (2,),
        check_grad_dtypes=True,
        masked=True,
        nondet_tol=1e-3,
        check_undefined_grad=False,
    ),
    "wrong in the first derivative only": second(lambda torch, x: faked(x * x, x.exp()), (2,)),
    "a custom backward": second(lambda torch, x: square(torch, lambda x, g: 2 * x * g)(x), (2,)),
}
SECOND_WRONG: dict[str, Program] = {
    "detached from the input": second(
        lambda torch, x: square(torch, lambda x, g: 2 * x.detach() * g)(x), (2,)
    ),
    "detached from the cotangent": second(
        lambda torch, x: square(torch, lambda x, g: 2 * x * g.detach())(x), (2,)
    ),
    "detached from both": second(
        lambda torch, x: square(torch, lambda x, g: (2 * x * g).detach())(x), (2,)
    ),
    "half": second(
        lambda torch, x: square(torch, lambda x, g: g * faked(2 * x, x))(x),
        (2,),
        grad_outputs=seeds(1.0, -2.0),
    ),
    "half, in float32": second(
        lambda torch, x: square(torch, lambda x, g: g * faked(2 * x, x))(x),
        single("float32", 2),
        eps=2.0**-7,
    ),
    "strided cotangents": second(
        lambda torch, x: square(torch, lambda x, g: g * faked(2 * x, x))(x),
        (2, 2),
        gen_non_contig_grad_outputs=True,
    ),
    "the second output": second(
        lambda torch, x: (x * x, square(torch, lambda x, g: g * faked(2 * x, x))(x)), (2,)
    ),
}
SECOND_REFUSED: dict[str, Program] = {
    "no input that requires grad": second(lambda torch, x: x, lambda torch: torch.ones(2)),
    "expanded": second(
        lambda torch, x: x * x, lambda torch: torch.ones(1).double().expand(3).requires_grad_()
    ),
    "a number as the output": second(lambda torch, x: 3, (2,)),
    "a cotangent of another shape": second(
        lambda torch, x: x * x, (2,), grad_outputs=seeds(1.0, 1.0, 1.0)
    ),
    "nothing to check": second(lambda torch, x: x, (2,), check_rev_over_rev=False),
    "undefined, without reverse over reverse": second(
        lambda torch, x: x, (2,), check_rev_over_rev=False, check_fwd_over_rev=True
    ),
    "batches, without reverse over reverse": second(
        lambda torch, x: x,
        (2,),
        check_rev_over_rev=False,
        check_fwd_over_rev=True,
        check_undefined_grad=False,
        check_batched_grad=True,
    ),
    "an unknown argument": second(lambda torch, x: x, (2,), check_forward_ad=True),
}


@MODES
@pytest.mark.parametrize("name", SECOND_RIGHT)
def test_right_second_gradients(name: str, fast: bool) -> None:
    assert check_same_messages(SECOND_RIGHT[name], fast_mode=fast).startswith("(True, ")


@MODES
@pytest.mark.parametrize("name", SECOND_WRONG)
def test_wrong_second_gradients(name: str, fast: bool) -> None:
    """The random cotangents, and so the numbers, are the same."""
    theirs = check_same_messages(SECOND_WRONG[name], fast_mode=fast)
    assert theirs.startswith("GradcheckError: ")
    theirs = check_same_messages(SECOND_WRONG[name], fast_mode=fast, raise_exception=False)
    assert theirs.startswith("(False, ")


@MODES
@pytest.mark.parametrize("name", SECOND_REFUSED)
def test_refused_arguments_for_second_gradients(name: str, fast: bool) -> None:
    ours, theirs = (
        messages(SECOND_REFUSED[name], namespace, fast_mode=fast)[0].split()[:5]
        for namespace in (minigrad, torch)
    )
    assert ours == theirs
    assert theirs[0] not in ("(True,", "(False,", "GradcheckError:")


@pytest.mark.parametrize("name", ["check_fwd_over_rev", "check_batched_grad"])
def test_missing_features_for_second_gradients_are_refused_by_name(name: str) -> None:
    with pytest.raises(NotImplementedError, match=f"{name}=True is not implemented"):
        minigrad.autograd.gradgradcheck(lambda x: x, leaf(minigrad, 2), **{name: True})


def test_gradgradcheck_passes_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its gradcheck gets the options of gradgradcheck."""
    told: dict[str, Any] = {}
    module = sys.modules["minigrad.autograd.gradcheck"]
    monkeypatch.setattr(module, "gradcheck", lambda func, inputs, **options: told.update(options))
    options = {
        "eps": 1e-5,
        "atol": 1e-4,
        "rtol": 1e-2,
        "raise_exception": False,
        "nondet_tol": 1e-7,
        "check_undefined_grad": False,
        "check_grad_dtypes": True,
        "fast_mode": True,
        "masked": True,
    }
    minigrad.autograd.gradgradcheck(lambda x: x, leaf(minigrad, 2), **options)
    assert told == options


@MODES
def test_second_gradients_without_outputs_are_refused(fast: bool) -> None:
    """PyTorch calls the function without its arguments."""
    for function in (lambda x: x.detach(), lambda x: x.long(), lambda x: ()):
        with pytest.raises(ValueError, match="at least one output"):
            minigrad.autograd.gradgradcheck(function, leaf(minigrad, 2), fast_mode=fast)


@MODES
def test_a_cotangent_of_none_means_ones(fast: bool) -> None:
    """As in `grad`. PyTorch documents it, but then fails."""
    x = leaf(minigrad, 2)
    assert minigrad.autograd.gradgradcheck(lambda x: (x * x).sum(), x, (None,), fast_mode=fast)


def test_a_cotangent_of_another_dtype() -> None:
    """In PyTorch, only in slow mode."""
    program = second(lambda torch, x: x * x, (2,), grad_outputs=seeds(1.0, 1.0, dtype="float32"))
    theirs = check_same_messages(program)
    assert theirs.startswith(
        "GradcheckError: Jacobian mismatch for output 0 with respect to input 1"
    )
    assert messages(program, minigrad, fast_mode=True)[0].startswith(
        "GradcheckError: Jacobian mismatch"
    )
