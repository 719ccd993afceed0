"""Inference tensors: what they are, and what they refuse, as in PyTorch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import minigrad  # noqa: E402
from minigrad.core.tensor import wrap  # noqa: E402

BOTH: tuple[Any, Any] = (minigrad, torch)

# What is an inference tensor, of `n`, a normal tensor, `w`, a leaf that requires grad, and `i`, an
# inference tensor, inside and outside of inference mode.
MADE: dict[str, Callable[..., Any]] = {
    "ones": lambda t, n, w, i: t.ones(2, 3),
    "a leaf": lambda t, n, w, i: t.ones(2, 3, requires_grad=True),
    "rand": lambda t, n, w, i: t.rand(2, 3),
    "from_numpy": lambda t, n, w, i: t.from_numpy(n.numpy()),
    "n * 2": lambda t, n, w, i: n * 2,
    "i * 2": lambda t, n, w, i: i * 2,
    "i * n": lambda t, n, w, i: i * n,
    "i + w": lambda t, n, w, i: i + w,
    "view of i": lambda t, n, w, i: i.view(-1),
    "part of i": lambda t, n, w, i: i[0],
    "parts of i": lambda t, n, w, i: i.split(1)[1],
    "view of n": lambda t, n, w, i: n.view(-1),
    "part of n": lambda t, n, w, i: n[0],
    "detached i": lambda t, n, w, i: i.detach(),
    "detached n": lambda t, n, w, i: n.detach(),
    "clone of i": lambda t, n, w, i: i.clone(),
    "n.add_(i)": lambda t, n, w, i: n.add_(i),
    "i.contiguous()": lambda t, n, w, i: i.contiguous(),
    "reshape of i": lambda t, n, w, i: i.t().reshape(-1),
    "cat": lambda t, n, w, i: t.cat([n, i]),
    "sum": lambda t, n, w, i: i.sum(),
    "max": lambda t, n, w, i: i.max(0).indices,
    "deepcopy": lambda t, n, w, i: __import__("copy").deepcopy(i),
    "Linear": lambda t, n, w, i: t.nn.Linear(3, 2).weight,
    "linear": lambda t, n, w, i: t.nn.Linear(3, 2)(n),
    "data of i": lambda t, n, w, i: i.data,
    "data of n": lambda t, n, w, i: n.data,
    "unsafe parts of i": lambda t, n, w, i: i.unsafe_chunk(2)[0],
    "n[i]": lambda t, n, w, i: n[i.long()],
}
# Calls that are errors outside of inference mode, or everywhere, or nowhere.
CALLS: dict[str, Callable[..., Any]] = {
    "version": lambda t, n, w, i: i._version,
    "i.add_(1)": lambda t, n, w, i: i.add_(1),
    "i.add_(n)": lambda t, n, w, i: i.add_(n),
    "i += n": lambda t, n, w, i: i.__iadd__(n),
    "i.zero_()": lambda t, n, w, i: i.zero_(),
    "i[0] = 1": lambda t, n, w, i: i.__setitem__(0, 1),
    "i[mask] = 1": lambda t, n, w, i: i.__setitem__(i > 0, 1),
    "view": lambda t, n, w, i: i.view(-1).mul_(2),
    "i.copy_(n)": lambda t, n, w, i: i.copy_(n),
    "i.t_()": lambda t, n, w, i: i.t_(),
    "i.index_add_": lambda t, n, w, i: i.index_add_(0, t.tensor([0]), t.ones(1, 3)),
    "i.uniform_()": lambda t, n, w, i: i.uniform_(),
    "out=i": lambda t, n, w, i: t.add(n, n, out=i),
    "n.mul_(i)": lambda t, n, w, i: n.mul_(i),
    "in no_grad": lambda t, n, w, i: t.no_grad()(lambda: i.add_(1))(),
    "i * w": lambda t, n, w, i: i * w,
    "w @ i": lambda t, n, w, i: w @ i.t(),
    "w + i": lambda t, n, w, i: w + i,
    "linear": lambda t, n, w, i: t.nn.Linear(3, 2)(i),
    "where": lambda t, n, w, i: t.where(i > 0, w, n),
    "where of values": lambda t, n, w, i: t.where(n > 0, w, i),
    "n[i]": lambda t, n, w, i: n[i.long()[:, 0]],
    "w[i]": lambda t, n, w, i: w[i.long()[:, 0]],
    "w[mask]": lambda t, n, w, i: w[i > 0],
    "n[mask] = 1": lambda t, n, w, i: n.clone().__setitem__(i > 0, 1),
    "index_select": lambda t, n, w, i: n.index_select(0, i.long()[:, 0]),
    "fmod": lambda t, n, w, i: w.fmod(i),
    "requires_grad_": lambda t, n, w, i: i.requires_grad_(),
    "requires_grad_(False)": lambda t, n, w, i: i.requires_grad_(False),
    "Parameter": lambda t, n, w, i: t.nn.Parameter(i),
    "resize_ to the same": lambda t, n, w, i: i.resize_(2, 3),
    "clone * w": lambda t, n, w, i: i.clone() * w,
    "view * w": lambda t, n, w, i: i.view(2, 3) * w,
    "in no_grad * w": lambda t, n, w, i: t.no_grad()(lambda: i * w)(),
    "embedding": lambda t, n, w, i: t.nn.functional.embedding(i.long(), w),
    "backward": lambda t, n, w, i: (w + i).sum().backward(),
    "step": lambda t, n, w, i: t.optim.SGD([i], lr=0.1).step(),
}


def operands(t: Any) -> tuple[Any, Any, Any]:
    n, w = t.ones(2, 3), t.ones(2, 3, requires_grad=True)
    with t.inference_mode():
        return n, w, t.ones(2, 3)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("name", MADE)
def test_which_tensors_are_inference_tensors(name: str, inside: bool) -> None:
    found = []
    for t in BOTH:
        n, w, i = operands(t)
        with t.inference_mode(inside):
            x = MADE[name](t, n, w, i)
        found.append((t.is_inference(x), x.is_inference(), x.requires_grad, x.is_leaf))
    assert found[0] == found[1]


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_what_is_refused(name: str, inside: bool) -> None:
    found: list[Any] = []
    for t in BOTH:
        n, w, i = operands(t)
        try:
            with t.inference_mode(inside):
                CALLS[name](t, n, w, i)
            error = None
        except RuntimeError as raised:
            error = str(raised).split()[:4]
        found.append(error is None)
        if error is not None and t is minigrad and name != "backward":
            assert "nference" in " ".join(error), error
            # PyTorch raises some of the errors after it has written.
            assert i.sum().item() == 6
            assert (i.shape, n.sum().item()) == ((2, 3), 6)
    assert found[0] == found[1]


def test_a_model_that_was_made_in_inference_mode_can_be_called() -> None:
    for t in BOTH:
        with t.inference_mode():
            layer = t.nn.Linear(3, 2)
        assert layer(t.ones(1, 3)).shape == (1, 2)


def test_another_thread_is_not_in_inference_mode() -> None:
    found = []
    with minigrad.inference_mode():
        thread = threading.Thread(target=lambda: found.append(minigrad.ones(1).is_inference()))
        thread.start()
        thread.join()
        assert minigrad.ones(1).is_inference()
    assert found == [False]


def test_nothing_is_asked_outside_of_the_mode() -> None:
    before = wrap.__code__
    with minigrad.inference_mode():
        assert wrap.__code__ is not before
        with minigrad.inference_mode(False):
            assert not minigrad.ones(1).is_inference()
        assert minigrad.ones(1).is_inference()
    assert wrap.__code__ is before
    with pytest.raises(ZeroDivisionError), minigrad.inference_mode():
        _ = 1 / 0
    assert wrap.__code__ is before
