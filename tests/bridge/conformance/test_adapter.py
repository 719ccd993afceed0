"""Candidates are loaded, and bad ones are refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bridge.cli import main
from bridge.conformance.adapter import BadCandidate, Missing, PyTorchNames, load, name_of
from bridge.conformance.namespace import Namespace, namespace
from minigrad import one_page
from tests.bridge.conformance.toys import TOY, written

TENSOR = "def tensor(array, requires_grad): return array\n"
REST = "def backward(y, g): pass\ndef grad(x): return None\n"
NUMPY = "def to_numpy(x): return x\n"
OPS = "ops = {'add': lambda a, b: a + b}\n"
BAD = {
    "no such file": (None, "no such file"),
    "syntax": ("def tensor(:", "can't be imported: SyntaxError"),
    "an error": ("1 / 0", "can't be imported: ZeroDivisionError: division by zero"),
    "an exit": ("raise SystemExit(3)", "can't be imported: SystemExit: 3"),
    "an import": ("import nonsense_engine", "No module named 'nonsense_engine'"),
    "nothing": ("x = 1", "has neither PyTorch's `tensor` nor an adapter's `ops`"),
    "no ops": (TENSOR + REST + NUMPY, "the adapter has no `ops`"),
    "empty ops": (TENSOR + REST + NUMPY + "ops = {}", "at least one op"),
    "ops are a list": (TENSOR + REST + NUMPY + "ops = [1]", "`ops` must be a dict"),
    "no tensor": (REST + NUMPY + OPS, "the adapter has no `tensor`"),
    "no grad": (TENSOR + "def backward(y, g): pass\n" + NUMPY + OPS, "has no `grad`"),
    "no to_numpy": (TENSOR + REST + OPS, "has no `to_numpy`"),
    "grad isn't a function": (TENSOR + REST + NUMPY + OPS + "grad = 1", "`grad` is not a function"),
    "tensor raises": (
        "def tensor(array, requires_grad): raise OSError('no\\nluck')\n" + REST + NUMPY + OPS,
        "tensor and to_numpy: OSError: no luck",
    ),
    "not an array": (
        TENSOR + REST + "def to_numpy(x): return 'text'\n" + OPS,
        "to_numpy must return an array, but returned str",
    ),
    "another array": (TENSOR + REST + "def to_numpy(x): return x + 1\n" + OPS, "returned array"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_candidate_is_refused_in_one_line(what: str, tmp_path: Path) -> None:
    text, message = BAD[what]
    path = tmp_path / "engine.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadCandidate) as caught:
        load(str(path))
    said = str(caught.value)
    assert message in said
    assert str(path) in said
    assert "\n" not in said


def test_the_command_refuses_a_bad_candidate(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "nonsense_engine", "--suite", "tape"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("bridge: error: nonsense_engine: can't be imported")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "options", [["--suite", "rule"], ["--minutes", "0"], ["--examples", "0"], ["--seed", "-1"], []]
)
def test_the_command_refuses_bad_options(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["conform", *(["torch"] if options else []), *options]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_file_and_a_module_are_adapters() -> None:
    assert {"add", "mul"} <= load(str(TOY)).ops.keys()
    assert load("bridge.adapters.torch") is load("torch")


def test_a_namespace_with_some_of_pytorchs_names_needs_no_adapter() -> None:
    found = load("minigrad.one_page")
    assert isinstance(found, PyTorchNames)
    assert name_of(found) == "minigrad.one_page"
    x = Namespace(found).tensor([1.0, -2.0], requires_grad=True)
    y = x.relu()
    y.backward(np.ones(2, np.float32))
    assert y.array().tolist() == [1, 0]
    assert x.grad is not None
    assert x.grad.tolist() == [1, 0]
    with pytest.raises(Missing):
        x.cosh()
    assert load(one_page).ops["matmul"] is one_page.matmul


def test_the_namespace_of_a_complete_library_is_the_library() -> None:
    assert namespace("torch") is torch


def test_scalars_are_arrays_in_the_namespace(tmp_path: Path) -> None:
    floats = "scalar = True\ndtypes = ('float64',)\n"
    t = namespace(written(tmp_path, also=floats))
    x = t.tensor([[1.0], [2.0]], dtype=t.float64, requires_grad=True)
    y = t.tensor([3.0, 4.0], dtype=t.float64, requires_grad=True)
    (x * y).backward(np.array([[1.0, 0.0], [0.0, 10.0]]))
    assert x.grad.tolist() == [[3.0], [40.0]]
    assert y.grad.tolist() == [1.0, 20.0]
    with pytest.raises(Missing):
        t.tensor([1.0]) + 1  # float32
