"""Files of trained models, which aren't downloaded, but loaded from where PyTorch keeps them.

The names are those of torch.hub. `load_url` is an old one.
"""

from __future__ import annotations

import os
from typing import Any, NoReturn
from urllib.error import URLError
from urllib.parse import urlparse

from .serialization import load


class _Settings:
    folder: str | None = None


def get_dir() -> str:
    """Return the folder for files of the hub: what `set_dir` set, or PyTorch's.

    It is in $TORCH_HOME, or in $XDG_CACHE_HOME/torch, or in ~/.cache/torch.
    """
    if _Settings.folder is not None:
        return _Settings.folder
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    home = os.getenv("TORCH_HOME", os.path.join(cache, "torch"))
    return os.path.join(os.path.expanduser(home), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Set the folder for files of the hub."""
    _Settings.folder = os.path.expanduser(d)


def download_url_to_file(
    url: str, dst: str, hash_prefix: str | None = None, progress: bool = True
) -> NoReturn:
    """Raise URLError: nothing is downloaded."""
    raise URLError(f"{url} isn't downloaded: there is no network. Put the file at {dst}")


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> dict[str, Any]:
    """Load the file of a URL from `model_dir`, by default the folder `checkpoints` of `get_dir()`.

    URLError if it isn't there: nothing is downloaded.
    """
    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    path = os.path.join(folder, file_name or os.path.basename(urlparse(url).path))
    if not os.path.exists(path):
        download_url_to_file(url, path)
    loaded: dict[str, Any] = load(path, map_location=map_location, weights_only=weights_only)
    return loaded


load_url = load_state_dict_from_url
