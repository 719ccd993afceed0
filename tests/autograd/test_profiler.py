"""autograd/profiler.py and profiler.py: which events there are, how they nest, by which steps."""

from __future__ import annotations

import json
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import profiler
from minigrad.autograd.profiler import profile, record_function

torch = pytest.importorskip("torch")

counts = st.integers(-1, 3)


@given(counts, counts, counts, counts, counts, st.integers(0, 1), st.integers(0, 12))
def test_schedules_are_pytorchs(
    wait: int, warmup: int, active: int, repeat: int, skip: int, skip_wait: int, step: int
) -> None:
    numbers = {"wait": wait, "warmup": warmup, "active": active, "repeat": repeat}
    numbers |= {"skip_first": skip, "skip_first_wait": skip_wait}
    results = []
    for t in (minigrad, torch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                results.append((t.profiler.schedule(**numbers)(step).name, len(caught)))
            except AssertionError:
                results.append(("error", 0))
    assert results[0] == results[1]


def training_step() -> Any:
    x = minigrad.ones(3, 3, requires_grad=True)
    with record_function("forward"):
        loss = (x @ x).relu().sum()
    loss.backward()
    x.data.add_(1)
    return x


def test_every_op_and_every_node_is_an_event() -> None:
    with profile() as p:
        training_step()
    found = {e.key: e.count for e in p.key_averages()}
    wanted: tuple[str, ...] = ("forward", "aten::mm", "aten::relu", "aten::sum", "aten::add_")
    wanted += ("SumBackward0", "ReluBackward0", "MmBackward0")
    assert {name: found.get(name) for name in wanted} == dict.fromkeys(wanted, 1)
    outside = len(p.events())
    training_step()
    assert len(p.events()) == outside


def test_an_op_that_saves_its_input_is_an_event() -> None:
    x = minigrad.ones(1, 1, 4, requires_grad=True)
    with minigrad.profiler.profile() as profile:
        minigrad.nn.functional.pad(x, (1, 1), mode="reflect")
    assert [event.key for event in profile.key_averages()] == ["aten::index"]


def test_times_nest_and_add_up() -> None:
    with profile() as p, record_function("all"):
        training_step()
    whole, *rest = p.events()
    assert whole.name == "all"
    assert all(e.start_us >= whole.start_us and e.end_us <= whole.end_us for e in rest)
    assert all(0 <= e.self_cpu_time_total <= e.cpu_time_total for e in p.events())
    forward = next(e for e in rest if e.name == "forward")
    inside = [e for e in rest if forward.start_us < e.start_us < forward.end_us]
    inner = sum(e.cpu_time_total for e in inside)
    assert forward.self_cpu_time_total == pytest.approx(forward.cpu_time_total - inner)
    assert p.self_cpu_time_total == pytest.approx(whole.cpu_time_total)


def test_a_node_of_two_operands_is_one_event() -> None:
    x, y = (minigrad.ones(2, requires_grad=True) for _ in range(2))
    z = (x * y).sum()
    with profile() as p:
        z.backward()
    assert [e.name for e in p.events()].count("MulBackward0") == 1


def test_nodes_whose_gradients_are_added_in_place_are_events() -> None:
    x = minigrad.ones(4, requires_grad=True) * 1
    y = x[0] + x[1] + x[2]
    with profile() as p:
        y.backward()
    assert [e.name for e in p.events()].count("SelectBackward0") == 3


def test_packed_tensors_are_unpacked_in_an_event() -> None:
    x = minigrad.ones(2, requires_grad=True)
    with minigrad.autograd.graph.saved_tensors_hooks(lambda t: t * 2, lambda t: t):
        y = (x * x).sum()
    with profile() as p:
        y.backward()
    assert x.grad.tolist() == [4, 4]
    assert [e.name for e in p.events()].count("MulBackward0") == 1


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_are_the_same_with_the_profiler(create_graph: bool) -> None:
    def gradients() -> list[Any]:
        x = minigrad.tensor([1.0, 2.0], requires_grad=True)
        (first,) = minigrad.autograd.grad((x**3).sum(), x, create_graph=create_graph)
        if not create_graph:
            return [first.tolist()]
        (second,) = minigrad.autograd.grad(first.sum(), x)
        return [first.tolist(), second.tolist()]

    plain = gradients()
    with profile():
        assert gradients() == plain


def test_errors_end_the_events() -> None:
    with profile() as p:
        with pytest.raises(RuntimeError):
            minigrad.ones(2, 3) @ minigrad.ones(2, 3)
        with pytest.raises(ValueError, match="own"), record_function("block"):
            raise ValueError("own")
        minigrad.ones(2).exp()
    assert [e.name for e in p.events()][-2:] == ["block", "aten::exp"]
    assert p.events()[-1].start_us >= p.events()[-2].end_us


def test_other_threads_are_not_recorded() -> None:
    with profile() as p:
        thread = threading.Thread(target=training_step)
        thread.start()
        thread.join()
    assert p.events() == []


def test_a_decorated_function_is_an_event() -> None:
    @record_function("named")
    def double(x: Any) -> Any:
        return 2 * x

    assert double(minigrad.ones(1)).item() == 2
    with profile() as p:
        double(double(minigrad.ones(1)))
    assert [e.name for e in p.events()] == ["named", "aten::mul"] * 2


def test_steps_are_recorded_by_the_schedule() -> None:
    seen = []

    def ready(p: Any) -> None:
        seen.append((p.step_num, [e.key for e in p.key_averages()]))

    ops = ("exp", "log", "sin", "cos", "tanh")
    plan = profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
    with profiler.profile(
        activities=[profiler.ProfilerActivity.CPU], schedule=plan, on_trace_ready=ready
    ) as p:
        for name in ops:
            getattr(minigrad, name)(minigrad.ones(1))
            p.step()
    assert seen == [(3, ["aten::sin", "aten::cos"])]


def test_the_whole_block_is_recorded_without_a_schedule() -> None:
    seen: list[Any] = []
    with profiler.profile(on_trace_ready=seen.append) as p:
        minigrad.ones(1).exp()
    assert seen == [p]
    assert [e.key for e in p.key_averages()] == ["aten::exp"]


def test_tables_and_traces(tmp_path: Path) -> None:
    with profile() as p:
        training_step()
        minigrad.ones(2).exp()
    table = p.key_averages().table(sort_by="count", row_limit=2)
    assert "CPU total" in table
    assert len(table.splitlines()) == 3 + 2 + 2
    with pytest.raises(AttributeError):
        p.table(sort_by="colour")
    p.export_chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [e["name"] for e in events] == [e.name for e in p.events()]


def test_what_is_not_recorded_is_refused_by_name() -> None:
    for option in ("record_shapes", "profile_memory", "with_stack", "with_flops", "with_modules"):
        for make in (profile, profiler.profile):
            make(**{option: False})
            with pytest.raises(NotImplementedError, match=option):
                make(**{option: True})
    with pytest.raises(TypeError, match="colour"):
        profile(colour=1)
    with pytest.raises(TypeError, match="ProfilerActivity"):
        profiler.profile(activities=["cpu"])
    with pytest.raises(NotImplementedError, match="export_chrome_trace"):
        profiler.tensorboard_trace_handler("directory")


def test_one_profiler_at_a_time() -> None:
    with profile() as p:
        with pytest.raises(RuntimeError, match="another"), profile():
            pass
        with pytest.raises(RuntimeError, match="reentrant"), p:
            pass
    with profile(enabled=False) as off:
        minigrad.ones(1).exp()
    with pytest.raises(RuntimeError, match="finish"):
        off.events()
    with profile():
        pass
