"""Names of torch.hub: models of other people. Nothing is downloaded.

A folder of this machine can be loaded, and a file that lies where PyTorch would keep it.
"""

from __future__ import annotations

import importlib.util as _importer
import sys as _sys
from pathlib import Path as _Path
from typing import Any, NoReturn

from .utils.model_zoo import download_url_to_file, get_dir, load_state_dict_from_url, set_dir

__all__ = [
    "download_url_to_file",
    "get_dir",
    "help",
    "list",
    "load",
    "load_state_dict_from_url",
    "set_dir",
]


def _entries(repo: Any, source: str) -> Any:
    """The module `hubconf.py` of a folder. RuntimeError for a repository of GitHub."""
    if source.lower() not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source.lower() == "github":
        raise RuntimeError(
            f"It looks like there is no internet connection: {repo!r} isn't downloaded. Clone it, "
            "and pass the folder with source='local'"
        )
    path = _Path(repo) / "hubconf.py"
    found = _importer.spec_from_file_location("hubconf", path)
    assert found is not None
    assert found.loader is not None
    module = _importer.module_from_spec(found)
    _sys.path.insert(0, str(repo))
    try:
        found.loader.exec_module(module)
    finally:
        _sys.path.remove(str(repo))
    return module


def _entry(module: Any, model: Any) -> Any:
    if not isinstance(model, str):
        raise ValueError("Invalid input: model should be a string of function name")
    function = getattr(module, model, None)
    if not callable(function):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")
    return function


def load(
    repo_or_dir: Any,
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: Any = "check",
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs: Any,
) -> Any:
    """Call a function of the file `hubconf.py` of a folder, with `source="local"`.

    RuntimeError for a repository of GitHub, and for a name that isn't a function's; ValueError for
    another `source`; FileNotFoundError for a folder without that file.
    """
    return _entry(_entries(repo_or_dir, source), model)(*args, **kwargs)


def list(
    github: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: Any = "check",
    verbose: bool = True,
) -> NoReturn:
    """Raise RuntimeError: nothing is downloaded."""
    _entries(github, "github")
    raise AssertionError


def help(
    github: str,
    model: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: Any = "check",
) -> NoReturn:
    """Raise RuntimeError: nothing is downloaded."""
    _entries(github, "github")
    raise AssertionError
