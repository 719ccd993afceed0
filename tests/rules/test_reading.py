"""reading.py: the names that pullbacks may use, and functions that are read as slower ones."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy import cbrt
from profiles import AT_A_GLANCE, examples

pytest.importorskip("torch")

import minigrad
from bridge import strategies
from bridge.comparing.closeness import difference
from minigrad import rules
from minigrad.catalogue.accuracy import Exact, tolerance
from minigrad.core.higher_order import read_over_tensors
from minigrad.rules import (
    REGISTRY,
    activations,
    convolution,
    differentiable,
    elementwise,
    factorisations,
    normalisation,
    pooling,
    reduction,
    scans,
)
from minigrad.rules.elementwise import chosen, masked
from minigrad.rules.indexing import put
from minigrad.rules.linalg import product
from minigrad.rules.reading import check_pullbacks, reads_as
from minigrad.rules.rule import Pullback, Result
from minigrad.rules.summation import summed

# Names in pullbacks -------------------------------------------------------------------------------


def _registered(forward: Callable[..., Result]) -> None:
    """Register a rule, and remove it again; raise what the registration raises."""
    before = dict(REGISTRY)
    try:
        differentiable()(forward)
        assert REGISTRY.keys() - before == {forward.__name__}
        del REGISTRY[forward.__name__]
    finally:
        left = {name: REGISTRY.pop(name) for name in REGISTRY.keys() - before}
        assert not left, "a refused rule stays in the registry"


def _helper(g: Any) -> Any:
    return np.cbrt(g)


def _helper_of_helper(g: Any) -> Any:
    return _helper(g)


def _pullback_of_helper(input: Any) -> Pullback:
    return lambda g: g * np.cbrt(input)


@reads_as(lambda g: np.cbrt(g))
def _read_as_unknown(g: Any) -> Any:
    return g * 2


@reads_as(lambda g: g * 2)
def _read_as_known(g: Any) -> Any:
    return np.cbrt(g)


def by_attribute(input: Any) -> Result:
    return input, (lambda g: np.cbrt(g),)


def by_global_ufunc(input: Any) -> Result:
    return input, (lambda g: cbrt(g),)


def in_nested_lambda(input: Any) -> Result:
    return input, (lambda g: (lambda h: np.cbrt(h))(g),)


def in_doubly_nested_function(input: Any) -> Result:
    def pullback(g: Any) -> Any:
        def inner(h: Any) -> Any:
            return (lambda k: np.cbrt(k))(h)

        return inner(g)

    return input, (pullback,)


def in_comprehension(input: Any) -> Result:
    return input, (lambda g: sum([np.cbrt(x) for x in g]),)


def in_captured_function(input: Any) -> Result:
    def captured(g: Any) -> Any:
        return np.cbrt(g)

    return input, (lambda g: captured(g),)


def in_second_pullback(input: Any, other: Any) -> Result:
    return input, (lambda g: g, lambda g: np.cbrt(g))


def in_one_branch(input: Any) -> Result:
    if input.size:
        return input, (lambda g: g,)
    return input, (lambda g: np.cbrt(g),)


def in_helper(input: Any) -> Result:
    return input, (lambda g: _helper(g),)


def in_helper_of_helper(input: Any) -> Result:
    return input, (lambda g: _helper_of_helper(g),)


def in_pullback_of_helper(input: Any) -> Result:
    return input, (_pullback_of_helper(input),)


def in_plain_reading(input: Any) -> Result:
    return input, (lambda g: _read_as_unknown(g),)


UNKNOWN = (
    by_attribute,
    by_global_ufunc,
    in_nested_lambda,
    in_doubly_nested_function,
    in_comprehension,
    in_captured_function,
    in_second_pullback,
    in_one_branch,
    in_helper,
    in_helper_of_helper,
    in_pullback_of_helper,
    in_plain_reading,
)


@pytest.mark.parametrize("forward", UNKNOWN, ids=lambda forward: forward.__name__)
def test_an_unknown_name_is_refused_at_registration(forward: Callable[..., Result]) -> None:
    message = f"rule '{forward.__name__}': a pullback uses 'cbrt', which no rule computes"
    with pytest.raises(TypeError, match=message):
        _registered(forward)


@pytest.mark.parametrize(
    ("name", "pullback"),
    [
        ("ediff1d", lambda g: np.ediff1d(g)),
        ("searchsorted", lambda g: g.searchsorted(g)),
        ("accumulate", lambda g: np.add.accumulate(g)),
        ("flat", lambda g: g.flat),
        ("undefined", lambda g: undefined(g)),  # type: ignore[name-defined]  # noqa: F821
    ],
)
def test_any_unknown_function_or_attribute_is_refused(name: str, pullback: Pullback) -> None:
    def forward(input: Any) -> Result:
        return input, ((lambda g: g),)

    # The same forward with the code of the pullback in place of its own lambda.
    constants = tuple(
        pullback.__code__ if hasattr(constant, "co_code") else constant
        for constant in forward.__code__.co_consts
    )
    code = forward.__code__.replace(co_consts=constants)
    with pytest.raises(TypeError, match=f"a pullback uses '{name}'"):
        _registered(FunctionType(code, globals(), "forward"))


def test_known_names_are_accepted() -> None:
    def accepted(input: Any) -> Result:
        y = np.cbrt(input)  # the forward itself may use anything

        def pullback(g: Any) -> Any:
            shape, key = g.shape, (slice(0, g.shape[0]),)
            total = np.add.reduce(np.exp(g) * y, 0, keepdims=True)
            return put(_read_as_known(total), key, shape)[0] + g.T.sum() + np.zeros(shape, g.dtype)

        return y, (pullback,)

    _registered(accepted)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_rule_uses_known_names(name: str) -> None:
    check_pullbacks(REGISTRY[name], REGISTRY)


# Second readings ----------------------------------------------------------------------------------


def _functions_with_second_reading() -> Iterator[FunctionType]:
    """Yield the functions of all modules of rules that are marked by `reads_as`."""
    for info in pkgutil.iter_modules(rules.__path__):
        module = importlib.import_module(f"{rules.__name__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, FunctionType) and "reads_as" in vars(value):
                yield value


@st.composite
def _for_masked(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A gradient with any special values, in any layout, and a mask that broadcasts with it."""
    shape, mask_shape = draw(strategies.shapes_that_broadcast(2))
    dtype = draw(strategies.dtypes())
    size = math.prod(mask_shape)
    mask = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    return draw(strategies.arrays(shape, dtype)), np.reshape(np.array(mask, bool), mask_shape)


@st.composite
def _for_chosen(draw: st.DrawFn) -> tuple[Any, ...]:
    """A mask and two operands with any special values, enough for the way without branches."""
    dtype = draw(strategies.dtypes())
    few = draw(st.lists(st.booleans(), min_size=1, max_size=5))
    mask = np.resize(np.array(few), (70, 80))
    operands = [np.resize(draw(strategies.arrays((7,), dtype)), mask.shape) for _ in range(2)]
    if draw(st.booleans()):
        operands[0] = operands[0].T.copy().T
    if draw(st.booleans()):
        operands[draw(st.integers(0, 1))] = draw(st.sampled_from([0, -1.5]))
    return mask, *operands


@st.composite
def _for_product(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Two matrices of one dtype with any special values, in any layout, many of them 1×1."""
    sizes = st.integers(0, 3)
    n, inner, m = draw(st.tuples(sizes, sizes, sizes) | st.sampled_from([(1, 1, 3), (3, 1, 1)]))
    dtype, few_values = draw(strategies.dtypes()), draw(st.booleans())

    def matrix(*shape: int) -> np.ndarray:
        if not few_values:
            return draw(strategies.arrays(shape, dtype))
        return draw(hnp.arrays(dtype, shape, elements=st.sampled_from([0.0, -1.0, np.inf, np.nan])))

    return matrix(n, inner), matrix(inner, m)


@st.composite
def _for_summed(draw: st.DrawFn) -> tuple[np.ndarray, tuple[int, ...]]:
    """An array of small integers, of which any order of addition gives the same sum, and dims."""
    shape = draw(strategies.shapes(max_dims=3).filter(len))
    x = draw(hnp.arrays(np.float64, shape, elements=st.integers(-3, 3).map(float)))
    dims = st.lists(st.sampled_from(range(len(shape))), min_size=1, unique=True)
    return x, tuple(draw(dims))


def _integers(*shape: int) -> st.SearchStrategy[np.ndarray]:
    """Arrays of small integers, of which any order of computation gives the same sums."""
    return hnp.arrays(np.float64, shape, elements=st.integers(-3, 3).map(float))


@st.composite
def _along_a_dim(draw: st.DrawFn, arrays: int) -> tuple[Any, ...]:
    """Arrays of small integers in one shape, and a dim."""
    shape = draw(strategies.shapes(max_dims=3).filter(len))
    return *[draw(_integers(*shape)) for _ in range(arrays)], draw(
        st.sampled_from(range(len(shape)))
    )


@st.composite
def _for_shares(draw: st.DrawFn) -> tuple[Any, ...]:
    """The cotangent of a mean, the number of elements, their shape, and the dims of the mean."""
    shape = draw(strategies.shapes(max_dims=3).filter(len))
    dims = draw(st.lists(st.sampled_from(range(len(shape))), min_size=1, unique=True))
    kept = [size for d, size in enumerate(shape) if d not in dims]
    return draw(_integers(*kept)), draw(st.integers(1, 9)), shape, tuple(dims)


@st.composite
def _for_normalising(draw: st.DrawFn, with_mean: bool) -> tuple[Any, ...]:
    """An array, its mean if asked for, what it is divided by, the dims, their size and epsilon."""
    x = draw(_integers(2, 3, 2))
    over = draw(st.sampled_from([(0,), (1, 2), (2,), (0, 2)]))
    count = math.prod(x.shape[d] for d in over)
    mean = normalisation._mean(x, over, count)
    rstd = normalisation._rstd_again(x, x, over, count, 0.5)
    return (x, *([mean] if with_mean else []), rstd, over, count, 0.5)


@st.composite
def _for_weights(draw: st.DrawFn) -> tuple[Any, ...]:
    """Images, cotangents of their convolution, and its options."""
    groups, outside = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    kernel, stride, dilation = (draw(st.integers(1, 2)) for _ in range(3))
    padding = draw(st.integers(0, 1))
    inside = (outside - 1) * stride + (kernel - 1) * dilation + 1 - 2 * padding
    assume(inside > 0)
    n, c, o = (draw(st.integers(1, 2)) for _ in range(3))
    x, g = draw(_integers(n, groups * c, inside)), draw(_integers(n, groups * o, outside))
    return x, g, (kernel,), (stride,), (padding,), (dilation,), groups


@st.composite
def _for_windows(draw: st.DrawFn) -> tuple[Any, ...]:
    """Shares of each window, the keys of its elements in a row, and the shape of all."""
    count, width, stride = (draw(st.integers(1, 3)) for _ in range(3))
    size = (count - 1) * stride + width
    keys = tuple((..., slice(k, k + (count - 1) * stride + 1, stride)) for k in range(width))
    return draw(_integers(2, count)), keys, (2, size)


@st.composite
def _for_determinants(draw: st.DrawFn) -> tuple[Any, ...]:
    """Cotangents, regular matrices, those that are factorised, and the determinants."""
    n = draw(st.integers(1, 3))
    x = draw(_integers(2, n, n)) + 10 * np.eye(n)
    return draw(_integers(2)), x, factorisations._as_factored(x), np.linalg.det(x)


OPERANDS = {
    masked: _for_masked(),
    chosen: _for_chosen(),
    product: _for_product(),
    summed: _for_summed(),
    reduction._in_equal_shares: _for_shares(),
    scans._from_the_end: _along_a_dim(1),
    scans._by_factors: _along_a_dim(2),
    normalisation._rstd: _for_normalising(with_mean=False),
    normalisation._hat: _for_normalising(with_mean=True),
    activations._decay: _integers(5).map(lambda x: (x, np.exp(-np.abs(x)))),
    convolution._to_weight: _for_weights(),
    convolution._formatted: st.tuples(_integers(2, 3, 4, 5), st.booleans()),
    elementwise._multiple: _integers(5).map(lambda x: (x, -0.3)),
    pooling._added: _for_windows(),
    factorisations._by_factors: _for_determinants(),
}


def test_every_second_reading_has_operands() -> None:
    assert set(_functions_with_second_reading()) == OPERANDS.keys()


@np.errstate(all="ignore")
def _check_reading(
    function: FunctionType, operands: tuple[np.ndarray, ...], compute: Callable[..., Any]
) -> None:
    """Check `compute` against the reading of `function`: exactly, or within the tolerance of mm."""
    found, expected = compute(*operands), vars(function)["reads_as"](*operands)
    if function is scans._by_factors:  # a factor of 0 gives a gradient of 0, of either sign
        found, expected = found + 0, expected + 0
    if function is product:
        a, b = (np.abs(x, dtype=float) for x in operands)
        wrong = difference(found, expected, tolerance("mm").value, a @ b)
    elif function is factorisations._by_factors:
        largest = np.full(expected.shape, np.abs(expected).max())
        wrong = difference(found, expected, tolerance("det").gradient, largest)
    else:
        wrong = difference(found, expected, Exact())
    assert wrong is None, str(wrong)


EACH = pytest.mark.parametrize("function", OPERANDS, ids=lambda function: function.__name__)


@EACH
@settings(max_examples=examples(100))
@given(data=st.data())
def test_a_function_equals_its_second_reading(function: FunctionType, data: st.DataObject) -> None:
    _check_reading(function, data.draw(OPERANDS[function]), function)


@EACH
@settings(max_examples=examples(100))
@given(data=st.data())
def test_a_function_over_tensors_is_its_second_reading(
    function: FunctionType, data: st.DataObject
) -> None:
    def over_tensors(*operands: np.ndarray) -> np.ndarray:
        tensors = (minigrad.from_numpy(x) if isinstance(x, np.ndarray) else x for x in operands)
        result = read_over_tensors(function, {})(*tensors)
        return result.numpy()

    operands = data.draw(OPERANDS[function])
    copies = tuple(x.copy() if isinstance(x, np.ndarray) else x for x in operands)
    _check_reading(function, copies, over_tensors)


@pytest.mark.parametrize(
    ("function", "wrong"),
    [
        (masked, lambda g, keep: g * keep),  # infinity times 0 is NaN
        (masked, lambda g, keep: np.where(keep, g, g.dtype.type(-0.0))),
        (chosen, lambda mask, x, y: x * mask + y * ~mask),  # infinity times 0 is NaN
        (chosen, lambda mask, x, y: np.where(mask, y, x)),
        (product, lambda a, b: a.dot(b)),  # 0 times NaN is 0 if one operand is 1×1
        (product, lambda a, b: a @ b * a.dtype.type(1.001)),
        (summed, lambda x, dims: np.add.reduce(x, dims[:1])),
    ],
)
def test_a_wrong_function_is_found(function: FunctionType, wrong: Callable[..., Any]) -> None:
    @settings(AT_A_GLANCE)
    @given(OPERANDS[function])
    def check(operands: tuple[np.ndarray, ...]) -> None:
        _check_reading(function, operands, wrong)

    with pytest.raises(AssertionError):
        check()
