"""Lazy layers, lazy modules that users define, and their placeholders, as in PyTorch."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from twins import check_same

import minigrad
from minigrad import nn

LAYERS = {
    "LazyLinear": ((3,), (2, 5)),
    "LazyConv1d": ((4, 2), (2, 3, 6)),
    "LazyConv2d": ((4, 2), (2, 3, 4, 5)),
    "LazyConv3d": ((4, 2), (2, 3, 4, 3, 3)),
    "LazyConvTranspose1d": ((4, 2), (2, 3, 6)),
    "LazyConvTranspose2d": ((4, 2), (2, 3, 4, 5)),
    "LazyConvTranspose3d": ((4, 2), (2, 3, 4, 3, 3)),
    "LazyBatchNorm1d": ((), (2, 3, 6)),
    "LazyBatchNorm2d": ((), (2, 3, 4, 5)),
    "LazyBatchNorm3d": ((), (2, 3, 4, 3, 3)),
    "LazyInstanceNorm1d": ((1e-5, 0.1, True, True), (2, 3, 6)),
    "LazyInstanceNorm2d": ((), (2, 3, 4, 5)),
    "LazyInstanceNorm3d": ((), (2, 3, 4, 3, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("how", ["called", "loaded", "copied", "pickled", "double"])
def test_lazy_layers(name: str, how: str) -> None:
    arguments, shape = LAYERS[name]

    def program(t: Any) -> Any:
        t.manual_seed(0)
        layer = getattr(t.nn, name)(*arguments)
        x = t.ones(shape, dtype=t.float64 if how == "double" else t.float32)
        if how == "copied" and not list(layer.buffers()):  # PyTorch can't copy their placeholders
            layer = copy.deepcopy(layer)
        elif how == "pickled":
            layer = pickle.loads(pickle.dumps(layer))
        elif how == "double":
            layer = layer.double()
        elif how == "loaded":
            other = getattr(t.nn, name)(*arguments)
            other(x)
            layer.load_state_dict(other.state_dict())
        seen = [repr(layer), layer.has_uninitialized_params(), *map(repr, layer.state_dict())]
        seen += [tuple(layer(x).shape), repr(layer), layer.state_dict()]
        return seen, repr(pickle.loads(pickle.dumps(layer)))

    check_same(program)


def scale(t: Any) -> Any:
    """A lazy module with a parameter and a buffer."""

    class Scale(t.nn.modules.lazy.LazyModuleMixin, t.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.factor = t.nn.UninitializedParameter()
            self.register_buffer("mean", t.nn.UninitializedBuffer())
            self.last = t.nn.UninitializedBuffer(persistent=False)

        def initialize_parameters(self, x: Any, only: Any = None) -> None:
            for name in ("factor", "mean", "last"):
                if t.nn.parameter.is_lazy(getattr(self, name)) and only in (None, name):
                    getattr(self, name).materialize(x.shape[-1:])
            with t.no_grad():
                for tensor in (*self.parameters(), *self.buffers()):
                    tensor.fill_(2)

        def forward(self, x: Any, only: Any = None) -> Any:
            return x * self.factor - self.mean

    return Scale()


def loaded_with(t: Any, own: Any, given: Any) -> Any:
    module, state = scale(t), scale(t)
    for each, shape in ((module, own), (state, given)):
        if shape is not None:
            each.factor.materialize(shape)
    result = repr(module.load_state_dict(state.state_dict()))
    return result, module.has_uninitialized_params(), repr(module.state_dict().keys())


def with_hooks(t: Any) -> Any:
    module, seen = scale(t), []
    module.register_forward_pre_hook(lambda m, args: seen.append(m.factor.shape))
    module.register_forward_hook(lambda m, args, output: output + 1)
    return module(t.ones(2, 3)), module(t.ones(2, 3)), len(seen), module.has_uninitialized_params()


def converted(t: Any) -> Any:
    module = scale(t).half()
    module.factor.materialize(2)
    module.mean.materialize((2, 3), dtype=t.float64)
    dtypes = [str(x.dtype) for x in (module.factor, module.mean, module.last)]
    return dtypes, module.factor.requires_grad


def stepped(t: Any, name: str) -> Any:
    param = t.nn.UninitializedParameter()
    optimizer = getattr(t.optim, name)([param], lr=0.1)
    param.materialize(3)
    with t.no_grad():
        param.fill_(1)
    param.grad = t.ones(3)
    optimizer.step()
    return param


def read(t: Any, name: str) -> Any:
    param = t.nn.UninitializedParameter()
    return getattr(param, name)


PROGRAMS = {
    "two placeholders": lambda t: loaded_with(t, None, None),
    "a placeholder gets a shape": lambda t: loaded_with(t, None, (2, 3)),
    "a parameter gets no placeholder": lambda t: loaded_with(t, (2, 3), None),
    "hooks": with_hooks,
    "not everything made": lambda t: scale(t)(t.ones(2, 3), only="factor"),
    "keywords": lambda t: scale(t)(x=t.ones(2, 3), only=None),
    "no initialize_parameters": lambda t: type(
        "Lazy", (t.nn.modules.lazy.LazyModuleMixin, t.nn.Module), {}
    )()(1),
    "conversions": converted,
    "empty_like": lambda t: t.empty_like(t.nn.UninitializedParameter()),
    "sum": lambda t: t.nn.UninitializedBuffer() + 1,
    "the shape": lambda t: read(t, "shape"),
    "the dtype": lambda t: [str(read(t, "dtype")), read(t, "grad")],
    "the data": lambda t: read(t, "data"),
    "to_empty": lambda t: t.nn.LazyLinear(2).to_empty(device="cpu"),
    "requires_grad": lambda t: read(t, "requires_grad"),
    "share_memory": lambda t: t.nn.LazyLinear(2).share_memory(),
    "weight_norm": lambda t: t.nn.utils.weight_norm(t.nn.LazyLinear(2)),
    "spectral_norm": lambda t: t.nn.utils.spectral_norm(t.nn.LazyLinear(2)),
    "forward": lambda t: t.nn.LazyLinear(2).forward(t.ones(2, 3)),
    "a buffer": lambda t: [
        isinstance(t.nn.UninitializedBuffer(), t.nn.Buffer),
        repr(t.nn.UninitializedBuffer()),
        list(scale(t).state_dict()),
    ],
    "SGD": lambda t: stepped(t, "SGD"),
    "Adam": lambda t: stepped(t, "Adam"),
    "Adagrad": lambda t: stepped(t, "Adagrad"),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)


def test_a_lazy_layer_keeps_no_hook_after_its_first_call() -> None:
    layer = nn.LazyLinear(2)
    copied = copy.deepcopy(layer)
    layer(minigrad.ones(1, 3))
    assert not layer._forward_pre_hooks
    assert copied.has_uninitialized_params()
    assert copied(minigrad.ones(1, 4)).shape == (1, 2)
    np.testing.assert_array_equal(layer.weight.shape, (2, 3))


@pytest.mark.parametrize("requires_grad", [True, False])
def test_a_pickled_placeholder(requires_grad: bool) -> None:
    def program(t: Any) -> Any:
        weight = t.nn.UninitializedParameter(requires_grad, dtype=t.float64)
        found = pickle.loads(pickle.dumps(weight))
        found.materialize((2,))
        if t is minigrad:  # PyTorch forgets the dtype
            assert found.dtype is minigrad.float64
        return type(found).__name__, found.requires_grad, tuple(found.shape)

    check_same(program)


def test_a_copied_placeholder_has_no_attributes() -> None:
    def program(t: Any) -> Any:
        weight = t.nn.UninitializedParameter()
        weight.note = 1
        return hasattr(copy.deepcopy(weight), "note")

    check_same(program)


def test_a_module_that_does_not_make_its_parameters() -> None:
    def program(t: Any) -> Any:
        class Forgetful(t.nn.modules.lazy.LazyModuleMixin, t.nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.factor = t.nn.UninitializedParameter()

            def initialize_parameters(self, x: Any) -> None:
                pass

            def forward(self, x: Any) -> Any:
                return x

        return Forgetful()(t.ones(2))

    assert check_same(program).error is not None
