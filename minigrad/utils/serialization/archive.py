"""A checkpoint in PyTorch's format as a zip archive of named records, none of them compressed.

Nothing is unpacked to disk, so the names of records are only looked up.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping

import numpy as np

# Every record starts at a multiple of this, as in PyTorch, which may map the file into memory.
_ALIGNMENT = 64
_FOLDER = "archive"
# The head of a record in the file: 30 bytes and its name, then padding in a field with this id.
_HEAD, _PADDING_ID = 30, b"FB"
_PART = re.compile(r"[^/\\:\0]+")


class Archive:
    """The records of an archive. RuntimeError, with the file's name, if it is damaged."""

    def __init__(self, data: bytes, name: str) -> None:
        self._name = name
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            found = self._zip.infolist()
        except Exception as error:  # zipfile raises many types for damaged archives
            raise self._damaged(str(error)) from None
        self._records = {info.filename: info for info in found}
        if len(self._records) < len(found):
            raise self._damaged("it has two records of one name")
        if sum(info.file_size for info in found) > len(data):
            raise self._damaged("its records are larger than the file")
        for info in found:
            self._check(info)
        folders = {info.filename.partition("/")[0] for info in found}
        if len(folders) != 1 or f"{min(folders)}/data.pkl" not in self._records:
            raise self._damaged("it has no data.pkl in a folder of its own")
        (self._folder,) = folders

    def _check(self, info: zipfile.ZipInfo) -> None:
        """RuntimeError for what `torch.save` never writes."""
        parts = info.filename.split("/")
        if not all(_PART.fullmatch(part) and part.strip(".") for part in parts):
            raise self._damaged(f"a record has the name {info.filename!r}")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise self._damaged(f"{info.filename} is compressed")

    def _damaged(self, why: str) -> RuntimeError:
        return RuntimeError(f"{self._name}: not a whole checkpoint of PyTorch's format: {why}")

    def __contains__(self, record: str) -> bool:
        return f"{self._folder}/{record}" in self._records

    def read(self, record: str) -> bytes:
        """Return the bytes of a record. RuntimeError if they aren't those that were written."""
        try:
            return self._zip.read(self._records[f"{self._folder}/{record}"])
        except Exception as error:  # as above
            raise self._damaged(f"{record}: {error}") from None


def packed(records: Mapping[str, bytes | np.ndarray]) -> bytes:
    """Return an archive of these records. The bytes depend on nothing else, such as the time."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for record, content in records.items():
            info = zipfile.ZipInfo(f"{_FOLDER}/{record}")
            start = file.tell() + _HEAD + len(info.filename.encode()) + 4
            padding = -start % _ALIGNMENT
            info.extra = _PADDING_ID + padding.to_bytes(2, "little") + bytes(padding)
            archive.writestr(info, content.data if isinstance(content, np.ndarray) else content)
    return file.getvalue()
