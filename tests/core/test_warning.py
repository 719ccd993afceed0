"""warning.py: the warnings that PyTorch gives and minigrad must, how often, and of which line."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same, outcome

import minigrad
import minigrad.nn.functional as F

torch = pytest.importorskip("torch")


def leaf(t: Any, *shape: int) -> Any:
    return t.ones(shape, requires_grad=True)


def without_grad_mode(t: Any) -> Any:
    with t.no_grad():
        return float(leaf(t, 1)), t.tensor([leaf(t)])


def read_only(*shape: int) -> np.ndarray:
    array = np.ones(shape or (3,))
    array.flags.writeable = False
    return array


def matrix(t: Any) -> Any:
    return t.arange(12).reshape(3, 4)


def of_old_reductions(t: Any, name: str) -> Any:
    loss = getattr(t.nn, name)(reduction="elementwise_mean")
    target = t.ones(2, 2) if name == "MSELoss" else t.tensor([0, 1])
    return loss(t.eye(2), target)


def saved_variables(t: Any) -> Any:
    class Square(t.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_variables
            return 2 * x * g

    x = leaf(t, 1)
    Square.apply(x).backward()
    return x.grad


def step_with_a_tensor(t: Any, name: str) -> Any:
    w = leaf(t, 2)
    w.grad = t.ones(2)
    getattr(t.optim, name)([w], lr=t.tensor(0.5, requires_grad=True)).step()
    return w


def recorded_gradient_of_t(t: Any) -> Any:
    x = leaf(t, 2)
    (g,) = t.autograd.grad((x.t() * 3).sum(), x, create_graph=True)
    return g


def bytes_of(t: Any, *items: int) -> Any:
    return t.tensor(items, dtype=t.uint8)


def written(x: Any, key: Any, value: Any) -> Any:
    x[key] = value
    return x


WARNINGS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    # The number of warnings, and a program that gives them.
    "float": (1, lambda t: float(leaf(t))),
    "float of a result": (1, lambda t: float(leaf(t, 1) * 2)),
    "float of a parameter": (1, lambda t: float(t.nn.Parameter(t.ones(1)))),
    "float of too many": (1, lambda t: float(leaf(t, 2))),
    "float without a gradient": (0, lambda t: float(leaf(t).detach())),
    "float in no_grad": (0, without_grad_mode),
    "complex": (1, lambda t: complex(leaf(t)).real),
    "int": (0, lambda t: int(leaf(t))),
    "bool": (0, lambda t: bool(leaf(t))),
    "item": (0, lambda t: leaf(t).item()),
    "format": (0, lambda t: f"{leaf(t):.2f}"),
    "%f": (1, lambda t: "%f" % leaf(t)),  # noqa: UP031 - it calls __float__
    "%d": (0, lambda t: "%d" % leaf(t)),  # noqa: UP031
    "tensor of tensors": (2, lambda t: t.tensor([[leaf(t), 1.0], [2.0, leaf(t, 1)]])),
    "Tensor of tensors": (1, lambda t: t.Tensor([leaf(t), 1])),
    "as_tensor of tensors": (1, lambda t: t.as_tensor([leaf(t)])),
    "lr of SGD": (0, lambda t: step_with_a_tensor(t, "SGD")),
    "lr of Adam": (0, lambda t: step_with_a_tensor(t, "Adam")),
    "lr of AdamW": (0, lambda t: step_with_a_tensor(t, "AdamW")),
    "a factor before its tensor": (1, lambda t: t.ones(2).add(2, t.ones(2))),
    "a factor before its tensor, in place": (1, lambda t: t.ones(2).add_(2, t.ones(2))),
    "factors before their tensors": (1, lambda t: t.addmm(2, t.eye(3), 3, t.eye(3), t.eye(3))),
    "a factor before a number": (1, lambda t: t.ones(2).sub(1, 2)),
    "arange of another size than its memory": (1, lambda t: t.arange(3, out=t.zeros(2))),
    "linspace of another size than its memory": (0, lambda t: t.linspace(0, 1, 3, out=t.ones(2))),
    "T of 0-d": (1, lambda t: t.tensor(1.0).T),
    "T of 1-d": (1, lambda t: t.ones(2).T),
    "T of 2-d": (0, lambda t: t.ones(2, 3).T),
    "T of 3-d": (1, lambda t: t.ones(2, 3, 4).T),
    "mT of 0-d": (1, lambda t: t.tensor(1.0).mT),
    "mT of 3-d": (0, lambda t: t.ones(2, 3, 4).mT),
    "t, differentiated": (0, recorded_gradient_of_t),
    "from_numpy": (1, lambda t: t.from_numpy(read_only())),
    "as_tensor": (1, lambda t: t.as_tensor(read_only())),
    "as_tensor, converted": (1, lambda t: t.as_tensor(read_only(), dtype=t.float32)),
    "Tensor": (1, lambda t: t.Tensor(read_only())),
    "tensor": (0, lambda t: t.tensor(read_only())),
    "== with an array": (1, lambda t: t.ones(3, dtype=t.float64) == read_only()),
    "collate": (1, lambda t: t.utils.data.default_collate([read_only()])),
    "a list of arrays": (2, lambda t: t.tensor([np.ones(2), np.ones(2)])),
    "a list of a list of arrays": (1, lambda t: t.tensor([[np.ones(2)]])),
    "a list of reversed arrays": (1, lambda t: t.tensor([np.arange(3)[::-1]])),
    "a list of numbers of NumPy": (0, lambda t: t.tensor([np.float64(1), np.float64(2)])),
    "Tensor of arrays": (1, lambda t: t.Tensor([np.ones(2)])),
    "elementwise_mean of MSELoss": (1, lambda t: of_old_reductions(t, "MSELoss")),
    "elementwise_mean of NLLLoss": (1, lambda t: of_old_reductions(t, "NLLLoss")),
    "elementwise_mean of CrossEntropyLoss": (1, lambda t: of_old_reductions(t, "CrossEntropyLoss")),
    "state_dict": (1, lambda t: [*t.nn.Linear(1, 1).state_dict({"a": 1}, "p.")]),
    "state_dict, no prefix": (1, lambda t: [*t.nn.Linear(1, 1).state_dict({})]),
    "state_dict, with tensors": (
        1,
        lambda t: t.nn.Linear(1, 1).state_dict(None, "", True)["bias"].requires_grad,
    ),
    "saved_variables": (1, saved_variables),
    "create_graph": (1, lambda t: (leaf(t) * 2).backward(create_graph=True)),
    "only_inputs": (1, lambda t: t.autograd.grad(*[leaf(t)] * 2, only_inputs=False)),
    "where with bytes": (1, lambda t: t.where(bytes_of(t, 1, 0), 1.0, 2.0)),
    "a mask of bytes": (1, lambda t: t.ones(2)[bytes_of(t, 1, 0)]),
    "a mask of an array of bytes": (1, lambda t: t.ones(2)[np.uint8([1, 0])]),
    "a mask of one byte": (0, lambda t: t.ones(2)[t.tensor(1, dtype=t.uint8)]),
    "two masks of bytes": (2, lambda t: t.ones(2, 2)[bytes_of(t, 1, 0), bytes_of(t, 0, 1)]),
    "a write by a mask of bytes": (
        1,
        lambda t: written(t.ones(3), bytes_of(t, 1, 0, 1), t.tensor([2.0, 3.0])),
    ),
    "index_put by bytes": (
        1,
        lambda t: t.ones(3).index_put((bytes_of(t, 1, 0, 1),), t.tensor([2.0, 3.0])),
    ),
    "masked_fill_ of an expanded tensor": (
        1,
        lambda t: t.ones(1).expand(3).masked_fill_(t.tensor([True, False, True]), 2.0),
    ),
    "a write to an expanded tensor": (
        1,
        lambda t: written(t.ones(1).expand(3), t.tensor([0, 1]), 2.0),
    ),
    "a write of one value to an expanded tensor, by a mask": (
        2,
        lambda t: written(t.ones(1).expand(3), t.tensor([True, False, True]), 2.0),
    ),
    "such a write of several values": (
        1,
        lambda t: written(t.ones(1).expand(3), t.tensor([True, False, True]), t.ones(2)),
    ),
    "index_put_ of one value, by a mask": (
        2,
        lambda t: t.ones(1).expand(2).index_put_((t.tensor([True, False]),), t.tensor(2.0)),
    ),
    "write into a read-only key": (
        1,
        lambda t: t.zeros(3).__setitem__(np.frombuffer(np.array([1]).tobytes(), np.int64), 1),
    ),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_warnings_are_pytorchs(name: str) -> None:
    number, program = WARNINGS[name]
    assert len(check_same(program).warned) == number


# Keys ---------------------------------------------------------------------------------------------

_items = st.one_of(
    st.integers(-1, 1),
    st.sampled_from([None, ..., True, slice(1), (0, 1), [1], np.array([0, 1]), np.int64(1), "t"]),
)
KEYS = st.one_of(
    st.lists(_items, max_size=3),
    st.lists(_items, max_size=2).map(tuple),
    st.sampled_from([[[0]] * 31, [[0]] * 32, range(2), "ab", b"ab", np.eye(3, 4) > 0]),
)


@given(KEYS, st.booleans())
def test_sequences_that_stand_for_tuples_warn(key: Any, write: bool) -> None:
    def program(t: Any) -> Any:
        x, k = matrix(t), key
        if isinstance(key, list | tuple):
            k = type(key)(t.tensor([0, 1]) if item == "t" else item for item in _plain(key))
        if write:
            x[k] = 99
            return x
        return x[k]

    ours, theirs = outcome(program, minigrad), outcome(program, torch)
    # Which of two errors in a key is found first, and its words, are another matter.
    assert ours.value == theirs.value
    assert (ours.error is None) == (theirs.error is None)
    assert [w.kind for w in ours.warned] == [w.kind for w in theirs.warned]


def _plain(key: Any) -> list[Any]:
    return ["t" if isinstance(item, str) else item for item in key]


# How often, and where -----------------------------------------------------------------------------


def in_a_new_process(body: str) -> list[str]:
    program = f"""
import warnings, numpy as np, {{0}} as torch
x = torch.ones((), requires_grad=True)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    {body}
print(len(caught))
"""
    return [
        subprocess.run(
            [sys.executable, "-c", program.format(name)],
            cwd=Path(minigrad.__file__).parents[1],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in ("minigrad", "torch")
    ]


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ("float(x), float(x), complex(x)", 1),
        ("torch.ones(1).T, torch.ones(2).T, torch.ones(()).T, torch.ones(()).mT", 3),
        ("torch.set_warn_always(True); float(x), float(x)", 2),
        ("y = torch.ones(2); y[[None]], y[[None]]", 2),
        ("m = torch.ones(2, dtype=torch.uint8); m[m], m[m]", 2),
        ("m = torch.ones(2, dtype=torch.uint8); torch.where(m, m, m), torch.where(m, m, m)", 1),
        (
            "e = torch.eye(2); torch.qr(e), torch.cholesky(e), torch.lu(e), e.qr(), e.lu(); "
            "torch.triangular_solve(e, e), torch.lu_solve(e, *torch.linalg.lu_factor(e)); "
            "torch.chain_matmul(e), torch.chain_matmul(e, e), torch.meshgrid(e[0], e[0])",
            7,
        ),
        ("(x * x).backward(create_graph=True), (x * x).backward(create_graph=True)", 1),
    ],
)
def test_some_warnings_are_given_once(body: str, number: int) -> None:
    assert in_a_new_process(body) == [f"{number}\n"] * 2


DEPRECATED: dict[str, Callable[[Any], Any]] = {
    "qr": lambda t: t.qr(t.eye(2)).R.abs(),
    "cholesky": lambda t: t.cholesky(t.eye(2)),
    "lu": lambda t: list(t.lu(t.eye(2))),
    "triangular_solve": lambda t: t.triangular_solve(t.eye(2), t.eye(2)).solution,
    "lu_solve": lambda t: t.lu_solve(t.eye(2), *t.linalg.lu_factor(t.eye(2))),
    "chain_matmul": lambda t: t.chain_matmul(t.eye(2), t.eye(2)),
    "meshgrid": lambda t: list(t.meshgrid(t.ones(2), t.ones(3))),
}


@pytest.mark.parametrize("name", DEPRECATED)
def test_deprecated_functions_warn(name: str) -> None:
    def program(t: Any) -> Any:
        before = t.is_warn_always_enabled()
        t.set_warn_always(True)
        try:
            return DEPRECATED[name](t)
        finally:
            t.set_warn_always(before)

    assert len(check_same(program).warned) == 1


def test_set_warn_always() -> None:
    def program(t: Any) -> Any:
        before = t.is_warn_always_enabled()
        t.set_warn_always(False)
        inside = t.is_warn_always_enabled()
        t.set_warn_always(True)
        t.set_warn_always(1)
        return before, inside

    assert check_same(program).error is not None


def test_a_warning_names_the_users_line() -> None:
    x = leaf(minigrad)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        float(x)
        minigrad.tensor([[x]])
        minigrad.ones(1).T  # noqa: B018
        minigrad.from_numpy(read_only())
        minigrad.as_tensor(read_only())
        minigrad.ones(3)[[[0], [1]][:1]]
        minigrad.Tensor([np.ones(2)])
        minigrad.no_grad()(int)
        minigrad.no_grad(int)
        minigrad.set_grad_enabled(True)(int)
        F.mse_loss(minigrad.ones(1), minigrad.ones(1), reduction="elementwise_mean")
        minigrad.nn.Linear(1, 1).state_dict({})
        mask = bytes_of(minigrad, 1, 0)
        minigrad.ones(2)[mask]
        minigrad.where(mask, 1.0, 2.0)
        minigrad.ones(1).expand(2)[[0]] = 2.0
        minigrad.ones(1).expand(2).masked_fill_(mask == 1, 2.0)
    assert {w.filename for w in caught} == {__file__}
    lines = [w.lineno for w in caught]
    assert len(set(lines)) == len(lines) == 16
