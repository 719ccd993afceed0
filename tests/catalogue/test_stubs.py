"""minigrad/catalogue/stubs.py: the type stubs are up to date and complete."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import minigrad
from minigrad.catalogue.stubs import FOLDER, STUBS


@pytest.mark.parametrize("name", STUBS)
def test_the_stubs_are_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text() == STUBS[name](), (
        "run python -m minigrad.catalogue.stubs to update them"
    )


def test_every_function_and_every_method_has_a_stub() -> None:
    functions = _names(FOLDER / "functions.pyi")
    assert functions == set(minigrad.api.functions.__all__)
    methods = _names(FOLDER / "op_methods.pyi")
    assert methods == set(vars(minigrad.api.op_methods.OpMethods)) - _OF_EVERY_CLASS


_OF_EVERY_CLASS = {"__doc__", "__module__", "__slots__"}


def _names(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return found - {"composed_methods", "methods"}
