"""nn/state_dict.py: hooks of saving and loading, versions, and classes with states of their own."""

from __future__ import annotations

import copy
import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same, torch

import minigrad

HOOKS = [
    "register_state_dict_pre_hook",
    "register_state_dict_post_hook",
    "_register_state_dict_hook",
    "register_load_state_dict_pre_hook",
    "_register_load_state_dict_pre_hook",
    "register_load_state_dict_post_hook",
]
PLACES = ["", "0", "1", "1.0"]


def shown(value: Any) -> Any:
    """Return what a hook gets, without modules and tensors."""
    if isinstance(value, dict):
        return {key: shown(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [shown(each) for each in value]
    return value if value is None or isinstance(value, bool | int | str) else type(value).__name__


@given(
    st.lists(st.tuples(st.sampled_from(HOOKS), st.sampled_from(PLACES)), max_size=5),
    st.sampled_from(["nothing", "missing", "unexpected", "wrong shape"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_hooks(hooks: Any, fault: str, strict: bool, assign: bool, copied: bool) -> None:
    def program(t: Any) -> Any:
        nn = t.nn
        net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.BatchNorm1d(2), nn.ReLU()))
        seen: list[Any] = []

        def register(number: int, name: str, place: str) -> Any:
            def hook(*arguments: Any) -> None:
                seen.append([number, *map(shown, arguments)])

            return getattr(net.get_submodule(place), name)(hook)

        handles = [register(number, *hook) for number, hook in enumerate(hooks)]
        state = copy.deepcopy(net.state_dict(prefix="net."))
        metadata = shown(state._metadata)
        state = {key.removeprefix("net."): value for key, value in state.items()}
        if fault == "missing":
            del state["1.0.bias"]
        elif fault == "unexpected":
            state["1.0.more"] = state["1.0.bias"]
        elif fault == "wrong shape":
            state["0.weight"] = t.ones(3)
        if copied and not hooks:
            net = copy.deepcopy(net)
        seen.append("loading")
        try:
            found = repr(net.load_state_dict(state, strict=strict, assign=assign))
        except RuntimeError as error:
            found = str(error).replace("\t", "")
        for handle in handles:
            handle.remove()
        return [seen, metadata, found, [*net.state_dict()], len(seen)]

    check_same(program)


def test_hooks_change_the_states() -> None:
    def program(t: Any) -> Any:
        layer = t.nn.Linear(2, 1)

        def rename(module: Any, state: Any, prefix: str, metadata: Any) -> None:
            state[prefix + "w"] = state.pop(prefix + "weight")
            metadata["renamed"] = True

        def back(module: Any, state: Any, prefix: str, metadata: Any, *_: Any) -> None:
            if metadata.get("renamed"):
                state[prefix + "weight"] = state.pop(prefix + "w")

        def forgive(module: Any, keys: Any) -> None:
            keys.missing_keys.clear()

        layer.register_state_dict_post_hook(rename)
        layer.register_load_state_dict_pre_hook(back)
        state = layer.state_dict()
        found = [[*state], dict(state._metadata), repr(layer.load_state_dict(state))]
        layer.register_load_state_dict_post_hook(forgive)
        del state["bias"]
        found.append(repr(layer.load_state_dict(state)))
        layer._register_state_dict_hook(lambda *_: {"instead": 1})
        return [*found, layer.state_dict()]

    assert check_same(program).error is None


@pytest.mark.parametrize("kind", ["post", "state", "both"])
def test_wrong_hooks(kind: str) -> None:
    def program(t: Any) -> Any:
        layer = t.nn.Linear(2, 1)

        def hook(*_: Any) -> int:
            return 3

        layer.register_state_dict_post_hook(hook)
        return layer._register_state_dict_hook(hook) if kind == "both" else layer.state_dict()

    assert check_same(program).error is not None
    layer = minigrad.nn.Linear(2, 1)
    layer.register_load_state_dict_post_hook(lambda *_: 3)
    with pytest.raises(AssertionError, match="not expected to return new values"):
        layer.load_state_dict(layer.state_dict())


def test_a_copy_of_a_module_calls_hooks_with_itself() -> None:
    def program(t: Any) -> Any:
        layer = t.nn.Linear(2, 1)
        seen: list[Any] = []
        layer.register_load_state_dict_pre_hook(lambda module, *_: seen.append(module))
        copied = copy.deepcopy(layer)
        copied.load_state_dict(layer.state_dict())
        return [module is copied for module in seen]

    check_same(program)


def test_a_class_saves_and_loads_its_own_way() -> None:
    def program(t: Any) -> Any:
        class Counted(t.nn.Linear):  # type: ignore[misc, name-defined]
            _version = 7
            calls = 0

            def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
                super()._save_to_state_dict(destination, prefix, keep_vars)
                destination[prefix + "calls"] = self.calls

            def _load_from_state_dict(
                self, state: Any, prefix: str, metadata: Any, strict: bool, *lists: Any
            ) -> None:
                self.calls = state.pop(prefix + "calls") + metadata.get("version")
                super()._load_from_state_dict(state, prefix, metadata, strict, *lists)

        t.manual_seed(0)
        net = t.nn.Sequential(Counted(2, 1))
        state = net.state_dict()
        other = t.nn.Sequential(Counted(2, 1))
        return [repr(other.load_state_dict(state)), other[0].calls, dict(state), other[0].weight]

    assert check_same(program).error is None


def test_a_hook_outlives_its_module() -> None:
    for t in (minigrad, torch):
        layer = t.nn.Linear(1, 1)
        layer.register_load_state_dict_pre_hook(lambda *_: None)
        (hook,) = layer._load_state_dict_pre_hooks.values()
        del layer
        gc.collect()
        with pytest.raises(RuntimeError, match="call the hook of a dead Module"):
            hook({}, "", {}, True, [], [], [])
        with pytest.raises(RuntimeError, match="the hook of a dead Module"):
            copy.copy(hook)


def test_extra_state_of_a_class_without() -> None:
    for t in (minigrad, torch):

        class Half(t.nn.Module):  # type: ignore[misc, name-defined]
            def get_extra_state(self) -> Any:
                return super().get_extra_state()

        with pytest.raises(RuntimeError):
            Half().state_dict()
        with pytest.raises(RuntimeError):
            t.nn.Linear(1, 1).set_extra_state(3)
        layer = t.nn.ReLU()
        layer.get_extra_state = lambda: 3  # only a class's counts
        assert list(layer.state_dict()) == []


def test_to_empty_and_compile() -> None:
    def program(t: Any) -> Any:
        net = t.nn.Sequential(t.nn.Linear(2, 1), t.nn.BatchNorm1d(1))
        weight = net[0].weight
        assert net.to_empty(device="cpu") is net
        return [net[0].weight is weight, *(tuple(p.shape) for p in net.state_dict().values())]

    assert check_same(program).error is None
    layer = minigrad.nn.Linear(2, 1)
    before = layer(minigrad.ones(2))
    assert layer.compile(mode="default") is None
    assert (layer(minigrad.ones(2)) == before).all()
    with pytest.raises(NotImplementedError, match="share_memory"):
        minigrad.nn.Linear(1, 1).share_memory()
    with pytest.raises(NotImplementedError, match="share_memory_"):
        minigrad.ones(1).share_memory_()
    assert not minigrad.ones(1).is_shared()
