"""What a record keeps of its arrays."""

from __future__ import annotations

import numpy as np
import pytest

from minigrad.explaining.arrays import KEEP, summaries


def test_arrays_up_to_the_given_size_are_kept_whole() -> None:
    arrays = [np.arange(n, dtype=np.float32) for n in (0, 4, 5)]
    found, kept = summaries(arrays, 4)
    assert kept == 4
    assert [each.get("values") for each in found] == [[], [0.0, 1.0, 2.0, 3.0], None]
    assert found[2]["cells"] == {"shape": [1, 5], "values": [0.0, 1.0, 2.0, 3.0, 4.0]}


def test_few_arrays_are_kept_up_to_the_usual_size() -> None:
    found, kept = summaries([np.zeros(KEEP), np.zeros(KEEP + 1)], None)
    assert kept == KEEP
    assert ["values" in each for each in found] == [True, False]


def test_of_many_arrays_the_smallest_are_kept() -> None:
    arrays = [np.zeros(2), *[np.zeros((30, 100))] * 200]
    found, kept = summaries(arrays, None)
    assert kept == 2
    assert ["values" in each for each in found] == [True] + [False] * 200
    cells = sum(len(each["cells"]["values"]) for each in found[1:])
    assert cells <= 500_000


@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000])
def test_a_heat_map_has_the_mean_of_each_cell(size: int) -> None:
    rng = np.random.default_rng(size)
    array = rng.standard_normal((size, 70)).astype(np.float32)
    found, _ = summaries([array], 0)
    cells = np.array(found[0]["cells"]["values"]).reshape(found[0]["cells"]["shape"])
    assert cells.shape == (min(size, 64), 64)
    rows = np.array_split(
        np.arange(size), np.linspace(0, size, cells.shape[0] + 1).astype(int)[1:-1]
    )
    columns = np.array_split(np.arange(70), np.linspace(0, 70, 65).astype(int)[1:-1])
    means = [[array[np.ix_(r, c)].mean(dtype=np.float64) for c in columns] for r in rows]
    np.testing.assert_allclose(cells, means, rtol=1e-3, atol=1e-12)


def test_a_cell_with_nan_has_no_mean() -> None:
    array = np.zeros((2, 100), np.float32)
    array[1, 99] = np.nan
    (found,), _ = summaries([array], 0)
    assert found["cells"]["values"].count(None) == 1
    assert found["cells"]["values"][-1] is None
    assert found["nan"] == 1
