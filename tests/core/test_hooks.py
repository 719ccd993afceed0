"""hooks.py: when hooks are called, in which order, and what they may return, as in PyTorch."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
from collector import no_cyclic_gc
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")

Program = Callable[[Any], Any]


def leaf(torch: Any, *values: float) -> Any:
    return torch.tensor(values or (1.0, 2.0), dtype=torch.float64, requires_grad=True)


def weights(torch: Any, like: Any, seed: int = 0) -> Any:
    """Return distinct integers in the shape of `like`: exact, and each element counts."""
    values = np.random.default_rng(seed).permutation(np.arange(1.0, 1 + like.numel()))
    return torch.from_numpy(values.reshape(tuple(like.shape))).to(like.dtype)


def back(torch: Any, y: Any, **options: Any) -> None:
    y.backward(weights(torch, y), **options)


class Log(list[Any]):
    """The gradients that hooks saw, each with a name."""

    def hook(self, name: str, factor: float | None = None) -> Callable[..., Any]:
        def hook(g: Any) -> Any:
            self.append((name, g.clone()))
            return None if factor is None else g * factor

        return hook

    def node_hook(self, name: str) -> Callable[..., None]:
        def hook(*gradients: Any) -> None:
            self.append((name, [[g if g is None else g.clone() for g in gs] for gs in gradients]))

        return hook

    def of_leaf(self, name: str) -> Callable[[Any], None]:
        return lambda leaf: self.append((name, leaf.grad.clone()))


# Order ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["leaf", "interior", "result"])
def test_hooks_run_in_the_order_of_registration(which: str) -> None:
    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        y = x * 3
        z = y * y
        hooked = {"leaf": x, "interior": y, "result": z}[which]
        for name, factor in (("a", 2.0), ("b", None), ("c", 0.5), ("d", -1.0)):
            hooked.register_hook(log.hook(name, factor))
        back(torch, z)
        return log, x.grad

    check_same(program)


def hooked_graph(
    torch: Any, steps: list[tuple[int, int]], factors: list[float | None], inputs: int | None
) -> Any:
    """Return what hooks on all leaves and nodes see; each step adds or subtracts two values."""
    log = Log()
    values = [leaf(torch, v) for v in (1.0, 2.0, 3.0)]
    for i, j in steps:
        a, b = values[i % len(values)], values[j % len(values)]
        values.append(a - b if i % 2 else a + b)
    for i, value in enumerate(values):
        value.register_hook(log.hook(f"tensor {i}", factors[i]))
        if i < 3:
            value.register_post_accumulate_grad_hook(log.of_leaf(f"leaf {i}"))
        else:
            value.grad_fn.register_prehook(log.node_hook(f"before {i}"))
            value.grad_fn.register_hook(log.node_hook(f"after {i}"))
    if inputs is None:
        values[-1].backward()
    elif inputs < len(values):
        values[-1].backward(inputs=[values[inputs]])
    return log, [v.grad for v in values[:3]]


@given(st.data())
def test_the_order_among_tensors(data: st.DataObject) -> None:
    """In random graphs, a leaf's hooks run as soon as its gradient is complete."""
    numbers = st.integers(0, 100)
    steps = data.draw(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8))
    factors = data.draw(st.lists(st.sampled_from([None, 2.0]), min_size=11, max_size=11))
    inputs = data.draw(st.sampled_from([None, 0, 1, 4]))

    check_same(partial(hooked_graph, steps=steps, factors=factors, inputs=inputs))


def test_the_order_among_tensors_of_every_small_graph() -> None:
    """If two leaves are complete at the same time, the first operand comes first."""
    for i, j, k, m in product(range(3), range(3), range(4), range(4)):
        steps = [(i, j), (k, m)]
        check_same(partial(hooked_graph, steps=steps, factors=[None] * 5, inputs=None))


def test_the_hooks_of_a_leaf_run_as_soon_as_its_gradient_is_complete() -> None:
    def program(torch: Any) -> Any:
        x, y, log = leaf(torch), leaf(torch), Log()
        early, late = x * 2, y * 3
        for name, tensor in {"x": x, "y": y, "early": early, "late": late}.items():
            tensor.register_hook(log.hook(name))
        x.register_post_accumulate_grad_hook(log.of_leaf("x.grad"))
        y.register_post_accumulate_grad_hook(log.of_leaf("y.grad"))
        back(torch, early + late)
        back(torch, late * early * y)
        return log

    check_same(program)


def test_a_leaf_that_is_the_root() -> None:
    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        x.register_hook(log.hook("x", 10.0))
        x.register_post_accumulate_grad_hook(log.of_leaf("x.grad"))
        back(torch, x)
        torch.autograd.backward([x, x * 2], [weights(torch, x), weights(torch, x, 1)])
        return log, x.grad

    check_same(program)


# Return values --------------------------------------------------------------------------------

RETURNED: dict[str, Callable[[Any, Any], Any]] = {
    "nothing": lambda torch, g: None,
    "itself": lambda torch, g: g,
    "another": lambda torch, g: g * 10,
    "a view": lambda torch, g: g[[1, 0]],
    "another shape": lambda torch, g: g[:1],
    "a shape that broadcasts": lambda torch, g: g[None],
    "another dtype": lambda torch, g: g.float(),
    "integers": lambda torch, g: g.long(),
    "a number": lambda torch, g: 3.0,
    "an array": lambda torch, g: np.ones(2),
    "True": lambda torch, g: True,
    "a tuple": lambda torch, g: (g,),
    "one that requires grad": lambda torch, g: (g * 2).requires_grad_(),
    "an error": lambda torch, g: 1 / 0,
}


@pytest.mark.parametrize("which", ["leaf", "interior", "result"])
@pytest.mark.parametrize("name", RETURNED)
def test_the_result_of_a_hook(name: str, which: str) -> None:
    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        y = x * 3
        z = y * y
        hooked = {"leaf": x, "interior": y, "result": z}[which]
        hooked.register_hook(lambda g: RETURNED[name](torch, g))
        hooked.register_hook(log.hook("next"))
        back(torch, z)
        return log, x.grad, x.grad.requires_grad

    check_same(program)


@pytest.mark.parametrize("which", ["leaf", "interior"])
def test_a_hook_that_keeps_its_result(which: str) -> None:
    """The gradient that is passed on has its own memory."""

    def program(torch: Any) -> Any:
        x, kept = leaf(torch), []
        y = x * 3
        (x if which == "leaf" else y).register_hook(lambda g: kept.append(g * 2) or kept[-1])
        back(torch, y * y, retain_graph=True)
        before = x.grad.clone()
        return before, len(kept)

    check_same(program)


def test_a_hook_on_one_use_sees_the_total_gradient() -> None:
    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        y = x * 3
        y.register_hook(log.hook("y"))
        x.register_hook(log.hook("x"))
        back(torch, y * 2 + y * y + x)
        return log, x.grad

    check_same(program)


def test_a_hook_does_not_change_the_gradient_on_other_paths() -> None:
    def program(torch: Any) -> Any:
        x, y = leaf(torch), leaf(torch)
        a, b = x * 1, y * 1
        total = a + b  # both get its gradient
        a.register_hook(lambda g: g.mul_(10))
        back(torch, total)
        return y.grad

    check_same(program)


# Registration and removal -------------------------------------------------------------------------

REGISTERING: dict[str, Program] = {
    "on a constant": lambda torch: torch.ones(2).register_hook(print),
    "on a detached tensor": lambda torch: leaf(torch).detach().register_hook(print),
    "post-accumulate on a non-leaf": lambda torch: (
        leaf(torch) * 2
    ).register_post_accumulate_grad_hook(print),
    "post-accumulate on a constant": lambda torch: torch.ones(2).register_post_accumulate_grad_hook(
        print
    ),
    "post-accumulate that returns": lambda torch: _post_accumulate(torch, lambda x: x),
    "post-accumulate that returns the gradient": lambda torch: _post_accumulate(
        torch, lambda x: x.grad
    ),
    "post-accumulate that returns a number": lambda torch: _post_accumulate(torch, lambda x: 0),
    "post-accumulate that raises": lambda torch: _post_accumulate(torch, lambda x: 1 / 0),
    "post-accumulate": lambda torch: _post_accumulate(torch, lambda x: None),
}


def _post_accumulate(torch: Any, hook: Callable[[Any], Any]) -> Any:
    x = leaf(torch)
    x.register_post_accumulate_grad_hook(hook)
    back(torch, x * 2)
    return x.grad


@pytest.mark.parametrize("name", REGISTERING)
def test_registering(name: str) -> None:
    check_same(REGISTERING[name])


@pytest.mark.parametrize("which", ["leaf", "interior"])
def test_removal(which: str) -> None:
    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        y = x * 3
        hooked = x if which == "leaf" else y
        first = hooked.register_hook(log.hook("first", 2.0))
        second = hooked.register_hook(log.hook("second"))
        with hooked.register_hook(log.hook("within", 3.0)) as handle:
            back(torch, y, retain_graph=True)
        first.remove()
        first.remove()
        back(torch, y, retain_graph=True)
        second.remove()
        hooked.register_hook(log.hook("third"))
        back(torch, y)
        return log, x.grad, handle is None

    check_same(program)


@pytest.mark.parametrize("which", ["leaf", "interior"])
def test_removal_and_registration_within_a_hook(which: str) -> None:
    def program(torch: Any) -> Any:
        x, log, handles = leaf(torch), Log(), []
        y = x * 3
        hooked = x if which == "leaf" else y

        def once(g: Any) -> Any:
            log.append(("once", g))
            handles[0].remove()
            handles[1].remove()
            hooked.register_hook(log.hook("new"))

        handles.append(hooked.register_hook(once))
        handles.append(hooked.register_hook(log.hook("next")))
        for _ in range(2):
            back(torch, y, retain_graph=True)
        return log

    ours, theirs = ({}, {})
    for t, found in ((minigrad, ours), (torch, theirs)):
        found["log"] = [name for name, _ in program(t)]
    # A hook that is removed during a walk may still be called in it.
    assert [n for n in ours["log"] if n != "next"] == [n for n in theirs["log"] if n != "next"]
    assert ours["log"].count("next") <= 1


def test_hooks_stay_with_the_node_that_they_were_registered_on() -> None:
    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        y = x * 3
        y.register_hook(log.hook("before"))
        y.mul_(2)
        y.register_hook(log.hook("after"))
        back(torch, y)
        return log, x.grad

    check_same(program)


@pytest.mark.parametrize("through", ["itself", "a view", "its base"])
@pytest.mark.parametrize("with_hook", [True, False])
def test_retain_grad_through_a_write(through: str, with_hook: bool) -> None:
    if with_hook and through == "its base":
        return  # PyTorch no longer calls the hooks of such a view, old or new

    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        base = x * 3
        y = base if through != "its base" else base[:1]
        y.retain_grad()
        if with_hook:
            y.register_hook(log.hook("y", 10.0))
        {"itself": y, "a view": y[:1], "its base": base}[through].mul_(2)
        if with_hook:
            y.register_hook(log.hook("written", 100.0))
        (y * weights(torch, y)).sum().backward()
        return log, y.grad, y.retains_grad, x.grad

    check_same(program)


@pytest.mark.parametrize("first", ["retain", "hook"])
def test_the_retained_gradient_is_the_result_of_the_hooks(first: str) -> None:
    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        y = x * 3
        if first == "retain":
            y.retain_grad()
        y.register_hook(log.hook("a", 10.0))
        y.grad_fn.register_prehook(lambda gs: (gs[0] * 100,))
        if first == "hook":
            y.retain_grad()
        back(torch, y * 2)
        return log, y.grad, x.grad

    check_same(program)


def test_hooks_of_a_view_and_of_its_base() -> None:
    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        base = x * 3
        view = base[:1]
        base.register_hook(log.hook("base", 2.0))
        view.register_hook(log.hook("view", 10.0))
        (base.sum() + view.sum() * 5).backward()
        return log, x.grad

    check_same(program)


# Hooks on nodes -------------------------------------------------------------------------------

NODE_RETURNS: dict[str, Callable[[Any, Any], Any]] = {
    "nothing": lambda inputs, outputs: None,
    "others": lambda inputs, outputs: (inputs[0] * 10, inputs[1] * 100),
    "one": lambda inputs, outputs: (inputs[0],),
    "three": lambda inputs, outputs: (*inputs, inputs[0]),
    "a list": lambda inputs, outputs: [*inputs],
    "a tensor": lambda inputs, outputs: inputs[0],
    "another shape": lambda inputs, outputs: (inputs[0][:1], inputs[1]),
    "another dtype": lambda inputs, outputs: (inputs[0].float(), inputs[1]),
    "numbers": lambda inputs, outputs: (3.0, 4.0),
}


@pytest.mark.parametrize("name", NODE_RETURNS)
def test_the_result_of_a_node_hook(name: str) -> None:
    def program(torch: Any) -> Any:
        x, y = leaf(torch), leaf(torch, 3.0, 5.0)
        z = x * y
        z.grad_fn.register_hook(NODE_RETURNS[name])
        back(torch, z)
        return x.grad, y.grad

    check_same(program)


PRE_RETURNS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda gs: None,
    "others": lambda gs: (gs[0] * 10,),
    "an empty tuple": lambda gs: (),
    "two": lambda gs: (gs[0], gs[0]),
    "a tensor": lambda gs: gs[0] * 10,
    "another shape": lambda gs: (gs[0][:1],),
    "another dtype": lambda gs: (gs[0].float(),),
}


@pytest.mark.parametrize("name", PRE_RETURNS)
def test_the_result_of_a_node_prehook(name: str) -> None:
    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        z = x * 3
        z.grad_fn.register_prehook(PRE_RETURNS[name])
        z.grad_fn.register_hook(log.node_hook("after"))
        back(torch, z)
        return x.grad, log

    check_same(program)


def test_a_broadcast_operand_gets_a_gradient_of_its_own_shape() -> None:
    def program(torch: Any) -> Any:
        x, y, log = leaf(torch), leaf(torch, 3.0), Log()
        z = x * y
        z.grad_fn.register_hook(log.node_hook("after"))
        back(torch, z)
        return log, x.grad, y.grad

    check_same(program)


def test_an_operand_without_gradient_has_none() -> None:
    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        for z in (x * weights(torch, x), x * 3, weights(torch, x) + x):
            z.grad_fn.register_hook(log.node_hook("after"))
            back(torch, z)
        return log

    check_same(program)


def test_hooks_on_the_node_of_a_leaf() -> None:
    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        node = (x * 2).grad_fn.next_functions[0][0]
        node.register_hook(log.node_hook("after"))
        node.register_prehook(log.node_hook("before"))
        node.register_prehook(lambda gs: (gs[0] * 10,))
        x.register_hook(log.hook("tensor", 100.0))
        x.register_post_accumulate_grad_hook(log.of_leaf("accumulated"))
        back(torch, x * 3)
        back(torch, x * 4)
        return log, x.grad

    check_same(program)


def test_node_hooks_are_removed() -> None:
    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        y = x * 3
        handles = [
            y.grad_fn.register_hook(log.node_hook("after")),
            y.grad_fn.register_prehook(log.node_hook("before")),
        ]
        back(torch, y, retain_graph=True)
        for handle in handles:
            handle.remove()
        back(torch, y)
        return log

    check_same(program)


# Where hooks run --------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["x", "y", "z", "x and y", "other"])
@pytest.mark.parametrize("how", ["grad", "backward"])
def test_hooks_if_only_some_gradients_are_wanted(how: str, wanted: str) -> None:
    def program(torch: Any) -> Any:
        x, other, log = leaf(torch), leaf(torch), Log()
        y = x * 3
        z = y * other
        tensors = {"x": x, "other": other, "y": y, "z": z}
        for name, tensor in tensors.items():
            tensor.register_hook(log.hook(name, 2.0))
        for name in ("y", "z"):
            tensors[name].grad_fn.register_hook(log.node_hook(f"after {name}"))
            tensors[name].grad_fn.register_prehook(log.node_hook(f"before {name}"))
        for name in ("x", "other"):
            tensors[name].register_post_accumulate_grad_hook(log.of_leaf(f"{name}.grad"))
        inputs = [tensors[name] for name in wanted.split(" and ")]
        if how == "grad":
            return log, torch.autograd.grad(z, inputs, weights(torch, z)), x.grad, other.grad
        y.retain_grad()
        back(torch, z, inputs=inputs)
        return log, x.grad, other.grad, y.grad

    check_same(program)


@pytest.mark.parametrize("again", ["whole", "inputs"])
def test_non_leaf_inputs_retain_gradients_from_then_on(again: str) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = x * 3
        z = y * 2
        back(torch, z, inputs=[y], retain_graph=True)
        found = [y.retains_grad, y.grad.clone(), x.grad]
        back(torch, z, **({"inputs": [y, x]} if again == "inputs" else {}))
        return found, y.grad, x.grad

    check_same(program)


@pytest.mark.parametrize("create_graph", [True, False])
def test_grad_mode_in_hooks(create_graph: bool) -> None:
    def program(torch: Any) -> Any:
        x, seen = leaf(torch), []
        y = x * x

        def look(*_: Any) -> None:
            seen.append(torch.is_grad_enabled())

        y.register_hook(look)
        y.grad_fn.register_hook(look)
        y.grad_fn.register_prehook(look)
        x.register_hook(look)
        with torch.set_grad_enabled(not create_graph):
            torch.autograd.grad(y, x, weights(torch, y), create_graph=create_graph)
        return seen, torch.is_grad_enabled()

    check_same(program)


@pytest.mark.parametrize("which", ["leaf", "interior", "node", "before"])
def test_hooks_under_create_graph(which: str) -> None:
    """The ops of a hook are part of the gradient's graph."""

    def program(torch: Any) -> Any:
        x, w = leaf(torch), leaf(torch, 3.0, 5.0)
        y = x * x
        {
            "leaf": lambda: x.register_hook(lambda g: g * g * w),
            "interior": lambda: y.register_hook(lambda g: g * g * w),
            "node": lambda: y.grad_fn.register_hook(lambda i, o: (i[0] * i[0] * w, i[1])),
            "before": lambda: y.grad_fn.register_prehook(lambda o: (o[0] * w,)),
        }[which]()
        v = leaf(torch, 7.0, 11.0)
        (d,) = torch.autograd.grad(y * 2, x, v, create_graph=True)
        return d, torch.autograd.grad(d, (x, w, v), weights(torch, d))

    check_same(program)


def test_hooks_on_gradients() -> None:
    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        y = x * x * x
        (d,) = torch.autograd.grad(y, x, weights(torch, y), create_graph=True)
        d.register_hook(log.hook("d", 10.0))
        x.register_hook(log.hook("x"))
        back(torch, d, inputs=[x])
        return log, x.grad

    check_same(program)


def test_a_backward_within_a_hook() -> None:
    def program(torch: Any) -> Any:
        x, w = leaf(torch), leaf(torch, 3.0, 5.0)
        y = x * 3

        def hook(g: Any) -> Any:
            with torch.enable_grad():
                back(torch, w * w * g)

        y.register_hook(hook)
        back(torch, y * y)
        return x.grad, w.grad

    check_same(program)


# After accumulation -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_an_optimizer_that_steps_during_backward(name: str) -> None:
    """One optimizer per parameter, so that no gradient outlives the walk."""

    def program(torch: Any) -> Any:
        w, v = leaf(torch, 1.0, 2.0), leaf(torch, 3.0, 5.0)
        steps = []
        for p in (w, v):
            optimizer = getattr(torch.optim, name)([p], lr=0.25)

            def step(p: Any, optimizer: Any = optimizer) -> None:
                optimizer.step()
                optimizer.zero_grad()
                steps.append(p.detach().clone())

            p.register_post_accumulate_grad_hook(step)
        for _ in range(3):
            back(torch, w * 2 + v * 3)
        return steps, w.grad, v.grad

    if name == "SGD":
        check_same(program)
        return
    ours, theirs = program(minigrad), program(torch)
    assert (ours[1:], len(ours[0])) == (theirs[1:], len(theirs[0]))
    for a, b in zip(ours[0], theirs[0], strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-14)


def test_a_post_accumulate_hook_runs_once_per_backward_with_the_total() -> None:
    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        x.register_post_accumulate_grad_hook(log.of_leaf("x.grad"))
        back(torch, x * 2 + x * x)
        back(torch, x * 3)
        torch.autograd.grad((x * 5).sum(), x)
        return log

    check_same(program)


def test_a_leaf_that_no_longer_requires_grad() -> None:
    def program(torch: Any) -> Any:
        x, log = leaf(torch), Log()
        x.register_hook(log.hook("x"))
        x.register_post_accumulate_grad_hook(lambda x: log.append(("x.grad", x.grad)))
        y = x * 2
        x.requires_grad_(False)
        back(torch, y)
        return log, x.grad

    check_same(program)


# Memory -----------------------------------------------------------------------------------------


def test_hooks_keep_nothing_alive() -> None:
    with no_cyclic_gc():
        x = leaf(minigrad)
        y = x * 3
        hook = Log().hook("y")
        handle = y.register_hook(hook)
        y.grad_fn.register_hook(Log().node_hook("after"))
        x.register_hook(hook)
        y.retain_grad()
        z = y * y
        alive = [weakref.ref(t) for t in (y, z, y.grad_fn, z.grad_fn)]
        z.sum().backward()
        del y, z
        assert [ref() for ref in alive] == [None] * 4
        handle.remove()
        dead = weakref.ref(x)
        del x
        assert dead() is None


def test_an_error_in_a_hook_changes_nothing() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = x * 3
        handle = y.register_hook(lambda g: 1 / 0)
        try:
            back(torch, y * y, retain_graph=True)
        except ZeroDivisionError:
            found = [x.grad, torch.is_grad_enabled()]
        handle.remove()
        back(torch, y * y)
        return found, x.grad

    check_same(program)


SEVERAL: dict[str, Any] = {
    "unbind": lambda t, x: x.unbind(),
    "chunk": lambda t, x: x.chunk(3),
    "unsafe_chunk": lambda t, x: x.unsafe_chunk(3),
    "tensor_split": lambda t, x: x.tensor_split(3),
    "svd": lambda t, x: t.linalg.svd(x),
    "qr": lambda t, x: t.linalg.qr(x),
    "std_mean": lambda t, x: t.std_mean(x),
    "aminmax": lambda t, x: x.aminmax(),
    "one result": lambda t, x: (x * 2,),
}


@pytest.mark.parametrize("inputs", [False, True])
@pytest.mark.parametrize("name", SEVERAL)
def test_hooks_on_results_without_a_gradient(name: str, inputs: bool) -> None:
    """One of several results is used, and the hooks on all are called, in order."""
    logs = []
    for t in (minigrad, torch):
        log: list[Any] = []
        x = (t.arange(9.0).view(3, 3) + t.eye(3)).requires_grad_()
        for used in range(len(SEVERAL[name](t, x))):
            results = SEVERAL[name](t, x)
            for i, result in enumerate(results):
                result.register_hook(lambda g, i=i: log.append((i, g is None)))  # noqa: B023
            results[used].sum().backward(inputs=[x] if inputs else None, retain_graph=True)
            results[used].sum().backward()
            log.append("next")
        logs.append(log)
    assert logs[0] == logs[1]


def test_a_hook_keeps_its_gradient() -> None:
    for t in (minigrad, torch):
        kept: list[Any] = []
        x = t.ones(2, requires_grad=True)
        x.register_hook(kept.append)
        for _ in range(2):
            (x * 3).sum().backward()
        x.grad.zero_()
        assert [g.tolist() for g in kept] == [[3, 3], [3, 3]]


def test_a_hook_without_a_gradient_returns_none() -> None:
    for t in (minigrad, torch):
        first, second = t.ones(2, requires_grad=True).unbind()
        second.register_hook(lambda g, t=t: t.ones(()))
        with pytest.raises(RuntimeError, match="None gradient"):
            first.backward()
