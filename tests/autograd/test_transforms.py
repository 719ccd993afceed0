"""transforms.py: torch.func's derivatives, alone, nested, and mixed with backward."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")
with warnings.catch_warnings():  # PyTorch's first Hessian warns of its own code
    warnings.simplefilter("ignore")
    torch.func.hessian(lambda x: x * x)(torch.tensor(1.0))

SAME = """
fn.grad(f)(x)
fn.grad(f)(p)
fn.grad(lambda x: (x * W * x).sum())(x)
fn.grad(fn.grad(lambda x: x ** 3))(torch.tensor(2.))
fn.grad(fn.grad(fn.grad(lambda x: x ** 3 * 2)))(torch.tensor(2.))
fn.grad(f)(x.long())
fn.grad(lambda x: x)(x)
fn.grad(lambda x: (x.sum(), 1))(x)
fn.grad(lambda x: (x.sum(), 1), has_aux=True)(x)
fn.grad(lambda x: (x.sum(), x * 2), has_aux=True)(p)
fn.grad(lambda x: (x.sum(), {'a': x * 2}), has_aux=True)(x)
fn.grad(lambda x: x.sum(), has_aux=True)(x)
fn.grad(lambda x, y: (x * y).sum(), argnums=1)(x, x * 3)
fn.grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(x, x * 3)
fn.grad(lambda x, y: (x * y).sum(), argnums=(0,))(x, x)
fn.grad(lambda x, y: (x * y).sum(), argnums=-1)(x, x * 3)
fn.grad(lambda x, y: (x * y).sum(), argnums=2)(x, x)
fn.grad(lambda x, y: (x * y).sum(), argnums=(0, 0))(x, x)
fn.grad(lambda x, y: (x * y).sum(), argnums='a')(x, x)
fn.grad(lambda x, y: (x * y).sum(), argnums=())(x, x)
fn.grad(lambda d: (d['a'] * d['b'][0]).sum())({'a': x, 'b': [x * 2]})
fn.grad(lambda d: d['a'].sum())({'a': x, 'b': [x * 2]})
fn.grad(lambda d: d['a'].sum())({'a': x, 'b': 3})
fn.grad(lambda x: 3.0)(x)
fn.grad(lambda x: torch.tensor(3.0))(x)
fn.grad(lambda x: W.sum())(x)
fn.grad(f)(3.0)
fn.grad(lambda x, *, k: (x * k).sum())(x, k=3)
fn.grad_and_value(f)(x)
fn.grad_and_value(f)(p)
fn.grad_and_value(lambda x: (x.sum(), x * 2), has_aux=True)(x)
fn.vjp(f, x)[0], fn.vjp(f, x)[1](torch.tensor(2.))
fn.vjp(lambda x, y: x * y, x, x * 3)[1](torch.ones(2))
fn.vjp(lambda x, y: (x * y, x), x, x * 3)[1]((torch.ones(2), x))
fn.vjp(lambda x, y: (x * y, x), x, x * 3)[1](torch.ones(2))
fn.vjp(lambda x, y: {'a': x * y}, x, x * 3)[1]({'a': torch.ones(2)})
fn.vjp(lambda x: (x * 2, 5), x, has_aux=True)
fn.vjp(lambda x: (x * 2, x + 1), x, has_aux=True)[2]
fn.vjp(lambda x: 5, x)
fn.vjp(f, x)[1](torch.ones(3))
fn.vjp(f, x)[1](torch.ones(1))
fn.vjp(f, p)[0], fn.vjp(f, p)[1](torch.tensor(2.))
fn.vjp(f, 5)
twice(fn.vjp(f, x)[1], torch.tensor(1.))
fn.jacrev(lambda x: x ** 2)(x)
fn.jacrev(lambda x: x ** 2)(p)
fn.jacrev(lambda x, y: (x * y, x.sum()), argnums=(0, 1))(x, x * 3)
fn.jacrev(lambda x, y: {'a': x * y}, argnums=(0, 1))(x, x)
fn.jacrev(lambda d: d['a'] ** 2)({'a': x})
fn.jacrev(lambda x: (x ** 2, x), has_aux=True)(x)
fn.jacrev(fn.jacrev(lambda x: x ** 3))(x)
fn.jacrev(lambda x: 5)(x)
fn.jacrev(lambda x: x * 2, chunk_size=1)(x)
fn.jacrev(lambda x: x * 2, chunk_size=0)(x)
fn.jacrev(lambda x: torch.zeros(0) * x.sum())(x)
fn.jacrev(lambda x: torch.ones(2))(x)
fn.jacrev(lambda x: (x[:, None] * x).sum(0))(x.double())
fn.hessian(lambda x, y: (x * x * y).sum(), argnums=(0, 1))(x, x)
fn.hessian(lambda x, y: (x * x * y).sum(), argnums=1)(x, x)
fn.hessian(lambda d: (d['a'] ** 2).sum())({'a': x})
fn.hessian(f)(x)
fn.grad(lambda x: fn.grad(lambda y: (x * y * y).sum())(x).sum())(x)
fn.grad(lambda x: (x.detach() * x).sum())(x)
fn.grad(lambda x: fn.vjp(lambda y: y ** 3, x)[1](torch.ones(2))[0].sum())(x)
flags(fn.grad(f)(x), fn.grad(f)(p), fn.grad(lambda x: (x * W * x).sum())(x))
flags(fn.grad_and_value(f)(p)[1], fn.grad_and_value(f)(x)[1], fn.vjp(f, x)[0], fn.vjp(f, p)[0])
flags(fn.vjp(f, x)[1](torch.tensor(1., requires_grad=True))[0], fn.jacrev(lambda x: x ** 2)(p))
without_grad(torch, lambda: fn.grad(f)(p))
without_grad(torch, lambda: fn.grad_and_value(f)(p)[1])
without_grad(torch, lambda: fn.jacrev(f)(p))
without_grad(torch, lambda: fn.vjp(f, p)[0])
after_backward(fn.grad(f)(p).sum(), p)
after_backward(fn.grad(lambda x: (x * W * x).sum())(x).sum(), W)
after_backward(fn.grad_and_value(f)(p)[1], p)
fn.functional_call(linear, {'weight': x[None], 'bias': torch.zeros(1)}, (x,))
fn.functional_call(linear, {'weight': x[None], 'bias': torch.zeros(1)}, x)
fn.functional_call(linear, ({'weight': x[None]}, {'bias': torch.zeros(1)}), x)
fn.functional_call(linear, ({'weight': x[None]}, {'weight': torch.zeros(1)}), x)
fn.functional_call(linear, {'weight': x[None]}, (x,)).shape
fn.functional_call(linear, {'weight': x[None]}, (x,), strict=True)
fn.functional_call(linear, {'foo': x[None]}, (x,)).shape
fn.functional_call(linear, {'foo.bar': x[None]}, (x,))
fn.functional_call(linear, {'foo': x[None]}, (x,), strict=True)
fn.functional_call(linear, {'weight': 3}, (x,))
fn.functional_call(linear, 5, (x,))
fn.functional_call(linear, {'weight': x[None], 'bias': torch.zeros(1)}, kwargs={'input': x})
fn.functional_call(linear, {}, ())
fn.functional_call(tied(torch), {'a.weight': torch.eye(2)}, (x,))
fn.functional_call(tied(torch), {'a.weight': torch.eye(2), 'b.weight': torch.eye(2) * 2}, (x,))
fn.functional_call(tied(torch), {'a.weight': torch.eye(2), 'k': x}, (x,))
fn.grad(lambda d: fn.functional_call(linear, d, (x,)).sum())({'weight': x[None]})
"""


def tied(torch: Any) -> Any:
    """A module with one weight under two names, and a buffer."""

    class Tied(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.a = torch.nn.Linear(2, 2, bias=False)
            self.b = torch.nn.Linear(2, 2, bias=False)
            self.b.weight = self.a.weight
            self.register_buffer("k", torch.ones(2))

        def forward(self, x: Any) -> Any:
            return self.b(self.a(x)) * self.k

    return Tied()


def flags(*tensors: Any) -> list[Any]:
    return [[t.requires_grad, t] for t in tensors]


def without_grad(torch: Any, function: Any) -> Any:
    with torch.no_grad():
        return flags(function())


def after_backward(y: Any, leaf: Any) -> Any:
    y.backward()
    return leaf.grad


def twice(function: Any, argument: Any) -> Any:
    return [function(argument), function(argument)]


@pytest.mark.parametrize("line", SAME.strip().splitlines())
def test_same_as_pytorch(line: str) -> None:
    def program(torch: Any) -> Any:
        names = {
            "fn": torch.func,
            "x": torch.tensor([1.0, 2.0]),
            "p": torch.tensor([1.0, 2.0], requires_grad=True),
            "W": torch.tensor([3.0, 4.0], requires_grad=True),
            "f": lambda x: (x**3).sum(),
            "linear": torch.nn.Linear(2, 1),
        }
        helpers = {
            "tied": tied,
            "flags": flags,
            "without_grad": without_grad,
            "after_backward": after_backward,
            "twice": twice,
        }
        return eval(line, names | helpers | {"torch": torch})

    check_same(program)


def test_a_module_has_its_own_parameters_after_a_functional_call() -> None:
    linear = minigrad.nn.Linear(2, 1)
    weight, bias = linear.weight, linear.bias
    other = {"weight": minigrad.zeros(1, 2), "bias": minigrad.ones(1)}
    assert minigrad.func.functional_call(linear, other, minigrad.ones(2)).tolist() == [1.0]
    with pytest.raises(RuntimeError):
        minigrad.func.functional_call(linear, other, minigrad.ones(3))
    assert linear.weight is weight
    assert linear.bias is bias


@pytest.mark.parametrize("name", ["vmap", "jvp", "jacfwd"])
def test_forward_mode_and_vmap_are_refused_by_name(name: str) -> None:
    x = minigrad.ones(2)
    with pytest.raises(NotImplementedError, match=name):
        getattr(minigrad.func, name)(lambda x: x, (x,), (x,))
