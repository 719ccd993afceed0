"""The recorder: runs a step on recorded arrays, and puts everything back as it was."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ..api.tensor import Tensor
from ..core.errstate import quiet
from ..core.grad_mode import grad_mode
from ..core.hooks import leaf_hooks
from ..core.observer import observation
from ..core.tracing import tracing
from ..core.walk import reachable, walk
from ..optim.optimizer import Optimizer
from ..optim.optimizer_hooks import of_all_after, of_all_before
from ..rules.rule import BY_FORWARD
from .declared import Declared, is_number
from .recording import Recording, current
from .refusal import Incomplete, Place, Refused, refused, users_place
from .rereading import reread, reread_class
from .values import Recorded

_reread: dict[Any, Any] = {}
recording_lock = threading.RLock()


def counterpart(function: Any) -> Any:
    """A function of the engine that runs on recorded arrays."""
    found = _reread.get(function)
    if found is None:
        found = _reread[function] = reread(function)
    return found


class Grad:
    """What became of the `.grad` of a tensor: kept, None, or a new one with this array."""

    def __init__(self, kind: str, array: Any = None, version: int = 0) -> None:
        self.kind, self.array, self.version = kind, array, version


class Recorder:
    """One recorded call of a step, and what it did to the tensors."""

    def __init__(self, declared: Declared, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self.declared, self.recording = declared, Recording()
        self.inputs: list[tuple[Any, str, Recorded]] = []  # tensors, their names and arrays
        self.arguments: list[tuple[str, Any]] = []  # their access paths
        self.numbers: list[
            tuple[Any, tuple[str, int], Any]
        ] = []  # options: group, key, recorded number
        self.versions: dict[int, int] = {}  # writes by the tensor's id
        self.grads: dict[int, Grad] = {}
        self.result: Any = None
        self._saved: list[tuple[Any, tuple[Any, ...]]] = []
        self._known: set[int] = set()
        self._options: dict[tuple[int, str, int], Any] = {}
        self._args, self._kwargs = args, options

    # Running ----------------------------------------------------------------------------------

    def run(self, function: Callable[..., Any]) -> None:
        """Record a call. Refused or Incomplete if it can't be; the tensors are as before."""
        if observation.observer is not None:
            raise refused("anomaly mode, or another observer of the engine")
        if of_all_before or of_all_after:
            raise refused("hooks of all optimisers")
        with recording_lock:
            tracing.recording = current.recording = self.recording
            try:
                self._swap(function)
                with quiet.watched(self._watch):
                    self.result = function(*self._args, **self._kwargs)
                if self.recording.refusal is not None:
                    raise self.recording.refusal
                self._note_effects()
            finally:
                tracing.recording = current.recording = None
                self._restore()
                self.recording.put_back_streams()

    def _swap(self, function: Any) -> None:
        for path, tensor in argument_tensors(self._args, self._kwargs, function):
            self._input(tensor, path, True)
        for tensor, name in list(self.declared.tensors.values()):
            self._input(tensor, name, False)

    def _input(self, tensor: Any, name: str, is_argument: bool) -> None:
        if id(tensor) in self._known:
            return
        self._known.add(id(tensor))
        if type(tensor._array) is not np.ndarray:
            raise refused("a tensor that another thread is recording")
        if tensor._node is not None or (
            tensor._view is not None and tensor._view.base.requires_grad
        ):
            raise refused(f"{name}, which has a history from outside the step")
        if tensor._attached is not None:
            raise refused(f"hooks of {name}")
        state = (
            tensor._array,
            tensor._counter[0],
            tensor._grad,
            tensor._requires_grad,
            tensor._view,
        )
        self._saved.append((tensor, state))
        recorded = self.recording.input(tensor._array)
        recorded.name = name
        tensor._array = recorded
        self.inputs.append((tensor, name, recorded))
        if tensor._grad is not None:
            self._input(tensor._grad, f"d_{name}", False)

    def _restore(self) -> None:
        for tensor, (array, version, grad, requires_grad, view) in self._saved:
            tensor._array, tensor._counter[0], tensor._grad = array, version, grad
            tensor._requires_grad, tensor._view, tensor._node = requires_grad, view, None
            tensor._attached = None

    def _note_effects(self) -> None:
        for (tensor, (_, version, grad, requires, _)), (_, name, recorded) in zip(
            self._saved, self.inputs, strict=True
        ):
            if tensor._array is not recorded:
                raise Refused(f"{name}.data = new: assign in place, with {name}.data.copy_(new)")
            if tensor._requires_grad != requires or tensor._node is not None:
                raise Refused(f"{name}, whose requires_grad or history the step changes")
            if tensor._attached is not None:
                raise Refused(f"hooks of {name}")
            self.versions[id(tensor)] = tensor._counter[0] - version
            now = tensor._grad
            if now is grad:
                self.grads[id(tensor)] = Grad("kept")
            elif now is None:
                self.grads[id(tensor)] = Grad("none")
            elif (
                type(now) is Tensor and type(now._array) is Recorded and id(now) not in self._known
            ):
                if now._node is not None:
                    raise Refused(f"the gradient of {name}, which has a history (create_graph)")
                self.grads[id(tensor)] = Grad("new", now._array, now._counter[0])
            else:
                raise Refused(f"{name}.grad, to which the step assigns a tensor of its own")

    # Watching ---------------------------------------------------------------------------------

    def _watch(self, run: Callable[..., Any], function: Any, *args: Any, **options: Any) -> Any:
        rule = BY_FORWARD.get(inspect.unwrap(function))
        if rule is not None:
            return self._rule(run, rule, args, options)
        if function is walk:
            return self._walk(run, *args)
        owner = getattr(function, "__self__", None)
        if isinstance(owner, Optimizer) and len(args) == 2:
            return self._update(run, function, owner, *args)
        name = getattr(function, "__name__", "")
        if self.recording.section == "backward":
            self.recording.section = "update"
        with self.recording.labelled(f"{name}, in place", inside=False):
            return run(counterpart(function), *args, **options)

    def _rule(self, run: Callable[..., Any], rule: Any, args: Any, options: Any) -> Any:
        recording = self.recording
        args = tuple([recording.lifted(a) if type(a) is np.ndarray else a for a in args])
        if rule.name.startswith(("index", "put")):
            for part in (p for a in args[1:] if isinstance(a, tuple) for p in a):
                if type(part) is Recorded and part.dtype == bool and part.ndim:
                    raise recording._refuse(
                        "a boolean mask as an index, so that a shape depends on values"
                    )
        if recording.section == "backward" and recording.depth == 0:
            recording.section = "forward" if grad_mode.enabled else "update"
        place = users_place() if recording.place is None else recording.place
        with recording.labelled(rule.name, place):
            output, pullbacks = run(counterpart(rule.forward), *args, **options)
        if not pullbacks:
            return output, pullbacks
        return output, tuple([p and self._labelled(p, rule.name, place) for p in pullbacks])

    def _labelled(self, pullback: Any, name: str, place: Place) -> Any:
        recording = self.recording

        def backward(g: Any) -> Any:
            with recording.labelled(f"{name} backward", place):
                return pullback(g)

        return backward

    def _walk(
        self,
        run: Callable[..., Any],
        seeds: Any,
        retain_graph: Any = None,
        wanted: Any = None,
        create_graph: bool = False,
        deliver: Any = None,
    ) -> Any:
        recording = self.recording
        if create_graph:
            raise recording._refuse("create_graph=True")
        if leaf_hooks.exist and any(t._attached is not None for t, _, _ in self.inputs):
            raise recording._refuse("hooks")
        for node in reachable(seeds):
            if node.attached is not None and (
                node.attached.tensor
                or node.attached.before
                or node.attached.after
                or node.attached.retaining is not None
            ):
                raise recording._refuse("hooks, or retain_grad")
            if node.pullbacks is not None:  # those of writes into views aren't any rule's
                node.pullbacks = tuple([p and reread(p) for p in node.pullbacks])
        seeds = [(p, recording.constant(c) if type(c) is np.ndarray else c) for p, c in seeds]
        recording.section = "backward"
        with recording.labelled("sum to shape", inside=True):
            return run(counterpart(walk), seeds, retain_graph, wanted, create_graph, deliver)

    def _update(self, run: Any, function: Any, owner: Any, group: Any, pairs: Any) -> Any:
        recording = self.recording
        cls = reread_class(type(owner))
        shadow = object.__new__(cls)
        vars(shadow).update(vars(owner))
        shadow._scratch = {}
        shadow.state = _States(owner.state)
        recording.section = "update"
        options = {key: self._option(owner, group, key, value) for key, value in group.items()}
        recording.updating = True
        try:
            with recording.labelled(type(owner).__name__, users_place(), inside=True):
                run(getattr(shadow, function.__name__), options, pairs)
        finally:
            recording.updating = False

    def _option(self, owner: Any, group: Any, key: str, value: Any) -> Any:
        if is_number(value):
            return self._number(group, key, -1, value, key)
        if isinstance(value, tuple) and value and all(map(is_number, value)):
            one = key[:-1] if key.endswith("s") else key
            return tuple(
                self._number(group, key, i, v, f"{one}{i + 1}") for i, v in enumerate(value)
            )
        return value

    def _number(self, group: Any, key: str, place: int, value: Any, name: str) -> Any:
        known = (id(group), key, place)
        if known not in self._options:
            recorded = self.recording.option(value, name)
            self._options[known] = recorded
            self.numbers.append((group, (key, place), recorded))
        return self._options[known]


class _States(dict[Any, Any]):
    """The state of an optimiser, to which nothing may be added while it is recorded."""

    def __init__(self, states: Any) -> None:
        super().__init__({key: _State(value) for key, value in states.items()})

    def __missing__(self, key: Any) -> Any:
        return _State({})


class _State(dict[str, Any]):
    def __setitem__(self, key: str, value: Any) -> None:
        if self.get(key) is not value:  # `state["step"] += 1` assigns what is there
            raise Incomplete

    def update(self, *_: Any, **__: Any) -> None:
        raise Incomplete


def argument_tensors(args: Any, kwargs: Any, function: Any = None) -> list[tuple[str, Any]]:
    """The tensors in the arguments of a step, with names: those of its parameters if they fit."""
    found: list[tuple[str, Any]] = []

    def look(name: str, thing: Any) -> None:
        if isinstance(thing, Tensor):
            found.append((name, thing))
        elif isinstance(thing, list | tuple):
            for i, part in enumerate(thing):
                look(f"{name}_{i}", part)
        elif isinstance(thing, dict):
            for key, part in thing.items():
                look(f"{name}_{key}", part)

    code = getattr(function, "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code is not None else ()
    for i, thing in enumerate(args):
        look(names[i] if i < len(names) else f"arg{i}", thing)
    for key, thing in kwargs.items():
        look(key, thing)
    return found
