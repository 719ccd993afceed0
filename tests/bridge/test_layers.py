"""Imports between the packages of the bridge go one way, and minigrad doesn't import the bridge."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ORDER = (
    *("libraries", "comparing", "reporting", "running", "drawing"),
    *("random_programs", "strategies", "campaign", "conformance", "adapters"),
)


def packages_imported(path: Path) -> set[str]:
    """Return the packages of the bridge that a module imports by absolute name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level < 2, f"{path}: use an absolute import across packages"
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return {name.split(".")[1] for name in names if name.startswith("bridge.")}


def test_every_package_has_its_place_in_the_order() -> None:
    found = {path.parent.name for path in (ROOT / "bridge").glob("*/__init__.py")}
    assert found == set(ORDER)


@pytest.mark.parametrize("package", ORDER)
def test_a_package_imports_only_itself_and_those_before_it(package: str) -> None:
    allowed = ORDER[: ORDER.index(package) + 1]
    for path in (ROOT / "bridge" / package).glob("*.py"):
        assert packages_imported(path) <= set(allowed), path


def test_minigrad_doesnt_import_the_bridge() -> None:
    for path in (ROOT / "minigrad").rglob("*.py"):
        text = path.read_text()
        assert "import bridge" not in text, path
        assert "from bridge" not in text, path
