"""An interpreter of the pickles in PyTorch's checkpoints, which can build plain values only.

A pickle is a program for a machine with a stack. Python's own machine can import any function and
call it. This one knows the instructions that `torch.save` writes, and its caller says which names
mean something: a value, or a `Maker`, which checks its arguments. Nothing is imported, and no
method of a loaded value is called. It could have been a subclass of `pickle.Unpickler`, but then
each instruction would still do all that it does in Python, with what a file makes of it.

A file can't make the machine use much more memory than the file has bytes: every value comes from
some bytes of the pickle, and `_allow` bounds the copies.
"""

from __future__ import annotations

import pickle
import pickletools
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

_MARK = object()
# No name in a checkpoint is as long. Text that doesn't end is refused early.
_LONGEST_NAME = 200
# How much work the hash of a key may be. A tuple of tuples of … can be short in a file, but its
# hash goes through every path.
_LARGEST_KEY = 1000


class Refused(Exception):
    """Something in a pickle that isn't allowed."""


class Maker:
    """A function that a pickle may call by its name."""

    def __init__(self, name: str, make: Callable[..., Any]) -> None:
        self.name, self.make = name, make


class Machine:
    """One run of a pickle.

    - `known`: what the names in it mean: values and `Maker`s, by "module.name".
    - `load`: makes the value of a persistent id, by which a pickle refers to other records.
    - `keys`: the types that keys of dicts and elements of sets may have.
    - `start`: where the pickle starts in `data`. After the run, `end` is where it has ended.
    """

    def __init__(
        self,
        data: bytes,
        known: Mapping[str, Any],
        load: Callable[[Any], Any],
        keys: set[type],
        start: int = 0,
    ) -> None:
        self._data, self._known, self._load, self._keys = data, known, load, keys
        self._at = start
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._copied = 0

    def run(self) -> Any:
        """Return the value that the pickle describes. Raises Refused for anything not allowed."""
        while (code := self._take(1)) != pickle.STOP:
            step = _STEPS.get(code)
            if step is None:
                names = {each.code: each.name for each in pickletools.opcodes}
                name = names.get(code.decode("latin1"), f"{code!r}")
                raise Refused(f"the instruction {name} isn't allowed")
            step(self)
        value = self.pop()
        if self._stack:
            raise Refused("values are left over at its end")
        return value

    @property
    def end(self) -> int:
        return self._at

    # What the instructions are made of ------------------------------------------------------------

    def _take(self, count: int) -> bytes:
        """Return the next bytes of the pickle."""
        start, self._at = self._at, self._at + count
        if self._at > len(self._data):
            raise Refused("it ends in the middle of an instruction")
        return self._data[start : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "little")

    def sized(self, size: int) -> bytes:
        """Return bytes whose count comes before them in a number of `size` bytes."""
        return self._take(self.number(size))

    def unpacked(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def text(self, size: int) -> str:
        try:
            return self.sized(size).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise Refused(f"a text is no UTF-8: {error.reason}") from None

    def line(self) -> str:
        end = self._data.find(b"\n", self._at, self._at + _LONGEST_NAME)
        if end < 0:
            raise Refused("a name has no end")
        line = self._take(end - self._at).decode("latin1")
        self._at += 1
        return line

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def pop(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise Refused("a value is missing")
        return self._stack.pop()

    def top(self, *kinds: type) -> Any:
        """Return the last value, which has to be of one of these types."""
        self.push(value := self.pop())
        if type(value) not in kinds:
            raise Refused(f"a {type(value).__name__} is filled as a {kinds[0].__name__}")
        return value

    def pop_to_mark(self) -> list[Any]:
        for i in range(len(self._stack) - 1, -1, -1):
            if self._stack[i] is _MARK:
                values = self._stack[i + 1 :]
                del self._stack[i:]
                return values
        raise Refused("a mark is missing")

    # Larger instructions --------------------------------------------------------------------------

    def name(self, module: Any, name: Any) -> None:
        module = {"__builtin__": "builtins"}.get(module, module) if type(module) is str else module
        full = f"{module}.{name}"
        if full not in self._known:
            raise Refused(f"{full} isn't allowed: only tensors and plain values are loaded")
        self.push(self._known[full])

    def call(self) -> None:
        arguments, maker = self.pop(), self.pop()
        if type(maker) is not Maker or type(arguments) is not tuple:
            raise Refused(f"a call of a {type(maker).__name__} isn't allowed")
        for argument in arguments:
            self._allow(argument)
        try:
            self.push(maker.make(*arguments))
        except (
            ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError,
        ) as error:  # fmt: skip
            raise Refused(f"{maker.name} got wrong arguments: {error}") from None

    def _allow(self, argument: Any) -> None:
        """Count the elements that a call may copy. They come from as many bytes of the pickle."""
        if type(argument) in (str, bytes, list, tuple, dict):
            self._copied += len(argument)
        if type(argument) is list:  # of a set
            for element in argument:
                self.check_key(element)
        if self._copied > 4 * len(self._data):
            raise Refused("it copies the same values too often")

    def check_key(self, key: Any) -> None:
        """Check a key before it is hashed."""
        todo, count = [key], 0
        while todo:
            value = todo.pop()
            if isinstance(value, tuple | frozenset):
                count += len(value)
                todo.extend(value if count <= _LARGEST_KEY else ())
            elif type(value) not in self._keys:
                raise Refused(f"a {type(value).__name__} isn't allowed as a key")
            if count > _LARGEST_KEY:
                raise Refused("a key is too large")

    def set_items(self, values: list[Any]) -> None:
        target = self.top(dict, OrderedDict, Counter)
        if len(values) % 2:
            raise Refused("a key has no value")
        for key, value in zip(values[::2], values[1::2], strict=True):
            self.check_key(key)
            target[key] = value

    def add(self, values: list[Any]) -> None:
        target = self.top(set)
        for value in values:
            self.check_key(value)
            target.add(value)

    def build(self) -> None:
        state = self.pop()
        set_attributes(self.top(OrderedDict), state)

    def memoize(self, index: int) -> None:
        self.push(value := self.pop())
        self._memo[index] = value

    def recall(self, index: int) -> None:
        if index not in self._memo:
            raise Refused(f"the value number {index} isn't there")
        self.push(self._memo[index])


def set_attributes(target: Any, state: Any) -> None:
    """Give `target` the attributes of a dict; Refused for those that its type has."""
    if type(state) is not dict:
        raise Refused(f"attributes in a {type(state).__name__} aren't allowed")
    for name, value in state.items():
        if type(name) is not str or hasattr(type(target), name):
            raise Refused(f"the attribute {name!r} of a {type(target).__name__} isn't allowed")
        target.__dict__[name] = value


# The instructions ---------------------------------------------------------------------------------


def _protocol(m: Machine) -> None:
    if (protocol := m.number(1)) > pickle.HIGHEST_PROTOCOL:
        raise Refused(f"the pickle protocol {protocol} is unknown")


def _frame(m: Machine) -> None:
    m.number(8)  # its length, which matters to streams only


def _small_tuple(m: Machine, count: int) -> None:
    m.push(tuple([m.pop() for _ in range(count)][::-1]))


def _stack_name(m: Machine) -> None:
    name = m.pop()
    m.name(m.pop(), name)


def _append(m: Machine) -> None:
    value = m.pop()
    m.top(list).append(value)


def _set_item(m: Machine) -> None:
    value, key = m.pop(), m.pop()
    m.set_items([key, value])


def _extend(m: Machine) -> None:
    values = m.pop_to_mark()
    m.top(list).extend(values)


def _frozen(m: Machine) -> None:
    values = m.pop_to_mark()
    for value in values:
        m.check_key(value)
    m.push(frozenset(values))


_STEPS: dict[bytes, Callable[[Machine], None]] = {
    pickle.PROTO: _protocol,
    pickle.FRAME: _frame,
    pickle.NONE: lambda m: m.push(None),
    pickle.NEWTRUE: lambda m: m.push(True),
    pickle.NEWFALSE: lambda m: m.push(False),
    pickle.BININT: lambda m: m.push(m.unpacked("<i")),
    pickle.BININT1: lambda m: m.push(m.number(1)),
    pickle.BININT2: lambda m: m.push(m.number(2)),
    pickle.LONG1: lambda m: m.push(int.from_bytes(m.sized(1), "little", signed=True)),
    pickle.BINFLOAT: lambda m: m.push(m.unpacked(">d")),
    pickle.SHORT_BINUNICODE: lambda m: m.push(m.text(1)),
    pickle.BINUNICODE: lambda m: m.push(m.text(4)),
    pickle.BINUNICODE8: lambda m: m.push(m.text(8)),
    pickle.SHORT_BINBYTES: lambda m: m.push(m.sized(1)),
    pickle.BINBYTES: lambda m: m.push(m.sized(4)),
    pickle.BINBYTES8: lambda m: m.push(m.sized(8)),
    pickle.BYTEARRAY8: lambda m: m.push(bytearray(m.sized(8))),
    pickle.MARK: lambda m: m.push(_MARK),
    pickle.EMPTY_TUPLE: lambda m: m.push(()),
    pickle.EMPTY_LIST: lambda m: m.push([]),
    pickle.EMPTY_DICT: lambda m: m.push({}),
    pickle.EMPTY_SET: lambda m: m.push(set()),
    pickle.TUPLE1: lambda m: _small_tuple(m, 1),
    pickle.TUPLE2: lambda m: _small_tuple(m, 2),
    pickle.TUPLE3: lambda m: _small_tuple(m, 3),
    pickle.TUPLE: lambda m: m.push(tuple(m.pop_to_mark())),
    pickle.FROZENSET: _frozen,
    pickle.APPEND: _append,
    pickle.APPENDS: _extend,
    pickle.SETITEM: _set_item,
    pickle.SETITEMS: lambda m: m.set_items(m.pop_to_mark()),
    pickle.ADDITEMS: lambda m: m.add(m.pop_to_mark()),
    pickle.BINPUT: lambda m: m.memoize(m.number(1)),
    pickle.LONG_BINPUT: lambda m: m.memoize(m.number(4)),
    pickle.MEMOIZE: lambda m: m.memoize(len(m._memo)),
    pickle.BINGET: lambda m: m.recall(m.number(1)),
    pickle.LONG_BINGET: lambda m: m.recall(m.number(4)),
    pickle.GLOBAL: lambda m: m.name(m.line(), m.line()),
    pickle.STACK_GLOBAL: _stack_name,
    pickle.REDUCE: Machine.call,
    pickle.BUILD: Machine.build,
    pickle.BINPERSID: lambda m: m.push(m._load(m.pop())),
}
