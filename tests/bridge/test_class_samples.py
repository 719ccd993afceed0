"""bridge/drawing/class_samples.py: every class has a sample, and its samples find a wrong class.

Every layer, loss and container is compared with PyTorch, converted both ways, checked against
differences, saved and loaded. Optimisers and schedulers are compared in tests/optim, and trained in
test_trainings.py.
"""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import minigrad
from bridge import assert_matches_torch, from_torch, to_torch
from bridge.drawing.class_samples import (
    CONTAINERS,
    LAYERS,
    LOSSES,
    OPTIMIZERS,
    SCHEDULERS,
    LayerCase,
    Options,
    draw_layer_case,
    draw_optimizer_options,
    draw_scheduler_options,
)
from bridge.libraries import convert
from minigrad import nn, optim
from minigrad.autograd import gradcheck
from minigrad.optim import lr_scheduler
from tests.bridge.mistakes import same_masks
from tests.profiles import examples

MODULES = [*LAYERS, *LOSSES, *CONTAINERS]
WITHOUT_FORWARD = ("ModuleDict", "ModuleList", "ParameterDict", "ParameterList")
WITH_FORWARD = [name for name in MODULES if name not in WITHOUT_FORWARD]
RANDOM = [name for name, sample in LAYERS.items() if sample.is_random]
# Every draw of these is tried, and fewer of the others, which take longer.
QUICK = {
    *(name for name, sample in LAYERS.items() if sample.keeps_shape),
    *("Linear", "Flatten", *LOSSES, *CONTAINERS),
}
# PyTorch's gradient of this loss takes an operand whose rounding can't be measured.
UNMEASURED = ("MultiLabelMarginLoss",)
MANY_SEEDS = range(60)
SEEDS = st.integers(0, 2**32 - 1)


def with_seeds(names: list[str]) -> Any:
    """Parametrize a test by names and some seeds each."""
    return pytest.mark.parametrize(
        ("name", "seed"),
        [
            pytest.param(name, seed, marks=same_masks if name in RANDOM else ())
            for name in names
            for seed in range(min(examples(3), 9) if name in QUICK else min(examples(1), 3))
        ],
    )


# Completeness -------------------------------------------------------------------------------------


def check_complete(module: Any, base: type, samples: Iterable[str]) -> None:
    """Check that every public subclass of `base` in `module` has a sample."""
    classes = {
        name
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, base) and kind is not base
        if not (name.startswith("_") or name.endswith("Base"))
    }
    classes -= {"DataParallel"}  # whose options are about GPUs: tests/distributed
    assert not classes - set(samples), f"without a sample: {classes - set(samples)}"
    assert not set(samples) - classes, f"a sample of no class: {set(samples) - classes}"


TABLES = {
    "nn": (nn, nn.Module, MODULES),
    "optim": (optim, optim.Optimizer, OPTIMIZERS),
    "lr_scheduler": (lr_scheduler, lr_scheduler.LRScheduler, SCHEDULERS),
}


@pytest.mark.parametrize("table", TABLES)
def test_every_class_has_a_sample(table: str) -> None:
    check_complete(*TABLES[table])


@pytest.mark.parametrize("table", TABLES)
def test_class_without_a_sample_is_named(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, base, samples = TABLES[table]
    monkeypatch.setattr(module, "Planted", type("Planted", (base,), {}), raising=False)
    with pytest.raises(AssertionError, match="Planted"):
        check_complete(module, base, samples)


_VARIABLE = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD


def options_of(kind: type, theirs: type | None = None) -> dict[str, Any]:
    """Return the options of a constructor with their defaults: those of both classes, if two.

    A constructor with `**options` takes the keyword-only options of the other class.
    """
    found = inspect.signature(kind).parameters
    if theirs is not None:
        passes_on = "options" in found
        found = {
            name: parameter
            for name, parameter in inspect.signature(theirs).parameters.items()
            if name in found or (passes_on and parameter.kind is parameter.KEYWORD_ONLY)
        } or found  # their constructor may take any arguments
    # A step that is differentiable can't be made on a leaf, so tests/optim has its own tests.
    not_options = "params", "optimizer", "others", "options", "differentiable"
    return {
        name: found[name].default
        for name in found
        if name not in not_options and not name.startswith("_")
        if kind.__init__ is not nn.Module.__init__ or found[name].kind not in _VARIABLE
    }


def check_varied(name: str, options: Iterable[str], draws: Iterable[Options]) -> None:
    """Check that each option takes two values in the draws; its default may be one of them."""
    drawn = list(draws)
    for option in options:
        values = {repr(given.get(option, ...)) for given in drawn}
        assert len(values) > 1, f"{name}: the option {option} never varies"
    unknown = {option for given in drawn for option in given} - set(options)
    assert not unknown, f"{name} has no options {unknown}"


def drawn_options(name: str) -> list[Options]:
    """Draw the options of a class many times."""
    draw: dict[str, Callable[[str, int], Options]] = {
        **dict.fromkeys(MODULES, lambda name, seed: draw_layer_case(name, seed).layer.options),
        **dict.fromkeys(OPTIMIZERS, draw_optimizer_options),
        **dict.fromkeys(SCHEDULERS, draw_scheduler_options),
    }
    return [draw[name](name, seed) for seed in MANY_SEEDS]


def kinds_of(name: str) -> tuple[type, type]:
    """Return the class of that name in minigrad and in PyTorch."""
    for ours, theirs in (
        (nn, torch.nn),
        (optim, torch.optim),
        (lr_scheduler, torch.optim.lr_scheduler),
    ):
        if hasattr(ours, name):
            return getattr(ours, name), getattr(theirs, name)
    raise ValueError(name)


def refused(name: str) -> tuple[str, ...]:
    return getattr(LAYERS.get(name) or OPTIMIZERS.get(name), "refused", ())


def inert(name: str) -> tuple[str, ...]:
    return getattr(LAYERS.get(name) or OPTIMIZERS.get(name), "inert", ())


CLASSES = [*MODULES, *OPTIMIZERS, *SCHEDULERS]


@pytest.mark.parametrize("name", CLASSES)
def test_every_option_varies(name: str) -> None:
    options = [option for option in options_of(*kinds_of(name)) if option not in refused(name)]
    check_varied(name, options, drawn_options(name))


def test_option_that_never_varies_is_named() -> None:
    class WithNewOption(nn.ReLU):
        def __init__(self, inplace: bool = False, planted: float = 0.0) -> None:
            super().__init__(inplace)

    with pytest.raises(AssertionError, match="planted never varies"):
        check_varied("ReLU", options_of(WithNewOption), drawn_options("ReLU"))


@pytest.mark.parametrize(
    ("name", "option"), [(name, option) for name in OPTIMIZERS for option in refused(name)]
)
def test_refused_options_are_refused(name: str, option: str) -> None:
    with pytest.raises(NotImplementedError, match=option):
        getattr(optim, name)([minigrad.zeros(1)], **{option: True})


# The checks of a layer, loss or container ---------------------------------------------------------


def set_parameters(t: Any, module: Any, seed: int) -> None:
    """Fill the parameters and running statistics with the same numbers in either library."""
    rng = np.random.default_rng(seed)
    with t.no_grad():
        for param in module.parameters():
            values = rng.standard_normal(tuple(param.shape))
            param.copy_(t.from_numpy(np.asarray(values, np.float32)))
        for name, buffer in module.named_buffers():
            if "running" in name:
                values = np.abs(rng.standard_normal(tuple(buffer.shape))) + 0.1
                buffer.copy_(t.from_numpy(np.asarray(values, np.float32)))


def call(module: Any, *inputs: Any) -> tuple[Any, Any]:
    """Return the output, and the first input after the call, which is a non-leaf, so writable."""
    first = inputs[0] * 1
    with warnings.catch_warnings():
        # Each says that a result is as in PyTorch, or that PyTorch doesn't take a faster path.
        for message in ("reduction: 'mean' div", "LSTM with proj", "input's size at dim"):
            warnings.filterwarnings("ignore", message)
        return module(first, *inputs[1:]), first


def tensors(output: Any) -> list[Any]:
    """Return the tensors of an output, which may be a tensor or a nested tuple of them."""
    if isinstance(output, tuple):
        return [tensor for part in output for tensor in tensors(part)]
    return [] if output is None else [output]


def check_against_pytorch(case: LayerCase) -> None:
    """Compare values and gradients of modules that are constructed in each library."""

    made = {t: case.make(t) for t in (minigrad, torch)}

    def program(t: Any, *inputs: Any) -> Any:
        module = copy.deepcopy(made[t])  # as a call may change it
        set_parameters(t, module, case.seed)
        t.manual_seed(case.seed)
        return call(module, *inputs)

    if case.inputs and case.layer.name not in UNMEASURED:
        assert_matches_torch(program, *case.inputs)


def bits(tensor: Any) -> Any:
    array = tensor.detach().numpy()
    return array.dtype, array.shape, array.tobytes()


def state_of(module: Any) -> Any:
    return [(name, bits(tensor)) for name, tensor in module.state_dict().items()]


def check_same_module(t: Any, converted: Any, made: Any, case: LayerCase) -> None:
    """Check that two modules of a library have the same repr, state, mode and results."""
    assert repr(converted) == repr(made)
    assert state_of(converted) == state_of(made)
    assert [m.training for m in converted.modules()] == [m.training for m in made.modules()]
    results = []
    for module in (converted, made) if case.inputs else ():
        t.manual_seed(case.seed)
        arrays = (t.from_numpy(x.copy()) for x in case.inputs)
        results.append([bits(x) for x in tensors(call(module, *arrays))])
    assert results[:1] == results[1:]


def check_conversion(case: LayerCase) -> None:
    """Convert both ways, and compare with modules that are constructed in each library."""
    ours, theirs = case.make(minigrad), case.make(torch)
    for t, module in ((minigrad, ours), (torch, theirs)):
        set_parameters(t, module, case.seed)
    converted = to_torch(ours), from_torch(theirs)  # before a call changes them
    check_same_module(torch, converted[0], theirs, case)
    check_same_module(minigrad, converted[1], ours, case)
    # The gradients of the parameters too. How rounding moves running statistics isn't measured.
    moves = any("running" in name for name, _ in ours.named_buffers())
    if case.inputs and not moves and case.layer.name not in UNMEASURED:
        assert_matches_torch(lambda t, module, *inputs: call(module, *inputs), ours, *case.inputs)


def check_differences(case: LayerCase) -> None:
    """Check the gradients of inputs and parameters by differences, in float64."""
    module = case.make(minigrad).double()
    inputs = []
    for x in case.inputs:
        is_float = x.dtype.kind == "f"
        tensor = minigrad.from_numpy(x.astype(np.float64) if is_float else x)
        inputs.append(tensor.requires_grad_(is_float))

    def function(*leaves: Any) -> Any:
        minigrad.manual_seed(case.seed)
        outputs = tensors(call(module, *leaves[: len(inputs)])[0])
        return tuple(x for x in outputs if x.requires_grad)

    not_derivatives = getattr(LAYERS.get(case.layer.name), "not_derivatives", ())
    if set(not_derivatives) & set(case.layer.options):
        return
    # The mean over targets that are all ignored is NaN.
    if inputs and not any(x.isnan().any() for x in function(*inputs)):
        assert gradcheck(function, (*inputs, *module.parameters()))


def check_saved(case: LayerCase, path: Path) -> None:
    """Load the saved state into another module, which then gives the same results."""
    ours = case.make(minigrad)
    minigrad.save(ours.state_dict(), path)
    other = replace(case, seed=case.seed + 1).make(minigrad)
    other.load_state_dict(minigrad.load(path))
    check_same_module(minigrad, other, ours, case)


def with_names(names: Iterable[str]) -> Any:
    marked = [pytest.param(n, marks=same_masks if n in RANDOM else ()) for n in names]
    return pytest.mark.parametrize("name", marked)


@with_names(n for n in WITH_FORWARD if n in QUICK)
@settings(max_examples=examples(15))
@given(SEEDS)
def test_values_and_gradients(name: str, seed: int) -> None:
    check_against_pytorch(draw_layer_case(name, seed))


@with_names(n for n in WITH_FORWARD if n not in QUICK)
@settings(max_examples=examples(2))
@given(SEEDS)
def test_values_and_gradients_of_larger_layers(name: str, seed: int) -> None:
    check_against_pytorch(draw_layer_case(name, seed))


@with_seeds(MODULES)
def test_conversion_both_ways(name: str, seed: int) -> None:
    check_conversion(draw_layer_case(name, seed))


# Differences of as many parameters as these have take long. Their parts are checked.
SMALL = [name for name in WITH_FORWARD if "former" not in name]


@with_seeds(SMALL)
def test_gradients_by_differences(name: str, seed: int) -> None:
    check_differences(draw_layer_case(name, seed))


@with_seeds(MODULES)
def test_save_and_load(name: str, seed: int, tmp_path: Path) -> None:
    check_saved(draw_layer_case(name, seed), tmp_path / "state.safetensors")


# Planted mistakes ---------------------------------------------------------------------------------


Plant = Callable[[pytest.MonkeyPatch], None]


def check_is_found(
    plant: Plant, name: str, *checks: Callable[[LayerCase], None], option: str = ""
) -> None:
    """Check that, with a mistake planted, a check fails for a case that passes without it.

    If an option is given, only cases with it are tried.
    """
    cases = [draw_layer_case(name, seed) for seed in MANY_SEEDS]
    for case in (c for c in cases if not option or option in c.layer.options):
        for check in checks:
            with pytest.MonkeyPatch.context() as patch:
                plant(patch)
                try:
                    check(case)
                except (AssertionError, AttributeError, KeyError, RuntimeError, ValueError):
                    break
                except TypeError:
                    continue  # some classes with a mistake have no counterpart to convert to
        else:
            continue
        check(case)
        return
    raise AssertionError(f"{name}: the mistake is not found")


def ignoring(kind: Any, option: str) -> Any:
    """Make a class whose constructor ignores an option."""

    def __init__(self: Any, *args: Any, **options: Any) -> None:
        options.pop(option, None)
        kind.__init__(self, *(() if option == "args" else args), **options)

    return type(kind.__name__, (kind,), {"__init__": __init__})


def share(items: list[Any]) -> list[Any]:
    """Every tenth item, and in the deep profile all of them."""
    return items if examples(2) > 2 else items[::10]


IGNORED = [
    (name, option)
    for name in MODULES
    for option, default in options_of(getattr(nn, name)).items()
    if (default is not inspect.Parameter.empty or option == "args")
    if option not in (*inert(name), *refused(name))
    if "former" not in name
    if not name.startswith("Lazy")  # which becomes another class
    if name not in UNMEASURED
]
FEW = [(name, option) for name, option in IGNORED if name in QUICK]
MANY = [(name, option) for name, option in IGNORED if name not in QUICK]


@pytest.mark.parametrize(("name", "option"), [*share(FEW), *share(MANY)])
def test_layer_that_ignores_an_option_is_found(name: str, option: str) -> None:
    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(nn, name, ignoring(getattr(nn, name), option))

    check_is_found(plant, name, check_against_pytorch, check_conversion, option=option)


@pytest.mark.parametrize("name", ["Dropout", "GRU", "LayerNorm", "Linear", "MaxPool2d", "MSELoss"])
def test_conversion_that_drops_a_setting_is_found(name: str) -> None:
    settings_of = convert._settings

    for setting in settings_of(draw_layer_case(name, 0).make(minigrad)):

        def others(module: Any, dropped: str = setting) -> list[str]:
            return [s for s in settings_of(module) if s != dropped]

        def plant(patch: pytest.MonkeyPatch, others: Any = others) -> None:
            patch.setattr(convert, "_settings", others)

        check_is_found(plant, name, check_conversion)


# The gradient is that of the input, and an embedding's input has none.
@pytest.mark.parametrize("name", share([n for n in SMALL if n not in (*UNMEASURED, "Embedding")]))
def test_wrong_gradient_of_a_layer_is_found(name: str) -> None:
    class SlightlyTooLarge(minigrad.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 1.01

    kind = getattr(nn, name)
    forward = kind.forward

    def wrong(self: Any, *inputs: Any) -> Any:
        output = forward(self, *inputs)
        if isinstance(output, tuple):
            return (SlightlyTooLarge.apply(output[0]), *output[1:])
        return SlightlyTooLarge.apply(output)

    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(kind, "forward", wrong)

    check_is_found(plant, name, check_against_pytorch)
    check_is_found(plant, name, check_differences)
