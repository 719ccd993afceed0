"""Samples: for every rule, what it is tried on and how PyTorch calls it.

A sample is a strategy of cases and a table of forms. A case is operands and options in the rule's
own terms (`slice(x, dim=1, start=0, end=2, step=1)`); a form is a program in PyTorch's terms that
makes that call (`x[:, 0:2:1]`), for either namespace. `SAMPLES` at the end is the table; no rule
of the registry may be missing from it.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from minigrad.rules import REGISTRY
from minigrad.rules.rule import OPERANDS

from .operands import LAYOUTS, Case, Operand, laid_out
from .source import Source
from .spelling import function, functional, method, spelling

Form = Callable[..., Any]

# Cases --------------------------------------------------------------------------------------------


def unary(s: Source) -> Case:
    return Case((s.array(s.shape()),))


def unary_positive(s: Source) -> Case:
    return Case((s.array(s.shape(), positive=True),))


def unary_bits(s: Source) -> Case:
    s.dtype = np.dtype(s.pick("int64", "int32", "bool"))
    return unary(s)


def scattered_in_memory(s: Source) -> Case:
    x = s.array(s.pick((3, 4), (2, 3, 4), (3, 2, 2)))
    return Case((Operand(x.values, "transposed"),))


def tensors(count: int) -> Callable[[Source], Case]:
    return lambda s: Case(tuple(s.array(shape) for shape in s.shapes(count)))


def binary(s: Source) -> Case:
    """Two tensors, a tensor and a number, or a number and a tensor."""
    a, b = (s.array(shape) for shape in s.shapes(2))
    return Case(s.pick((a, b), (a, b), (a, s.number()), (s.number(), b)))


def bits(s: Source) -> Case:
    """As `binary`, of integers and bools, and of two tensors more often: these bits are few."""
    s.dtype = np.dtype(s.pick("int64", "int32", "bool"))
    a, b = (s.array(shape) for shape in s.shapes(2))
    number = s.pick(0, -1, 6, True)
    return Case(s.pick((a, b), (a, b), (a, b), (a, b), (a, number), (number, b)))


def scaled_binary(s: Source) -> Case:
    a, b = (s.array(shape) for shape in s.shapes(2))
    operands = s.pick((a, b), (a, b), (a, s.number()))
    return Case(operands, s.options(alpha=(..., ..., 1, 2, -1, 0.5, -0.1)))


def reflected(s: Source) -> Case:
    return Case((s.array(s.shape()), s.number()), s.options(alpha=(..., ..., 2)))


def power(s: Source) -> Case:
    base, exponent = s.shapes(2)
    # With a bool exponent PyTorch's own backward fails.
    a, b = s.array(base, positive=True), s.array(exponent, dtype=s.dtype)
    if a.values.dtype != b.values.dtype:  # PyTorch subtracts the slope's 1 before it promotes
        b = Operand(np.asarray(s.rng.integers(0, 5, exponent), s.dtype), b.layout)
    exponents = (0, 1, 2, 3, -1, -2, 0.5, -0.5, 2.5, 4, -3.0)
    number = s.number(*exponents)
    return Case(s.pick((a, b), (a, b), (a, number), (s.number(2, 0.5, 3), b)))


def clamped(s: Source) -> Case:
    # PyTorch's own backward fails where two bounds broadcast against each other.
    shape, bounds = s.shapes(2)
    x, low, high = s.array(shape), s.array(bounds), s.array(bounds)
    a, b = s.number(), s.number()
    of_numbers = s.pick((x, a, b), (x, a, None), (x, None, b))
    return Case(s.pick(of_numbers, (x, low, high), (x, low, high), (x, low, None)))


def chosen(s: Source) -> Case:
    condition, a, b = s.shapes(3)
    x, y = s.array(a), s.array(b)
    if s.wild:
        x, y = s.pick((x, y), (x, y), (x, s.number()), (s.number(), y))
    return Case((s.array(condition, dtype=np.dtype(bool)), x, y))


def converted(s: Source) -> Case:
    names = {"tame": ["float32"], "smooth": ["float64"]}
    dtype = np.dtype(s.pick(*names.get(s.style, ("float32", "float64", "int32", "int64", "bool"))))
    # What a float too large for an integer becomes, C leaves open.
    return Case((s.array(s.shape(), moderate=dtype.kind == "i"),), {"dtype": dtype})


def overwritten(s: Source) -> Case:
    shape = s.shape()
    x = s.array(shape)
    if s.pick(True, False, False):
        return Case((x, s.number(0, 1, -2, 0.5)))
    start = s.integer(0, len(shape))
    source = tuple(s.pick(size, size, 1) for size in shape[start:])
    return Case((x, s.array(source, moderate=not x.differentiable)))


def masked(s: Source) -> Case:
    shape, mask = s.shapes(2)
    x = s.array(shape)
    # PyTorch's own backward fails where a float that requires grad fills an integer tensor.
    value = s.array((), dtype=s.dtype if x.differentiable else np.dtype(np.int64))
    number = s.number(0, 1, -2, 0.5, 2**40)
    condition = s.array(mask, dtype=np.dtype(s.pick(bool, bool, bool, int) if s.wild else bool))
    return Case((x, condition, s.pick(value, number)))


def filled(s: Source) -> Case:
    x = s.array(s.shape())
    # PyTorch's own backward fails where a float that requires grad fills an integer tensor.
    value = s.array((), dtype=s.dtype if x.differentiable else np.dtype(np.int64))
    return Case((x, s.pick(value, s.number(0, 1, -2, 0.5))))


def selected(s: Source) -> Case:
    shape = s.shape(least=1)
    if not s.wild:
        shape = tuple(max(size, 1) for size in shape)
    dim = s.dim(len(shape))
    size = shape[dim] if -len(shape) <= dim < len(shape) else 1
    index = s.integer(-size, size - 1) if size else 0
    return Case((s.array(shape),), {"dim": dim, "index": index + (size if s.odd(12) else 0)})


def sliced(s: Source) -> Case:
    shape = s.shape(least=1)
    start, end = (s.pick(None, s.integer(-5, 5)) for _ in range(2))
    dim = s.integer(0, len(shape) - 1)
    step = s.pick(0, -1) if s.odd(12) else s.pick(1, 2, 3)
    return Case((s.array(shape),), {"dim": dim, "start": start, "end": end, "step": step})


def _key(s: Source, shape: tuple[int, ...], repeats: bool) -> tuple[Any, ...]:
    """Indices or a mask into some dimensions of `shape`, after some that are taken whole."""
    lead = s.integer(0, len(shape) - 1)
    whole = (slice(None),) * lead
    if s.pick(True, False):
        covered = shape[lead : s.integer(lead + 1, len(shape))]
        return (*whole, s.rng.random(covered) < 0.6)
    if not repeats:
        return (*whole, s.indices(shape[lead], (s.size(),), repeats=False))
    few = (s.size(),) if shape[lead] else (0,)
    if lead + 1 < len(shape) and shape[lead + 1] and s.pick(True, False):
        second = s.indices(shape[lead + 1], s.pick(few, (2, *few)))
        return (*whole, s.indices(shape[lead], few), second)
    return (*whole, s.indices(shape[lead], s.pick(few, (2, *few))))


def gathered(s: Source) -> Case:
    shape = s.shape(least=1)
    return Case((s.array(shape),), {"key": _key(s, shape, repeats=True)})


def scattered(s: Source) -> Case:
    shape = s.shape(least=1)
    x = s.array(shape)
    key = _key(s, shape, repeats=False)
    target = x.values[key].shape
    # PyTorch wants the two in one dtype, unless the value has no dimensions.
    value = s.array(
        s.pick(target, target, tuple(s.pick(size, 1) for size in target)), dtype=x.values.dtype
    )
    return Case((x, value), {"key": key})


def put_in_zeros(s: Source) -> Case:
    """The gradient of a view of one element or of several along a dimension."""
    s.was_odd = True  # no errors: they are the view's
    case = s.pick(selected, sliced)(s)
    assert isinstance(case.operands[0], Operand)
    shape = case.operands[0].values.shape
    dim = case.options["dim"] % len(shape)
    if "index" in case.options and not shape[dim]:
        return put_in_zeros(s)
    if "index" in case.options:
        key = (*(slice(None),) * dim, case.options["index"], ...)
    else:
        start, end, step = (case.options[name] for name in ("start", "end", "step"))
        key = (*(slice(None),) * dim, slice(start, end, step))
    return Case((_floats(s, np.zeros(shape)[key].shape),), {"key": key, "shape": shape})


def scattered_in_zeros(s: Source) -> Case:
    """The gradient of a gather."""
    shape = s.shape(least=1)
    key = _key(s, shape, repeats=True)
    masks = all(isinstance(e, slice) or e.dtype.kind == "b" for e in key)
    value = _floats(s, np.zeros(shape)[key].shape)
    return Case((value,), {"key": key, "shape": shape, "repeats": not masks})


def _floats(s: Source, shape: tuple[int, ...]) -> Operand:
    """An operand that is a gradient, and so a float's, whatever the style would have."""
    s.was_odd = True
    return s.array(shape, dtype=s.dtype if s.dtype.kind == "f" else np.dtype("float64"))


def product(*kinds: tuple[str, str]) -> Callable[[Source], Case]:
    """Two operands whose dimensions, one letter each, are as one of `kinds` says."""

    def case(s: Source) -> Case:
        sizes = {letter: s.size() for letter in "nmpb"} | {"1": 1, "c": s.size()}
        a, b = (tuple(sizes[letter] for letter in word) for word in s.pick(*kinds))
        if s.odd(12):
            b = s.shape()
        return Case(all_bool_or_none(s.array(a), s.array(b)))

    return case


def all_bool_or_none(*operands: Operand) -> tuple[Operand, ...]:
    """Of two dtypes one of which is bool, PyTorch finds now this wrong and now that."""
    if any(x.values.dtype.kind == "b" for x in operands):
        return tuple(Operand(x.values.astype(bool), x.layout) for x in operands)
    return operands


STACKS = (
    *(("bnm", "bmp"), ("bnm", "mp"), ("nm", "bmp"), ("1nm", "bmp"), ("cbnm", "1mp")),
    *(("m", "bmp"), ("m", "mp"), ("bnm", "m"), ("cbnm", "bmp"), ("c1nm", "bmp")),
)


def affine(s: Source) -> Case:
    lead, inner, outer = s.shape(most=2), s.size(), s.size()
    weight = s.array((outer, inner))
    # For a 3-d input PyTorch takes a bias of any dtype, and for no other: an accident.
    bias = s.array((outer,), dtype=weight.values.dtype)
    return Case(all_bool_or_none(s.array((*lead, inner)), weight, bias))


def normalised(s: Source) -> Case:
    shape = s.shape()
    dtypes = (..., ..., np.dtype("float32"), np.dtype("float64")) if s.wild else (...,)
    return Case((s.array(shape),), {"dim": s.dim(len(shape)), **s.options(dtype=dtypes)})


def likelihood(s: Source) -> Case:
    classes = s.integer(1, 4)
    lead = s.pick(s.shape(), s.shape(most=1))  # most are of one dimension, (N,)
    shape = (*lead[:1], classes, *lead[1:])
    target = s.rng.integers(0, classes, lead)
    options = s.options(
        reduction=("mean", "sum", "none"), ignore_index=(..., ..., 0, classes - 1, -100, -1, 7)
    )
    if s.style == "smooth":
        options.pop("ignore_index", None)  # the mean over no targets is NaN
    if options.get("ignore_index", -100) < 0 and s.wild:
        target = np.where(s.rng.random(lead) < 0.3, options.get("ignore_index", -100), target)
    if s.odd(12):
        target = target + s.pick(1, -classes)
    weight = None
    if s.pick(True, False):
        # Weights that a power of two scales round alike in whatever order they are summed.
        weight = Operand(np.asarray(s.rng.integers(1, 9, classes) / 4, s.dtype), constant=True)
    x = s.array(shape)
    if len(shape) > 2:  # else PyTorch's own backward fails
        x = Operand(x.values)
    layout = s.pick(*LAYOUTS[:3]) if s.wild else "contiguous"
    return Case((x, laid_out(np.asarray(target), layout), weight), options)


def squared(s: Source) -> Case:
    shape = s.shape()
    other = s.shapes(2)[1] if s.odd(6) else shape
    return Case((s.array(shape), s.array(other)), s.options(reduction=("mean", "sum", "none")))


def _some_dims(s: Source, ndim: int) -> tuple[int, ...]:
    dims = [d - s.pick(0, ndim) for d in s.rng.permutation(ndim)[: s.size()].tolist()]
    return tuple(dims + dims[:1]) if s.odd(12) else tuple(dims)


def reduced(s: Source) -> Case:
    shape = s.shape()
    options = s.options(keepdim=(..., True, False))
    dim = s.pick(None, s.dim(len(shape)), _some_dims(s, len(shape)))
    if dim is not None or options:
        options["dim"] = dim
    return Case((s.array(shape),), options)


def truths(s: Source) -> Case:
    """As `reduced`, of an operand that is zero in half of its places."""
    case = reduced(s)
    x = case.operands[0]
    assert isinstance(x, Operand)
    return Case((_half_zero(s, x),), case.options)


def two_truths(s: Source) -> Case:
    """Two tensors that are zero in half of their places."""
    return Case(tuple(_half_zero(s, s.array(shape)) for shape in s.shapes(2)))


def _half_zero(s: Source, x: Operand) -> Operand:
    values = np.where(s.rng.random(x.values.shape) < 0.5, x.values, np.zeros_like(x.values))
    return laid_out(values, x.layout)


def summed(s: Source) -> Case:
    case = reduced(s)
    dtypes = (..., ..., "float32", "float64", "int64") if s.wild else (...,)
    options = {k: np.dtype(v) for k, v in s.options(dtype=dtypes).items()}
    return Case(case.operands, {**case.options, **options})


def whole(s: Source) -> Case:
    shape = s.shape()
    return Case((s.array(shape if s.wild else tuple(max(size, 1) for size in shape)),))


def along(s: Source) -> Case:
    x = whole(s).operands[0]
    assert isinstance(x, Operand)
    options = s.options(keepdim=(..., True, False))
    return Case((x,), {"dim": s.dim(x.values.ndim), **options})


def argument(s: Source) -> Case:
    case = along(s)
    return s.pick(case, case, Case(case.operands))


def reshaped(s: Source) -> Case:
    x = s.array(s.shape())
    sizes = list(s.rng.permutation(x.values.shape))
    if s.pick(True, False):
        sizes.insert(s.rng.integers(len(sizes) + 1), 1)
    if len(sizes) > 1 and s.pick(True, False):
        sizes = [sizes[0] * sizes[1], *sizes[2:]]
    if sizes and s.pick(True, False):
        sizes[0] = s.pick(-1, -1, -2, 5) if s.wild else sizes[0]
    return Case((x,), {"shape": tuple(int(size) for size in sizes)})


def viewed(s: Source) -> Case:
    case = reshaped(s)
    return Case(case.operands, {"size": case.options["shape"]})


def transposed(s: Source) -> Case:
    shape = s.shape()
    return Case((s.array(shape),), {"dim0": s.dim(len(shape)), "dim1": s.dim(len(shape))})


def matrix(s: Source) -> Case:
    return Case((s.array(s.shape(most=3 if s.wild else 2)),))


def permuted(s: Source) -> Case:
    shape = s.shape()
    dims = [int(d) - s.pick(0, len(shape)) for d in s.rng.permutation(len(shape))]
    if dims and s.odd(12):
        dims[0] = s.pick(dims[-1], 7)
    return Case((s.array(shape),), {"dims": tuple(dims)})


def squeezed(s: Source) -> Case:
    shape = tuple(s.pick(1, size) for size in s.shape())
    dim = s.pick(..., s.dim(len(shape)), _some_dims(s, len(shape)))
    return Case((s.array(shape),), {} if dim is ... else {"dim": dim})


def unsqueezed(s: Source) -> Case:
    shape = s.shape()
    return Case((s.array(shape),), {"dim": s.dim(len(shape) + 1)})


def expanded(s: Source) -> Case:
    shape = tuple(s.pick(1, size) for size in s.shape(most=2))
    sizes = [s.pick(size, -1) if size != 1 else s.size() for size in shape]
    if s.odd(12):
        sizes = [*sizes[:-1], 5]
    lead = [s.size() for _ in range(s.pick(0, 1))]
    return Case((s.array(shape),), {"size": (*lead, *sizes)})


def joined(s: Source) -> Case:
    shape = s.shape(least=1)
    dim = s.dim(len(shape), negative=s.wild)
    if not -len(shape) <= dim < len(shape):
        return Case((s.array((2, *shape[1:])),), {"dim": dim})
    d = dim % len(shape)
    shapes = [(*shape[:d], s.size(), *shape[d + 1 :]) for _ in range(s.pick(1, 2, 3, 3, 3))]
    if s.odd(8):  # PyTorch passes over what has shape (0,)
        shapes.append(s.pick((0,), s.shape()))
    return Case(tuple(s.array(each) for each in shapes), {"dim": dim})


def stacked(s: Source) -> Case:
    shape = s.shape(most=2)
    dim = s.dim(len(shape) + 1, negative=s.wild)
    shapes = [shape] * s.pick(1, 2, 3, 3, 3)
    if s.odd(12):
        shapes.append(s.shape())
    return Case(tuple(s.array(each) for each in shapes), {"dim": dim})


# Forms --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Writing:
    """An in-place form: what `write(x, …)` made of a non-leaf `x`, and returned."""

    write: Callable[..., Any]

    def __call__(self, t: Any, input: Any, /, *rest: Any, **options: Any) -> Any:
        x = input.clone()
        result = self.write(x, *rest, **options)
        assert result is x, "an in-place form returns the tensor that it was called on"
        return x


def in_place(name: str) -> Form:
    return Writing(lambda x, *rest, **options: getattr(x, name)(*rest, **options))


def infix(op: Callable[..., Any]) -> Form:
    return lambda t, *operands: op(*operands)


def spelled_out(name: str) -> Form:
    """A method whose one option is sizes, each an argument of its own."""
    return lambda t, input, **options: getattr(input, name)(*next(iter(options.values())))


def _index_put(x: Any, value: Any, *, key: tuple[Any, ...]) -> Any:
    x[key] = value
    return x


# The table ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """The cases of one rule, and its forms besides those that the registry tells of."""

    case: Callable[[Source], Case]
    forms: Mapping[str, Form] = field(default_factory=dict)


def _operators(symbol: Callable[..., Any], in_place: Callable[..., Any] | None = None) -> dict:
    forms = {"operator": infix(symbol)}
    return forms | ({"in-place operator": Writing(in_place)} if in_place else {})


def _also(name: str) -> dict[str, Form]:
    """A function and a method under a public name that is not the rule's."""
    return {name: function(name), f"{name} method": method(name)}


def _sizes(name: str) -> dict[str, Form]:
    return {"sizes": spelled_out(name)}


_NAMES: dict[str, str] = {
    "torch.float32": "float",
    "torch.float64": "double",
    "torch.int32": "int",
    "torch.int64": "long",
    "torch.bool": "bool",
}

_NUMBER_OVER = {"operator": lambda t, input: 3 / input}

SAMPLES: dict[str, Sample] = {
    "abs": Sample(unary, {"operator": infix(abs)}),
    "add": Sample(scaled_binary, _operators(operator.add, operator.iadd)),
    "alias": Sample(unary, {"operator": spelling("alias")}),
    "all": Sample(truths),
    "any": Sample(truths),
    "argmax": Sample(argument),
    "argmin": Sample(argument),
    "bitwise_and": Sample(bits, _operators(operator.and_)),
    "bitwise_not": Sample(unary_bits, _operators(operator.invert)),
    "bitwise_or": Sample(bits, _operators(operator.or_)),
    "bitwise_xor": Sample(bits, _operators(operator.xor)),
    "cast": Sample(
        converted,
        {"method": spelling("cast"), "named": lambda t, x, dtype: getattr(x, _NAMES[str(dtype)])()},
    ),
    "cat": Sample(joined, {"function": spelling("cat")}),
    "clamp": Sample(clamped),
    "clone": Sample(unary),
    "contiguous_copy": Sample(scattered_in_memory, {"method": spelling("contiguous_copy")}),
    "copy": Sample(overwritten, {"in-place": in_place("copy_")}),
    "div": Sample(binary, _operators(operator.truediv, operator.itruediv)),
    "dot": Sample(product(("n", "n")), _operators(operator.matmul)),
    "eq": Sample(binary, _operators(operator.eq)),
    "exp": Sample(unary),
    "expand": Sample(expanded, _sizes("expand")),
    "fill": Sample(filled, {"in-place": in_place("fill_")}),
    "ge": Sample(binary, _operators(operator.ge)),
    "gt": Sample(binary, _operators(operator.gt)),
    "index": Sample(gathered, {"operator": spelling("index")}),
    "index_put": Sample(scattered, {"in-place": Writing(_index_put)}),
    "isfinite": Sample(unary),
    "isnan": Sample(unary),
    "le": Sample(binary, _operators(operator.le)),
    "linear": Sample(affine, {"functional": spelling("linear")}),
    "log": Sample(unary_positive),
    "log_softmax": Sample(normalised, {"functional": functional("log_softmax")}),
    "logical_and": Sample(two_truths),
    "logical_not": Sample(unary),
    "logical_or": Sample(two_truths),
    "lt": Sample(binary, _operators(operator.lt)),
    "masked_fill": Sample(masked),
    "matmul": Sample(product(*STACKS), _also("matmul") | _operators(operator.matmul)),
    "max": Sample(whole, _also("max")),
    "max_dim": Sample(along, _also("max")),
    "maximum": Sample(tensors(2), _also("max")),
    "mean": Sample(summed),
    "min": Sample(whole, _also("min")),
    "min_dim": Sample(along, _also("min")),
    "minimum": Sample(tensors(2), _also("min")),
    "mm": Sample(product(("nm", "mp")), _operators(operator.matmul)),
    "mse_loss": Sample(squared, {"functional": spelling("mse_loss")}),
    "mul": Sample(binary, _operators(operator.mul, operator.imul)),
    "mv": Sample(product(("nm", "m")), _operators(operator.matmul)),
    "ne": Sample(binary, _operators(operator.ne)),
    "neg": Sample(unary, _operators(operator.neg)),
    "nll_loss": Sample(likelihood, {"functional": spelling("nll_loss")}),
    "permute": Sample(permuted, _sizes("permute")),
    "pow": Sample(power, _operators(operator.pow, operator.ipow)),
    "put": Sample(put_in_zeros, {"gradient": spelling("put")}),
    "reciprocal": Sample(unary, _NUMBER_OVER),
    "relu": Sample(unary, {"functional": functional("relu")}),
    "reshape": Sample(reshaped, _sizes("reshape")),
    "rsub": Sample(reflected, {"operator": lambda t, input, other: other - input}),
    "scatter": Sample(scattered_in_zeros, {"gradient": spelling("scatter")}),
    "select": Sample(selected),
    "sigmoid": Sample(unary),
    "sign": Sample(unary),
    "slice": Sample(sliced, {"operator": spelling("slice")}),
    "softmax": Sample(normalised, {"functional": functional("softmax")}),
    "sqrt": Sample(unary_positive),
    "squeeze": Sample(squeezed),
    "stack": Sample(stacked, {"function": spelling("stack")}),
    "sub": Sample(scaled_binary, _operators(operator.sub, operator.isub)),
    "sum": Sample(summed),
    "t": Sample(matrix),
    "tanh": Sample(unary),
    "transpose": Sample(transposed),
    "unsqueeze": Sample(unsqueezed),
    "view": Sample(viewed, _sizes("view")),
    # The method is called on what the function takes second.
    "zero": Sample(unary, {"in-place": in_place("zero_")}),
    "where": Sample(chosen, {"method": lambda t, condition, x, other: x.where(condition, other)}),
}


def operand_names(name: str) -> list[str]:
    """The parameters of a rule that are operands: tensors, or numbers in their place."""
    parameters = inspect.signature(REGISTRY[name].forward).parameters.values()
    return [p.name for p in parameters if p.annotation in OPERANDS]


def forms(name: str) -> dict[str, Form]:
    """Each way in which PyTorch has the op: its name, and a program that calls it so."""
    made = {"function": function(name), "method": method(name), "in-place": in_place(f"{name}_")}
    return {form: made[form] for form in REGISTRY[name].presentation.forms} | dict(
        SAMPLES[name].forms
    )


def case_of(name: str, seed: int, style: str = "wild") -> Case:
    """The case of the rule `name` that follows from a seed, in a style that `Source` knows.

    >>> case = case_of("sum", seed=24, style="tame")
    >>> case.operands[0].values.shape, case.options
    ((4, 2), {'keepdim': True, 'dim': None})
    """
    source = Source(seed, style)
    case = SAMPLES[name].case(source)
    if source.wild and source.pick(True, False):
        wanted = tuple(bool(wish) for wish in source.rng.random(len(case.operands)) < 0.5)
        case = replace(case, wanted=wanted)
    return replace(case, seed=seed)


def takes(name: str, form: str, case: Case) -> bool:
    """Whether one of the rule's forms can take the case: a method is called on a tensor."""
    if form.endswith("operator") and "alpha" in case.options:
        return False
    caller = 1 if name == "where" else 0
    return form in ("function", "operator") or isinstance(case.operands[caller], Operand)
