"""printing.py: the same text as PyTorch's, character for character, for all values and options."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.api.printing import get_printoptions, set_printoptions, tensor_repr

FLOAT32 = np.dtype("float32")
FLOAT64 = np.dtype("float64")

# Numbers at which the format changes (1e-4, 1e8, a ratio of 1000) and their neighbours, integers,
# ties of rounding, infinities and NaN, and the limits of each float dtype.
NOTABLE = [0.0, 1, 2, 10, 0.1, 0.5, 2.5, 0.125, 0.99995, 9.99995, 123.456, math.inf, math.nan]
NOTABLE += [1e-4, 9.9999e-5, 1.00005e-4, 1e8, 1e8 + 8, 1e7, 1000, 1001, 999.5, 100, 0.001, 16777216]
NOTABLE += [1e-45, 1.1e-38, 3.4e38, 1e30, 1e-30]
NOTABLE_DOUBLES = [5e-324, 2.2e-308, 1.7e308, 1e100, 1e-100, 1e16, 0.1 + 0.2, 1000.0000000000001]

SHAPES = (
    st.lists(st.integers(0, 9) | st.just(1), max_size=4)
    .map(tuple)
    .filter(lambda shape: math.prod(shape) <= 200)
)

# Successive calls of set_printoptions.
CALLS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "precision": st.integers(0, 8) | st.just(20),
            "threshold": st.sampled_from([-1, 0, 1, 2.5, 5, 20, 100, math.inf]),
            "edgeitems": st.integers(0, 4),
            "linewidth": st.integers(0, 120) | st.sampled_from([-3, 33.5]),
            "profile": st.sampled_from(["default", "short", "full"]),
            "sci_mode": st.sampled_from([None, True, False]),
        },
    ),
    max_size=2,
)

# Histories that leave the elements unchanged; the names of their grad_fn differ in length.
HISTORIES: dict[str, Callable[[Any], Any]] = {
    "constant": lambda tensor: tensor,
    "leaf": lambda tensor: tensor.requires_grad_(),
    "view": lambda tensor: tensor.requires_grad_().view_as(tensor),
    "clone": lambda tensor: tensor.requires_grad_().clone(),
    "squeeze": lambda tensor: tensor.requires_grad_().unsqueeze(0).squeeze(0),
}


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    """Draw arrays with one or two sorts of elements: every element affects the common format."""
    dtype = np.dtype(draw(st.sampled_from(["float32", "float64", "int64", "int32", "bool"])))
    elements: st.SearchStrategy[Any]
    if dtype.kind == "b":
        elements = st.booleans()
    elif dtype.kind == "i":
        bound = 2 ** draw(st.integers(0, 8 * dtype.itemsize - 1))
        elements = st.integers(-bound, bound - 1)
    else:
        notable = NOTABLE + (NOTABLE_DOUBLES if dtype == FLOAT64 else [])
        signed = st.sampled_from(notable + [-value for value in notable])
        sorts = [
            signed,
            st.sampled_from(draw(st.lists(signed, min_size=1, max_size=3))),
            st.integers(-99, 999),
            st.floats(-3, 3),
            st.floats(width=64 if dtype == FLOAT64 else 32),
            st.integers(-12, 12).map(lambda exponent: 1.7 * 10.0**exponent),
        ]
        chosen = draw(st.lists(st.sampled_from(sorts), min_size=1, max_size=2))
        elements = st.one_of(chosen).map(dtype.type)
    array = draw(hnp.arrays(dtype, draw(SHAPES), elements=elements))
    return array.T if draw(st.booleans()) else array


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


@contextmanager
def restored(torch: Any) -> Iterator[None]:
    """Restore the print options of both libraries at the end."""
    options, default_dtype = get_printoptions(), torch.get_default_dtype()
    try:
        yield
    finally:
        set_both(torch, **options)
        torch.set_default_dtype(default_dtype)


def set_both(torch: Any, **options: Any) -> None:
    set_printoptions(**options)
    torch.set_printoptions(**options)


def measures_forced_sci_mode(torch: Any) -> bool:
    """False in PyTorch 2.4, which computes column widths as if sci_mode were None."""
    with restored(torch):
        torch.set_printoptions(sci_mode=False)
        return repr(torch.tensor([1e-5, math.nan])) == "tensor([0.0000,    nan])"


@settings(max_examples=500, deadline=None)
@given(
    array=arrays(),
    calls=CALLS,
    default_dtype=st.sampled_from([FLOAT32, FLOAT64]),
    history=st.sampled_from(sorted(HISTORIES)),
    is_subclass=st.booleans(),
)
def test_the_text_is_the_same(
    torch: Any,
    array: np.ndarray,
    calls: list[dict[str, Any]],
    default_dtype: np.dtype,
    history: str,
    is_subclass: bool,
) -> None:
    tensor = torch.from_numpy(array)
    if is_subclass:
        tensor = tensor.as_subclass(type("Weights", (torch.Tensor,), {}))
    if array.dtype.kind == "f":
        tensor = HISTORIES[history](tensor)
    if not measures_forced_sci_mode(torch):
        calls = [call | {"sci_mode": None} for call in calls]
    with restored(torch):
        torch.set_default_dtype(getattr(torch, default_dtype.name))
        for call in calls:
            set_both(torch, **call)
        ours = tensor_repr(
            array,
            default_dtype=default_dtype,
            requires_grad=tensor.requires_grad,
            grad_fn=None if tensor.grad_fn is None else type(tensor.grad_fn).__name__,
            prefix="Weights(" if is_subclass else "tensor(",
        )
        assert ours == repr(tensor)


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
def test_every_pair_of_notable_numbers_is_printed_the_same(torch: Any, dtype: np.dtype) -> None:
    notable = NOTABLE + (NOTABLE_DOUBLES if dtype == FLOAT64 else [])
    for first, second in itertools.product(notable, repeat=2):
        array = np.array([first, -second], dtype)
        assert tensor_repr(array, default_dtype=FLOAT32) == repr(torch.from_numpy(array))


def test_lines_break_at_the_same_places_at_every_width(torch: Any) -> None:
    """Lines of numbers (with infinities, which don't affect the width) and lines of suffixes."""
    wide = 10.0 ** np.arange(6)
    arrays = [wide, wide.reshape(1, 2, 3), wide.reshape(6, 1).astype(FLOAT32), np.ones((0, 3))]
    arrays += [np.array([first, math.nan, -math.inf, 0] * 3) for first in (0.0, 1.0)]
    with restored(torch):
        for linewidth, array in itertools.product(range(100), arrays):
            set_both(torch, linewidth=linewidth)
            tensor = torch.from_numpy(array).requires_grad_()
            ours = tensor_repr(array, default_dtype=FLOAT32, requires_grad=True)
            assert ours == repr(tensor)
            ours = tensor_repr(array, default_dtype=FLOAT32, grad_fn="CloneBackward0")
            assert ours == repr(tensor.clone())


def test_summaries_are_the_same_at_every_threshold(torch: Any) -> None:
    shapes = [(), (1,), (4,), (5,), (2, 3), (5, 1), (1, 4, 2)]
    with restored(torch):
        for shape, edgeitems in itertools.product(shapes, range(4)):
            array = np.arange(math.prod(shape)).reshape(shape)
            for threshold in range(array.size + 2):
                set_both(torch, threshold=threshold, edgeitems=edgeitems)
                ours = tensor_repr(array, default_dtype=FLOAT32)
                assert ours == repr(torch.from_numpy(array))


@settings(max_examples=60, deadline=None)
@given(calls=CALLS)
def test_the_options_are_the_same(torch: Any, calls: list[dict[str, Any]]) -> None:
    with restored(torch):
        for call in calls:
            set_both(torch, **call)
        assert get_printoptions() == torch._tensor_str.get_printoptions()


@pytest.mark.parametrize("shape", [(1001,), (40, 50), (7, 11, 13), (2, 30, 20), (3, 4, 9, 10)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_the_default_summary_is_the_same(torch: Any, shape: tuple[int, ...], dtype: str) -> None:
    array = (100 * np.random.default_rng(0).standard_normal(shape)).astype(dtype)
    assert tensor_repr(array, default_dtype=FLOAT32) == repr(torch.from_numpy(array))


def test_a_summary_reads_only_the_elements_that_it_shows() -> None:
    """Neither the number (10^12 here) nor the values of the hidden elements matter."""
    vast = np.broadcast_to(np.float32(1.5), (10**6, 10**6))
    assert tensor_repr(vast, default_dtype=FLOAT32).startswith("tensor([[1.5000, 1.5000, 1.5000,  ")
    hidden = np.ones(2000, FLOAT32)
    hidden[3:-3] = -1e30
    assert tensor_repr(hidden, default_dtype=FLOAT32) == "tensor([1., 1., 1.,  ..., 1., 1., 1.])"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"precision": -1}, "precision must be an integer of at least 0, not -1"),
        ({"precision": 2.0}, "precision must be an integer of at least 0, not 2.0"),
        ({"precision": True}, "precision must be an integer of at least 0, not True"),
        ({"edgeitems": -3}, "edgeitems must be an integer of at least 0, not -3"),
        ({"edgeitems": "3"}, "edgeitems must be an integer of at least 0, not '3'"),
        ({"threshold": "all"}, "threshold must be a number, not 'all'"),
        ({"linewidth": math.inf}, "linewidth must be a finite number, not inf"),
        ({"linewidth": "80"}, "linewidth must be a finite number, not '80'"),
        ({"sci_mode": "auto"}, "sci_mode must be True, False or None, not 'auto'"),
        ({"profile": "long"}, "profile must be 'default', 'short' or 'full', not 'long'"),
    ],
)
def test_a_bad_option_is_refused_and_changes_nothing(bad: dict[str, Any], message: str) -> None:
    before = get_printoptions()
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        set_printoptions(**({"precision": 7, "sci_mode": True} | bad))
    assert get_printoptions() == before


def test_complex_numbers_are_refused() -> None:
    with pytest.raises(TypeError, match="not complex128"):
        tensor_repr(np.array([1j]), default_dtype=FLOAT32)
