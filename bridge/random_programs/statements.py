"""STATEMENTS: what a program does other than call ops: a function that writes it, and how often."""

from __future__ import annotations

import numpy as np

from bridge.drawing.expressions import as_code
from minigrad.rules.dtypes import SUPPORTED

from .program import values_of
from .writer import ProgramWriter, StatementKind


def new_leaf(writer: ProgramWriter) -> None:
    """Write a leaf of any dtype, more often of the program's own."""
    pool = writer.pool
    sizes = (2,), (2, 3), (), (3,), (3, 2), (1, 3), (2, 1), (2, 2, 3), (3, 2, 2), (0,), (2, 0)
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


def view_or_reshape(writer: ProgramWriter) -> None:
    """Write `view` or `reshape` to one dimension, and sometimes a write to the result.

    The strides decide whether the view is possible, and whether the write reaches the tensor.
    """
    x = writer.pool.choose([x for x in writer.pool.tensors if x.values.ndim > 1])
    if x is None:
        return
    error = writer.assign(f"{x.name}.{writer.pool.pick('view', 'reshape', 'reshape')}(-1)")
    if error is None and writer.pool.integer(1, 2) == 1:
        writer.run(f"{writer.statements[-1].names[0]}.zero_()", recording=writer.slot.recording)


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

    Elements that share memory, because the tensor is expanded, are drawn more often.
    """
    tensors = writer.pool.tensors
    expanded = [x for x in tensors if 0 in writer.value(x).stride()]
    x = writer.pool.choose(writer.pool.pick(tensors, expanded or tensors))
    if x is None or (x.is_leaf and x.requires_grad and writer.slot.recording):
        return
    masks = [m for m in writer.pool.tensors if m.values.dtype.kind in "bu"]
    mask = writer.pool.choose([m for m in masks if m.values.shape == x.values.shape])
    if mask is None and writer.pool.pick(True, False):
        mask = writer.leaf(writer.pool.new(x.values.shape, np.dtype(bool)))
    key = writer.pool.pick("...", "0", ":1", mask.name if mask is not None else "...")
    number = as_code(writer.pool.number(0, 1, -2, 0.5))
    writer.run(f"{x.name}[{key}] = {number}", recording=writer.slot.recording)


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
    "flatten": (view_or_reshape, 4),
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
