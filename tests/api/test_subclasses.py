"""Subclasses of Tensor, and `__torch_function__`, are as in PyTorch.

A first subclass changes the functions of its process, so the programs run in processes of their
own, with either library.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import minigrad

pytest.importorskip("torch")

START = """
import copy, importlib, pickle, sys, warnings
warnings.simplefilter("ignore")
torch = importlib.import_module(sys.argv[1])
F = torch.nn.functional

class T(torch.Tensor):
    pass

def of(*values):
    print(*[type(v).__name__ for v in values])
"""

PROGRAMS = {
    "results": """
x = T([1.0, 2.0])
print(x, T([[1.0, 2.0], [3.0, 4.0]]), T([1, 2]).long(), f"{T([1.0])}", T(2, 3).shape)
of(x + 1, 1 + x, torch.ones(2) + x, torch.ones(2).add(x), torch.exp(x), x > 0, x == x, -x)
of(x.view(2), x[0], x.T, x.data, x.detach(), x.shape, x.numpy(), x.tolist(), x.clone())
of(torch.stack([x, x]), torch.where(x > 0, torch.ones(2), 0.0), torch.zeros_like(x))
of(x.new_zeros(2), torch.tensor(x), torch.as_tensor(x), x.max(0), x.max(0)[0], x.split(1))
of(*x.split(1), *x, *x.unbind(), F.relu(x), torch.nn.Linear(2, 2)(x), torch.linalg.norm(x))
print(x.add_(1) is x, x.to(torch.float) is x, x.contiguous() is x, x.sort(), len(x), float(x[0]))
print(isinstance(x, torch.Tensor), issubclass(T, torch.Tensor), copy.copy(x), bool(x[0] > 0))
""",
    "gradients": """
x = T([1.0, 2.0]).requires_grad_()
y = x * 2
print(x, y, y.grad_fn.name(), y._is_view(), y.is_leaf)
y.sum().backward()
of(x.grad, x.view(1, 2), x.clone())
print(x.grad, x.view(1, 2).grad_fn.name(), x.clone().grad_fn.name())
print(torch.autograd.grad((x ** 2).sum(), x))
model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
out = model(T([[1.0, 2.0]]))
out.sum().backward()
of(out, model[0].weight.grad)
torch.optim.Adam(model.parameters()).step()
(x * x).sum().backward()
torch.optim.SGD([x], lr=0.1).step()
print(x)
""",
    "in place": """
x, y = T([1.0, 2.0]).requires_grad_(), torch.ones(2)
with torch.no_grad():
    x -= 1
    x.view(2).mul_(2)
y += T([1.0, 1.0])
z = T([2.0, 3.0])
z[0] = 5
print(x, y, z, z._version)
""",
    "parameters": """
class P(torch.nn.Parameter):
    pass

x, p = T([1.0, 2.0]), torch.nn.Parameter(torch.ones(2))
of(p, p + 1, p + x, x * p, P(torch.ones(2)), P(torch.ones(2)) + 1)
print(p)
""",
    "conversions": """
x = torch.ones(2, requires_grad=True)
print((x * 2).as_subclass(T), x.as_subclass(T).grad_fn.name(), torch.ones(2).as_subclass(T))
made = torch.Tensor._make_subclass(T, torch.ones(2), True)
print(made, made.is_leaf)
""",
    "several classes": """
class A(T):
    pass

class B(torch.Tensor):
    pass

of(T([1.0]) + A([1.0]), A([1.0]) + T([1.0]), torch.add(T([1.0]), A([1.0])))
try:
    A([1.0]) + B([1.0])
except TypeError:
    print("error")
""",
    "methods of a class": """
class Negated(torch.Tensor):
    def __add__(self, other):
        return super().__add__(other) * -1

    def exp(self):
        return super().exp() + 1

print(Negated([1.0]) + 1, Negated([1.0]).exp())
""",
    "calls": """
class Logged(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        names = [each.__name__ for each in types]
        calls.append((names, func is torch.add, func is torch.exp, func is torch.Tensor.sum))
        return super().__torch_function__(func, types, args, kwargs)

calls = []
x = Logged([1.0, 2.0])
for call in (
    lambda: x + 1,
    lambda: 1 - x,
    lambda: x.sum(dim=0),
    lambda: torch.add(x, torch.ones(2)),
    lambda: torch.exp(input=x),
    lambda: torch.stack([torch.ones(2), x]),
    lambda: F.relu(x),
    lambda: x.add_(1),
    lambda: x[0],
    lambda: x + T([1.0, 1.0]),
):
    calls.clear()
    try:
        of(call())
    except TypeError:
        print("error")
    print(calls[:1])

class Replaced(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return "replaced"

x = Replaced([1.0])
print(torch.add(x, 1), x + 1, torch.ones(1).mul(x), torch.cat([x]), F.linear(x, x), x.sum())
""",
    "overrides": """
from importlib import import_module
overrides = import_module(sys.argv[1] + ".overrides")
x, p = T([1.0]), torch.nn.Parameter(torch.ones(1))
print(overrides.is_tensor_like(x), overrides.is_tensor_like(p), overrides.is_tensor_like(1))
print(overrides.has_torch_function((x,)), overrides.has_torch_function((torch.ones(1), p, 1)))
with torch._C.DisableTorchFunctionSubclass():
    of(x + 1, torch.exp(x))
    print(overrides.has_torch_function((x,)))

class W:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func.__name__, types, len(args), kwargs

def double(x, y=1):
    if overrides.has_torch_function((x, y)):
        return overrides.handle_torch_function(double, (x, y), x, y=y)
    return x * 2

of(double(W()), double(x), double(p))
print(double(W(), y=2)[2:], overrides.is_tensor_like(W()))
""",
}


def printed(program: str, library: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", START + program, library],
        cwd=Path(minigrad.__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert not ran.returncode, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_subclass(name: str) -> None:
    assert printed(PROGRAMS[name], "minigrad") == printed(PROGRAMS[name], "torch")


def test_functions_are_as_before_while_there_is_no_subclass() -> None:
    program = """
if sys.argv[1] == "minigrad":
    from minigrad.api.subclasses import _changed
    print(bool(_changed), hasattr(torch.add, "without_asking"))
"""
    assert printed(program, "minigrad") == "True True\n"  # there is T
    without = START.replace("class T(torch.Tensor):\n    pass\n", "") + program
    ran = [sys.executable, "-c", without, "minigrad"]
    found = subprocess.run(ran, capture_output=True, text=True, check=True)
    assert found.stdout == "False False\n"


def test_functions_are_pickled_as_before() -> None:
    program = """
import inspect

def pickled(f):
    try:
        return pickle.loads(pickle.dumps(f)) is f
    except Exception:
        return False

def names():
    for holder in (torch, F, torch.linalg, torch.special, torch.autograd, torch.Tensor):
        for name in getattr(holder, "__all__", None) or dir(holder):
            found = getattr(holder, name)
            if inspect.isfunction(found) and pickled(found):
                yield getattr(holder, "__name__"), name

before = set(names())
class T(torch.Tensor):
    pass
print(len(before) > 900, sorted(before - set(names())))
"""
    start = START.partition("class T")[0]
    ran = [sys.executable, "-c", start + program, "minigrad"]
    found = subprocess.run(ran, capture_output=True, text=True, check=True)
    assert found.stdout == "True []\n"
