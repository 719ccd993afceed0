"""Products of vectors, matrices and tensors."""

from __future__ import annotations

import functools
import math
import string
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from ...core.arguments import FACTORS, from_old_order
from ...core.creating import int_of
from ...core.dispatch import OPS
from ...core.one_node import as_one_node, one_node
from ...core.tensor import TensorBase, require_tensor, wrap
from ...core.warning import warn_once
from ...rules.dims import axis as dim_from_front
from ...rules.dims import index
from ...rules.dtypes import scalar_name
from ...rules.presentation import FUNCTION, IN_PLACE
from ...rules.promotion import result_type
from .basic import cat
from .registry import composed
from .shape import movedim

if TYPE_CHECKING:
    from ..tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])


def _plus(input: Any, beta: float, product: Any, alpha: float) -> Any:
    """`beta * input + alpha * product`; with `beta=0`, NaN in `input` doesn't count."""
    if product._array.dtype.kind != "f":
        beta, alpha = int(beta), int(alpha)
    if input._array.dtype != product._array.dtype:
        raise RuntimeError(
            f"self and the product must have the same dtype, but got {scalar_name(input._array)} "
            f"and {scalar_name(product._array)}"
        )
    if beta == 0:
        shape = product.shape
        zero = OPS["mul"](OPS["expand"](input, shape), 0)
        zero = OPS["where"](wrap(np.zeros(shape, bool)), zero, wrap(np.zeros_like(zero._array)))
        total = OPS["add"](zero, OPS["mul"](product, alpha))
    else:
        scaled = input if beta == 1 else OPS["mul"](input, beta)
        total = OPS["add"](scaled, product if alpha == 1 else OPS["mul"](product, alpha))
    return total if total.is_contiguous() else OPS["contiguous_copy"](total)


def _expandable(input: Any, product: Any, function: str) -> None:
    """RuntimeError unless a tensor broadcasts to the shape of a product."""
    require_tensor(input, function, "input")
    OPS["expand"](input.detach(), product.shape)


def _check(function: str, ndims: Sequence[int], *tensors: Any) -> None:
    """TypeError or RuntimeError unless tensors have these numbers of dimensions."""
    for i, (n, x) in enumerate(zip(ndims, tensors, strict=True)):
        require_tensor(x, function, f"argument {i + 1}", i + 1)
        if x._array.ndim != n:
            raise RuntimeError(f"{function}: expected a {n}D tensor, but got {x.ndim}D")


@composed()
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Multiply two stacks of matrices: (b, n, m) (b, m, p) → (b, n, p).

    RuntimeError for other shapes, and for different dtypes.

    >>> minigrad.bmm(minigrad.ones(2, 1, 3), minigrad.ones(2, 3, 1)).shape
    torch.Size([2, 1, 1])
    """
    _check("bmm", (3, 3), input, mat2)
    first, second = input._array.shape, mat2._array.shape
    if first[0] != second[0] or first[2] != second[1]:
        raise RuntimeError(
            f"batch1 and batch2 must have same number of batches and matching sizes, got "
            f"{list(input.shape)} and {list(mat2.shape)}"
        )
    return OPS["matmul"](input, mat2)


def _in_old_order(function: F) -> F:
    """A function that also takes `(beta, input, alpha, …)`, as PyTorch once did."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if len(args) > 3:
            found = from_old_order(function.__name__, args, 2)
            args, options = tuple(found[:3]), options | dict(zip(FACTORS, found[3:], strict=False))
        return function(*args, **options)

    return cast(F, call)


@composed(IN_PLACE)
@_in_old_order
@one_node("BaddbmmBackward0", "input", "batch1", "batch2")
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """`beta * input + alpha * bmm(batch1, batch2)`; `input` broadcasts.

    >>> minigrad.baddbmm(minigrad.ones(1), minigrad.ones(2, 1, 3), minigrad.ones(2, 3, 1)).shape
    torch.Size([2, 1, 1])
    """
    product = bmm(batch1, batch2)
    _expandable(input, product, "baddbmm")
    return _plus(input, beta, product, alpha)


@composed(IN_PLACE)
@_in_old_order
@one_node("AddbmmBackward0", "input", "batch1", "batch2")
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """`beta * input + alpha * bmm(batch1, batch2).sum(0)`; `input` broadcasts.

    >>> minigrad.addbmm(minigrad.ones(1), minigrad.ones(2, 1, 3), minigrad.ones(2, 3, 1))
    tensor([[7.]])
    """
    product = bmm(batch1, batch2)
    product = _summed(product, 0)
    _expandable(input, product, "addbmm")
    return _plus(input, beta, product, alpha)


@composed(IN_PLACE)
@_in_old_order
@one_node("AddmmBackward0", "input", "mat1", "mat2")
def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """`beta * input + alpha * (mat1 @ mat2)`; `input` broadcasts.

    >>> minigrad.addmm(minigrad.ones(1), minigrad.ones(1, 3), minigrad.ones(3, 1))
    tensor([[4.]])
    """
    _check("addmm", (2, 2), mat1, mat2)
    product = OPS["mm"](mat1, mat2)
    _expandable(input, product, "addmm")
    return _plus(input, beta, product, alpha)


@composed(IN_PLACE)
@_in_old_order
@one_node("AddmvBackward0", "input", "mat", "vec")
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """`beta * input + alpha * (mat @ vec)`; `input` broadcasts.

    >>> minigrad.addmv(minigrad.ones(1), minigrad.ones(1, 3), minigrad.ones(3))
    tensor([4.])
    """
    product = OPS["mv"](mat, vec)
    _expandable(input, product, "addmv")
    return _plus(input, beta, product, alpha)


@composed(IN_PLACE)
@_in_old_order
@one_node("AddrBackward0", "input", "vec1", "vec2")
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """`beta * input + alpha * outer(vec1, vec2)`; `input` broadcasts.

    >>> minigrad.addr(minigrad.zeros(1), minigrad.tensor([1., 2.]), minigrad.tensor([3., 4.]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    _check("addr", (1, 1), vec1, vec2)
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if isinstance(factor, float) and input._array.dtype.kind != "f":
            raise RuntimeError(
                f"For integral input tensors, argument {name} must not be a floating point number."
            )
    product = outer(vec1, vec2)
    _expandable(input, product, "addr")
    common = OPS["add"](wrap(np.zeros(0, input._array.dtype)), wrap(product._array[:0, :0]))
    kind = common._array.dtype
    if kind.kind == "b":
        parts = [OPS["logical_and"](product, wrap(np.asarray(bool(alpha))))]
        parts += [OPS["expand"](input, product.shape)] if beta else []
        return parts[0] if len(parts) == 1 else OPS["logical_or"](*parts)
    input, product = OPS["cast"](input, kind), OPS["cast"](product, kind)
    return _plus(input, beta, product, alpha)


@composed()
@one_node("VdotBackward0", "input", "other")
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Return the dot product of two vectors: `dot`, because numbers are real.

    >>> minigrad.vdot(minigrad.tensor([1., 2.]), minigrad.tensor([3., 4.]))
    tensor(11.)
    """
    return OPS["dot"](input, other)


@composed()
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Return the products of all pairs of elements of two vectors: (n,) (m,) → (n, m).

    >>> minigrad.outer(minigrad.tensor([1., 2.]), minigrad.tensor([3., 4.]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    _check("outer", (1, 1), input, vec2)
    return OPS["mul"](OPS["reshape"](input, (-1, 1)), vec2)


@composed()
def ger(input: Tensor, vec2: Tensor) -> Tensor:
    """Return the products of all pairs of elements of two vectors: `outer` under BLAS's name.

    >>> minigrad.ger(minigrad.ones(2), minigrad.ones(3)).shape
    torch.Size([2, 3])
    """
    return outer(input, vec2)


@composed()
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Return the dot products along the last dimensions: (*a, n) (*b, n) → (*a, *b).

    With a 0-d tensor it is the product. RuntimeError for other shapes.

    >>> minigrad.inner(minigrad.tensor([1., 2.]), minigrad.tensor([3., 4.]))
    tensor(11.)
    """
    require_tensor(input, "inner", "input")
    require_tensor(other, "inner", "other", 2)
    if input.ndim == 0 or other.ndim == 0:
        return OPS["mul"](input, other)
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]))


@composed()
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Return the Kronecker product, whose blocks are `other` times an element of `input`.

    >>> minigrad.kron(minigrad.tensor([1, 2]), minigrad.tensor([3, 4]))
    tensor([3, 4, 6, 8])
    """
    require_tensor(input, "kron", "input")
    require_tensor(other, "kron", "other", 2)
    ndim = max(input.ndim, other.ndim)
    a = (1,) * (ndim - input.ndim) + tuple(input.shape)
    b = (1,) * (ndim - other.ndim) + tuple(other.shape)
    left = _unsafe_view(input, tuple([s for size in a for s in (size, 1)]))
    right = _unsafe_view(other, tuple([s for size in b for s in (1, size)]))
    sizes = tuple([n * m for n, m in zip(a, b, strict=True)])
    return _unsafe_view(OPS["mul"](left, right), sizes)


def _unsafe_view(x: Any, shape: tuple[int, ...]) -> Any:
    """`reshape` under the name that PyTorch shows where nothing else refers to the result."""
    return as_one_node(OPS["reshape"](x, shape), "UnsafeViewBackward0", x)


@composed(FUNCTION)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sum the products over pairs of dimensions, and keep the others of `a`, then those of `b`.

    `dims` is a number, for the last ones of `a` and the first ones of `b`, or two lists.

    >>> minigrad.tensordot(minigrad.ones(2, 3), minigrad.ones(3, 4), 1).shape
    torch.Size([2, 4])
    """
    if isinstance(dims, TensorBase):
        dims = dims._array.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError("tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        dims = (list(range(a.ndim - dims, a.ndim)), list(range(dims)))
    ours, theirs = (
        [
            dim_from_front(index(d, "dims"), x.ndim)
            for d in ([each] if isinstance(each, int) else each)
        ]
        for each, x in zip(dims, (a, b), strict=True)
    )
    if len(ours) != len(theirs):
        raise RuntimeError("both dimension lists should have same length")
    for d, e in zip(ours, theirs, strict=True):
        if a.shape[d] != b.shape[e] and 1 not in (a.shape[d], b.shape[e]):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[d]} in dim {d} "
                f"and second has size {b.shape[e]} in dim {e}"
            )
        if b.shape[e] == 1:
            a = _summed(a, d, True)
        elif a.shape[d] == 1:
            b = _summed(b, e, True)
    free_a = [d for d in range(a.ndim) if d not in ours]
    free_b = [d for d in range(b.ndim) if d not in theirs]
    inner_size = math.prod(a.shape[d] for d in ours)
    rows, columns = [a.shape[d] for d in free_a], [b.shape[d] for d in free_b]
    left, right = OPS["permute"](a, (*free_a, *ours)), OPS["permute"](b, (*theirs, *free_b))
    if math.prod(rows) == math.prod(columns) == 1:
        if left.is_contiguous() and right.is_contiguous():
            flat = [x if x.ndim == 1 else OPS["reshape"](x, (-1,)) for x in (left, right)]
            total = OPS["dot"](*flat)
        else:
            total = _summed(OPS["mul"](OPS["squeeze"](left), OPS["squeeze"](right)), None)
        return OPS["view"](total, (*rows, *columns))
    left = OPS["reshape"](left, (math.prod(rows), inner_size))
    right = OPS["reshape"](right, (inner_size, math.prod(columns)))
    return OPS["reshape"](OPS["mm"](left, right), (*rows, *columns))


# Einstein's summation -----------------------------------------------------------------------------


@composed(FUNCTION)
def einsum(*args: Any) -> Tensor:
    """Sum products of elements over indices, in Einstein's notation.

    `einsum("ij,jk->ik", a, b)` or, with lists of numbers, `einsum(a, [0, 1], b, [1, 2], [0, 2])`.
    An index that an operand has twice selects a diagonal, "..." stands for dimensions that
    broadcast, and without "->" the result has the indices that occur once, in alphabetical order.
    The operands are multiplied from left to right.

    >>> minigrad.einsum("ij,ij->i", minigrad.ones(2, 3), minigrad.ones(2, 3))
    tensor([3., 3.])
    """
    if not args:
        raise ValueError("einsum(): must specify the equation string and at least one operand")
    equation, operands = _equation(args)
    if not operands:
        raise RuntimeError("einsum(): must provide at least one operand")
    left, arrow, output = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        more = "fewer" if len(terms) > len(operands) else "more"
        raise RuntimeError(
            f"einsum(): {more} operands were provided than specified in the equation"
        )
    parsed = [_subscripts(t, x.ndim) for t, x in zip(terms, operands, strict=True)]
    dots = max(sum(isinstance(i, int) for i in each) for each in parsed)
    if arrow:
        wanted = _output(output, dots, parsed)
    else:
        every = [i for each in parsed for i in each if isinstance(i, str)]
        once = sorted(i for i in set(every) if every.count(i) == 1)
        wanted = [*range(-dots, 0), *once]
    return _summed_product(operands, parsed, wanted)


def _equation(args: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The equation and the operands of a call in either form."""
    first, *rest = args
    if isinstance(first, str):
        operands = rest[0] if len(rest) == 1 and isinstance(rest[0], list | tuple) else rest
        for i, x in enumerate(operands):
            require_tensor(x, "einsum", "operands", i + 2)
        return first, list(operands)
    require_tensor(first, "einsum", "operands")
    if len(args) % 2 == 0 and len(args) < 2:
        raise ValueError("einsum(): an operand has no list of subscripts")

    def word(subscripts: Any) -> str:
        parts = []
        for i in subscripts:
            if i is not Ellipsis and not 0 <= i < 52:
                raise ValueError("einsum(): subscripts must be within the range [0, 52)")
            parts.append(
                "..." if i is Ellipsis else (string.ascii_uppercase + string.ascii_lowercase)[i]
            )
        return "".join(parts)

    pairs = len(args) // 2
    equation = ",".join(word(args[2 * i + 1]) for i in range(pairs))
    if len(args) % 2:
        equation += f"->{word(args[-1])}"
    return equation, [args[2 * i] for i in range(pairs)]


def _subscripts(term: str, ndim: int) -> list[Any]:
    """The indices of an operand: letters, and negative numbers for the dimensions of "..."."""
    before, dots, after = term.partition("...")
    letters = before + after
    for letter in letters:
        if letter not in string.ascii_letters:
            raise RuntimeError(
                f"einsum(): invalid subscript given: {letter}, subscripts must be in [a-zA-Z]"
            )
    missing = ndim - len(letters)
    if missing < 0 or (missing and not dots):
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({len(letters)}) does not match "
            f"the number of dimensions ({ndim}) for an operand"
        )
    return [*before, *range(-missing, 0), *after]


def _output(output: str, dots: int, parsed: list[list[Any]]) -> list[Any]:
    before, ellipsis, after = output.partition("...")
    known = {i for each in parsed for i in each}
    for letter in before + after:
        if letter not in string.ascii_letters:
            raise RuntimeError(
                f"einsum(): invalid subscript given: {letter}, subscripts must be in [a-zA-Z]"
            )
        if (before + after).count(letter) > 1:
            raise RuntimeError(f"einsum(): output subscript {letter} appears more than once")
        if letter not in known:
            raise RuntimeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any "
                "input operand"
            )
    return [*before, *(range(-dots, 0) if ellipsis else ()), *after]


def _summed_product(operands: list[Any], parsed: list[list[Any]], wanted: list[Any]) -> Any:
    """The product of operands with named dimensions, summed over those that aren't wanted.

    Every operand gets the same dimensions in the same order, those that are summed last.
    """
    known = {name for names in parsed for name in names}
    order = [*wanted, *sorted(known - set(wanted), key=lambda name: (isinstance(name, str), name))]
    sizes, uses = dict.fromkeys(order, 1), dict.fromkeys(order, 0)
    for i, (x, names) in enumerate(zip(operands, parsed, strict=True)):
        x, names = _with_diagonals(x, names)
        for name, size in zip(names, x.shape, strict=True):
            if size == 1:
                continue
            if sizes[name] not in (1, size):
                raise RuntimeError(
                    f"einsum(): operands do not broadcast with remapped shapes: subscript {name} "
                    f"has size {size} for operand {i} which does not broadcast with previously "
                    f"seen size {sizes[name]}"
                )
            sizes[name] = size
            uses[name] += 1
        for name in order:
            if name not in names:
                x, names = OPS["unsqueeze"](x, len(names)), [*names, name]
        operands[i] = OPS["permute"](x, tuple([names.index(name) for name in order]))
    x, *others = operands
    kept, every = len(wanted), list(range(len(order)))
    counts = list(uses.values())  # how many operands that come have this dimension
    for y in others:
        x = _contracted(x, y, counts, every[kept:])
    if others:
        return OPS["view"](x, x.shape[:kept]) if every[kept:] else x
    return OPS["sum"](x, every[kept:]) if every[kept:] else x


def _with_diagonals(x: Any, names: list[Any]) -> tuple[Any, list[Any]]:
    """An operand in which each name occurs once, at its first place."""
    names = list(names)
    for name in dict.fromkeys(names):
        while names.count(name) > 1:
            a = names.index(name)
            b = names.index(name, a + 1)
            if x.shape[a] != x.shape[b]:
                raise RuntimeError(
                    f"einsum(): subscript {name} is repeated for an operand but the sizes don't "
                    f"match, {x.shape[b]} != {x.shape[a]}"
                )
            x = movedim(OPS["diagonal"](x, 0, a, b), -1, a)
            del names[b]
    return x, names


def _contracted(a: Any, b: Any, counts: list[int], dims: list[int]) -> Any:
    """The product of two operands, summed over those of `dims` that no later operand has.

    The dimensions stay, with size 1. `counts` says how many operands have each, and is updated.
    """
    both, of_a, of_b = list[int](), list[int](), list[int]()
    for d in dims:
        in_a, in_b = a.shape[d] != 1, b.shape[d] != 1
        counts[d] -= in_a and in_b
        if counts[d] == 1 and (in_a or in_b):
            counts[d] = 0
            (both if in_a and in_b else of_a if in_a else of_b).append(d)
    a = OPS["sum"](a, of_a, True) if of_a else a
    b = OPS["sum"](b, of_b, True) if of_b else b
    if a._array.dtype != b._array.dtype:  # a sum of small integers is int64
        kind = result_type(a._array, b._array)
        a, b = OPS["cast"](a, kind), OPS["cast"](b, kind)
    return _product_over(a, b, both) if both else OPS["mul"](a, b)


def _product_over(a: Any, b: Any, summed: list[int]) -> Any:
    """The product of operands with the same dimensions, summed over some, which get the size 1.

    It is one product of stacks of matrices, whose result is permuted. The operand whose dimensions
    all come first in the result has the rows, so that the result can be contiguous.
    """
    others = [d for d in range(a.ndim) if d not in summed]
    lead = [d for d in others if a.shape[d] != 1 and b.shape[d] != 1]
    rows = [d for d in others if a.shape[d] != 1 and d not in lead]
    columns = [d for d in others if a.shape[d] == 1]

    if rows and columns and columns[-1] < rows[0]:
        a, b, rows, columns = b, a, columns, rows
    sizes = [n if m == 1 else m for m, n in zip(a.shape, b.shape, strict=True)]

    def size(dims: list[int]) -> int:
        return math.prod(sizes[d] for d in dims)

    left = OPS["permute"](a, (*lead, *rows, *summed, *columns))
    right = OPS["permute"](b, (*lead, *summed, *columns, *rows))
    left = OPS["reshape"](left, (size(lead), size(rows), size(summed)))
    right = OPS["reshape"](right, (size(lead), size(summed), size(columns)))
    product = OPS["matmul"](left, right)
    order = [*lead, *rows, *summed, *columns]
    product = OPS["view"](product, [1 if d in summed else sizes[d] for d in order])
    return OPS["permute"](product, tuple([order.index(d) for d in range(a.ndim)]))


def _summed(x: Any, dim: Any, keepdim: bool = False) -> Any:
    """The sum over dimensions in the dtype of the operand, also for integers."""
    y = OPS["sum"](x, dim, keepdim)
    kind = x._array.dtype
    return y if y._array.dtype == kind else OPS["cast"](y, kind)


# Chains -------------------------------------------------------------------------------------------


@composed(FUNCTION)
def chain_matmul(*matrices: Any) -> Tensor:
    """Return the product of several matrices, in the cheapest order.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     minigrad.chain_matmul(minigrad.ones(1, 2), minigrad.ones(2, 3), minigrad.ones(3, 1))
    tensor([[6.]])
    """
    for x in matrices:
        if x.ndim != 2:
            raise RuntimeError(f"Tensor dimension is {x.ndim}, expected 2 instead.")
    if not matrices:
        raise ValueError("chain_matmul(): Expected one or more matrices")
    warn_once(
        "torch.chain_matmul is deprecated and will be removed: use torch.linalg.multi_dot instead."
    )
    if len(matrices) == 1:
        return matrices[0].clone()
    product = in_cheapest_order(list(matrices))
    return OPS["view"](product, tuple(product.shape))


def in_cheapest_order(matrices: list[Any]) -> Any:
    """The product of matrices in the order that takes the fewest multiplications.

    Of three, the first two are multiplied first if both orders take as many.
    """
    sizes = [x.shape[0] for x in matrices] + [matrices[-1].shape[1]]
    count = len(matrices)
    cost = {(i, i): 0 for i in range(count)}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            choices = {
                k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                for k in range(i, j)
            }
            best = min(choices.values())
            cut[i, j] = (max if count == 3 else min)(k for k in choices if choices[k] == best)
            cost[i, j] = choices[cut[i, j]]

    def product(i: int, j: int) -> Any:
        if i == j:
            return matrices[i]
        return OPS["mm"](product(i, cut[i, j]), product(cut[i, j] + 1, j))

    return product(0, count - 1)


@composed(FUNCTION)
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Return the powers of each element of a vector in a row, from N - 1 down to 0.

    With `increasing`, they go from 0 up to N - 1. By default, N is the number of elements. Integers
    and bools give int64. RuntimeError unless `x` has one dimension, and for a negative N.

    >>> minigrad.vander(minigrad.tensor([2, 3]), 3)
    tensor([[4, 2, 1],
            [9, 3, 1]])
    """
    require_tensor(x, "vander", "x")
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    count = len(x) if N is None else int_of(N, "vander", "N")
    if count < 0:
        raise RuntimeError("N must be non-negative.")
    kind = x._array.dtype if x._array.dtype.kind == "f" else np.dtype(np.int64)
    base = x if x._array.dtype is kind else OPS["cast"](x, kind)
    ones = wrap(np.ones((len(x), min(count, 1)), kind))
    if count > 1:
        equal = OPS["expand"](OPS["unsqueeze"](base, 1), (len(x), count - 1))
        powers = cat([ones, OPS["cumprod"](equal, 1)], 1)
    else:
        powers = ones
    return powers if increasing else OPS["flip"](powers, (1,))
