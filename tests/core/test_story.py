"""The programs in the core's README print what it says, on the page and in the engine."""

from __future__ import annotations

import ast
import re
import tracemalloc
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import minigrad
from minigrad import one_page

CORE = Path(minigrad.__file__).parent / "core"
README = (CORE / "README.md").read_text()


class Story(NamedTuple):
    """A program, what it prints on the page, and what it prints in the engine."""

    program: str
    page: str
    engine: str


# A heading, the program, and the two outputs. Headings without a program are not matched.
_STORY = re.compile(
    r"^### (?P<title>.+)\n\n"
    r"```python\n(?P<program>(?:(?!```)[^\n]*\n)+)```\n\n"
    r"```text\npage:   (?P<page>.+)\nengine: (?P<engine>.+)\n```\n",
    re.MULTILINE,
)
STORIES = {
    found["title"]: Story(found["program"], found["page"], found["engine"])
    for found in _STORY.finditer(README)
}
every_story = pytest.mark.parametrize("title", STORIES)
# PyTorch's memory is not Python's to measure.
in_pytorch = [title for title, story in STORIES.items() if "tracemalloc" not in story.program]


def outcome(title: str, engine: Any) -> str:
    """What a program prints, or the error that it ends with, on one line."""
    printed = StringIO()
    code = compile(STORIES[title].program, title, "exec")
    try:
        with redirect_stdout(printed):
            exec(code, {"engine": engine, "np": np})
    except Exception as error:
        return f"{printed.getvalue()}{type(error).__name__}: {error}"
    finally:
        tracemalloc.stop()
    return printed.getvalue().removesuffix("\n")


def is_told(text: str, outcome: str) -> bool:
    """Whether the README's text is this outcome, or its beginning where it ends in an ellipsis.

    >>> is_told("[0.]", "[0.]"), is_told("[0.]", "[0.] [0.]"), is_told("Error: no…", "Error: no x")
    (True, False, True)
    """
    if text.endswith("…"):
        return outcome.startswith(text.removesuffix("…"))
    return outcome == text


@every_story
def test_the_page_goes_wrong_as_the_text_says(title: str) -> None:
    assert is_told(STORIES[title].page, outcome(title, one_page))


@every_story
def test_the_engine_does_what_the_text_says(title: str) -> None:
    assert is_told(STORIES[title].engine, outcome(title, minigrad))


@pytest.mark.parametrize("title", in_pytorch)
def test_what_the_engine_does_is_what_pytorch_does(title: str) -> None:
    torch = pytest.importorskip("torch")
    assert is_told(STORIES[title].engine, outcome(title, torch))


@every_story
def test_the_engine_and_the_page_differ(title: str) -> None:
    values = [re.findall(r"[\w.]+", text) for text in STORIES[title][1:]]
    page, engine = ([v for v in words if v not in ("tensor", "torch")] for words in values)
    assert page != engine


def test_every_program_is_read() -> None:
    assert len(in_pytorch) == len(STORIES) - 1
    assert len(STORIES) == README.count("```python") == README.count("\n### ") >= 11


# The pointers -------------------------------------------------------------------------------------

LINKS = re.findall(r"\[`([^`]+)`\]\(([^)]+)\)", README)


def names_of(module: Path) -> set[str]:
    """The names that a module defines at its top level."""
    names = set()
    for statement in ast.parse(module.read_text()).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names.add(statement.name)
        elif isinstance(statement, ast.Assign):
            names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
    return names


@pytest.mark.parametrize(("text", "target"), sorted(set(LINKS)))
def test_a_pointer_leads_to_its_file_and_name(text: str, target: str) -> None:
    path = CORE / target
    assert path.is_file()
    assert text in (path.name, path.parent.name) or text in names_of(path)


@every_story
def test_every_mechanism_points_to_its_code(title: str) -> None:
    _, _, section = README.partition(f"### {title}\n")
    section, _, _ = section.partition("\n### ")
    assert any(text.isidentifier() for text, _ in re.findall(r"\[`([^`]+)`\]\(([^)]+)\)", section))


def test_every_file_of_the_core_is_described() -> None:
    described = re.findall(r"^\d+\. \[`(\w+\.py)`\]", README, re.MULTILINE)
    there = {path.name for path in CORE.glob("*.py")} - {"__init__.py"}
    assert len(described) == len(set(described))
    assert set(described) == there
