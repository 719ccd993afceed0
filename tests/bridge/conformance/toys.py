"""Write the toy engine to a file, with mistakes."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from bridge.conformance.adapter import load

TOY = Path(__file__).with_name("toy.py")


def written(folder: Path, *changes: tuple[str, str], also: str = "") -> str:
    """Return the path of a copy of the toy with texts replaced, each of which it has."""
    text = TOY.read_text()
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    path = folder / "engine.py"
    path.write_text(text + also)
    return str(path)


def loaded(folder: Path, *changes: tuple[str, str], also: str = "") -> ModuleType:
    """Return such a copy as an adapter."""
    found = load(written(folder, *changes, also=also))
    assert isinstance(found, ModuleType)
    return found
