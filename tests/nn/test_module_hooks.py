"""nn/module_hooks.py: hooks before and after forward and in backward, compared with PyTorch's."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from twins import check_same, torch

import minigrad
from minigrad import nn
from minigrad.nn import module_hooks

REGISTER = {
    "pre": "register_forward_pre_hook",
    "forward": "register_forward_hook",
    "backward_pre": "register_full_backward_pre_hook",
    "backward": "register_full_backward_hook",
}
GLOBAL = {
    "pre": "register_module_forward_pre_hook",
    "forward": "register_module_forward_hook",
    "backward_pre": "register_module_full_backward_pre_hook",
    "backward": "register_module_full_backward_hook",
}
KINDS = pytest.mark.parametrize("kind", REGISTER)
BACKWARD = pytest.mark.parametrize("kind", ["backward_pre", "backward"])


def value_in_both(program: Callable[[Any], Any], fails: bool = False) -> Any:
    """Return the value of `program`, the same in both libraries, or its error if it `fails`."""
    result = check_same(program)
    assert (result.error is not None) == fails, result
    return result.error if fails else result.value


def recorder(seen: list[Any], name: str, returned: Any = None) -> Callable[..., Any]:
    """Make a hook that records its name and its arguments after the module."""

    def hook(module: Any, *given: Any) -> Any:
        seen.append((name, *given))
        return returned

    return hook


def raising(seen: list[Any]) -> Callable[..., Any]:
    """Make a hook that records that it was called, and raises."""

    def hook(*given: Any) -> None:
        seen.append("raising")
        raise KeyError("hook")

    return hook


def two(t: Any) -> Any:
    """Make a module with several inputs and two outputs."""

    class Two(t.nn.Module):
        def forward(self, x: Any, y: Any, *rest: Any, scale: Any = 1) -> Any:
            return x * y * scale, x + y

    return Two()


def leaf(t: Any, *values: float) -> Any:
    return t.tensor([float(value) for value in values], requires_grad=True)


def layer(t: Any) -> Any:
    """Make a Linear with the same parameters in both libraries."""
    result = t.nn.Linear(2, 2)
    with t.no_grad():
        result.weight.copy_(t.tensor([[1.0, 2.0], [3.0, -4.0]]))
        result.bias.copy_(t.tensor([0.5, -0.5]))
    return result


# Order and handles --------------------------------------------------------------------------------


def test_order_and_arguments_of_every_kind() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = layer(t)
        for kind, register in REGISTER.items():
            for number in range(2):
                getattr(module, register)(recorder(seen, f"{kind}{number}"))
        x = t.ones(1, 2, requires_grad=True)
        y = module(x)
        seen.append("backward")
        y.sum().backward()
        return seen, x.grad, module.weight.grad, module.bias.grad

    _, (called, *_) = value_in_both(program)
    names = [c if isinstance(c, str) else c[1][0] for c in called[1]]
    assert names == [
        *("pre0", "pre1", "forward0", "forward1", "backward"),
        *("backward_pre0", "backward_pre1", "backward0", "backward1"),
    ]


@KINDS
def test_prepend_puts_a_hook_first(kind: str) -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = layer(t)
        for number, prepend in enumerate([False, True, False, True]):
            getattr(module, REGISTER[kind])(recorder(seen, str(number)), prepend=prepend)
        module(t.ones(1, 2, requires_grad=True)).sum().backward()
        return [name for name, *_ in seen]

    assert value_in_both(program) == ("list", ["3", "1", "0", "2"])


@KINDS
def test_removed_hook_is_not_called(kind: str) -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = layer(t)
        register = getattr(module, REGISTER[kind])
        x = t.ones(1, 2, requires_grad=True)
        handle = register(recorder(seen, "first"))
        register(recorder(seen, "second"))
        module(x).sum().backward()
        handle.remove()
        handle.remove()
        module(x).sum().backward()
        with register(recorder(seen, "third"), prepend=True) as third:
            module(x).sum().backward()
        third.remove()
        module(x).sum().backward()
        return [name for name, *_ in seen]

    expected = ["first", "second", "second", "third", "second", "second"]
    assert value_in_both(program) == ("list", expected)


@KINDS
def test_removing_a_hook_empties_its_table(kind: str) -> None:
    attribute = "_" + REGISTER[kind].removeprefix("register_").removeprefix("full_") + "s"

    def program(t: Any) -> Any:
        module = t.nn.ReLU()
        before = len(getattr(module, attribute))
        handle = getattr(module, REGISTER[kind])(max)
        kept = [hook is max for hook in getattr(module, attribute).values()]
        handle.remove()
        return before, kept, len(getattr(module, attribute))

    assert value_in_both(program) == ("tuple", [0, ("list", [True]), 0])


def test_removing_a_hook_removes_its_flags() -> None:
    def program(t: Any) -> Any:
        module = t.nn.ReLU()
        handles = [
            module.register_forward_hook(max, with_kwargs=True, always_call=True),
            module.register_forward_pre_hook(max, with_kwargs=True),
        ]
        flags = [
            module._forward_hooks_with_kwargs,
            module._forward_hooks_always_called,
            module._forward_pre_hooks_with_kwargs,
        ]
        before = [len(flag) for flag in flags]
        for handle in handles:
            handle.remove()
        return before, [len(flag) for flag in flags]

    assert value_in_both(program) == ("tuple", [("list", [1, 1, 1]), ("list", [0, 0, 0])])


@BACKWARD
def test_backward_hooks_are_those_at_the_time_of_the_call(kind: str) -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = layer(t)
        handle = getattr(module, REGISTER[kind])(recorder(seen, "early"))
        y = module(t.ones(1, 2, requires_grad=True)).sum()
        handle.remove()
        getattr(module, REGISTER[kind])(recorder(seen, "late"))
        y.backward()
        return seen

    assert len(value_in_both(program)[1]) == 1


def test_hooks_registered_by_a_hook() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = layer(t)

        def pre(module: Any, args: Any) -> None:
            seen.append("pre")
            for kind, register in REGISTER.items():
                getattr(module, register)(recorder(seen, kind))

        module.register_forward_pre_hook(pre)
        module(t.ones(1, 2, requires_grad=True)).sum().backward()
        return seen

    value_in_both(program)


def test_hooks_on_every_module_of_a_tree() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        model = t.nn.Sequential(layer(t), t.nn.ReLU(), layer(t))
        for name, module in model.named_modules():
            for kind, register in REGISTER.items():
                getattr(module, register)(recorder(seen, f"{kind} of {name!r}"))
        x = t.ones(3, 2, requires_grad=True)
        model(x).sum().backward()
        return seen, x.grad, [p.grad for p in model.parameters()]

    value_in_both(program)


def test_names_of_arguments() -> None:
    def program(t: Any) -> Any:
        module = t.nn.ReLU()
        module.register_forward_pre_hook(hook=max, prepend=True, with_kwargs=True)
        module.register_forward_hook(hook=max, prepend=True, with_kwargs=True, always_call=True)
        module.register_full_backward_pre_hook(hook=max, prepend=True)
        module.register_full_backward_hook(hook=max, prepend=True)
        module.register_full_backward_pre_hook(max, True)
        module.register_full_backward_hook(max, True)

    value_in_both(program)


@pytest.mark.parametrize("kind", ["pre", "forward"])
def test_options_of_forward_hooks_are_keyword_only(kind: str) -> None:
    for library in (minigrad, torch):
        with pytest.raises(TypeError, match="takes 2 positional arguments"):
            getattr(library.nn.ReLU(), REGISTER[kind])(max, True)


# Before forward -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t, args: None, id="nothing"),
        pytest.param(lambda t, args: args[0] * 2, id="one value"),
        pytest.param(lambda t, args: (args[0] * 2,), id="a tuple"),
        pytest.param(lambda t, args: [args[0] * 2], id="a list counts as one value"),
        pytest.param(lambda t, args: (args[0], args[0] * 3), id="more arguments than before"),
        pytest.param(lambda t, args: (), id="an empty tuple"),
    ],
)
def test_pre_hook_replaces_the_arguments(change: Any) -> None:
    def program(t: Any) -> Any:
        class Show(t.nn.Module):
            def forward(self, *args: Any, **kwargs: Any) -> Any:
                return args, kwargs

        seen: list[Any] = []
        module = Show()
        module.register_forward_pre_hook(lambda module, args: change(t, args))
        module.register_forward_pre_hook(recorder(seen, "second"))
        return module(t.tensor([1.0, 2.0]), extra=3), seen

    value_in_both(program)


def test_pre_hooks_with_keyword_arguments() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = two(t)
        module.register_forward_pre_hook(recorder(seen, "without"))
        module.register_forward_pre_hook(recorder(seen, "with"), with_kwargs=True)
        module.register_forward_pre_hook(
            lambda module, args, kwargs: (args[::-1], {**kwargs, "scale": 10}), with_kwargs=True
        )
        module.register_forward_pre_hook(recorder(seen, "after"), with_kwargs=True)
        module.register_forward_hook(recorder(seen, "forward"), with_kwargs=True)
        return module(t.ones(2), t.tensor([2.0, 3.0]), scale=4), seen

    value_in_both(program)


@pytest.mark.parametrize("returned", [1, (1,), (1, 2, 3), [(), {}], "ab", ()])
def test_pre_hook_with_keyword_arguments_must_return_both_or_none(returned: Any) -> None:
    def program(t: Any) -> Any:
        module = t.nn.ReLU()
        module.register_forward_pre_hook(lambda *given: returned, with_kwargs=True)
        return module(t.ones(1))

    assert value_in_both(program, fails=True).kind == "RuntimeError"


@pytest.mark.parametrize("returned", [(1, {}), ((), 1), ([3], {}), ((), None)])
def test_pre_hook_returns_a_pair_of_wrong_types(returned: Any) -> None:
    def program(t: Any) -> Any:
        class Show(t.nn.Module):
            def forward(self, *args: Any, **kwargs: Any) -> Any:
                return args, kwargs

        module = Show()
        module.register_forward_pre_hook(lambda *given: returned, with_kwargs=True)
        return module(t.ones(1))

    result = check_same(program)
    assert (result.error is None) == (returned == ([3], {}))


# After forward ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda output: None, id="nothing"),
        pytest.param(lambda output: output * 2, id="a tensor"),
        pytest.param(lambda output: (output,), id="a tuple remains a tuple"),
        pytest.param(lambda output: {"out": output}, id="a dict"),
        pytest.param(lambda output: 0, id="something false"),
    ],
)
def test_forward_hook_replaces_the_output(change: Any) -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = layer(t)
        module.register_forward_hook(lambda module, args, output: change(output))
        module.register_forward_hook(recorder(seen, "second"))
        return module(t.ones(1, 2)), seen

    value_in_both(program)


@pytest.mark.parametrize("with_kwargs", [False, True])
def test_forward_hook_with_several_inputs_and_outputs(with_kwargs: bool) -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = two(t)
        module.register_forward_hook(recorder(seen, "hook"), with_kwargs=with_kwargs)
        return module(t.ones(2), 3.0, "rest", scale=4), seen

    value_in_both(program)


def test_forward_hook_gets_a_dict_output() -> None:
    def program(t: Any) -> Any:
        class Named(t.nn.Module):
            def forward(self, x: Any) -> Any:
                return {"twice": x * 2, "what": "x"}

        module = Named()
        module.register_forward_hook(
            lambda m, args, output: {**output, "more": output["twice"] + 1}
        )
        return module(t.ones(2))

    value_in_both(program)


def test_ops_of_forward_hooks_are_recorded() -> None:
    def program(t: Any) -> Any:
        module = layer(t)
        module.register_forward_pre_hook(lambda module, args: args[0] * 3)
        module.register_forward_hook(lambda module, args, output: output * args[0])
        x = t.ones(1, 2, requires_grad=True)
        module(x).sum().backward()
        return x.grad, module.weight.grad

    value_in_both(program)


# always_call --------------------------------------------------------------------------------------


def failing(t: Any) -> Any:
    class Failing(t.nn.Module):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            raise ValueError("forward cannot do that")

    return Failing()


def caught(seen: list[Any], call: Callable[[], Any]) -> list[Any]:
    """Append the result of the call, or its error, to `seen`."""
    try:
        seen.append(call())
    except Exception as error:
        seen.append((type(error).__name__, str(error)))
    return seen


@pytest.mark.parametrize("with_kwargs", [False, True])
def test_always_call_on_an_exception_in_forward(with_kwargs: bool) -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = failing(t)
        module.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
        module.register_forward_hook(recorder(seen, "not always"))
        module.register_forward_hook(
            recorder(seen, "first", returned=5), with_kwargs=with_kwargs, always_call=True
        )
        module.register_forward_hook(recorder(seen, "second"), always_call=True)
        return caught(seen, lambda: module(t.ones(1), extra=2))

    names = [each[1][0] for each in value_in_both(program)[1]]
    assert names == ["first", "second", "ValueError"]


def test_always_call_without_an_exception_is_called_once() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = layer(t)
        module.register_forward_hook(recorder(seen, "always"), always_call=True)
        return caught(seen, lambda: module(t.ones(1, 2)))

    assert len(value_in_both(program)[1]) == 2


def test_always_call_when_another_hook_raises() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = layer(t)
        module.register_forward_hook(recorder(seen, "before", returned=1), always_call=True)
        module.register_forward_hook(raising([]))
        module.register_forward_hook(recorder(seen, "after"), always_call=True)
        module.register_forward_hook(recorder(seen, "never"))
        return caught(seen, lambda: module(t.ones(1, 2)))

    assert [each[1][0] for each in value_in_both(program)[1]] == ["before", "after", "KeyError"]


def test_always_call_when_a_pre_hook_raises() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = layer(t)
        module.register_forward_pre_hook(lambda module, args: args.nothing)
        module.register_forward_hook(recorder(seen, "always"), always_call=True)
        return caught(seen, lambda: module(t.ones(1, 2)))

    assert [each[1][0] for each in value_in_both(program)[1]] == ["always", "AttributeError"]


def test_always_called_hook_that_raises_after_another_error_warns() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = failing(t)

        module.register_forward_hook(raising(seen), always_call=True)
        module.register_forward_hook(recorder(seen, "second"), always_call=True)
        return caught(seen, lambda: module(t.ones(1)))

    result = check_same(program)
    assert [warning.kind for warning in result.warned] == ["UserWarning"]
    assert len(result.value[1]) == 3


def test_always_called_hook_that_raised_is_not_called_again() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = layer(t)

        module.register_forward_hook(raising(seen), always_call=True)
        return caught(seen, lambda: module(t.ones(1, 2)))

    assert value_in_both(program)[1][:1] == ["raising"]


def test_always_called_hook_is_not_called_after_an_interrupt() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []

        class Interrupted(t.nn.Module):
            def forward(self) -> Any:
                raise KeyboardInterrupt

        module = Interrupted()
        module.register_forward_hook(recorder(seen, "always"), always_call=True)
        try:
            module()
        except KeyboardInterrupt:
            seen.append("interrupted")
        return seen

    assert value_in_both(program) == ("list", ["interrupted"])


# Backward hooks -----------------------------------------------------------------------------------


def both_hooks(module: Any, seen: list[Any]) -> Any:
    for kind in ("backward_pre", "backward"):
        getattr(module, REGISTER[kind])(recorder(seen, kind))
    return module


INPUTS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "both": lambda t: (leaf(t, 1, 2), leaf(t, 3, 4)),
    "the first": lambda t: (leaf(t, 1, 2), t.tensor([3.0, 4.0])),
    "the second": lambda t: (t.tensor([1.0, 2.0]), leaf(t, 3, 4)),
    "neither": lambda t: (t.tensor([1.0, 2.0]), t.tensor([3.0, 4.0])),
    "non-leaves": lambda t: (leaf(t, 1, 2) * 2, leaf(t, 3, 4) * 3),
    "a number": lambda t: (leaf(t, 1, 2), 3.0),
    "more": lambda t: (leaf(t, 1, 2), leaf(t, 3, 4), None, "rest", leaf(t, 5)),
    "an integer": lambda t: (leaf(t, 1, 2), t.tensor([3, 4])),
    "broadcast": lambda t: (leaf(t, 1, 2), leaf(t, 3)),
}


@pytest.mark.parametrize("outputs", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("inputs", INPUTS)
def test_gradients_of_several_inputs_and_outputs(inputs: str, outputs: tuple[int, ...]) -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = both_hooks(two(t), seen)
        given = INPUTS[inputs](t)
        result = module(*given)
        loss = sum((result[i].sum() * (i + 2) for i in outputs), t.zeros(()))
        if loss.requires_grad:
            loss.backward()
        grads = [x.grad for x in given if isinstance(x, t.Tensor) and x.is_leaf]
        return seen, grads, [r.requires_grad for r in result]

    value_in_both(program)


def test_the_same_tensor_twice() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = both_hooks(two(t), seen)
        x = leaf(t, 1, 2)
        a, b = module(x, x)
        (a + 3 * b).sum().backward()
        return seen, x.grad

    value_in_both(program)


def test_keyword_arguments_are_not_in_grad_input() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = both_hooks(two(t), seen)
        x, scale = leaf(t, 1, 2), leaf(t, 5)
        module(x, leaf(t, 3, 4), scale=scale)[0].sum().backward()
        return seen, x.grad, scale.grad

    value_in_both(program)


def test_only_keyword_arguments() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = both_hooks(layer(t), seen)
        x = t.ones(1, 2, requires_grad=True)
        module(input=x).sum().backward()
        return seen, x.grad

    assert len(check_same(program).warned) == 1


def test_hook_is_called_at_the_outputs_if_no_input_requires_grad() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = both_hooks(layer(t), seen)
        module(t.ones(1, 2)).sum().backward()
        return seen, module.weight.grad

    result = check_same(program)
    assert [warning.words[:3] for warning in result.warned] == [("full", "backward", "hook")]
    assert len(result.value[1][0][1]) == 2


@pytest.mark.parametrize("returned", ["tensor", (1,), [None], (None,), (), None])
def test_result_of_a_hook_if_no_input_requires_grad(returned: Any) -> None:
    def program(t: Any) -> Any:
        module = layer(t)
        value = t.ones(1, 2) if returned == "tensor" else returned
        module.register_full_backward_hook(lambda *given: value)
        module(t.ones(1, 2)).sum().backward()
        return module.weight.grad

    value_in_both(program, fails=returned not in [(None,), (), None])


class Pair(NamedTuple):
    left: Any
    right: Any


@pytest.mark.parametrize(
    ("form", "warns"),
    [
        pytest.param(lambda x, t: (x, 5, t.ones(1)), False, id="not all tensors"),
        pytest.param(lambda x, t: Pair(x, 5), False, id="a named tuple"),
        pytest.param(lambda x, t: {"x": x}, True, id="a dict"),
        pytest.param(lambda x, t: [x], True, id="a list"),
        pytest.param(lambda x, t: (x, (x * 2,)), False, id="nested"),
        pytest.param(lambda x, t: (), False, id="nothing"),
        pytest.param(lambda x, t: 5, True, id="a number"),
    ],
)
def test_outputs_of_several_types(form: Any, warns: bool) -> None:
    def program(t: Any) -> Any:
        class Form(t.nn.Module):
            def forward(self, x: Any) -> Any:
                return form(x * 3, t)

        seen: list[Any] = []
        x = leaf(t, 1, 2)
        output = both_hooks(Form(), seen)(x)
        kind = type(output).__name__
        while isinstance(output, (dict, list, tuple)) and len(output):
            output = next(iter(output.values())) if isinstance(output, dict) else output[0]
        if isinstance(output, t.Tensor):
            output.sum().backward()
        return kind, seen, x.grad

    assert len(check_same(program).warned) == warns


def test_backward_hooks_watch_the_output_of_forward_hooks() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = both_hooks(layer(t), seen)
        module.register_forward_hook(lambda module, args, output: (output * 2, args[0]))
        x = t.ones(1, 2, requires_grad=True)
        a, b = module(x)
        (a * b).sum().backward()
        return seen, x.grad

    value_in_both(program)


# Results of a hook for gradients `g` of shape (1, 2), and whether they are accepted.
RETURNED: dict[str, tuple[Callable[[Any, Any], Any], bool]] = {
    "a tuple": (lambda t, g: (g[0] * 10,), True),
    "a list": (lambda t, g: [g[0] * 10], True),
    "a tensor of gradients": (lambda t, g: t.tensor([[[7.0, 8.0]]]), True),
    "a gradient": (lambda t, g: g[0] * 10, False),
    "too many": (lambda t, g: (g[0], g[0]), False),
    "too few": (lambda t, g: (), False),
    "None in the tuple": (lambda t, g: (None,), True),
    "another shape": (lambda t, g: (g[0].sum(),), False),
    "another dtype": (lambda t, g: (g[0].double(),), False),
    "a number in the tuple": (lambda t, g: (5.0,), False),
    "a number": (lambda t, g: 5.0, False),
}


@BACKWARD
@pytest.mark.parametrize("returned", RETURNED)
def test_backward_hook_replaces_the_gradients(kind: str, returned: str) -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = layer(t)
        getattr(module, REGISTER[kind])(lambda module, *grads: RETURNED[returned][0](t, grads[0]))
        getattr(module, REGISTER[kind])(recorder(seen, "second"))
        module.register_full_backward_hook(recorder(seen, "last"))
        x = t.ones(1, 2, requires_grad=True)
        y = x * 1
        module(y).sum().backward()
        return seen, x.grad, module.weight.grad, module.bias.grad

    value_in_both(program, fails=not RETURNED[returned][1])


@BACKWARD
@pytest.mark.parametrize("inputs", ["both", "the first", "more", "an integer"])
def test_backward_hook_replaces_several_gradients(kind: str, inputs: str) -> None:
    def program(t: Any) -> Any:
        def tenfold(module: Any, *grads: Any) -> Any:
            return tuple(None if d is None else d * 10 for d in grads[0])

        seen: list[Any] = []
        module = two(t)
        getattr(module, REGISTER[kind])(tenfold)
        both_hooks(module, seen)
        given = INPUTS[inputs](t)
        module(*given)[0].sum().backward()
        return seen, [x.grad for x in given if isinstance(x, t.Tensor)]

    value_in_both(program)


@BACKWARD
def test_backward_hook_replaces_none_by_a_gradient(kind: str) -> None:
    def program(t: Any) -> Any:
        def ones(module: Any, *grads: Any) -> Any:
            return tuple(t.ones(2) for _ in grads[0])

        module = two(t)
        getattr(module, REGISTER[kind])(ones)
        x, y = leaf(t, 1, 2), t.tensor([3.0, 4.0])
        module(x, y)[0].sum().backward()
        return x.grad, y.grad

    value_in_both(program)


def test_backward_hook_replaces_a_gradient_by_none() -> None:
    def program(t: Any) -> Any:
        module = two(t)
        module.register_full_backward_hook(lambda module, inputs, outputs: (inputs[0], None))
        x, y = leaf(t, 1, 2), leaf(t, 3, 4)
        module(x, y * 2)[0].sum().backward()
        return x.grad, y.grad

    value_in_both(program)


@BACKWARD
def test_backward_hook_that_raises(kind: str) -> None:
    def program(t: Any) -> Any:
        module = layer(t)
        getattr(module, REGISTER[kind])(raising([]))
        module(t.ones(1, 2, requires_grad=True)).sum().backward()

    assert value_in_both(program, fails=True).kind == "KeyError"


def test_two_calls_of_one_module() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = both_hooks(layer(t), seen)
        x = t.ones(1, 2, requires_grad=True)
        module(module(x) * 2).sum().backward()
        return seen, x.grad, module.weight.grad

    value_in_both(program)


def test_second_backward_through_a_retained_graph() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = both_hooks(layer(t), seen)
        x = t.ones(1, 2, requires_grad=True)
        y = module(x).sum()
        y.backward(retain_graph=True)
        y.backward()
        return seen, x.grad

    value_in_both(program)


def test_gradient_of_a_parameter_alone_calls_no_hook_at_the_inputs() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = both_hooks(layer(t), seen)
        y = module(t.ones(1, 2, requires_grad=True)).sum()
        return t.autograd.grad(y, module.weight), seen

    value_in_both(program)


def test_hooks_under_create_graph() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []

        class Cube(t.nn.Module):
            def forward(self, x: Any) -> Any:
                return x * x * x

        module = Cube()
        module.register_full_backward_hook(lambda m, inputs, outputs: (inputs[0] * 2,))
        both_hooks(module, seen)
        x = leaf(t, 2, 3)
        (first,) = t.autograd.grad(module(x).sum(), x, create_graph=True)
        (second,) = t.autograd.grad(first.sum(), x)
        return first, second, [(name, *map(list, grads)) for name, *grads in seen]

    value_in_both(program)


def test_graph_with_backward_hooks() -> None:
    def program(t: Any) -> Any:
        module = both_hooks(layer(t), [])
        x = t.ones(1, 2, requires_grad=True)
        y = module(x)
        return y.grad_fn.name(), y.is_leaf, y

    value_in_both(program)


def test_module_that_returns_its_input() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = both_hooks(t.nn.Identity(), seen)
        x = leaf(t, 1, 2)
        y = module(x)
        (y * y).sum().backward()
        return y is x, seen, x.grad

    value_in_both(program)


# no_grad ------------------------------------------------------------------------------------------


def test_in_no_grad_only_forward_hooks_are_called() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = layer(t)
        for kind, register in REGISTER.items():
            getattr(module, register)(recorder(seen, kind))
        x = t.ones(1, 2, requires_grad=True)
        with t.no_grad():
            y = module(x)
        return [name for name, *_ in seen], y.requires_grad

    assert value_in_both(program)[1][0] == ("list", ["pre", "forward"])


def test_in_no_grad_the_inputs_are_passed_unchanged() -> None:
    def program(t: Any) -> Any:
        module = both_hooks(t.nn.Identity(), [])
        x = t.ones(2, requires_grad=True)
        with t.no_grad():
            unrecorded = module(x) is x
        return unrecorded, module(x) is x, module(x.detach()) is x.detach()

    value_in_both(program)


# In place -----------------------------------------------------------------------------------------


@BACKWARD
def test_backward_hooks_forbid_writing_into_an_input(kind: str) -> None:
    def program(t: Any) -> Any:
        module = t.nn.ReLU(inplace=True)
        getattr(module, REGISTER[kind])(recorder([], kind))
        x = leaf(t, -1, 2) * 1
        module(x)

    assert value_in_both(program, fails=True).words[:3] == ("output", "0", "of")


@BACKWARD
def test_backward_hooks_forbid_writing_into_an_output(kind: str) -> None:
    def program(t: Any) -> Any:
        module = layer(t)
        getattr(module, REGISTER[kind])(recorder([], kind))
        t.nn.ReLU(inplace=True)(module(t.ones(1, 2, requires_grad=True)))

    value_in_both(program, fails=True)


def test_writing_is_allowed_if_nothing_is_recorded() -> None:
    def program(t: Any) -> Any:
        module = both_hooks(t.nn.ReLU(inplace=True), [])
        x, y = t.tensor([-1.0, 2.0]), leaf(t, -1, 2) * 1
        module(x)
        with t.no_grad():
            module(y)
        return x, y

    value_in_both(program)


def test_forward_hooks_allow_writing() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = t.nn.ReLU(inplace=True)
        module.register_forward_hook(recorder(seen, "hook"))
        x = leaf(t, -1, 2)
        y = x * 3
        module(y)
        y.sum().backward()
        return seen, x.grad

    value_in_both(program)


# The deprecated kind ------------------------------------------------------------------------------


OUTPUTS: dict[str, Callable[[Any, Any], Any]] = {
    "the input": lambda t, x: x,
    "one op": lambda t, x: x * 2,
    "two ops": lambda t, x: x * 2 + 1,
    "two results": lambda t, x: (x * 2, x * 3),
    "nested": lambda t, x: ((x * 2,), x * 3),
    "a list": lambda t, x: [x * 2, x * 3],
    "a dict": lambda t, x: {"count": 1, "x": x * 2},
    "a constant": lambda t, x: t.ones(2),
    "a layer": lambda t, x: layer(t)(x),
    "in place": lambda t, x: t.nn.ReLU(inplace=True)(x),
}


@pytest.mark.parametrize("args", [(), (3,)])
@pytest.mark.parametrize("leaf_input", [False, True])
@pytest.mark.parametrize("name", OUTPUTS)
def test_deprecated_backward_hooks(name: str, leaf_input: bool, args: Any) -> None:
    def program(t: Any) -> Any:
        class Computing(t.nn.Module):
            def forward(self, x: Any, *args: Any) -> Any:
                return OUTPUTS[name](t, x)

        seen: list[Any] = []
        module, x = Computing(), leaf(t, -1, 2)
        module.register_backward_hook(recorder(seen, "first"))
        handle = module.register_backward_hook(recorder(seen, "second"))
        for _ in range(2):
            y = module(x if leaf_input else x * 1, *args)
            while not isinstance(y, t.Tensor):
                y = y["x"] if isinstance(y, dict) else y[0]
            if y.requires_grad:
                (y * 3).sum().backward()
            handle.remove()
        return seen, x.grad

    fails = name == "in place" and leaf_input
    value_in_both(program, fails)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_deprecated_backward_hook_replaces_gradients(count: int) -> None:
    def program(t: Any) -> Any:
        module, x = t.nn.ReLU(), leaf(t, -1, 2)
        module.register_backward_hook(lambda module, grads, _: (grads[0] * 10,) * count or None)
        module(x * 1).sum().backward()
        return x.grad

    value_in_both(program, fails=count == 2)


@pytest.mark.parametrize("removed", [False, True])
@pytest.mark.parametrize("deprecated_first", [False, True])
def test_full_and_deprecated_backward_hooks_do_not_mix(
    deprecated_first: bool, removed: bool
) -> None:
    def program(t: Any) -> Any:
        module = t.nn.ReLU()
        kinds = [module.register_full_backward_hook, module.register_backward_hook]
        first, second = reversed(kinds) if deprecated_first else kinds
        handle = first(max)
        if removed:
            handle.remove()
        second(max)

    assert value_in_both(program, fails=True).kind == "RuntimeError"


# Global hooks -------------------------------------------------------------------------------------


def test_global_hooks_are_called_before_a_modules_own() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        model = t.nn.Sequential(layer(t), t.nn.ReLU())
        for name, module in model.named_modules():
            for kind, register in REGISTER.items():
                getattr(module, register)(recorder(seen, f"{kind} of {name!r}"))
        handles = []
        try:
            for kind, register in GLOBAL.items():
                hook = recorder(seen, f"{kind} of all")
                handles.append(getattr(t.nn.modules.module, register)(hook))
            x = t.ones(1, 2, requires_grad=True)
            model(x).sum().backward()
        finally:
            for handle in handles:
                handle.remove()
        model(x).sum().backward()
        return seen, x.grad

    value_in_both(program)


@pytest.mark.parametrize("kind", GLOBAL)
def test_global_hook(kind: str) -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        model = t.nn.Sequential(layer(t), t.nn.ReLU())
        x = t.ones(1, 2, requires_grad=True)
        with getattr(t.nn.modules.module, GLOBAL[kind])(recorder(seen, kind)):
            model(x).sum().backward()
        model(x).sum().backward()
        return seen

    assert len(value_in_both(program)[1]) == 3


def test_options_of_global_forward_hooks() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        register = t.nn.modules.module.register_module_forward_hook
        with register(recorder(seen, "with"), with_kwargs=True):
            two(t)(t.ones(1), t.ones(1), scale=2)
        with register(recorder(seen, "always", returned=3), always_call=True):
            module = failing(t)
            module.register_forward_hook(recorder(seen, "own"), always_call=True)
            caught(seen, lambda: module(t.ones(1)))
            with register(lambda *given: given.nothing, always_call=True):
                return caught(seen, lambda: module(t.ones(1)))

    assert len(check_same(program).warned) == 1


# Copies and custom modules ------------------------------------------------------------------------


def test_deepcopy_copies_hooks() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = layer(t)
        handles = [
            getattr(module, register)(recorder(seen, kind)) for kind, register in REGISTER.items()
        ]
        module.register_forward_hook(recorder(seen, "kwargs"), with_kwargs=True)
        twin = copy.deepcopy(module)
        for handle in handles:
            handle.remove()
        x = t.ones(1, 2, requires_grad=True)
        module(x).sum().backward()
        seen.append("the copy")
        twin(x).sum().backward()
        seen.append("mixing")
        return caught(
            [name if isinstance(name, str) else name[0] for name in seen],
            lambda: twin.register_backward_hook(max),
        )

    value_in_both(program)


def test_deepcopy_copies_a_hook_that_is_a_method_and_its_handle() -> None:
    def program(t: Any) -> Any:
        class Counting(t.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.calls = 0
                self.handle = self.register_forward_hook(self.count)

            def count(self, module: Any, args: Any, output: Any) -> None:
                self.calls += 1

            def forward(self, x: Any) -> Any:
                return x

        module = Counting()
        twin = copy.deepcopy(module)
        twin(1)
        twin(1)
        module(1)
        twin.handle.remove()
        twin(1)
        module(1)
        return module.calls, twin.calls

    assert value_in_both(program) == ("tuple", [2, 2])


def test_shallow_copy_shares_hooks() -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        module = layer(t)
        twin = copy.copy(module)
        module.register_forward_hook(recorder(seen, "hook"))
        twin(t.ones(1, 2))
        return len(seen)

    assert value_in_both(program) == 1


def test_registering_before_module_init_raises() -> None:
    def program(t: Any) -> Any:
        class Late(t.nn.Module):
            def __init__(self) -> None:
                self.early = 5
                caught(seen, lambda: self.register_forward_hook(max))
                super().__init__()
                self.register_forward_hook(lambda module, args, output: output + self.early)

            def forward(self, x: Any) -> Any:
                return x

        seen: list[Any] = []
        return Late()(t.ones(1)), seen

    value_in_both(program)


def test_module_without_init_can_be_called() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            self.early = 5

        def forward(self, x: int) -> int:
            return x + self.early

    nn.ReLU().register_forward_hook(max)
    assert module_hooks.ever_registered
    assert Bare()(1) == 6


def test_hooks_are_not_in_the_tree() -> None:
    def program(t: Any) -> Any:
        module = layer(t)
        for register in REGISTER.values():
            getattr(module, register)(max)
        return repr(module), module.state_dict(), [name for name, _ in module.named_modules()]

    value_in_both(program)


def test_call_with_hooks_makes_no_reference_cycle() -> None:
    module = both_hooks(nn.Linear(2, 2), [])
    gc.collect()
    gc.disable()
    try:
        x = minigrad.ones(1, 2, requires_grad=True)
        y = module(x)
        node = weakref.ref(y.grad_fn)
        y.sum().backward()
        del y
        assert node() is None
        gone = weakref.ref(module)
        del module
        assert gone() is None
    finally:
        gc.enable()


def registering(t: Any, kind: str, replaced: bool) -> Any:
    """Register members in every way, with a hook that sees or replaces them."""
    register = getattr(t.nn.modules.module, f"register_module_{kind}_registration_hook")
    made = {
        "buffer": t.ones,
        "module": t.nn.Linear,
        "parameter": lambda n: t.nn.Parameter(t.ones(n)),
    }
    made["module"] = lambda n: t.nn.Dropout(1 / n)
    seen = []

    def hook(module: Any, name: str, value: Any) -> Any:
        seen.append((type(module).__name__, name, type(value).__name__))
        return made[kind](7) if replaced else None

    with register(hook):
        module = t.nn.Sequential(t.nn.BatchNorm1d(2))
        module.one = made["parameter"](2)
        module.one = None
        module.two = made["module"](2)
        module.two = None
        module.register_buffer("three", t.ones(2))
        module.three = t.zeros(2)
        module.three = None
        module.four = t.nn.Buffer(t.ones(2))
        module.register_parameter("five", made["parameter"](2))
        module.add_module("six", None)
    module.register_buffer("later", t.ones(2))
    return seen, repr(module), dict(module.state_dict())


# A buffer isn't replaced: in a batch normalisation, a float can't count batches.
@pytest.mark.parametrize(
    ("kind", "replaced"),
    [
        ("buffer", False),
        ("module", False),
        ("module", True),
        ("parameter", False),
        ("parameter", True),
    ],
)
def test_hooks_of_registration(kind: str, replaced: bool) -> None:
    check_same(lambda t: registering(t, kind, replaced))


def test_old_backward_hooks_of_every_module(monkeypatch: pytest.MonkeyPatch) -> None:
    def program(t: Any) -> Any:
        hooks, seen = t.nn.modules.module, []
        layer = t.nn.Sequential(t.nn.Tanh(), t.nn.Sigmoid())
        layer[0].register_full_backward_hook(lambda *_: seen.append("full"))
        with hooks.register_module_backward_hook(lambda m, *g: seen.append((repr(m), g))):
            layer(t.ones(2, requires_grad=True)).sum().backward()
        layer(t.ones(2, requires_grad=True)).sum().backward()
        return seen, hooks.register_module_full_backward_hook(print)

    monkeypatch.setattr(module_hooks.every_module, "_is_full_backward_hook", None)
    monkeypatch.setattr(torch.nn.modules.module, "_global_is_full_backward_hook", None)
    assert check_same(program).error is not None


def test_a_handle_knows_the_hooks_of_its_kind() -> None:
    def program(t: Any) -> Any:
        layer = t.nn.Tanh()
        handles = [layer.register_forward_hook(print) for _ in range(2)]
        handles[0].remove()
        return len(handles[1].hooks_dict_ref()), handles[1].id in handles[0].hooks_dict_ref()

    check_same(program)


def test_a_hook_of_loading_does_not_keep_its_module_alive() -> None:
    layer = nn.Linear(2, 3)
    layer.register_load_state_dict_pre_hook(print)
    reference = weakref.ref(layer)
    gc.disable()
    try:
        del layer
        assert reference() is None
    finally:
        gc.enable()


def test_names_without_the_prefix_of_a_parallel_module() -> None:
    def program(t: Any) -> Any:
        state = t.nn.Sequential(t.nn.ModuleDict({"module": t.nn.BatchNorm1d(2)})).state_dict()
        t.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "0.")
        t.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "mod")
        return list(state), dict(state._metadata)

    check_same(program)
