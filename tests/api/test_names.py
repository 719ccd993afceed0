"""Names that programs use and that need few lines: compared with PyTorch's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")


@given(
    st.lists(st.integers(-20, 20), max_size=4),
    st.integers(1, 9) | st.lists(st.integers(1, 4), max_size=3),
    st.sampled_from(["int64", "int32", "uint8", "float32", "bool"]),
)
def test_unravel_index(data: list[int], shape: Any, dtype: str) -> None:
    if dtype == "uint8":
        data = [abs(x) for x in data]
    check_same(lambda t: t.unravel_index(t.tensor(data).to(getattr(t, dtype)), shape))


@pytest.mark.parametrize(
    "shape", [(2, -4), (2, 4.0), "a", 2.5, None, (), (0,)], ids=lambda s: repr(s)
)
def test_shapes_of_unravel_index(shape: Any) -> None:
    found = []
    for t in (minigrad, torch):
        try:
            found.append([x.tolist() for x in t.unravel_index(t.tensor([]).long(), shape)])
        except Exception as error:
            found.append(type(error))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "call",
    [
        "t._check(True)",
        "t._check(False)",
        "t._check(False, lambda: 'msg')",
        "t._check(1)",
        "t._check(False, 'x')",
        "t.ones(1).is_xpu",
        "t.nn.functional.relu_(t.tensor([-1.0, 2.0]))",
        "t.distributed.get_default_backend_for_device('cpu')",
        "t.distributed.get_default_backend_for_device('cuda:1')",
        "t.distributed.get_default_backend_for_device(t.device('mps'))",
        "t.distributed.get_default_backend_for_device('abacus')",
        "t.functional.einsum('ij->i', t.ones(2, 3))",
        "t.func.stack_module_state([])",
        "t.func.stack_module_state([t.nn.ReLU(), t.nn.ReLU().eval()])",
        "t.func.stack_module_state([t.nn.ReLU(), t.nn.Tanh()])",
    ],
)
def test_calls(call: str) -> None:
    check_same(lambda t: eval(call, {"t": t}))


def test_stacked_models() -> None:
    results: list[Any] = []
    for t in (minigrad, torch):
        t.manual_seed(0)
        models = [t.nn.Sequential(t.nn.Linear(2, 3), t.nn.BatchNorm1d(3)) for _ in range(3)]
        models[0][0].bias.data.fill_(7)
        parameters, buffers = t.func.stack_module_state(models)
        assert all(p.requires_grad and p.is_leaf for p in parameters.values())
        assert not any(b.requires_grad for b in buffers.values())
        together = parameters | buffers
        results.append({name: x.detach().numpy() for name, x in together.items()})
        for model in models:
            model[0].weight.requires_grad_(model is models[0])
        with pytest.raises(RuntimeError, match=r"same \.requires_grad"):
            t.func.stack_module_state(models)
    ours, theirs = results
    assert list(ours) == list(theirs)
    for name, x in theirs.items():
        np.testing.assert_array_equal(ours[name], x)


@pytest.mark.parametrize(
    "call",
    [
        "(t.ones(2), t.ones(2) + 1e-6)",
        "(t.ones(2), [1.0, 1.0])",
        "(t.ones(2), t.ones(2) + 1e-3)",
        "(t.ones(2), t.ones(2) + 9e-5)",
        "(t.ones(2).double(), t.ones(2).double() + 9e-6)",
        "(t.ones(2).double(), t.ones(2).double() + 9e-5)",
        "(t.ones(2), t.ones(2).double())",
        "(t.ones(2), t.ones(2), 1.0)",
        "(t.ones(2), t.ones(2) * 1.5, 0.5, 0.0)",
        "(t.ones(2), t.ones(1))",
        "(t.tensor([1, 2]), t.tensor([1, 3]))",
        "(t.tensor([float('nan')]), t.tensor([float('nan')]))",
        "(1.0, 1.0)",
    ],
)
def test_assert_allclose(call: str) -> None:
    found: list[Any] = []
    for t in (minigrad, torch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                t.testing.assert_allclose(*eval(call, {"t": t}))
                found.append("close")
            except Exception as error:
                found.append(type(error).__name__)
        found[-1] += f" {caught[0].category.__name__}"
    assert found[0] == found[1]
