"""foreach.py: the functions of lists of tensors are PyTorch's."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from twins import check_same

torch = pytest.importorskip("torch")

UNARY = """
abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg
reciprocal round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc
"""
# For which the libraries round differently; other tests compare these ops.
EXACT = {"abs", "ceil", "floor", "frac", "neg", "reciprocal", "round", "sign", "trunc"}

NAN, INF = float("nan"), float("inf")
LISTS = """
torch._foreach_{op}(x, 2)
torch._foreach_{op}(x, [2, 0.5])
torch._foreach_{op}(x, y)
torch._foreach_{op}(tuple(x), y)
torch._foreach_{op}_(x, 2)
torch._foreach_{op}_(x, [2, 0.5]), x
torch._foreach_{op}_(x, y), x
torch._foreach_{op}(ints, 2)
torch._foreach_{op}_(ints, 2.5)
torch._foreach_{op}(ints, x)
torch._foreach_{op}([], 1)
torch._foreach_{op}(x, [])
torch._foreach_{op}(x, [1])
torch._foreach_{op}(x, y[:1])
torch._foreach_{op}([3], 1)
torch._foreach_{op}(x, x[0])
torch._foreach_{op}(x, [y[0], 2])
"""
CALLS = """
torch._foreach_add(x, y, alpha=2), torch._foreach_sub(x, y, alpha=0.5)
torch._foreach_add_(x, y, alpha=2), torch._foreach_sub_(x, y, alpha=0.5)
torch._foreach_add(x, zero), torch._foreach_add(x, zero, alpha=2), torch._foreach_mul(x, zero)
torch._foreach_div(x, zero), torch._foreach_add_(x, zero, alpha=3), torch._foreach_mul_(x, zero)
torch._foreach_add(ints, zero), torch._foreach_sub(x, zero)
torch._foreach_mul(ints, zero), torch._foreach_div(ints, zero), torch._foreach_pow(ints, zero)
torch._foreach_add(ints, zero, alpha=2), torch._foreach_add(ints, [zero, zero])
torch._foreach_clamp_min(ints, zero), torch._foreach_maximum(ints, zero)
torch._foreach_sub(x, zero.requires_grad_())
torch._foreach_lerp(x, x, zero)
torch._foreach_sub(bools, True)
torch._foreach_add(bools, True)
torch._foreach_mul(self=x, scalar=2), torch._foreach_mul(x, other=y)
torch._foreach_mul(x, scalars=[1, 2]), torch._foreach_pow(x, exponent=2)
torch._foreach_pow(2, y), torch._foreach_pow(2.5, x)
torch._foreach_pow_(2, y)
torch._foreach_pow(x, 2, foo=1)
torch._foreach_mul(x, 2, alpha=2)
torch._foreach_add(x, 2, alpha=2)
torch._foreach_add(x, [1, 2], alpha=2)
torch._foreach_lerp(x, y, 0.25), torch._foreach_lerp(x, y, [0.25, 0.75])
torch._foreach_lerp(x, y, weight=0.75), torch._foreach_lerp(x, y, weights=x)
torch._foreach_lerp(x, y, x), torch._foreach_lerp_(x, y, 0.25), torch._foreach_lerp_(x, y, [1, 0.5])
torch._foreach_lerp(x, y, [0.5])
torch._foreach_lerp(x, y[:1], 0.5)
torch._foreach_addcmul(x, y, x), torch._foreach_addcmul(x, y, x, 2)
torch._foreach_addcmul(x, y, x, value=0.5), torch._foreach_addcmul(x, y, x, [2, 0.5])
torch._foreach_addcmul(x, y, x, scalars=torch.tensor([2.0, 0.5]))
torch._foreach_addcmul_(x, y, x, 2), torch._foreach_addcmul_(x, y, x, [2, 0.5])
torch._foreach_addcdiv(x, x, y), torch._foreach_addcdiv(x, x, y, 2)
torch._foreach_addcdiv_(x, x, y, 2), torch._foreach_addcdiv_(x, x, y, scalars=[2, 0.5])
torch._foreach_addcmul(x, y, x, torch.tensor(2.0))
torch._foreach_addcmul(x, y, x, torch.tensor([2.0]))
torch._foreach_addcmul(x, y, x, [1])
torch._foreach_addcmul(x, y[:1], x)
torch._foreach_norm([x[0], torch.tensor([3.0, 4.0])], 1), torch._foreach_norm(y, float('inf'))
torch._foreach_norm([torch.tensor([3.0, 4.0])]), torch._foreach_norm(y, 0)
torch._foreach_norm([x[0].half()], 1, torch.float64)
torch._foreach_norm(ints)
torch._foreach_norm([])
torch._foreach_max([ints[0], y[0]])
torch._foreach_clone(x), torch._foreach_clone([x[1].t()])[0].stride()
torch._foreach_zero_(x), x
torch._foreach_copy_(x, y), x
torch._foreach_copy_(x, [torch.ones(1), torch.ones(2)], non_blocking=True), x
torch._foreach_copy_(x, [])
torch._foreach_zero_([])
torch._foreach_exp([])
torch._foreach_sqrt_(ints)
torch._foreach_sqrt(ints)
"""


def names(torch: Any) -> dict[str, Any]:
    return {
        "torch": torch,
        "x": [torch.tensor([1.0, -2.0, 0.5]), torch.tensor([[0.0, -0.0], [NAN, INF]])],
        "y": [torch.tensor([0.5, 3.0, -INF]), torch.tensor([[2.0, NAN], [1.0, -1.0]])],
        "ints": [torch.tensor([1, 4, 9]), torch.tensor([[1, 0], [4, 2]])],
        "bools": [torch.tensor([True, False])],
        "zero": torch.tensor(3.0, dtype=torch.float64),
    }


BINARY = ("add", "sub", "mul", "div", "clamp_min", "clamp_max", "maximum", "minimum")


@pytest.mark.parametrize("line", LISTS.strip().splitlines())
@pytest.mark.parametrize("op", BINARY)
def test_a_list_and_another_operand(op: str, line: str) -> None:
    check_same(lambda torch: eval(line.format(op=op), names(torch)))


@pytest.mark.parametrize("line", CALLS.strip().splitlines())
def test_calls(line: str) -> None:
    check_same(lambda torch: eval(line, names(torch)))


@pytest.mark.parametrize("op", UNARY.split())
def test_a_function_of_each(op: str) -> None:
    def program(torch: Any) -> Any:
        x = [torch.tensor([0.5, 0.25, -0.75]), torch.tensor([[0.0, -0.0, NAN, INF]])]
        found = getattr(torch, f"_foreach_{op}")(x)
        expected = [getattr(each, op)() for each in x]
        written = getattr(torch, f"_foreach_{op}_")(again := copy.deepcopy(x))
        assert type(found) is tuple
        assert all(a is b for a, b in zip(written, again, strict=True))
        for a, b, c in zip(found, expected, again, strict=True):
            assert torch.equal(a.nan_to_num(7), b.nan_to_num(7))
            assert torch.equal(a.nan_to_num(7), c.nan_to_num(7))
        return found if op in EXACT else len(found)

    check_same(program)


def test_gradients_of_a_list() -> None:
    def program(torch: Any) -> Any:
        x = [torch.tensor([1.0, 2.0], requires_grad=True), torch.ones(1, requires_grad=True)]
        y = torch._foreach_lerp(torch._foreach_mul(x, [2, 3]), torch._foreach_neg(x), 0.25)
        norms = torch.stack(torch._foreach_norm(torch._foreach_addcmul(y, x, x, 0.5), 1))
        norms.sum().backward()
        return [each.grad for each in x]

    check_same(program)
