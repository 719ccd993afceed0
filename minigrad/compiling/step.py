"""`compile`: a step that runs as one NumPy program, and the choice among the programs of a step."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..core.tracing import tracing
from ..nn.module import Module
from .compiled import MISS, Compiled
from .module import OptimizedModule
from .numba.running import require_numba
from .recorder import recording_lock
from .refusal import HasGraph, Incomplete, Refused
from .repeating import Batches, first_row, joined, row_checked, row_of

_MOST_PROGRAMS = 16


class CompiledStep:
    """A step that runs as a NumPy program from its third call on.

    - `source`: the program, for reading; "" before it was recorded.
    - `repeat(n, batches)`: many steps in one call.
    - `refusal`: why it can't be recorded; `shortfall`: why numba doesn't compile it; else "".
    """

    def __init__(
        self,
        function: Callable[..., Any],
        fullgraph: bool = False,
        backend: str = "numpy",
        dynamic: bool = False,
    ) -> None:
        self.function, self.fullgraph, self.backend = function, fullgraph, backend
        self.dynamic = dynamic
        self._programs: list[Compiled] = []
        self._calls = 0
        self._lock = threading.RLock()
        self.refusal = self.shortfall = ""
        self._incomplete = 0  # calls that made state of an optimiser
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if tracing.recording is not None:  # a part of the step that is recorded
            return self.function(*args, **kwargs)
        with self._lock:
            for program in self._programs:
                try:
                    result = program.run(args, kwargs)
                except (ValueError, IndexError, KeyError, AttributeError, np.linalg.LinAlgError):
                    break  # before any write; the step raises its own error
                if result is not MISS:
                    return result
            return self._otherwise(args, kwargs)

    def repeat(self, n: int, batches: Any) -> Any:
        """Run n steps, and return their results stacked: tensors with a row for each step.

        `batches` is a tuple of the step's arguments, each tensor with a row for each step, or a
        list of n tuples of arguments. The tensors that the step writes are as after n calls. An
        option such as `lr` is the same in all steps.

        With `backend="numba"` the steps are one compiled loop, before which the conditions are
        checked once. It is left for a step that the program doesn't fit, such as one with a label
        to be ignored. Other backends, and steps that can't be repeated as they are, such as one
        that adds to the gradients, are called n times.

        TypeError for results that aren't tensors, or other `batches`; ValueError for another
        number of batches.

        >>> w = nn.Parameter(minigrad.zeros(2))
        >>> @minigrad.compile
        ... def step(x):
        ...     w.grad = None
        ...     loss = ((w - x) ** 2).sum()
        ...     loss.backward()
        ...     with minigrad.no_grad():
        ...         w.sub_(w.grad, alpha=0.25)
        ...     return loss
        >>> step.repeat(3, (minigrad.ones(3, 2),))
        tensor([2.0000, 0.5000, 0.1250])
        """
        given, pieces, i = Batches(n, batches), list[Any](), 0
        with self._lock:
            while i < n:
                done, piece = self._many(given, i) if self.backend == "numba" else (0, None)
                if not done:
                    done, piece = 1, row_of(self(*given[i]))
                pieces.append(piece)
                i += done
        return joined(pieces)

    def _many(self, batches: Batches, i: int) -> tuple[int, Any]:
        """Run as many steps from step i on as one program fits: their number and results."""
        programs = [program for program in self._programs if program.repeat is not None]
        if programs:
            n, stacked = batches.rows(i)
            args = first_row(stacked)
            for program in programs:
                assert program.repeat is not None
                result = program.repeat(n, args, {}, stacked)
                if result is not MISS:
                    return result[0], row_checked(result[1])
        return 0, None

    def _otherwise(self, args: Any, kwargs: Any) -> Any:
        self._calls += 1
        if self._calls == 1 or self.refusal:
            return self.function(*args, **kwargs)
        if len(self._programs) >= _MOST_PROGRAMS and self.dynamic:
            self._programs.pop()  # the oldest
        if len(self._programs) >= _MOST_PROGRAMS:
            self._refuse(f"a step that needs more than {_MOST_PROGRAMS} programs")
            return self.function(*args, **kwargs)
        failed: Exception | None = None
        try:
            with recording_lock:
                program = Compiled(self.function, args, kwargs, self.backend)
        except HasGraph as refusal:
            self._refuse(str(refusal), is_error=False)
        except Refused as refusal:
            self._refuse(str(refusal))
        except Incomplete:
            self._incomplete += 1
            if self._incomplete > _MOST_PROGRAMS:
                self._refuse("a step that makes new state in each call")
        except Exception as error:
            failed = error
        else:
            if program.shortfall and not self.shortfall:
                self._fall_short(program.shortfall)
            result = program.run(args, kwargs)
            if result is not MISS:
                self._programs.insert(0, program)
                return result
            self._refuse("a step that finds other things in each call")
        result = self.function(*args, **kwargs)  # may raise an error of its own
        if failed is not None:
            self._refuse(f"the step: {type(failed).__name__}: {failed}")
        return result

    def _refuse(self, reason: str, is_error: bool = True) -> None:
        message = f"minigrad.compile can't record {reason}"
        if self.fullgraph and is_error:
            raise RuntimeError(message) from None
        self.refusal = reason
        warnings.warn(f"{message}; the step runs without it", UserWarning, stacklevel=4)

    def _fall_short(self, reason: str) -> None:
        message = f"minigrad.compile(backend='numba') has no form for {reason}"
        if self.fullgraph:
            raise RuntimeError(message)
        self.shortfall = reason
        warnings.warn(f"{message}; the NumPy program runs", UserWarning, stacklevel=4)

    @property
    def source(self) -> str:
        return self._programs[0].source if self._programs else ""

    @property
    def running_source(self) -> str:
        """The program that runs, with its checks and buffers."""
        return self._programs[0].running_source if self._programs else ""

    def save(self, path: str | Path) -> None:
        """Write the program to a file, which runs with nothing but NumPy."""
        if not self._programs:
            raise RuntimeError(f"the step isn't recorded: {self.refusal or 'call it twice first'}")
        Path(path).write_text(self.source, encoding="utf-8")


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str = "numpy",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """Make a step, a function of tensors, run as one NumPy program.

    `model` is the step: a forward pass, `backward`, and an update by hand or by an optimiser; or
    only a part of these. Its first call runs as it is, and its second is recorded. From then on the
    recorded program runs, which gives the same bits. `step.source` is the program for reading, and
    `step.save(path)` writes it to a file that needs nothing but NumPy.

    A step is recorded again for other shapes, dtypes, strides and Python numbers. One that can't be
    recorded, for example because it calls `item`, runs as it is, with one warning. With `fullgraph`
    that is a RuntimeError, unless it only returns a result with a graph. A module becomes a module
    around it. Without `model` this is a decorator; with `disable` it does nothing.

    With `backend="numba"` numba compiles the program: a whole step in one call, and with
    `step.repeat(n, batches)` n steps. Its results aren't the same bits, but within the bounds that
    every op has. A step with a statement that has no form for numba runs as the NumPy program, with
    one warning; with `fullgraph` that is a RuntimeError.

    There is a program for each shape, and 16 at most. A step that needs more runs as it is; with
    `dynamic` a new program replaces the oldest.

    TypeError for a `model` that can't be called; NotImplementedError for other values of `backend`,
    `mode` and `options`; ImportError for the backend "numba" without numba.

    >>> w = nn.Parameter(minigrad.ones(2))
    >>> @minigrad.compile
    ... def step(x):
    ...     w.grad = None
    ...     loss = (w * x).sum()
    ...     loss.backward()
    ...     with minigrad.no_grad():
    ...         w.sub_(w.grad, alpha=0.5)
    ...     return loss
    >>> [step(minigrad.tensor([1.0, 2.0])).item() for _ in range(3)]
    [3.0, 0.5, -2.0]
    >>> "import numpy as np" in step.source
    True
    """
    for name, value in (("mode", mode), ("options", options)):
        if value is not None:
            raise NotImplementedError(f"compile({name}={value!r}) is not implemented: leave it out")
    if backend not in ("numpy", "numba"):
        raise NotImplementedError(
            f"compile(backend={backend!r}) is not implemented: use 'numpy' or 'numba'"
        )
    if model is None:
        return functools.partial(
            compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend, disable=disable
        )
    if not callable(model):
        raise TypeError(f"compile() takes a function, not {type(model).__name__}")
    if disable:
        return model
    if backend == "numba":
        require_numba()
    step = CompiledStep(model, fullgraph, backend, bool(dynamic))
    return OptimizedModule(model, step) if isinstance(model, Module) else step


__all__ = ["CompiledStep", "compile"]
