"""Names that programs use and that need few lines: compared with PyTorch's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import both, check_same

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
    ours, theirs = both(lambda t: [x.tolist() for x in t.unravel_index(t.ones(0).long(), shape)])
    assert ours == theirs


@pytest.mark.parametrize(
    "call",
    [
        "t._check(True)",
        "t._check(False)",
        "t._check(False, lambda: 'msg')",
        "t._check(1)",
        "t._check(False, 'x')",
        "t.ones(1).is_xpu, t.ones(1).is_mps, t.ones(1).is_meta, t.ones(1).is_nested",
        "t.ones(1).is_sparse, t.ones(1).is_sparse_csr, t.ones(1).is_quantized, t.ones(1).is_mkldnn",
        "t.ones(1).is_conj(), t.ones(1).is_neg(), t.is_conj(t.ones(1)), t.is_neg(t.ones(1))",
        "t.is_neg(3)",
        "t.is_storage(t.ones(1)), t.is_storage(t.ones(1).untyped_storage())",
        "t.get_device(t.ones(1))",
        "[t.typename(x) for x in (3, None, 'a', [], int, len, print, dict.get)]",
        "[t.typename(x) for x in (t.ones(1), t.ones(1).double(), t.nn.Parameter(t.ones(1)))]",
        "t._assert(True, 'a'), t._assert(t.tensor(True), 'a'), t._assert([1], 'a')",
        "t._assert(t.ones(2) > 0, 'a')",
        "t.autograd.set_multithreading_enabled(False).prev",
        "t.autograd.set_multithreading_enabled(True).prev",
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


@pytest.mark.parametrize(
    "call",
    [
        "t.scalar_tensor(3)",
        "t.scalar_tensor(True, dtype=t.int64)",
        "t.scalar_tensor(3.5, dtype=t.int64)",
        "t.scalar_tensor(t.tensor(2.0))",
        "t.scalar_tensor([1])",
        "t.scalar_tensor(1e300)",
        "t.scalar_tensor(300, dtype=t.uint8)",
        "t.scalar_tensor(2, requires_grad=True)",
        "t.empty_strided((2, 3), (1, 2)).stride()",
        "t.empty_strided((2, 3), (0, 1)).stride()",
        "t.empty_strided((2, 3), (1,))",
        "t.empty_strided((2, 3), (-1, 1))",
        "t.empty_strided((2, -3), (1, 1))",
        "t.empty_strided((0, 3), (3, 1)).shape",
        "t.empty_strided((), ()).shape",
        "t.empty_strided(2, 3)",
        "t.empty_strided(size=(2,), stride=(1,), dtype=t.int8).dtype",
        "t.empty_permuted((2, 3, 5), (2, 0, 1)).stride()",
        "t.empty_permuted((2, 3), (0, 0))",
        "t.empty_permuted((2, 3), (0,))",
        "t.empty_permuted((2, 3), (0, -1))",
        "x.new_empty_strided((2, 2), (1, 2)).stride()",
        "x.int().new_empty_strided((2,), (3,)).dtype",
        "t.result_type(x, 3.0)",
        "t.result_type(x.int(), 3.0)",
        "t.result_type(3, 4.0)",
        "t.result_type(x.int(), t.tensor(1))",
        "t.result_type(True, 2)",
        "t.result_type('a', 1)",
        "t.result_type(tensor=x, other=3)",
        "t.can_cast(1, t.int8)",
        "t.can_cast(from_=t.bool, to=t.int8)",
        "t.is_nonzero(t.tensor([1]))",
        "t.is_nonzero(t.tensor(0.0))",
        "t.is_nonzero(x)",
        "t.is_nonzero(t.tensor([]))",
        "t.is_nonzero(1)",
        "x[0, 0].is_nonzero()",
        "t.is_same_size(x, x.t())",
        "x.is_same_size(t.zeros(2, 3))",
        "t.constant_pad_nd(x, (1, 0, 0, 2), 7)",
        "t.constant_pad_nd(x, (1, 0))",
        "t.constant_pad_nd(x, (1,))",
        "t.zeros(3).fill_diagonal_(5)",
        "t.zeros(2, 2, 2).fill_diagonal_(5)",
        "t.zeros(2, 2, 3).fill_diagonal_(5)",
        "t.zeros(2, 2, dtype=t.int64).fill_diagonal_(5.5)",
        "t.zeros(2, 2, requires_grad=True).fill_diagonal_(5)",
        "(t.zeros(2, 2, requires_grad=True) * 1).fill_diagonal_(5).detach()",
        "t.zeros(3, 4).t().fill_diagonal_(5)",
        "t.zeros(2, 2).fill_diagonal_(t.tensor(3.0))",
    ],
)
def test_more_calls(call: str) -> None:
    def plain(t: Any) -> Any:
        result = eval(call, {"t": t, "x": t.ones(2, 3)})
        value = result.tolist() if isinstance(result, t.Tensor) else result
        return str(value), str(getattr(result, "dtype", None))

    ours, theirs = both(plain)
    assert ours == theirs


@pytest.mark.parametrize("first", ["bool", "uint8", "int8", "int64", "float16", "float64"])
def test_conversions_that_are_allowed(first: str) -> None:
    for second in ("bool", "uint8", "int8", "int64", "float16", "float64"):
        ours, theirs = (
            t.can_cast(getattr(t, first), getattr(t, second)) for t in (minigrad, torch)
        )
        assert ours == theirs, second


@given(st.integers(0, 9), st.integers(0, 4), st.booleans())
def test_filled_diagonals(height: int, width: int, wrap: bool) -> None:
    check_same(lambda t: t.zeros(height, width).fill_diagonal_(5, wrap=wrap))


def test_the_gradient_of_a_filled_diagonal() -> None:
    grads = []
    for t in (minigrad, torch):
        x = t.ones(5, 2, requires_grad=True)
        y = (x * 1).fill_diagonal_(7, wrap=True)
        (y * t.arange(10).view(5, 2)).sum().backward()
        grads.append(x.grad.tolist())
    assert grads[0] == grads[1]


@pytest.mark.parametrize("condition", ["False", "t.tensor(False)", "[]"])
def test_a_condition_that_is_false(condition: str) -> None:
    for library in (minigrad, torch):
        with pytest.raises(AssertionError, match="why"):
            library._assert(eval(condition, {"t": library}), "why")


def test_a_module_and_a_function_have_their_own_names() -> None:
    assert minigrad.typename(minigrad) == "minigrad"
    assert minigrad.typename(np) == torch.typename(np)
    assert minigrad.typename(test_calls) == torch.typename(test_calls)


def test_an_inplace_function_is_a_function() -> None:
    def program(t: Any) -> Any:
        class Double(t.autograd.function.InplaceFunction):  # type: ignore[name-defined, misc]
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.mark_dirty(x)
                return x.mul_(2)

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                return 2 * grad

        x = t.tensor([1.0, 2.0], requires_grad=True)
        y = x + 0
        Double.apply(y)
        y.sum().backward()
        return y, x.grad, Double(True).inplace

    check_same(program)
