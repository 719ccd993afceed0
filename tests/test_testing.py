"""testing.py: assert_close accepts and refuses what PyTorch's does, with the same message."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")

CALLS = """
T([1., 2, 3]), T([1., 2, 4])
T(1.), T(2.)
T([1, 2, 3]), T([1, 2, 4])
T([True]), T([False])
1.0, 2.0
1, 2
1, 1.0
1, 1.5
1, 1.5, check_dtype=False
T([1.]), T([1., 2.])
T([1.]), T([1.]).double()
T([1.]), 1.0
[T([1.])], [T([1.]), T(1.)]
[T([1.]), T(2.)], [T([1.]), T(1.)]
{'a': T([1.])}, {'b': T([1.])}
{'a': T([1.])}, {'a': T([2.])}
{'a': 1, 'b': 2}, {'b': 2, 'a': 1}
T([nan]), T([nan])
T([nan, 1.]), T([nan, 1.]), equal_nan=True
T([1.]), T([1.1]), rtol=0.2
T([1.]), T([1.1]), atol=0.2
T([1.]), T([1.1]), rtol=0.2, atol=0
T([1.]), T([2.]), rtol=0, atol=0
T([1.]), T([2.]), msg='hi'
T([1.]), T([2.]), msg=lambda m: 'pre ' + m
'a', 'a'
None, None
None, T(1.)
np.ones(2), np.ones(2)
np.ones(2), T([1., 1.])
np.ones(2), np.zeros(2)
T([[1., 2], [3, 4]]), T([[1., 3], [2, 4]]).t(), check_stride=True
T([[1., 2], [3, 4]]), T([[1., 3], [2, 4]]).t()
T([[0.] * 3] * 2), T([[1.] * 3] * 2)
T([1.]), T([1.]).double(), check_dtype=False
T([1]), T([1.]), check_dtype=False
T([1.]), T([inf])
T([inf, -inf]), T([inf, -inf])
torch.nn.Parameter(T([1.])), T([1.])
True, False
True, True
nan, nan
nan, nan, equal_nan=True
(1, 2), [1, 2]
T([1., 2.]), T([1., 2.1]), rtol=0, atol=0.01
T(1.), T(2.), rtol=0, atol=0
T([1, 255]).byte(), T([2, 0]).byte()
T([0., 0.]), T([0, 1e-3])
torch.zeros(0), torch.zeros(0)
1.0, 2.0, rtol=0, atol=0
[1.0, [2.0]], [1.0, [3.0]]
0.0, 0.0
1.0, 0.0
T([1.]).requires_grad_(), T([1.])
"""


def said(namespace: Any, arguments: str) -> tuple[str, str] | None:
    """The type and the text of the error, without the names of the libraries, or None."""
    names = {"T": namespace.tensor, "torch": namespace, "np": np}
    call = f"f({arguments})"
    names |= {"f": namespace.testing.assert_close, "nan": float("nan"), "inf": float("inf")}
    try:
        eval(call, names)
    except Exception as error:
        text = str(error).replace("minigrad.api.tensor.Tensor", "torch.Tensor")
        return type(error).__name__, text.replace("minigrad.nn", "torch.nn")
    return None


@pytest.mark.parametrize("arguments", CALLS.strip().splitlines())
def test_same_as_pytorch(arguments: str) -> None:
    assert said(minigrad, arguments) == said(torch, arguments)


numbers = st.sampled_from([0.0, 1.0, 1.00001, 1.000001, -2.0, float("inf"), float("nan")])


@given(
    st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4),
    st.sampled_from(["", ", equal_nan=True", ", rtol=1e-5, atol=0", ", rtol=0, atol=1e-5"]),
)
def test_same_as_pytorch_for_random_values(pairs: list[Any], options: str) -> None:
    first, second = zip(*pairs, strict=True)
    arguments = f"T({list(first)}), T({list(second)}){options}"
    assert said(minigrad, arguments) == said(torch, arguments)


# make_tensor --------------------------------------------------------------------------------------

MADE = """
(2, 3), dtype=t.float32
2, 3, dtype=t.float64
[2, 3], dtype=t.float16
(), dtype=t.float32
(0, 3), dtype=t.float32
(5,), dtype=t.bool
(5,), dtype=t.uint8
(5,), dtype=t.int8
(5,), dtype=t.int32
(5,), dtype=t.int64, low=-100, high=3.5
(5,), dtype=t.uint8, low=-5, high=1000
(5,), dtype=t.float32, low=1, high=2
(5,), dtype=t.float32, low=-INF, high=INF
(5,), dtype=t.float64, low=-INF, high=0
(5,), dtype=t.int64, low=-INF, high=5
(3, 4), dtype=t.float32, noncontiguous=True
(3, 4), dtype=t.int64, noncontiguous=True, low=0, high=3
(1,), dtype=t.float32, noncontiguous=True
(5,), dtype=t.int64, low=0, high=2, exclude_zero=True
(5,), dtype=t.bool, exclude_zero=True
(2, 3, 4, 5), dtype=t.float32, memory_format=t.channels_last
(3,), dtype=t.float32, requires_grad=True
(3,), dtype=t.float32, noncontiguous=True, memory_format=t.contiguous_format
(3,), dtype=t.int64, requires_grad=True
(3,), dtype=t.float32, low=2, high=1
(3,), dtype=t.float32, low=1, high=1
(3,), dtype=t.int64, low=1, high=1
(3,), dtype=t.float32, low=NAN
(3,), dtype=t.uint8, low=300, high=400
(3,), dtype=t.int8, low=-400, high=-300
(3,), dtype=None
"""


@pytest.mark.parametrize("arguments", MADE.strip().splitlines())
def test_make_tensor_draws_pytorchs_numbers(arguments: str) -> None:
    def program(t: Any) -> Any:
        t.manual_seed(3)
        names = {"t": t, "INF": float("inf"), "NAN": float("nan")}
        x = eval(f"t.testing.make_tensor({arguments}, device='cpu')", names)
        return x, tuple(x.stride()), x.requires_grad, x.is_leaf, t.rand(1)

    check_same(program)
