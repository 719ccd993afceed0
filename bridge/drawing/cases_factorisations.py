"""Draw calls of the functions of matrices, at matrices for which they are well-conditioned."""

from __future__ import annotations

import numpy as np

from .cases import CaseFunction
from .draws import RandomDraws
from .operands import Case, Operand, laid_out


def _matrix(draw: RandomDraws, shape: tuple[int, ...], apart: bool = False) -> Operand:
    """Draw matrices with a dominant diagonal; if `apart`, its elements are far from each other."""
    dtype = np.dtype(draw.pick("float32", "float64") if draw.wild else "float64")
    values = draw.array(shape, moderate=True, dtype=dtype).values
    if draw.style == "whole":
        values = np.asarray(draw.rng.integers(-1, 2, shape), dtype)
    size = min(shape[-2:])
    diagonal = np.zeros(shape[-2:])
    diagonal[range(size), range(size)] = (np.arange(size) + 2) * 3 if apart else 4
    values = np.asarray(values / (4 if draw.style == "smooth" else 8) + diagonal, dtype)
    return laid_out(values, draw.pick("contiguous", "transposed") if draw.wild else "contiguous")


def _lead(draw: RandomDraws) -> tuple[int, ...]:
    return draw.pick((), (), (2,))


def square(draw: RandomDraws) -> Case:
    n = draw.pick(1, 2, 3)
    return Case((_matrix(draw, (*_lead(draw), n, n), apart=True),), finite=True)


def larger_square(draw: RandomDraws) -> Case:
    """Draw no 1 × 1 matrix: the derivative of its determinant is constant, without a graph."""
    n = draw.pick(2, 3)
    return Case((_matrix(draw, (*_lead(draw), n, n), apart=True),), finite=True)


def system(draw: RandomDraws) -> Case:
    n, p = draw.pick(1, 2, 3), draw.pick(1, 2)
    lead = _lead(draw)
    matrix = _matrix(draw, (*lead, n, n), apart=True)
    right = draw.array((*lead, n, p), moderate=True, dtype=matrix.values.dtype).values
    layout = draw.pick("contiguous", "transposed") if draw.wild else "contiguous"
    return Case((matrix, laid_out(right, layout)), finite=True)


def triangular_system(draw: RandomDraws) -> Case:
    options = {"upper": draw.pick(False, True), "unitriangular": draw.pick(False, True)}
    return Case(system(draw).operands, options, finite=True)


def with_triangle(draw: RandomDraws) -> Case:
    return Case(square(draw).operands, {"uplo": draw.pick("L", "U")}, finite=True)


def oblong(draw: RandomDraws) -> Case:
    n, m = draw.pick((2, 2), (3, 2), (2, 3), (1, 2), (3, 3))
    return Case((_matrix(draw, (*_lead(draw), n, m), apart=True),), finite=True)


def pseudo_inverse(draw: RandomDraws) -> Case:
    case = oblong(draw)
    zero = np.zeros(())
    return Case(case.operands, {"atol": zero, "rtol": zero + 1e-6, "hermitian": False}, finite=True)


def exponential(draw: RandomDraws) -> Case:
    n = draw.pick(1, 2, 3)
    return Case((_matrix(draw, (*_lead(draw), n, n)),), finite=True)


FACTORISED: dict[str, CaseFunction] = {
    "cholesky": square,
    "cofactors": larger_square,
    "det": square,
    "eigh": with_triangle,
    "inv": square,
    "lu": oblong,
    "matrix_exp": exponential,
    "pinv": pseudo_inverse,
    "qr": oblong,
    "slogdet": square,
    "solve": system,
    "solve_triangular": triangular_system,
    "svd": oblong,
}
