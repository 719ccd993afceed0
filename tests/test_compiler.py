"""torch.compiler, torch.hub and other modules of few names: what programs say to them."""

from __future__ import annotations

import urllib.error
from pathlib import Path
from typing import Any

import pytest
from twins import check_same

import minigrad
import minigrad.utils.data._utils.collate
import minigrad.utils.model_zoo
from minigrad import nn

torch = pytest.importorskip("torch")
pytest.importorskip("torch.nn.common_types")
pytest.importorskip("torch.utils.model_zoo")

SAME = """
t.compiler.is_compiling(), t.compiler.is_dynamo_compiling(), t.compiler.is_exporting()
t.compiler.disable(abs)(-1), t.compiler.disable()(abs)(-2)
t.compiler.disable(recursive=False)(abs)(-3)
t.compiler.disable(t.relu)(t.ones(1)), t.compiler.allow_in_graph(abs)(-1)
t.nn._reduction.get_enum('none'), t.nn._reduction.get_enum('mean'), t.nn._reduction.get_enum('sum')
t.nn._reduction.get_enum('x')
t.nn._reduction.get_enum('elementwise_mean')
[t.nn._reduction.legacy_get_string(a, b) for a in (None, True, False) for b in (None, True, False)]
[t.nn._reduction.legacy_get_enum(a, b, False) for a in (None, True, 0) for b in (None, True, False)]
t.nn.utils.stateless.functional_call(t.nn.ReLU(), {}, (t.ones(1),))
t.nn.utils.stateless.functional_call(t.nn.Linear(1, 1), {'weight': t.ones(1, 1)}, t.ones(1)).shape
isinstance(t.ones(2).sort(), t.return_types.sort), isinstance(t.ones(2).max(0), t.return_types.max)
isinstance(t.linalg.qr(t.eye(2)), t.return_types.linalg_qr)
t.torch_version.TorchVersion('1.10') > '1.9', t.torch_version.TorchVersion is type(t.__version__)
t.utils.data._utils.collate.default_collate([1, 2]), t.utils.data._utils.collate.default_convert(1)
t.hub.set_dir('/tmp/hub'), t.hub.get_dir()
isinstance(2, t.types.Number), isinstance(True, t.types._bool)
isinstance(t.float32, t.types._dtype), isinstance(t.strided, t.types._layout)
isinstance(t.device('cpu'), t.types._device), t.types.Size is t.Size
"""


@pytest.mark.parametrize("line", SAME.strip().splitlines())
def test_same(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for hub in (minigrad.utils.model_zoo._Settings, torch.hub):
        monkeypatch.setattr(hub, "folder" if hub is not torch.hub else "_hub_dir", None)
    check_same(lambda t: eval(line, {"t": t}))


def test_what_cannot_be_called_cannot_be_disabled() -> None:
    for library in (minigrad, torch):
        with pytest.raises(AssertionError):
            library.compiler.disable(3)


def test_a_step_that_calls_a_disabled_function_runs_as_it_is() -> None:
    seen: list[bool] = []

    @minigrad.compiler.disable
    def noted(x: Any) -> Any:
        seen.append(minigrad.compiler.is_compiling())
        return x

    @minigrad.compile
    def step(x: Any) -> Any:
        return noted(x) * 2

    x = minigrad.ones(2)
    step(x)
    with pytest.warns(UserWarning, match="disabled function"):
        step(x)
    step(x)
    assert seen == [False] * 3
    assert step.refusal.startswith("a call of a disabled function")


def test_a_step_knows_that_it_is_recorded() -> None:
    @minigrad.compile
    def step(x: Any) -> Any:
        return x * (3 if minigrad.compiler.is_compiling() else 2)

    assert [step(minigrad.ones(1)).item() for _ in range(3)] == [2, 3, 3]
    assert not step.refusal


def test_nothing_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minigrad.utils.model_zoo._Settings, "folder", str(tmp_path))
    with pytest.raises(RuntimeError, match="no internet connection"):
        minigrad.hub.load("pytorch/vision", "resnet18")
    with pytest.raises(RuntimeError, match="no internet connection"):
        minigrad.hub.list("pytorch/vision")
    with pytest.raises(ValueError, match="Unknown source"):
        minigrad.hub.load("pytorch/vision", "resnet18", source="elsewhere")
    with pytest.raises(urllib.error.URLError, match="no network"):
        minigrad.utils.model_zoo.load_url("https://example.org/a.pt")


def test_a_file_that_is_there_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = nn.Linear(2, 1).state_dict()
    (tmp_path / "checkpoints").mkdir()
    minigrad.save(state, tmp_path / "checkpoints" / "a.pt")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "none"))
    monkeypatch.setattr(minigrad.utils.model_zoo._Settings, "folder", None)
    assert minigrad.hub.get_dir() == str(tmp_path / "none" / "hub")
    minigrad.hub.set_dir(tmp_path)
    url = "https://example.org/models/a.pt?version=2"
    for found in (
        minigrad.hub.load_state_dict_from_url(url),
        minigrad.hub.load_state_dict_from_url(url, str(tmp_path / "checkpoints"), "cpu"),
        minigrad.hub.load_state_dict_from_url("https://example.org/b", file_name="a.pt"),
    ):
        assert found.keys() == state.keys()
        assert all(minigrad.equal(found[name], state[name]) for name in state)


def test_a_folder_of_this_machine_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "parts.py").write_text("FACTOR = 3\n")
    (tmp_path / "hubconf.py").write_text(
        "from parts import FACTOR\n\n\ndef scaled(x, by=1):\n    return FACTOR * x * by\n"
    )
    for library in (minigrad, torch):
        assert library.hub.load(str(tmp_path), "scaled", 2, source="local", by=5) == 30
        with pytest.raises(RuntimeError, match="Cannot find callable"):
            library.hub.load(str(tmp_path), "other", source="local")
        with pytest.raises(FileNotFoundError):
            library.hub.load(str(tmp_path / "none"), "scaled", source="local")


def test_the_types_of_arguments_have_pytorchs_names() -> None:
    for name in vars(nn.common_types):
        if name.endswith("_t"):
            assert hasattr(torch.nn.common_types, name)
            assert str(getattr(torch.nn.common_types, name)).replace("torch", "").count(
                "tuple"
            ) == str(getattr(nn.common_types, name)).count("tuple")


def test_the_configuration_names_the_versions() -> None:
    assert minigrad.__version__ in minigrad.__config__.show()
    assert f"threads() : {minigrad.get_num_threads()}" in minigrad.__config__.parallel_info()
