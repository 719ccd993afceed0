"""benchmark/: how often statements run, and what a measurement says of given times."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.utils import benchmark

theirs = pytest.importorskip("torch.utils.benchmark")

times = st.lists(st.floats(1e-7, 1e3), min_size=1, max_size=9)


def described(namespace: Any, runs: int, raw: list[float], **texts: Any) -> list[Any]:
    task = namespace.TaskSpec(stmt="x + 1", setup="pass", **texts)
    m = namespace.Measurement(runs, raw, task)
    return [m.times, m.mean, m.median, m.iqr, m.title]


@given(st.integers(1, 10), times)
def test_statistics_are_pytorchs(runs: int, raw: list[float]) -> None:
    ours, expected = described(benchmark, runs, raw), described(theirs, runs, raw)
    assert ours[0] == expected[0]
    assert ours[1:4] == pytest.approx(expected[1:4], rel=1e-12)
    assert ours[4] == expected[4]


@pytest.mark.parametrize("raw", [[1.0], [1e-8], [3e-4, 2e-4], [0.1, 0.2, 0.3, 0.4, 9.0]])
@pytest.mark.parametrize("texts", [{}, {"label": "l", "sub_label": "s", "description": "d"}])
def test_a_measurement_prints_pytorchs_lines(raw: list[float], texts: dict[str, str]) -> None:
    printed = []
    for namespace in (benchmark, theirs):
        task = namespace.TaskSpec(stmt="x + 1", setup="y = 2", **texts)
        # PyTorch also warns of a large spread.
        lines = repr(namespace.Measurement(3, raw, task)).partition("  WARNING")[0].splitlines()
        printed.append([re.sub(r"0x\w+", "", line).strip() for line in lines[1:]])
    assert [p for p in printed[0] if p] == [p for p in printed[1] if p]


def test_timeit_runs_the_statement_with_the_globals() -> None:
    seen: list[int] = []
    timer = benchmark.Timer("seen.append(x)", "x = torch.ones(1).item()", globals={"seen": seen})
    assert timer.timeit(50).number_per_run == 50
    assert seen == [1.0] * len(seen)
    assert len(seen) >= 50


@pytest.mark.parametrize("method", ["blocked_autorange", "adaptive_autorange"])
def test_autorange_calls_back_for_each_measurement(method: str) -> None:
    clock = iter(range(10**6))
    calls: list[tuple[int, float]] = []
    timer = benchmark.Timer("pass", timer=lambda: float(next(clock)) / 100)
    found = getattr(timer, method)(callback=lambda n, t: calls.append((n, t)), min_run_time=0.1)
    assert [t for _, t in calls] == found.raw_times
    assert {n for n, _ in calls} == {found.number_per_run}


@pytest.mark.parametrize(
    "options", [{"global_setup": "x"}, {"env": "a"}, {"language": "c++"}, {"num_threads": 2}]
)
def test_what_it_lacks_is_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(NotImplementedError, match=next(iter(options))):
        benchmark.Timer(**options)


# Tables -------------------------------------------------------------------------------------------

TASKS = st.tuples(
    st.sampled_from(["x + 1", "x * 2"]),
    st.sampled_from(["label", "other"]),
    st.sampled_from([None, "rows"]),
    st.sampled_from(["small", "a large one"]),
    st.sampled_from(["e", "env 2"]),
    st.sampled_from([1, 2]),
)
SOME_TIMES = st.lists(st.floats(1e-8, 1e3), min_size=1, max_size=6)


def table(namespace: Any, measured: list[Any], options: dict[str, Any]) -> str:
    results = [
        namespace.Measurement(
            runs,
            raw,
            namespace.TaskSpec(
                stmt, "pass", "", label, sub_label, description, env, num_threads=threads
            ),
        )
        for (stmt, label, sub_label, description, env, threads), runs, raw in measured
    ]
    compare = namespace.Compare(results[:1])
    compare.extend_results(results[1:])
    if options["trim"]:
        compare.trim_significant_figures()
    if options["warn"]:
        compare.highlight_warnings()
    if options["color"] is not None:
        compare.colorize(rowwise=options["color"])
    return str(compare)


@given(
    st.lists(st.tuples(TASKS, st.integers(1, 3), SOME_TIMES), min_size=1, max_size=8),
    st.fixed_dictionaries(
        {
            "trim": st.booleans(),
            "warn": st.booleans(),
            "color": st.sampled_from([None, True, False]),
        }
    ),
)
def test_tables_are_pytorchs(measured: list[Any], options: dict[str, Any]) -> None:
    assert table(benchmark, measured, options) == table(theirs, measured, options)


@given(SOME_TIMES, st.integers(1, 5))
def test_what_is_said_of_a_measurement(raw: list[float], runs: int) -> None:
    found = []
    for namespace in (benchmark, theirs):
        m = namespace.Measurement(runs, raw, namespace.TaskSpec("x", "y", label="l"))
        found.append(
            [m.significant_figures, m.has_warnings, m.meets_confidence(0.5), m.as_row_name]
            + [m.label, m.stmt, m.setup, m.num_threads, m.env, namespace.select_unit(raw[0])]
            + [namespace.trim_sigfig(raw[0], n) for n in range(1, 5)]
            + [len(namespace.Measurement.merge([m, m])[0].times)]
        )
    assert found[0] == found[1]


def test_other_arguments_of_tables() -> None:
    for namespace in (benchmark, theirs):
        with pytest.raises(ValueError, match="Expected an instance of `Measurement`"):
            namespace.Compare([1])
        assert namespace.ordered_unique("abca") == ["a", "b", "c"]
        assert namespace.unit_to_english("ms") == "millisecond"
        assert namespace.Language.PYTHON.value == 0
        assert not hasattr(namespace.Measurement(1, [1.0], None), "no_such")
    with pytest.raises(NotImplementedError, match="collect_callgrind"):
        benchmark.Timer().collect_callgrind()
