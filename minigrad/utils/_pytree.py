"""Nested structures of tensors and anything else, under the names of torch.utils._pytree.

A structure is a leaf, or a node: a list, tuple, dict and their kin in collections, or a class that
was registered. A `TreeSpec` is a structure without its leaves.
"""

from __future__ import annotations

import functools
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Any, NamedTuple

from ..api.compositions import results
from ..api.size import Size

__all__ = [
    "LeafSpec",
    "PyTree",
    "TreeSpec",
    "is_namedtuple",
    "is_namedtuple_class",
    "is_namedtuple_instance",
    "is_structseq",
    "key_get",
    "keystr",
    "register_pytree_node",
    "tree_all",
    "tree_all_only",
    "tree_any",
    "tree_any_only",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_is_leaf",
    "tree_iter",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_map_only_",
    "tree_map_with_path",
    "tree_structure",
    "tree_unflatten",
]

PyTree = Any
IsLeaf = Callable[[Any], bool] | None

# Where a leaf is ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class SequenceKey:
    """A place in a sequence."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        """The item at this place."""
        return sequence[self.idx]


@dataclass(frozen=True)
class MappingKey:
    """A key of a mapping."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        """The value of this key."""
        return mapping[self.key]


@dataclass(frozen=True)
class GetAttrKey:
    """A name of an attribute."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        """The value of this attribute."""
        return getattr(obj, self.name)


def keystr(kp: tuple[Any, ...]) -> str:
    """Return a path as a text.

    >>> [keystr(path) for path, _ in tree_leaves_with_path({"a": [1, 2]})]
    ["['a'][0]", "['a'][1]"]
    """
    return "".join(map(str, kp))


def key_get(obj: Any, kp: tuple[Any, ...]) -> Any:
    """Return the part of a structure to which a path leads."""
    for key in kp:
        obj = key.get(obj)
    return obj


# The kinds of nodes -------------------------------------------------------------------------------


class NodeDef(NamedTuple):
    """How to take a node apart, into its children and its context, and how to build it again."""

    type: Any
    flatten_fn: Callable[[Any], tuple[list[Any], Any]]
    unflatten_fn: Callable[[Iterable[Any], Any], Any]
    flatten_with_keys_fn: Callable[[Any], tuple[list[tuple[Any, Any]], Any]] | None


SUPPORTED_NODES: dict[Any, NodeDef] = {}


def register_pytree_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[list[Any], Any]],
    unflatten_fn: Callable[[Iterable[Any], Any], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable[[Any], Any] | None = None,
    from_dumpable_context: Callable[[Any], Any] | None = None,
    flatten_with_keys_fn: Callable[[Any], tuple[list[tuple[Any, Any]], Any]] | None = None,
) -> None:
    """Make the objects of a class nodes. ValueError for one that was registered before.

    `flatten_fn` returns the children and a context; `unflatten_fn(children, context)` makes an
    object of them. The names for files are ignored: specs aren't written to files.
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)


def _of_sequence(kind: Any, context: Callable[[Any], Any], build: Callable[..., Any]) -> None:
    """Register a kind of sequence, whose context is computed and given to `build`."""
    SUPPORTED_NODES[kind] = NodeDef(
        kind,
        lambda x: (list(x), context(x)),
        build,
        lambda x: ([(SequenceKey(i), item) for i, item in enumerate(x)], context(x)),
    )


def _of_mapping(kind: Any, context: Callable[[Any], Any], build: Callable[..., Any]) -> None:
    SUPPORTED_NODES[kind] = NodeDef(
        kind,
        lambda x: (list(x.values()), context(x)),
        build,
        lambda x: ([(MappingKey(key), item) for key, item in x.items()], context(x)),
    )


def _by_names(x: Any) -> list[tuple[Any, Any]]:
    return [(GetAttrKey(name), item) for name, item in zip(x._fields, x, strict=True)]


def _nothing(x: Any) -> None:
    return None


_of_sequence(tuple, _nothing, lambda items, _: tuple(items))
_of_sequence(list, _nothing, lambda items, _: list(items))
_of_mapping(dict, list, lambda items, keys: dict(zip(keys, items, strict=True)))
SUPPORTED_NODES[namedtuple] = NodeDef(
    namedtuple,
    lambda x: (list(x), type(x)),
    lambda items, kind: kind(*items),
    lambda x: (_by_names(x), type(x)),
)
_of_mapping(OrderedDict, list, lambda items, keys: OrderedDict(zip(keys, items, strict=True)))
_of_mapping(
    defaultdict,
    lambda x: [x.default_factory, list(x)],
    lambda items, context: defaultdict(context[0], zip(context[1], items, strict=True)),
)
_of_sequence(deque, lambda x: x.maxlen, lambda items, maxlen: deque(items, maxlen=maxlen))
_of_sequence(Size, _nothing, lambda items, _: tuple(items))
for _name, _result in list(vars(results).items()):
    if _name.endswith("_result"):
        _of_sequence(_result, _nothing, lambda items, _, kind=_result: kind(*items))

_MAPPINGS = (dict, OrderedDict, defaultdict)  # which `flatten_up_to` takes for one another


def is_namedtuple(obj: object) -> bool:
    """Whether an object is a named tuple, or a class of them."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_namedtuple_class(cls: Any) -> bool:
    """Whether a class is one of named tuples."""
    return isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields")


def is_namedtuple_instance(obj: object) -> bool:
    """Whether an object is a named tuple."""
    return is_namedtuple_class(type(obj))


def is_structseq(obj: object) -> bool:
    """Whether an object is the result of an op with several results, or the class of one."""
    cls = obj if isinstance(obj, type) else type(obj)
    return is_namedtuple_class(cls) and cls in SUPPORTED_NODES


def _kind(tree: Any) -> Any:
    """The key of a structure in `SUPPORTED_NODES`, if it is a node."""
    cls = type(tree)
    if cls not in SUPPORTED_NODES and is_namedtuple_class(cls):
        return namedtuple
    return cls


def tree_is_leaf(tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether a structure is a leaf: not of a kind that has children, or `is_leaf` says so.

    >>> tree_is_leaf(1), tree_is_leaf([]), tree_is_leaf(None)
    (True, False, True)
    """
    return (is_leaf is not None and is_leaf(tree)) or _kind(tree) not in SUPPORTED_NODES


# Structures without leaves ------------------------------------------------------------------------


class TreeSpec:
    """A structure without its leaves: the kind of a node, its context, and its children's specs.

    >>> tree_structure({"a": 1, "b": [2, 3]})
    TreeSpec(dict, ['a', 'b'], [*,
      TreeSpec(list, None, [*,
        *])])
    """

    def __init__(self, type: Any, context: Any, children_specs: list[Any]) -> None:
        self.type, self.context, self.children_specs = type, context, children_specs
        self.num_children = len(children_specs)
        self.num_nodes = 1 + sum(child.num_nodes for child in children_specs)
        self.num_leaves = sum(child.num_leaves for child in children_specs)

    def __repr__(self, indent: int = 0) -> str:
        below = indent + 2
        children = f",\n{' ' * below}".join(c.__repr__(below) for c in self.children_specs)
        return f"TreeSpec({self.type.__name__}, {self.context}, [{children}])"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        ours = self.type, self.context, self.children_specs
        return ours == (other.type, other.context, other.children_specs)

    def __hash__(self) -> int:
        return hash((self.type, str(self.context), *map(hash, self.children_specs)))

    def is_leaf(self) -> bool:
        """Whether this is the spec of a leaf."""
        return False

    def children(self) -> list[Any]:
        """The specs of the children."""
        return list(self.children_specs)

    def child(self, index: int) -> Any:
        """The spec of one child."""
        return self.children_specs[index]

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The structure with these leaves. ValueError for another number of them."""
        given = list(leaves)
        if len(given) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(given)} but the spec refers "
                f"to a pytree that holds {self.num_leaves} items ({self})."
            )
        return self._built(iter(given))

    def _built(self, leaves: Iterator[Any]) -> Any:
        children = [child._built(leaves) for child in self.children_specs]
        return SUPPORTED_NODES[self.type].unflatten_fn(children, self.context)

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """The parts of a structure of this kind that are where this one has leaves.

        ValueError for a structure of another kind.
        """
        return list(self._parts(tree))

    def _parts(self, tree: Any) -> Iterator[Any]:
        kind = _kind(tree)
        are_mappings = self.type in _MAPPINGS and kind in _MAPPINGS
        if kind != self.type and not are_mappings:
            raise ValueError(f"Node type mismatch; expected {self.type}, but got {kind}.")
        children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
        if len(children) != self.num_children:
            raise ValueError(
                f"Node arity mismatch; expected {self.num_children}, but got {len(children)}."
            )
        if are_mappings:
            keys = self.context[1] if self.type is defaultdict else self.context
            if tree.keys() != set(keys):
                raise ValueError(
                    f"Node keys mismatch; missing key(s): {set(keys) - tree.keys()}; "
                    f"extra key(s): {tree.keys() - set(keys)}."
                )
            children = [tree[key] for key in keys]
        elif self.type is not deque and context != self.context:
            raise ValueError(
                f"Node context mismatch for custom node type {self.type}: expected "
                f"{self.context}, but got {context}."
            )
        for child, part in zip(self.children_specs, children, strict=True):
            yield from child._parts(part)


class LeafSpec(TreeSpec):
    """The spec of a leaf, which prints as a star."""

    def __init__(self) -> None:
        super().__init__(None, None, [])
        self.num_leaves = 1

    def __repr__(self, indent: int = 0) -> str:
        return "*"

    def is_leaf(self) -> bool:
        """True."""
        return True

    def _built(self, leaves: Iterator[Any]) -> Any:
        return next(leaves)

    def _parts(self, tree: Any) -> Iterator[Any]:
        yield tree


_LEAF = LeafSpec()


def _checked(treespec: Any) -> TreeSpec:
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            "Expected `treespec` to be an instance of PyTreeSpec but got item of type "
            f"{type(treespec)}."
        )
    return treespec


def _broadcast_to_and_flatten(
    tree: Any, treespec: TreeSpec, is_leaf: IsLeaf = None
) -> list[Any] | None:
    """A leaf for each leaf of a spec: one in the place of a node is repeated. None if none fits."""
    whole = treespec.unflatten([0] * treespec.num_leaves)
    leaves, spec = tree_flatten(tree, is_leaf)
    try:
        parts = spec.flatten_up_to(whole)
    except ValueError:
        return None
    pairs = zip(leaves, parts, strict=True)
    return [leaf for leaf, part in pairs for _ in tree_iter(part, is_leaf)]


# Taking apart and building ------------------------------------------------------------------------


def tree_flatten(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[Any], TreeSpec]:
    """Return the leaves of a structure, and its spec.

    >>> tree_flatten({"a": 1, "b": (2, None)})[0]
    [1, 2, None]
    """
    leaves: list[Any] = []
    return leaves, _flattened(tree, is_leaf, leaves)


def _flattened(tree: Any, is_leaf: IsLeaf, leaves: list[Any]) -> TreeSpec:
    """The spec of a structure, whose leaves are added to a list."""
    if tree_is_leaf(tree, is_leaf):
        leaves.append(tree)
        return _LEAF
    kind = _kind(tree)
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    return TreeSpec(kind, context, [_flattened(child, is_leaf, leaves) for child in children])


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """Return a structure with other leaves.

    >>> leaves, spec = tree_flatten([1, {"a": 2}])
    >>> tree_unflatten([10 * leaf for leaf in leaves], spec)
    [10, {'a': 20}]
    """
    return _checked(treespec).unflatten(leaves)


def tree_iter(tree: Any, is_leaf: IsLeaf = None) -> Iterator[Any]:
    """Yield the leaves of a structure."""
    if tree_is_leaf(tree, is_leaf):
        yield tree
    else:
        for child in SUPPORTED_NODES[_kind(tree)].flatten_fn(tree)[0]:
            yield from tree_iter(child, is_leaf)


def tree_leaves(tree: Any, is_leaf: IsLeaf = None) -> list[Any]:
    """Return the leaves of a structure.

    >>> tree_leaves([1, (2, [3])])
    [1, 2, 3]
    """
    return list(tree_iter(tree, is_leaf))


def tree_structure(tree: Any, is_leaf: IsLeaf = None) -> TreeSpec:
    """Return the spec of a structure."""
    return tree_flatten(tree, is_leaf)[1]


def arg_tree_leaves(*args: Any, **kwargs: Any) -> list[Any]:
    """Return the leaves of all arguments."""
    return tree_leaves([*args, *kwargs.values()])


# Functions of each leaf ---------------------------------------------------------------------------


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: IsLeaf = None) -> Any:
    """Return a structure with `func(leaf, …)` in the place of each leaf.

    It also gets the parts of the other structures that are in the same place. ValueError for
    structures of other kinds.

    >>> tree_map(lambda x, y: x + y, {"a": 1, "b": [2]}, {"b": [20], "a": 10})
    {'a': 11, 'b': [22]}
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [spec.flatten_up_to(rest) for rest in rests]
    return spec.unflatten(map(func, leaves, *others))


def tree_map_(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: IsLeaf = None) -> Any:
    """Call `func(leaf, …)` for each leaf, and return the structure itself."""
    leaves, spec = tree_flatten(tree, is_leaf)
    for each in zip(leaves, *(spec.flatten_up_to(rest) for rest in rests), strict=True):
        func(*each)
    return tree


def map_only(type_or_types_or_pred: Any, /) -> Callable[..., Any]:
    """Decorate a function to return an object itself, unless it is of some types.

    TypeError unless they are a type, a tuple of types, or a function that tells.

    >>> map_only(int)(lambda x: x + 1)("a")
    'a'
    """
    types = type_or_types_or_pred
    if isinstance(types, type | tuple | UnionType):

        def wanted(x: Any) -> bool:
            return isinstance(x, types)
    elif callable(types):
        wanted = types
    else:
        raise TypeError("Argument must be a type, a tuple of types, or a callable.")

    def decorate(func: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @functools.wraps(func)
        def call(x: Any) -> Any:
            return func(x) if wanted(x) else x

        return call

    return decorate


def tree_map_only(
    type_or_types_or_pred: Any,
    /,
    func: Callable[[Any], Any],
    tree: Any,
    is_leaf: IsLeaf = None,
) -> Any:
    """Return a structure with `func(leaf)` in the place of each leaf of some types.

    >>> tree_map_only(minigrad.Tensor, lambda x: x.shape, [minigrad.ones(2), "name"])
    [torch.Size([2]), 'name']
    """
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(
    type_or_types_or_pred: Any,
    /,
    func: Callable[[Any], Any],
    tree: Any,
    is_leaf: IsLeaf = None,
) -> Any:
    """Call `func(leaf)` for each leaf of some types, and return the structure itself."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether `pred(leaf)` is true for every leaf."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether `pred(leaf)` is true for some leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(
    type_or_types: Any, /, pred: Callable[[Any], bool], tree: Any, is_leaf: IsLeaf = None
) -> bool:
    """Whether `pred(leaf)` is true for every leaf of some types."""
    return all(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


def tree_any_only(
    type_or_types: Any, /, pred: Callable[[Any], bool], tree: Any, is_leaf: IsLeaf = None
) -> bool:
    """Whether `pred(leaf)` is true for some leaf of some types."""
    return any(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


# With paths ---------------------------------------------------------------------------------------


def _with_paths(tree: Any, is_leaf: IsLeaf, path: tuple[Any, ...]) -> Iterator[Any]:
    if tree_is_leaf(tree, is_leaf):
        yield path, tree
        return
    node = SUPPORTED_NODES[_kind(tree)]
    if node.flatten_with_keys_fn is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {node.type}. Please pass a "
            "flatten_with_keys_fn argument to register_pytree_node."
        )
    for key, child in node.flatten_with_keys_fn(tree)[0]:
        yield from _with_paths(child, is_leaf, (*path, key))


def tree_leaves_with_path(tree: Any, is_leaf: IsLeaf = None) -> list[tuple[Any, Any]]:
    """Return each leaf of a structure with its path: a tuple of keys.

    ValueError for an object of a registered class whose keys are unknown.
    """
    return list(_with_paths(tree, is_leaf, ()))


def tree_flatten_with_path(
    tree: Any, is_leaf: IsLeaf = None
) -> tuple[list[tuple[Any, Any]], TreeSpec]:
    """Return the leaves of a structure with their paths, and its spec."""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(
    func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: IsLeaf = None
) -> Any:
    """Return a structure with `func(path, leaf, …)` in the place of each leaf.

    >>> tree_map_with_path(lambda path, x: f"{keystr(path)} is {x}", {"a": [1]})
    {'a': ["['a'][0] is 1"]}
    """
    found, spec = tree_flatten_with_path(tree, is_leaf)
    others = [spec.flatten_up_to(rest) for rest in rests]
    paths, leaves = [path for path, _ in found], [leaf for _, leaf in found]
    return spec.unflatten(map(func, paths, leaves, *others))
