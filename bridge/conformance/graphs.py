"""The graph of a result, as both libraries show it: names of nodes, and where their edges lead."""

from __future__ import annotations

from typing import Any

Row = tuple[str, tuple[tuple[int, int] | None, ...]]


def graph(tensor: Any) -> list[Row]:
    """Each node below a tensor with its name and its edges; a tensor without history has none.

    An edge is the number of a node in this list, and which of its results the operand was, or None
    for an operand without a gradient.

    >>> graph((torch.ones(2, requires_grad=True) * 2).sum())  # doctest: +NORMALIZE_WHITESPACE
    [('SumBackward0', ((1, 0),)),
     ('MulBackward0', ((2, 0), None)),
     ('torch::autograd::AccumulateGrad', ())]
    """
    nodes = [tensor.grad_fn] if tensor.grad_fn is not None else []
    numbers = {node: place for place, node in enumerate(nodes)}
    rows: list[Row] = []
    for node in nodes:  # which grows
        edges: list[tuple[int, int] | None] = []
        for parent, result in node.next_functions:
            if parent is not None and parent not in numbers:
                numbers[parent] = len(nodes)
                nodes.append(parent)
            edges.append(None if parent is None else (numbers[parent], result))
        rows.append((node.name(), tuple(edges)))
    return rows


def first_difference(theirs: list[Row], ours: list[Row]) -> str:
    """Say where two graphs differ; "" if they don't."""
    for place, (a, b) in enumerate(zip(theirs, ours, strict=False)):
        if a != b:
            return f"node {place} is {_described(b)}, not {_described(a)}"
    return "" if len(theirs) == len(ours) else f"{len(ours)} nodes, not {len(theirs)}"


def _described(row: Row) -> str:
    name, edges = row
    return f"{name}({', '.join('none' if e is None else f'{e[0]}.{e[1]}' for e in edges)})"
