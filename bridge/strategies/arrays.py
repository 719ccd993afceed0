"""Strategies for shapes, dimensions, dtypes, elements, arrays and keys, in NumPy's terms.

In the examples, hypothesis's `find` shows the simplest value of a strategy that has some property.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bridge.drawing.operands import LAYOUTS, laid_out, special_values

Shape = tuple[int, ...]

# Shapes -------------------------------------------------------------------------------------------


def shapes(max_dims: int = 3, max_side: int = 4) -> st.SearchStrategy[Shape]:
    """Shapes of 0 to `max_dims` dimensions, each of size 0 to `max_side`.

    >>> from hypothesis import find
    >>> find(shapes(), lambda shape: len(shape) == 2 and 0 not in shape)
    (1, 1)
    """
    return hnp.array_shapes(min_dims=0, max_dims=max_dims, min_side=0, max_side=max_side)


def shapes_that_broadcast(
    count: int, max_dims: int = 3, max_side: int = 4
) -> st.SearchStrategy[tuple[Shape, ...]]:
    """Tuples of `count` shapes that broadcast together, with sizes of 1 and missing dimensions.

    >>> from hypothesis import find
    >>> find(shapes_that_broadcast(2), lambda shapes: shapes[0] == (3, 1))
    ((3, 1), ())
    """
    drawn = hnp.mutually_broadcastable_shapes(
        num_shapes=count, max_dims=max_dims, min_side=0, max_side=max_side
    )
    return drawn.map(lambda shapes: shapes.input_shapes)


def dims(ndim: int) -> st.SearchStrategy[int]:
    """A dimension of a tensor with `ndim`, counted from either end; 0 or -1 if `ndim` is 0."""
    reach = max(ndim, 1)
    return st.integers(-reach, reach - 1)


def some_dims(ndim: int) -> st.SearchStrategy[Shape]:
    """A tuple of distinct dimensions in any order, each counted from either end; may be empty."""
    positive = st.lists(st.integers(0, ndim - 1), unique=True) if ndim else st.just([])
    return positive.flatmap(
        lambda found: st.tuples(*(st.sampled_from([d, d - ndim]) for d in found))
    )


# Values -------------------------------------------------------------------------------------------


def dtypes(kinds: str = "f") -> st.SearchStrategy[np.dtype]:
    """Dtypes of the given kinds, in NumPy's letters: "f" floats, "i" integers, "b" bools."""
    known = {"f": ("float64", "float32"), "i": ("int64", "int32"), "b": ("bool",)}
    return st.sampled_from([np.dtype(name) for kind in kinds for name in known[kind]])


def elements(dtype: Any, special: bool = True) -> st.SearchStrategy[Any]:
    """Elements of a dtype: small integers, which make ties, and floats between -4 and 4.

    With `special`, also zeros of either sign, subnormals, the neighbours of 1, the ends of the
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
    """Arrays of a shape and a float dtype (any of them if None), in any memory layout.

    With `special`, half the arrays contain special values (see `elements`). Arrays are contiguous,
    transposed, strided or expanded; expanded ones are read-only, since their elements share memory.

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
    """Tuples of `count` arrays of one dtype whose shapes broadcast together.

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
    """Keys for `x[key]` with an x of that shape, which NumPy and PyTorch both accept.

    Integers, slices, `...`, None, arrays of indices (which may repeat), and masks.

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
