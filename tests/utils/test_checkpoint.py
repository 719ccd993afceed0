"""checkpoint.py: the same gradients as without it, in both libraries, and less memory."""

from __future__ import annotations

import importlib
import tracemalloc
import warnings
from typing import Any

import pytest
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")
pytest.importorskip("torch.utils.checkpoint")

SAME = """
run(lambda x: x * x, False)
run(lambda x: x * x, True)
run(lambda x: (x * 2, x.sqrt()), False)
run(lambda x: (x * 2, x.sqrt()), True)
run(lambda x: {'a': x.sqrt() * W}, False)
run(lambda x: x.sqrt() * W, True)
run(lambda x: torch.nn.functional.dropout(x, 0.5) * x, False)
run(lambda x: torch.nn.functional.dropout(x, 0.5) * x, True)
run(lambda x: torch.nn.functional.dropout(x, 0.5) * x, False, preserve_rng_state=False)
run(lambda x: checkpoint(lambda y: y.sqrt() * y, x * 2, use_reentrant=False) * x, False)
run(lambda x: x, False)
run(lambda x: x[1:].sqrt(), False)
run(lambda x: x.clone().mul_(x).sqrt(), False)
run(lambda x: lin(x).relu(), False)
run(lambda x: lin(x).relu(), True)
run(lambda x, k=1: x.sqrt() * k, False, k=3)
run(lambda x, k=1: x.sqrt() * k, True, k=3)
checkpoint(lambda x: 3, p, use_reentrant=False)
checkpoint(lambda x: x * 2, p).grad_fn.name()
checkpoint(lambda x: x * 2, p, use_reentrant=False).grad_fn.name()
checkpoint(lambda x: x * 2, x, use_reentrant=True)
checkpoint(lambda x: x * 2, x, use_reentrant=False)
checkpoint(lambda x: x * 2, p, use_reentrant=False, foo=3)
checkpoint(lambda x: x.sqrt() * W, x, use_reentrant=False).sum().backward() or W.grad
torch.autograd.grad(checkpoint(lambda x: x.sqrt() * x, p, use_reentrant=False).sum(), [p])
twice(checkpoint(lambda x: x ** 3, p, use_reentrant=False).sum())
twice(checkpoint(lambda x: x.sqrt() * W, p, use_reentrant=False).sum())
again(checkpoint(lambda x: x.sqrt(), p, use_reentrant=False).sum(), True)
again(checkpoint(lambda x: x.sqrt(), p, use_reentrant=False).sum(), False)
sequential([lin, torch.abs, lin, torch.relu], 2, p, use_reentrant=False)
sequential([lin, torch.abs, lin, torch.relu], 3, p, use_reentrant=True)
sequential([lin, torch.abs, lin, torch.relu], 2, p)
sequential(torch.nn.Sequential(lin, torch.nn.ReLU(), lin), 2, p, use_reentrant=False)
checkpoint_sequential([lin], 1, p, True, foo=3)
torch.autograd.grad(checkpoint(lambda x: x * x, p, use_reentrant=True).sum(), [p])
checkpoint(lambda x: x * x, p, use_reentrant=True).sum().backward(inputs=[p])
checkpoint(lambda x: x * x, p, use_reentrant=True).sum().backward() or p.grad
hooked(p) or checkpoint(lambda x: x * x, p, use_reentrant=True).sum().backward() or p.grad
"""


@pytest.mark.parametrize("line", SAME.strip().splitlines())
def test_same_as_pytorch(line: str) -> None:
    def program(torch: Any) -> Any:
        checkpoint = torch.utils.checkpoint.checkpoint
        torch.manual_seed(0)
        names = {
            "checkpoint": checkpoint,
            "checkpoint_sequential": torch.utils.checkpoint.checkpoint_sequential,
            "x": torch.tensor([1.0, 2.0]),
            "p": (p := torch.tensor([1.0, 2.0], requires_grad=True)),
            "W": (W := torch.tensor([3.0, 4.0], requires_grad=True)),
            "lin": (lin := torch.nn.Linear(2, 2)),
        }
        with torch.no_grad():
            lin.weight.copy_(torch.tensor([[1.0, -2.0], [0.5, 0.25]]))
            lin.bias.fill_(0.5)

        def gradients(outputs: Any) -> Any:
            values = outputs.values() if isinstance(outputs, dict) else outputs
            values = [values] if isinstance(values, torch.Tensor) else list(values)
            drawn = torch.rand(1)  # the generator is where it would be without a checkpoint
            sum(v.sum() for v in values).backward()
            return [*values, p.grad, W.grad, lin.weight.grad, drawn, torch.rand(1)]

        def run(function: Any, use_reentrant: bool, **options: Any) -> Any:
            return gradients(checkpoint(function, p, use_reentrant=use_reentrant, **options))

        def sequential(*args: Any, **options: Any) -> Any:
            return gradients(names["checkpoint_sequential"](*args, **options))

        def twice(y: Any) -> Any:
            (first,) = torch.autograd.grad(y, p, create_graph=True)
            first.sum().backward()
            return [first, p.grad, W.grad]

        def again(y: Any, retain_graph: bool) -> Any:
            y.backward(retain_graph=retain_graph)
            y.backward()
            return p.grad

        def hooked(y: Any) -> None:
            y.register_hook(lambda g: None)

        helpers = {
            "hooked": hooked,
            "run": run,
            "sequential": sequential,
            "twice": twice,
            "again": again,
        }
        return eval(line, names | helpers | {"torch": torch})

    check_same(program)


def test_it_keeps_less_memory() -> None:
    x = minigrad.ones(100_000, requires_grad=True)

    def deep(x: Any) -> Any:
        for _ in range(10):
            x = x.exp().log()
        return x

    def kept(call: Any) -> int:
        tracemalloc.start()
        y = call()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert y.requires_grad
        return size

    checkpoint = minigrad.utils.checkpoint.checkpoint
    plain = kept(lambda: deep(x))
    for use_reentrant in (True, False):
        assert kept(lambda: checkpoint(deep, x, use_reentrant=use_reentrant)) < plain / 10  # noqa: B023


@pytest.mark.parametrize("other", [lambda x: x.log(), lambda x: x.exp()[:1], lambda x: x])
def test_a_function_that_does_other_things_again_is_an_error(other: Any) -> None:
    functions = iter([lambda x: x.exp(), other])
    checkpoint = minigrad.utils.checkpoint.checkpoint
    x = minigrad.ones(2, requires_grad=True)
    y = checkpoint(lambda x: next(functions)(x), x, use_reentrant=False)
    with pytest.raises(minigrad.utils.checkpoint.CheckpointError, match="same"):
        y.sum().backward()


def test_context_managers_are_entered_for_both_calls() -> None:
    entered: list[str] = []

    class Context:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            entered.append(self.name)

        def __exit__(self, *exception: object) -> None:
            pass

    y = minigrad.utils.checkpoint.checkpoint(
        lambda x: x.exp(),
        minigrad.ones(2, requires_grad=True),
        use_reentrant=False,
        context_fn=lambda: (Context("first"), Context("again")),
    )
    assert entered == ["first"]
    y.sum().backward()
    assert entered == ["first", "again"]


def test_debug_is_refused_by_name() -> None:
    with warnings.catch_warnings(), pytest.raises(NotImplementedError, match="debug"):
        minigrad.utils.checkpoint.checkpoint(lambda: None, use_reentrant=False, debug=True)


def test_there_are_no_states_of_gpus() -> None:
    def program(t: Any) -> Any:
        checkpoint = importlib.import_module(f"{t.__name__}.utils.checkpoint")
        devices, states = checkpoint.get_device_states(t.ones(2), 3)
        return devices, states, checkpoint.set_device_states(devices, states, device_type="cpu")

    check_same(program)
    with pytest.raises(RuntimeError, match="GPUs"):
        minigrad.utils.checkpoint.set_device_states([0], [minigrad.get_rng_state()])
