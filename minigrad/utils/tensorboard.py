"""`SummaryWriter`: curves for TensorBoard, under the name of torch.utils.tensorboard.

It needs the package `tensorboard`, as PyTorch's does.
"""

from __future__ import annotations

import os
import socket
import time
from datetime import datetime
from functools import partial
from typing import Any

from ..api.tensor import Tensor


class SummaryWriter:
    """Writes numbers to an event file in a folder, which TensorBoard shows as curves.

    `log_dir` is the folder, by default `runs/` and the time, the machine and `comment`. Only
    numbers can be written: `add_scalar` and `add_scalars`. NotImplementedError for `purge_step`,
    ModuleNotFoundError without the package `tensorboard`.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            now = datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        # An optional package.
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.log_dir = os.fspath(log_dir)
        self._open = partial(
            EventFileWriter,
            max_queue_size=max_queue,
            flush_secs=flush_secs,
            filename_suffix=filename_suffix,
        )
        self._writers: dict[str, Any] = {self.log_dir: self._open(self.log_dir)}
        if purge_step is not None:
            raise NotImplementedError("SummaryWriter(purge_step=) isn't implemented")

    def add_scalar(
        self,
        tag: str,
        scalar_value: float | Tensor,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Write one number of the curve `tag`. NotImplementedError for the last two options."""
        if new_style or double_precision:
            raise NotImplementedError("add_scalar(new_style=, double_precision=) isn't implemented")
        self._add(self.log_dir, tag, scalar_value, global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: dict[str, float | Tensor],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Write one number of each of several curves, which TensorBoard shows together."""
        for tag, value in tag_scalar_dict.items():
            folder = f"{self.log_dir}/{main_tag.replace('/', '_')}_{tag}"
            self._add(folder, main_tag, value, global_step, walltime)

    def _add(
        self, folder: str, tag: str, value: Any, step: int | None, walltime: float | None
    ) -> None:
        # An optional package.
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        number = value.item() if isinstance(value, Tensor) else float(value)
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=number)])
        when = time.time() if walltime is None else walltime
        if folder not in self._writers:
            self._writers[folder] = self._open(folder)
        self._writers[folder].add_event(Event(wall_time=when, step=step, summary=summary))

    def flush(self) -> None:
        """Write what is still in memory."""
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Flush and close the files."""
        for writer in self._writers.values():
            writer.close()

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
