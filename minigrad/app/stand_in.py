"""A package `torch` made of minigrad, for programs that import PyTorch.

`installed` puts it into Python's import system for the time of a block. Each module of it, such as
`torch.nn.functional`, shows the names of minigrad's module. A name that minigrad lacks is an
AttributeError that says which program asked for it, and in which line.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any

# Packages that use PyTorch's own binary.
NEED_PYTORCH = (
    *("functorch", "lightning", "pytorch_lightning", "torch_geometric"),
    *("torchaudio", "torchtext", "torchvision"),
)


def counterpart(name: str) -> ModuleType | None:
    """minigrad's module for a module of PyTorch's, or None if there is none.

    >>> counterpart("torch.nn.functional").__name__, counterpart("torch.fx")
    ('minigrad.nn.functional', None)
    """
    ours = "minigrad" + name.removeprefix("torch")
    try:
        return importlib.import_module(ours)
    except ModuleNotFoundError as error:
        if error.name is None or not ours.startswith(error.name):
            raise
    # Some of PyTorch's modules are objects here, such as `torch.cuda`.
    found: Any = importlib.import_module("minigrad")
    for part in name.split(".")[1:]:
        found = getattr(found, part, None)
    return found if isinstance(found, ModuleType) else None


class StandIn(ModuleType):
    """A module of `torch`, with the names of minigrad's module."""

    _ours: ModuleType

    def __getattr__(self, name: str) -> Any:
        if hasattr(self._ours, name):
            found = getattr(self._ours, name)
            if not isinstance(found, ModuleType):
                return found
        if counterpart(f"{self.__name__}.{name}") is not None:
            return importlib.import_module(f"{self.__name__}.{name}")
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"minigrad has no {self.__name__}.{name}{_place()}")

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if not name.startswith("_") and not isinstance(value, StandIn):
            setattr(self._ours, name, value)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        """All names, for programs that go through them."""
        return {**vars(self._ours), **super().__dict__}

    def __dir__(self) -> list[str]:
        return dir(self._ours)


def _place() -> str:
    """The file and line of the program that is asking for a name."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(("importlib", __name__)):
        frame = frame.f_back
    return f" ({frame.f_code.co_filename}, line {frame.f_lineno})"


class _Finder(MetaPathFinder, Loader):
    """Finds the modules of `torch`, and refuses packages that need PyTorch's own.

    `hidden` has PyTorch's own modules that were imported before, for `distributed.pytorch`.
    """

    def __init__(self, hidden: dict[str, ModuleType]) -> None:
        self.hidden = hidden

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        top = name.partition(".")[0]
        if top in NEED_PYTORCH:
            raise ImportError(f"{top} needs PyTorch itself; it doesn't work with minigrad")
        if top != "torch" or (name != "torch" and counterpart(name) is None):
            return None
        return spec_from_loader(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module, ours = StandIn(spec.name), counterpart(spec.name)
        assert ours is not None
        names = getattr(ours, "__all__", None) or _public(ours)
        if spec.name == "torch":  # `from torch import *` leaves Python's `random` as it is
            names = [name for name in names if not isinstance(getattr(ours, name), ModuleType)]
        module._ours, module.__all__, module.__doc__ = ours, names, ours.__doc__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """The names are minigrad's, so there is nothing to run."""


def _public(module: ModuleType) -> list[str]:
    return [name for name in vars(module) if not name.startswith("_")]


def _is_torch(name: str) -> bool:
    return name.partition(".")[0] == "torch"


def install() -> _Finder:
    """Let `import torch` import minigrad from now on. Returns what does it in `sys.meta_path`."""
    finder = _Finder({name: sys.modules.pop(name) for name in [*sys.modules] if _is_torch(name)})
    sys.meta_path.insert(0, finder)
    return finder


@contextmanager
def installed() -> Iterator[None]:
    """Within the block, `import torch` imports minigrad under that name.

    >>> with installed():
    ...     from torch.nn.functional import relu
    ...     import torch
    >>> relu(torch.tensor([-1., 2.]))
    tensor([0., 2.])
    """
    finder = install()
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if _is_torch(name)]:
            del sys.modules[name]
        sys.modules.update(finder.hidden)
