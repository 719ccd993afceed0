"""PyTorch's own samples of modules: `python -m tests.module_database` runs all of them.

One sample in eight runs here, others for each layer.
"""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("expecttest")

from minigrad import nn
from tests import module_database
from tests.module_database import EDGES, MISSING, check, module_infos
from tests.profiles import examples

INFOS = module_infos()


def test_missing_layers_are_missing() -> None:
    assert {name for name in INFOS if not hasattr(nn, name)} == MISSING


@pytest.mark.parametrize("name", sorted(INFOS.keys() - MISSING - EDGES))
def test_samples(name: str) -> None:
    every = 1 if examples(2) > 2 else 8
    result = check(name, INFOS[name], seed=sum(map(ord, name)), every=every)
    assert not result.faults, str(result)


def test_a_wrong_layer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = nn.LeakyReLU.forward
    monkeypatch.setattr(nn.LeakyReLU, "forward", lambda self, x: forward(self, x) * 1.0005)
    assert "eps of the largest" in str(module_database.check("LeakyReLU", INFOS["LeakyReLU"]))
    monkeypatch.setattr(nn.LeakyReLU, "extra_repr", lambda self: "")
    assert "repr" in str(module_database.check("LeakyReLU", INFOS["LeakyReLU"]))
