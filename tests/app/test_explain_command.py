"""`minigrad explain`: the program runs as it always does, and its page is written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from minigrad.app.cli import main

PROGRAM = """\
import sys
import torch

w = torch.tensor([1.0, 2.0], requires_grad=True)
for i in range(3):
    loss = (w * w).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
    print(i, loss.item(), sys.argv[1:], __name__)
"""
Explain = Callable[..., SimpleNamespace]


@pytest.fixture
def explained(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Explain:
    """Run `minigrad explain` on a program given as text; return status, output and the page."""

    def run(text: str, *arguments: str) -> SimpleNamespace:
        path = tmp_path / "program.py"
        path.write_text(text)
        try:
            status = main(["explain", str(path), *arguments])
        except SystemExit as error:
            status = error.code  # type: ignore[assignment]
        out, err = capfd.readouterr()
        page = path.with_suffix(".html")
        written = page.read_text() if page.exists() else ""
        return SimpleNamespace(status=status, out=out, err=err, page=written)

    return run


def record_of(page: str) -> dict:  # type: ignore[type-arg]
    found = re.search(r'<script type="application/json" id="record">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found[1])  # type: ignore[no-any-return]


def test_the_program_runs_as_usual_and_its_page_is_written(explained: Explain) -> None:
    ran = explained(PROGRAM, "--lr", "1")
    assert ran.status == 0
    assert ran.out.splitlines()[0] == "0 5.0 ['--lr', '1'] __main__"
    assert len(ran.out.splitlines()) == 3
    record = record_of(ran.page)
    assert (record["format"], record["version"]) == ("minigrad.explain", 1)
    assert record["program"].endswith("program.py")
    assert record["arguments"] == ["--lr", "1"]
    assert [row["formula"] for row in record["rows"]][:2] == ["w * w", "sum(#1)"]


def test_options_may_follow_the_program_and_a_dash_ends_them(
    explained: Explain, tmp_path: Path
) -> None:
    other = tmp_path / "other.html"
    ran = explained(PROGRAM, "--output", str(other), "--backward", "3", "--text", "--", "--text")
    assert ran.page == ""
    assert record_of(other.read_text())["backward"] == 3
    assert "['--text']" in ran.out
    assert "\nBackward (backward, line 7)\n" in ran.out


def test_text_alone_writes_no_page(explained: Explain) -> None:
    ran = explained(PROGRAM, "--text")
    assert "Update" in ran.out
    assert ran.page == ""


def test_two_screens_are_enough_for_the_tutorial(explained: Explain) -> None:
    tutorial = Path(__file__).parent / "programs" / "tutorial.py"
    ran = explained(tutorial.read_text(), "--text")
    assert len(ran.out.splitlines()) <= 100


def test_a_program_that_raises_shows_its_traceback_and_gets_a_page(explained: Explain) -> None:
    ran = explained(PROGRAM.replace("w * w", "w @ torch.ones(3)"))
    assert ran.status == 1
    assert ran.err.startswith("Traceback")
    assert "line 6, in <module>" in ran.err
    record = record_of(ran.page)
    assert record["error"].startswith("RuntimeError: ")
    assert record["rows"][-1]["error"]


def test_a_program_that_exits_keeps_its_status_and_gets_a_page(explained: Explain) -> None:
    ran = explained(PROGRAM + "sys.exit(7)\n")
    assert ran.status == 7
    assert record_of(ran.page)["error"] == ""


def test_a_missing_name_is_an_error_with_its_line(explained: Explain) -> None:
    ran = explained("import torch\ntorch.nothing\n")
    assert ran.status == 1
    assert "minigrad has no torch.nothing" in ran.err
    assert "line 2" in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no.py"], "can't read 'no.py': No such file"),
        (["{bad}"], "is no Python program"),
        (["{good}", "--output", "/nowhere/x.html"], "/nowhere/x.html cannot be written"),
        (["{good}", "--backward", "0"], "argument --backward: 0 is less than 1"),
        (["--keep-values", "x", "{good}"], "argument --keep-values: invalid whole number"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    paths = {"bad": tmp_path / "bad.py", "good": tmp_path / "good.py"}
    paths["bad"].write_text("def")
    paths["good"].write_text("print('ran')")
    status = main(["explain", *(each.format(**paths) for each in arguments)])
    out, err = capfd.readouterr()
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert [*tmp_path.glob("*.html")] == []
