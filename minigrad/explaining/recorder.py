"""The recorder: an observer of the engine that writes one turn of a program into a `Record`.

It sees each call of a rule, each node, each pullback in a walk, and each update, because they all
run through `quiet` and report to the observer (`core/errstate.py`, `core/observer.py`). It keeps
every array that it has seen, so that an id stands for one array throughout.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..api.tensor import Tensor
from ..core.errstate import quiet
from ..core.node import Node
from ..core.observer import Observer, observation
from ..core.walk import walk
from ..nn.parameter import Parameter
from ..optim.optimizer import Optimizer
from ..rules import REGISTRY, Rule
from ..rules.rule import BY_FORWARD, BY_WRITE, Pullback
from .arrays import KEEP, Copies, copied, summaries
from .calls import Call
from .names import Names, Stack, formula
from .record import (
    Arrival,
    File,
    Leaf,
    Operand,
    Place,
    Record,
    Row,
    Update,
    Walk,
)
from .walk_recorder import WalkRecorder

_MODE = "explain"


class Recorder(Observer):
    """Records the turn that ends with the update after the `backward`-th walk of the program.

    - `keep`: arrays of up to so many elements are kept whole, larger ones as summaries; None for
      as many as a page can hold.
    - `most_rows`: the recording ends after so many rows, with a note.
    """

    def __init__(self, backward: int, keep: int | None, most_rows: int) -> None:
        self.keep, self.most_rows = keep, most_rows
        self.wanted, self.walks_done = backward, 0
        self.done = False
        self._start()

    def _start(self) -> None:
        """Begin a turn with an empty record."""
        self.record = Record(backward=self.wanted)
        self.names = Names()
        self.calls: dict[int, Call] = {}  # by the row's number, for the replay
        self.copies = Copies()  # the arrays of the record
        self.codes: dict[int, Any] = {}  # the code of a pullback, by the id of its contribution
        self.rows_of: dict[int, int] = {}  # by the id of a result
        self.leaves_of: dict[int, int] = {}  # by the id of an array
        self.tensors: dict[int, Any] = {}  # the leaves with a gradient, by their ids
        self.arrays_of: dict[int, np.ndarray] = {}  # their arrays, by the same ids
        self.gradients: dict[int, int] = {}  # leaves by the id of the array of their `.grad`
        self.earlier: list[Tensor] = []  # the leaves of the walk before this turn
        self.nodes: dict[int, int] = {}  # rows by the id of a node
        self.memory: dict[tuple[Any, ...], int] = {}  # ids of arrays by their memory
        self.searched: set[int] = set()  # leaves whose names were searched for again
        self.alive: list[Any] = []
        self.unnamed: dict[int, Row] = {}
        self.unbound: list[tuple[Row, Operand, np.ndarray]] = []
        self.walk: WalkRecorder | None = None
        self.failed: Any = None  # the call of a rule that is running, or has raised an error
        self.writers: dict[tuple[int, int], int] = {}  # rows by a counter's id and its version
        self.pending: Any = None  # a walk whose gradients haven't been accumulated yet
        self.last_update = -1  # the number of rows at the last update

    # Watching ---------------------------------------------------------------------------------

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Record what this thread computes in the block."""
        outer = observation.parts.get(_MODE)
        observation.set(_MODE, self)
        try:
            with quiet.watched(self._watch):
                yield
        finally:
            observation.set(_MODE, outer)
            self.finish()

    def _watch(self, run: Callable[..., Any], function: Any, *args: Any, **options: Any) -> Any:
        if self.done:
            return run(function, *args, **options)
        if function is walk:
            return self._walk(run, *args)
        # float16 operands may be computed in float32, by a function around the rule's.
        rule = BY_FORWARD.get(inspect.unwrap(function)) if inspect.isfunction(function) else None
        if rule is not None:
            return self._op(run, function, rule, args, options)
        if function in BY_WRITE or (isinstance(function, np.ufunc) and len(args) == 3):
            return self._write(run, function, *args)
        if function is np.copyto:
            return self._copy(run, *args)
        owner = getattr(function, "__self__", None)
        if isinstance(owner, Optimizer) and len(args) == 2:
            return self._step(run, function, owner, *args)
        return run(function, *args, **options)

    def failed_with(self, error: BaseException) -> None:
        """Note the error that ended the program, at the op that raised it if one did."""
        if self.done:
            return
        self._settle(Stack())
        self.record.error = f"{type(error).__name__}: {error}"
        if self.failed is not None:
            rule, args, before, options, stack = self.failed
            row = self._row("op", rule.name, stack)
            row.error = str(error)
            self._read(row, rule, args, before, options)

    def finish(self) -> None:
        """End the recording, with what there is."""
        if self.done:
            return
        self.done = True
        self._settle(Stack())
        self._note_assigned()
        record = self.record
        if self.last_update >= 0:
            self._cut(self.last_update)
        elif self.walks_done >= self.wanted and record.walks:
            self._cut(max(each.after_row for each in record.walks))
        if self.walks_done < self.wanted:
            record.notes.append(f"The program {_called_backward(self.walks_done)}.")
        for leaf in record.leaves:
            for arrival in (a for each in record.walks for a in each.arrivals):
                if arrival.leaf == leaf.number and arrival.after is not None:
                    leaf.grad = arrival.after
        record.first_bad = next(
            (row.number for row in record.rows if any(map(self.copies.is_bad, row.results))), None
        )

    def summarise(self) -> None:
        """Put the arrays into the record as data."""
        self.record.arrays, kept = summaries(self.copies, self.keep)
        if self.keep is None and kept < KEEP:
            self.record.notes.append(
                f"Arrays of more than {kept} elements are heat maps here; keep_values keeps more."
            )

    def _note_assigned(self) -> None:
        """Note the leaves that have other elements now without a write, after `p.data = new`."""
        for tensor in self.tensors.values():
            number = self.leaves_of.get(id(self.arrays_of[id(tensor)]))
            if number is None or tensor._array is self.arrays_of[id(tensor)]:
                continue
            if tensor._array.shape == self.arrays_of[id(tensor)].shape:
                self._updated(number, "assignment to .data", None, None, self.copies.add(tensor))

    def _cut(self, rows: int) -> None:
        """Forget the rows from a number on, unless a walk ran them."""
        kept = [row for row in self.record.rows if row.number < rows or row.walk is not None]
        self.record.rows = kept[: next((i for i, r in enumerate(kept) if r.number != i), None)]

    # Arrays -----------------------------------------------------------------------------------

    def know(self, array: Any) -> None:
        """Keep an array, so that its id and its memory stay its own."""
        self.alive.append(array)
        if isinstance(array, np.ndarray):
            self.memory[_memory(array)] = id(array)

    def find(self, array: np.ndarray) -> tuple[int | None, int | None]:
        """Return the row that computed an array, or the leaf that it is; None and None if new."""
        for identity in (id(array), self.memory.get(_memory(array), 0)):
            if identity in self.rows_of:
                return self.rows_of[identity], None
            if identity in self.leaves_of:
                return None, self.leaves_of[identity]
        return None, None

    def gradient_of(self, array: np.ndarray) -> int | None:
        """Return the number of the leaf whose `.grad` an array is."""
        for identity in (id(array), self.memory.get(_memory(array), 0)):
            if identity in self.gradients:
                return self.gradients[identity]
        for tensor in self.earlier:
            if tensor._grad is not None and tensor._grad._array is array:
                return self.leaf(tensor._array, None, tensor)
        return None

    def leaf(self, array: np.ndarray, copy: int | None, tensor: Any = None) -> int:
        """Return the number of the leaf that an array is, which is new if it wasn't known."""
        row, number = self.find(array)
        if number is None:
            copy = self.copies.add(array) if copy is None else copy
            number = self._leaf_before(row)
            if number is not None:
                self.record.leaves[number].array = copy
            else:
                number = self._new_leaf(array, copy, row)
            # An op may have filled a leaf of the graph, such as a parameter. The tape starts here.
            self.rows_of.pop(id(array), None)
            self.leaves_of[id(array)] = number
            self.know(array)
        if tensor is not None:
            leaf = self.record.leaves[number]
            leaf.requires_grad |= bool(tensor.requires_grad)
            leaf.is_parameter |= isinstance(tensor, Parameter)
        return number

    def _leaf_before(self, row: int | None) -> int | None:
        """Return the leaf that a row wrote to, in the update of the turn before."""
        operands = [] if row is None else self.record.rows[row].operands
        is_write = row is not None and self.record.rows[row].kind == "write"
        return operands[0].leaf if is_write and operands else None

    def _new_leaf(self, array: np.ndarray, copy: int, row: int | None) -> int:
        number = len(self.record.leaves)
        if not self.names.of(array):
            self.names.look(Stack(), everywhere=True)
        name = self.names.of(array) or ("" if row is None else self._shown(row))
        self.record.leaves.append(Leaf(number, name or f"input {number + 1}", copy))
        return number

    def _shown(self, row: int) -> str:
        return self.record.rows[row].name or f"#{row + 1}"

    # Rows -------------------------------------------------------------------------------------

    def _op(
        self,
        run: Callable[..., Any],
        function: Callable[..., Any],
        rule: Rule,
        args: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Any:
        stack = Stack()
        self._settle(stack)
        before = [copied(a) if isinstance(a, np.ndarray) else a for a in args]
        self.failed = rule, args, before, options, stack  # in case it raises
        result = run(function, *args, **options)
        self.failed, (output, _) = None, result
        row = self._row("op", rule.name, stack)
        self.calls[row.number] = Call(rule, before, dict(options))
        self._read(row, rule, args, before, options)
        for value in output if isinstance(output, tuple) else (output,):
            row.results.append(self.copies.add(value))
            self._made(row, value)
        return result

    def _row(self, kind: str, op: str, stack: Stack) -> Row:
        record = self.record
        walking = None if self.walk is None else self.walk.walk.number
        modules = [self.names.of_module.get(id(m), type(m).__name__) for m in stack.modules]
        place = _place(record, stack)
        row = Row(len(record.rows), kind, op, place=place, modules=modules, walk=walking)
        record.rows.append(row)
        if len(record.rows) > self.most_rows:
            record.notes.append(f"The recording ended after {self.most_rows} rows.")
            self.finish()
        return row

    def _made(self, row: Row, array: Any) -> None:
        self.know(array)
        self.rows_of[id(array)] = row.number
        self.leaves_of.pop(id(array), None)
        self.unnamed[row.number] = row

    def _read(
        self,
        row: Row,
        rule: Rule,
        args: Sequence[Any],
        before: Sequence[Any],
        options: dict[str, Any],
    ) -> None:
        """Note the operands and options of a call."""
        count = len(rule.operands) if rule.operands else 0
        names = list(rule.parameters)
        if _takes_many(rule):
            count, names = len(args), [f"{i}" for i in range(len(args))]
        for i, (value, copy) in enumerate(zip(args, before, strict=True)):
            name = names[i] if i < len(names) else f"{i}"
            if i >= count:
                row.options[name] = _text(value)
                continue
            self._operand(row, name, value, copy)
        row.options.update({key: _text(value) for key, value in options.items()})
        for key, parameter in rule.signature.parameters.items():
            if row.options.get(key) == _text(parameter.default):
                del row.options[key]

    def _operand(self, row: Row, name: str, value: Any, before: Any) -> None:
        operand = Operand(name, _text(value))
        row.operands.append(operand)
        if isinstance(value, np.ndarray):
            operand.array = self.copies.add(before)
            self.unbound.append((row, operand, value))

    def _write(
        self, run: Callable[..., Any], function: Any, target: Any, other: Any, out: Any
    ) -> Any:
        """An in-place op that NumPy does alone: `target` is `out`."""
        if not (isinstance(target, np.ndarray) and target is out):
            return run(function, target, other, out)
        stack = Stack()
        self._settle(stack)
        before = [copied(a) if isinstance(a, np.ndarray) else a for a in (target, other)]
        result = run(function, target, other, out)
        rule = BY_WRITE.get(function)
        row = self._row("write", rule.name if rule else function.__name__, stack)
        if rule is not None:
            self.calls[row.number] = Call(rule, before, {})
        for name, value, copy in zip(("input", "other"), (target, other), before, strict=True):
            self._operand(row, name, value, copy)
        self._bind()
        self._written(row, target, row.operands[0].array)
        return result

    def _copy(self, run: Callable[..., Any], target: np.ndarray, output: Any, *args: Any) -> Any:
        """The second half of a write: the result of the row before goes into the target."""
        rows = self.record.rows
        row = rows[self.rows_of[id(output)]] if id(output) in self.rows_of else None
        before = self.copies.add(target)
        if row is not None and row.operands and row.operands[0].array is not None:
            # The op read a copy of the target, as it was before.
            self.unbound = [
                (r, o, target if o is row.operands[0] else a) for r, o, a in self.unbound
            ]
        self._bind()
        result = run(np.copyto, target, output, *args)
        if row is not None:
            row.kind = "write"
            row.results[:1] = [self.copies.add(target)]
            self._written(row, target, before)
        return result

    def _written(self, row: Row, target: np.ndarray, before: int | None) -> None:
        """Note that a row has written to an array, and the update if the array is a leaf's."""
        number = row.operands[0].leaf if row.operands else None
        if not row.results:
            row.results.append(self.copies.add(target))
        for operand in row.operands[:1]:
            row.formula = formula(row.op, [o.text for o in row.operands], row.options, True)
            row.name = operand.text
        walked = self.walks_done >= self.wanted
        if number is not None and walked and self._has_gradient(number):
            self._updated(number, row.formula, row.place, before, row.results[0], row.number)
        else:  # an updated leaf stays a leaf
            self._made(row, target)

    def _has_gradient(self, leaf: int) -> bool:
        return any(a.leaf == leaf for each in self.record.walks for a in each.arrivals)

    def _updated(
        self,
        leaf: int,
        by: str,
        place: Place | None,
        before: int | None,
        after: int,
        row: int | None = None,
    ) -> None:
        if before is None:
            before = self.record.leaves[leaf].array
        with np.errstate(all="ignore"):
            step = self.copies.add(self.copies[after] - self.copies[before])
        self.record.updates.append(Update(leaf, by, place, before, step, after, row))
        self.last_update = len(self.record.rows)

    def _step(
        self,
        run: Callable[..., Any],
        update: Any,
        optimizer: Optimizer,
        group: Any,
        pairs: Sequence[tuple[Tensor, Tensor]],
    ) -> Any:
        """An update by an optimiser."""
        stack = Stack()
        self._settle(stack)
        self.names.look(stack, everywhere=True)
        before = [(self.leaf(p._array, None, p), self.copies.add(p)) for p, _ in pairs]
        pause, self.done = self.done, True  # its own arithmetic isn't part of the record
        try:
            result = run(update, group, pairs)
        finally:
            self.done = pause
        if self.walks_done >= self.wanted:
            by = _described(optimizer, group)
            for (leaf, copy), (p, _) in zip(before, pairs, strict=True):
                place = _place(self.record, stack)
                self._updated(leaf, by, place, copy, self.copies.add(p))
        return result

    # Names ------------------------------------------------------------------------------------

    def _settle(self, stack: Stack) -> None:
        """Bind the operands of the rows before, and name their results as the program does now."""
        self.names.look(stack)
        for identity, name in (*self.names.of_array.items(), *self.names.of_node.items()):
            number = self.rows_of.get(identity, self.nodes.get(identity))
            if number in self.unnamed:
                self.unnamed.pop(number).name = name
        while len(self.unnamed) > _UNNAMED:
            del self.unnamed[next(iter(self.unnamed))]
        if any(self._needs_name(array) for _, _, array in self.unbound):
            self.names.look(stack, everywhere=True)
        self._bind()
        if self.walk is None:
            self._accumulated()

    def _needs_name(self, array: np.ndarray) -> bool:
        """Whether an array is new, or a leaf that had no name at its first use.

        A parameter has none while its module is made. Such a leaf is searched for once more.
        """
        row, leaf = self.find(array)
        if leaf is None:
            return row is None
        unnamed = self.record.leaves[leaf].name.startswith("input ")
        again = unnamed and leaf not in self.searched
        self.searched.add(leaf)
        return again

    def _bind(self) -> None:
        """Find what the operands of the last rows are."""
        for row, operand, array in self.unbound:
            if (of := self.gradient_of(array)) is not None:
                operand.gradient, operand.text = of, f"{self.record.leaves[of].name}.grad"
                continue
            found, leaf = self.find(array)
            if found is not None and not self._is_current(found, row, operand):
                self.rows_of.pop(id(array), None)
                found = None
            if found is None and leaf is None:
                leaf = self.leaf(array, operand.array)
            operand.row, operand.leaf = found, leaf
            name = self.names.of(array)
            if leaf is not None:
                known = self.record.leaves[leaf]
                if known.name.startswith("input ") and name:
                    known.name = name
                operand.text = known.name
            else:
                assert found is not None
                operand.text = self._shown(found)
        rows = {id(row): row for row, _, _ in self.unbound}
        self.unbound = []
        for row in rows.values():
            texts = [operand.text for operand in row.operands if operand.text != "None"]
            row.formula = formula(row.op, texts, row.options, row.kind == "write")

    def _is_current(self, found: int, row: Row, operand: Operand) -> bool:
        """Whether an operand is what a row before it computed.

        It isn't if something else wrote to it, such as a draw of random numbers.
        """
        results = self.record.rows[found].results
        return found < row.number and (not results or operand.array in results)

    # Nodes ------------------------------------------------------------------------------------

    def recorded(self, node: Node, result: Any) -> None:
        """Note the node of the last row, or add a row for a node that no rule made."""
        if self.done:
            return
        row = None
        if node.rule is not None and id(result) in self.rows_of:
            row = self.record.rows[self.rows_of[id(result)]]
            if row.node:
                row = None
        next_turn = self.walk is None and self.walks_done >= self.wanted and self.last_update >= 0
        if row is not None and next_turn:
            self.finish()
            return
        if row is None:
            row = self._node_row(node, result)
        row.node = node.name
        self.nodes[id(node)] = row.number
        self.alive.append(node)
        for operand, parent in zip(_derivable(row), node.parents, strict=False):
            self._mark(operand, parent)

    def _mark(self, operand: Operand, parent: Any) -> None:
        """Use what the graph says about an operand: which leaf it is, or which row's result."""
        if isinstance(parent, Node):
            known = self.nodes.get(id(parent))
            if known is not None:
                for i, (row, each, array) in enumerate(self.unbound):
                    if each is operand and self.find(array) == (None, None):
                        self.rows_of[id(array)] = known
                        self.know(array)
                        self.unbound[i] = (row, each, array)
        elif parent is not None:
            self.leaf(parent._array, None, parent)

    def _node_row(self, node: Node, result: Any) -> Row:
        stack = Stack()
        self._settle(stack)
        row = self._row("node", re.sub("Backward[0-9]*$", "", node.name), stack)
        for place, parent in enumerate(node.parents):
            if parent is None:
                continue
            operand = Operand(f"{place}", "")
            row.operands.append(operand)
            if isinstance(parent, Node):
                operand.row = self.nodes.get(id(parent))
                operand.text = "?" if operand.row is None else self._shown(operand.row)
                if operand.row is not None and self.record.rows[operand.row].results:
                    operand.array = self.record.rows[operand.row].results[0]
            else:
                operand.leaf = self.leaf(parent._array, None, parent)
                operand.array = self.record.leaves[operand.leaf].array
                operand.text = self.record.leaves[operand.leaf].name
        row.formula = formula(row.op, [o.text for o in row.operands], {}, False)
        if isinstance(result, np.ndarray):
            row.results.append(self.copies.add(result))
            self._made(row, result)
        return row

    def written(self, counter: list[int]) -> None:
        """A storage was written to."""
        if not self.done:
            self.alive.append(counter)
            self.writers[id(counter), counter[0]] = len(self.record.rows) - 1

    # Walks ------------------------------------------------------------------------------------

    def _walk(
        self,
        run: Callable[..., Any],
        seeds: Any,
        retain_graph: Any,
        wanted: Any = None,
        create_graph: bool = False,
        deliver: Any = None,
    ) -> Any:
        stack = Stack()
        self._settle(stack)
        if self.walks_done >= self.wanted and self.last_update >= 0:
            self.finish()
            return run(walk, seeds, retain_graph, wanted, create_graph, deliver)
        outer = self.walk
        name = "grad" if deliver is None else "backward"
        one = Walk(len(self.record.walks), name, _place(self.record, stack), len(self.record.rows))
        one.create_graph = create_graph
        self.record.walks.append(one)
        self.walk = WalkRecorder(self, one, seeds, wanted)
        try:
            result = run(walk, seeds, retain_graph, wanted, create_graph, deliver)
        except Exception as error:
            one.error = str(error)
            self.walk.stop(one.error)
            raise
        finally:
            self._settle_walk()
            self.walk = outer
        if outer is None:
            self.walks_done += 1
            if self.walks_done < self.wanted:
                self._start()
                self.earlier = [parent for parent in result if not isinstance(parent, Node)]
                return result
        before = {
            id(parent): self.copies.add(parent._grad)
            for parent in result
            if not isinstance(parent, Node) and parent._grad is not None
        }
        self.pending = one, result, before
        return result

    def _settle_walk(self) -> None:
        stack = Stack()
        self.names.look(stack)
        self._bind()

    def _accumulated(self) -> None:
        """Note the `.grad` of each leaf after a walk. `backward` has set it by now."""
        if self.pending is None:
            return
        (one, result, before), self.pending = self.pending, None
        for parent, gradient in result.items():
            array = np.asarray(getattr(gradient, "_array", gradient))
            if isinstance(parent, Node):
                row = self.nodes.get(id(parent))
                one.arrivals.append(Arrival(None, row, self.copies.add(array)))
                continue
            leaf = self.leaf(parent._array, None, parent)
            arrival = Arrival(leaf, None, self.copies.add(array))
            if one.function == "backward" and parent._grad is not None:
                arrival.after = self.copies.add(parent._grad)
                arrival.before = before.get(id(parent))
                self.know(parent._grad._array)
                self.tensors[id(parent)] = parent
                self.arrays_of[id(parent)] = parent._array
                self.gradients[id(parent._grad._array)] = leaf
            one.arrivals.append(arrival)

    def pullbacks(
        self, node: Node, pullbacks: Sequence[Pullback | None]
    ) -> Sequence[Pullback | None]:
        """The pullbacks, which note what they are given and what they return."""
        if self.done or self.walk is None:
            return pullbacks
        return self.walk.watched(node, pullbacks)

    def about_write(self, node: Node, counter: list[int], version: int) -> str:
        """The usual hint. The row that wrote is marked."""
        writer = self.writers.get((id(counter), version + 1))
        if writer is not None and writer < len(self.record.rows):
            self.record.rows[writer].error = f"It changes a tensor that {node.name} had saved."
        return super().about_write(node, counter, version)


_UNNAMED = 200  # how many of the last results can still get a name


def _called_backward(times: int) -> str:
    if times == 0:
        return "never called backward"
    return "called backward once" if times == 1 else f"called backward {times} times"


def _memory(array: np.ndarray) -> tuple[Any, ...]:
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.char


def _takes_many(rule: Rule) -> bool:
    kinds = (p.kind for p in rule.signature.parameters.values())
    return inspect.Parameter.VAR_POSITIONAL in kinds


def _derivable(row: Row) -> list[Operand]:
    rule = REGISTRY.get(row.op)
    if rule is None or len(rule.operands) != len(row.operands):
        return row.operands
    kinds = zip(row.operands, rule.operands, strict=True)
    return [operand for operand, kind in kinds if not kind.startswith("Constant")]


def _place(record: Record, stack: Stack) -> Place | None:
    """The line of the program that is running; its file is added to the record."""
    if not stack.frames:
        return None
    frame = stack.frames[0]
    path = frame.f_code.co_filename
    for number, file in enumerate(record.files):
        if file.path == path:
            return Place(number, frame.f_lineno)
    try:
        source = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        source = ""
    record.files.append(File(path, source))
    return Place(len(record.files) - 1, frame.f_lineno)


def _described(optimizer: Optimizer, group: dict[str, Any]) -> str:
    """An optimiser with the options that aren't its defaults, such as "SGD(lr=0.1)"."""
    given = {
        key: value
        for key, value in group.items()
        if key == "lr" or (key in optimizer.defaults and value not in (None, False, 0))
    }
    return f"{type(optimizer).__name__}({', '.join(f'{k}={v}' for k, v in given.items())})"


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return "?"
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value))}{',' if len(value) == 1 else ''})"
    return repr(value) if not isinstance(value, np.dtype | np.generic) else str(value)
