"""Gradients that are NaN or infinite."""

from __future__ import annotations

from typing import Any

import pytest
from twins import check_same

pytest.importorskip("torch")


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adamax", "RMSprop", "Rprop", "ASGD", "Adagrad"])
@pytest.mark.parametrize("second", ["nan", "inf", "-inf", "0"])
def test_the_steps_after_a_strange_gradient(name: str, second: str) -> None:
    def program(torch: Any) -> Any:
        w = torch.nn.Parameter(torch.ones(5))
        optimizer = getattr(torch.optim, name)([w], lr=0.125)
        seen = []
        for value in (1.0, float(second), 1.0, -0.5):
            w.grad = torch.full((5,), value)
            optimizer.step()
            seen.append(w.detach().round(decimals=3))
        return seen

    check_same(program)
