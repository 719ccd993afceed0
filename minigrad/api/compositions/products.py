"""Products of vectors, matrices and tensors."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.creating import int_of
from ...core.dispatch import OPS, shown_as
from ...core.tensor import TensorBase, require_tensor, wrap
from ...core.warning import warn_once
from ...rules.dims import axis as dim_from_front
from ...rules.dims import index
from ...rules.dtypes import scalar_name
from ...rules.presentation import FUNCTION, IN_PLACE
from ...rules.promotion import result_type
from .basic import cat, matmul
from .registry import composed

if TYPE_CHECKING:
    from ..tensor import Tensor


def _plus(node: str, input: Any, beta: float, product: Any, alpha: float) -> Any:
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
    return shown_as(node, total if total.is_contiguous() else OPS["contiguous_copy"](total))


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


@composed(IN_PLACE)
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """`beta * input + alpha * bmm(batch1, batch2)`; `input` broadcasts.

    >>> minigrad.baddbmm(minigrad.ones(1), minigrad.ones(2, 1, 3), minigrad.ones(2, 3, 1)).shape
    torch.Size([2, 1, 1])
    """
    product = bmm(batch1, batch2)
    _expandable(input, product, "baddbmm")
    return _plus("BaddbmmBackward0", input, beta, product, alpha)


@composed(IN_PLACE)
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
    return _plus("AddbmmBackward0", input, beta, product, alpha)


@composed(IN_PLACE)
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
    return _plus("AddmmBackward0", input, beta, product, alpha)


@composed(IN_PLACE)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """`beta * input + alpha * (mat @ vec)`; `input` broadcasts.

    >>> minigrad.addmv(minigrad.ones(1), minigrad.ones(1, 3), minigrad.ones(3))
    tensor([4.])
    """
    product = OPS["mv"](mat, vec)
    _expandable(input, product, "addmv")
    return _plus("AddmvBackward0", input, beta, product, alpha)


@composed(IN_PLACE)
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
    return _plus("AddrBackward0", input, beta, product, alpha)


@composed()
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Return the dot product of two vectors: `dot`, because numbers are real.

    >>> minigrad.vdot(minigrad.tensor([1., 2.]), minigrad.tensor([3., 4.]))
    tensor(11.)
    """
    return shown_as("VdotBackward0", OPS["dot"](input, other))


@composed()
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Return the products of all pairs of elements of two vectors: (n,) (m,) → (n, m).

    >>> minigrad.outer(minigrad.tensor([1., 2.]), minigrad.tensor([3., 4.]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    _check("outer", (1, 1), input, vec2)
    return OPS["mul"](OPS["unsqueeze"](input, 1), vec2)


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
    ndim = max(input.ndim, other.ndim)
    a = (1,) * (ndim - input.ndim) + tuple(input.shape)
    b = (1,) * (ndim - other.ndim) + tuple(other.shape)
    left = OPS["reshape"](input, tuple([s for size in a for s in (size, 1)]))
    right = OPS["reshape"](other, tuple([s for size in b for s in (1, size)]))
    sizes = tuple([n * m for n, m in zip(a, b, strict=True)])
    return shown_as("UnsafeViewBackward0", OPS["reshape"](OPS["mul"](left, right), sizes))


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
        if a.shape[d] != b.shape[e]:
            a = a if a.shape[d] == 1 else _summed(a, d, True)
            b = b if b.shape[e] == 1 else _summed(b, e, True)
    free_a = [d for d in range(a.ndim) if d not in ours]
    free_b = [d for d in range(b.ndim) if d not in theirs]
    inner_size = math.prod(a.shape[d] for d in ours)
    rows, columns = [a.shape[d] for d in free_a], [b.shape[d] for d in free_b]
    left = OPS["reshape"](OPS["permute"](a, (*free_a, *ours)), (math.prod(rows), inner_size))
    right = OPS["reshape"](OPS["permute"](b, (*theirs, *free_b)), (inner_size, math.prod(columns)))
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
    """The product of operands with named dimensions, summed over those that aren't wanted."""
    sizes: dict[Any, int] = {}
    for i, (x, names) in enumerate(zip(operands, parsed, strict=True)):
        operands[i], parsed[i] = x, names = _with_diagonals(x, names)
        for name, size in zip(names, x.shape, strict=True):
            if sizes.setdefault(name, size) == 1:
                sizes[name] = size
            elif size not in (1, sizes[name]):
                raise RuntimeError(
                    f"einsum(): operands do not broadcast with remapped shapes: subscript {name} "
                    f"has size {size} for operand {i} which does not broadcast with previously "
                    f"seen size {sizes[name]}"
                )
    x, names = operands[0], parsed[0]
    for i in range(1, len(operands)):
        later = {name for each in parsed[i + 1 :] for name in each} | set(wanted)
        x, names = _contracted(x, names, operands[i], parsed[i], later)
    gone = [d for d, name in enumerate(names) if name not in wanted]
    if gone:
        x = OPS["sum"](x, gone)
        names = [name for name in names if name in wanted]
    return OPS["permute"](x, tuple([names.index(name) for name in wanted]))


def _with_diagonals(x: Any, names: list[Any]) -> tuple[Any, list[Any]]:
    """An operand in which each name occurs once."""
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
            x = OPS["diagonal"](x, 0, a, b)
            names = [*names[:a], *names[a + 1 : b], *names[b + 1 :], name]
    return x, names


def _contracted(
    a: Any, of_a: list[Any], b: Any, of_b: list[Any], later: set[Any]
) -> tuple[Any, list[Any]]:
    """The product of two operands, summed over the names that aren't used later."""
    shared = [n for n in of_a if n in of_b]
    summed = []
    for n in dict.fromkeys([*of_a, *of_b]):
        if n in later:
            continue
        both = n in shared and a.shape[of_a.index(n)] == b.shape[of_b.index(n)]
        if both:
            summed.append(n)
            continue
        a, of_a = _without(a, of_a, n)  # only one operand has it, or repeats it
        b, of_b = _without(b, of_b, n)
    if a._array.dtype != b._array.dtype:  # a sum of small integers is int64
        kind = result_type(a._array, b._array)
        a, b = OPS["cast"](a, kind), OPS["cast"](b, kind)
    batch = [n for n in shared if n in later]
    free_a = [n for n in of_a if n not in of_b]
    free_b = [n for n in of_b if n not in of_a]
    lead = [
        max(a.shape[of_a.index(n)], b.shape[of_b.index(n)])
        if 0 not in (a.shape[of_a.index(n)], b.shape[of_b.index(n)])
        else 0
        for n in batch
    ]
    rows = [a.shape[of_a.index(n)] for n in free_a]
    columns = [b.shape[of_b.index(n)] for n in free_b]
    middle = [a.shape[of_a.index(n)] for n in summed]
    left = OPS["permute"](a, tuple([of_a.index(n) for n in (*batch, *free_a, *summed)]))
    right = OPS["permute"](b, tuple([of_b.index(n) for n in (*batch, *summed, *free_b)]))
    left = OPS["expand"](left, (*lead, *rows, *middle))
    right = OPS["expand"](right, (*lead, *middle, *columns))
    count, m = math.prod(lead), math.prod(middle)
    left = OPS["reshape"](left, (count, math.prod(rows), m))
    right = OPS["reshape"](right, (count, m, math.prod(columns)))
    product = OPS["matmul"](left, right)
    return OPS["reshape"](product, (*lead, *rows, *columns)), [*batch, *free_a, *free_b]


def _without(x: Any, names: list[Any], name: Any) -> tuple[Any, list[Any]]:
    if name not in names:
        return x, names
    d = names.index(name)
    return OPS["sum"](x, d), [*names[:d], *names[d + 1 :]]


def _summed(x: Any, dim: Any, keepdim: bool = False) -> Any:
    """The sum over dimensions in the dtype of the operand, also for integers."""
    y = OPS["sum"](x, dim, keepdim)
    kind = x._array.dtype
    return y if y._array.dtype == kind else OPS["cast"](y, kind)


# Powers and chains --------------------------------------------------------------------------------


@composed()
def matrix_power(input: Tensor, n: int) -> Tensor:
    """Return the n-th power of square matrices; the inverse is raised to a negative power.

    >>> minigrad.matrix_power(minigrad.tensor([[1., 1.], [0., 1.]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise RuntimeError(
            "linalg.matrix_power: A must be batches of square matrices, but they are "
            f"{list(input.shape)}"
        )
    power = index(n, "n")
    if power < 0:
        if input._array.dtype.kind != "f":
            raise RuntimeError(
                "linalg.inv: Expected a floating point tensor as input. Got "
                f"{scalar_name(input._array)}"
            )
        input, power = OPS["inv"](input), -power
    if power == 0:
        # The identity has a gradient, which is 0.
        return input.clone().copy_(wrap(np.eye(input.shape[-1], dtype=input._array.dtype)))
    if power == 1:
        return input.clone()
    half = matrix_power(input, power // 2)
    square = matmul(half, half)
    return matmul(square, input) if power % 2 else square


@composed(FUNCTION)
def chain_matmul(*matrices: Any) -> Tensor:
    """Return the product of several matrices, in the cheapest order.

    >>> minigrad.chain_matmul(minigrad.ones(1, 2), minigrad.ones(2, 3), minigrad.ones(3, 1))
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
    return matrices[0] if len(matrices) == 1 else in_cheapest_order(list(matrices))


def in_cheapest_order(matrices: list[Any]) -> Any:
    """The product of matrices in the order that takes the fewest multiplications."""
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
            cut[i, j] = min(choices, key=choices.__getitem__)
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
