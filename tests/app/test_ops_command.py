"""`minigrad ops`: the table, the details, the JSON, and unknown names."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from commands import Command, assert_refused

import minigrad
from minigrad.rules import REGISTRY


def test_every_op_has_a_line_in_the_table(ops: Command) -> None:
    result = ops()
    assert (result.status, result.err) == (0, "")
    header, *lines = result.out.split("\n\n")[0].splitlines()
    assert header.split()[:2] == ["op", "function"]
    assert len(lines) == len(REGISTRY)
    assert lines == sorted(lines)
    (exp,) = (line for line in lines if line.startswith("exp "))
    assert exp.split() == ["exp", "yes", "yes", "yes", "every", "4", "ULP", "6", "ULP"]
    assert "minigrad ops NAME" in result.out


def test_an_op_is_found_by_any_of_its_names(ops: Command) -> None:
    exp = ops("exp").out
    assert exp.startswith("exp(input, *, out=None)\n    e to the power of each element.\n\n")
    assert re.search("^    why +NumPy's float32 exp errs by up to 2.6 ULP", exp, re.MULTILINE)
    assert all(ops(name).out == exp for name in ("exp_", "torch.exp", "Tensor.exp_"))
    assert ops("exp", "+", "add", "max").out == "\n".join(ops(n).out for n in ("exp", "+", "max"))
    titles = [line for line in ops("@").out.splitlines() if line and not line.startswith(" ")]
    assert [title.partition("(")[0] for title in titles] == ["dot", "matmul", "mm", "mv"]


def test_json_has_the_same_ops_as_data(tmp_path: Path, ops: Command) -> None:
    path = tmp_path / "ops.json"
    result = ops("--json", path)
    assert result.out == ops().out
    content = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert content["minigrad"] == minigrad.__version__
    assert {op["rule"] for op in content["ops"]} == set(REGISTRY)
    ops("isnan", "add", "--json", path)
    isnan, add = json.loads(path.read_text())["ops"]
    assert (isnan["order"], isnan["gradient"], isnan["grad_fn"]) == ("0", None, [])
    assert add["value"] == {"tolerance": "exact", "bound": 0, "unit": "ULP"}
    assert add["value_with_alpha"]["bound"] == 2
    assert add["operators"] == ["x + y", "x += y"]
    assert os.listdir(tmp_path) == ["ops.json"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("exq", "unknown op 'exq': did you mean eq or exp or eq_\\?"),
        ("exp softmaxx", "unknown op 'softmaxx': did you mean softmax"),
        ("qqqqqq", "unknown op 'qqqqqq': see minigrad ops"),
        ("flatten", "'flatten' is not a single op: see minigrad ops"),
        ("--json none/ops.json", "--json none/ops.json cannot be written"),
        ("--jso ops.json", "unrecognized arguments: --jso"),
    ],
)
def test_bad_arguments_are_refused(
    options: str, message: str, tmp_path: Path, ops: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = ops(*options.split())
    assert_refused(result, message)
    assert result.out == ""
