"""optim/optimizer_hooks.py: the hooks of optimisers, compared with PyTorch's."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same

import minigrad
from minigrad.optim import optimizer as ours

KINDS = ["SGD", "Adam", "LBFGS"]
HOOKS = [
    *("step_pre", "step_post", "state_dict_pre", "state_dict_post"),
    *("load_state_dict_pre", "load_state_dict_post", "of all before", "of all after"),
]


@given(
    st.sampled_from(KINDS),
    st.lists(st.tuples(st.sampled_from(HOOKS), st.booleans(), st.booleans()), max_size=5),
    st.booleans(),
)
def test_hooks_are_called_in_order(kind: str, hooks: Any, scheduled: bool) -> None:
    def program(t: Any) -> Any:
        seen: list[Any] = []
        handles = []
        param = t.nn.Parameter(t.ones(2))
        optimizer = getattr(t.optim, kind)([param], lr=0.1)
        if scheduled:
            scheduler = t.optim.lr_scheduler.StepLR(optimizer, 1)

        def register(number: int, name: str, prepend: bool) -> Any:
            def hook(*arguments: Any) -> None:
                assert arguments[0] is optimizer
                seen.append([number, name, len(arguments)])

            if name.startswith("of all"):
                when = "pre" if name.endswith("before") else "post"
                module = importlib.import_module(f"{t.__name__}.optim.optimizer")
                return getattr(module, f"register_optimizer_step_{when}_hook")(hook)
            options = {"prepend": True} if prepend and "state" in name else {}
            return getattr(optimizer, f"register_{name}_hook")(hook, **options)

        def closure() -> Any:
            seen.append("closure")
            optimizer.zero_grad()
            loss = (param * param).sum()
            loss.backward()
            return loss

        for number, (name, prepend, _) in enumerate(hooks):
            handles.append(register(number, name, prepend))
        try:
            optimizer.step(closure)
            optimizer.load_state_dict(optimizer.state_dict())
            for handle, (_, _, removed) in zip(handles, hooks, strict=True):
                if removed:
                    handle.remove()
            optimizer.step(closure=closure)
            if scheduled:
                scheduler.step()
        finally:
            for handle in handles:
                handle.remove()
        return [seen, param]

    check_same(program)


def test_results_of_hooks() -> None:
    def program(t: Any) -> Any:
        param = t.nn.Parameter(t.ones(2))
        optimizer = t.optim.SGD([param], lr=0.5)
        param.grad = t.ones(2)
        found = []
        with optimizer.register_step_pre_hook(lambda o, a, k: ((o, lambda: 7), {})):
            found.append(optimizer.step())
        with optimizer.register_state_dict_post_hook(lambda o, state: {"new": 1}):
            found.append(optimizer.state_dict())
        state = optimizer.state_dict()
        other = {**state, "param_groups": [{**state["param_groups"][0], "lr": 3.0}]}
        with optimizer.register_load_state_dict_pre_hook(lambda o, state: other):
            optimizer.load_state_dict(state)
        found += [optimizer.param_groups[0]["lr"], param]
        optimizer.register_step_pre_hook(lambda o, a, k: 3)
        return [*found, optimizer.step()]

    def without_error(t: Any) -> Any:
        with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args, new_k"):
            program(t)

    check_same(without_error)


def test_classes_of_ones_own_call_hooks() -> None:
    """Also those that are made after the first hook, and those that define no step."""

    class Own(minigrad.optim.SGD):
        pass

    class Other(ours.Optimizer):
        def step(self, closure: Any = None) -> Any:
            return "stepped"

    param = minigrad.nn.Parameter(minigrad.ones(2))
    seen: list[Any] = []
    for optimizer in (Own([param], lr=0.1), Other([param], {})):
        with optimizer.register_step_post_hook(lambda *_: seen.append("after")):
            optimizer.step()
        optimizer.step()
    assert seen == ["after"] * 2


def test_copies_have_no_hooks() -> None:
    def program(t: Any) -> Any:
        optimizer = t.optim.SGD([t.nn.Parameter(t.ones(2))], lr=0.1)
        seen: list[int] = []
        optimizer.register_step_pre_hook(lambda *_: seen.append(1))
        copied = copy.deepcopy(optimizer)
        copied.step()
        return [seen, len(copied._optimizer_step_pre_hooks)]

    check_same(program)


def test_a_plateau_that_is_resumed() -> None:
    """The best loss, the counters and the rates go on after saving and loading."""

    def program(t: Any) -> Any:
        def made() -> Any:
            optimizer = t.optim.SGD([t.nn.Parameter(t.ones(2))], lr=1.0)
            kind = t.optim.lr_scheduler.ReduceLROnPlateau
            return optimizer, kind(optimizer, patience=1, cooldown=1, min_lr=0.01, factor=0.5)

        losses = [3.0, 2.0, 2.0, 2.0, 2.5, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
        optimizer, scheduler = made()
        rates = []
        for i, loss in enumerate(losses):
            if i % 3 == 2:
                states = copy.deepcopy([optimizer.state_dict(), scheduler.state_dict()])
                optimizer, scheduler = made()
                optimizer.load_state_dict(states[0])
                scheduler.load_state_dict(states[1])
            scheduler.step(loss)
            rates += [optimizer.param_groups[0]["lr"], *scheduler.get_last_lr()]
        return [rates, scheduler.best, scheduler.num_bad_epochs, scheduler.cooldown_counter]

    check_same(program)


def test_sparse_adam_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="SparseAdam"):
        minigrad.optim.SparseAdam([minigrad.nn.Parameter(minigrad.ones(2))])
