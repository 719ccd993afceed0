"""nn/module.py: walks, attributes, state and repr, compared with torch.nn.Module."""

from __future__ import annotations

import copy
import gc
import weakref
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same, torch, translate

import minigrad
from bridge.drawing.class_samples import LAYERS, LOSSES, Layer, draw_layer_case
from minigrad import nn

# A module tree is drawn as plain data and built in both libraries.
LEAVES = st.builds(
    lambda name, seed: draw_layer_case(name, seed).layer,
    # Lazy layers have no state yet.
    st.sampled_from([name for name in (*LAYERS, *LOSSES) if not name.startswith("Lazy")]),
    st.integers(0, 99),
)
NAMES = st.sampled_from(["a", "b", "c", "weight"])
TREES = st.recursive(
    LEAVES,
    lambda trees: st.one_of(
        st.tuples(st.sampled_from(["Sequential", "ModuleList"]), st.lists(trees, max_size=4)),
        st.tuples(
            st.sampled_from(["ModuleDict", "Custom", "Named"]),
            st.dictionaries(NAMES, trees, max_size=3),
        ),
        st.tuples(st.just("Shared"), trees),
    ),
    max_leaves=8,
)


def build(t: Any, tree: Any) -> Any:
    if isinstance(tree, Layer):
        return tree.make(t)
    kind, *arguments = tree
    if kind in ("Sequential", "ModuleList"):
        children = [build(t, child) for child in arguments[0]]
        return t.nn.Sequential(*children) if kind == "Sequential" else t.nn.ModuleList(children)
    if kind in ("ModuleDict", "Custom", "Named"):
        members = {name: build(t, child) for name, child in arguments[0].items()}
        if kind == "ModuleDict":
            return t.nn.ModuleDict(members)
        if kind == "Named":
            return t.nn.Sequential(OrderedDict(members))
        return custom(t, members)
    if kind == "Shared":
        child = build(t, arguments[0])
        return t.nn.ModuleList([child, t.nn.Sequential(child), child])
    raise ValueError(kind)


def custom(t: Any, members: dict[str, Any]) -> Any:
    """Make a module with parameters, buffers and children, some of them None."""

    class Custom(t.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, member in members.items():
                setattr(self, name, member)
            self.scale = t.nn.Parameter(t.ones(2, 1))
            self.same_scale = self.scale
            self.register_parameter("nothing", None)
            self.register_buffer("seen", t.zeros(3))
            self.register_buffer("scratch", t.zeros(1), persistent=False)
            self.register_buffer("missing", None)
            self.register_module("absent", None)

        def extra_repr(self) -> str:
            return "one line\nanother"

    return Custom()


def names(pairs: Any) -> list[str]:
    return [name for name, _ in pairs]


@given(TREES)
def test_walks_give_the_same_names_in_the_same_order(tree: Any) -> None:
    def program(t: Any) -> Any:
        module = build(t, tree)
        return [
            [
                names(module.named_parameters(prefix="p", recurse=recurse, remove_duplicate=once))
                for recurse in (True, False)
                for once in (True, False)
            ],
            [
                names(module.named_buffers(recurse=recurse, remove_duplicate=once))
                for recurse in (True, False)
                for once in (True, False)
            ],
            names(module.named_modules(prefix="q")),
            names(module.named_modules(remove_duplicate=False)),
            names(module.named_children()),
            len(list(module.parameters())),
            len(list(module.buffers())),
            [type(m).__name__ for m in module.modules()],
            [type(m).__name__ for m in module.children()],
            list(module.state_dict(prefix="s.")),
        ]

    check_same(program)


@given(TREES)
def test_repr(tree: Any) -> None:
    check_same(lambda t: repr(build(t, tree)))


@given(TREES)
def test_train_and_eval_reach_the_whole_tree(tree: Any) -> None:
    def program(t: Any) -> Any:
        module = build(t, tree)
        assert module.eval() is module
        flags = [m.training for m in module.modules()]
        for child in module.children():
            child.train()
        return flags, [m.training for m in module.modules()]

    check_same(program)


@given(TREES)
def test_apply_visits_children_before_parents(tree: Any) -> None:
    def program(t: Any) -> Any:
        visited: list[str] = []
        module = build(t, tree)
        assert module.apply(lambda m: visited.append(type(m).__name__)) is module
        return visited

    check_same(program)


@given(TREES)
def test_conversion_keeps_the_objects_and_converts_only_floats(tree: Any) -> None:
    def program(t: Any) -> Any:
        module = build(t, tree)
        module.register_buffer("count", t.tensor([3]))
        before = list(module.parameters())
        for param in before:
            param.grad = t.ones_like(param)
        assert module.double() is module
        after = list(module.parameters())
        assert all(a is b for a, b in zip(after, before, strict=True))
        return [
            [str(v.dtype) for v in module.state_dict().values()],
            [str(p.grad.dtype) for p in after],
            [p.is_leaf and p.requires_grad for p in after],
            [str(v.dtype) for v in module.float().state_dict().values()],
            [str(v.dtype) for v in module.to(t.float64).state_dict().values()],
            [str(v.dtype) for v in module.to(dtype=t.float32).state_dict().values()],
            [str(v.dtype) for v in module.to("cpu", t.float64).state_dict().values()],
            [str(v.dtype) for v in module.to(t.zeros(1)).state_dict().values()],
            [str(v.dtype) for v in module.to("cpu").cpu().state_dict().values()],
        ]

    check_same(program)


# A random sequence of assignments, deletions and registrations of two attributes.
VALUES = st.sampled_from(["parameter", "tensor", "module", None, 7])
TWO = st.sampled_from(["a", "b"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), TWO, VALUES),
        st.tuples(st.sampled_from(["delete", "parameter", "module", "set"]), TWO, VALUES),
        st.tuples(st.just("buffer"), TWO, VALUES, st.booleans()),
    ),
    min_size=2,
    max_size=12,
)


def pairs_of_assignments() -> list[Any]:
    kinds = ["parameter", "tensor", "module", None, 7]
    return [[("set", "a", first), ("set", "a", second)] for first in kinds for second in kinds]


@given(STEPS)
def test_any_sequence_of_assignments(steps: Any) -> None:
    check_attributes(steps)


@pytest.mark.parametrize("steps", pairs_of_assignments(), ids=str)
def test_assignment_over_another_kind_of_attribute(steps: Any) -> None:
    check_attributes(steps)


def check_attributes(steps: Any) -> None:
    def program(t: Any) -> Any:
        module = t.nn.Module()
        log = []
        for action, name, *rest in steps:
            value = rest[0]
            if value == "parameter":
                value = t.nn.Parameter(t.ones(1))
            elif value == "tensor":
                value = t.zeros(1)
            elif value == "module":
                value = t.nn.ReLU()
            try:
                if action == "set":
                    setattr(module, name, value)
                elif action == "delete":
                    delattr(module, name)
                elif action == "parameter":
                    module.register_parameter(name, value)
                elif action == "module":
                    module.add_module(name, value)
                else:
                    module.register_buffer(name, value, persistent=rest[1])
            except (AttributeError, KeyError, TypeError) as error:
                log.append(type(error).__name__)
            log.append(
                [
                    type(getattr(module, name, "none")).__name__,
                    list(module._parameters),
                    list(module._buffers),
                    list(module._modules),
                    sorted(module._non_persistent_buffers_set),
                    list(module.state_dict()),
                    [n for n in ("a", "b") if n in dir(module)],
                ]
            )
        return log

    check_same(program)


def assign_before_init(t: Any, value: Any) -> None:
    class Early(t.nn.Module):
        def __init__(self) -> None:
            self.early = value
            super().__init__()

    Early()


ERRORS = {
    "parameter before init": lambda t: assign_before_init(t, t.nn.Parameter(t.ones(1))),
    "module before init": lambda t: assign_before_init(t, t.nn.ReLU()),
    "a number before init": lambda t: assign_before_init(t, 3),
    "buffer before init": lambda t: t.nn.Module.__new__(t.nn.Module).register_buffer("b", None),
    "register before init": lambda t: t.nn.Module.__new__(t.nn.Module).register_parameter(
        "b", None
    ),
    "no forward": lambda t: t.nn.Module()(t.ones(1)),
    "missing attribute": lambda t: t.nn.Linear(1, 1).wieght,
    "deleting a missing attribute": lambda t: t.nn.Linear(1, 1).__delattr__("wieght"),
    "parameter name": lambda t: t.nn.Module().register_parameter(3, None),
    "parameter with a dot": lambda t: t.nn.Module().register_parameter("a.b", None),
    "parameter without a name": lambda t: t.nn.Module().register_parameter("", None),
    "parameter over a method": lambda t: t.nn.Module().register_parameter("forward", None),
    "parameter of a tensor": lambda t: t.nn.Module().register_parameter("a", 3),
    "buffer name": lambda t: t.nn.Module().register_buffer(3, None),
    "buffer with a dot": lambda t: t.nn.Module().register_buffer("a.b", None),
    "buffer without a name": lambda t: t.nn.Module().register_buffer("", None),
    "buffer over a method": lambda t: t.nn.Module().register_buffer("train", None),
    "buffer of a number": lambda t: t.nn.Module().register_buffer("a", 3),
    "module name": lambda t: t.nn.Module().add_module(3, None),
    "module with a dot": lambda t: t.nn.Module().add_module("a.b", None),
    "module without a name": lambda t: t.nn.Module().add_module("", None),
    "module over a method": lambda t: t.nn.Module().add_module("eval", None),
    "module of a number": lambda t: t.nn.Module().add_module("a", 3),
    "parameter set over a method": lambda t: setattr(
        t.nn.Module(), "train", t.nn.Parameter(t.ones(1))
    ),
    "train with a number": lambda t: t.nn.Module().train(1),
    "to an integer dtype": lambda t: t.nn.Linear(1, 1).to(t.int64),
    "load a list": lambda t: t.nn.Linear(1, 1).load_state_dict([1]),
    "missing submodule": lambda t: t.nn.Sequential(t.nn.ReLU()).get_submodule("0.a"),
    "submodule is a parameter": lambda t: t.nn.Linear(1, 1).get_submodule("weight"),
    "missing parameter": lambda t: t.nn.Linear(1, 1).get_parameter("wieght"),
    "parameter is a method": lambda t: t.nn.Linear(1, 1).get_parameter("forward"),
    "missing buffer": lambda t: t.nn.Linear(1, 1).get_buffer("weight2"),
    "buffer is a parameter": lambda t: t.nn.Linear(1, 1).get_buffer("weight"),
    "too many arguments": lambda t: t.nn.Sequential(t.nn.ReLU())(t.ones(1), 2),
    "parameters before init": lambda t: list(t.nn.Module.__new__(t.nn.Module).parameters()),
    "to a copy": lambda t: t.nn.Linear(1, 1).to("cpu", copy=True),
    "to channels last in 2 dimensions": lambda t: (
        t.nn.Linear(2, 3).to(memory_format=t.channels_last).weight.stride()
    ),
    "setting no submodule": lambda t: t.nn.Sequential().set_submodule("", t.nn.ReLU()),
    "setting a submodule to a number": lambda t: t.nn.Sequential().set_submodule("a", 3),
    "setting a parameter": lambda t: t.nn.Linear(1, 1).set_submodule("weight", t.nn.ReLU()),
    "setting below a missing parent": lambda t: t.nn.Sequential().set_submodule("a.b", t.nn.ReLU()),
    "setting only what exists": lambda t: t.nn.Sequential().set_submodule(
        "a", t.nn.ReLU(), strict=True
    ),
    "a buffer over a number": lambda t: [
        setattr(module := t.nn.Module(), "a", 3),
        setattr(module, "a", t.nn.Buffer(t.ones(1))),
    ],
    "a buffer before __init__": lambda t: setattr(
        t.nn.Module.__new__(t.nn.Module), "a", t.nn.Buffer(t.ones(1))
    ),
    "a buffer of a number": lambda t: setattr(t.nn.BatchNorm1d(1), "running_mean", 3),
}


@pytest.mark.parametrize("program", ERRORS.values(), ids=ERRORS)
def test_errors(program: Any) -> None:
    check_same(program)


def test_other_dtypes_formats_and_submodules() -> None:
    def program(t: Any) -> Any:
        model = t.nn.Sequential(t.nn.Conv2d(2, 3, 2), t.nn.Sequential(t.nn.BatchNorm2d(3)))
        model[0].weight.grad = t.ones(3, 2, 2, 2)
        model.half().to(memory_format=t.channels_last)
        strides = [p.stride() for p in (model[0].weight, model[0].weight.grad)]
        dtypes = [str(x.dtype) for x in model.state_dict().values()]
        model.set_submodule("1.0", t.nn.ReLU())
        model.set_submodule("1.other", t.nn.Tanh())
        return [dtypes, strides, repr(model)]

    assert check_same(program).error is None


def test_buffers_by_assignment() -> None:
    def program(t: Any) -> Any:
        module = t.nn.Module()
        module.number = t.nn.Buffer(t.ones(2))
        module.scratch = t.nn.Buffer(t.zeros(1, requires_grad=True), persistent=False)
        module.number = t.zeros(3)
        empty = t.nn.Buffer()
        found = [isinstance(x, t.nn.Buffer) for x in (module.scratch, module.number, empty, 3)]
        return [dict(module.named_buffers()), dict(module.state_dict()), found, repr(empty)]

    assert check_same(program).error is None


def test_non_leaf_parameter_is_refused() -> None:
    def program(t: Any) -> None:
        param = t.nn.Parameter(t.ones(2))
        with t.no_grad():
            param.detach_()
        param.mul_(t.ones(2, requires_grad=True))
        t.nn.Module().register_parameter("w", param)

    check_same(program)


def test_look_up_by_dotted_name() -> None:
    net = nn.Sequential(OrderedDict(body=nn.Sequential(nn.Linear(2, 3)), head=nn.NLLLoss()))
    assert net.get_submodule("") is net
    assert net.get_submodule("body.0") is net[0][0]
    assert net.get_parameter("body.0.bias") is net[0][0].bias
    net.head.register_buffer("seen", minigrad.ones(2))
    assert net.get_buffer("head.seen") is net.head.seen


# Faults in a state_dict, with the position of each affected key.
FAULTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["drop", "reshape", "stretch", "number", "extra", "deep extra", "scalar", "whole"]
        ),
        st.integers(0, 10),
    ),
    max_size=4,
)


@given(TREES, FAULTS, st.booleans(), st.booleans())
def test_load_state_dict_with_faults(tree: Any, faults: Any, strict: bool, assign: bool) -> None:
    def program(t: Any) -> Any:
        module = build(t, tree)
        module.gain = t.nn.Parameter(t.tensor(1.0), requires_grad=False)
        for value in module.state_dict().values():
            value.zero_()
        state = OrderedDict(
            (name, t.full_like(value, 0.5 + i).double())
            for i, (name, value) in enumerate(module.state_dict().items())
        )
        for fault, place in faults:
            key = list(state)[place % len(state)] if state else "none"
            if fault == "drop":
                state.pop(key, None)
            elif fault == "reshape":
                state[key] = t.zeros(2, 2, 2)
            elif fault == "stretch":
                state[key] = t.zeros([size + 1 for size in t.as_tensor(state.get(key, 0)).shape])
            elif fault == "number":
                state[key] = 3
            elif fault == "whole":
                state[key] = t.ones(t.as_tensor(state.get(key, 0)).shape, dtype=t.int64)
            elif fault == "scalar":
                state["gain"] = t.tensor([4.0])
            else:
                state[key + (".extra" if fault == "deep extra" else "extra")] = t.zeros(1)
        try:
            keys = module.load_state_dict(state, strict=strict, assign=assign)
            lines: Any = [repr(keys), keys.missing_keys, keys.unexpected_keys]
        except RuntimeError as error:
            # The text of the underlying error is not PyTorch's.
            lines = [line.split("an exception occurred")[0] for line in str(error).split("\n")]
        return lines, dict(module.state_dict()), [p.requires_grad for p in module.parameters()]

    check_same(program)


def test_assign_keeps_the_loaded_memory_and_the_old_requires_grad() -> None:
    layer = nn.Linear(2, 1).requires_grad_(False)
    weight, bias = minigrad.ones(1, 2), nn.Parameter(minigrad.zeros(1))
    layer.load_state_dict({"weight": weight, "bias": bias}, assign=True)
    assert layer.bias is bias
    assert not bias.requires_grad
    assert isinstance(layer.weight, nn.Parameter)
    assert not layer.weight.requires_grad
    weight[0, 0] = 5.0
    assert layer.weight.tolist() == [[5.0, 1.0]]


def test_state_dict_shares_memory_and_keep_vars_returns_the_parameters() -> None:
    layer = nn.Linear(2, 3)
    state = layer.state_dict()
    assert isinstance(state, OrderedDict)
    assert not state["weight"].requires_grad
    state["weight"].zero_()
    assert not layer.weight.any()
    kept = layer.state_dict(destination={"before": 1}, prefix="x.", keep_vars=True)
    assert kept["before"] == 1
    assert kept["x.weight"] is layer.weight


def test_extra_state() -> None:
    def program(t: Any) -> Any:
        class Counter(t.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.count = 0

            def get_extra_state(self) -> int:
                return self.count

            def set_extra_state(self, state: int) -> None:
                self.count = state

        net = t.nn.Sequential(Counter(), t.nn.Linear(1, 1), Counter())
        net[0].count = 5
        state = net.state_dict()
        del state["2._extra_state"]
        state["1._extra_state"] = 1
        twin = t.nn.Sequential(Counter(), t.nn.Linear(1, 1), Counter())
        keys = twin.load_state_dict(state, strict=False)
        return list(state), keys.missing_keys, keys.unexpected_keys, twin[0].count

    check_same(program)


def test_backward_raises_if_loading_changed_a_saved_parameter() -> None:
    layer = nn.Linear(2, 2)
    x = minigrad.ones(3, 2, requires_grad=True)
    y = layer(x)
    layer.load_state_dict(layer.state_dict())
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_pytorchs_state_dict_gives_the_same_output() -> None:
    sizes = [(3, 4), (4, 2)]
    theirs = torch.nn.Sequential(*(torch.nn.Linear(*s, dtype=torch.float64) for s in sizes))
    ours = nn.Sequential(*(nn.Linear(*s, dtype=minigrad.float64) for s in sizes))
    assert str(ours.load_state_dict(translate(theirs.state_dict(), minigrad))).startswith("<All")
    x = np.random.default_rng(0).standard_normal((5, 3))
    expected = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours(minigrad.from_numpy(x)).detach().numpy(), expected, 1e-14)
    theirs.load_state_dict(translate(ours.double().state_dict(), torch))


@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad(set_to_none: bool) -> None:
    def program(t: Any) -> Any:
        net = t.nn.Sequential(t.nn.Linear(2, 2), t.nn.Linear(2, 1))
        net[1].requires_grad_(False)
        for param in net[0].parameters():
            # It has a graph, as after create_graph.
            param.grad = t.ones_like(param).requires_grad_() * 3
        kept = [param.grad for param in net.parameters()]
        net.zero_grad(set_to_none)
        return [
            None if p.grad is None else [p.grad, p.grad.requires_grad, p.grad.is_leaf, p.grad is g]
            for p, g in zip(net.parameters(), kept, strict=True)
        ]

    check_same(program)


def test_deepcopy_is_independent_and_keeps_sharing() -> None:
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, nn.ReLU(), layer)
    twin = copy.deepcopy(net)
    assert twin[0] is twin[2]
    assert twin[0] is not layer
    assert twin[0].weight is not layer.weight
    twin[0].weight.data.zero_()
    assert layer.weight.any()
    assert len(list(twin.parameters())) == 2


def test_module_is_freed_without_the_garbage_collector() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    net(minigrad.ones(1, 2)).sum().backward()
    dead = weakref.ref(net[0])
    gc.disable()
    try:
        del net
        assert dead() is None
    finally:
        gc.enable()


def test_forward_gets_arguments_and_keywords() -> None:
    class Scale(nn.Module):
        def forward(self, x: Any, *, by: float) -> Any:
            return x * by

    assert Scale()(minigrad.ones(2), by=3.0).tolist() == [3.0, 3.0]


def test_dir_lists_parameters_buffers_and_modules() -> None:
    def program(t: Any) -> Any:
        net = t.nn.Sequential(OrderedDict([("body", t.nn.Linear(1, 1)), ("1", t.nn.ReLU())]))
        return [[name for name in dir(net) if name in ("body", "1", "forward", "training")]]

    check_same(program)
    assert "weight" in dir(nn.Linear(1, 1))


@pytest.mark.parametrize("form", ["channels_last", "channels_last_3d", "contiguous_format"])
def test_the_memory_format_of_a_module_is_that_of_images(form: str) -> None:
    def program(torch: Any) -> Any:
        layer = torch.nn.Conv3d(3, 2, 2) if form.endswith("3d") else torch.nn.Conv2d(3, 2, 2)
        model = torch.nn.Sequential(layer, torch.nn.Linear(3, 2))
        (model[1].weight.sum() * layer.weight.sum()).backward()
        weight, to = layer.weight, getattr(torch, form)
        model.to(memory_format=to).to(torch.float64, memory_format=to)
        assert layer.weight is weight
        return [(p.shape, p.stride(), str(p.dtype)[6:]) for p in (*model.parameters(), weight.grad)]

    check_same(program)


def test_a_memory_format_for_another_number_of_dims() -> None:
    def program(torch: Any) -> Any:
        torch.nn.Conv3d(1, 2, 2).to(memory_format=torch.channels_last)

    assert check_same(program).error is not None


def applied(t: Any, recurse: bool) -> Any:
    t.manual_seed(0)
    module = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.BatchNorm1d(3))
    module.gain = t.nn.Parameter(t.ones(2))
    module.gain.sum().backward()
    gain, product = module.gain, module[0].weight * module[0].weight
    returned = module._apply(lambda x: x.add_(1).double(), recurse=recurse)
    found = [returned is module, module.gain is gain, gain.grad, dict(module.state_dict())]
    version = [module[0].weight._version, gain._version, product.sum().backward()]
    return found, version


def converting(t: Any) -> Any:
    """A subclass that converts a tensor of its own along with its members."""

    class Kept(t.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.__dict__["kept"] = t.ones(2)

        def _apply(self, fn: Any, recurse: bool = True) -> Any:
            self.kept = fn(self.kept)
            return super()._apply(fn, recurse)

    module = t.nn.Sequential(Kept())
    return [str(getattr(module, name)()[0].kept.dtype) for name in ("double", "half", "float")]


def moving(t: Any) -> Any:
    """A subclass that sees every move, also of no parameters."""
    seen = []

    class Seeing(t.nn.Module):  # type: ignore[misc]
        def _apply(self, fn: Any, recurse: bool = True) -> Any:
            seen.append(recurse)
            return super()._apply(fn, recurse)

    module = t.nn.Sequential(Seeing())
    return module.cpu() is module, module.cuda() is module, module.to("cpu") is module, seen


def with_mixin(t: Any, call: bool, *args: Any, **kwargs: Any) -> Any:
    class Mixin:
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__()
            self.given = args, kwargs

    class After(t.nn.Module, Mixin):  # type: ignore[misc]
        call_super_init = call

    return getattr(After(*args, **kwargs), "given", None)


APPLIED = {
    "in the tree": lambda t: applied(t, recurse=True),
    "in one module": lambda t: applied(t, recurse=False),
    "by a subclass": converting,
    "to a device": moving,
    "a mixin after Module": lambda t: with_mixin(t, False),
    "a mixin that is called": lambda t: with_mixin(t, True, 1, a=2),
}


@pytest.mark.parametrize("program", APPLIED.values(), ids=APPLIED)
def test_conversions_and_mixins(program: Any) -> None:
    check_same(program)


@pytest.mark.parametrize(("args", "kwargs"), [((1,), {}), ((), {"a": 1})])
def test_module_takes_no_arguments(args: Any, kwargs: Any) -> None:
    for t in (minigrad, torch):
        with pytest.raises(TypeError):
            with_mixin(t, False, *args, **kwargs)
