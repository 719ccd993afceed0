"""The boxes of modules, and the layers of the graph in each of them."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import minigrad
from minigrad import nn
from minigrad.explaining.layout import SPAN, layout


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Any) -> Any:
        return x + self.linear(x).relu()


def layout_of(model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    x = minigrad.ones(2, 3)
    with minigrad.explain() as page:
        model(x).sum().backward()
    return page.to_dict(), layout(page.to_dict())


def by_name(found: dict[str, Any], name: str) -> dict[str, Any]:
    (box,) = (box for box in found["boxes"] if box["name"] == name)
    return box


def test_every_row_and_leaf_is_in_one_box() -> None:
    record, found = layout_of(nn.Sequential(Block(), nn.Linear(3, 4), nn.ReLU()))
    members = [member for box in found["boxes"] for member in box["members"]]
    expected = [f"r{row['number']}" for row in record["rows"]]
    expected += [f"l{leaf['number']}" for leaf in record["leaves"]]
    expected += [f"b{box['number']}" for box in found["boxes"][1:]]
    assert sorted(members) == sorted(expected)


def test_equal_blocks_that_follow_each_other_are_one_box() -> None:
    model = nn.Sequential(Block(), Block(), Block(), nn.Linear(3, 2))
    _, found = layout_of(model)
    group = by_name(found, "model.0 … 2")
    assert group["count"] == 3
    assert [found["boxes"][int(m[1:])]["name"] for m in group["members"]] == [
        "model.0",
        "model.1",
        "model.2",
    ]
    assert all(found["boxes"][int(m[1:])]["parent"] == group["number"] for m in group["members"])
    assert group["rows"] == 9
    other = nn.Sequential(Block(), nn.Sequential(nn.Linear(3, 3), nn.Tanh()), Block())
    assert all(box["count"] == 1 for box in layout_of(other)[1]["boxes"])


def test_each_edge_goes_down() -> None:
    record, found = layout_of(nn.Sequential(Block(), Block(), nn.Linear(3, 2)))
    layer = {node: at for box in found["boxes"] for node, at, _ in box["nodes"]}
    box_of = {member: box["number"] for box in found["boxes"] for member in box["members"]}
    checked = 0
    for row in record["rows"]:
        for operand in row["operands"]:
            source = f"l{operand['leaf']}" if operand["row"] is None else f"r{operand['row']}"
            to = f"r{row['number']}"
            if box_of.get(source) == box_of[to]:
                assert layer[source] < layer[to]
                checked += 1
    assert checked > 5


def test_a_long_edge_has_bends_up_to_a_limit() -> None:
    x = minigrad.ones(2, requires_grad=True)
    with minigrad.explain() as page:
        y = first = x * 2
        for _ in range(4):
            y = y.sin()
        y = y + first
        for _ in range(SPAN + 1):
            y = y.sin()
        (y + first).sum().backward()
    (box,) = layout(page.to_dict())["boxes"]
    assert [len(chain) for chain in box["bends"].values()] == [4]
    ((edge, chain),) = box["bends"].items()
    assert edge == "r0 r5"
    assert [box["nodes"][place][:2] for place in chain] == [("", 2), ("", 3), ("", 4), ("", 5)]


def test_without_igraph_the_order_is_that_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "igraph", None)
    _, found = layout_of(nn.Sequential(Block(), Block(), nn.Linear(3, 2)))
    assert not found["igraph"]
    for box in found["boxes"]:
        assert len({(layer, x) for _, layer, x in box["nodes"]}) == len(box["nodes"])


def test_a_parameter_that_two_modules_share_joins_no_boxes() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 3)
            self.two.weight = self.one.weight

        def forward(self, x: Any) -> Any:
            return self.one(x) * self.two(x)

    _, found = layout_of(Tied())
    box = by_name(found, "model")
    boxes = [layer for node, layer, _ in box["nodes"] if node.startswith("b")]
    assert len(boxes) == 2
    assert len(set(boxes)) == 1


def test_a_parameter_is_in_its_module_even_if_its_initialisation_is_on_the_tape() -> None:
    with minigrad.explain() as page:
        model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
        model(minigrad.ones(2, 3)).sum().backward()
    record, found = page.to_dict(), layout(page.to_dict())
    leaves = [f"l{leaf['number']}" for leaf in record["leaves"] if leaf["is_parameter"]]
    names = [leaf["name"] for leaf in record["leaves"] if leaf["is_parameter"]]
    assert sorted(names) == ["model.0.bias", "model.0.weight"]
    assert set(leaves) <= set(by_name(found, "model.0")["members"])
