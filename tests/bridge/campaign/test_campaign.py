"""A campaign finds a planted mistake, groups and shrinks it, and resumes; its seeds reproduce."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("dask")  # a folder of these tests has the name of its `distributed`

from dask import config
from distributed import Client, LocalCluster

import minigrad
from bridge.campaign import PROGRAMS, RULES, SUBJECTS, TRAININGS
from bridge.campaign.coverage import Coverage
from bridge.campaign.ranges import SIZES, Range, Schedule
from bridge.campaign.running import ClusterRun, Found, run_here
from bridge.campaign.shrinking import script, shrunk
from bridge.campaign.subjects import Disagreement, RangeResult, judge_program, run_range
from bridge.cli import main
from bridge.random_programs.numbered import (
    PER_OP,
    SEEDS,
    draw_program,
    draw_rule_case,
    first_seed,
    op_of,
)
from bridge.random_programs.ops import OPS
from tests.bridge.mistakes import mistake_in_rule

ROOT = Path(__file__).parents[3]


def a_little_more(x: Any) -> Any:
    return x * (1 + 5e-4)


# Seeds --------------------------------------------------------------------------------------------


def test_a_seed_gives_the_same_program_every_time() -> None:
    for seed in (0, 7, first_seed("exp") + 5):
        assert draw_program(seed).source() == draw_program(seed).source()
        assert draw_rule_case(seed).source() == draw_rule_case(seed).source()
    assert draw_program(0).source() != draw_program(1).source()


def test_the_last_seeds_are_about_the_last_op() -> None:
    assert op_of(SEEDS - 1) == OPS[-1]
    with pytest.raises(IndexError):
        draw_program(SEEDS)


def test_programs_about_an_op_call_it_more_often() -> None:
    def calls(first: int) -> int:
        made = (s.call for n in range(20) for s in draw_program(first + n).statements)
        return sum(call is not None and call.op == "sinh" for call in made)

    assert calls(first_seed("sinh")) >= 10 + calls(0)


def test_consecutive_rule_cases_call_most_ops() -> None:
    called = {s.call.op for n in range(len(OPS)) for s in draw_rule_case(n).statements if s.call}
    assert len(called) > 0.75 * len(OPS)  # most errors are left out


def test_calls_are_recorded_with_what_made_their_operands() -> None:
    rows = run_range(PROGRAMS, 0, 30).calls
    assert {len(row) for row in rows} == {5}
    assert any(row[4] for row in rows)
    assert any(row[3] != "contiguous" for row in rows)


# Planted mistakes ---------------------------------------------------------------------------------


def test_a_planted_mistake_is_found_grouped_and_shrunk(tmp_path: Path) -> None:
    found = Found(str(tmp_path))
    with mistake_in_rule("sinh", value=a_little_more):
        schedule = Schedule((PROGRAMS,), 12, found.coverage, first_seed("sinh"))
        run_here(schedule, found)
        ((kind, times),) = found.kinds.most_common(1)
        assert (kind, times > 5) == ("sinh: value", True)
        _, seed, each = found.first[kind]
        short = shrunk(draw_program(seed), kind)
        assert len(short.statements) == 2
        assert "sinh" in short.statements[-1].text
    assert len(list(tmp_path.glob("*.py"))) == len(found.kinds)
    text = Path(found.script_path(kind)).read_text()
    assert f"--seed {seed}" in text
    assert each.kind in text
    assert printed(text).count("in torch:") == printed(text).count("in minigrad:") == 1


def printed(text: str) -> str:
    """Run a script, and return what it prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), warnings.catch_warnings():
        exec(text, {})
    return output.getvalue()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"value": a_little_more}, "exp: value"),
        ({"derivative": a_little_more}, "exp: gradient of input"),
    ],
)
def test_the_kind_names_the_op_at_fault(change: Any, kind: str) -> None:
    with mistake_in_rule("exp", **change):
        result = run_range(PROGRAMS, first_seed("exp"), 15)
    assert kind in kinds(result)


def fails(*args: Any) -> Any:
    raise ZeroDivisionError("planted")


def test_an_error_of_one_library_is_a_disagreement() -> None:
    with mistake_in_rule("neg", value=fails):
        result = run_range(PROGRAMS, first_seed("neg"), 3)
    assert "neg: ZeroDivisionError here, no error in PyTorch" in kinds(result)


def test_a_crash_while_a_tensor_is_read_is_a_disagreement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minigrad.Tensor, "stride", fails)
    assert kinds(run_range(PROGRAMS, 0, 1)) == {"minigrad: ZeroDivisionError in fails"}


def kinds(result: RangeResult) -> set[str]:
    return {found.kind for found in result.found.values()}


def test_without_a_mistake_a_program_agrees() -> None:
    assert not run_range(PROGRAMS, first_seed("mul"), 10).found
    assert judge_program(draw_program(0)) is None


def test_the_script_of_a_training_runs_it_in_both_libraries() -> None:
    found = Disagreement("SGD.step", "parameter", "planted")
    assert "agree" in printed(script(TRAININGS, 3, found))


# Coverage and the next range ----------------------------------------------------------------------


def test_coverage_is_restored_from_its_changes() -> None:
    coverage, again = Coverage(), Coverage()
    for first in (0, 10):
        change = coverage.add(run_range(PROGRAMS, first, 10).calls)
        again.restore(json.loads(json.dumps(change)))
    assert str(coverage) == str(again)
    drawn, possible, never = coverage.table()["ops"]
    assert possible == len(OPS) == drawn + len(never)
    assert 0 < drawn < possible


def test_half_of_the_programs_are_about_what_is_rare() -> None:
    coverage = Coverage()
    coverage.calls.update({op: 2 for op in OPS if op != "tanh"})
    schedule = Schedule((PROGRAMS,), 400, coverage)
    ranges = [schedule.next() for _ in range(4)]
    assert schedule.next() is None
    assert sorted(op_of(each.first) for each in ranges if each) == ["", "", "tanh", "tanh"]
    assert len({each.first for each in ranges if each}) == 4


def test_each_subject_gets_its_share() -> None:
    schedule = Schedule(SUBJECTS, 10_000, Coverage())
    drawn = [each.subject for each in (schedule.next() for _ in range(60)) if each]
    assert [drawn.count(name) for name in SUBJECTS] == [45, 12, 3]


def test_given_seeds_are_run_in_order() -> None:
    schedule = Schedule((PROGRAMS,), 250, Coverage(), first=7)
    assert schedule.next() == Range(PROGRAMS, 7, 100)
    assert schedule.next() == Range(PROGRAMS, 107, 100)
    assert schedule.next() == Range(PROGRAMS, 207, 50)
    assert schedule.next() is None


# The file -----------------------------------------------------------------------------------------


def test_a_campaign_resumes_without_repeating_a_range(tmp_path: Path) -> None:
    def run(total: int) -> Found:
        found = Found(str(tmp_path))
        schedule = Schedule((RULES,), total, found.coverage, 0)
        for done in found.finished:
            schedule.finish(done.subject, done.first, done.count)
        run_here(schedule, found)
        return found

    first = run(SIZES[RULES])
    path = tmp_path / "ranges.jsonl"
    with path.open("a") as file:
        file.write('{"subject": "rules", "fir')  # the process was killed here
    second = run(2 * SIZES[RULES])
    assert second.finished == [Range(RULES, 0, 100), Range(RULES, 100, 100)]
    assert second.coverage.calls > first.coverage.calls
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["first"] for line in lines if "first" in line] == [0, 100]


def test_kinds_are_restored_and_shrunk_once(tmp_path: Path) -> None:
    found = Found(str(tmp_path))
    planted = Disagreement("exp", "value", "planted")
    found.add(Range(PROGRAMS, 0, 2), RangeResult({0: planted, 1: planted}), 0.5)
    assert found.unshrunk() == ["exp: value"]
    found.add_script("exp: value", "a script")
    again = Found(str(tmp_path))
    assert again.unshrunk() == []
    assert again.kinds == {"exp: value": 2}
    assert again.first == {"exp: value": (PROGRAMS, 0, planted)}
    assert Path(again.script_path("exp: value")).read_text() == "a script"


# On a cluster -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_ranges_run_on_a_cluster(client: Client) -> None:
    found, advanced = Found(None), []
    schedule = Schedule((RULES,), 150, found.coverage, 0)
    ClusterRun(client, schedule, found, 600, advanced.append).run()
    assert sorted(advanced) == [50, 100]
    assert found.judged == 150
    assert found.coverage.calls


@pytest.mark.parametrize("how", ["ends", "hangs"])
def test_a_program_that_ends_or_blocks_its_process_is_named(how: str, client: Client) -> None:
    def run(subject: str, first: int, count: int, limit: float | None) -> Any:
        import os
        import time

        from bridge.campaign.subjects import RangeResult, limited

        for seed in range(first, first + count):
            if seed == 2 and how == "ends":
                os._exit(1)
            if seed == 2:
                with limited(0.1):
                    time.sleep(600)
        return RangeResult(), 0.0

    found = Found(None)
    schedule = Schedule((PROGRAMS,), 4, found.coverage, 0)
    ClusterRun(client, schedule, found, 0.1, run=run).run()
    assert found.judged == 4
    (where,) = found.first.values()
    assert where[:2] == (PROGRAMS, 2)
    assert "the process died or took too long" in where[2].kind


# The command --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--programs 0", "'0' is not a whole number of at least 1"),
        ("--programs many", "'many' is not a whole number of at least 1"),
        ("--seed -1", "'-1' is not a whole number of at least 0"),
        (f"--seed {PER_OP * 1000}", "the last seed is"),
        ("--seed 1 --subject all", "needs one --subject"),
        ("--limit 0", "not a number of seconds"),
        ("--scheduler tcp://127.0.0.1:1 --workers 1", "use one"),
        ("--scheduler nowhere:0:0 --directory {tmp}/new", "--scheduler nowhere:0:0: "),
        ("--scheduler= --directory {tmp}/new", "--scheduler '': "),
        ("--directory {tmp}/file", "--directory {tmp}/file: "),
        ("--directory {tmp}", "line 1 is not of a campaign"),
    ],
)
def test_bad_usage_is_one_line(
    arguments: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "ranges.jsonl").write_text("{}\n")
    assert main(["campaign", *arguments.format(tmp=tmp_path).split()]) == 2
    _, error = capsys.readouterr()
    assert error.count("\n") == 1
    assert error.startswith("bridge: error: ")
    assert message.format(tmp=tmp_path) in error


def test_one_seed_reproduces_one_result(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["campaign", "--seed", str(first_seed("sinh")), "--programs", "1"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("1 programs, 0 differ")
    with mistake_in_rule("sinh", value=a_little_more):
        assert main(arguments) == 1
    output = capsys.readouterr().out
    assert f"1× sinh: value (first: programs, seed {first_seed('sinh')})" in output
    assert "importlib.import_module(library)" in output


def test_ctrl_c_ends_with_a_summary(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bridge", "campaign", "--programs", "1000000"]
    command += ["--workers", "1", "--subject", "rules", "--directory", str(tmp_path)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # A shell ignores it for what runs in the background, and so would this process.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        path = tmp_path / "ranges.jsonl"
        while process.poll() is None and not (path.exists() and path.read_text()):
            pass
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        output, error = process.communicate()
    assert process.returncode == 130, error
    assert "programs, " in output
    assert "Traceback" not in error
