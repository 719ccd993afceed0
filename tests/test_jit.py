"""jit.py and _dynamo.py: programs that compile with PyTorch run unchanged, with the same values."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from twins import outcome

import minigrad
from minigrad import nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def programs() -> Iterator[Any]:
    """PyTorch programs that script or trace something; each returns values."""

    def traced_function(t: Any) -> Any:
        traced = t.jit.trace(lambda x: 2 * x, t.ones(2))
        return [traced(t.ones(3)), t.jit.is_scripting(), t.jit.is_tracing()]

    def scripted_model(t: Any) -> Any:
        t.manual_seed(0)
        model = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.ReLU())
        scripted = t.jit.script(model)
        scripted(t.ones(1, 2)).sum().backward()
        return [scripted(t.ones(4, 2)), [p.grad for p in model.parameters()]]

    def traced_model(t: Any) -> Any:
        t.manual_seed(0)
        model = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.Tanh())
        traced = t.jit.trace(model, (t.rand(1, 2),), check_trace=False)
        return [traced(t.ones(4, 2)), t.rand(2), sorted(traced.state_dict())]

    def private_names(t: Any) -> Any:
        internal = importlib.import_module(f"{t.__name__}._jit_internal")
        marks = [internal._copy_to_script_wrapper, internal.unused, internal.export]
        names = [str(getattr(internal, name)) for name in ("Any", "Dict", "List", "Optional")]
        state = t._C._get_tracing_state()
        values = [mark(lambda x: -x)(1) for mark in marks]
        return values, names, state, issubclass(t.jit.TracerWarning, Warning)

    def marks(t: Any) -> Any:
        @t.jit.ignore
        def log(x: Any) -> Any:
            return x

        @t.jit.ignore(drop=False)
        def other(x: Any) -> Any:
            return x

        marked = [log, other, t.jit.unused(lambda x: x), t.jit.export(lambda x: x)]
        return [f(3) for f in marked] + [t.jit.annotate(int, 5)]

    return iter((traced_function, scripted_model, traced_model, private_names, marks))


@pytest.mark.parametrize("program", [*programs()], ids=lambda p: p.__name__)
def test_values_are_pytorchs(program: Any) -> None:
    ours, theirs = outcome(program, minigrad), outcome(program, torch)
    assert ours.error is None
    assert theirs.error is None
    assert _rounded(ours.value) == _rounded(theirs.value)


def _rounded(value: Any) -> Any:
    """An outcome with its tensors rounded: the libraries sum products in another order."""
    if isinstance(value, tuple) and value[0] == "Tensor":
        return np.frombuffer(value[3], value[1]).round(5).tolist()
    if isinstance(value, tuple | list):
        return [_rounded(item) for item in value]
    return value


def test_what_is_scripted_or_traced_is_returned_itself() -> None:
    model = nn.Linear(2, 2)
    assert minigrad.jit.script(model) is model
    assert minigrad.jit.script(nn.Linear) is nn.Linear
    assert minigrad.jit.trace(model, minigrad.ones(1, 2)) is model
    assert minigrad.jit.trace(model, example_kwarg_inputs={"input": minigrad.ones(2)}) is model
    assert not isinstance(model, minigrad.jit.ScriptModule)
    assert pickle.loads(pickle.dumps(minigrad.jit.script(len))) is len


def test_a_trace_calls_the_function_once() -> None:
    calls = []
    minigrad.jit.trace(calls.append, minigrad.ones(2))
    assert len(calls) == 1
    with pytest.raises(RuntimeError, match="shapes"):
        minigrad.jit.trace(nn.Linear(2, 2), minigrad.ones(3, 3))


def test_a_subclass_of_script_module_is_a_module() -> None:
    class Model(minigrad.jit.ScriptModule):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 1)

        @minigrad.jit.script_method
        def forward(self, x: Any) -> Any:
            return self.linear(x)

    assert Model()(minigrad.ones(3, 2)).shape == (3, 1)
    assert [*Model().state_dict()] == ["linear.weight", "linear.bias"]


@pytest.mark.parametrize(
    ("call", "error", "word"),
    [
        ("script(1)", TypeError, "int"),
        ("script(len, optimize=True)", NotImplementedError, "optimize"),
        ("script(len, example_inputs=[(1,)])", NotImplementedError, "example_inputs"),
        ("trace(1, 1)", TypeError, "int"),
        ("trace(len)", RuntimeError, "example_inputs"),
        ("trace(len, [[1]], optimize=True)", NotImplementedError, "optimize"),
        ("ignore(1)", RuntimeError, "bool"),
        ("ignore(other=1)", TypeError, "other"),
        ("save(len, 'file')", NotImplementedError, "minigrad.save"),
        ("load('file')", NotImplementedError, "minigrad.load"),
    ],
)
def test_what_a_pass_through_can_not_do_is_refused_by_name(
    call: str, error: Any, word: str
) -> None:
    with pytest.raises(error, match=word):
        eval(f"jit.{call}", {"jit": minigrad.jit})


def test_settings_of_the_compiler() -> None:
    minigrad._dynamo.config.verbose = True
    try:
        assert minigrad._dynamo.config.verbose
    finally:
        minigrad._dynamo.config.verbose = False
    with pytest.raises(AttributeError, match="cache_size_limit"):
        minigrad._dynamo.config.cache_size_limit = 8
    assert minigrad._dynamo.allow_in_graph([abs, len]) == [abs, len]
    with pytest.raises(AssertionError, match="callable"):
        minigrad._dynamo.allow_in_graph(1)
