"""optim/optimizer.py: groups, state, saving and loading, and errors, compared with PyTorch's."""

from __future__ import annotations

import copy
import gc
import importlib
import inspect
import pickle
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from trajectories import SEEDS, Course, arrays, check_equal
from twins import check_same, outcome, same, torch, translate

import minigrad
from bridge.drawing.class_samples import STEPPED, draw_optimizer_options
from minigrad import nn, optim

SAMPLES = {
    f"{name} {seed}": (name, dict(draw_optimizer_options(name, seed)))
    for name in STEPPED
    for seed in range(4)
}
WITH_OPTIONS = pytest.mark.parametrize(("name", "options"), SAMPLES.values(), ids=SAMPLES)


@pytest.mark.parametrize(("first", "second"), [(minigrad, torch), (torch, minigrad)])
@given(st.sampled_from(sorted(STEPPED)), SEEDS)
def test_training_continues_from_the_other_librarys_state_dict(
    first: Any, second: Any, name: str, seed: int
) -> None:
    options = draw_optimizer_options(name, seed)
    course = Course.of(name, seed, "float64", steps=8)

    def optimizer(t: Any, params: list[Any], **options: Any) -> Any:
        return getattr(t.optim, name)(course.groups(t, params), **options)

    params = course.parameters(first)
    leading = optimizer(first, params, **options)
    for step in range(4):
        course.set_grads(first, params, step)
        leading.step()

    taken = [second.nn.Parameter(translate(p, second)) for p in params]
    following = optimizer(second, taken)  # default hyperparameters, which loading replaces
    following.load_state_dict(translate(leading.state_dict(), second))
    # Loading converts numbers such as NAdam's `mu_product` to the parameter's dtype.
    leading.load_state_dict(leading.state_dict())
    for step in range(4, 8):
        for t, group, walker in ((first, params, leading), (second, taken, following)):
            course.set_grads(t, group, step)
            walker.step()
    check_equal(arrays(params, leading), arrays(taken, following), 1e-12, "after loading")

    ours, theirs = leading.state_dict(), following.state_dict()
    assert ours["param_groups"] == theirs["param_groups"]
    assert list(ours["state"]) == list(theirs["state"])


@pytest.mark.parametrize("in_second_group", [False, True])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"momentum": 0.5, "nesterov": True, "maximize": True, "weight_decay": 0.25}),
        ("SGD", {"momentum": 0.5, "dampening": 0.5}),
        ("Adam", {"amsgrad": True, "maximize": True, "betas": (0.5, 0.75), "eps": 0.5}),
        ("AdamW", {"amsgrad": True, "maximize": True, "weight_decay": 0.5}),
    ],
)
def test_loads_the_state_dict_of_an_older_version_without_an_option(
    name: str, options: dict[str, Any], in_second_group: bool
) -> None:
    """An option that is newer has no effect then, and without an older one a step fails."""

    def program(t: Any, missing: str) -> Any:
        params = [t.nn.Parameter(t.ones(2)), t.nn.Parameter(t.ones(1))]

        def optimizer() -> Any:
            return getattr(t.optim, name)([{"params": [p]} for p in params], lr=0.5, **options)

        first, second = optimizer(), optimizer()
        for p in params:
            p.grad = t.full_like(p, 0.5)
        first.step()
        state = first.state_dict()
        del state["param_groups"][in_second_group][missing]
        second.load_state_dict(state)
        groups = [{k: v for k, v in g.items() if k != "params"} for g in second.param_groups]
        second.step()
        return groups, [[round(x, 4) for x in p.tolist()] for p in params]

    saved = getattr(optim, name)([nn.Parameter(minigrad.ones(1))]).state_dict()["param_groups"][0]
    for missing in saved.keys() - {"params"}:
        check_same(lambda t, missing=missing: program(t, missing))


@WITH_OPTIONS
def test_many_steps_end_where_pytorchs_do(name: str, options: Any) -> None:
    # Others amplify roundings more, because their steps don't shrink with the gradient.
    steps = 300 if name in ("Adam", "AdamW", "SGD") else 20
    rng = np.random.default_rng(5)
    starts = [rng.standard_normal(shape) for shape in ((4, 3), (4,), (1, 4), (1,))]
    x, y = rng.standard_normal((8, 3)), rng.standard_normal((8, 1))
    ends = []
    for t in (minigrad, torch):
        net = t.nn.Sequential(t.nn.Linear(3, 4), t.nn.Tanh(), t.nn.Linear(4, 1)).double()
        for param, start in zip(net.parameters(), starts, strict=True):
            param.data = t.from_numpy(start.copy())
        optimizer = getattr(t.optim, name)(net.parameters(), **options)
        for _ in range(steps):
            optimizer.zero_grad()
            t.nn.MSELoss()(net(t.from_numpy(x)), t.from_numpy(y)).backward()
            optimizer.step()
        ends.append([p.detach().numpy() for p in net.parameters()])
    for ours, theirs in zip(*ends, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


@WITH_OPTIONS
def test_backward_raises_if_a_step_changed_a_saved_parameter(name: str, options: Any) -> None:
    def program(t: Any) -> Any:
        w = t.nn.Parameter(t.ones(2))
        optimizer = getattr(t.optim, name)([w], **options)
        loss = (w * w).sum()
        loss.backward(retain_graph=True)
        optimizer.step()
        loss.backward()

    assert check_same(program).error is not None


def test_backward_raises_if_a_step_changed_saved_state() -> None:
    def program(t: Any) -> Any:
        w = t.nn.Parameter(t.ones(2))
        optimizer = t.optim.SGD([w], momentum=0.5)
        w.grad = t.ones(2)
        optimizer.step()
        x = t.ones(2, requires_grad=True)
        loss = (x * optimizer.state[w]["momentum_buffer"]).sum()
        optimizer.step()
        loss.backward()

    assert check_same(program).error is not None


@WITH_OPTIONS
def test_step_writes_in_place_and_records_nothing(name: str, options: Any) -> None:
    data = minigrad.ones(3)
    w = nn.Parameter(data)
    optimizer = getattr(optim, name)([w], **options)
    w.grad = minigrad.ones(3)
    for _ in range(3):
        optimizer.step()
    assert same(data, w)
    assert data[0] != 1
    assert w.is_leaf
    assert w.requires_grad
    state = optimizer.state[w].values()
    assert not any(value.requires_grad for value in state)


def test_states_share_no_memory() -> None:
    params = [nn.Parameter(minigrad.ones(2)) for _ in range(2)]
    optimizer = optim.Adam(params)
    for i, param in enumerate(params):
        param.grad = minigrad.full((2,), float(i))
    optimizer.step()
    tensors = [value for param in params for value in optimizer.state[param].values()]
    memory = [tensor.numpy() for tensor in tensors] + [param.grad.numpy() for param in params]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(memory) for b in memory[i + 1 :])


def test_transposed_parameter_and_gradient() -> None:
    def program(t: Any) -> Any:
        w = t.nn.Parameter(t.arange(6.0).reshape(2, 3).t())
        optimizer = t.optim.Adam([w], weight_decay=0.5)
        w.grad = t.arange(6.0).reshape(2, 3).t() - 3
        optimizer.step()
        return [round(x, 5) for row in w.tolist() for x in row]

    check_same(program)


def test_closure_runs_with_grad_enabled() -> None:
    def program(t: Any) -> Any:
        w = t.nn.Parameter(t.tensor([1.0, 2.0]))
        optimizer = t.optim.SGD([w], lr=0.5)

        def closure() -> Any:
            optimizer.zero_grad()
            loss = (w * w).sum()
            loss.backward()
            return loss

        with t.no_grad():
            loss = optimizer.step(closure)
            enabled = t.is_grad_enabled()
        return loss.item(), w.tolist(), enabled, optimizer.step()

    check_same(program)


@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad(set_to_none: bool) -> None:
    def program(t: Any) -> Any:
        used, unused = t.nn.Parameter(t.ones(2)), t.nn.Parameter(t.ones(2))
        optimizer = t.optim.SGD([used, unused])
        kept = t.ones(2, requires_grad=True) * 3  # has a graph, as after create_graph
        used.grad = kept
        optimizer.zero_grad(set_to_none)
        same = used.grad is kept
        grad = used.grad
        return same, grad, grad is None or grad.requires_grad, unused.grad

    check_same(program)


def groups_of(t: Any) -> Any:
    a, b, c = (t.nn.Parameter(t.ones(i)) for i in (1, 2, 3))
    optimizer = t.optim.SGD([{"params": [a], "lr": 0.5}, {"params": b, "momentum": 0.9}], lr=0.1)
    optimizer.add_param_group({"params": iter([c]), "own": "kept"})
    for param in (a, b, c):
        param.grad = t.ones_like(param)
    optimizer.step()
    shapes = [[list(p.shape) for p in group["params"]] for group in optimizer.param_groups]
    return optimizer.state_dict(), repr(optimizer), shapes, a.tolist(), b.tolist(), c.tolist()


def named(t: Any) -> Any:
    net = t.nn.Sequential(t.nn.Linear(2, 1), t.nn.Linear(1, 1))
    optimizer = t.optim.SGD(net[0].named_parameters(), lr=0.1)
    optimizer.add_param_group({"params": list(net[1].named_parameters())})
    state = optimizer.state_dict()
    for group in state["param_groups"]:
        del group["param_names"]
    optimizer.load_state_dict(state)
    return [group["param_names"] for group in optimizer.param_groups], repr(optimizer)


def group_is_not_copied(t: Any) -> Any:
    group = {"params": [t.zeros(1)]}
    return t.optim.SGD([group]).param_groups[0] is group


def add_twice(t: Any) -> Any:
    w = t.zeros(1)
    t.optim.SGD([w]).add_param_group({"params": w})


def duplicates(t: Any) -> Any:
    w = t.nn.Parameter(t.ones(1))
    optimizer = t.optim.SGD([w, w], lr=0.25)
    w.grad = t.ones(1)
    optimizer.step()
    return w.tolist(), optimizer.state_dict()


def state_of_no_parameter(t: Any) -> Any:
    optimizer = t.optim.SGD([t.zeros(2)])
    state = optimizer.state_dict()
    state["state"] = {"global": 3, 0: {"list": [t.ones(2, dtype=t.float64)], "deep": {"n": 1}}}
    optimizer.load_state_dict(state)
    return optimizer.state_dict()


def loading_does_not_change_the_state_dict(t: Any) -> Any:
    optimizer = t.optim.Adam([t.zeros(2)], lr=t.tensor(0.5))
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    optimizer.param_groups[0]["eps"] = 7.0
    optimizer.param_groups[0]["lr"].fill_(7.0)
    return state


def load_groups(t: Any, groups: Any) -> None:
    t.optim.SGD([t.zeros(1)]).load_state_dict({"state": {}, "param_groups": groups})


def with_required(t: Any, params: Any, *lr: float) -> Any:
    required = importlib.import_module(f"{t.__name__}.optim.optimizer").required
    optimizer = t.optim.Optimizer(params, {"lr": lr[0] if lr else required})
    return repr(required), optimizer.param_groups[0]["lr"]


def custom_optimizer(t: Any) -> Any:
    class Signs(t.optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        @t.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    p.sub_(group["lr"] * (p.grad > 0))

    w = t.nn.Parameter(t.ones(2))
    optimizer = Signs([w], lr=0.5)
    w.grad = t.tensor([1.0, -1.0])
    optimizer.step()
    return w.tolist(), optimizer.state_dict(), repr(optimizer)


CASES = {
    "groups": groups_of,
    "names": named,
    "the group is not copied": group_is_not_copied,
    "duplicates": duplicates,
    "state of no parameter": state_of_no_parameter,
    "loading": loading_does_not_change_the_state_dict,
    "custom optimizer": custom_optimizer,
    "a generator": lambda t: len(t.optim.SGD(t.nn.Linear(1, 1).parameters()).param_groups),
    "empty list": lambda t: t.optim.SGD([]),
    "a tensor": lambda t: t.optim.SGD(t.zeros(2)),
    "a number": lambda t: t.optim.SGD([3]),
    "a list in a list": lambda t: t.optim.SGD([[t.zeros(1)]]),
    "a module": lambda t: t.optim.SGD(t.nn.Linear(1, 1)),
    "a computed tensor": lambda t: t.optim.SGD([t.ones(1, requires_grad=True) * 2]),
    "a set in a group": lambda t: t.optim.SGD([{"params": {t.zeros(1)}}]),
    "a group without parameters": lambda t: t.optim.SGD([{"lr": 1.0}]),
    "a group and a tensor": lambda t: t.optim.SGD([{"params": t.zeros(1)}, t.zeros(1)]),
    "adding a list": lambda t: t.optim.SGD([t.zeros(1)]).add_param_group([t.zeros(1)]),
    "adding the same again": add_twice,
    "some with names": lambda t: t.optim.SGD([("a", t.zeros(1)), t.zeros(1)]),
    "adding a group with names": lambda t: t.optim.SGD([t.zeros(1)]).add_param_group(
        {"params": [("a", t.zeros(1))]}
    ),
    "adding a group without names": lambda t: t.optim.SGD([("a", t.zeros(1))]).add_param_group(
        {"params": [t.zeros(1)]}
    ),
    "loading too few groups": lambda t: load_groups(t, []),
    "loading a group of another size": lambda t: load_groups(t, [{"params": [0, 1]}]),
    "without a required option": lambda t: with_required(t, [{"params": [t.zeros(1)]}]),
    "with a required option": lambda t: with_required(t, [{"params": [t.zeros(1)], "lr": 0.5}]),
    "with a required default": lambda t: with_required(t, [t.zeros(1)], 0.5),
    "AdamW's module": lambda t: (
        importlib.import_module(f"{t.__name__}.optim.adamw").AdamW is t.optim.AdamW
    ),
    "a step of the base class": lambda t: t.optim.Optimizer([t.ones(1)], {}).step(),
}


@pytest.mark.parametrize("program", CASES.values(), ids=CASES)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)


def test_tensor_that_retains_grad_may_be_optimized() -> None:
    w = minigrad.ones(1, requires_grad=True) * 2
    w.retain_grad()
    optim.SGD([w])


def test_deepcopy_is_independent() -> None:
    net = nn.Linear(2, 1)
    optimizer = optim.Adam(net.parameters())
    optim.lr_scheduler.StepLR(optimizer, 1)
    net(minigrad.ones(1, 2)).sum().backward()
    optimizer.step()
    twin_net, twin = copy.deepcopy((net, optimizer))
    assert twin.param_groups[0]["params"][0] is twin_net.weight
    before = net.weight.tolist()
    twin_net.weight.grad = minigrad.ones(1, 2)
    twin.step()
    assert net.weight.tolist() == before != twin_net.weight.tolist()
    assert optimizer.state[net.weight]["step"] == 1
    assert twin.state[twin_net.weight]["step"] == 2


def test_optimizer_is_freed_without_the_garbage_collector() -> None:
    optimizer = optim.SGD([nn.Parameter(minigrad.ones(2))], momentum=0.5)
    optimizer.param_groups[0]["params"][0].grad = minigrad.ones(2)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.step()
    dead = weakref.ref(optimizer)
    gc.disable()
    try:
        del optimizer, scheduler
        assert dead() is None
    finally:
        gc.enable()


# Copies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["copy", "deepcopy", "pickle"])
@WITH_OPTIONS
def test_copies_continue_as_in_pytorch(name: str, options: dict[str, Any], how: str) -> None:
    """`copy` shares the parameters and the state, the others share nothing."""

    def copied(value: Any) -> Any:
        if how == "pickle":
            return pickle.loads(pickle.dumps(value))
        return getattr(copy, how)(value)

    def program(t: Any) -> Any:
        course = Course.of(name, 0, "float64", steps=6)
        params = course.parameters(t)
        optimizer = getattr(t.optim, name)(course.groups(t, params), **options)
        for step in range(3):
            course.set_grads(t, params, step)
            optimizer.step()
        twin = copied(optimizer)
        of_twin = [p for group in twin.param_groups for p in group["params"]]
        gradients = [p.grad is None for p in of_twin]
        for step in range(3, 6):
            course.set_grads(t, of_twin, step)
            twin.step()
        course.set_grads(t, params, 3)
        optimizer.step()
        shared = (
            twin.state is optimizer.state,
            [a is b for a, b in zip(params, of_twin, strict=True)],
        )
        return gradients, shared, [float(p.sum()) for p in params], str(twin)

    with minigrad.no_grad(), torch.no_grad():
        ours, theirs = program(minigrad), program(torch)
    assert ours[:2] == theirs[:2]
    assert ours[3].split() == theirs[3].split()
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-9)


# Shapes -------------------------------------------------------------------------------------------

SHAPES = [(), (1,), (2,), (3,), (0,), (2, 3), (3, 2), (1, 3), (4,), (2, 2)]


@given(
    st.sampled_from(["Adam", "AdamW", "SGD"]),
    st.sampled_from([{}, {"weight_decay": 0.1}, {"momentum": 0.9}, {"amsgrad": True}]),
    st.sampled_from(SHAPES),
    st.sampled_from(SHAPES),
    st.booleans(),
)
def test_a_parameter_that_was_resized(
    name: str,
    options: dict[str, Any],
    before: tuple[int, ...],
    after: tuple[int, ...],
    with_gradient: bool,
) -> None:
    """The error is PyTorch's."""
    kept = inspect.signature(getattr(optim, name)).parameters
    options = {option: value for option, value in options.items() if option in kept}

    def program(t: Any) -> Any:
        w = t.nn.Parameter(t.ones(before))
        optimizer = getattr(t.optim, name)([w], lr=0.5, **options)
        w.grad = t.ones(before)
        optimizer.step()
        w.data = t.ones(after)
        if with_gradient:
            w.grad = t.ones(after)
        optimizer.step()
        return w.shape == after

    # Which of the two shapes comes first depends on the order of PyTorch's additions.
    ours, theirs = outcome(program, minigrad), outcome(program, torch)
    # PyTorch accepts a gradient and a state of another shape that broadcasts to the parameter's.
    assume(with_gradient or before == after or theirs.error is not None)
    assert ours.value == theirs.value
    assert (ours.error and ours.error.kind) == (theirs.error and theirs.error.kind)
    assert (ours.error and ours.error.words[:2]) == (theirs.error and theirs.error.words[:2])


# Clearing gradients -------------------------------------------------------------------------------

VIEWS: dict[str, Any] = {
    "a row": lambda t, base: base[0],
    "an expanded number": lambda t, base: base[0, :1].expand(3),
    "a part": lambda t, base: base.view(6)[:3],
    "a transposed column": lambda t, base: base.t()[:, 0],
    "detached": lambda t, base: base.detach()[1],
    "a view with a graph": lambda t, base: (base.requires_grad_() * 2)[0],
    "a result": lambda t, base: base.requires_grad_()[0] * 2,
    "a leaf that requires grad": lambda t, base: base[0].clone().requires_grad_(),
    "a parameter": lambda t, base: t.nn.Parameter(base[0]),
}


@pytest.mark.parametrize("of_module", [False, True])
@pytest.mark.parametrize("name", VIEWS)
def test_zero_grad_of_a_view(name: str, of_module: bool) -> None:
    def program(t: Any) -> Any:
        base = t.ones(2, 3)
        module = t.nn.Module()
        module.w = t.nn.Parameter(t.zeros(3))
        grad = module.w.grad = VIEWS[name](t, base)
        owner = module if of_module else t.optim.SGD([module.w])
        try:
            owner.zero_grad(set_to_none=False)
        except RuntimeError:
            return "refused", base
        return module.w.grad is grad, grad, grad.requires_grad, grad.is_leaf, base

    check_same(program)


OPTIONS = ("capturable", "differentiable", "maximize", "foreach", "fused", "nesterov", "anything")


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", sorted(set(optim.__all__) - {"Optimizer", "SparseAdam"}))
def test_a_group_may_have_options_that_the_optimiser_has_not(name: str, option: str) -> None:
    if not isinstance(getattr(optim, name), type):
        return

    def program(torch: Any) -> Any:
        w = torch.nn.Parameter(torch.tensor([[1.0, 2.0], [-3.0, 0.5]]))
        kind = getattr(torch.optim, name)
        if option in kind([w]).defaults:
            return None
        opt = kind([{"params": [w], option: True}])
        for _ in range(2):
            opt.zero_grad()
            (w * w).sum().backward()
            opt.step(*([lambda: (w * w).sum()] if name == "LBFGS" else []))
        return opt.param_groups[0][option], (w * 64).round()

    check_same(program)


@pytest.mark.parametrize("value", [1, None, [1]])
@pytest.mark.parametrize("name", sorted(set(optim.__all__) - {"Optimizer", "SparseAdam"}))
def test_the_state_may_have_values_of_the_program(name: str, value: Any) -> None:
    if not isinstance(getattr(optim, name), type):
        return

    def program(torch: Any) -> Any:
        w = torch.nn.Parameter(torch.tensor([[1.0, 2.0], [-3.0, 0.5]]))
        opt = getattr(torch.optim, name)([w])
        for step in range(3):
            opt.zero_grad()
            (w * w).sum().backward()
            opt.step(*([lambda: (w * w).sum()] if name == "LBFGS" else []))
            if step == 0:
                opt.state[w]["mine"] = opt.state["of all"] = value
            opt.load_state_dict(opt.state_dict())
        return opt.state[w]["mine"], opt.state["of all"], (w * 64).round()

    check_same(program)
