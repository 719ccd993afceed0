"""`out=`: every function that takes it in PyTorch writes the same to it, and refuses the same."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("expecttest")  # the database imports it

import torch
from twins import check_same

import minigrad
from bridge.conformance.operator_database import (
    OPS,
    Difference,
    Inputs,
    Untranslatable,
    compare,
    samples_of,
)
from minigrad.core.output import KINDS

NAMES = [
    f"{module}.{name}".lstrip(".")
    for module, kinds in KINDS.items()
    for names in kinds.values()
    for name in names.split()
]
DTYPES = (torch.float32, torch.float64, torch.int32, torch.int64, torch.uint8, torch.bool)
# PyTorch refuses what it could do, or takes what it documents otherwise.
ACCIDENTS = {
    "argsort": "only together with `stable`",
    "chain_matmul": "no sample",
    "diff": "some casts fail",
    "inner": "a vector can't be cast",
    "kthvalue": "which of several equal elements it takes is an accident",
    "lerp": "a number as weight can't be cast",
    "linalg.lstsq": "the dtypes of the other results are fixed",
    "linalg.matrix_power": "some powers can't be cast",
    "linalg.pinv": "the shape is wrong for an empty matrix",
    "matrix_power": "some powers can't be cast",
    "mode": "which of several equal elements it takes is an accident",
    "nanmean": "integers and bools",
    "nansum": "integers and bools",
    "cumprod": "bools",
    "cumsum": "bools",
    "narrow_copy": "it writes to wrong places",
    "nonzero": "the database's samples are of the form as_tuple=True",
    "sort": "which of several equal elements it takes is an accident",
    "std": "not together with `unbiased`",
    "topk": "which of several equal elements it takes is an accident",
    "var": "not together with `unbiased`",
}
# The strides of a result that was computed in another memory.
OTHER_STRIDES = (
    *("cholesky", "cholesky_inverse", "cholesky_solve", "geqrf", "lu", "orgqr"),
    *("linalg.householder_product", "linalg.lstsq", "linalg.tensorinv"),
)


def _function(library: Any, name: str) -> Callable[..., Any] | None:
    for part in name.split("."):
        library = getattr(library, part, None)
    return library


def _samples(name: str) -> Iterator[Any]:
    for op in OPS.values():
        if name in (op.name, *(alias.name for alias in op.aliases)):
            for dtype in {torch.float32, torch.int64} & op.supported_dtypes("cpu"):
                with warnings.catch_warnings(action="ignore"):  # PyTorch's own, about its samples
                    found = list(itertools.islice(samples_of(op, dtype), 2))
                yield from found


def _outcome(function: Any, args: Any, options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*args, **options)
        except Exception as error:
            return error


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ACCIDENTS])
def test_a_function_writes_what_pytorch_writes(name: str) -> None:
    ours, theirs = (_function(library, name) for library in (minigrad, torch))
    assert ours is not None
    for sample in _samples(name):
        with contextlib.suppress(Untranslatable):
            inputs = Inputs(sample, False)
            plain = _outcome(theirs, inputs.their_args, inputs.their_options)
            results = [plain] if isinstance(plain, torch.Tensor) else plain
            if isinstance(plain, Exception) or not all(r.dtype in DTYPES for r in results):
                continue
            for dtype in (None, *DTYPES):
                for full in (False, True):
                    if not (full and name in OTHER_STRIDES) and not (full and dtype):
                        _check(name, ours, theirs, sample, results, dtype, full)


def _check(
    name: str, ours: Any, theirs: Any, sample: Any, results: Any, dtype: Any, full: bool
) -> None:
    shapes = [tuple(r.shape) if full else (0,) for r in results]
    kinds = [dtype or r.dtype for r in results]
    made = [torch.zeros(s, dtype=k) for s, k in zip(shapes, kinds, strict=True)]
    mine = [minigrad.from_numpy(t.clone().numpy()) for t in made]
    inputs = Inputs(sample, False)
    one = isinstance(_outcome(theirs, inputs.their_args, inputs.their_options), torch.Tensor)
    out = [made[0], mine[0]] if one else [tuple(made), tuple(mine)]
    a = _outcome(theirs, inputs.their_args, inputs.their_options | {"out": out[0]})
    b = _outcome(ours, inputs.our_args, inputs.our_options | {"out": out[1]})
    what = f"{name}, out of {dtype}"
    if isinstance(a, Exception):
        if not isinstance(b, Exception):
            raise Difference(f"{what}: doesn't raise {a!r}")
        assert isinstance(b, type(a)) or isinstance(a, type(b)), (what, a, b)
        return
    if isinstance(b, Exception):
        raise b
    if one:
        assert b is mine[0]
    lower = dtype is not None and any(r.dtype != dtype for r in results)
    if name not in OTHER_STRIDES and not lower:
        compare(what, made, mine, cancels=True)
    for x, y in zip(made, mine, strict=True):
        assert tuple(x.shape) == tuple(y.shape)
        assert str(x.dtype) == str(y.dtype)
        np.testing.assert_allclose(y.numpy(), x.numpy(), 1e-5, 1e-4)


def _offered() -> Iterator[str]:
    """The functions of both libraries that take `out=` in PyTorch's database."""
    for op in OPS.values():
        for name in (op.name, *(alias.name for alias in op.aliases)):
            both = [_function(library, name) for library in (minigrad, torch)]
            if op.supports_out and None not in both:
                yield name


@pytest.mark.parametrize("name", sorted({*_offered()}))
def test_a_function_takes_it_if_pytorch_does(name: str) -> None:
    ours, theirs = (_function(library, name) for library in (minigrad, torch))
    for sample in _samples(name):
        with contextlib.suppress(Untranslatable):
            inputs = Inputs(sample, False)
            plain = _outcome(theirs, inputs.their_args, inputs.their_options)
            if isinstance(plain, Exception):
                continue
            written = _outcome(theirs, inputs.their_args, inputs.their_options | {"out": plain})
            mine = _outcome(ours, inputs.our_args, inputs.our_options)
            if not isinstance(written, TypeError) and not isinstance(mine, Exception):
                mine = _outcome(ours, inputs.our_args, inputs.our_options | {"out": mine})
                assert not isinstance(mine, TypeError | NotImplementedError), mine


def test_no_other_function_takes_it() -> None:
    taking = {
        name for name in minigrad.api.functions.__all__ if _takes_out(getattr(minigrad, name))
    }
    listed = {name for names in KINDS[""].values() for name in names.split()} | {"norm"}
    assert taking == {name for name in listed if hasattr(minigrad, name)}
    x = minigrad.ones(2)
    for name in ("relu", "clone", "isnan", "reshape", "rsub"):
        with pytest.raises(TypeError, match="out"):
            getattr(minigrad, name)(x, out=x)
    for method in (x.add, x.exp, x.sum, x.max, x.matmul):
        with pytest.raises(TypeError, match="out"):
            method(out=x)


def _takes_out(function: Any) -> bool:
    return "out" in inspect.signature(function).parameters


EXPRESSIONS = """
torch.add(x, x, out=torch.ones(2))
torch.add(x, x, out=torch.ones(3, 2).t())
torch.add(x.t(), 1, out=torch.empty(0)).stride()
torch.add(x, 1, out=None)
torch.add(x, 1, out=(x,))
torch.add(x, 1, out=x)
torch.add(x[0, :2], x[0, 1:], out=x[0, 1:])
torch.add(x[0], 1, out=torch.ones(1).expand(3))
torch.add(x, 1, out=torch.empty(0, dtype=torch.int64))
torch.cat((x, x), out=torch.empty(0, dtype=torch.int64))
torch.max(x, 0, out=(x,))
torch.max(x, 0, out=(torch.empty(0), torch.empty(0, dtype=torch.int64))).values
torch.sum(x, out=torch.empty(0))
torch.sum(x, 0, out=torch.empty(0, dtype=torch.int64))
torch.sum(x, 0, out=torch.empty(0, dtype=torch.float64), dtype=torch.float32)
torch.exp(g, out=torch.empty(0))
torch.exp(x, out=torch.zeros(2, 3, requires_grad=True))
torch.eq(g, 1, out=torch.empty(0, dtype=torch.bool))
torch.zeros(2, 3, out=torch.ones(2))
torch.zeros(2, out=torch.ones(2, dtype=torch.int64))
torch.zeros(2, out=torch.ones(2), requires_grad=True)
torch.arange(3, out=torch.ones(3))
torch.arange(3, out=torch.ones(3), dtype=torch.int64)
torch.linspace(0, 1, 3, out=torch.empty(0, dtype=torch.float64))
torch.randn(3, out=torch.empty(0, dtype=torch.float64))
torch.randperm(5, out=torch.empty(0, dtype=torch.int32))
torch.bernoulli(torch.full((3,), 0.5), out=torch.empty(0, dtype=torch.int64))
torch.multinomial(torch.ones(3), 2, out=torch.empty(0, dtype=torch.int64))
torch.normal(x, 1.0, out=torch.empty(2, 3))
torch.zeros(2, 3, out=g)
torch.add(x, 1, out=torch.zeros(2, 3))._version
""".strip().splitlines()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_gives_what_pytorchs_gives(expression: str) -> None:
    def program(torch: Any) -> Any:
        torch.manual_seed(0)
        x = torch.arange(6.0).reshape(2, 3)
        g = torch.ones(2, 3, requires_grad=True)
        return eval(expression, {"torch": torch, "x": x, "g": g})

    check_same(program)


def test_the_memory_of_a_view_is_used_if_it_is_large_enough() -> None:
    def program(torch: Any) -> Any:
        base = torch.arange(8.0)
        part = base[2:4]
        part.resize_(0)
        torch.add(torch.ones(3), 1, out=part)
        return base, part, part._version

    check_same(program)


def test_without_grad_a_leaf_may_be_written_to() -> None:
    def program(torch: Any) -> Any:
        leaf = torch.zeros(2, requires_grad=True)
        with torch.no_grad():
            torch.add(torch.ones(2), leaf, out=leaf)
        return leaf

    check_same(program)
