"""Hooks for the gradients of several tensors, compared with PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import minigrad  # noqa: E402

BOTH: tuple[Any, Any] = (minigrad, torch)
CHOICES = st.lists(st.integers(0, 6), min_size=1, max_size=4)


def network(t: Any) -> list[Any]:
    """Two leaves, what is computed of them, and two ends that depend on different parts."""
    x, y = t.tensor([1.0, 2.0], requires_grad=True), t.tensor([3.0, 5.0], requires_grad=True)
    a, b = x * y, y.exp()
    c = a + x
    return [x, y, a, b, c, (a * b).sum(), c.sum()]


def log_of(t: Any, chosen: list[int], mode: str, end: int, wanted: list[int] | None) -> list[Any]:
    """What hooks of all kinds are called with in two walks, and what a removed one adds."""
    log: list[Any] = []
    tensors = network(t)
    register = t.autograd.graph.register_multi_grad_hook

    def several(gradients: Any) -> None:
        if mode == "any":
            log.append(gradients.tolist())
        else:
            log.append([g if g is None else g.tolist() for g in gradients])

    handle = register([tensors[i] for i in chosen], several, mode=mode)
    tensors[0].register_hook(lambda g: log.append(("x", g.tolist())))
    tensors[2].register_hook(lambda g: log.append(("a", g.tolist())))
    for _ in range(2):
        if wanted is None:
            tensors[end].backward(retain_graph=True)
        else:
            leaves = [tensors[i] for i in wanted]
            t.autograd.grad(tensors[end], leaves, retain_graph=True, allow_unused=True)
        log.append("end of the walk")
    handle.remove()
    tensors[end].backward()
    return log


@given(
    chosen=CHOICES,
    mode=st.sampled_from(["all", "any"]),
    end=st.sampled_from([5, 6]),
    wanted=st.none() | st.lists(st.integers(0, 4), min_size=1, max_size=2, unique=True),
)
def test_calls_are_pytorchs(
    chosen: list[int], mode: str, end: int, wanted: list[int] | None
) -> None:
    logs = [log_of(t, chosen, mode, end, wanted) for t in BOTH]
    assert logs[0] == logs[1]


def test_walks_in_a_walk() -> None:
    """A hook that starts another walk, which meets the same tensors."""
    logs = []
    for t in BOTH:
        x = t.ones(2, requires_grad=True)
        y = x * 2
        log: list[Any] = []

        def within(g: Any, t: Any = t, y: Any = y, log: Any = log) -> None:
            if not log:
                log.append("within")
                with t.enable_grad():
                    t.autograd.grad((y * y).sum(), y, retain_graph=True)
                    (y * 3).sum().backward(retain_graph=True)

        z = y * y
        z.register_hook(within)
        t.autograd.graph.register_multi_grad_hook(
            (x, y), lambda gs, log=log: log.append([g if g is None else g.tolist() for g in gs])
        )
        z.sum().backward()
        logs.append(log)
    assert str(logs[0]) == str(logs[1])


def test_errors() -> None:
    for t in BOTH:
        with pytest.raises(ValueError, match="mode"):
            t.autograd.graph.register_multi_grad_hook((t.ones(1),), print, mode="some")
        with pytest.raises(AssertionError):
            t.autograd.graph.register_multi_grad_hook((t.ones(1),), print)
        t.autograd.graph.register_multi_grad_hook((t.ones(1),), print, mode="any")


def test_a_walk_in_a_hook_before() -> None:
    logs = []
    for t in BOTH:
        log: list[Any] = []
        x = t.ones(2, requires_grad=True)
        y = x * 2

        def nested(g: Any, t: Any = t, x: Any = x) -> None:
            with t.enable_grad():
                v = x.clone()
                (v * v).sum().backward()

        y.register_hook(nested)
        t.autograd.graph.register_multi_grad_hook(
            (y,), lambda gs, log=log: log.append(gs[0].tolist())
        )
        (y * 3).sum().backward()
        logs.append((log, x.grad.tolist()))
    assert logs[0] == logs[1]


def test_results_and_leaves_without_a_gradient() -> None:
    logs = []
    for t in BOTH:
        log: list[Any] = []

        class Nothing(t.autograd.Function):  # type: ignore[misc]
            @staticmethod
            def forward(ctx: Any, x: Any, y: Any) -> Any:
                return x + y

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return g, None

        def several(gs: Any, log: Any = log) -> None:
            log.append([g if g is None else g.tolist() for g in gs])

        x, c = t.arange(4.0, requires_grad=True), t.ones(2, requires_grad=True)
        a, b = x.chunk(2)
        t.autograd.graph.register_multi_grad_hook((a, b, c), several)
        (b * c).sum().backward()
        z = t.ones(2, requires_grad=True)
        t.autograd.graph.register_multi_grad_hook((c, z), several)
        Nothing.apply(c, z).sum().backward()
        logs.append((log, z.grad))
    assert logs[0] == logs[1]


# Writes to saved tensors --------------------------------------------------------------------------

PROGRAMS = """
b.sin_()
b.zero_(); b.add_(1)
b[:1].mul_(10)
b.view(-1).sin_()
b.t().fill_(3)
b.copy_(a.detach() * 7)
c.mul_(5); b.mul_(2)
out.mul_(2)
""".strip().splitlines()


def gradients(t: Any, program: str) -> Any:
    a = t.tensor([[0.5, -1.0, 2.0], [1.5, 0.25, -2.0]], requires_grad=True)
    b = a.clone()
    c = b[:1]  # PyTorch doesn't notice a write to a view that begins elsewhere
    out = (b**2).sum() + (b.exp() * b).sum() + (c * c).sum()
    exec(program, {"a": a, "b": b, "c": c, "out": out})
    (first,) = t.autograd.grad(out, a, create_graph=True)
    (second,) = t.autograd.grad(first.sum(), a)
    return [out.detach(), first.detach(), second]


@pytest.mark.parametrize("program", PROGRAMS)
def test_saved_tensors_are_used_as_they_were(program: str) -> None:
    found = []
    for t in BOTH:
        with t.autograd.graph.allow_mutation_on_saved_tensors():
            found.append([x.numpy() for x in gradients(t, program)])
    for ours, theirs in zip(*found, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6)


def test_without_the_context_a_write_is_an_error() -> None:
    for t in BOTH:
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            gradients(t, "b.sin_()")


def test_backward_belongs_into_the_context() -> None:
    for t in BOTH:
        allow = t.autograd.graph.allow_mutation_on_saved_tensors
        x = t.ones(2, requires_grad=True)
        with allow():
            y = (x * x).sum()
            with pytest.raises(RuntimeError, match="nested"), allow():
                pass
        with allow():
            z = (x * x).sum()
            z.backward()
        with pytest.raises(AssertionError, match="outside of the"):
            y.backward()
        with allow(), pytest.raises(AssertionError, match="outside of the"):
            y.backward()
        (x * x).sum().backward()
        assert x.grad.tolist() == [4, 4]


def test_writes_that_are_not_counted_change_nothing() -> None:
    with minigrad.autograd.graph.allow_mutation_on_saved_tensors():
        x = minigrad.ones(2, requires_grad=True)
        y = x.clone()
        a = y * y
        y.data.mul_(5)
        b = y * y
        y.detach().numpy()[:] = 7
        c = y * y
        (a + b + c).sum().backward()
    assert x.grad.tolist() == [2 + 10 + 14] * 2
