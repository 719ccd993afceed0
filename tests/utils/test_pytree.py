"""_pytree.py: nested structures are taken apart and built as PyTorch's are."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
import minigrad.utils._pytree as ours

torch = pytest.importorskip("torch")
theirs = pytest.importorskip("torch.utils._pytree")

Point = namedtuple("Point", "x y")
LEAVES = st.integers() | st.none() | st.text("ab", max_size=2) | st.just(1.5)
KEYS = st.sampled_from(["a", "b", 3, "c"])


def nodes(inside: Any) -> Any:
    lists, dicts = st.lists(inside, max_size=3), st.dictionaries(KEYS, inside, max_size=3)
    return (
        lists
        | dicts
        | lists.map(tuple)
        | lists.map(deque)
        | lists.map(lambda x: deque(x, 5))
        | dicts.map(OrderedDict)
        | dicts.map(lambda x: defaultdict(int, x))
        | st.tuples(inside, inside).map(lambda x: Point(*x))
    )


TREES = st.recursive(LEAVES, nodes, max_leaves=8)


@given(TREES)
def test_a_structure_is_taken_apart(tree: Any) -> None:
    for path in (None, lambda x: isinstance(x, tuple)):
        leaves, spec = ours.tree_flatten(tree, path)
        expected, other = theirs.tree_flatten(tree, path)
        assert leaves == expected == ours.tree_leaves(tree, path)
        assert repr(spec) == repr(other)
        assert (spec.num_leaves, spec.num_nodes, spec.num_children, spec.is_leaf()) == (
            other.num_leaves,
            other.num_nodes,
            other.num_children,
            other.is_leaf(),
        )
        assert ours.tree_unflatten(leaves, spec) == tree
        assert type(ours.tree_unflatten(leaves, spec)) is type(tree)
        assert hash(spec) == hash(ours.tree_structure(tree, path))
    shown = [(ours.keystr(path), leaf) for path, leaf in ours.tree_leaves_with_path(tree)]
    assert shown == [(theirs.keystr(p), leaf) for p, leaf in theirs.tree_leaves_with_path(tree)]
    for path, leaf in ours.tree_leaves_with_path(tree):
        assert ours.key_get(tree, path) is leaf


@given(TREES, TREES)
def test_two_structures(first: Any, second: Any) -> None:
    found: list[Any] = []
    for library in (ours, theirs):
        try:
            found.append(library.tree_map(lambda a, b: (repr(a), repr(b)), first, second))
        except ValueError as error:
            found.append(str(error)[:12])
        spec = library.tree_structure(second)
        found[-1] = (
            found[-1],
            library._broadcast_to_and_flatten(first, spec),
            library.tree_structure(first) == spec,
        )
    assert found[0] == found[1]


CALLS = """
p.tree_unflatten([1, 2], p.tree_structure([1]))
p.tree_unflatten([1, 2], 3)
p.tree_map_only(int, lambda x: x + 1, [1, "a"]), p.tree_map_only((int, str), repr, [1, "a", 2.5])
p.tree_map_only(lambda x: x == 1, repr, [1, 2]), p.tree_map_only(int | str, repr, [1, "a", 2.5])
p.tree_map_only(3, repr, [1])
p.tree_map_(repr, [1]), p.tree_map_only_(int, repr, [1, "a"])
p.tree_all(bool, [1, 0]), p.tree_any(bool, [1, 0]), p.tree_all(bool, []), p.tree_any(bool, ())
p.tree_all_only(int, bool, [1, ""]), p.tree_any_only(int, bool, [0, "a"])
list(p.tree_iter([1, (2,)])), p.tree_is_leaf(1), p.tree_is_leaf([]), p.tree_is_leaf(None)
p.tree_map_with_path(lambda k, x, y: (p.keystr(k), x, y), {"a": [1]}, {"a": [2]})
repr(p.tree_structure(1)), repr(p.TreeSpec(list, None, [p.tree_structure(1)]))
p.tree_structure(1) == p.tree_structure(None), p.tree_structure(1) == p.tree_structure([])
repr(p.tree_structure([1, [2]]).child(1)), repr(p.tree_structure([1, [2]]).children())
p.tree_structure([1, [2]]).flatten_up_to([[5], [6]])
p.tree_map(repr, deque([1, 2], 3)).maxlen, p.tree_map(repr, deque([1])).maxlen
p.tree_structure(deque([1, 2], 3)).flatten_up_to(deque([5, 6]))
p.tree_structure(defaultdict(int, a=1)).flatten_up_to({"a": [5]})
p.tree_structure({"b": 1, "a": 2}).flatten_up_to(defaultdict(int, a=5, b=6))
p.tree_structure({"a": 1}).flatten_up_to({"a": 5, "b": 6})
p.tree_structure({"a": 1}).flatten_up_to({"b": 5})
p._broadcast_to_and_flatten(1, [2])
p._broadcast_to_and_flatten([1, [2]], p.tree_structure([(3, 4), 5]))
p.is_namedtuple(Point(1, 2)), p.is_namedtuple(Point), p.is_namedtuple_instance((1,))
p.is_namedtuple_class(Point), p.is_structseq(result), p.is_structseq(Point(1, 2))
p.arg_tree_leaves(1, a=[2])
(lambda seen: [p.tree_map_(lambda *x: seen.append(x), [1], [[2, 3]]), seen])([])
repr(p.tree_flatten_with_path([1, (2,)], lambda x: isinstance(x, tuple))[1])
p.tree_all_only(tuple, len, [(1,), ()], lambda x: isinstance(x, tuple))
p.tree_any_only(tuple, len, [(1,), ()], lambda x: isinstance(x, tuple))
p.register_pytree_node(list, None, None)
repr(p.tree_structure(result)), type(p.tree_map(repr, result)).__name__
type(p.tree_map(int, t.Size([3]))).__name__, repr(p.tree_structure(t.Size([3])))
[x.tolist() for x in p.tree_leaves({"a": result})]
"""


@pytest.mark.parametrize("line", CALLS.strip().splitlines())
def test_calls(line: str) -> None:
    found: list[Any] = []
    names = {"Point": Point, "deque": deque, "defaultdict": defaultdict}
    for library, p in ((minigrad, ours), (torch, theirs)):
        result = library.max(library.ones(2, 2), 0)
        try:
            found.append(eval(line, names | {"p": p, "t": library, "result": result}))
        except Exception as error:
            found.append((type(error), str(error)[:20]))
    assert found[0] == found[1]


def test_a_class_that_is_registered_is_a_node() -> None:
    for p in (ours, theirs):

        class Box:
            def __init__(self, item: Any) -> None:
                self.item = item

        p.register_pytree_node(Box, lambda box: ([box.item], "box"), lambda items, _: Box(*items))
        leaves, spec = p.tree_flatten([Box((1, 2))])
        assert leaves == [1, 2]
        assert spec.child(0).context == "box"
        assert p.tree_map(lambda x: -x, Box([3])).item == [-3]
        with pytest.raises(ValueError, match="flatten_with_keys_fn"):
            p.tree_leaves_with_path(Box(1))
