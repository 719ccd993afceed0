"""Shapes in place, `as_strided`, `view(dtype)` and memory formats, compared with PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
from twins import check_same

EXPRESSIONS = """
x.t_(), x._version, x.stride()
x.unsqueeze_(1).squeeze_(1), x._version
x.unsqueeze_(0).squeeze_((0, 1)).stride()
x.transpose_(0, 1).swapaxes_(0, 1).swapdims_(0, 1).stride()
torch.ones(0, 2)[...].transpose_(dim0=0, dim1=-1).stride()
(v.transpose_(dim0=0, dim1=-1), y.mul_(2), torch.autograd.grad((v * w[0]).sum(), g))[2]
x.unsqueeze_(5)
g.t_()
type(y.t_().grad_fn).__name__
type(y.squeeze_().grad_fn).__name__, type(y.squeeze_(0).grad_fn).__name__
type(y.unsqueeze_(0).grad_fn).__name__, type(y.transpose_(0, 1).grad_fn).__name__
torch.autograd.grad((y.t_() * w.t()).sum(), g)
torch.autograd.grad((v.unsqueeze_(dim=1) * w[0, :, None]).sum() + y.sum(), g)
(y.t_(), torch.autograd.grad((v * w[0]).sum(), g))[1]
(v.mul_(2), y.t_(), torch.autograd.grad((y * w.t()).sum(), g))[2]
(y.t_(), y[0].mul_(5), torch.autograd.grad((y * w.t()).sum(), g))[2]
x.as_strided((2, 2), (1, 2)), x.as_strided((2, 2), (1, 2), 1)
x[1].as_strided((2,), (3,), 0), x[1].storage_offset()
x.as_strided((2, 2), (1, 6))
x.as_strided((2, 2), (1, -1))
x.as_strided((2, 2), (1,))
x.as_strided((2,), (1,), -1)
torch.autograd.grad((g.as_strided((2, 2), (1, 1)) * w[:, :2]).sum(), g)
torch.autograd.grad((y[1].as_strided((4,), (1,), 0) * w.view(-1)[:4]).sum(), g)
(y.as_strided((2, 2), (1, 1)).mul_(3), torch.autograd.grad((y * w).sum(), g))[1]
x.as_strided_((2, 2), (1, 1)), x._version
x.view(torch.int32), x.view(torch.uint8).shape
x[:, 1:].view(torch.float64)
x[:, :2].view(torch.float64)
torch.arange(8.0).view(torch.float64)
x.t().view(torch.int32).stride()
torch.tensor(1.0).view(torch.int64)
g.view(torch.int32).requires_grad
x.resize_(2, 2), x._version
x.resize_((7,))[:6]
g.resize_(2)
x.resize_as_(w[0])
torch.sin_(x) is x, torch.relu_(x), torch.zero_(x), torch.fill_(x, 2), x._version
torch.sin_(3.0)
torch.exp_(g)
torch.celu_(x), torch.threshold_(x, 1, 20), torch.dropout_(x, 0.0, True)
x.contiguous(memory_format=torch.channels_last)
torch.ones(2, 3, 4, 5).contiguous(memory_format=torch.channels_last).stride()
torch.ones(2, 3, 4, 5).clone(memory_format=torch.channels_last).stride()
torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last).stride()
torch.empty(2, 3, 4, 5, memory_format=torch.channels_last).stride()
torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last).contiguous().stride()
torch.ones(2, 3, 4, 5).is_contiguous(memory_format=torch.channels_last)
str(x.layout), repr(torch.channels_last), torch.zeros(2, layout=torch.strided)
x.pin_memory()
x.is_pinned()
torch.ones(2, pin_memory=True)
x.sum(keepdim=True)
x.mean(keepdim=True)
x.prod(keepdim=True)
x.median(keepdim=True)
x.sum(dim=None, keepdim=True), x.mean(None, True), x.any(keepdim=True)
torch.ones(0, 3).t().stride(), torch.ones(2, 0, 3).transpose(0, 2).stride()
torch.ones(4, 3)[:0].stride(), torch.ones(2, 0, 3).sum(0).stride()
repr(torch.finfo(torch.float32)), repr(torch.iinfo(torch.uint8)), torch.finfo().eps
torch.finfo(torch.int64)
torch.iinfo(torch.float32)
torch.iinfo(torch.bool)
torch.set_num_threads(0)
""".strip().splitlines()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_gives_what_pytorchs_gives(expression: str) -> None:
    def program(torch: Any) -> Any:
        x, w = torch.arange(6.0).reshape(2, 3), torch.arange(6.0).reshape(2, 3) + 1
        g = torch.ones(2, 3, requires_grad=True)
        y = g * 2
        v = y[0]
        return eval(expression, {"torch": torch, "x": x, "w": w, "g": g, "y": y, "v": v})

    check_same(program)
