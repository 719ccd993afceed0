"""copying.py: copy, deepcopy and pickle of tensors, and of what holds them, as in PyTorch."""

from __future__ import annotations

import copy
import gc
import itertools
import multiprocessing
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_programs import MAKE, VIEW, Instruction, Run, instructions, plain
from twins import check_same

import minigrad
from minigrad.utils.hooks import RemovableHandle

torch = pytest.importorskip("torch")

COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": lambda tensors: [copy.copy(x) for x in tensors],
    "deepcopy": copy.deepcopy,
    "pickle": lambda tensors: pickle.loads(pickle.dumps(tensors)),
    "pickle, protocol 2": lambda tensors: pickle.loads(pickle.dumps(tensors, 2)),
    "deepcopy of a copy": lambda tensors: copy.deepcopy([*tensors, copy.copy(tensors[0])]),
}
copies = st.sampled_from(sorted(COPIES))
programs = st.lists(instructions(VIEW, MAKE), max_size=6)


def look(x: Any) -> Any:
    """What a copy keeps of a tensor, and what a write to one tensor changes in another."""
    strides = [s for s, size in zip(x.stride(), x.shape, strict=True) if size > 1 and x.numel()]
    attributes = [*vars(x)], [plain(v) if isinstance(v, type(x)) else v for v in vars(x).values()]
    grad = None if x.grad is None else plain(x.grad)
    flags = x.requires_grad, x.is_leaf, x._base is None, x._version, str(x.dtype), type(x).__name__
    return plain(x), strides, flags, grad, attributes


@given(programs, copies, st.integers(0, 7), st.integers(0, 7), st.booleans())
def test_what_copies_share_and_keep(
    program: list[Instruction], how: str, first: int, written: int, original: bool
) -> None:
    seen = []
    for namespace in (minigrad, torch):
        run = Run(namespace)
        for instruction in program:
            run.execute(instruction)
        leaves = [x for x in run.tensors if x.is_leaf]
        for i, leaf in enumerate(leaves):
            leaf.note = [i]
            if i % 2 and leaf.requires_grad:
                leaf.grad = namespace.ones(leaf.shape, dtype=namespace.float64) * i
        if len(leaves) > 1:
            leaves[-1].other = leaves[0]
        chosen = leaves[first % len(leaves) :] + leaves[:1]
        copied = COPIES[how](chosen)
        with namespace.no_grad():
            target = (leaves if original else copied)[written % len(leaves if original else copied)]
            target.fill_(9)
        copied[0].note.append("new")
        alike = [[a is b for b in copied] for a in copied]
        seen.append(([look(x) for x in leaves], [look(x) for x in copied], alike))
    assert seen[0] == seen[1]


@given(programs, st.sampled_from(["copy", "deepcopy", "pickle"]), st.integers(0, 7))
def test_copies_of_parameters(program: list[Instruction], how: str, first: int) -> None:
    seen = []
    for namespace in (minigrad, torch):
        run = Run(namespace)
        for instruction in program:
            run.execute(instruction)
        data = run.tensors[first % len(run.tensors)]
        param = namespace.nn.Parameter(data.detach(), requires_grad=bool(first % 3))
        param.note = [1]
        param.grad = namespace.ones(param.shape, dtype=namespace.float64)
        copied, again, grad = COPIES[how]([param, param, param.grad])
        with namespace.no_grad():
            copied.fill_(9)
        alike = copied is again, copied.grad is grad
        seen.append((look(param), look(copied), look(grad), alike))
    assert seen[0] == seen[1]


def through_pickle(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


class Doubled(minigrad.Tensor):
    """A class of tensors of a user's, whose definition changes no function for other tests."""

    __torch_function__ = minigrad._C._disabled_torch_function_impl


HOW: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": through_pickle,
}
every_way = pytest.mark.parametrize("how", HOW.values(), ids=HOW)


@every_way
def test_subclasses_are_kept(how: Callable[[Any], Any]) -> None:
    x = Doubled([1.0, 2.0])
    x.note = "n"
    copied = how(x)
    assert (type(copied), copied.note, copied.tolist()) == (Doubled, "n", [1.0, 2.0])


@every_way
def test_a_non_leaf(how: Callable[[Any], Any]) -> None:
    def program(torch: Any) -> Any:
        y = torch.ones(2, requires_grad=True) * 2
        copied = how(y)
        return copied, copied.is_leaf, copied.requires_grad

    check_same(program)


@every_way
def test_hooks_are_not_copied(how: Callable[[Any], Any]) -> None:
    """`copy` and `pickle` warn of each of them."""

    def program(torch: Any) -> Any:
        x = torch.ones(2, requires_grad=True)
        x.register_hook(plus_one)
        x.register_hook(plus_one)
        copied = how(x)
        copied.sum().backward()
        return copied.grad

    warned = check_same(program).warned
    assert len(warned) == (0 if how is copy.deepcopy else 2)


def plus_one(grad: Any) -> Any:
    return grad + 1


def test_deepcopy_of_a_gradient_and_its_tensor() -> None:
    def program(torch: Any) -> Any:
        x = torch.ones(2, requires_grad=True)
        (x * 3).sum().backward()
        (grad, y), (z, again) = copy.deepcopy([x.grad, x]), copy.deepcopy([x, x.grad])
        return grad is y.grad, again is z.grad

    assert check_same(program).value == ("tuple", [True, True])


def test_a_tensor_that_is_its_own_attribute() -> None:
    x = minigrad.ones(2)
    x.me = [x]
    copied = copy.deepcopy(x)
    assert copied.me[0] is copied is not x
    del x.me, copied.me  # they are cycles


@every_way
def test_memory_that_a_user_made(how: Callable[[Any], Any]) -> None:
    """Arrays with a buffer, a parent of another class, and windows into an array."""
    base = np.arange(12.0)
    strided = np.lib.stride_tricks.as_strided
    made = [
        np.frombuffer(bytearray(base.tobytes())),
        np.asarray(base.view(np.recarray))[1:],
        np.ndarray((2, 2), np.float64, bytearray(base.tobytes()), 16, (32, 8)),
        strided(base, (5, 3), (16, 8)),
        strided(base[2:], (3, 4), (0, 8)),
        np.lib.stride_tricks.sliding_window_view(base.reshape(3, 4), (2, 2), writeable=True),
        base.reshape(3, 4)[1:, ::2],
        base[12:],
    ]
    for array in made:
        x = minigrad.from_numpy(array)
        copied = how(x)
        assert copied.tolist() == array.tolist()
        assert copied.shape == x.shape
        assert array.size == 0 or copied.stride() == x.stride()
        copied.fill_(7)
        assert (x.tolist() == copied.tolist()) == (how is copy.copy or not array.size)


@given(st.permutations(range(3)), st.integers(0, 2))
def test_deepcopy_copies_memory_once(order: list[int], written: int) -> None:
    base = minigrad.zeros(4, 4, dtype=minigrad.float64)
    parts = [base, base[1:, 1:], base.as_strided((5,), (3,))]
    tensors = [parts[i] for i in order]
    copied = copy.deepcopy({"a": tensors[0], "b": tensors[1:]})
    found = [copied["a"], *copied["b"]]
    found[written].fill_(1)
    expected = np.zeros((4, 4))
    views = [expected, expected[1:, 1:], np.lib.stride_tricks.as_strided(expected, (5,), (24,))]
    views[order[written]].fill(1)
    assert [x.tolist() for x in found] == [views[i].tolist() for i in order]
    assert not base.any()


def test_deepcopy_keeps_no_memory_alive() -> None:
    x = minigrad.zeros(10)
    memo: dict[Any, Any] = {}
    copied = copy.deepcopy(x, memo)
    assert not np.may_share_memory(copied.numpy(), x.numpy())
    base = copied.numpy().base
    del memo
    gc.collect()
    assert base.nbytes == 40


def test_an_array_that_was_pickled_is_like_any_other() -> None:
    """Its dtype is another object."""
    array = through_pickle(np.ones(2, np.float32))
    assert array.dtype is not np.dtype(np.float32)
    other = np.ones(2, np.longlong)
    for a in (array, other, other.astype(np.dtype("=i8"))):

        def program(torch: Any, a: np.ndarray = a) -> Any:
            x, like = torch.from_numpy(a.copy()), torch.zeros(2, dtype=torch.tensor(a).dtype)
            x[[0]] = like[:1]
            x += like
            y = x.clone().float().requires_grad_()
            y.grad = torch.from_numpy(array)
            return [x, torch.tensor(a), torch.as_tensor(a), torch.stack([x, like]), y.grad]

        check_same(program)


@every_way
@pytest.mark.parametrize("name", ["float32", "float64", "int32", "int64", "uint8", "bool"])
def test_a_copy_is_like_any_other(name: str, how: Callable[[Any], Any]) -> None:
    """Its dtype is the same object."""

    def program(torch: Any) -> Any:
        like = torch.ones(2, dtype=getattr(torch, name))
        copied = how(torch.zeros(2, dtype=like.dtype))
        copied[[0]] = like[:1]
        param = how(torch.nn.Parameter(torch.zeros(2)))
        param.grad = torch.ones(2)
        if like.is_floating_point():
            like.grad = copied
        return [copied, copied.dtype is like.dtype, param.grad, torch.cat([copied, like])]

    check_same(program)


@every_way
@pytest.mark.parametrize("write", ["x[...] = 2", "x.add_(1)", "x.mul_(x.clone())", "x[0] = 2"])
def test_writes_to_a_copy_of_an_expanded_tensor(write: str, how: Callable[[Any], Any]) -> None:
    def program(torch: Any) -> Any:
        x = how(torch.ones(1, 2).expand(3, 2))
        exec(write, {"x": x})
        return x

    check_same(program)


@every_way
def test_copies_of_what_ops_return(how: Callable[[Any], Any]) -> None:
    def program(torch: Any) -> Any:
        x = torch.tensor([[1.0, 3.0]])
        result, size = how(x.max(1)), how(x.shape)
        return [type(result).__name__, result.values, result.indices, type(size).__name__, size[1]]

    check_same(program)


@every_way
def test_functions_of_ops(how: Callable[[Any], Any]) -> None:
    for function in (*map(vars(minigrad).get, minigrad.api.functions.__all__), minigrad.Tensor.exp):
        assert how(function) is function


@every_way
def test_nodes_are_refused(how: Callable[[Any], Any]) -> None:
    def program(torch: Any) -> Any:
        return how((torch.ones(2, requires_grad=True) * 2).grad_fn)

    assert check_same(program).error is not None


def _loss_and_gradient(net: Any, connection: Any) -> None:
    import minigrad  # the process starts without it

    loss = net(minigrad.ones(2, 3)).sum()
    loss.backward()
    connection.send([loss.item(), [p.grad for p in net.parameters()]])
    connection.close()


def test_a_module_in_another_process() -> None:
    net = minigrad.nn.Sequential(minigrad.nn.Linear(3, 2), minigrad.nn.Tanh())
    net[0].register_forward_hook(_doubled)
    loss = net(minigrad.ones(2, 3)).sum()
    loss.backward()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_loss_and_gradient, args=(net, theirs))
    process.start()
    theirs.close()
    found, gradients = ours.recv()
    process.join()
    assert found == loss.item()
    for p, grad in zip(net.parameters(), gradients, strict=True):
        assert grad.tolist() == p.grad.tolist()
        grad += grad  # its dtype is the engine's


def test_hooks_of_another_process_keep_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RemovableHandle, "_next_id", itertools.count())
    net = minigrad.nn.Tanh()
    net.register_forward_hook(_doubled)
    pickled = pickle.dumps(net)
    monkeypatch.setattr(RemovableHandle, "_next_id", itertools.count())  # as in a new process
    copied = pickle.loads(pickled)
    handle = copied.register_forward_hook(_doubled)
    assert copied(minigrad.ones(())).item() == net(minigrad.ones(())).item() * 2
    handle.remove()
    assert copied(minigrad.ones(())).item() == net(minigrad.ones(())).item()


def _doubled(module: Any, args: Any, output: Any) -> Any:
    return output * 2


def test_files_are_written_without_pickle(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any, protocol: Any) -> Any:
        raise AssertionError("pickled")

    monkeypatch.setattr(minigrad.Tensor, "__reduce_ex__", refuse)
    net = minigrad.nn.Linear(2, 1)
    minigrad.save({"net": net.state_dict(), "note": [1]}, tmp_path / "net")
    loaded = minigrad.load(tmp_path / "net")
    assert loaded["net"]["weight"].tolist() == net.weight.tolist()
    with warnings.catch_warnings(), pytest.raises(AssertionError, match="pickled"):
        pickle.dumps(net)
