"""The installed PyTorch itself, also in a program where the name `torch` means minigrad.

`minigrad run` puts minigrad's own finder first in `sys.meta_path`. The real package is imported
here while that finder is set aside, and its modules are then hidden again. So the two never meet:
the program sees minigrad, and the backend `gloo` uses PyTorch's process groups, which are C++ and
import nothing when they are called.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


def _is_torch(name: str) -> bool:
    return name.partition(".")[0] == "torch"


@contextmanager
def stand_in_set_aside() -> Iterator[None]:
    """Within the block, `import torch` imports PyTorch itself.

    What a stand-in has hidden of PyTorch is in its dictionary `hidden`. A package that is loaded
    twice fails, so modules are taken from there, and those that the block loads are added.
    """
    finders: list[Any] = [each for each in sys.meta_path if hasattr(each, "hidden")]
    if not finders:
        yield
        return
    shown = {name: sys.modules.pop(name) for name in [*sys.modules] if _is_torch(name)}
    sys.meta_path[:] = [each for each in sys.meta_path if each not in finders]
    for finder in finders:
        sys.modules.update(finder.hidden)
    try:
        yield
    finally:
        real = {name: sys.modules.pop(name) for name in [*sys.modules] if _is_torch(name)}
        for finder in finders:
            finder.hidden.update(real)
        sys.modules.update(shown)
        sys.meta_path[:0] = finders


def is_installed() -> bool:
    """Whether PyTorch is installed. It isn't imported for this."""
    with stand_in_set_aside():
        if "torch" in sys.modules:
            return sys.modules["torch"] is not None
        return importlib.util.find_spec("torch") is not None


def pytorch() -> ModuleType:
    """Import PyTorch itself. Raises ModuleNotFoundError, which says what to do, without it."""
    with stand_in_set_aside():
        try:
            return importlib.import_module("torch")
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise ModuleNotFoundError(
                "the backend gloo needs PyTorch: pip install 'torch>=2.4,<2.14', or use the "
                "backend mpi",
                name="torch",
            ) from None


def c10d() -> Any:
    """PyTorch's process groups and stores, as C++ classes.

    Raises RuntimeError if PyTorch was built without them.
    """
    torch = pytorch()
    found = getattr(torch._C, "_distributed_c10d", None)
    if found is None:
        raise RuntimeError("the installed PyTorch was built without torch.distributed")
    return found
