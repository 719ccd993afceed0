"""old_constructors.py: each line gives the same value, error and warnings in both libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from twins import check_same

import minigrad

pytest.importorskip("torch")

SAME = """
torch.LongTensor()
torch.LongTensor(2, 3).shape
torch.LongTensor((2, 3))
torch.LongTensor([2.7, 3])
torch.LongTensor([[1, 2], [3, 4]])
torch.LongTensor(torch.Size([2, 3])).shape
torch.LongTensor(torch.Size([])).shape
torch.LongTensor(n)
torch.LongTensor(np.array([1, 2]))
torch.LongTensor(np.array([1.5, 2]))
torch.FloatTensor(np.array([1.5, 2]))
torch.FloatTensor(np.array([1, 2]))
torch.LongTensor(range(3))
torch.LongTensor('a')
torch.LongTensor(2.5)
torch.LongTensor(5, device='cpu').shape
torch.LongTensor(data=[1])
torch.FloatTensor(size=(2, 3)).shape
torch.FloatTensor(size=[2, 3]).shape
torch.FloatTensor(None)
torch.FloatTensor([1], [2])
torch.FloatTensor([x[0, 0], 2])
torch.FloatTensor([n[1], 2])
torch.BoolTensor([1, 0])
torch.BoolTensor([True, 0.5])
torch.ByteTensor([1, 2])
torch.HalfTensor([1.5, 2, 65504, 70000, 1e-8])
torch.HalfTensor(2, 3).dtype is torch.half
torch.HalfTensor(x)
torch.HalfTensor(x.half())
torch.CharTensor([1, -2.5, 127])
torch.CharTensor([128])
torch.CharTensor(np.array([1, -2], np.int8))
torch.ShortTensor([300, -300]), torch.ShortTensor(np.array([1, 2]))
torch.ShortTensor([40000])
isinstance(x.half(), torch.HalfTensor), isinstance(x.char(), torch.CharTensor)
isinstance(x, torch.BFloat16Tensor), x.dtype == torch.bfloat16, x.dtype != torch.complex64
x.half().type(), x.char().type(), x.short().type()
x.type('torch.HalfTensor'), x.type(torch.CharTensor), n.type('torch.ShortTensor')
n.type_as(x.half()), x.type_as(n.char()), x.half().type_as(x)
x.half().new(2, 3).shape, x.half().new([0.1, 2]), x.char().new([300])
x.char().new([3, -4]), x.short().new((1, 2))
x.half().new_zeros(2), x.char().new_ones(2), x.short().new_full((2,), 7.9)
x.half().new_full((2,), 70000.)
x.char().new_full((2,), 200)
x.half().new_tensor([0.1, 70000]), x.new_tensor([1, 2], dtype=torch.int8)
x.char().new_tensor([200])
torch.range(0, 1, 0.1, dtype=torch.float16), torch.range(1, 4, dtype=torch.int8)
torch.range(1, 300, 100, dtype=torch.int16), torch.range(0.5, 3.9, 1, dtype=torch.int8)
with_default(torch, 'torch.HalfTensor')
with_default(torch, torch.HalfTensor)
with_default_dtype(torch, torch.float16)
torch.set_default_dtype(torch.int8)
torch.IntTensor([1.5, -2.5])
torch.DoubleTensor([[0.1], [0.2]])
torch.FloatTensor(np.int64(3)).shape
torch.FloatTensor(True)
torch.FloatTensor(-1)
torch.Tensor(2, 3, device='cpu').shape
torch.Tensor([True])
torch.Tensor(n)
torch.Tensor(x.double())
torch.Tensor(data=[1])
torch.Tensor(-1)
torch.FloatTensor.is_cuda, str(torch.FloatTensor.dtype), str(torch.FloatTensor)
str(torch.cuda.FloatTensor), torch.cuda.FloatTensor.is_cuda
isinstance(x, torch.FloatTensor), isinstance(n, torch.FloatTensor), isinstance(n, torch.LongTensor)
isinstance(torch.nn.Parameter(x), torch.FloatTensor), isinstance(3, torch.FloatTensor)
isinstance(x, torch.cuda.FloatTensor), isinstance(x, torch.HalfTensor)
torch.cuda.FloatTensor(2)
x.type(), n.type(), x.double().type(), (x > 0).type(), x.int().type(), x.byte().type()
x.type(torch.LongTensor)
x.type('torch.LongTensor')
x.type(torch.int32)
x.type(torch.FloatTensor) is x
x.type('float')
x.type(int)
x.type(dtype=torch.int32)
x.type(torch.float32, True)
x.type(dtype=torch.float32, non_blocking=True) is x
x.type(None)
x.type(5)
x.type_as(n)
x.type_as(3)
x.type_as(other=n)
x.new()
x.new(2, 3).shape
x.new([1, 2])
n.new([1.7, 2])
n.new((1, 2))
x.new(x)
x.new(torch.Size([2, 1])).shape
x.new(np.array([1, 2]))
x.new(size=(2,)).shape
x.new(2, device='cpu').shape
x.new_zeros(2, 3)
x.new_zeros((2, 3), dtype=torch.int64)
x.new_zeros(size=(2,))
x.new_zeros()
x.new_zeros(())
x.double().new_zeros(1)
n.new_ones(2)
x.new_ones((2,), requires_grad=True)
x.new_empty(2).shape
str(x.new_empty((2,), dtype=torch.int32).dtype)
n.new_full((2,), 3.7)
x.new_full((2,), 3)
x.new_full((2,), True)
x.new_full(2, 3)
x.new_full((2,), 3, dtype=torch.int64)
x.new_full((2,), fill_value=3)
x.new_full((2,), torch.tensor(4.))
x.new_full((2,), 'a')
x.new_tensor([1, 2])
n.new_tensor([1.5, 2])
n.new_tensor(x)
n.new_tensor([1, 2], dtype=torch.float64)
x.new_tensor(3)
x.new_tensor(np.array([1, 2]))
x.new_tensor([1.], requires_grad=True)
x.new_tensor(data=[1])
torch.range(1, 4)
torch.range(0, 1, 0.25)
torch.range(1, 4, dtype=torch.int64)
torch.range(4, 1)
torch.range(4, 1, -1)
torch.range(1, 4, 0)
torch.range(3)
torch.range(1.5, 4)
torch.range(0, 1, 0.1)
torch.range(0, float('inf'))
torch.range(0.5, 3.9, 1, dtype=torch.int32)
torch.range(1, 4, dtype=torch.bool)
torch.range(2, 2)
torch.range(start=1, end=2, step=.5)
torch.range(1, 2, 0.1, dtype=torch.float64)
with_default(torch, 'torch.DoubleTensor')
with_default(torch, torch.DoubleTensor)
with_default(torch, 'torch.FloatTensor')
torch.set_default_tensor_type('torch.LongTensor')
torch.set_default_tensor_type(torch.float32)
torch.set_default_tensor_type(torch.cuda.FloatTensor)
torch.set_default_tensor_type(3)
x.is_cuda, x.is_cpu, x.get_device(), x.is_complex(), x.is_signed(), x.ndimension(), x.nbytes
torch.nn.Linear(1, 1).type(torch.float64).weight.type()
torch.nn.Linear(1, 1).type('torch.DoubleTensor').bias.type()
"""


def with_default(torch: Any, kind: Any) -> Any:
    """The dtypes of new tensors while `kind` is the default class."""
    try:
        torch.set_default_tensor_type(kind)
        return [torch.tensor(1.5), torch.Tensor([1]), torch.zeros(1)]
    finally:
        torch.set_default_dtype(torch.float32)


def with_default_dtype(torch: Any, kind: Any) -> Any:
    """New tensors while `kind` is the default dtype, and results for integers and numbers."""
    try:
        torch.set_default_dtype(kind)
        n = torch.arange(3)
        made = [torch.tensor(0.1), torch.Tensor([1]), torch.zeros(1), torch.arange(0, 1, 0.3)]
        computed = [n * 0.1, n / 3, n.exp(), n + torch.ones(3, dtype=torch.float64), n.sqrt()]
        return made, computed, repr(torch.tensor([0.1])), repr(torch.tensor([0.1]).float())
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("line", SAME.strip().splitlines())
def test_same_as_pytorch(line: str) -> None:
    code = compile(line, line, "eval")

    def program(torch: Any) -> Any:
        names = {"x": torch.arange(6.0).reshape(2, 3), "n": torch.arange(3)}
        names |= {"with_default": with_default, "with_default_dtype": with_default_dtype}
        return eval(code, names | {"torch": torch, "np": np})

    check_same(program)


def test_a_class_refers_to_the_memory_of_a_tensor() -> None:
    x = minigrad.ones(2)
    for other in (minigrad.FloatTensor(x), minigrad.Tensor(x), x.new(x)):
        other[0] += 1
    assert x.tolist() == [4.0, 1.0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: minigrad.BFloat16Tensor([1.0]),
        lambda: minigrad.zeros(2, dtype=minigrad.bfloat16),
        lambda: minigrad.arange(2, dtype=minigrad.uint16),
        lambda: minigrad.ones(2).to(minigrad.uint64),
        lambda: minigrad.ones(2).type(minigrad.complex64),
        lambda: minigrad.ones(2).bfloat16(),
        lambda: minigrad.tensor([1], dtype=minigrad.complex128),
        lambda: minigrad.set_default_dtype(minigrad.bfloat16),
        lambda: minigrad.nn.Linear(1, 1).to(minigrad.bfloat16),
    ],
)
def test_a_dtype_that_is_only_a_name_is_refused_by_name(make: Any) -> None:
    with pytest.raises(NotImplementedError, match=r"torch\.\w+ is only a name"):
        make()
    assert minigrad.get_default_dtype() is minigrad.float32


GPU = """
x.type(torch.cuda.FloatTensor)
torch.FloatTensor(2, device="cuda")
x.new_zeros(2, device="cuda")
x.cuda()
x.cuda(0)
torch.nn.Linear(1, 1).cuda()
""".strip().splitlines()


@pytest.mark.parametrize("line", GPU)
def test_a_gpu_is_an_error(line: str) -> None:
    with pytest.raises((AssertionError, RuntimeError), match=r"CUDA|accelerator"):
        eval(line, {"x": minigrad.ones(1), "torch": minigrad})
