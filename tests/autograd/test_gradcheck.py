"""gradcheck.py: passes where PyTorch's passes, and says what it says where it fails."""

from __future__ import annotations

import functools
import itertools
import math
import re
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
    """1, 2, 3, …, requiring grad."""
    count = torch.arange(1.0, 1.0 + math.prod(shape)).to(getattr(torch, dtype))
    return count.reshape(shape).detach().requires_grad_()


def half(x: Any) -> Any:
    """x², of whose two gradients one is lost."""
    return x * x.detach()


def posing(value: Any, surrogate: Any) -> Any:
    """`value`, but with the gradient of `surrogate`."""
    return surrogate + (value - surrogate).detach()


def check(func: Callable[..., Any], *inputs: Any, **options: Any) -> Program:
    """A program: gradcheck of `func`, which is given the namespace too, in either mode.

    Inputs are shapes of leaves, or functions of the namespace.
    """

    def program(torch: Any, **mode: Any) -> Any:
        made = [i(torch) if callable(i) else leaf(torch, *i) for i in inputs]
        return torch.autograd.gradcheck(
            lambda *arguments: func(torch, *arguments), tuple(made), **options, **mode
        )

    return program


# What is said -------------------------------------------------------------------------------------


def said(program: Program, torch: Any, **mode: Any) -> tuple[str, list[str]]:
    """The error, or the value, and the warnings of a program, in full."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            outcome = repr(program(torch, **mode))
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
    return outcome, [f"{type(w.message).__name__}: {w.message}" for w in caught]


# What PyTorch says of itself: its page on fast mode, and its own tests.
ITS_OWN = [
    (r"See: \S+ for more background \nabout fast mode. Below", "Below"),
    (r"\n\n(NOTE: If your op|If you are adding a new op|If this is to be)(.|\n)*", ""),
    (r'Please look at "Notes about undefined output(.|\n)*', ""),
    (r"slow_mode!(.|\n)*", "slow_mode!"),
]
NUMBER = re.compile(r"-?(?:\d+\.?\d*(?:e[+-]\d+)?|\binf\b|\bnan\b)")


def check_says_the_same(program: Program, **mode: Any) -> str:
    """Run `program` on both sides and compare all that they say, numbers as numbers."""
    ours, our_warnings = said(program, minigrad, **mode)
    theirs, their_warnings = said(program, torch, **mode)
    both = f"\nminigrad: {ours}\nPyTorch:  {theirs}"
    for pattern, instead in ITS_OWN:
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
    "empty, with dimensions": check(lambda torch, x: x * 2, (2, 0)),
    "of nothing, something": check(lambda torch, x: x.sum(), (0,)),
    "of something, nothing": check(lambda torch, x: x[:0], (2,)),
    "two inputs": check(lambda torch, x, y: x * y.exp(), (2,), (1,)),
    "two outputs": check(lambda torch, x: (x.exp(), x.sum()), (3,)),
    "two of both": check(lambda torch, x, y: (x * y, x.sum() - y), (2,), (2,)),
    "outputs in a list": check(lambda torch, x: [x * 2, x * 3], (2,)),
    "no outputs": check(lambda torch, x: (), (2,)),
    "the input itself": check(lambda torch, x: x, (2,)),
    "a view of it": check(lambda torch, x: x.view(-1), (2, 2)),
    "an input that is not used": check(lambda torch, x, y: x * 2, (2,), (3,)),
    "another leaf's": check(lambda torch, x: leaf(torch, 2) * 2, (2,)),
    "a constant": check(lambda torch, x: torch.ones(2), (2,)),
    "a constant besides": check(lambda torch, x: (x * 2, torch.ones(2)), (2,)),
    "a detached output besides": check(lambda torch, x: (x * 2, x.detach() * 3), (2,)),
    "integers": check(lambda torch, x: (x + 0.5).long(), (2,)),
    "integers besides": check(lambda torch, x: (x * 2, x.long()), (2,)),
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
    "a backward step instead": check(lambda torch, x: x * x, (2,), eps=-1e-6),
    "masked": check(lambda torch, x: x * x, (2,), masked=True),
    "nothing undefined": check(lambda torch, x: x * x, (2,), check_undefined_grad=False),
    "off, but within atol": check(lambda torch, x: posing(half(x), x * 0), (2,), atol=10.0),
    "off, but within rtol": check(lambda torch, x: posing(half(x), x * 0), (2,), rtol=1.1),
}
WRONG: dict[str, Program] = {
    "half": check(lambda torch, x: half(x), (2,)),
    "half of a matrix": check(lambda torch, x: half(x), (2, 2)),
    "half of 0-d": check(lambda torch, x: half(x), ()),
    "a gradient where there should be none": check(lambda torch, x: posing(x * 0, x), (2,)),
    "none where there should be one": check(lambda torch, x: posing(x, x * 0), (2,)),
    "of the wrong sign": check(lambda torch, x: posing(x.exp(), -x.exp()), (2,)),
    "of the wrong element": check(lambda torch, x: posing(x, x[[1, 0]] * 2), (2,)),
    "of an input that is not used": check(lambda torch, x, y: posing(x * 2, x * 2 + y), (2,), (2,)),
    "the second output": check(lambda torch, x: (x * x, half(x)), (2,)),
    "the second input": check(lambda torch, x, y: x * y * y.detach(), (2,), (2,)),
    "the second of both": check(lambda torch, x, y: (x * y, x * y * y.detach()), (2,), (1,)),
    "one that is detached from the second": check(lambda torch, x, y: x * y.detach(), (2,), (2,)),
    "with integers before it": check(
        lambda torch, n, x: half(x) * n, lambda torch: torch.arange(1, 3), (2,)
    ),
    "with a string before it": check(lambda torch, s, x: half(x) + len(s), lambda torch: "a", (2,)),
    "with a constant after it": check(lambda torch, x: (half(x), x.detach()), (2,)),
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
    "detached, and small": check(lambda torch, x: (x * 1e-300).detach(), (2,)),
    "detached, whatever the tolerance": check(lambda torch, x: x.detach(), (2,), atol=10.0),
    "detached, and integers": check(lambda torch, x: ((x + 0.5).detach(), (x + 0.5).long()), (2,)),
    "another value at each call": check(
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
    "expanded, the second": check(
        lambda torch, k, x: x * x,
        lambda torch: 3,
        lambda torch: torch.ones(2, 1).expand(2, 3).requires_grad_(),
    ),
    "a number for an output": check(lambda torch, x: 3, (2,)),
    "None for an output": check(lambda torch, x: None, (2,)),
    "a number among outputs": check(lambda torch, x: (x * 2, 3), (2,)),
    "a dictionary of outputs": check(lambda torch, x: {"a": x * 2}, (2,)),
    "bools": check(lambda torch, x: x > 0, (2,)),
    "bools besides": check(lambda torch, x: (x * 2, x > 0), (2,)),
    "an error in the function": check(lambda torch, x: 1 // 0, (2,)),
    "a leaf that is written to": check(lambda torch, x: x.add_(1), (2,)),
    "no way of differentiating": check(lambda torch, x: x, (2,), check_backward_ad=False),
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
    "a negative rtol of nothing": check(lambda torch, x: x, (0,), rtol=-1),
    "both negative": check(lambda torch, x: x, (2,), atol=-1, rtol=-1),
    "atol is NaN": check(lambda torch, x: x, (2,), atol=math.nan),
    "an output of another shape each time": check(
        lambda torch, x, calls: x * torch.ones(calls(), 2),
        (2,),
        lambda torch: itertools.count(1).__next__,
    ),
    "an output of another shape in turn": check(
        lambda torch, x, turns: x.view(turns()),
        (2,),
        lambda torch: itertools.cycle([(1, 2), (2, 1)]).__next__,
    ),
    "an output of another dtype in turn": check(
        lambda torch, x, turns: x.to(getattr(torch, turns())),
        (2,),
        lambda torch: itertools.cycle(["float64", "float32"]).__next__,
    ),
}


@MODES
@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients(name: str, fast: bool) -> None:
    assert check_says_the_same(RIGHT[name], fast_mode=fast) == "True"


@MODES
@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients(name: str, fast: bool) -> None:
    assert check_says_the_same(WRONG[name], fast_mode=fast).startswith("GradcheckError: ")


@MODES
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, fast: bool) -> None:
    # The type and the first words.
    ours, theirs = (
        said(REFUSED[name], namespace, fast_mode=fast)[0].split()[:5]
        for namespace in (minigrad, torch)
    )
    assert ours == theirs
    assert theirs[0] not in ("True", "False", "GradcheckError:")


def test_an_array_of_float32_is_warned_of_and_too_rough() -> None:
    program = check(lambda torch, k, x: x * x * k, lambda torch: 3, single("float32", 2))
    theirs = said(program, torch)
    assert theirs[1] == said(program, minigrad)[1]
    assert len(theirs[1]) == 1
    assert theirs[1][0].startswith("UserWarning: Input #1 requires gradient")
    check_says_the_same(program, fast_mode=True)
    with pytest.warns(UserWarning, match="Input #0") as caught:
        minigrad.autograd.gradcheck(lambda x: x * 1, leaf(minigrad, 0, dtype="float32"))
    assert caught[0].filename == __file__  # it points to the call


def test_each_float32_input_is_warned_of_but_none_that_requires_no_grad() -> None:
    check_says_the_same(
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
def test_without_exceptions_what_is_wrong_is_false(name: str, fast: bool) -> None:
    outcome = check_says_the_same(WRONG[name], fast_mode=fast, raise_exception=False)
    assert outcome == "False"


@MODES
@pytest.mark.parametrize("name", REFUSED)
def test_without_exceptions_what_is_refused_still_is(name: str, fast: bool) -> None:
    ours = said(REFUSED[name], minigrad, fast_mode=fast, raise_exception=False)[0]
    assert ours.split()[:5] == said(REFUSED[name], minigrad, fast_mode=fast)[0].split()[:5]


@pytest.mark.parametrize("name", ["check_forward_ad", "check_batched_grad"])
def test_what_is_not_implemented_is_named(name: str) -> None:
    with pytest.raises(NotImplementedError, match=f"{name}=True is not implemented"):
        minigrad.autograd.gradcheck(lambda x: x, leaf(minigrad, 2), **{name: True})


def test_forward_mode_alone_is_not_implemented_either() -> None:
    with pytest.raises(NotImplementedError, match="check_forward_ad=True is not"):
        minigrad.autograd.gradcheck(
            lambda x: x, leaf(minigrad, 2), check_forward_ad=True, check_backward_ad=False
        )


def test_where_to_find_the_error() -> None:
    def program(torch: Any) -> Any:
        module = __import__(f"{torch.__name__}.autograd.gradcheck", fromlist=["GradcheckError"])
        return [
            module.GradcheckError.__name__,
            [base.__name__ for base in module.GradcheckError.__mro__],
            hasattr(torch.autograd, "GradcheckError"),
            hasattr(torch.autograd.gradcheck, "GradcheckError"),
        ]

    check_same(program)


# Where PyTorch goes wrong itself ------------------------------------------------------------------


@MODES
def test_outputs_before_a_differentiable_one_take_no_part(fast: bool) -> None:
    """PyTorch mistakes one output for another: with integers in slow mode, else in fast mode."""
    for first in (lambda x: (x + 0.5).long(), lambda x: x.detach() * 3):
        x = leaf(minigrad, 2)
        assert minigrad.autograd.gradcheck(lambda x: (first(x), x * 2), x, fast_mode=fast)  # noqa: B023
        with pytest.raises(GradcheckError, match="for output 0 with respect to input 0"):
            minigrad.autograd.gradcheck(lambda x: (first(x), half(x)), x, fast_mode=fast)  # noqa: B023


@MODES
def test_integers_may_jump(fast: bool) -> None:
    """In PyTorch only in slow mode."""
    assert minigrad.autograd.gradcheck(lambda x: x.long(), leaf(minigrad, 2), fast_mode=fast)


@MODES
def test_dtypes_may_be_mixed(fast: bool) -> None:
    """In PyTorch only in slow mode."""
    x, y = leaf(minigrad, 2, dtype="float32"), leaf(minigrad, 2)
    with pytest.warns(UserWarning, match="Input #0"):
        minigrad.autograd.gradcheck(lambda x, y: x * y, (x, y), eps=1e-2, fast_mode=fast)


@MODES
def test_a_function_returns_as_many_outputs_each_time(fast: bool) -> None:
    """In PyTorch it may return more in slow mode, and is out of range with fewer."""
    for lengths in ([1, 2], [2, 1]):
        turns = itertools.cycle(lengths).__next__
        with pytest.raises(AssertionError, match="Expected `func` to return outputs with the same"):
            minigrad.autograd.gradcheck(
                lambda x: (x * 2,) * turns(),  # noqa: B023
                leaf(minigrad, 2),
                fast_mode=fast,
            )


@MODES
def test_an_input_is_put_back_where_the_function_fails(fast: bool) -> None:
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
    """x → `matrix` @ x with the gradient of (`matrix` + `wrong`) @ x."""
    a, b = torch.tensor(matrix).double(), torch.tensor(matrix + wrong).double()
    return lambda x: posing(a @ x, b @ x)


@given(st.integers(1, 3), st.integers(1, 3), st.data())
def test_tolerances_are_kept_to_the_last_bit(m: int, n: int, data: st.DataObject) -> None:
    """|analytical − numerical| ≤ atol + rtol · |numerical|, in numbers that are not rounded."""
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
def test_fast_mode_says_what_pytorchs_does(m: int, n: int, data: st.DataObject) -> None:
    """The same vectors, from the same generator: the numbers it compares are the same."""
    matrix = np.array(data.draw(st.lists(HALVES, min_size=m * n, max_size=m * n))).reshape(m, n)
    wrong = np.array(
        data.draw(st.lists(st.sampled_from([0, 0, 0, 1, -1]), min_size=m * n, max_size=m * n))
    ).reshape(m, n)

    def program(torch: Any) -> Any:
        return torch.autograd.gradcheck(
            linear(torch, matrix, wrong), leaf(torch, n), eps=2.0**-20, fast_mode=True
        )

    check_says_the_same(program)


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
    """Where each element is off by atol, it is as strict as slow mode."""

    def program(torch: Any, **mode: Any) -> Any:
        function = linear(torch, np.zeros((3, 2)), np.full((3, 2), share * 1e-5))
        return torch.autograd.gradcheck(
            function, leaf(torch, 2), rtol=0, raise_exception=False, **mode
        )

    for fast in (False, True):
        assert check_same(functools.partial(program, fast_mode=fast)).value is passes


def test_fast_mode_says_so_where_it_alone_fails() -> None:
    wrong = 9e-4 * np.eye(2)  # within rtol of each element, but not of their sum, which cancels
    program = check(lambda torch, x: linear(torch, np.diag([1.0, -1.0]), wrong)(x), (2,), atol=0.0)
    assert check_says_the_same(program) == "True"
    assert "test might've passed in slow_mode!" in check_says_the_same(program, fast_mode=True)


def test_fast_mode_draws_in_the_default_dtype() -> None:
    def program(torch: Any, **mode: Any) -> Any:
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            return check(lambda torch, x: half(x), (3,))(torch, **mode)
        finally:
            torch.set_default_dtype(before)

    check_says_the_same(program, fast_mode=True)


# What it leaves behind ----------------------------------------------------------------------------


@MODES
@given(st.data())
def test_nothing_is_changed(fast: bool, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["a matrix", "0-d", "empty", "not contiguous", "half"]))
    program = (RIGHT | WRONG)[name]
    kept: list[tuple[Any, bytes]] = []

    class Watching:
        """minigrad, but what gradcheck is given is kept."""

        class autograd:
            @staticmethod
            def gradcheck(func: Any, inputs: Any, **options: Any) -> Any:
                kept.extend((x, x.detach().numpy().tobytes()) for x in inputs)
                return minigrad.autograd.gradcheck(func, inputs, **options)

        def __getattr__(self, name: str) -> Any:
            return getattr(minigrad, name)

    minigrad.manual_seed(1)
    said(program, Watching(), fast_mode=fast)
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
    """With the tensors that were given, moved by as much and as often, with grad mode on."""

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
