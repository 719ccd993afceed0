"""Strategies for hypothesis: shapes, values, layouts and keys at which numerical code goes wrong.

    from hypothesis import given
    from bridge import assert_matches_torch, strategies as st

    @given(st.arrays_that_broadcast(2))
    def test_gate(arrays):
        assert_matches_torch(lambda torch, x, y: torch.sigmoid(x) * y, *arrays)

What they give are NumPy's arrays, dtypes and keys, so that they serve for code of any kind. Those
at the end are for whole programs, `trainings`, and of this project's ops: calls of a rule, from the
table in `bridge/samples.py`.

In the examples below, hypothesis's `find` shows the simplest thing of a kind that a strategy gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

try:
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as hnp
except ModuleNotFoundError:
    raise ImportError(
        "bridge.strategies needs hypothesis: pip install 'hypothesis>=6.100'", name="hypothesis"
    ) from None

from .drawing import ACTIONS, TEXTURES, Slot, program_of
from .drawn_trainings import Training, training_of
from .operands import LAYOUTS, Case, laid_out, special_values
from .random_programs import Program
from .samples import case_of, takes

Shape = tuple[int, ...]

# Shapes -------------------------------------------------------------------------------------------


def shapes(max_dims: int = 3, max_side: int = 4) -> st.SearchStrategy[Shape]:
    """Shapes of up to so many dimensions, each of size 0 to `max_side`; () is one of them.

    >>> from hypothesis import find
    >>> find(shapes(), lambda shape: len(shape) == 2 and 0 not in shape)
    (1, 1)
    """
    return hnp.array_shapes(min_dims=0, max_dims=max_dims, min_side=0, max_side=max_side)


def shapes_that_broadcast(
    count: int, max_dims: int = 3, max_side: int = 4
) -> st.SearchStrategy[tuple[Shape, ...]]:
    """So many shapes that broadcast against each other, each with 1s and dimensions left out.

    >>> from hypothesis import find
    >>> find(shapes_that_broadcast(2), lambda shapes: shapes[0] == (3, 1))
    ((3, 1), ())
    """
    drawn = hnp.mutually_broadcastable_shapes(
        num_shapes=count, max_dims=max_dims, min_side=0, max_side=max_side
    )
    return drawn.map(lambda shapes: shapes.input_shapes)


def dims(ndim: int) -> st.SearchStrategy[int]:
    """A dimension of a tensor that has so many, counted from either end; a 0-d one has 0 and -1."""
    reach = max(ndim, 1)
    return st.integers(-reach, reach - 1)


def some_dims(ndim: int) -> st.SearchStrategy[Shape]:
    """None, some or all of the dimensions, in any order, each counted from either end."""
    places = st.lists(st.integers(0, ndim - 1), unique=True) if ndim else st.just([])
    return places.flatmap(lambda found: st.tuples(*(st.sampled_from([d, d - ndim]) for d in found)))


# Values -------------------------------------------------------------------------------------------


def dtypes(kinds: str = "f") -> st.SearchStrategy[np.dtype]:
    """Dtypes of these kinds, in NumPy's letters: "f" floats, "i" integers, "b" bools."""
    known = {"f": ("float64", "float32"), "i": ("int64", "int32"), "b": ("bool",)}
    return st.sampled_from([np.dtype(name) for kind in kinds for name in known[kind]])


def elements(dtype: Any, special: bool = True) -> st.SearchStrategy[Any]:
    """Elements of a dtype: small whole numbers, so that there are ties, and numbers of any size.

    Where `special`, also zeros of both signs, subnormals, the neighbours of 1, the ends of the
    range, infinities and NaN.
    """
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return st.booleans()
    ties = st.integers(-3, 3)
    if dtype.kind == "i":
        return ties
    width = 8 * dtype.itemsize
    some = [ties.map(float), st.floats(-4, 4, width=width)]
    if special:
        some.append(st.sampled_from(special_values(dtype).tolist()))
    return st.one_of(some)


def arrays(
    shape: Shape | st.SearchStrategy[Shape] | None = None,
    dtype: Any = None,
    *,
    special: bool = True,
) -> st.SearchStrategy[np.ndarray]:
    """Arrays of a shape and a dtype (of any, if none is given), in any layout.

    Half of them, where `special`, have special values among the others (`elements`). They lie in
    memory contiguously, transposed, with gaps, or expanded: the last are read-only, for their
    elements share places.

    >>> from hypothesis import find
    >>> find(arrays((2, 3), "float32"), lambda x: np.isnan(x).any())
    array([[ 0.,  0.,  0.],
           [ 0.,  0., nan]], dtype=float32)
    """

    def of(shape: Shape, dtype: np.dtype, with_special: bool, layout: str) -> Any:
        values = hnp.arrays(dtype, shape, elements=elements(dtype, with_special), fill=st.nothing())
        return values.map(lambda x: laid_out(x, layout).array())

    if shape is None:
        shape = shapes()
    return st.tuples(
        shape if isinstance(shape, st.SearchStrategy) else st.just(shape),
        dtypes() if dtype is None else st.just(np.dtype(dtype)),
        st.booleans() if special else st.just(False),
        st.sampled_from(LAYOUTS),
    ).flatmap(lambda drawn: of(*drawn))


def arrays_that_broadcast(
    count: int, dtype: Any = None, *, special: bool = True
) -> st.SearchStrategy[tuple[np.ndarray, ...]]:
    """So many arrays whose shapes broadcast against each other, all of one dtype.

    >>> from hypothesis import find
    >>> find(arrays_that_broadcast(2), lambda arrays: arrays[0].shape == (2,) != arrays[1].shape)
    (array([0., 0.]), array(0.))
    """
    dtype_of = dtypes() if dtype is None else st.just(np.dtype(dtype))
    return st.tuples(shapes_that_broadcast(count), dtype_of).flatmap(
        lambda drawn: st.tuples(*(arrays(s, drawn[1], special=special) for s in drawn[0]))
    )


# Keys ---------------------------------------------------------------------------------------------


def keys(shape: Shape) -> st.SearchStrategy[Any]:
    """What `x[key]` takes of an array of that shape, in NumPy and in PyTorch alike.

    Integers, slices, `...` and None; arrays of indices, which may repeat; and masks.

    >>> from hypothesis import find
    >>> find(keys((3, 2)), lambda key: np.zeros((3, 2))[key].ndim == 0)
    (0, 0)
    """
    return st.one_of(basic_keys(shape), *_advanced(shape))


def basic_keys(shape: Shape) -> st.SearchStrategy[Any]:
    """Keys whose result is a view: integers, slices with positive steps, `...` and None."""
    drawn = hnp.basic_indices(shape, allow_newaxis=True, max_dims=len(shape) + 2)
    return drawn.filter(lambda key: all(_forward(part) for part in _parts(key)))


def _forward(part: Any) -> bool:
    return not isinstance(part, slice) or part.step is None or part.step > 0


def _parts(key: Any) -> Sequence[Any]:
    return key if isinstance(key, tuple) else (key,)


def _advanced(shape: Shape) -> list[st.SearchStrategy[Any]]:
    mask = hnp.arrays(np.bool_, st.integers(0, len(shape)).map(lambda n: shape[:n]))
    if not shape or 0 in shape:
        return [mask]
    indices = hnp.integer_array_indices(
        shape, result_shape=hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=4)
    )
    return [mask, indices]


# Trainings ----------------------------------------------------------------------------------------

SEEDS = st.integers(0, 2**32 - 1)


def trainings(**kinds: Any) -> st.SearchStrategy[Training]:
    """Trainings of any kind, or of some: `kinds` are the options of `drawn_trainings.training_of`.

    Hypothesis draws a seed, as for `cases` below. The smallest seeds are the simplest trainings.

    >>> from hypothesis import find
    >>> find(trainings(optimizers=("SGD",)), lambda found: found.steps > 9).optimizer
    'SGD'
    """
    return SEEDS.map(lambda seed: training_of(seed, **kinds))


# Calls of this project's ops ----------------------------------------------------------------------


def cases(name: str, style: str = "wild") -> st.SearchStrategy[Case]:
    """Cases of the rule `name`, in one of the styles that `bridge.source.Source` knows.

    Hypothesis draws a seed, and NumPy the rest. Left to draw it all, hypothesis varies what it drew
    before, so that of 30 examples only a few are of a new kind.
    """
    return SEEDS.map(lambda seed: case_of(name, seed, style))


def cases_for(name: str, form: str, style: str = "wild") -> st.SearchStrategy[Case]:
    """Cases of the rule `name` that one of its forms can take."""
    return cases(name, style).filter(lambda case: takes(name, form, case))


@st.composite
def programs(
    draw: st.DrawFn,
    max_statements: int = 12,
    *,
    actions: Sequence[str] = ACTIONS,
    textures: Sequence[str] = TEXTURES,
    dtypes: Sequence[str] = ("float64", "float32"),
    recording: bool = False,
    ends: bool = True,
) -> Program:
    """Whole computations, which run in either library (`bridge/random_programs.py`).

    A program's statements are `actions`: ops from the registry, by name, with the views and writes
    that they are, and what is not an op, such as a new leaf or a walk back. Its leaves are whole
    numbers, or any, or have infinities and NaN among them (`textures`), most of them in the one of
    the `dtypes` that is drawn. Where `recording`, there is no `no_grad`; where it `ends`, it ends
    with a walk back.
    """
    texture, dtype = draw(st.sampled_from(textures)), draw(st.sampled_from(dtypes))
    recorded = st.just(True) if recording else st.integers(0, 7).map(lambda n: n < 7)
    slot = st.builds(Slot, st.sampled_from(actions), SEEDS, recorded)
    slots = draw(st.tuples(*(slot,) * max_statements))
    return program_of(slots, texture, dtype, ends)
