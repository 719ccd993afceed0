"""Shapes in place, `as_strided`, `view(dtype)` and memory formats, compared with PyTorch's."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from twins import check_same

from bridge.comparing.closeness import strides_of

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
(y.as_strided_((2, 2), (1, 1)), torch.autograd.grad((y[..., 0] * v[:2]).sum(), g))[1]
(u, y.as_strided_((2, 2), (1, 1)), torch.autograd.grad((u * w[1]).sum() + y.sum(), g))[2]
x.half().as_strided_((2, 2), (0, 1)).stride()
[(b[0].unsqueeze_(0).zero_(), b[:, 1:].t_().zero_(), b.sum()) for b in [x.half()]][0]
x.copy_(torch.ones(1, 2, 3))
torch.ones(()).copy_(torch.ones(1))
x.view(torch.int32), x.view(torch.uint8).shape
x[:, 1:].view(torch.float64)
x[:, :2].view(torch.float64)
torch.arange(8.0).view(torch.float64)
x.t().view(torch.int32).stride()
torch.tensor(1.0).view(torch.int64)
g.view(torch.int32).requires_grad
x.resize_(2, 2), x._version
x.resize_((7,))[:6]
x.t().resize_(3, 2).stride(), x.resize_as_(w), x._version
x[:0].t().resize_(3, 0).stride(), x.resize_(3, 2), x._version
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
        v, u = y[0], y[1]
        return eval(expression, {"torch": torch, "x": x, "w": w, "g": g, "y": y, "v": v, "u": u})

    check_same(program)


# Shapes that are changed in no_grad, between forward and backward --------------------------------

CHANGES = {
    "t_": lambda x: x.t_(),
    "unsqueeze_": lambda x: x.unsqueeze_(0),
    "unsqueeze_ at the end": lambda x: x.unsqueeze_(-1),
    "squeeze_": lambda x: x.squeeze_(),
    "transpose_": lambda x: x.transpose_(0, -1),
    "nothing": lambda x: x,
}
LEAVES = {
    "one element": lambda torch: torch.ones(1),
    "two dimensions of one element": lambda torch: torch.ones(1, 1),
    "a vector": lambda torch: torch.arange(3.0),
    "a row": lambda torch: torch.arange(3.0).reshape(1, 3),
    "a square": lambda torch: torch.arange(4.0).reshape(2, 2),
    "a matrix": lambda torch: torch.arange(6.0).reshape(2, 3),
    "with gaps": lambda torch: torch.arange(6.0).reshape(2, 3)[:, ::2],
}


def in_no_grad(torch: Any, change: Any, *tensors: Any) -> None:
    with torch.no_grad():
        for x in tensors:
            change(x)


def seen(x: Any) -> tuple[Any, ...]:
    return x.shape, strides_of(x), x.requires_grad, x.is_leaf, history(x.grad_fn)


def history(node: Any) -> str:
    if node is None:
        return "None"
    return f"{type(node).__name__}({', '.join(history(n) for n, _ in node.next_functions)})"


# Where PyTorch reads no stride that doesn't exist.
DEFINED = [
    (leaf, change)
    for leaf in LEAVES
    for change in CHANGES
    if change != "squeeze_" or leaf not in ("a row", "two dimensions of one element")
]


@pytest.mark.parametrize(("leaf", "change"), DEFINED)
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("create_graph", [False, True])
def test_the_gradient_of_a_leaf_has_the_shape_in_which_it_was_used(
    leaf: str, change: str, times: int, create_graph: bool
) -> None:
    def program(torch: Any) -> Any:
        x = LEAVES[leaf](torch).requires_grad_()
        y = x * 2
        in_no_grad(torch, CHANGES[change], *[x] * times)
        ones = torch.ones(y.shape)
        found = torch.autograd.grad(y, x, ones, retain_graph=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                y.backward(ones, create_graph=create_graph)
        except RuntimeError as error:
            return found, type(error).__name__
        return found, x.grad, x.grad.stride(), x.shape

    check_same(program)


@pytest.mark.parametrize("shape", [(2, 3), (1, 3), (3,), (2, 0, 4)])
@pytest.mark.parametrize("change", list(CHANGES)[:-1])
def test_a_cotangent_has_the_new_shape_of_a_result(shape: tuple[int, ...], change: str) -> None:
    def program(torch: Any) -> Any:
        x = torch.ones(shape, requires_grad=True)
        y = x * x
        try:
            in_no_grad(torch, CHANGES[change], y)
            y.backward(torch.ones(y.shape))
        except RuntimeError as error:
            return type(error).__name__
        return x.grad, x.grad.stride()

    check_same(program)


def test_a_gradient_is_added_to_one_of_another_shape_only_if_it_fits() -> None:
    def program(torch: Any) -> Any:
        x = torch.ones(3, requires_grad=True)
        y = x * 2
        y.backward(torch.ones(3), retain_graph=True)
        in_no_grad(torch, CHANGES["unsqueeze_"], x)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y.backward(torch.ones(3))
            first = x.grad.clone()
            del y
            try:
                (x * 3).backward(torch.ones(1, 3))
            except RuntimeError as error:
                return first, x.grad, type(error).__name__

    check_same(program)


VIEWS = {
    "transposed": lambda x: x.t(),
    "an alias": lambda x: x[...],
    "selected": lambda x: x[0],
    "flat": lambda x: x.view(-1),
    "expanded": lambda x: x[:1].expand(2, 3),
    "split": lambda x: x.split(1)[0],
    "transposed twice": lambda x: x.t().t_(),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("change", list(CHANGES)[:-1])
@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.parametrize("of_leaf", [True, False])
def test_a_view_whose_shape_was_changed_is_recorded_again(
    view: str, change: str, recording: bool, of_leaf: bool
) -> None:
    def program(torch: Any) -> Any:
        x = torch.ones(2, 3, requires_grad=True)
        y = x if of_leaf else x * 2
        try:
            with torch.set_grad_enabled(recording):
                v = VIEWS[view](y)
            u = v[..., 0]
            in_no_grad(torch, CHANGES[change], v)
            return seen(v), seen(u), torch.autograd.grad((v * v).sum(), x)
        except RuntimeError as error:
            return type(error).__name__

    check_same(program)
