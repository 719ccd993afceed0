"""nn/utils/prune.py: masks, hooks, values and errors, compared with PyTorch's."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import check_same

import minigrad

importlib.import_module("torch.nn.utils.prune")  # PyTorch doesn't import it by itself

AMOUNTS = st.sampled_from([0, 1, 2, 5, 0.0, 0.3, 0.5, 1.0])
METHODS = [
    "identity",
    "random_unstructured",
    "l1_unstructured",
    "random_structured",
    "ln_structured",
    "custom_from_mask",
]


@st.composite
def steps(draw: st.DrawFn) -> Any:
    method = draw(st.sampled_from(METHODS))
    options: dict[str, Any] = {}
    if method not in ("identity", "custom_from_mask"):
        options["amount"] = draw(AMOUNTS)
    if "structured" in method and "un" not in method:
        options["dim"] = draw(st.integers(-2, 2))
    if method == "ln_structured":
        options["n"] = draw(st.sampled_from([1, 2, float("inf")]))
    name = draw(st.sampled_from(["weight", "weight", "weight", "bias"]))
    return method, name, options, draw(st.booleans())


def applied(t: Any, layer: Any, step: Any) -> None:
    method, name, options, scored = step
    options = dict(options)
    shape = (6,) if name == "bias" else (6, 4)
    if method == "custom_from_mask":
        options["mask"] = (t.rand(shape) > 0.5).float()
    elif scored and method in ("l1_unstructured", "ln_structured"):
        options["importance_scores"] = t.rand(shape)
    getattr(t.nn.utils.prune, method)(layer, name, **options)


@settings(max_examples=150)
@given(
    st.integers(0, 1000),
    st.lists(steps(), min_size=1, max_size=3),
    st.sampled_from(["nothing", "remove", "remove bias", "copy the state"]),
)
def test_methods_one_after_the_other(seed: int, plan: Any, then: str) -> None:
    def program(t: Any) -> Any:
        prune = t.nn.utils.prune
        t.manual_seed(seed)
        layer = t.nn.Linear(4, 6)
        found: list[Any] = []
        for step in plan:
            try:
                applied(t, layer, step)
            except Exception as error:
                # The error leaves the layer as it was, which the rest compares.
                found.append(type(error).__name__)
                if any(step[1] + "_orig" in layer._parameters for step in plan):
                    break  # PyTorch has then lost the hook
        if then.startswith("remove"):
            prune.remove(layer, "bias" if then == "remove bias" else "weight")
        elif then == "copy the state":
            return [*found, dict(copy.deepcopy(layer.state_dict()))]
        names = [type(hook).__name__ for hook in layer._forward_pre_hooks.values()]
        state = dict(layer.state_dict())
        return [*found, names, state, layer.weight, layer.bias, prune.is_pruned(layer)]

    check_same(program)


def test_a_pruned_layer_is_trained() -> None:
    def program(t: Any) -> Any:
        t.manual_seed(0)
        layer = t.nn.Linear(4, 6)
        t.nn.utils.prune.l1_unstructured(layer, "weight", 0.5)
        optimizer = t.optim.SGD(layer.parameters(), lr=0.5)
        for _ in range(2):
            optimizer.zero_grad()
            layer(t.eye(4)).sum().backward()
            optimizer.step()
        return [layer.weight, layer.weight_orig, layer.weight_mask, layer(t.eye(4)), layer.weight]

    check_same(program)


@given(st.integers(0, 1000), st.sampled_from([0, 3, 0.4, 40, -1]), st.booleans(), st.booleans())
def test_parameters_together(seed: int, amount: Any, again: bool, random: bool) -> None:
    def program(t: Any) -> Any:
        prune = t.nn.utils.prune
        t.manual_seed(seed)
        layers = t.nn.Linear(4, 3), t.nn.Linear(3, 2)
        pairs = [(layers[0], "weight"), (layers[1], "weight"), (layers[1], "bias")]
        method = prune.RandomUnstructured if random else prune.L1Unstructured
        for _ in range(1 + again):
            prune.global_unstructured(pairs, method, amount=amount)
        return [getattr(layer, name) for layer, name in pairs]

    check_same(program)


def test_errors() -> None:
    for what in range(12):

        def program(t: Any, what: int = what) -> Any:
            prune, layer = t.nn.utils.prune, t.nn.Linear(4, 3)
            pair = [(layer, "weight")]
            return [
                lambda: prune.l1_unstructured(layer, "weight", "a"),
                lambda: prune.l1_unstructured(layer, "weight", 1.5),
                lambda: prune.l1_unstructured(layer, "weight", -1),
                lambda: prune.l1_unstructured(layer, "weight", 13),
                lambda: prune.l1_unstructured(layer, "nothing", 1),
                lambda: prune.ln_structured(layer, "weight", 1, 2, dim=2),
                lambda: prune.remove(layer, "weight"),
                lambda: prune.global_unstructured(3, prune.L1Unstructured, amount=1),
                lambda: prune.global_unstructured(pair, prune.L1Unstructured, 3, amount=1),
                lambda: prune.global_unstructured(pair, prune.LnStructured, amount=1, n=2),
                lambda: prune.PruningContainer().add_pruning_method(3),
                lambda: prune.BasePruningMethod(),
            ][what]()

        assert check_same(program).error is not None


def test_masks_and_scores_have_the_shape_of_the_parameter() -> None:
    prune = minigrad.nn.utils.prune
    layer = minigrad.nn.Linear(4, 3)
    with pytest.raises(AssertionError, match=r"must match self\.mask shape"):
        prune.custom_from_mask(layer, "weight", minigrad.ones(2))
    with pytest.raises(AssertionError, match="should have the same shape"):
        prune.l1_unstructured(layer, "weight", 2, importance_scores=minigrad.ones(1))
    assert {*layer.state_dict()} == {"weight", "bias"}


def test_a_method_of_ones_own_and_prune() -> None:
    def program(t: Any) -> Any:
        prune = t.nn.utils.prune

        class Every(prune.BasePruningMethod):  # type: ignore[misc, name-defined]
            PRUNING_TYPE = "unstructured"

            def compute_mask(self, t: Any, default_mask: Any) -> Any:
                mask = default_mask.clone()
                mask.view(-1)[::2] = 0
                return mask

        layer = t.nn.Linear(4, 3)
        layer.weight.data = t.arange(12.0).view(3, 4)
        Every.apply(layer, "weight")
        Every.apply(layer, "weight")
        method = prune.L1Unstructured(amount=2)
        return [layer.weight_mask, method.prune(t.arange(4.0)), len(prune.PruningContainer())]

    check_same(program)
