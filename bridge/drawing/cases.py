"""Draw a call of each op: functions from `RandomDraws` to a `Case`.

Each function draws operands and options in the terms of its rule, such as
`slice(x, dim=1, start=0, end=2, step=1)`. `samples.py` says which rule uses which function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from minigrad.rules.dtypes import SUPPORTED

from .draws import RandomDraws
from .operands import LAYOUTS, Case, Operand, laid_out

CaseFunction = Callable[[RandomDraws], Case]


def unary(draw: RandomDraws) -> Case:
    return Case((draw.array(draw.shape()),))


def with_infinities(draw: RandomDraws, x: Operand) -> Operand:
    """Make about half of the elements of an operand NaN or infinite, if it can have them."""
    if x.values.dtype.kind != "f":
        return x
    special = draw.rng.choice(np.array([np.nan, np.inf, -np.inf], x.values.dtype), x.values.shape)
    values = np.where(draw.rng.random(x.values.shape) < 0.5, special, x.values)
    return replace(x, values=values)


def unary_with_infinities(draw: RandomDraws) -> Case:
    x = draw.array(draw.shape())
    return Case((with_infinities(draw, x) if draw.wild and draw.pick(True, False) else x,))


def unary_positive(draw: RandomDraws) -> Case:
    return Case((draw.array(draw.shape(), positive=True),))


def unary_bits(draw: RandomDraws) -> Case:
    draw.dtype = np.dtype(draw.pick("int64", "int32", "bool"))
    return unary(draw)


def noncontiguous(draw: RandomDraws) -> Case:
    x = draw.array(draw.pick((3, 4), (2, 3, 4), (3, 2, 2)))
    return Case((Operand(x.values, "transposed"),))


def tensors(count: int) -> CaseFunction:
    return lambda draw: Case(tuple(draw.array(shape) for shape in draw.shapes(count)))


def binary(draw: RandomDraws) -> Case:
    """Draw two tensors, a tensor and a number, or a number and a tensor."""
    a, b = (draw.array(shape) for shape in draw.shapes(2))
    return Case(draw.pick((a, b), (a, b), (a, draw.number()), (draw.number(), b)))


def off_jumps(case: CaseFunction) -> CaseFunction:
    """Move the first operand, if smooth, off the jumps and kinks at the multiples of 0.005.

    Smooth numbers are such multiples, so it isn't a multiple of another operand either.
    """

    def moved(draw: RandomDraws) -> Case:
        drawn = case(draw)
        x, *others = drawn.operands
        if draw.style != "smooth":
            return drawn
        assert x is not None
        if isinstance(x, Operand):
            x = replace(x, values=np.asarray(x.values + 0.0025))
        else:
            x += 0.0025
        return replace(drawn, operands=(x, *others))

    return moved


def rounded_quotient(draw: RandomDraws) -> Case:
    case = binary(draw)
    return Case(case.operands, {"rounding_mode": draw.pick("trunc", "floor")})


def binary_bits(draw: RandomDraws) -> Case:
    """Draw a call like `binary`, but with integers or bools, and two tensors more often."""
    draw.dtype = np.dtype(draw.pick("int64", "int32", "bool"))
    a, b = (draw.array(shape) for shape in draw.shapes(2))
    number = draw.pick(0, -1, 6, True)
    return Case(draw.pick((a, b), (a, b), (a, b), (a, b), (a, number), (number, b)))


def binary_with_alpha(draw: RandomDraws) -> Case:
    a, b = (draw.array(shape) for shape in draw.shapes(2))
    operands = draw.pick((a, b), (a, b), (a, draw.number()))
    return Case(operands, draw.options(alpha=_alphas(draw, ..., ..., 1, 2, -1, 0.5, -0.1)))


def _alphas(draw: RandomDraws, *choices: Any) -> tuple[Any, ...]:
    """`choices`, or sometimes only a bool, which PyTorch refuses unless the result is bool."""
    return (True,) if draw.wild and draw.integer(1, 4) == 1 else choices


def number_minus_tensor(draw: RandomDraws) -> Case:
    return Case(
        (draw.array(draw.shape()), draw.number()), draw.options(alpha=_alphas(draw, ..., ..., 2))
    )


def power(draw: RandomDraws) -> Case:
    base, exponent = draw.shapes(2)
    if draw.wild and len(exponent) > len(base):
        base, exponent = exponent, base
    if draw.wild and draw.pick(True, False):
        exponent = draw.pick((), (1,), base[-1:], (1,) * len(base))
    # PyTorch's own backward fails for a bool exponent.
    a, b = draw.array(base, positive=True), draw.array(exponent, dtype=draw.dtype)
    if a.values.dtype != b.values.dtype:  # PyTorch computes exponent - 1 before it promotes
        b = Operand(np.asarray(draw.rng.integers(0, 5, exponent), draw.dtype), b.layout)
    negative = False
    if draw.wild and draw.pick(True, False):  # one number, repeated: PyTorch has shortcuts
        roots = (*(0.5,) * (6 if draw.texture == "special" else 2), -0.5, -0.5)
        roots = roots if draw.dtype.kind == "f" else ()
        value = draw.pick(*roots, 2, 3, 0, 1)
        negative = value in roots and draw.texture == "special"
        if value in roots and not negative:
            a = laid_out(np.abs(a.values), a.layout)
        if negative:
            a, exponent = _with_negative_roots(draw, a), draw.pick((), (1,), (1,) * len(base))
        b = laid_out(np.full(exponent, value, draw.dtype), draw.pick(*LAYOUTS))
    elif draw.wild and draw.pick(True, False):  # powers that are numbers, with a derivative
        a = laid_out(np.abs(a.values), a.layout)
    exponents = (0, 1, 2, 3, -1, -2, 0.5, -0.5, 2.5, 4, -3.0)
    number = draw.number(*exponents)
    forms = [(a, b), (a, b), (a, number), (draw.number(2, 0.5, 3), b)]
    return Case(draw.pick(*forms[: 2 if negative else 4]))


def _with_negative_roots(draw: RandomDraws, x: Operand) -> Operand:
    """Put -0 and -inf into an operand, where a power with the exponent 0.5 isn't a square root."""
    if x.values.dtype.kind != "f":
        return x
    special = draw.rng.choice([-0.0, -np.inf], x.values.shape)
    values = np.where(draw.rng.random(x.values.shape) < 0.4, special, x.values)
    # It doesn't require grad, so that a power can be written into it.
    return replace(laid_out(values.astype(x.values.dtype), x.layout), constant=True)


def clamp(draw: RandomDraws) -> Case:
    # PyTorch's own backward fails if the two bounds broadcast against each other.
    shape, bounds = draw.shapes(2)
    x, low, high = draw.array(shape), draw.array(bounds), draw.array(bounds)
    a, b = draw.number(), draw.number()
    of_numbers = draw.pick((x, a, b), (x, a, None), (x, None, b))
    return Case(draw.pick(of_numbers, (x, low, high), (x, low, high), (x, low, None)))


def where(draw: RandomDraws) -> Case:
    condition, a, b = draw.shapes(3)
    x, y = draw.array(a), draw.array(b)
    if draw.wild:
        x, y = draw.pick((x, y), (x, y), (x, draw.number()), (draw.number(), y))
    return Case((draw.array(condition, dtype=np.dtype(bool)), x, y))


def cast(draw: RandomDraws) -> Case:
    names = {"tame": ["float32"], "smooth": ["float64"]}
    dtype = np.dtype(draw.pick(*names.get(draw.style, [d.name for d in SUPPORTED])))
    # Casting a float that is too large for an integer is undefined in C.
    return Case((draw.array(draw.shape(), moderate=dtype.kind in "iu"),), {"dtype": dtype})


def copy(draw: RandomDraws) -> Case:
    shape = draw.shape()
    x = draw.array(shape)
    if draw.pick(True, False, False):
        return Case((x, draw.number(0, 1, -2, 0.5)))
    start = draw.integer(0, len(shape))
    source = tuple(draw.pick(size, size, 1) for size in shape[start:])
    return Case((x, draw.array(source, moderate=not x.differentiable)))


def masked_fill(draw: RandomDraws) -> Case:
    shape, mask = draw.shapes(2)
    x = draw.array(shape)
    # PyTorch's own backward fails if a float that requires grad fills an integer tensor.
    value = draw.array((), dtype=draw.dtype if x.differentiable else np.dtype(np.int64))
    number = draw.number(0, 1, -2, 0.5, 2**40)
    condition = draw.array(
        mask, dtype=np.dtype(draw.pick(bool, bool, bool, int) if draw.wild else bool)
    )
    if draw.wild and draw.pick(True, False):  # so that NumPy's result isn't contiguous
        x, condition = (laid_out(each.values, "transposed") for each in (x, condition))
    return Case((x, condition, draw.pick(value, number)))


def fill(draw: RandomDraws) -> Case:
    x = draw.array(draw.shape())
    # PyTorch's own backward fails if a float that requires grad fills an integer tensor.
    value = draw.array((), dtype=draw.dtype if x.differentiable else np.dtype(np.int64))
    if draw.wild:  # one element is seldom special by chance
        value = with_infinities(draw, value)
    return Case((x, draw.pick(value, value, draw.number(0, 1, -2, 0.5))))


def select(draw: RandomDraws) -> Case:
    shape = draw.shape(least=1)
    if not draw.wild:
        shape = tuple(max(size, 1) for size in shape)
    dim = draw.dim(len(shape))
    size = shape[dim] if -len(shape) <= dim < len(shape) else 1
    index = draw.integer(-size, size - 1) if size else 0
    return Case((draw.array(shape),), {"dim": dim, "index": index + (size if draw.odd(12) else 0)})


def slice_(draw: RandomDraws) -> Case:
    shape = draw.shape(least=1)
    start, end = (draw.pick(None, draw.integer(-5, 5)) for _ in range(2))
    dim = draw.integer(0, len(shape) - 1)
    step = draw.pick(0, -1) if draw.odd(12) else draw.pick(1, 2, 3)
    return Case((draw.array(shape),), {"dim": dim, "start": start, "end": end, "step": step})


def _key(draw: RandomDraws, shape: tuple[int, ...], repeats: bool) -> tuple[Any, ...]:
    """Draw indices or a mask for some dimensions of `shape`, with full slices before them."""
    lead = draw.integer(0, len(shape) - 1)
    whole = (slice(None),) * lead
    if draw.pick(True, False):
        covered = shape[lead : draw.integer(lead + 1, len(shape))]
        return (*whole, draw.rng.random(covered) < 0.6)
    if not repeats:
        return (*whole, draw.indices(shape[lead], (draw.size(),), repeats=False))
    few = (draw.size(),) if shape[lead] else (0,)
    if lead + 1 < len(shape) and shape[lead + 1] and draw.pick(True, False):
        second = draw.indices(shape[lead + 1], draw.pick(few, (2, *few)))
        return (*whole, draw.indices(shape[lead], few), second)
    return (*whole, draw.indices(shape[lead], draw.pick(few, (2, *few))))


def index(draw: RandomDraws) -> Case:
    shape = draw.shape(least=1)
    return Case((draw.array(shape),), {"key": _key(draw, shape, repeats=True)})


def index_put(draw: RandomDraws) -> Case:
    shape = draw.shape(least=1)
    x = draw.array(shape)
    key = _key(draw, shape, repeats=False)
    target = x.values[key].shape
    # PyTorch requires one dtype for both, unless the value is 0-d.
    value = draw.array(
        draw.pick(target, target, tuple(draw.pick(size, 1) for size in target)),
        dtype=x.values.dtype,
    )
    return Case((x, value), {"key": key})


def gradient_of_view(draw: RandomDraws) -> Case:
    """Draw the cotangent of a `select` or a `slice`."""
    draw.was_odd = True  # the view would raise the errors
    case = draw.pick(select, slice_)(draw)
    assert isinstance(case.operands[0], Operand)
    shape = case.operands[0].values.shape
    dim = case.options["dim"] % len(shape)
    if "index" in case.options and not shape[dim]:
        return gradient_of_view(draw)
    if "index" in case.options:
        key = (*(slice(None),) * dim, case.options["index"], ...)
    else:
        start, end, step = (case.options[name] for name in ("start", "end", "step"))
        key = (*(slice(None),) * dim, slice(start, end, step))
    return Case((_cotangent(draw, np.zeros(shape)[key].shape),), {"key": key, "shape": shape})


def gradient_of_index(draw: RandomDraws) -> Case:
    """Draw the cotangent of an `index`."""
    shape = draw.shape(least=1)
    key = _key(draw, shape, repeats=True)
    masks = all(isinstance(e, slice) or e.dtype.kind == "b" for e in key)
    value = _cotangent(draw, np.zeros(shape)[key].shape)
    return Case((value,), {"key": key, "shape": shape, "repeats": not masks})


def _cotangent(draw: RandomDraws, shape: tuple[int, ...]) -> Operand:
    """Draw a cotangent, which is a float whatever the dtype of the draws."""
    draw.was_odd = True
    return draw.array(shape, dtype=draw.dtype if draw.dtype.kind == "f" else np.dtype("float64"))


def product(*kinds: tuple[str, str]) -> CaseFunction:
    """Draw two operands with the shapes of one of `kinds`, a letter for each dimension."""

    def case(draw: RandomDraws) -> Case:
        sizes = {letter: draw.size() for letter in "nmpb"} | {"1": 1, "c": draw.size()}
        a, b = (tuple(sizes[letter] for letter in word) for word in draw.pick(*kinds))
        if draw.odd(12):
            b = draw.shape()
        return Case(_all_bool_or_none(draw.array(a), draw.array(b)))

    return case


def _all_bool_or_none(*operands: Operand) -> tuple[Operand, ...]:
    """Make all operands bool if one is, since PyTorch's error for a mixture varies."""
    if any(x.values.dtype.kind == "b" for x in operands):
        return tuple(Operand(x.values.astype(bool), x.layout) for x in operands)
    return operands


# Shapes for matmul, as in `product`.
STACKED_MATRICES = (
    *(("bnm", "bmp"), ("bnm", "mp"), ("nm", "bmp"), ("1nm", "bmp"), ("cbnm", "1mp")),
    *(("m", "bmp"), ("m", "mp"), ("bnm", "m"), ("cbnm", "bmp"), ("c1nm", "bmp")),
)


def linear(draw: RandomDraws) -> Case:
    lead, inner, outer = draw.shape(most=2), draw.size(), draw.size()
    weight = draw.array((outer, inner))
    # PyTorch accepts a bias of another dtype for 3-d inputs only, by accident.
    bias = draw.array((outer,), dtype=weight.values.dtype)
    return Case(_all_bool_or_none(draw.array((*lead, inner)), weight, bias))


def softmax(draw: RandomDraws) -> Case:
    shape = draw.shape()
    dtypes = (..., ..., np.dtype("float32"), np.dtype("float64")) if draw.wild else (...,)
    return Case((draw.array(shape),), {"dim": draw.dim(len(shape)), **draw.options(dtype=dtypes)})


def nll_loss(draw: RandomDraws) -> Case:
    classes = draw.integer(1, 4)
    lead = draw.pick(draw.shape(), draw.shape(least=2), draw.shape(most=1), draw.shape(most=1))
    shape = (*lead[:1], classes, *lead[1:])
    target = draw.rng.integers(0, classes, lead)
    options = draw.options(
        reduction=("mean", "sum", "none"), ignore_index=(..., ..., 0, classes - 1, -100, -1, 7)
    )
    if draw.style == "smooth":
        options.pop("ignore_index", None)  # the mean over no target is NaN
    if options.get("ignore_index", -100) < 0 and draw.wild:
        target = np.where(draw.rng.random(lead) < 0.3, options.get("ignore_index", -100), target)
    if draw.odd(12):
        target = target + draw.pick(1, -classes)
    weight = None
    if draw.pick(True, False):
        # Multiples of 1/4 have exact sums, so the order of summation doesn't matter.
        weight = Operand(
            np.asarray(draw.rng.integers(1, 9, classes) / 4, draw.dtype), constant=True
        )
    x = draw.array(shape)
    if len(shape) > 2:  # PyTorch's own backward fails for other layouts
        x = Operand(x.values)
    layout = draw.pick(*LAYOUTS[:3], "transposed") if draw.wild else "contiguous"
    if draw.wild and len(shape) < 3 and np.all((target >= 0) & (target < classes)):
        # PyTorch's error for a wrong target in uint8 isn't readable.
        target = np.asarray(target).astype(draw.pick("int64", "int64", "uint8"))
    return Case((x, laid_out(np.asarray(target), layout), weight), options)


def mse_loss(draw: RandomDraws) -> Case:
    shape = draw.shape()
    other = draw.shapes(2)[1] if draw.odd(6) else shape
    return Case(
        (draw.array(shape), draw.array(other)), draw.options(reduction=("mean", "sum", "none"))
    )


def _some_dims(draw: RandomDraws, ndim: int) -> tuple[int, ...]:
    dims = [d - draw.pick(0, ndim) for d in draw.rng.permutation(ndim)[: draw.size()].tolist()]
    return tuple(dims + dims[:1]) if draw.odd(12) else tuple(dims)


def reduction(draw: RandomDraws) -> Case:
    shape = draw.shape()
    options = draw.options(keepdim=(..., True, False))
    dim = draw.pick(None, draw.dim(len(shape)), _some_dims(draw, len(shape)))
    if dim is not None or options:
        options["dim"] = dim
    return Case((draw.array(shape),), options)


def logical_reduction(draw: RandomDraws) -> Case:
    """Draw a call like `reduction`, with half the elements zero."""
    case = reduction(draw)
    x = case.operands[0]
    assert isinstance(x, Operand)
    return Case((_half_zero(draw, x),), case.options)


def logical_binary(draw: RandomDraws) -> Case:
    """Draw two tensors with half the elements zero."""
    return Case(tuple(_half_zero(draw, draw.array(shape)) for shape in draw.shapes(2)))


def _half_zero(draw: RandomDraws, x: Operand) -> Operand:
    values = np.where(draw.rng.random(x.values.shape) < 0.5, x.values, np.zeros_like(x.values))
    return laid_out(values, x.layout)


def reduction_with_dtype(draw: RandomDraws) -> Case:
    case = reduction(draw)
    dtypes = (..., ..., "float32", "float64", "int64") if draw.wild else (...,)
    options = {k: np.dtype(v) for k, v in draw.options(dtype=dtypes).items()}
    return Case(case.operands, {**case.options, **options})


def full_reduction(draw: RandomDraws) -> Case:
    shape = draw.shape()
    return Case((draw.array(shape if draw.wild else tuple(max(size, 1) for size in shape)),))


def reduction_along_dim(draw: RandomDraws) -> Case:
    x = full_reduction(draw).operands[0]
    assert isinstance(x, Operand)
    options = draw.options(keepdim=(..., True, False))
    return Case((x,), {"dim": draw.dim(x.values.ndim), **options})


def arg_reduction(draw: RandomDraws) -> Case:
    case = reduction_along_dim(draw)
    return draw.pick(case, case, Case(case.operands))


def reshape(draw: RandomDraws) -> Case:
    x = draw.array(draw.shape())
    sizes = list(draw.rng.permutation(x.values.shape))
    if draw.pick(True, False):
        sizes.insert(draw.rng.integers(len(sizes) + 1), 1)
    if len(sizes) > 1 and draw.pick(True, False):
        sizes = [sizes[0] * sizes[1], *sizes[2:]]
    if sizes and draw.pick(True, False):
        sizes[0] = draw.pick(-1, -1, -2, 5) if draw.wild else sizes[0]
    return Case((x,), {"shape": tuple(int(size) for size in sizes)})


def view(draw: RandomDraws) -> Case:
    case = reshape(draw)
    return Case(case.operands, {"size": case.options["shape"]})


def transpose(draw: RandomDraws) -> Case:
    shape = draw.shape()
    return Case((draw.array(shape),), {"dim0": draw.dim(len(shape)), "dim1": draw.dim(len(shape))})


def matrix(draw: RandomDraws) -> Case:
    return Case((draw.array(draw.shape(most=3 if draw.wild else 2)),))


def permute(draw: RandomDraws) -> Case:
    shape = draw.shape()
    dims = [int(d) - draw.pick(0, len(shape)) for d in draw.rng.permutation(len(shape))]
    if dims and draw.odd(12):
        dims[0] = draw.pick(dims[-1], 7)
    return Case((draw.array(shape),), {"dims": tuple(dims)})


def squeeze(draw: RandomDraws) -> Case:
    shape = tuple(draw.pick(1, size) for size in draw.shape())
    dim = draw.pick(..., draw.dim(len(shape)), _some_dims(draw, len(shape)))
    return Case((draw.array(shape),), {} if dim is ... else {"dim": dim})


def unsqueeze(draw: RandomDraws) -> Case:
    shape = draw.shape()
    return Case((draw.array(shape),), {"dim": draw.dim(len(shape) + 1)})


def expand(draw: RandomDraws) -> Case:
    shape = tuple(draw.pick(1, size) for size in draw.shape(most=2))
    sizes = [draw.pick(size, -1) if size != 1 else draw.size() for size in shape]
    if draw.odd(12):
        sizes = [*sizes[:-1], 5]
    lead = [draw.size() for _ in range(draw.pick(0, 1))]
    return Case((draw.array(shape),), {"size": (*lead, *sizes)})


def cat(draw: RandomDraws) -> Case:
    shape = draw.shape(least=1)
    dim = draw.dim(len(shape), negative=draw.wild)
    if not -len(shape) <= dim < len(shape):
        return Case((draw.array((2, *shape[1:])),), {"dim": dim})
    d = dim % len(shape)
    shapes = [(*shape[:d], draw.size(), *shape[d + 1 :]) for _ in range(draw.pick(1, 2, 3, 3, 3))]
    if draw.wild and draw.integer(1, 4) == 1:  # PyTorch ignores these
        shapes[draw.integer(0, len(shapes) - 1)] = (0,)
    elif draw.odd(3):
        shapes[-1] = draw.pick(draw.shape(), (0, 2), (2, 0))
    return Case(tuple(draw.array(each) for each in shapes), {"dim": dim})


def stack(draw: RandomDraws) -> Case:
    shape = draw.shape(most=2)
    dim = draw.dim(len(shape) + 1, negative=draw.wild)
    shapes = [shape] * draw.pick(1, 2, 3, 3, 3)
    if draw.odd(12):
        shapes.append(draw.shape())
    return Case(tuple(draw.array(each) for each in shapes), {"dim": dim})
