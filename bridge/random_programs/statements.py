"""STATEMENTS: what a program does other than call ops: a function that writes it, and how often."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from bridge.drawing.expressions import as_code
from bridge.drawing.operands import laid_out, layout_of
from minigrad.rules.dtypes import SUPPORTED

from .pool import ProgramTensor
from .program import values_of
from .writer import ProgramWriter, StatementKind


def new_leaf(writer: ProgramWriter) -> None:
    """Write a leaf of any dtype, more often of the program's own."""
    pool = writer.pool
    sizes = (
        *((), (2,), (3,), (0,), (2, 3), (3, 2), (1, 3), (2, 1), (2, 0)),
        *((2, 2, 3), (3, 2, 2), (2, 3, 2)),
    )
    others = [d.name for d in SUPPORTED]
    dtype = pool.pick(*(writer.dtype,) * 6, *others)
    writer.leaf(pool.new(pool.pick(*sizes), np.dtype(dtype)))


def detach(writer: ProgramWriter) -> None:
    x = writer.pool.choose(writer.pool.tensors)
    if x is not None:
        writer.assign(f"{x.name}.detach(){writer.pool.pick('', '', '.requires_grad_()')}")


def transpose(writer: ProgramWriter) -> None:
    """Write a transpose, of which PyTorch warns if there are not two dimensions."""
    x = writer.pool.choose(writer.pool.tensors)
    if x is not None:
        writer.assign(f"{x.name}.{writer.pool.pick('T', 'T', 'mT' if x.values.ndim != 1 else 'T')}")


# Of a tensor with at least one dimension. For some, its strides decide which they are.
_VIEWS_AND_COPIES = re.split(
    r" \| |\n",
    """\
.view(-1) | .reshape(-1) | .reshape(-1) | [...] | [0] | [:1] | [..., 0] | [..., ::2] | .mT
.squeeze() | .transpose(0, -1) | .movedim(0, -1) | .flatten() | .unsqueeze(-1) | .diagonal()
.unfold(-1, 1, 1) | .detach() | .data | .expand(2, *{}.shape) | .contiguous() | .contiguous()
.clone() | .flip(0) | .roll(0) | [[0]]""",
)


def view_or_copy(writer: ProgramWriter) -> None:
    """Write a view or a copy, and sometimes a write to it, which reaches the tensor or doesn't."""
    x = writer.pool.choose([x for x in writer.pool.tensors if x.values.ndim > 0])
    if x is None:
        return
    error = writer.assign(x.name + writer.pool.pick(*_VIEWS_AND_COPIES).format(x.name))
    if error is None and writer.pool.integer(1, 3) > 1:
        recording = writer.slot.recording and writer.pool.pick(True, False)
        write = writer.pool.pick("zero_()", "add_(1)", "fill_(1)")
        writer.run(f"{writer.statements[-1].names[0]}.{write}", recording=recording)


def number_range(writer: ProgramWriter) -> None:
    """Write `arange` or `linspace` between drawn ends, some of which have no exact steps."""
    draw = writer.pool
    ends = 0, 1, -2, 3, 0.1, 0.3, -1.7, 2.5, 1e-3, 100.3
    first, last = draw.pick(*ends), draw.pick(*ends)
    dtype = draw.pick("", "", f", dtype={as_code(np.dtype(writer.dtype))}", ", dtype=torch.int64")
    if draw.pick(True, False):
        writer.assign(f"torch.linspace({first}, {last}, {draw.pick(0, 1, 2, 7, 31)}{dtype})")
    else:
        sign = 1 if last >= first else -1
        step = sign * draw.pick(1, 2, 0.1, 0.3, 7) * max(1, round(abs(last - first) / 3))
        writer.assign(f"torch.arange({first}, {last}, {-step if draw.odd(12) else step}{dtype})")


def impossible_size(writer: ProgramWriter) -> None:
    """Write a request for more memory than there is, or for a negative size."""
    sizes = writer.pool.pick("2**62", "2**62, 4", "2**40, 2**40", "-1", "2, -3")
    x = writer.pool.choose([x for x in writer.pool.tensors if x.values.size == 1])
    makers = ["torch.zeros({})", "torch.ones({})", "torch.full(({},), 1.0)", "torch.randn({})"]
    if x is not None:
        makers += [f"{x.name}.expand({{}}).clone()", f"{x.name}.reshape({{}})"]
    writer.assign(writer.pool.pick(*makers).format(sizes))


# State that other statements depend on -----------------------------------------------------------


def overwrite_indices(writer: ProgramWriter) -> None:
    """Write into integers or bools, which may be indices or masks that `backward` needs."""
    x = writer.pool.choose([x for x in writer.pool.tensors if x.values.dtype.kind in "iub"])
    if x is not None:
        writer.run(f"{x.name}{writer.pool.pick('.zero_()', '.fill_(0)', '[...] = 0')}")


def set_elements(writer: ProgramWriter) -> None:
    """Write a number to elements: all of them, the first, or those of a mask.

    In half of the cases the elements share memory, because the tensor is expanded.
    """
    x = writer.pool.pick(writer.pool.choose(writer.pool.tensors), _expanded(writer))
    if x is None or (x.is_leaf and x.requires_grad and writer.slot.recording):
        return
    masks = [m for m in writer.pool.tensors if m.values.dtype.kind in "bu"]
    mask = writer.pool.choose([m for m in masks if m.values.shape == x.values.shape])
    if mask is None and writer.pool.pick(True, False):
        mask = writer.leaf(writer.pool.new(x.values.shape, np.dtype(bool)))
    masked = () if mask is None else (mask.name,) * 3
    key = writer.pool.pick("...", "0", ":1", *masked)
    number = as_code(writer.pool.number(0, 1, -2, 0.5))
    writer.run(f"{x.name}[{key}] = {number}", recording=writer.slot.recording)


def _expanded(writer: ProgramWriter) -> ProgramTensor:
    """Choose an expanded tensor that doesn't require grad, or write a new one."""
    found = [x for x in writer.pool.tensors if layout_of(x.values) == "expanded"]
    x = writer.pool.choose([x for x in found if not x.requires_grad])
    if x is not None:
        return x
    values = writer.pool.new(writer.pool.pick((2,), (3, 2), (2, 3)), np.dtype(writer.dtype)).values
    return writer.leaf(replace(laid_out(values, "expanded"), constant=True))


def assign_data(writer: ProgramWriter) -> None:
    """Write that a tensor, which `backward` may need, gets other memory."""
    x = writer.choose_tracked()
    if x is not None and not writer.value(x)._is_view():  # other memory than its base's has no rule
        writer.run(f"{x.name}.data = {writer.cotangent(x)}")


def copies(writer: ProgramWriter) -> None:
    """Write a copy of two leaves, which share memory if any do, and a write to the copy."""
    leaves = [x for x in writer.pool.tensors if x.is_leaf]
    x = writer.pool.choose(leaves)
    if x is None:
        return
    array = values_of(writer.value(x))
    others = [y for y in leaves if y.name != x.name]
    sharing = [y for y in others if np.may_share_memory(array, values_of(writer.value(y)))]
    y = writer.pool.choose(sharing or others) or x
    if not sharing and writer.pool.pick(True, True, False):
        writer.assign(x.name + writer.pool.pick(".detach()", ".data.T", ".detach()[...]"))
        y = replace(x, name=writer.statements[-1].names[0])
    how = writer.pool.pick("copy.deepcopy({})", "pickle.loads(pickle.dumps({}))")
    holders = _copied_list, _copied_attribute, _copied_buffers, _shallow_copies
    same = writer.value(x) is writer.value(y)
    holder = _copied_list if same else writer.pool.pick(*holders)
    if holder(writer, how, x.name, y.name) is None:
        writer.run(f"{writer.statements[-1].names[0]}.detach().zero_()")


def _copied_list(writer: ProgramWriter, how: str, x: str, y: str) -> Exception | None:
    return writer.assign(how.format(f"[{x}, {y}]"), 2)


def _copied_attribute(writer: ProgramWriter, how: str, x: str, y: str) -> Exception | None:
    if vars(writer.execution.names[y]):  # PyTorch's copies of tensors in a cycle are no cycle
        return _copied_list(writer, how, x, y)
    writer.run(f"{x}.note = {y}")
    error = writer.assign(how.format(x))
    return error or writer.assign(f"{writer.statements[-1].names[0]}.note")


def _copied_buffers(writer: ProgramWriter, how: str, x: str, y: str) -> Exception | None:
    writer.run("module = torch.nn.Module()")
    for buffer in (x, y):
        writer.run(f"module.register_buffer({buffer!r}, {buffer})")
    return writer.assign(f"{how.format('module')}.buffers()", 2)


def _shallow_copies(writer: ProgramWriter, how: str, x: str, y: str) -> Exception | None:
    return writer.assign(f"copy.copy({x}), copy.copy({y})", 2)


def clear_gradient(writer: ProgramWriter) -> None:
    """Write that a gradient, which may be a view, is cleared."""
    x = writer.pool.choose([x for x in writer.pool.tensors if x.is_leaf and x.requires_grad])
    if x is not None:
        if writer.pool.integer(1, 2) == 1:
            writer.run(f"{x.name}.grad = {x.name}.detach().clone()[...]")
        end = writer.pool.pick("set_to_none=False", "set_to_none=False", "")
        writer.run(f"torch.optim.SGD([{x.name}]).zero_grad({end})")


# Gradients ----------------------------------------------------------------------------------------


def retain_grad(writer: ProgramWriter) -> None:
    x = writer.choose_tracked()
    if x is not None:
        writer.run(f"{x.name}.retain_grad()")


def backward(writer: ProgramWriter) -> None:
    y = writer.choose_tracked(prefer_computed=True)
    if y is not None:
        end = writer.pool.pick("", ", retain_graph=True")
        error = writer.run(f"{y.name}.backward({writer.cotangent(y)}{end})")
        # How far PyTorch's walk got before an error is undocumented, so the program ends here.
        writer.over = error is not None


def grad(writer: ProgramWriter) -> None:
    y, x = writer.choose_tracked(), writer.choose_tracked()
    if x is not None and y is not None:
        given = f"{y.name}, {x.name}, {writer.cotangent(y)}"
        options = "create_graph=True, allow_unused=True"
        writer.assign(f"torch.autograd.grad({given}, {options})[0]")


STATEMENTS: dict[str, tuple[StatementKind, int]] = {
    "leaf": (new_leaf, 2),
    "detach": (detach, 2),
    "T": (transpose, 4),
    "view": (view_or_copy, 6),
    "range": (number_range, 2),
    "size": (impossible_size, 1),
    "overwrite": (overwrite_indices, 3),
    "set": (set_elements, 3),
    "data": (assign_data, 2),
    "copies": (copies, 4),
    "zero_grad": (clear_gradient, 2),
    "retain_grad": (retain_grad, 2),
    "backward": (backward, 2),
    "grad": (grad, 2),
}
