"""views.py: histories follow the memory that tensors share, as in PyTorch.

First come random programs with views and in-place writes, then the cases of the documentation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_ops import SMALL_OPS
from small_programs import (
    ACTIONS,
    COMPUTE,
    FLAG,
    MAKE,
    VIEW,
    WRITE,
    WRITE_OTHER,
    Instruction,
    Run,
    instructions,
)
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")

Program = Callable[[Any], Any]
ANY_INSTRUCTION = instructions(MAKE, COMPUTE, VIEW, VIEW, WRITE, WRITE, WRITE_OTHER, FLAG)


# Small programs -----------------------------------------------------------------------------------


@settings(max_examples=500)
@given(st.lists(ANY_INSTRUCTION, min_size=1, max_size=10), st.booleans())
def test_small_programs(program: list[Instruction], read_between: bool) -> None:
    """Values, gradients, flags and error types agree, whether or not they are read in between.

    Reading can matter: a view updates its history when it is read.
    """

    ours, theirs = Run(minigrad), Run(torch)

    def compare() -> None:
        assert ours.errors == theirs.errors
        if read_between:
            assert ours.state() == theirs.state()

    for instruction in program:
        ours.execute(instruction)
        theirs.execute(instruction)
        compare()
    for k in range(len(ours.tensors)):
        last = Instruction("backward", k, 0, 3, True)
        ours.execute(last)
        theirs.execute(last)
        compare()
    assert ours.state() == theirs.state()
    assert_no_gradients_share(ours.tensors)


def assert_no_gradients_share(tensors: list[Any]) -> None:
    grads = {id(x._grad): x._grad._array for x in tensors if x._grad is not None}
    for a, b in itertools.combinations(grads.values(), 2):
        assert not np.shares_memory(a, b)
    for grad, x in itertools.product(grads.values(), tensors):
        if id(x) not in grads:
            assert not np.shares_memory(grad, x._array)


@pytest.mark.parametrize("op", ACTIONS)
def test_every_instruction_of_small_programs_can_succeed(op: str) -> None:
    def succeeds(to: int, other: int, vary: int) -> bool:
        run = Run(torch)
        run.execute(Instruction(op, to, other, vary, True))
        return run.errors == [None]

    assert any(itertools.starmap(succeeds, itertools.product(range(2), range(2), range(8))))


def test_small_programs_can_fail() -> None:
    run = Run(torch)
    for instruction in (Instruction("add_", 0, 1, 0, True), Instruction("index", 0, 0, 4, True)):
        run.execute(instruction)
    run.execute(Instruction("index", 2, 0, 5, True))
    assert run.errors == ["RuntimeError", None, "IndexError"]


# Which tensors are views --------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL_OPS)
def test_ops_share_memory_where_they_do_in_pytorch(name: str) -> None:
    def program(torch: Any) -> Any:
        x = torch.from_numpy(np.arange(9.0).reshape(3, 3))
        out = SMALL_OPS[name](torch, x, torch.from_numpy(np.ones((3, 3))))
        x.detach().fill_(-7)
        out.add_(0) if name != "expand" else None
        return (out == -7).all().item(), out._base is x

    check_same(program)


KEYS: dict[str, Any] = {
    "an int": 0,
    "a slice": slice(1, None),
    "a step": slice(None, None, 2),
    "all": slice(None),
    "...": ...,
    "None": None,
    "()": (),
    "ints": (0, 1),
    "mixed": (slice(None), 1, None),
    "a list": [0],
    "a mask": [True, False, True],
    "True": True,
}


@pytest.mark.parametrize("name", KEYS)
def test_keys_that_make_views(name: str) -> None:
    def program(torch: Any) -> Any:
        x = torch.from_numpy(np.arange(9.0).reshape(3, 3))
        out = x[KEYS[name]]
        x.fill_(-7)
        return out, out._base is x

    check_same(program)


def test_the_base_of_a_view_of_a_view() -> None:
    def program(torch: Any) -> Any:
        x = torch.zeros(3, 3)
        v = x[0][1:]
        d = x.detach()
        return v._base is x, x._base is None, d._base is None, d[0]._base is d, x.data._base is None

    check_same(program)


# The documentation's cases ------------------------------------------------------------------------


def leaf(torch: Any, *shape: int) -> Any:
    size = int(np.prod(shape))
    return torch.from_numpy(np.arange(1.0, size + 1).reshape(shape)).requires_grad_()


def history(*tensors: Any) -> list[Any]:
    return [(t.requires_grad, t.is_leaf, t.grad_fn is None) for t in tensors]


def _write_to_base_after_view(torch: Any) -> Any:
    x = leaf(torch, 2, 3)
    base = x * 1
    view = base[0]
    base.mul_(10)
    (view * view).sum().backward()
    return view, x.grad, history(view, base)


def _write_to_view_changes_base(torch: Any) -> Any:
    x, y = leaf(torch, 2, 3), leaf(torch, 3)
    base = x * 1
    view = base[0]
    view.mul_(y)
    (base * base).sum().backward()
    return base, x.grad, y.grad, history(view, base)


def _view_of_view(torch: Any) -> Any:
    x = leaf(torch, 2, 3)
    base = x * 1
    row = base.t()[1]
    element = row[0]
    element.mul_(7)
    row.add_(1)
    (base * base).sum().backward(retain_graph=True)
    (row * element).sum().backward()
    return base, row, element, x.grad


def _sibling_views(torch: Any) -> Any:
    x = leaf(torch, 2, 3)
    base = x * 1
    first, other, apart = base[0], base.reshape(-1), base[1]
    first.mul_(2)
    other[0] = 5
    apart.zero_()
    (first * first).sum().backward(retain_graph=True)
    other.sum().backward()
    return base, first, other, apart, x.grad


def _constant_base_takes_a_history(torch: Any) -> Any:
    x = leaf(torch, 3)
    base = torch.zeros(2, 3, dtype=torch.float64)
    view = base[0]
    other = base[1]
    view.copy_(x)
    before = history(base, view, other)
    (base * base).sum().backward()
    return base, x.grad, before


def _assignment_loop(torch: Any) -> Any:
    x = leaf(torch, 4)
    out = torch.zeros(4, dtype=torch.float64)
    out[0] = x[0]
    for i in range(1, 4):
        out[i] = out[i - 1] * x[i]
    out.sum().backward()
    return out, x.grad


def _slices_of_slices(torch: Any) -> Any:
    x = leaf(torch, 3, 4)
    base = x.clone()
    base[1:, ::2] *= 3
    base[:, 1][1] = 0
    base.view(12)[5:7].add_(x[0, :2])
    (base * base).sum().backward()
    return base, x.grad


def _transposed_write(torch: Any) -> Any:
    x, y = leaf(torch, 2, 3), leaf(torch, 3, 2)
    base = x * 1
    base.t().mul_(y)
    base.sum().backward()
    return base, x.grad, y.grad


def _masks_and_lists(torch: Any) -> Any:
    x, y = leaf(torch, 2, 3), leaf(torch, 3)
    base = x * 1
    base[base > 4] = 0
    base[[0, 0]] = y
    base[:, [True, False, True]] *= 2
    (base * base).sum().backward()
    return base, x.grad, y.grad


def _expanded_gradient(torch: Any) -> Any:
    x = leaf(torch, 3)
    wide = x.expand(2, 3)
    (wide * torch.arange(6.0).double().reshape(2, 3)).sum().backward()
    return x.grad


def _in_place_result_is_saved(torch: Any) -> Any:
    x = leaf(torch, 3)
    y = x * 1
    y.exp_()
    y.mul_(2)
    y.sum().backward()


def _in_place_operand_is_saved(torch: Any) -> Any:
    x = leaf(torch, 3)
    y = x * 1
    z = torch.full((3,), 2.0, dtype=torch.float64)
    y.mul_(z)
    z.add_(1)
    y.sum().backward()


def _detached_writes_are_seen(torch: Any) -> Any:
    x = leaf(torch, 3)
    y = x * 1
    z = y * y
    y.detach()[0] = 5
    z.sum().backward()


def _data_writes_are_not_seen(torch: Any) -> Any:
    x = leaf(torch, 3)
    y = x * 1
    z = y * y
    y.data[0] = 5
    z.sum().backward()
    return x.grad


def _self_product_in_place(torch: Any) -> Any:
    x = leaf(torch, 3)
    y = x * 1
    y *= y
    y.sum().backward()
    return y, x.grad


def _self_product_of_a_view_in_place(torch: Any) -> Any:
    y = leaf(torch, 3) * 1
    view = y[1:]
    view.mul_(view)  # writes to its own saved operand
    y.sum().backward()


def _accumulate_in_place(torch: Any) -> Any:
    x = leaf(torch, 3)
    total = torch.zeros(3, dtype=torch.float64)
    for k in range(4):
        total += x * k
    total.sum().backward()
    return total, x.grad


def _write_of_a_number_cuts_history(torch: Any) -> Any:
    x = leaf(torch, 3)
    y = x * 1
    y.zero_()
    y.sum().backward()
    z = x * 1
    z.fill_(3)
    z[1:] = x[1:]
    z.sum().backward()
    return y, z, x.grad, history(y, z)


def _write_under_a_cast(torch: Any) -> Any:
    x = leaf(torch, 3)
    y = torch.zeros(3)
    y.copy_(x)
    y[0] = x[1]
    (y * y).sum().backward()
    return y, x.grad


def _broadcast_into_a_view(torch: Any) -> Any:
    x, y = leaf(torch, 2, 3), torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    base = x * 1
    base[0] = y
    base[:, 1:] *= y
    base.sum().backward()
    return base, x.grad, y.grad


def _retained_gradients_follow(torch: Any) -> Any:
    x = leaf(torch, 3)
    y = x * 1
    y.retain_grad()
    y.mul_(2)
    y[0] = 7
    (y * 5).sum().backward()
    return y.grad, y.retains_grad, x.grad


def _a_write_through_a_view_is_freed(torch: Any) -> Any:
    x = leaf(torch, 3)
    y = x + 0
    view = y[0:2]
    y[0] = 7  # the graph is freed although neither op saves anything
    y.sum().backward()
    view.sum().backward()


def _a_history_is_updated_once(torch: Any) -> Any:
    x = leaf(torch, 3)
    y = x * 1
    view = y[0:2]
    before = view.grad_fn
    y.mul_(2)
    return view.grad_fn is view.grad_fn, view.grad_fn is before, view.grad_fn.name()


def _empty_views(torch: Any) -> Any:
    x = leaf(torch, 2, 3)
    base = x * 1
    base[2:].zero_()
    base[:, 3:] = 5
    base.sum().backward()
    return base, x.grad, history(base[2:])


def _a_view_whose_base_starts_to_require_grad(torch: Any) -> Any:
    x = torch.zeros(3)
    view = x[1:]
    x.requires_grad_()
    before = view.requires_grad, view.is_leaf, repr(view)
    out = (view * x[1:]).sum() + (view * 2).sum()  # no op on the view was recorded
    out.backward()
    x.requires_grad_(False)
    return before, view.grad, x.grad, view.requires_grad


def _a_leaf_that_is_a_view(torch: Any) -> Any:
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    row = x[0]
    with torch.no_grad():
        x += 1
        x[0] = 5
    (row * row).sum().backward()  # row is a part of the base, which does not require grad
    before = x.grad
    (x * x).sum().backward()
    return before, x, x.grad, history(x, row)


def _views_of_views_are_parts_of_the_base(torch: Any) -> Any:
    x = leaf(torch, 2, 3)
    base = x * 1
    row = base.t()[1]
    wide = row.expand(2, 2)
    base.mul_(2)
    (wide * row).sum().backward()
    names = [node.name() for node, _ in row.grad_fn.next_functions]
    return x.grad, names, row.grad_fn.name(), wide.grad_fn.name()


def _stale_view_read_in_no_grad(torch: Any) -> Any:
    w = leaf(torch, 2, 3)
    with torch.no_grad():
        view = w.view(6)
        w.mul_(2)
        return view * 2, view[1:].sum(), view.numpy().tolist(), repr(view)


def _ops_on_a_stale_view(torch: Any) -> Any:
    """Each op, whatever its number of operands, is the first to read the view's history."""
    found = []
    for op in (
        lambda v: v.exp(),
        lambda v: v.neg(),
        lambda v: v.softmax(0),
        lambda v: v * 2.0,
        lambda v: v * torch.ones(2, dtype=torch.float64),
        lambda v: torch.ones(2, dtype=torch.float64) * v,
        lambda v: torch.where(v > 0, v, 0.0),
        lambda v: torch.stack([v, v]),
    ):
        x = leaf(torch, 3)
        y = x * 0.5
        view = y[1:]
        y.mul_(3)
        op(view).sum().backward()
        found.append(x.grad.clone())
        constant = torch.zeros(3, dtype=torch.float64)
        view = constant[1:]
        constant.mul_(x)  # now the view requires grad too
        found.append(op(view).requires_grad)
    x = leaf(torch, 3)
    y = torch.zeros(3, dtype=torch.float64)
    view = y[1:]
    y.add_(x)
    view.exp_()  # the first to read the view's history is a write to it
    y.sum().backward()
    return found, x.grad


def _an_element_of_itself_under_a_mask(torch: Any) -> Any:
    x = leaf(torch, 3)
    y = x * 1
    y[y > 1.5] = y[0]
    (y * y).sum().backward()
    return y, x.grad


def _a_view_of_a_written_tensor(torch: Any) -> Any:
    x = leaf(torch, 2, 3)
    y = x * 1
    y.mul_(2)
    with torch.no_grad():
        late = y[0]  # y was not written to after this
    return y[0].grad_fn.name(), late * 2, history(late)


def _a_written_part_that_was_saved(torch: Any) -> Any:
    x = leaf(torch, 3)
    y = x * 1
    y[1:].exp_()
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    # The saved array is the one that was written, not a part of y.
    return g, torch.autograd.grad(g.sum(), [x, y], allow_unused=True)


def _names_of_reshaped(torch: Any) -> Any:
    x = leaf(torch, 2, 3)
    return [y.grad_fn.name() for y in (x.reshape(6), x[:, :1].reshape(-1), x.t().flatten())]


CASES: dict[str, Program] = {
    function.__name__.lstrip("_"): function
    for function in (
        _write_to_base_after_view,
        _write_to_view_changes_base,
        _view_of_view,
        _sibling_views,
        _constant_base_takes_a_history,
        _assignment_loop,
        _slices_of_slices,
        _transposed_write,
        _masks_and_lists,
        _expanded_gradient,
        _in_place_result_is_saved,
        _in_place_operand_is_saved,
        _detached_writes_are_seen,
        _data_writes_are_not_seen,
        _self_product_in_place,
        _self_product_of_a_view_in_place,
        _accumulate_in_place,
        _write_of_a_number_cuts_history,
        _write_under_a_cast,
        _broadcast_into_a_view,
        _retained_gradients_follow,
        _a_write_through_a_view_is_freed,
        _a_history_is_updated_once,
        _empty_views,
        _a_view_whose_base_starts_to_require_grad,
        _a_leaf_that_is_a_view,
        _views_of_views_are_parts_of_the_base,
        _stale_view_read_in_no_grad,
        _ops_on_a_stale_view,
        _an_element_of_itself_under_a_mask,
        _a_view_of_a_written_tensor,
        _a_written_part_that_was_saved,
        _names_of_reshaped,
    )
}


@pytest.mark.parametrize("name", CASES)
def test_views_and_writes(name: str) -> None:
    check_same(CASES[name])


def _no_grad_view(torch: Any, base: Any) -> Any:
    with torch.no_grad():
        return base[0]


def _leaf_that_is_a_view(torch: Any) -> Any:
    return torch.arange(6.0).reshape(2, 3).requires_grad_()


def _partly_written(torch: Any) -> Any:
    x = torch.zeros(4, dtype=torch.float64).reshape(2, 2)
    x[0] = leaf(torch, 2)
    return x


def test_attributes_of_a_view_whose_history_is_lost() -> None:
    def program(torch: Any) -> Any:
        base = leaf(torch, 2, 3) * 1
        first, _ = base
        with torch.no_grad():
            second = base[0]
        base.mul_(2)
        return [
            (repr(v), v.tolist(), v.requires_grad, v.retains_grad, v.output_nr, v._version, v.grad)
            for v in (first, second)
        ]

    check_same(program)


REFUSALS: dict[str, Program] = {
    "a leaf that is a view": lambda torch: _leaf_that_is_a_view(torch).add_(1),
    "a part of such a leaf": lambda torch: _leaf_that_is_a_view(torch).__setitem__(0, 1),
    "a mask of such a leaf": lambda torch: (lambda x: x.__setitem__(x > 2, 0))(
        _leaf_that_is_a_view(torch)
    ),
    "a view whose history was not read since": lambda torch: _partly_written(torch).mul_(2),
    "the flag of a non-leaf": lambda torch: setattr(leaf(torch, 3) * 1, "requires_grad", True),
    "an overlap in a leaf": lambda torch: (lambda x: x[1:].add_(x[:-1]))(leaf(torch, 5)),
    "a view of a leaf": lambda torch: leaf(torch, 2, 3)[0].add_(1),
    "a part of a leaf": lambda torch: leaf(torch, 2, 3).__setitem__((0, 0), 1),
    "an empty view of a leaf": lambda torch: leaf(torch, 2, 3)[2:].zero_(),
    "a view made in no_grad": lambda torch: _no_grad_view(torch, leaf(torch, 2, 3) * 1).add_(1),
    "a tensor that requires grad, into a view made in no_grad": lambda torch: _no_grad_view(
        torch, torch.zeros(2, 3, dtype=torch.float64)
    ).copy_(leaf(torch, 3)),
    "a constant, into a view made in no_grad": lambda torch: _no_grad_view(
        torch, torch.zeros(2, 3, dtype=torch.float64)
    ).copy_(torch.ones(3)),
    "elements that share memory": lambda torch: (leaf(torch, 3) * 1).expand(2, 3).add_(1),
    "constants that share memory": lambda torch: torch.ones(3).expand(2, 3).mul_(2),
    "another shape": lambda torch: (leaf(torch, 3) * 1).add_(torch.ones(2, 3)),
    "another shape, copied": lambda torch: torch.ones(3).copy_(torch.ones(2, 3)),
    "another category": lambda torch: torch.ones(3, dtype=torch.int64).add_(0.5),
    "another category of tensor": lambda torch: torch.ones(3, dtype=torch.int64).mul_(
        torch.ones(3)
    ),
    "a view detached in place": lambda torch: (leaf(torch, 3) * 1)[0:].detach_(),
    "a view of a constant": lambda torch: torch.ones(2, 3)[0].add_(1),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_writes_that_are_refused(name: str) -> None:
    check_same(REFUSALS[name])


def test_a_refused_write_changes_nothing() -> None:
    x = leaf(minigrad, 3)
    y = x * 1
    z = y * y
    for write in (
        lambda: y.add_(minigrad.ones(2, 3)),
        lambda: y.__setitem__(5, 1),
        lambda: y.mul_("a"),
    ):
        with pytest.raises((RuntimeError, IndexError, TypeError)):
            write()
    z.sum().backward()
    assert x.grad.tolist() == [2, 4, 6]


def test_detach_in_place_makes_a_leaf() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch, 3)
        y = x * 2
        same = y.detach_()
        y.requires_grad_()
        (y * 3).sum().backward()
        return same is y, y.grad, x.grad, history(y)

    check_same(program)


def test_views_outlive_their_base() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch, 2, 3)
        view = (x * 1)[0]
        view.mul_(2)
        view.sum().backward()
        return view, x.grad

    check_same(program)


def test_from_numpy_shares_memory_in_both_directions() -> None:
    def program(torch: Any) -> Any:
        array = np.zeros(3)
        x = torch.from_numpy(array)
        array[0] = 1
        x[1] = 2
        x.detach().numpy()[2] = 3
        return x, array.tolist()

    check_same(program)


# Special views and overlapping memory -------------------------------------------------------------


def _view_in_no_grad(torch: Any, base: Any) -> Any:
    with torch.no_grad():
        return base[:2]


def _by_custom_function(torch: Any, base: Any) -> Any:
    class Part(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x[:2]

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return torch.cat([grad, grad[:1]])

    return Part.apply(base)


SPECIAL: dict[str, Any] = {
    "no_grad": _view_in_no_grad,
    "of no_grad": lambda torch, base: _view_in_no_grad(torch, base)[:1],
    "function": _by_custom_function,
    "of function": lambda torch, base: _by_custom_function(torch, base).view(2),
    "unbind": lambda torch, base: torch.unbind(base)[1],
    "iteration": lambda torch, base: list(base)[-1],
}
DONE: dict[str, Any] = {
    "nothing": lambda torch, view, base: (view.requires_grad, view.tolist()),
    "written": lambda torch, view, base: view.add_(1),
    "base written": lambda torch, view, base: (base.add_(1), view.requires_grad) and view * 2,
    "base written, history read": lambda torch, view, base: base.add_(1) is base and view.grad_fn,
    "written in no_grad": lambda torch, view, base: _unrecorded(torch, view),
}


def _unrecorded(torch: Any, view: Any) -> Any:
    with torch.no_grad():
        view.add_(1)
    return view._version


@pytest.mark.parametrize("done", DONE)
@pytest.mark.parametrize("special", SPECIAL)
@pytest.mark.parametrize("recorded", [True, False])
def test_special_views(special: str, done: str, recorded: bool) -> None:
    def program(torch: Any) -> Any:
        base = torch.tensor([1.0, 2.0, 3.0], requires_grad=recorded) * 1
        view = SPECIAL[special](torch, base)
        return repr(DONE[done](torch, view, base)).split(" object")[0]

    check_same(program)


OVERLAPS: dict[str, Any] = {
    "an element": lambda x: x.add_(x[0, 0]),
    "shifted": lambda x: x.view(-1)[1:].copy_(x.view(-1)[:-1]),
    "transposed": lambda x: x.mul_(x.t()),
    "the same": lambda x: x.mul_(x).add_(x.view(3, 3)),
    "adjacent": lambda x: x[0].add_(x[1]),
    "interleaved": lambda x: x.view(-1)[1::2].add_(x.view(-1)[:-1:2]),
    "columns": lambda x: x[:, 0].copy_(x[0]),
    "filled": lambda x: x.fill_(x[1, 1]),
    "masked": lambda x: x.masked_fill_(x > 1, x[0, 0]),
    "bounds": lambda x: x.clamp_(x[0, 0]),
    "of one element": lambda x: x[:1, :1].add_(x[0, 0]),
}


@pytest.mark.parametrize("name", OVERLAPS)
def test_overlapping_memory(name: str) -> None:
    def program(torch: Any) -> Any:
        x = torch.arange(9.0).view(3, 3).clone()
        OVERLAPS[name](x)
        return x

    check_same(program)


def test_a_write_to_all_elements_is_a_write_to_the_tensor() -> None:
    def program(torch: Any) -> Any:
        found = []
        for key in (slice(None), Ellipsis, slice(0, None), slice(0, 9), slice(-3, 3)):
            x = torch.ones(3, requires_grad=True) * 1
            x[key] = torch.zeros(3)
            found.append((x.grad_fn.name(), type(x.grad_fn).__name__, x._version))
        return found

    check_same(program)


READS: dict[str, Callable[[Any, Any], Any]] = {
    "its history": lambda torch, v: v.grad_fn is None,
    "is_leaf": lambda torch, v: v.is_leaf,
    "an op": lambda torch, v: (v * 2).requires_grad,
    "an op in no_grad": lambda torch, v: _in_no_grad(torch, v),
    "a view of it": lambda torch, v: v[0].requires_grad,
    "its text": lambda torch, v: repr(v),
    "its values": lambda torch, v: v.detach(),
}


def _in_no_grad(torch: Any, v: Any) -> Any:
    with torch.no_grad():
        return v * 2


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("of", ["leaf", "computed", "constant"])
@pytest.mark.parametrize("name", READS)
def test_a_view_made_in_no_grad_with_a_written_base(name: str, of: str, recorded: bool) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch, 2, 3)
        base = {"leaf": x, "computed": x * 1}.get(of, x.detach().clone())
        with torch.no_grad():
            view = base[0]
        with torch.set_grad_enabled(recorded and of != "leaf"):
            base.mul_(2)
        return READS[name](torch, view)

    check_same(program)


# Found by random programs -------------------------------------------------------------------------


def _stale_view(torch: Any) -> tuple[Any, Any]:
    """Return a view made in no_grad and its base, which was written to afterwards."""
    base = torch.tensor([[0.5, -1.0, 2.0]], requires_grad=True)
    with torch.no_grad():
        view = base.squeeze()
        base.fill_(1)
    return view, base


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x.logical_not(),
        lambda x: x > 0,
        lambda x: x.argmax(),
        lambda x: x.long(),
        lambda x: x.double(),
        lambda x: x.abs(),
    ],
)
def test_ops_without_a_derivative_read_no_history(look: Callable[[Any], Any]) -> None:
    def program(torch: Any) -> Any:
        view, _ = _stale_view(torch)
        return look(view).detach()

    check_same(program)


@pytest.mark.parametrize("value", [1.5, "tensor"])
def test_elements_that_share_memory_can_be_filled_only_with_a_number(value: Any) -> None:
    check_same(
        lambda torch: (
            torch.zeros(1, 3).expand(2, 3).fill_(torch.tensor(1.5) if value == "tensor" else value)
        )
    )


@pytest.mark.parametrize(
    "op",
    [
        lambda torch, x: x[:, [0, 2, 1]],
        lambda torch, x: x[..., [1, 0]],
        lambda torch, x: x[:, torch.tensor([True, False, True])],
        lambda torch, x: x[:, [0, 1], [0, 1]],
        lambda torch, x: x.transpose(0, 2).softmax(0),
        lambda torch, x: x.transpose(0, 1).log_softmax(-1),
    ],
)
def test_gathers_and_softmaxes_are_in_row_major_order(op: Callable[[Any, Any], Any]) -> None:
    def program(torch: Any) -> Any:
        y = op(torch, torch.arange(12.0).reshape(2, 3, 2))
        return list(y.stride()), list(y.reshape(-1).shape), y.is_contiguous()

    check_same(program)


@pytest.mark.parametrize("name", ["max", "min"])
def test_returned_indices_must_not_be_written_to(name: str) -> None:
    def program(torch: Any) -> Any:
        x = torch.tensor([[3.0, 1.0], [4.0, 2.0]], requires_grad=True)
        values, indices = getattr(x, name)(0)
        indices.fill_(0)
        values.sum().backward()

    assert check_same(program).error is not None


def test_shared_memory_is_refused_before_a_dtype() -> None:
    check_same(lambda torch: torch.tensor([[True]]).expand(2, 3).abs_())


# What a write through a view saves ----------------------------------------------------------------

SAVING_WRITES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "mul_": lambda torch, v, other: v.mul_(other),
    "div_": lambda torch, v, other: v.div_(other),
    "pow_": lambda torch, v, other: v.pow_(other),
    "index_put_": lambda torch, v, other: v.index_put_((other > 0,), other.sum()),
    "masked_fill_": lambda torch, v, other: v.masked_fill_(other > 1, 0.5),
    "add_": lambda torch, v, other: v.add_(other),
    "copy_": lambda torch, v, other: v.copy_(other),
}


@pytest.mark.parametrize("changed", ["operand", "view", "base", "none"])
@pytest.mark.parametrize("name", SAVING_WRITES)
def test_a_saved_operand_of_a_write_through_a_view_changes(name: str, changed: str) -> None:
    """It is an error exactly where the gradient needs the operand as it was."""

    def program(torch: Any) -> Any:
        x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64, requires_grad=True)
        w = torch.tensor([1.5, 2.5], dtype=torch.float64, requires_grad=True)
        base, other = x * 1, w * 1
        view = base[0]
        SAVING_WRITES[name](torch, view, other)
        if changed != "none":
            {"operand": other, "view": view, "base": base}[changed].add_(1)
        base.sum().backward()
        return x.grad, w.grad

    check_same(program)


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("shape", [(2, 3), (3,), (2, 1, 3)])
def test_linear_of_a_view_whose_base_was_written_to(which: int, shape: tuple[int, ...]) -> None:
    def program(torch: Any) -> Any:
        leaves = [
            torch.arange(1.0, 1 + math.prod(s), dtype=torch.float64).reshape(s).requires_grad_()
            for s in (shape, (4, 3), (4,))
        ]
        operands = [leaf * 1 for leaf in leaves]
        base = operands[which]
        operands[which] = base[:]
        base.mul_(leaves[which] + 2)
        out = torch.nn.functional.linear(*operands)
        (out * out).sum().backward()
        return out.detach(), [leaf.grad for leaf in leaves]

    check_same(program)


@pytest.mark.parametrize("recorded", ["both", "self", "other"])
@pytest.mark.parametrize("view", ["b[:]", "b.t()", "b.view(2, 2)", "b[:1].expand(1, 2)"])
@pytest.mark.parametrize(
    "write",
    [
        "put_(i, s.view(-1)[:2])",
        "put_(i, s.view(-1)[:2], accumulate=True)",
        "addmm_(m, s, beta=2, alpha=3)",
        "addmm_(m, s, beta=0)",
        "addbmm_(m[None], s[None], beta=0.5)",
        "addr_(m[:, 0], s[0], beta=0.5)",
        "index_add_(1, i, s[: len(v)], alpha=2)",
        "index_fill_(1, i, s.sum())",
        "masked_scatter_(s[: len(v)] > 0.5, s)",
    ],
)
def test_a_write_of_several_ops_through_a_view(write: str, view: str, recorded: str) -> None:
    def program(torch: Any) -> Any:
        a = torch.tensor([[3.0, 8.0], [9.0, 4.0]], requires_grad=recorded != "other")
        s = torch.tensor([[0.5, 0.25], [2.0, 1.0]], requires_grad=recorded != "self")
        m, i, b = torch.tensor([[1.0, 2.0], [3.0, 5.0]]), torch.tensor([0, 1]), a * 1
        names = {"b": b, "m": m[:1] if "expand" in view else m, "s": s, "i": i}
        names["v"] = v = eval(view, names)
        eval(f"v.{write}", names)
        (b * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
        return a.grad, s.grad, b, v

    check_same(program)


@pytest.mark.parametrize("viewed", [False, True])
def test_a_view_of_changed_memory_can_be_asked_to_require_grad(viewed: bool) -> None:
    for t in (minigrad, torch):
        x = t.ones(2, requires_grad=True)
        with t.set_grad_enabled(viewed):
            v = x.view(2)
        with t.no_grad():
            v.mul_(2)
        assert v.requires_grad_() is v
        assert v.requires_grad
