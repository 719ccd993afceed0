"""The data to train on: the tutorial's six points, scikit-learn's bundled sets, or a CSV file.

`load` gives each as a `Dataset`: features in float64, one class number per sample, and (for all
but the six points) a held-out test part. What a file has wrong is a `DataError` of one line that
names the file, the line and the column.
"""

from __future__ import annotations

import csv
import math
import os
from dataclasses import dataclass

import numpy as np

from minigrad.api.files import reason

TOY = "toy"
BUNDLED = ("iris", "wine", "breast_cancer", "digits")

# One split for all runs, whatever their seed: a checkpoint must be evaluated on samples that it
# has not been trained on, and two seeds compared on the same ones.
SPLIT_SEED = 0


class DataError(ValueError):
    """The data cannot be trained on; the message is one line that says why."""


@dataclass(frozen=True)
class Dataset:
    """Samples to train on and, where there is a test part, samples to be judged on.

    `x` and `x_test` are samples x features in float64; `y` and `y_test` are class numbers in
    int64; `classes[k]` is the label of class k, as it is to be shown.
    """

    name: str
    classes: np.ndarray
    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray | None = None
    y_test: np.ndarray | None = None

    def __str__(self) -> str:
        held_out = "" if self.x_test is None else f" + {len(self.x_test)} held out"
        return (
            f"{self.name}: {len(self.x)} samples{held_out}, "
            f"{self.x.shape[1]} features, {len(self.classes)} classes"
        )


def load(name: str, test_size: float = 0.2) -> Dataset:
    """The data called `name` ("toy", one of `BUNDLED`, or a CSV file's path), ready to train on.

    All but the toy data are split into a training and a test part, `test_size` being the test
    part's share (0: no test part), and standardised with the training part's means and scales.
    Raises DataError.
    """
    if name == TOY:
        x = np.array([[0, 0], [1, 0], [1, 1], [0, 0], [0, 0], [0, 1]], dtype=np.float64)
        return Dataset(TOY, np.arange(3), x, np.array([0, 1, 2, 0, 0, 2]))
    if name in BUNDLED:
        x, labels = read_bundled(name)
    elif name.lower().endswith(".csv") or os.path.exists(name):
        x, labels = read_csv(name)
    else:
        known = ", ".join((TOY, *BUNDLED))
        raise DataError(f"unknown data set {name!r}: choose {known}, or give a .csv file")
    return _split(name, x, labels, test_size)


def read_bundled(name: str) -> tuple[np.ndarray, np.ndarray]:
    """One of scikit-learn's bundled sets, as features and labels; nothing is downloaded."""
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{name}")()
    return np.asarray(bunch.data, dtype=np.float64), bunch.target


def read_csv(path: str) -> tuple[np.ndarray, np.ndarray]:
    """A CSV file's features and labels: the last column is the label, numbers or words.

    A first row without a single number among its features is a header if more rows follow. Blank
    lines are skipped. Raises DataError, which names the line and the column where it can.
    """
    rows = _rows(path)
    if not rows:
        raise DataError(f"{path} is empty")
    first_line, first = rows[0]
    width = len(first)
    if width < 2:
        raise DataError(
            f"{path}, line {first_line}: only one column; "
            "expected features and then a label, separated by commas"
        )
    header = all(_number(cell) is None for cell in first[:-1])
    samples = rows[1:] if header else rows
    if not samples:
        raise DataError(f"{path} has a header and no rows of data")

    features = np.empty((len(samples), width - 1))
    for i, (line, cells) in enumerate(samples):
        if len(cells) != width:
            raise DataError(
                f"{path}, line {line}: {len(cells)} columns, where line {first_line} has {width}"
            )
        for j, cell in enumerate(cells):
            column = f"column {j + 1}" + (f" ({first[j]!r})" if header and first[j] else "")
            if cell == "":
                raise DataError(f"{path}, line {line}, {column}: empty")
            if j == width - 1:
                break
            number = _number(cell)
            if number is None or not math.isfinite(number):
                what = "not a number" if number is None else "not finite"
                raise DataError(f"{path}, line {line}, {column}: {cell!r} is {what}")
            features[i, j] = number
    return features, _labels([cells[-1] for _, cells in samples])


def _rows(path: str) -> list[tuple[int, list[str]]]:
    """The file's rows that are not blank, each with the number of the line on which it starts."""
    rows = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True, skipinitialspace=True)
            line = 1
            for row in reader:
                cells = [cell.strip() for cell in row]
                if any(cells):
                    rows.append((line, cells))
                line = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start})") from None
    except csv.Error as error:
        raise DataError(f"{path}, line {line}: not CSV: {error}") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte in it
        raise DataError(f"{path} cannot be read: {reason(error)}") from None
    return rows


def _number(cell: str) -> float | None:
    """The cell's number, or None. Python's `1_000` is a word in a CSV file."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _labels(cells: list[str]) -> np.ndarray:
    """Numbers if all are (so that 1 and 1.0 are one class, and 10 comes after 9), else words."""
    numbers = [_number(cell) for cell in cells]
    if any(n is None or not math.isfinite(n) for n in numbers):
        return np.array(cells)
    values = np.array(numbers, dtype=np.float64)
    whole = values.astype(np.int64) if np.all(np.abs(values) < 2**53) else values
    return whole if np.array_equal(whole, values) else values


def _split(name: str, x: np.ndarray, labels: np.ndarray, test_size: float) -> Dataset:
    from sklearn.model_selection import train_test_split

    classes, y, counts = np.unique(labels, return_inverse=True, return_counts=True)
    y = y.astype(np.int64)
    if len(classes) < 2:
        raise DataError(f"{name} has one class only ({classes[0]}): there is nothing to learn")
    if test_size == 0:
        (x,) = _standardised(name, x)
        return Dataset(name, classes, x, y)

    n_test = math.ceil(len(x) * test_size)  # train_test_split's own rounding
    if len(x) - n_test < len(classes):
        raise DataError(
            f"{name} is too small to split: {len(x)} samples of {len(classes)} classes leave "
            f"{len(x) - n_test} to train on; use --test-size 0 to train on all of them"
        )
    stratify = y if counts.min() >= 2 and n_test >= len(classes) else None
    x, x_test, y, y_test = train_test_split(
        x, y, test_size=n_test, random_state=SPLIT_SEED, stratify=stratify
    )
    x, x_test = _standardised(name, x, x_test)
    return Dataset(name, classes, x, y, x_test, y_test)


def _standardised(name: str, *parts: np.ndarray) -> list[np.ndarray]:
    """The parts with the first one's means taken away and divided by its scales."""
    from sklearn.preprocessing import StandardScaler

    with np.errstate(over="ignore", invalid="ignore"):  # looked for below, by column
        scaler = StandardScaler().fit(parts[0])
        standard = [scaler.transform(part) for part in parts]
    largest = np.max([np.abs(part).max(axis=0) for part in standard], axis=0)
    fits = largest < np.finfo(np.float32).max  # False for NaN as well
    if not fits.all():
        raise DataError(f"{name}, column {np.argmin(fits) + 1}: numbers too large to standardise")
    return standard
