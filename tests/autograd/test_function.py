"""function.py: custom ops, and every feature of `autograd.Function`, as in PyTorch."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same, outcome

import minigrad

torch = pytest.importorskip("torch")

Program = Callable[[Any], Any]


def function(
    torch: Any,
    forward: Callable[..., Any] | None,
    backward: Callable[..., Any] | None = None,
    setup: Callable[..., Any] | None = None,
    **more: Callable[..., Any],
) -> Any:
    """Return a Function with these static methods."""
    body = {"forward": forward, "backward": backward, "setup_context": setup, **more}
    found = {name: staticmethod(method) for name, method in body.items() if method is not None}
    return type("Mine", (torch.autograd.Function,), found)


def check_same_kind(program: Program) -> None:
    """Like `check_same`, but the text of an error may differ; its type must be the same."""
    ours, theirs = outcome(program, minigrad), outcome(program, torch)
    both = f"\nminigrad: {ours}\nPyTorch:  {theirs}"
    assert ours.value == theirs.value, both
    assert (ours.error and ours.error.kind) == (theirs.error and theirs.error.kind), both


def leaf(torch: Any, *values: float) -> Any:
    return torch.tensor(values or (1.0, 2.0), dtype=torch.float64, requires_grad=True)


def weights(torch: Any, like: Any, seed: int = 0) -> Any:
    """Return distinct integers in the shape of `like`: exact, and each element counts."""
    values = np.random.default_rng(seed).permutation(np.arange(1.0, 1 + like.numel()))
    return torch.from_numpy(values.reshape(tuple(like.shape))).to(like.dtype)


def gradient_of(torch: Any, y: Any, x: Any) -> Any:
    """Return the gradient of `x` if `y` gets a different cotangent for each element."""
    y.backward(weights(torch, y))
    return x.grad


def double(ctx: Any, x: Any) -> Any:
    return x * 2


def same(ctx: Any, g: Any) -> Any:
    return g


def seven(ctx: Any, g: Any) -> Any:
    return g * 7


def saving(*made: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a forward that saves the results of these functions of its operand."""

    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(*(make(x) for make in made))
        return x * 2

    return forward


def applied(
    forward: Callable[..., Any] | None,
    backward: Callable[..., Any] | None = None,
    setup: Callable[..., Any] | None = None,
    of: Callable[[Any, Any], tuple[Any, ...]] = lambda torch, x: (x,),
    **more: Callable[..., Any],
) -> Program:
    """Return a program: call a Function on a leaf, or on `of`, and return the leaf's gradient."""

    def program(torch: Any) -> Any:
        x = leaf(torch)
        result = function(torch, forward, backward, setup, **more).apply(*of(torch, x))
        y = result[0] if isinstance(result, tuple) else result
        if not y.requires_grad:
            return "not recorded", y
        return y, type(y.grad_fn).__name__, gradient_of(torch, y, x)

    return program


# Arguments and results of forward -------------------------------------------------------------

FORWARD: dict[str, Program] = {
    "one tensor": applied(double, seven),
    "a number too": applied(
        lambda ctx, x, k: x * k, lambda ctx, g: (g * 5, None), of=lambda torch, x: (x, 3.0)
    ),
    "the number first": applied(
        lambda ctx, k, x: x * k, lambda ctx, g: (None, g * 5), of=lambda torch, x: (3.0, x)
    ),
    "a tensor twice": applied(
        lambda ctx, x, y: x * y, lambda ctx, g: (g * 5, g * 2), of=lambda torch, x: (x, x)
    ),
    "None, a string, a list": applied(
        lambda ctx, *args: args[3] * 2,
        lambda ctx, g: (None, None, None, g),
        of=lambda torch, x: (None, "s", [x], x),
    ),
    "a tensor in a list is not recorded": applied(
        lambda ctx, xs: xs[0] * 2, seven, of=lambda torch, x: ([x],)
    ),
    "a non-leaf": applied(double, seven, of=lambda torch, x: (x * 3,)),
    "a view": applied(double, seven, of=lambda torch, x: (x[:1],)),
    "a constant": applied(double, seven, of=lambda torch, x: (x.detach(),)),
    "integers": applied(double, seven, of=lambda torch, x: (x.long(),)),
    "0-d": applied(double, seven, of=lambda torch, x: (x.sum(),)),
    "empty": applied(double, seven, of=lambda torch, x: (x[:0],)),
    "integers as the result": applied(lambda ctx, x: x.long(), seven),
    "another dtype as the result": applied(lambda ctx, x: x.float(), lambda ctx, g: g.double()),
    "a larger result": applied(lambda ctx, x: x.expand(3, 2).clone(), lambda ctx, g: g.sum(0)),
    "a number": lambda torch: function(torch, lambda ctx, x: 3, same).apply(leaf(torch)),
    "None": lambda torch: function(torch, lambda ctx, x: None, same).apply(leaf(torch)),
    "a list as the result": lambda torch: [
        y.requires_grad
        for y in function(torch, lambda ctx, x: [x * 2, x * 3], same).apply(leaf(torch))
    ],
    "tensors and others as results": applied(
        lambda ctx, x: (x * 2, 3, "s", None), lambda ctx, g, *rest: g * (5 + len(rest))
    ),
    "the cotangents of others": applied(
        lambda ctx, x: (x * 2, 3, x * 3), lambda ctx, *gs: gs[0] + sum(g is None for g in gs)
    ),
    "an error": applied(lambda ctx, x: 1 / 0, same),
    "no forward": applied(None),
    "no backward": applied(double),
    "forward without ctx": applied(lambda x: x * 2, same),
    "with and without names": applied(
        lambda ctx, x, y: x * y, lambda ctx, g: (g * 5, g * 2), of=lambda torch, x: (x, x * 1)
    ),
    "too few arguments": applied(lambda ctx, x, y: x * y, same),
    "an instance": lambda torch: str(type(function(torch, double, same)())),
    "a call of an instance": lambda torch: function(torch, double, same)()(leaf(torch)),
}


@pytest.mark.parametrize("name", FORWARD)
def test_forward(name: str) -> None:
    check_same(FORWARD[name])


# Arguments by name -----------------------------------------------------------------------------

BY_NAME: dict[str, Callable[[Any, Any], Any]] = {
    "all": lambda f, x: f(x=x, k=3.0),
    "one": lambda f, x: f(x, k=3.0),
    "backwards": lambda f, x: f(k=x, x=3.0),
    "two tensors": lambda f, x: f(k=x, x=x),
    "default": lambda f, x: f(x),
    "twice": lambda f, x: f(x, x=x),
    "unknown": lambda f, x: f(x, q=x),
    "the first one missing": lambda f, x: f(k=x),
    "the second one missing": lambda f, x: f(x, m=4.0),
    "all three": lambda f, x: f(x, 2.0, m=4.0),
    "only one by name": lambda f, x: f(x, z=4.0),
}
SIGNATURES: dict[str, Callable[..., Any]] = {
    "plain": lambda x, k=2.0: x * k,
    "no default": lambda x, k: x * k,
    "three": lambda x, k=2.0, m=3.0: x * k * m,
    "one by name only": lambda x, k=2.0, *, z=3.0: x * k * z,
    "any others": lambda x, k=2.0, **others: x * k,
}


@pytest.mark.parametrize("setup", [True, False])
@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("name", BY_NAME)
def test_arguments_by_name(name: str, signature: str, setup: bool) -> None:
    compute = SIGNATURES[signature]

    def program(torch: Any) -> Any:
        seen: list[Any] = []

        def backward(ctx: Any, g: Any) -> Any:
            seen.append(ctx.needs_input_grad)
            return tuple(g * (2 + i) if n else None for i, n in enumerate(ctx.needs_input_grad))

        def set_up(ctx: Any, inputs: Any, output: Any) -> None:
            seen.append(inputs)

        if setup:
            mine = function(torch, compute, backward, set_up)
        else:
            with_ctx = {
                "plain": lambda ctx, x, k=2.0: x * k,
                "no default": lambda ctx, x, k: x * k,
                "three": lambda ctx, x, k=2.0, m=3.0: x * k * m,
                "one by name only": lambda ctx, x, k=2.0, *, z=3.0: x * k * z,
                "any others": lambda ctx, x, k=2.0, **others: x * k,
            }
            mine = function(torch, with_ctx[signature], backward)
        x = leaf(torch)
        return gradient_of(torch, BY_NAME[name](mine.apply, x), x), seen

    check_same_kind(program)


# Results of backward --------------------------------------------------------------------------

BACKWARD: dict[str, Program] = {
    name: applied(lambda ctx, x: x * 2, backward)
    for name, backward in {
        "None": lambda ctx, g: None,
        "a tuple of one": lambda ctx, g: (g * 3,),
        "a list": lambda ctx, g: [g * 3],
        "one too many": lambda ctx, g: (g * 2, g),
        "extra Nones": lambda ctx, g: (g * 2, None, None),
        "none at all": lambda ctx, g: (),
        "a number": lambda ctx, g: 3,
        "an array": lambda ctx, g: np.ones(2),
        "a shorter gradient": lambda ctx, g: g[:1],
        "a gradient that sums to its shape": lambda ctx, g: g[None].expand(3, 2),
        "the same size in another shape": lambda ctx, g: g[None],
        "a 0-d gradient": lambda ctx, g: g.sum(),
        "another float dtype": lambda ctx, g: g.float(),
        "integers": lambda ctx, g: g.long(),
        "the cotangent, changed": lambda ctx, g: g.mul_(2),
        "a view of the cotangent": lambda ctx, g: g.flip(0) if hasattr(g, "flip") else g[[1, 0]],
        "an error": lambda ctx, g: 1 / 0,
    }.items()
}
BACKWARD |= {
    "one too few": applied(lambda ctx, x, y: x * 2, same, of=lambda torch, x: (x, x)),
    "a gradient for a number": applied(
        lambda ctx, x, k: x * 2, lambda ctx, g: (g, g), of=lambda torch, x: (x, 3)
    ),
    "a gradient for a constant": applied(
        lambda ctx, x, y: x * 2, lambda ctx, g: (g, g), of=lambda torch, x: (x, x.detach())
    ),
    "a wrong shape for a constant": applied(
        lambda ctx, x, y: x * 2, lambda ctx, g: (g, g[:1]), of=lambda torch, x: (x, x.detach())
    ),
    "one for two": applied(
        lambda ctx, x, y: x * y, lambda ctx, g: (g, g), of=lambda torch, x: (x, x * 3)
    ),
    "vjp": applied(double, vjp=seven),
    "vjp and backward": applied(double, same, vjp=seven),
}


@pytest.mark.parametrize("name", BACKWARD)
def test_backward(name: str) -> None:
    check_same(BACKWARD[name])


def test_none_stops_the_walk() -> None:
    def program(torch: Any) -> Any:
        x, seen = leaf(torch), []
        a = function(torch, double, lambda ctx, g: seen.append(g) or g).apply(x)
        b = a.exp()
        b.register_hook(lambda g: seen.append("hook"))
        c = function(torch, double, lambda ctx, g: None).apply(b)
        c.sum().backward()
        return x.grad, len(seen)

    check_same(program)


def test_hooks_of_a_tensor_without_a_gradient() -> None:
    def program(torch: Any) -> Any:
        x, seen = leaf(torch), []
        y = x.exp()
        y.retain_grad()
        y.register_hook(lambda g: seen.append(g))
        y.grad_fn.register_prehook(lambda gs: seen.append(gs))
        y.grad_fn.register_hook(lambda inputs, outputs: seen.append((inputs, outputs)))
        function(torch, double, lambda ctx, g: None).apply(y).sum().backward()
        return seen, y.grad, x.grad

    check_same(program)


def test_a_hook_cannot_replace_none_by_a_gradient() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = x.exp()
        y.register_hook(lambda g: torch.ones(2, dtype=torch.float64))
        function(torch, double, lambda ctx, g: None).apply(y).sum().backward()

    assert check_same(program).error is not None


@pytest.mark.parametrize("allow_unused", [True, False])
def test_grad_of_an_input_with_a_gradient_of_none(allow_unused: bool) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = function(torch, double, lambda ctx, g: None).apply(x)
        return torch.autograd.grad(y.sum(), x, allow_unused=allow_unused)

    check_same(program)


def test_none_and_a_gradient_add_up_to_the_gradient() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        middle = x * 3
        none = function(torch, double, lambda ctx, g: None).apply(middle)
        return gradient_of(torch, none + middle, x), gradient_of(torch, middle * 1 + none, x)

    check_same(program)


# Several results ------------------------------------------------------------------------------


def _pair(ctx: Any, x: Any) -> Any:
    return x * 2, x * 3


def _logging(torch: Any, seen: list[Any], materialize: bool = True) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.set_materialize_grads(materialize)
        return x * 2, x * 3, x.sum()

    def backward(ctx: Any, *gs: Any) -> Any:
        seen.append(gs)
        a, b, _ = (0 if g is None else g for g in gs)
        return a * 2 + b * 3

    return function(torch, forward, backward)


@pytest.mark.parametrize("materialize", [True, False])
@pytest.mark.parametrize("used", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 1), (0, 1, 2)])
def test_the_cotangents_of_unused_results(used: tuple[int, ...], materialize: bool) -> None:
    def program(torch: Any) -> Any:
        x, seen = leaf(torch), []
        results = _logging(torch, seen, materialize).apply(x)
        total = sum((results[i] * weights(torch, results[i], i)).sum() for i in used)
        return torch.autograd.grad(total, x, allow_unused=True), seen

    check_same(program)


def test_results_share_a_node_and_differ_in_output_nr() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        a, b = function(torch, _pair, lambda ctx, a, b: a * 2 + b * 3).apply(x)
        found = [a.grad_fn is b.grad_fn, a.output_nr, b.output_nr]
        found += [(n is a.grad_fn, i) for n, i in (b * a).grad_fn.next_functions]
        a.register_hook(lambda g: g * 10)
        b.retain_grad()
        return found, gradient_of(torch, a * b, x), b.grad

    check_same(program)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.booleans())
def test_a_chain_of_functions(path: list[int], mixed: bool) -> None:
    """Each call takes one of the earlier results."""

    def program(torch: Any) -> Any:
        x = leaf(torch)
        mine = function(torch, _pair, lambda ctx, a, b: a * 2 - b)
        results = [x, x * 1]
        for i in path:
            results += mine.apply(results[i % len(results)])
        y = results[-1] * 3 - results[-2] if mixed else results[-1]
        return gradient_of(torch, y, x)

    check_same(program)


def test_a_gradient_that_backward_keeps_does_not_change() -> None:
    kept: list[Any] = []

    def backward(ctx: Any, g: Any) -> Any:
        kept.append(g * 2)
        return kept[-1]

    def program(torch: Any) -> Any:
        x = leaf(torch)
        kept.clear()
        for _ in range(2):  # the second gradient is added to the first in place
            function(torch, lambda ctx, x: x * 2, backward).apply(x).sum().backward()
        return kept, x.grad

    check_same(program)


def test_the_same_tensor_returned_twice() -> None:
    def forward(ctx: Any, x: Any) -> Any:
        y = x * 2
        return y, y

    def program(torch: Any) -> Any:
        x = leaf(torch)
        a, b = function(torch, forward, lambda ctx, a, b: a * 2 + b * 3).apply(x)
        return gradient_of(torch, a + 10 * b, x)

    check_same(program)


# Saved tensors --------------------------------------------------------------------------------


def _times_saved(ctx: Any, g: Any) -> Any:
    (x,) = ctx.saved_tensors
    return g * x


SAVED: dict[str, Program] = {
    "the operand": applied(saving(lambda x: x), _times_saved),
    "an intermediate result": applied(saving(lambda x: x * 3), _times_saved),
    "a view": applied(saving(lambda x: x[:1]), _times_saved),
    "None, too": applied(
        saving(lambda x: None, lambda x: x), lambda ctx, g: g * ctx.saved_tensors[1]
    ),
    "None is None": applied(
        saving(lambda x: None), lambda ctx, g: g * (5 if ctx.saved_tensors == (None,) else 0)
    ),
    "nothing": applied(double, lambda ctx, g: g * (5 if ctx.saved_tensors == () else 0)),
    "a number": applied(saving(lambda x: 3), same),
    "a list": applied(saving(lambda x: [x]), same),
    "an attribute": applied(
        lambda ctx, x: setattr(ctx, "kept", x + 1) or x * 2, lambda ctx, g: g * ctx.kept
    ),
    "a missing attribute": applied(double, lambda ctx, g: ctx.nope),
}


@pytest.mark.parametrize("name", SAVED)
def test_saved(name: str) -> None:
    check_same(SAVED[name])


def test_a_second_call_of_save_replaces_the_first() -> None:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x, x)
        ctx.save_for_backward(x * 3)
        return x * 2

    check_same(applied(forward, _times_saved))


@pytest.mark.parametrize("saved", ["operand", "result", "both", "intermediate"])
@pytest.mark.parametrize("written", ["operand", "result", "neither", "detached operand"])
def test_a_write_to_a_saved_tensor(saved: str, written: str) -> None:
    def forward(ctx: Any, x: Any) -> Any:
        y = x * x
        what = {"operand": (x,), "result": (y,), "both": (x, y), "intermediate": (x * 2,)}
        ctx.save_for_backward(*what[saved])
        return y

    def program(torch: Any) -> Any:
        x = leaf(torch)
        operand = x * 1
        y = function(torch, forward, lambda ctx, g: g * ctx.saved_tensors[0]).apply(operand)
        z = y * 1
        if written == "result":
            y.mul_(2)
        elif written != "neither":
            (operand if written == "operand" else operand.detach()).mul_(2)
        return gradient_of(torch, z, x)

    check_same(program)


def test_saved_tensors_keep_their_identity() -> None:
    def forward(ctx: Any, x: Any) -> Any:
        y = x * x
        ctx.save_for_backward(x, y, x * 2)
        return y

    def program(torch: Any) -> Any:
        x, seen = leaf(torch), []

        def backward(ctx: Any, g: Any) -> Any:
            a, b, c = ctx.saved_tensors
            seen.extend([a is x, a.requires_grad, b.requires_grad, c.requires_grad])
            seen.extend([a.is_leaf, b.is_leaf, c.is_leaf, b.grad_fn is y.grad_fn, b.output_nr])
            return g

        y = function(torch, forward, backward).apply(x)
        gradient_of(torch, y, x)
        return seen

    check_same(program)


@pytest.mark.parametrize("retain", [True, False])
@pytest.mark.parametrize("saves", [True, False])
def test_a_second_backward(saves: bool, retain: bool) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        forward, backward = (saving(lambda x: x), _times_saved) if saves else (double, seven)
        y = function(torch, forward, backward).apply(x)
        y.backward(weights(torch, y), retain_graph=retain)
        return gradient_of(torch, y, x)

    check_same(program)


def test_saved_tensors_after_freeing_and_outside_of_backward() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = function(torch, saving(lambda x: x), _times_saved).apply(x)
        before = [s is x for s in y.grad_fn.saved_tensors]
        gradient_of(torch, y, x)
        return before, y.grad_fn.saved_tensors

    assert check_same(program).error is not None


# The context ----------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["leaf", "constant", "number", "none", "computed"]), max_size=4))
def test_needs_input_grad(kinds: list[str]) -> None:
    def program(torch: Any) -> Any:
        x, seen = leaf(torch), []
        args = {"leaf": x, "constant": x.detach(), "number": 3, "none": None, "computed": x * 1}

        def forward(ctx: Any, *given: Any) -> Any:
            seen.append((ctx.needs_input_grad, torch.is_grad_enabled()))
            return given[0] * 2

        def backward(ctx: Any, g: Any) -> Any:
            seen.append((ctx.needs_input_grad, torch.is_grad_enabled()))
            return tuple(g if isinstance(args[kind], torch.Tensor) else None for kind in all_kinds)

        all_kinds = ["leaf", *kinds]
        y = function(torch, forward, backward).apply(*(args[kind] for kind in all_kinds))
        gradient = gradient_of(torch, y, x)
        with torch.no_grad():
            function(torch, forward, backward).apply(*(args[kind] for kind in all_kinds))
        return gradient, seen

    check_same(program)


@pytest.mark.parametrize("create_graph", [True, False])
def test_setup_context(create_graph: bool) -> None:
    def program(torch: Any) -> Any:
        x, seen = leaf(torch), []

        def setup(ctx: Any, inputs: Any, output: Any) -> None:
            seen.append((type(inputs).__name__, len(inputs), output, torch.is_grad_enabled()))
            seen.append(output.requires_grad)
            ctx.k = inputs[1]
            ctx.save_for_backward(inputs[0], output)

        def backward(ctx: Any, g: Any) -> Any:
            a, y = ctx.saved_tensors
            seen.append((torch.is_grad_enabled(), a.requires_grad, y.requires_grad))
            return g * y * ctx.k / a, None

        y = function(torch, lambda x, k: x**k, backward, setup).apply(x, 3)
        (d,) = torch.autograd.grad(y, x, weights(torch, y), create_graph=create_graph)
        if create_graph:
            seen += torch.autograd.grad(d, x, weights(torch, d, 1))
        return d, d.requires_grad, seen

    check_same(program)


def test_non_differentiable() -> None:
    def forward(ctx: Any, x: Any) -> Any:
        a, b, c = x * 2, x * 3, x.long()
        ctx.mark_non_differentiable(b, c)
        return a, b, c

    def program(torch: Any) -> Any:
        x, seen = leaf(torch), []

        def backward(ctx: Any, *gs: Any) -> Any:
            seen.append(gs)
            return gs[0]

        a, b, c = function(torch, forward, backward).apply(x)
        flags = [(y.requires_grad, y.grad_fn is None, y.is_leaf) for y in (a, b, c)]
        return flags, gradient_of(torch, a, x), seen

    check_same(program)


MARKS: dict[str, Program] = {
    "a non-differentiable number": applied(
        lambda ctx, x: ctx.mark_non_differentiable(3) or x * 2, same
    ),
    "a dirty number": applied(
        lambda ctx, x: ctx.mark_dirty(3) or x * 2, same, of=lambda t, x: (x * 1,)
    ),
    "dirty and not returned": applied(
        lambda ctx, x: ctx.mark_dirty(x) or x * 2, same, of=lambda t, x: (x * 1,)
    ),
    "a part of a result": applied(
        lambda ctx, x: (y := (x * 2)[:1], ctx.mark_dirty(y))[0], same, of=lambda t, x: (x * 1,)
    ),
    "a part of a result of a constant": applied(
        lambda ctx, x: (y := (x * 2)[:1], ctx.mark_dirty(y))[0], of=lambda t, x: (x.detach(),)
    ),
    "non-differentiable operand returned": applied(
        lambda ctx, x: ctx.mark_non_differentiable(x) or x, same, of=lambda t, x: (x * 1,)
    ),
}


@pytest.mark.parametrize("name", MARKS)
def test_marked_tensors(name: str) -> None:
    check_same(MARKS[name])


# Writes in forward, and results that are operands or views of them ------------------------------


def _tripled(ctx: Any, x: Any) -> Any:
    x.mul_(3)
    ctx.mark_dirty(x)
    return x


@pytest.mark.parametrize("what", ["leaf", "computed", "constant", "view", "view of constant"])
def test_dirty(what: str) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch, 1.0, 2.0, 3.0)
        base = x * 1 if what in ("computed", "view") else x.detach().clone()
        target = {"leaf": x, "view": base[1:], "view of constant": base[1:]}.get(what, base)
        before = target.grad_fn
        y = function(torch, _tripled, seven).apply(target)
        found = [y is target, y._version, y.requires_grad, y.grad_fn is before, y.is_leaf]
        found += [y, base, base.requires_grad]
        if base.requires_grad:
            found += [gradient_of(torch, base * base, x)]
        return found

    check_same(program)


@pytest.mark.parametrize("what", ["computed", "view", "view of leaf", "view of constant"])
@pytest.mark.parametrize("others", ["none", "a tensor", "None"])
def test_dirty_among_other_results(what: str, others: str) -> None:
    def forward(ctx: Any, x: Any) -> Any:
        results = {"none": (), "a tensor": (x + 1,), "None": (None,)}[others]
        return (_tripled(ctx, x), *results)

    def program(torch: Any) -> Any:
        x = leaf(torch, 1.0, 2.0, 3.0)
        base = {"view of leaf": x, "view of constant": x.detach().clone()}.get(what, x * 1)
        target = base if what == "computed" else base[1:]
        y = function(torch, forward, lambda ctx, *g: g[0] * 7).apply(target)[0]
        return y is target, y._version, y.requires_grad, y

    check_same_kind(program)


def test_dirty_in_no_grad() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        with torch.no_grad():
            y = function(torch, _tripled, seven).apply(x)
        return y is x, x, x._version, x.requires_grad, x.is_leaf

    check_same(program)


def test_dirty_counts_as_a_write() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        operand = x * 1
        y = operand * operand
        function(torch, _tripled, seven).apply(operand)
        return gradient_of(torch, y, x)

    assert check_same(program).error is not None


RETURNED: dict[str, Callable[[Any], Any]] = {
    "itself": lambda x: x,
    "a part": lambda x: x[:1],
    "reshaped": lambda x: x.reshape(2, 1),
    "detached": lambda x: x.detach(),
    "a view of what was computed": lambda x: (x * 2)[:1],
}


@pytest.mark.parametrize("then", ["nothing", "write", "write to the operand"])
@pytest.mark.parametrize("of_leaf", [True, False])
@pytest.mark.parametrize("name", RETURNED)
def test_results_that_share_memory(name: str, of_leaf: bool, then: str) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        operand = x if of_leaf else x * 1
        mine = function(
            torch,
            lambda ctx, x: RETURNED[name](x),
            lambda ctx, g: g.sum() * torch.ones(2, dtype=torch.float64),
        )
        y = mine.apply(operand)
        found = [y is operand, y._is_view(), y.requires_grad, y.is_leaf]
        if then == "write":
            y.mul_(2)
        elif then == "write to the operand":
            with torch.no_grad():
                operand.mul_(2)
        return found, y, operand, gradient_of(torch, y * 1, x)

    check_same(program)


@pytest.mark.parametrize("count", [1, 2])
def test_a_write_to_a_result(count: int) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        forward = double if count == 1 else _pair
        y = function(torch, forward, lambda ctx, *gs: gs[0] * 7).apply(x)
        y = y if count == 1 else y[0]
        y.mul_(3)
        return y, y._version, gradient_of(torch, y, x)

    check_same(program)


# Derivatives of derivatives -------------------------------------------------------------------


def _cube(ctx: Any, x: Any) -> Any:
    ctx.save_for_backward(x)
    return x**3


def _of_cube(ctx: Any, g: Any) -> Any:
    (x,) = ctx.saved_tensors
    return 3 * x**2 * g


@pytest.mark.parametrize("orders", [1, 2, 3, 4])
def test_orders(orders: int) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        cot = leaf(torch, 3.0, 5.0)
        y, found = function(torch, _cube, _of_cube).apply(x * 1), []
        for order in range(orders):
            given = cot if order == 0 else weights(torch, y, order)
            y, by_cot = torch.autograd.grad(
                y, (x, cot), given, create_graph=True, allow_unused=True
            )
            found += [y, y.requires_grad, by_cot]
        return found

    check_same(program)


def test_an_array_kept_by_forward_has_no_history() -> None:
    """If backward uses one, the second derivative does not depend on the operand through it."""

    def forward(ctx: Any, x: Any) -> Any:
        ctx.slope = 2 * x
        return x**2

    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = function(torch, forward, lambda ctx, g: g * ctx.slope).apply(x)
        (d,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        return d, d.requires_grad

    check_same(program)


def test_a_backward_that_calls_functions() -> None:
    """Its backward is the forward of another Function."""

    def program(torch: Any) -> Any:
        inner = function(
            torch,
            lambda ctx, g, x: ctx.save_for_backward(g, x) or g * 2 * x,
            lambda ctx, h: (h * 2 * ctx.saved_tensors[1], h * 2 * ctx.saved_tensors[0]),
        )
        outer = function(
            torch,
            lambda ctx, x: ctx.save_for_backward(x) or x * x,
            lambda ctx, g: inner.apply(g, *ctx.saved_tensors),
        )
        x, cot = leaf(torch), leaf(torch, 3.0, 5.0)
        (d,) = torch.autograd.grad(outer.apply(x), x, cot, create_graph=True)
        return d, torch.autograd.grad(d, (x, cot), weights(torch, d))

    check_same(program)


@pytest.mark.parametrize("cotangent", ["constant", "leaf"])
@pytest.mark.parametrize("again", [None, "grad", "backward"])
def test_once_differentiable(cotangent: str, again: str | None) -> None:
    def program(torch: Any) -> Any:
        seen: list[Any] = []

        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, g: Any) -> Any:
            seen.append((torch.is_grad_enabled(), g.requires_grad))
            return g * ctx.saved_tensors[0]

        x = leaf(torch)
        v = leaf(torch, 3.0, 5.0)
        v = v if cotangent == "leaf" and again is not None else v.detach()
        y = function(torch, saving(lambda x: x), backward).apply(x)
        (d,) = torch.autograd.grad(y, x, v, create_graph=again is not None)
        seen += [d, d.requires_grad]
        if again == "grad":
            torch.autograd.grad(d.sum(), v)
        elif again == "backward":
            d.sum().backward()
        return seen

    check_same(program)


# Hooks on the node ----------------------------------------------------------------------------


@pytest.mark.parametrize("materialize", [True, False])
def test_hooks_on_the_node(materialize: bool) -> None:
    def program(torch: Any) -> Any:
        x, seen, gradients = leaf(torch), [], []
        a, _, _ = _logging(torch, gradients, materialize).apply(x)
        a.grad_fn.register_prehook(lambda gs: seen.append(gs))
        a.grad_fn.register_prehook(lambda gs: (gs[0] * 10, *gs[1:]))
        a.grad_fn.register_hook(lambda inputs, outputs: seen.append((inputs, outputs)))
        a.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 100,))
        return gradient_of(torch, a, x), seen, gradients

    check_same(program)


# In modules, and subclasses -------------------------------------------------------------------


def test_in_a_module() -> None:
    def program(torch: Any) -> Any:
        clip = function(
            torch,
            lambda ctx, x, limit: (
                setattr(ctx, "limit", limit) or ctx.save_for_backward(x) or x.clamp(-limit, limit)
            ),
            lambda ctx, g: (g * (ctx.saved_tensors[0].abs() <= ctx.limit), None),
        )

        class Clipped(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.weight = torch.nn.Parameter(torch.tensor([[1.0, -2.0], [3.0, 0.5]]))

            def forward(self, x: Any) -> Any:
                return clip.apply(x @ self.weight, 2.0)

        model = Clipped()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.25)
        losses = []
        for _ in range(3):
            loss = model(torch.tensor([[1.0, 1.0], [2.0, -1.0]])).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return losses, model.weight

    check_same(program)


def test_inherited() -> None:
    def program(torch: Any) -> Any:
        base = function(torch, double, same)
        derived = type("Derived", (base,), {"backward": staticmethod(seven)})
        x = leaf(torch)
        y = derived.apply(x)
        return y.grad_fn.name(), base.apply(x).grad_fn.name(), gradient_of(torch, y, x)

    check_same(program)


# Memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("saved", ["operand", "result", "intermediate", "attribute"])
@pytest.mark.parametrize("walked", ["not", "once", "recorded"])
def test_a_call_dies_by_reference_counting(saved: str, walked: str) -> None:
    def forward(ctx: Any, x: Any) -> Any:
        y = x * x
        what = {"operand": x, "result": y, "intermediate": x * 2}
        if saved in what:
            ctx.save_for_backward(what[saved])
        else:
            ctx.kept = x * 2
        return y, x * 1

    def backward(ctx: Any, a: Any, b: Any) -> Any:
        return a * (ctx.saved_tensors[0] if saved != "attribute" else ctx.kept)

    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        x = leaf(minigrad)
        mine = function(minigrad, forward, backward)
        a, b = mine.apply(x * 1)
        alive = [weakref.ref(t) for t in (a, b, a.grad_fn)]
        if walked == "once":
            a.sum().backward()
        elif walked == "recorded":
            (d,) = minigrad.autograd.grad(a.sum(), x, create_graph=True)
            alive.append(weakref.ref(d.grad_fn if d.grad_fn is not None else d))
            del d
        del a, b
        assert [ref() for ref in alive] == [None] * len(alive)
    finally:
        gc.enable()
        gc.unfreeze()


def test_saved_tensors_are_released_when_the_graph_is_freed() -> None:
    x, kept = leaf(minigrad), []

    def forward(ctx: Any, x: Any) -> Any:
        middle = x * 2
        kept.append(weakref.ref(middle._array))
        ctx.save_for_backward(middle)
        return x * 1

    y = function(minigrad, forward, _times_saved).apply(x)
    assert kept[0]() is not None
    y.sum().backward()
    assert kept[0]() is None


# The user's attributes of ctx ---------------------------------------------------------------------


OF_NODES = ["shape", "dtype", "rule", "parents", "pullbacks", "guards", "number", "hooks"]


@pytest.mark.parametrize("name", [*OF_NODES, "function", "call", "context", "takes_none"])
def test_any_attribute_of_the_context_can_be_set(name: str) -> None:
    """None of them means anything to the tape."""

    def forward(ctx: Any, x: Any) -> Any:
        setattr(ctx, name, (3, 1))
        return x * 2

    def backward(ctx: Any, g: Any) -> Any:
        return g * getattr(ctx, name)[0]

    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = function(torch, forward, backward).apply(x * 1)
        d = torch.autograd.grad(y.sum(), x, create_graph=True, retain_graph=True)[0]
        y.sum().backward()
        return d, x.grad, getattr(y.grad_fn, name), y.grad_fn.name()

    check_same(program)


def test_a_context_outlives_its_results() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        node = function(torch, double, seven).apply(x).grad_fn
        return node.next_functions[0][0].variable is x, node.name()

    check_same(program)


# Variable -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("volatile", [False, True])
def test_a_volatile_variable_warns(volatile: bool, requires_grad: bool) -> None:
    def program(torch: Any) -> Any:
        x = torch.autograd.Variable(torch.ones(2), requires_grad, volatile=volatile)
        return x, x.requires_grad, torch.autograd.Variable(x * 2, volatile=volatile)

    check_same(program)
