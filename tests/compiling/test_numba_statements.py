"""Every statement with a form for numba, on drawn operands, beside NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from bridge.comparing.closeness import difference
from minigrad.catalogue.accuracy import Exact, Scaled, Tolerance, Ulps
from minigrad.compiling.numba import forms, scalars
from minigrad.compiling.numba.memory import VIEWS, NoForm
from minigrad.compiling.program import UFUNCS, UNARY
from tests.compiling.numba_statements import compiled

KINDS = ("float32", "float64", "int64", "int32", "uint8", "bool")
SPECIAL = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5)
UFUNC_NAMES = sorted({*scalars._INFIX, *scalars._FUNCTIONS, *scalars._EXTREME})
# Functions that libraries round differently. The others are exact.
ROUNDED = Ulps(4)
EXACT = {
    *scalars._INFIX, *scalars._EXTREME, "absolute", "ceil", "copysign", "fabs",
    "floor", "floor_divide", "fmax", "fmin", "fmod", "gcd", "invert", "isfinite", "isinf", "isnan",
    "lcm", "left_shift", "logical_and", "logical_not", "logical_or", "logical_xor", "negative",
    "nextafter", "positive", "reciprocal", "remainder", "right_shift", "rint", "sign", "signbit",
    "sqrt", "square", "trunc",
}  # fmt: skip


def drawn(kind: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Values of a dtype, among them special ones."""
    rng = np.random.default_rng(seed)
    if kind == "bool":
        return rng.random(shape) < 0.5
    if kind.startswith("float"):
        values = np.asarray(rng.standard_normal(shape) * rng.choice([1, 3]), kind)
        chosen = rng.choice(SPECIAL, shape).astype(kind)
        return np.where(rng.random(shape) < 0.2, chosen, values)
    return rng.integers(0 if kind == "uint8" else -9, 9, shape).astype(kind)


def check(
    function: Callable[..., Any],
    arrays: list[np.ndarray],
    tolerance: Tolerance = Exact(),  # noqa: B008
    terms: np.ndarray | None = None,
) -> None:
    """Compile a function for some arrays, and compare it with NumPy on these and on others."""
    first = [np.ones_like(x) if x.dtype.kind != "i" else x * 0 for x in arrays]
    call = compiled(function, *[x.copy() for x in first])
    for operands in (first, arrays):
        with np.errstate(all="ignore"):
            expected = function(np, *[x.copy() for x in operands])
            got = call(*[x.copy() for x in operands])
        assert got is not None
        for ours, theirs in zip(
            got, expected if isinstance(expected, list) else [expected], strict=True
        ):
            assert difference(ours, np.asarray(theirs), tolerance, terms) is None


def operands_of(name: str, kind: str) -> list[np.ndarray]:
    x, y = drawn(kind, (4, 3), 0), drawn(kind, (3,), 1)
    if "int" in kind and name in ("power", "left_shift", "right_shift"):
        y = y % 5  # NumPy refuses other powers, and C has no such shifts
    return [x, y][: getattr(np, name).nin]


def loop_of(name: str, kind: str) -> tuple[np.dtype, ...] | None:
    """The dtypes in which NumPy computes a ufunc, or None."""
    ufunc = getattr(np, name)
    try:
        return ufunc.resolve_dtypes((*[np.dtype(kind)] * ufunc.nin, None))
    except TypeError:
        return None


@pytest.mark.parametrize("kind", KINDS)
def test_the_ufuncs(kind: str) -> None:
    """Each is exact, or as near as libraries are to each other. Several are in one program."""
    half = np.dtype(np.float16)
    names = [name for name in UFUNC_NAMES if half not in (loop_of(name, kind) or (half,))]
    for some in batched(names, 8):
        check_ufuncs(some, kind)


def batched(names: list[str], size: int) -> list[list[str]]:
    return [names[i : i + size] for i in range(0, len(names), size)]


def check_ufuncs(names: list[str], kind: str) -> None:
    operands = [operands_of(name, kind) for name in names]
    places = np.cumsum([0, *map(len, operands)])
    flat = [x for each in operands for x in each]

    def function(np: Any, *given: Any) -> Any:
        pairs = zip(names, places, places[1:], strict=False)
        return [getattr(np, name)(*given[start:end]) for name, start, end in pairs]

    call = compiled(function, *[np.ones_like(x) for x in flat])
    got = call(*flat)
    assert got is not None
    with np.errstate(all="ignore"):
        expected = function(np, *flat)
    for name, ours, theirs in zip(names, got, expected, strict=True):
        rounds = theirs.dtype.kind == "f" and name not in EXACT
        assert difference(ours, theirs, ROUNDED if rounds else Exact()) is None, name


def test_a_ufunc_in_float16_has_no_form() -> None:
    with pytest.raises(NoForm, match="float16"):
        compiled(lambda np, x: np.exp(x), np.ones(3, bool))


@pytest.mark.parametrize("symbol", [s for s in UFUNCS if s != "@"])
def test_an_operator(symbol: str) -> None:
    """Of arrays that broadcast, in place, and with a number."""
    kind = "int64" if symbol in ("&", "|", "^", "<<", ">>") else "float32"
    x, y = drawn(kind, (4, 3), 0), drawn(kind, (4, 1), 1)
    if symbol in ("<<", ">>"):
        y = y % 5
    space: dict[str, Any] = {}
    body = f"def f(np, x, y):\n    z = x {symbol} y\n    w = x {symbol} 3\n"
    if symbol[0] not in "<>=!" or symbol in ("<<", ">>"):
        cast = "" if symbol != "/" else "z = z * 1\n    "
        body += f"    {cast}z {symbol}= y\n"
    exec(f"{body}    return [z, w]", space)
    check(space["f"], [x, y])


@pytest.mark.parametrize("symbol", UNARY)
def test_a_sign(symbol: str) -> None:
    space: dict[str, Any] = {}
    text = "abs(x)" if symbol == "abs" else f"{symbol}x"
    exec(f"def f(np, x): return {text}", space)
    check(space["f"], [drawn("int64" if symbol == "~" else "float32", (3, 2), 0)])


X = drawn("float32", (4, 3), 3)
I = np.array([2, 0, -1, 1])  # noqa: E741
W = drawn("float32", (3, 5), 4)
FINITE = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)


def _with(np: Any, x: Any, change: Callable[[Any], Any]) -> Any:
    y = x.copy()
    change(y)
    return y


# Statements that aren't ufuncs, by their names: a function and its operands.
STATEMENTS: dict[str, tuple[Callable[..., Any], list[np.ndarray]]] = {
    ".T": (lambda np, x: x.T * 2, [X]),
    ".all": (lambda np, x: (x > 0).all(), [X]),
    ".any": (lambda np, x: (x > 0).any(), [X]),
    ".argmax": (lambda np, x: x.argmax(1), [X]),
    ".argmin": (lambda np, x: x.argmin(), [X]),
    ".astype": (lambda np, x: [(x > 0).astype("f8"), x.astype(bool)], [X]),
    ".clip": (lambda np, x: x.clip(-0.5, 1), [X]),
    ".copy": (lambda np, x: x[::2].copy(), [X]),
    ".cumprod": (lambda np, x: x.cumprod(0), [X]),
    ".cumsum": (lambda np, x: x.cumsum(1), [X]),
    ".diagonal": (lambda np, x: x.diagonal() + 1, [X]),
    ".fill": (lambda np, x: _with(np, x, lambda y: y[1].fill(3)), [X]),
    ".flatten": (lambda np, x: x.T.flatten(), [X]),
    ".max": (lambda np, x: [x.max(1), x.max()], [X]),
    ".min": (lambda np, x: x.min(axis=0, keepdims=True), [X]),
    ".prod": (lambda np, x: x.prod(1), [X]),
    ".ravel": (lambda np, x: x.T.ravel(), [X]),
    ".reshape": (lambda np, x: [x.reshape(2, 6) * 2, x.T.reshape(2, 6)], [X]),
    ".squeeze": (lambda np, x: x[:1].squeeze() * 2, [X]),
    ".sum": (lambda np, x: (x > 0).sum(0), [X]),
    ".swapaxes": (lambda np, x: x.swapaxes(0, 1) * 2, [X]),
    ".take": (lambda np, x, i: [x.take(i), x.take(i, 0), x.T.take(i), x.take([0, 2], 1)], [X, I]),
    ".transpose": (lambda np, x: x.transpose() * 2, [X]),
    ".view": (lambda np, x: x.view("i4") * 2, [X]),
    "[]": (
        lambda np, x, i: [
            x[1:, ::2] * 2, x[i], x[..., [0, 2]], x[i, [0, 1, 2, 0]], x[1, 2], x[None, 1],
        ],
        [X, I],
    ),
    "[]=": (
        lambda np, x, i: [
            _with(np, x, lambda y: y.__setitem__((slice(1, 3), 0), 5)),
            _with(np, x, lambda y: y.__setitem__(slice(1, None), y[:-1])),
            _with(np, x, lambda y: y.__setitem__(i, x * 2)),
            _with(np, x, lambda y: y.__setitem__((i, 0), 7)),
        ],
        [X, I],
    ),
    "np.add.at": (lambda np, x, i: _with(np, x, lambda y: np.add.at(y, i, x)), [FINITE, I]),
    "np.maximum.at": (lambda np, x, i: _with(np, x, lambda y: np.maximum.at(y, i, x)), [FINITE, I]),
    "np.minimum.at": (lambda np, x, i: _with(np, x, lambda y: np.minimum.at(y, i, x)), [FINITE, I]),
    "np.argmax": (lambda np, x: np.argmax(x, 0), [X]),
    "np.argmin": (lambda np, x: np.argmin(x, 1, keepdims=True), [X]),
    "np.array": (lambda np, x: np.array(x), [X]),
    "np.asarray": (lambda np, x: np.asarray(x, "f8"), [X]),
    "np.ascontiguousarray": (lambda np, x: np.ascontiguousarray(x.T), [X]),
    "np.broadcast_to": (lambda np, x: np.broadcast_to(x[0], (4, 3)) + x, [X]),
    "np.clip": (lambda np, x: np.clip(x, 0, None), [X]),
    "np.concatenate": (lambda np, x: np.concatenate([x, x[:2] * 2], 0), [X]),
    "np.copy": (lambda np, x: np.copy(x.T), [X]),
    "np.copyto": (
        lambda np, x: [
            _with(np, x, lambda y: np.copyto(y, 2, where=x > 0)),
            _with(np, x, lambda y: np.copyto(y, x[0])),
        ],
        [X],
    ),
    "np.cumprod": (lambda np, x: np.cumprod(x, 1), [X]),
    "np.cumsum": (lambda np, x: np.cumsum(x, axis=0), [X]),
    "np.diagonal": (lambda np, x: np.diagonal(x) * 2, [X]),
    "np.empty": (lambda np, x: _with(np, np.empty((4, 3), "f4"), lambda y: np.copyto(y, x)), [X]),
    "np.empty_like": (lambda np, x: _with(np, np.empty_like(x), lambda y: np.copyto(y, x)), [X]),
    "np.expand_dims": (lambda np, x: np.expand_dims(x, 1) * 2, [X]),
    "np.flip": (lambda np, x: np.flip(x, 0) * 2, [X]),
    "np.full": (lambda np, x: np.full((4, 3), 2, "f4") * x, [X]),
    "np.full_like": (lambda np, x: np.full_like(x, 2) * x, [X]),
    "np.moveaxis": (lambda np, x: np.moveaxis(x, 0, 1) * 2, [X]),
    "np.nan_to_num": (lambda np, x: np.nan_to_num(x, nan=7, posinf=3), [X]),
    "np.ones": (lambda np, x: np.ones((4, 3), "f4") + x, [X]),
    "np.ones_like": (lambda np, x: np.ones_like(x) + x, [X]),
    "np.put_along_axis": (
        lambda np, x, i: _with(np, x, lambda y: np.put_along_axis(y, i[None, :3], 9, 0)), [X, I],
    ),
    "np.ravel": (lambda np, x: np.ravel(x) * 2, [X]),
    "np.ravel_multi_index": (
        lambda np, x, i: x.take(np.ravel_multi_index((np.abs(i), i * 0), (4, 3))), [X, I],
    ),
    "np.reshape": (lambda np, x: np.reshape(x, (6, 2)) * 2, [X]),
    "np.roll": (lambda np, x: [np.roll(x, 1, 0), np.roll(x, (1, 2), (0, 1)), np.roll(x, 2)], [X]),
    "np.squeeze": (lambda np, x: np.squeeze(x[:1]) * 2, [X]),
    "np.stack": (lambda np, x: np.stack([x, x * 2], 1), [X]),
    "np.swapaxes": (lambda np, x: np.swapaxes(x, 0, 1) * 2, [X]),
    "np.take": (lambda np, x, i: np.take(x, i, 0), [X, I]),
    "np.take_along_axis": (lambda np, x, i: np.take_along_axis(x, i[:, None] % 3, 1), [X, I]),
    "np.transpose": (lambda np, x: np.transpose(x) * 2, [X]),
    "np.tril": (lambda np, x: np.tril(x, -1), [X]),
    "np.triu": (lambda np, x: np.triu(x), [X]),
    "np.where": (lambda np, x: [np.where(x > 0, x, 0), np.where(x[0] > 0, 1.5, x)], [X]),
    "np.zeros": (lambda np, x: np.zeros((4, 3), "f4") + x, [X]),
    "np.zeros_like": (lambda np, x: np.zeros_like(x) + x, [X]),
}  # fmt: skip
# Those that other tests run: products, and what only rules and steps have.
ELSEWHERE = {
    ".dot", "np.dot", ".item", "np.float32", "np.float64", "np.lib.stride_tricks.as_strided",
    "constant", "np.arange",
}  # fmt: skip


def test_every_statement_is_tested() -> None:
    known = {*forms._OWN, *forms._COPIES, *forms._FILLED, *VIEWS}
    assert known == {n for n in STATEMENTS if not n.endswith(".at")} | ELSEWHERE


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement(name: str) -> None:
    function, operands = STATEMENTS[name]
    check(function, operands)


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "minimum", "logical_or"])
@pytest.mark.parametrize("shape", [(3, 4, 2), (20, 30, 8)])
def test_reductions(name: str, shape: tuple[int, ...]) -> None:
    """Over each choice of axes, from each order of memory."""
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    if name == "multiply":
        x = 1 + x / 1e3
    exact = name not in ("add", "multiply")

    def function(np: Any, x: Any) -> Any:
        reduce = getattr(np, name).reduce
        axes = [0, 1, 2, (0, 2), (0, 1, 2), ()]
        return [reduce(y, a, keepdims=True) for a in axes for y in (x, x.T)]

    terms = function(np, np.abs(x))
    call = compiled(function, np.ones_like(x))
    got = call(x)
    assert got is not None
    for ours, theirs, size in zip(got, function(np, x), terms, strict=True):
        assert difference(ours, theirs, Exact() if exact else Scaled(32), np.abs(size)) is None


@pytest.mark.parametrize(
    ("m", "k", "n"), [(2, 3, 4), (3, 50, 2), (1, 7, 1), (20, 30, 10), (64, 3, 64)]
)
def test_a_product(m: int, k: int, n: int) -> None:
    """Small and large, from each order of memory."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((m, k), (k, n)))
    bt, wide = b.T.copy(), rng.standard_normal((m, 2 * k)).astype(np.float32)
    terms = np.abs(a) @ np.abs(b) + np.abs(wide[:, ::2]) @ np.abs(b)

    def function(np: Any, a: Any, b: Any, bt: Any, wide: Any) -> Any:
        return [a.dot(b), a @ bt.T, wide[:, ::2] @ b, (b.T @ a.T).T]

    check(function, [a, b, bt, wide], Scaled(64), terms)


def test_products_of_vectors_and_stacks() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((3, 4, 5), (2, 1, 5, 4)))
    v = rng.standard_normal(5).astype(np.float32)
    check(lambda np, a, v: a @ v, [a, v], Scaled(32), np.abs(a) @ np.abs(v))
    check(lambda np, a, v: v.dot(v), [a, v], Scaled(32), np.abs(v) @ np.abs(v))
    check(lambda np, b, v: v @ b, [b, v], Scaled(32), np.abs(v) @ np.abs(b))
    check(lambda np, a, b: a @ b, [a, b], Scaled(32), np.abs(a) @ np.abs(b))
    i = np.arange(6).reshape(2, 3)
    check(lambda np, i: i @ i.T, [i])


@pytest.mark.parametrize("bad", [4, -5])
def test_an_index_out_of_range_leaves_the_program(bad: int) -> None:
    call = compiled(lambda np, x, i: x[i], X.copy(), I)
    assert call(X, np.array([0, 1, bad, 2])) is None
    call = compiled(lambda np, x, i: _with(np, x, lambda y: y.__setitem__(i, 1)), X.copy(), I)
    assert call(X, np.array([0, 1, bad, 2])) is None


def test_what_has_no_form_is_named() -> None:
    with pytest.raises(NoForm, match=r"np\.linalg\.inv"):
        compiled(lambda np, x: np.linalg.inv(x), np.eye(2))
    with pytest.raises(NoForm, match="float16"):
        compiled(lambda np, x: x * 2, np.ones(3, np.float16))
    with pytest.raises(NoForm, match="complex64"):
        compiled(lambda np, x: x * 2, np.ones(3, np.complex64))
