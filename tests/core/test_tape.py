"""The tape: accumulation, order, freed graphs, saved tensors and memory, as in PyTorch."""

from __future__ import annotations

import gc
import operator
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from collector import no_cyclic_gc
from hypothesis import given
from hypothesis import strategies as st
from small_ops import SMALL_OPS
from twins import check_same, outcome

import minigrad
from minigrad.core import versions
from minigrad.core.versions import hold, let_go, replaced

torch = pytest.importorskip("torch")

SMALL_OP = pytest.mark.parametrize("name", SMALL_OPS)
X = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0], [-0.5, 2.0, 4.0]])
Y = np.array([[0.5, 1.0, 2.0], [0.25, 4.0, 1.0], [2.0, 0.5, 1.0]])


def leaves(torch: Any) -> tuple[Any, Any]:
    """Return two new float64 leaves of shape (3, 3)."""
    x, y = (torch.from_numpy(array.copy()).requires_grad_() for array in (X, Y))
    return x, y


def cotangent(torch: Any, out: Any, seed: int = 0) -> Any:
    values = np.random.default_rng(seed).standard_normal(tuple(out.shape))
    return torch.from_numpy(np.asarray(values)).to(out.dtype)


def array(x: Any) -> np.ndarray:
    return x.detach().numpy()


# Accumulation -------------------------------------------------------------------------------------


def test_backward_fills_grad_of_leaves_only() -> None:
    x, y = leaves(minigrad)
    middle = x * y
    out = middle.sum()
    out.backward()
    assert x.grad is not None
    assert y.grad is not None
    assert (middle._grad, out._grad) == (None, None)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=5))
def test_backward_adds_to_grad(factors: list[int]) -> None:
    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        for k in factors:
            (x * y * k).sum().backward()
        return x.grad, y.grad

    check_same(program)


def test_backward_adds_in_place_to_a_grad_that_was_set() -> None:
    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        x.grad = mine = torch.full((3, 3), 10.0, dtype=torch.float64)
        (x * y).sum().backward()
        return x.grad is mine, mine

    check_same(program)


def test_grad_accumulates_in_place_and_counts_as_a_write() -> None:
    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        x.sum().backward()
        first = x.grad
        (y * first).sum().backward(retain_graph=True)
        loss = (y * first).sum()  # saves the gradient, which the next backward changes
        (x * 2).sum().backward()
        same = x.grad is first
        loss.backward()
        return same

    assert check_same(program).error is not None


def test_retain_grad_fills_a_non_leaf_too() -> None:
    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        middle = x * y
        middle.retain_grad()
        middle.retain_grad()  # a second call changes nothing
        before = middle.retains_grad, x.retains_grad
        (middle * middle).sum().backward(retain_graph=True)
        (middle * 2).sum().backward()
        return before, middle.grad, x.grad

    check_same(program)


def test_retain_grad_of_a_leaf_and_of_a_constant() -> None:
    def of_leaf(torch: Any) -> Any:
        x, _ = leaves(torch)
        x.retain_grad()
        (x * 2).sum().backward()
        return x.retains_grad, x.grad

    check_same(of_leaf)
    check_same(lambda torch: torch.ones(2).retain_grad())


def test_retain_grad_of_a_deleted_tensor_keeps_nothing_alive() -> None:
    x, _ = leaves(minigrad)
    middle = x * 2
    middle.retain_grad()
    out = middle.sum()
    gone = weakref.ref(middle)
    del middle
    assert gone() is None
    out.backward()
    np.testing.assert_array_equal(array(x.grad), np.full((3, 3), 2.0))


# Shared memory ------------------------------------------------------------------------------------


@SMALL_OP
def test_no_grad_shares_memory_with_anything(name: str) -> None:
    x, y = leaves(minigrad)
    middle = x * 1, y * 1
    for m in middle:
        m.retain_grad()
    out = SMALL_OPS[name](minigrad, *middle)
    out.retain_grad()
    seed = cotangent(minigrad, out)
    out.backward(seed, retain_graph=True)
    grads = [t.grad._array for t in (x, y, *middle, out) if t.grad is not None]
    others = [t._array for t in (x, y, *middle, out, seed)]
    for i, grad in enumerate(grads):
        for other in grads[:i] + others:
            assert not np.shares_memory(grad, other)


@SMALL_OP
def test_overwriting_every_gradient_leaves_the_graph_intact(name: str) -> None:
    """No gradient that the user sees is needed by the graph."""
    x, y = leaves(minigrad)
    out = SMALL_OPS[name](minigrad, x + 0, y + 0)

    def gradients() -> list[np.ndarray]:
        x.grad = y.grad = None
        seed = cotangent(minigrad, out)
        out.backward(seed, retain_graph=True)
        found = [array(t.grad).copy() for t in (x, y) if t.grad is not None]
        for t in (x.grad, y.grad, seed):
            if t is not None:
                t.fill_(float("nan"))
        return found

    for first, second in zip(gradients(), gradients(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_two_gradients_of_a_sum_are_separate() -> None:
    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        (x + y).backward(torch.ones(3, 3, dtype=torch.float64))
        x.grad.mul_(5)
        return x.grad, y.grad

    check_same(program)


# Long, wide and shared graphs ---------------------------------------------------------------------


def test_a_chain_of_a_million_ops() -> None:
    count = 1_000_000
    with no_cyclic_gc():  # it would also be slow with a million nodes
        w = minigrad.tensor(1.0, requires_grad=True)
        y = w
        for _ in range(count // 2):
            y = (y + w) * 1.0
        first = weakref.ref(y._node)
        y.backward()
        assert w.grad.item() == count // 2 + 1
        del y
        assert first() is None


@pytest.mark.parametrize("count", [10_000])
def test_long_chains_of_views_and_of_writes(count: int) -> None:
    with no_cyclic_gc():
        w = minigrad.tensor([1.0, 2.0], requires_grad=True)
        base = w * 1
        view = base
        for _ in range(count):
            view = view[:]
        view.mul_(3)
        for _ in range(count):
            base[0] = base[1]
        base.sum().backward()
        np.testing.assert_array_equal(array(w.grad), [0.0, 6.0])


def test_a_wide_fan() -> None:
    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        total = x * 0
        for k in range(300):
            total = total + (x * k if k % 2 else y[k % 3] - x)
        total.sum().backward()
        return x.grad, y.grad

    check_same(program)


def test_a_ladder_of_diamonds_visits_each_node_once() -> None:
    def program(torch: Any) -> Any:
        x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
        y = x
        for _ in range(100):  # 2**100 paths
            y = y + y
        y.backward()
        return x.grad

    check_same(program)


@given(st.data())
def test_random_graphs(data: st.DataObject) -> None:
    """Sums and products of earlier values, with small integers as elements, so exact."""
    numbers = st.integers(0, 100)
    steps = data.draw(st.lists(st.tuples(st.booleans(), numbers, numbers), max_size=12))
    ends = data.draw(st.lists(numbers, min_size=1, max_size=3))

    def program(torch: Any) -> Any:
        values = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (2.0, -1.0, 1)]
        for multiply, i, j in steps:
            a, b = values[i % len(values)], values[j % len(values)]
            # Small enough that nothing is rounded.
            values.append((a * b).clamp(-8, 8) if multiply else (a - b).clamp(-8, 8))
        roots = [values[e % len(values)] for e in ends]
        torch.autograd.backward(roots, [torch.full_like(root, 3.0) for root in roots])
        return [v.grad for v in values[:3]]

    check_same(program)


# Freed graphs -------------------------------------------------------------------------------------


@SMALL_OP
def test_a_second_backward_raises_where_pytorch_freed_saved_tensors(name: str) -> None:
    def program(torch: Any) -> Any:
        out = SMALL_OPS[name](torch, *leaves(torch))
        out.backward(cotangent(torch, out))
        out.backward(cotangent(torch, out))

    check_same(program)


@pytest.mark.parametrize("second", ["exp", "sum"])
@pytest.mark.parametrize("first", ["exp", "add", "select"])
def test_a_freed_node_is_found_anywhere_in_the_graph(first: str, second: str) -> None:
    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        shared = SMALL_OPS[first](torch, x, y)
        one, other = SMALL_OPS[second](torch, shared, y), shared.sum()
        one.backward(cotangent(torch, one))
        other.backward()

    check_same(program)


@SMALL_OP
def test_retain_graph_frees_nothing(name: str) -> None:
    out_of: dict[Any, Any] = {}

    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        out = SMALL_OPS[name](torch, x, y)
        for seed in range(3):
            out.backward(cotangent(torch, out, seed), retain_graph=True)
        out_of[torch] = x.grad, y.grad

    check_same(program)
    for ours, theirs in zip(out_of[minigrad], out_of[torch], strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_allclose(array(ours), array(theirs), rtol=1e-12, atol=1e-12)


def test_backward_through_a_partly_freed_graph() -> None:
    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        shared = x.exp()
        one, other = (shared * y).sum(), (shared * 2).sum()
        (one + other).backward(inputs=[y])  # does not reach `exp`
        other.backward()

    check_same(program)


def test_freeing_releases_the_saved_arrays() -> None:
    x, y = leaves(minigrad)
    out = (x * 1) * (y * 1)
    saved = [weakref.ref(a) for a in _captured_arrays(out._node)]
    assert saved
    out.sum().backward()
    assert all(ref() is None for ref in saved)


def _captured_arrays(node: Any) -> list[np.ndarray]:
    """Return the arrays in the closures of a node's pullbacks."""
    cells = [c for p in node.pullbacks if p for c in p.__closure__ or ()]
    return [c.cell_contents for c in cells if isinstance(c.cell_contents, np.ndarray)]


# Versions -----------------------------------------------------------------------------------------

WRITES: dict[str, Callable[[Any], Any]] = {
    "itself": lambda t: t.mul_(2),
    "a view": lambda t: t[..., 0].zero_(),
    "a detached tensor": lambda t: t.detach().mul_(2),
    "a view of a detached tensor": lambda t: t.detach().reshape(-1)[0].fill_(7),
    ".data": lambda t: t.data.mul_(2),
    "+=": lambda t: operator.iadd(t, 1),
    "an element": lambda t: operator.setitem(t, (0,) * t.ndim, 7),
    "copy_": lambda t: t.copy_(t.detach() * 3),
}


@pytest.mark.parametrize("victim", ["input", "other", "output"])
@SMALL_OP
def test_a_write_to_a_saved_tensor_is_an_error_where_it_is_in_pytorch(
    name: str, victim: str
) -> None:
    if name == "expand" and victim == "output":
        return  # elements that share memory can't be written to
    for how, write in WRITES.items():
        found: dict[Any, Any] = {}

        def program(torch: Any, write: Any = write, found: Any = found) -> Any:
            x, y = leaves(torch)
            input, other = x * 1, y * 1
            out = SMALL_OPS[name](torch, input, other)
            seed = cotangent(torch, out)
            write({"input": input, "other": other, "output": out}[victim])
            out.backward(seed)
            found[torch] = [t.grad for t in (x, y)]

        ours, theirs = outcome(program, minigrad), outcome(program, torch)
        both = f"\nafter a write to {how}:\nminigrad: {ours}\nPyTorch:  {theirs}"
        assert (ours.error is None) == (theirs.error is None), both
        assert theirs.error is None or ours.error.begins_as(theirs.error), both
        if theirs.error is None and how != ".data":  # then gradients are undefined
            for a, b in zip(found[minigrad], found[torch], strict=True):
                assert (a is None) == (b is None), both
                if a is not None:
                    np.testing.assert_allclose(array(a), array(b), 1e-10, 1e-12, err_msg=both)


def test_a_write_in_no_grad_counts() -> None:
    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        out = x * y
        with torch.no_grad():
            x.add_(1)
        out.sum().backward()

    assert check_same(program).error is not None


def test_a_write_before_the_op_does_not_matter() -> None:
    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        middle = x * 1
        middle.mul_(y)
        middle[0] = 5
        (middle * middle).sum().backward()
        return x.grad, y.grad

    check_same(program)


def test_a_write_counts_even_if_it_is_undone() -> None:
    def program(torch: Any) -> Any:
        x, _ = leaves(torch)
        middle = x * 1
        out = middle * middle
        middle.detach().add_(1).sub_(1)
        out.sum().backward()

    assert check_same(program).error is not None


def test_a_write_after_backward_does_not_matter() -> None:
    def program(torch: Any) -> Any:
        x, _ = leaves(torch)
        out = (x * x).sum()
        out.backward()
        with torch.no_grad():
            x.sub_(x.grad)
        (x * x).sum().backward()
        return x, x.grad

    check_same(program)


def test_a_write_to_a_numpy_array_is_not_counted() -> None:
    def program(torch: Any) -> Any:
        x, _ = leaves(torch)
        out = x * x
        x.detach().numpy()[:] = 7
        out.sum().backward()
        return x.grad

    check_same(program)


# Memory -------------------------------------------------------------------------------------------


@SMALL_OP
def test_a_graph_dies_by_reference_counting(name: str) -> None:
    x, y = leaves(minigrad)
    with no_cyclic_gc():
        out = SMALL_OPS[name](minigrad, x * 1, y * 1)
        refs = [weakref.ref(out), weakref.ref(out._node)]
        refs += [weakref.ref(parent) for parent in out._node.parents if parent is not None]
        out.backward(cotangent(minigrad, out), retain_graph=True)
        del out
        assert all(ref() is None or ref() is x or ref() is y for ref in refs)
        assert gc.collect() == 0


def test_views_and_writes_die_by_reference_counting() -> None:
    x, y = leaves(minigrad)
    with no_cyclic_gc():
        base = x * 1
        view = base[0]
        row = view[1:]
        base.retain_grad()
        view.retain_grad()
        row.mul_(2)
        base[1] = y[0]
        base.add_(y)
        view.requires_grad  # noqa: B018, reading it updates the history of the view
        out = (base * view).sum()
        refs = [weakref.ref(t) for t in (base, view, row, out, out._node, base._node)]
        out.backward()
        del base, view, row, out
        assert [ref() for ref in refs] == [None] * len(refs)
        assert gc.collect() == 0


def test_errors_leave_no_reference_cycles() -> None:
    x, _ = leaves(minigrad)
    with no_cyclic_gc():
        out = x.exp().sum()
        out.backward()
        ref = weakref.ref(out._node)
        for failing in (minigrad.Tensor.backward, lambda t: t + x + minigrad.ones(2)):
            try:  # pytest.raises would keep the traceback
                failing(out)
            except RuntimeError:
                continue
            raise AssertionError("no error")
        del out
        assert ref() is None
        assert gc.collect() == 0


# Gradients replaced by None -----------------------------------------------------------------------


@pytest.mark.parametrize("custom", [False, True])
@pytest.mark.parametrize("returned", [(None, 10), (10, None), (None, None), (10, 20)])
def test_a_hook_replaces_a_gradient_by_none(returned: tuple[int | None, ...], custom: bool) -> None:
    def program(t: Any) -> Any:
        class Same(t.autograd.Function):
            @staticmethod
            def forward(ctx: Any, a: Any, b: Any) -> Any:
                return a * b

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return g, g

        def hook(inputs: Any, outputs: Any) -> Any:
            return tuple(r and d * r for r, d in zip(returned, inputs, strict=True))

        x, y = leaves(t)
        z = Same.apply(x, y * 2) if custom else x * (y * 2)
        z.grad_fn.register_hook(hook)
        z.sum().backward()
        return x.grad, y.grad

    assert check_same(program).error is None


@pytest.mark.parametrize("returned", [None, 1.0])
def test_a_hook_can_only_return_none_for_a_missing_gradient(returned: float | None) -> None:
    def program(t: Any) -> Any:
        x, _ = leaves(t)
        y = x * t.ones(3, 3)
        y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0], returned))
        y.sum().backward()
        return x.grad

    assert (check_same(program).error is None) == (returned is None)


# Data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", ["leaf", "operand", "result", "view", "twice"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_data_assigned_between_forward_and_backward(of: str, create_graph: bool) -> None:
    """Backward uses an operand's new data, and the result that was computed from the old."""

    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        a = x if of == "leaf" else x * 1
        part = a[:]
        z = (part if of == "view" else a).exp() * a * y
        changed = z if of == "result" else part if of == "view" else a
        for count in range(1 + (of == "twice")):
            changed.data = torch.full((3, 3), 2.0 + count, dtype=torch.float64)
        saved = z.grad_fn._saved_self.detach()
        out = (z * z).sum()
        d, e = torch.autograd.grad(out, (x, y), create_graph=create_graph)
        found = [d.detach(), e.detach(), a._version, saved]
        if create_graph:
            (d * e).sum().backward()
            found += [x.grad, y.grad]
        return found

    for ours, theirs in zip(program(minigrad), program(torch), strict=True):
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), 1e-12)


def test_data_assigned_to_a_tensor_that_a_function_saved() -> None:
    def program(torch: Any) -> Any:
        class Product(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, a: Any, b: Any) -> Any:
                result = a * b
                ctx.save_for_backward(a, b, result)
                return result

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                a, b, result = ctx.saved_tensors
                return g * b, g * a + result

        x, y = leaves(torch)
        a = x * 1
        z = Product.apply(a, y)
        for t in (a, y, z):
            t.data = torch.full((3, 3), 2.0, dtype=torch.float64)
        z.sum().backward()
        return x.grad, y.grad

    check_same(program)


def test_data_assigned_in_every_step_keeps_no_old_array() -> None:
    w, before, old = minigrad.ones(3, requires_grad=True), set(replaced), []
    for _ in range(3):
        (w * w).sum().backward()
        old.append(weakref.ref(w._array))
        w.data = w.data - 0.1 * w.grad
    assert [array() for array in old] == [None] * 3
    assert replaced.keys() <= before


# Threads ------------------------------------------------------------------------------------------


def test_two_threads_run_backward_at_the_same_time() -> None:
    """Each has its own graph and weights; both read the same data."""
    data = minigrad.from_numpy(np.random.default_rng(0).standard_normal((20, 20)))
    barrier = threading.Barrier(2)
    found: dict[int, list[np.ndarray]] = {0: [], 1: []}

    def work(who: int) -> None:
        w = minigrad.from_numpy(np.full((20, 20), 0.1 * (who + 1))).requires_grad_()
        barrier.wait()
        for _ in range(30):
            w.grad = None
            y = data @ w
            for _ in range(5):
                y = (y @ w).tanh() + data
            y.sum().backward()
            found[who].append(array(w.grad).copy())

    threads = [threading.Thread(target=work, args=(who,)) for who in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for who in (0, 1):
        assert len(found[who]) == 30
        for gradient in found[who]:
            np.testing.assert_array_equal(gradient, found[who][0])
    assert not np.array_equal(found[0][0], found[1][0])


@contextmanager
def threads_that_switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def in_threads(work: Callable[[], None], count: int = 8) -> None:
    with threads_that_switch_often():
        threads = [threading.Thread(target=work) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("size", [1, 100_000])
def test_threads_add_to_one_gradient(size: int, first: bool) -> None:
    for _ in range(4):
        p = minigrad.zeros(size, requires_grad=True)
        if not first:
            p.grad = minigrad.zeros(size)

        def work(p: Any = p) -> None:
            for _ in range(15):
                (p * 1.0).sum().backward()

        in_threads(work)
        assert set(p.grad.tolist()) == {120.0}


@pytest.mark.filterwarnings("ignore:Using backward")
def test_threads_add_to_one_gradient_with_a_history() -> None:
    p = minigrad.ones(3, requires_grad=True)

    def work() -> None:
        for _ in range(20):
            (p * p).sum().backward(create_graph=True)

    in_threads(work)
    assert p.grad.tolist() == [2 * 160.0] * 3


def test_threads_add_to_one_retained_gradient() -> None:
    h = minigrad.ones(100_000, requires_grad=True) * 1.0
    h.retain_grad()

    def work() -> None:
        for _ in range(15):
            (h * 1.0).sum().backward(retain_graph=True)

    in_threads(work)
    assert set(h.grad.tolist()) == {120.0}


FROM_THREADS: dict[str, Callable[[Any], Any]] = {
    "number": lambda w: w.add_(1),
    "tensor": lambda w: w.add_(minigrad.ones(w.shape, dtype=w.dtype)),
    "alpha": lambda w: w.add_(1, alpha=1.0),
    "another dtype": lambda w: w.add_(minigrad.ones(1, dtype=minigrad.int64)),
    "view": lambda w: w[:].add_(1),
    "operator": lambda w: w.__iadd__(1),
    "at indices": lambda w: w.index_put_(
        (minigrad.tensor([0, -1]),), minigrad.tensor(1, dtype=w.dtype), accumulate=True
    ),
}


@pytest.mark.parametrize("name", FROM_THREADS)
@pytest.mark.parametrize("size", [1, 3_000, 100_000])
def test_threads_write_to_one_tensor(name: str, size: int) -> None:
    w = minigrad.zeros(size)

    def work() -> None:
        for _ in range(50):
            FROM_THREADS[name](w)

    in_threads(work, 4)
    assert {w[0].item(), w[-1].item()} == {400.0 if name == "at indices" and size == 1 else 200.0}
    if name != "at indices":
        assert set(w.tolist()) == {200.0}


def test_threads_record_writes_to_one_tensor() -> None:
    """The gradient goes through every write, whichever thread it was in."""
    x = minigrad.ones(1_000, requires_grad=True)
    y = x * 1

    def work() -> None:
        for _ in range(20):
            y.add_(x)

    in_threads(work, 4)
    y.sum().backward()
    assert set(y.tolist()) == set(x.grad.tolist()) == {81.0}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot fork here")
def test_a_child_process_can_write_although_a_thread_of_its_parent_did() -> None:
    held = threading.Event()

    def work() -> None:
        hold()
        held.set()
        time.sleep(0.05)  # enough for a fork that doesn't wait
        let_go()

    thread = threading.Thread(target=work)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if hold(timeout=10) else 1)
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


def test_an_op_within_an_op() -> None:
    """A debugger, a profiler or a signal handler may run an op while a rule is running."""
    import sys

    x = minigrad.ones(2)
    seen = []

    def look(frame: Any, event: str, arg: Any) -> None:
        if event == "call" and frame.f_code.co_name == "mul":
            sys.setprofile(None)
            seen.append((x + 1).tolist())

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        product = x * 3
    finally:
        sys.setprofile(before)
    assert (seen, product.tolist()) == ([[2.0, 2.0]], [3.0, 3.0])


def test_an_array_that_outlives_the_engine_is_forgotten_quietly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", failed.append)
    x = minigrad.ones(3)
    old = x._array
    x.data = minigrad.zeros(3)
    monkeypatch.setattr(versions, "replaced", None)  # as when Python exits
    del old
    assert not failed


@pytest.mark.parametrize("t", [minigrad, torch])
def test_data_of_another_part_of_the_same_memory_is_another_array(t: Any) -> None:
    whole = t.arange(6.0)
    x = whole[:3].detach().requires_grad_()
    x.data = whole[3:]
    assert x.tolist() == [3.0, 4.0, 5.0]
    y = t.arange(4.0).reshape(2, 2).requires_grad_()
    y.data = y.data.t()
    assert y.tolist() == [[0.0, 2.0], [1.0, 3.0]]
    z = t.tensor(np.arange(3.0)).requires_grad_()
    z.data -= 1
    assert z.tolist() == [-1.0, 0.0, 1.0]
