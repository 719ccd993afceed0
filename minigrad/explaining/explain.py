"""`minigrad.explain`: record one turn of a program, and show it."""

from __future__ import annotations

import html
import importlib
import importlib.util
import os
from types import TracebackType
from typing import Any

from ..utils.atomic_write import write_atomically
from .differences import differences
from .page import page_html
from .record import Record
from .recorder import Recorder
from .replay import replay
from .text import text

MOST_ROWS = 50_000


class explain:
    """Record what happens in a `with` block: forward, backward and the update, with all numbers.

    One turn is recorded: everything after the previous walk, or after the start, up to the end of
    the update that follows the walk number `backward`. Arrays of up to `keep_values` elements are
    kept whole, larger ones as statistics and a heat map.

    ValueError for a `backward` less than 1 or a `keep_values` less than 0.

    >>> w = minigrad.tensor([1., 2.], requires_grad=True)
    >>> with minigrad.explain() as page:
    ...     loss = (w * w).sum()
    ...     loss.backward()
    >>> [row["formula"] for row in page.to_dict()["rows"]]
    ['w * w', 'sum(#1)']
    """

    def __init__(self, *, backward: int = 1, keep_values: int | None = None) -> None:
        if backward < 1 or (keep_values is not None and keep_values < 0):
            raise ValueError(
                "explain() needs backward >= 1 and keep_values >= 0, "
                f"but got backward={backward} and keep_values={keep_values}"
            )
        self._recorder = Recorder(backward, keep_values, MOST_ROWS)
        self._record: Record | None = None

    def __enter__(self) -> explain:
        self._watching = self._recorder.watching()
        self._watching.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and not isinstance(error, SystemExit):
            self._recorder.failed_with(error)
        self._watching.__exit__(None, None, None)
        replay(self._recorder)
        differences(self._recorder)
        self._beside()
        self._recorder.summarise()

    def _beside(self) -> None:
        """Let PyTorch compute the rows too, where it and the bridge are installed."""
        if self._torch_is_minigrad():
            self.record.pytorch = {"text": "PyTorch isn't beside it: torch is minigrad here."}
            return
        try:
            # By name, because minigrad needs neither PyTorch nor the bridge, which imports it.
            beside = importlib.import_module("bridge.comparing.beside")
        except ImportError as error:
            self.record.pytorch = {"text": f"PyTorch isn't beside it: {error}."}
        else:
            beside.pytorch_beside(self._recorder)

    @staticmethod
    def _torch_is_minigrad() -> bool:
        spec = importlib.util.find_spec("torch")
        return spec is not None and type(spec.loader).__module__.startswith("minigrad.")

    @property
    def record(self) -> Record:
        """The record of the turn. Inside the block it isn't complete."""
        return self._recorder.record

    def to_dict(self) -> dict[str, Any]:
        """Return the record as nested dicts and lists, in the format of `explaining/README.md`."""
        return self.record.to_dict()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page as one HTML file, which makes no request. OSError if it can't be."""
        write_atomically(path, page_html(self.to_dict()).encode())

    def __str__(self) -> str:
        return text(self.record)

    def _repr_html_(self) -> str:
        """The page in a frame, for notebooks."""
        source = html.escape(page_html(self.to_dict()), quote=True)
        return f'<iframe srcdoc="{source}" style="width: 100%; height: 80vh; border: 0"></iframe>'
