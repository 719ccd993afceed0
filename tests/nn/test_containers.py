"""nn/container.py: Sequential, ModuleList and ModuleDict, compared with PyTorch's."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same, same

import minigrad
from minigrad import nn

INDICES = st.integers(-5, 5)
SLICES = st.builds(
    slice,
    INDICES | st.none(),
    INDICES | st.none(),
    st.sampled_from([None, 1, 2, -1]),
)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("get"), INDICES | SLICES),
        st.tuples(st.just("set"), INDICES),
        st.tuples(st.just("delete"), INDICES | SLICES),
        st.tuples(st.just("pop"), INDICES | SLICES),
        st.tuples(st.just("insert"), st.integers(0, 3)),
        st.tuples(st.just("append")),
        st.tuples(st.just("extend"), st.integers(0, 2)),
        st.tuples(st.just("add"), st.integers(0, 2)),
        st.tuples(st.just("add in place"), st.integers(0, 2)),
    ),
    max_size=6,
)


@given(st.sampled_from(["Sequential", "ModuleList"]), st.integers(0, 4), OPERATIONS)
def test_any_sequence_of_list_operations(kind: str, size: int, operations: Any) -> None:
    def program(t: Any) -> Any:
        def fresh(first: int, count: int) -> Any:
            modules = [t.nn.Dropout((first + i) / 100) for i in range(count)]
            return t.nn.Sequential(*modules) if kind == "Sequential" else t.nn.ModuleList(modules)

        container = fresh(0, size)
        log = []
        for i, (operation, *arguments) in enumerate(operations, 1):
            new = t.nn.Dropout(i / 10)
            result = None
            try:
                if operation == "get":
                    result = container[arguments[0]]
                elif operation == "set":
                    container[arguments[0]] = new
                elif operation == "delete":
                    del container[arguments[0]]
                elif operation == "pop":
                    result = container.pop(arguments[0])
                elif operation == "insert" and arguments[0] <= len(container):
                    container.insert(arguments[0], new)
                elif operation == "append":
                    assert container.append(new) is container
                elif operation == "extend":
                    assert container.extend(fresh(i * 10, arguments[0])) is container
                elif operation == "add":
                    result = container + fresh(i * 10, arguments[0])
                elif operation == "add in place":
                    same = container
                    container += fresh(i * 10, arguments[0])
                    assert container is same
            except IndexError as error:
                result = str(error)
            log.append([repr(result), repr(container), len(container), list(map(repr, container))])
        return log

    check_same(program)


@given(st.integers(-1, 3), st.integers(0, 3))
def test_sequential_is_repeated_by_multiplication(times: int, size: int) -> None:
    def program(t: Any) -> Any:
        net = t.nn.Sequential(*(t.nn.Linear(i, 1) for i in range(1, size + 1)))
        longer = net * times
        same = net
        net *= times
        assert same is net
        return repr(longer), repr(times * same), len(list(longer.parameters())), repr(net)

    check_same(program)


def test_slicing_keeps_names_and_deletion_renumbers() -> None:
    def program(t: Any) -> Any:
        named = [("first", t.nn.ReLU()), ("second", t.nn.Tanh()), ("third", t.nn.Sigmoid())]
        net = t.nn.Sequential(OrderedDict(named))
        text = [repr(net[1:]), repr(net.second), repr(net[-1])]
        del net[0]
        return [*text, repr(net)]

    check_same(program)


def test_sequential_runs_its_modules_in_order() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    x = minigrad.randn(4, 2)
    assert same(net(x), net[2](net[1](net[0](x))))
    assert nn.Sequential()(x) is x


def test_parameters_in_a_list_or_dict_are_registered() -> None:
    layers = nn.ModuleList([nn.Linear(1, 1)])
    heads = nn.ModuleDict({"a": nn.Linear(1, 1)})
    assert [name for name, _ in layers.named_parameters()] == ["0.weight", "0.bias"]
    assert [name for name, _ in heads.named_parameters()] == ["a.weight", "a.bias"]


def test_list_can_be_extended_by_itself() -> None:
    layers = nn.ModuleList([nn.ReLU(), nn.Tanh()])
    assert len(layers.extend(layers)) == 4


def test_only_modules_can_be_inserted() -> None:
    with pytest.raises(AssertionError, match="module should be of type"):
        nn.Sequential(nn.ReLU()).insert(0, 3)


def dictionary(t: Any) -> Any:
    heads = t.nn.ModuleDict([("b", t.nn.ReLU()), ("a", t.nn.Tanh())])
    heads.update({"c": t.nn.Sigmoid(), "b": t.nn.Identity()})
    heads.update(t.nn.ModuleDict({"d": t.nn.ReLU()}))
    heads["e"] = t.nn.ReLU(True)
    taken = heads.pop("a")
    del heads["d"]
    text = [repr(heads), repr(taken), len(heads), list(heads), list(heads.keys()), "b" in heads]
    text += [list(map(repr, heads.values())), [name for name, _ in heads.items()], repr(heads["e"])]
    heads.clear()
    return [*text, repr(heads), repr(t.nn.ModuleList()), repr(t.nn.ModuleDict())]


CASES = {
    "a dictionary": dictionary,
    "calling a list": lambda t: t.nn.ModuleList([t.nn.ReLU()])(t.ones(1)),
    "calling a dictionary": lambda t: t.nn.ModuleDict()(t.ones(1)),
    "a Sequential of numbers": lambda t: t.nn.Sequential(3),
    "a Sequential of a list": lambda t: t.nn.Sequential([t.nn.ReLU()]),
    "a list of numbers": lambda t: t.nn.ModuleList([3]),
    "a list of one module": lambda t: t.nn.ModuleList(t.nn.ReLU()),
    "setting a number": lambda t: t.nn.Sequential(t.nn.ReLU()).__setitem__(0, 3),
    "inserting out of range": lambda t: t.nn.Sequential().insert(2, t.nn.ReLU()),
    "inserting from the end": lambda t: repr(t.nn.Sequential(t.nn.Tanh()).insert(-1, t.nn.ReLU())),
    "inserting into a list": lambda t: [
        (layers := t.nn.ModuleList([t.nn.Tanh(), t.nn.ReLU()])).insert(1, t.nn.GELU()),
        repr(layers),
    ],
    "inserting into a list out of range": lambda t: [
        (layers := t.nn.ModuleList([t.nn.Tanh()])).insert(5, t.nn.GELU()),
        list(layers._modules),
    ],
    "inserting into a list from the end": lambda t: t.nn.ModuleList([t.nn.Tanh()]).insert(
        -1, t.nn.ReLU()
    ),
    "indexing with a string": lambda t: t.nn.Sequential(t.nn.ReLU())["0"],
    "indexing a list with a string": lambda t: t.nn.ModuleList([t.nn.ReLU()])["0"],
    "adding a list": lambda t: t.nn.Sequential().__add__([t.nn.ReLU()]),
    "adding a list in place": lambda t: t.nn.Sequential().__iadd__([t.nn.ReLU()]),
    "a list and a generator": lambda t: repr(t.nn.ModuleList() + (t.nn.ReLU() for _ in range(2))),
    "repeating by a float": lambda t: t.nn.Sequential() * 1.5,
    "a dictionary of a number": lambda t: t.nn.ModuleDict(3),
    "a dictionary of numbers": lambda t: t.nn.ModuleDict([3]),
    "a dictionary of triples": lambda t: t.nn.ModuleDict([("a", t.nn.ReLU(), 1)]),
    "a dictionary with a dot": lambda t: t.nn.ModuleDict({"a.b": t.nn.ReLU()}),
    "a dictionary over a method": lambda t: t.nn.ModuleDict({"pop": t.nn.ReLU()}),
    "missing key": lambda t: t.nn.ModuleDict()["a"],
    "popping a missing key": lambda t: t.nn.ModuleDict().pop("a"),
    "deleting a missing key": lambda t: t.nn.ModuleDict().__delitem__("a"),
}


@pytest.mark.parametrize("program", CASES.values(), ids=CASES)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)
