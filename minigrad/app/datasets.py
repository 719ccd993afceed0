"""The data to train on: the tutorial's six points, scikit-learn's bundled sets, or a CSV file.

`load` returns `TrainingData`: float64 features and one class number per sample, with a held-out
test part for all but the six points. A mistake in a file raises a DataError of one line that names
the file, the line and the column.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minigrad.app.command import InputError
from minigrad.utils.atomic_write import short_message

# scikit-learn takes most of a second to import, so only the functions that need it import it:
# `--help` and the six points do without.

TOY = "toy"
BUNDLED = ("iris", "wine", "breast_cancer", "digits")

# The split doesn't depend on the run's seed: a checkpoint must be tested on samples that it wasn't
# trained on, and runs with different seeds on the same samples.
SPLIT_SEED = 0


class DataError(InputError):
    """The data can't be trained on."""


@dataclass(frozen=True)
class TrainingData:
    """Samples to train on and, if any are held out, samples to test on.

    `x` and `x_test` are float64 arrays of samples × features; `y` and `y_test` are int64 class
    numbers; `classes[k]` is the label of class k.
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


def load(name: str, test_size: float = 0.2) -> TrainingData:
    """The data set `name`: "toy", one of `BUNDLED`, or the path of a CSV file.

    All but the toy data are split into a training part and a test part, with a share of
    `test_size` in the test part (0: no test part), and standardised with the means and standard
    deviations of the training part. Raises DataError.
    """
    if name == TOY:
        x = np.array([[0, 0], [1, 0], [1, 1], [0, 0], [0, 0], [0, 1]], dtype=np.float64)
        return TrainingData(TOY, np.arange(3), x, np.array([0, 1, 2, 0, 0, 2]))
    if name in BUNDLED:
        x, labels = read_bundled(name)
    elif name.lower().endswith(".csv") or os.path.exists(name):
        x, labels = read_csv(name)
    else:
        known = ", ".join((TOY, *BUNDLED))
        raise DataError(f"unknown data set {name!r}: choose {known}, or give a .csv file")
    return _split(name, x, labels, test_size)


def read_bundled(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The features and labels of a data set that comes with scikit-learn."""
    import sklearn.datasets  # takes most of a second

    bunch = getattr(sklearn.datasets, f"load_{name}")()
    return np.asarray(bunch.data, dtype=np.float64), bunch.target


def read_csv(path: str) -> tuple[np.ndarray, np.ndarray]:
    """The features and labels of a CSV file, whose last column is the label.

    The first row is a header if none of its features is a number. Blank lines are skipped. Raises
    DataError, which names the line and the column where it can.
    """
    rows = _read_rows(path)
    if not rows:
        raise DataError(f"{path} is empty")
    first_line, first_row = rows[0]
    width = len(first_row)
    if width < 2:
        raise DataError(
            f"{path}, line {first_line}: only one column; "
            "expected features and a label, separated by commas"
        )
    has_header = all(_parse_number(cell) is None for cell in first_row[:-1])
    samples = rows[1:] if has_header else rows
    if not samples:
        raise DataError(f"{path} has a header and no rows of data")
    columns = [
        f"column {j}" + (f" ({name!r})" if has_header and name else "")
        for j, name in enumerate(first_row, 1)
    ]
    features, labels = [], []
    for line, cells in samples:
        if len(cells) != width:
            raise DataError(
                f"{path}, line {line}: {len(cells)} columns, but line {first_line} has {width}"
            )
        numbers, label = _parse_row(f"{path}, line {line}", cells, columns)
        features.append(numbers)
        labels.append(label)
    return np.array(features), _parse_labels(labels)


def _read_rows(path: str) -> list[tuple[int, list[str]]]:
    """The file's rows that aren't blank, each with the number of the line on which it starts."""
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
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        raise DataError(f"{path} cannot be read: {short_message(error)}") from None
    return rows


def _parse_row(where: str, cells: Sequence[str], columns: Sequence[str]) -> tuple[list[float], str]:
    """The row's features and its label."""
    *features, label = cells
    numbers = [
        _parse_feature(f"{where}, {column}", cell)
        for cell, column in zip(features, columns[:-1], strict=True)
    ]
    if label == "":
        raise DataError(f"{where}, {columns[-1]}: empty")
    return numbers, label


def _parse_feature(where: str, cell: str) -> float:
    number = _parse_number(cell)
    if number is not None and math.isfinite(number):
        return number
    if cell == "":
        raise DataError(f"{where}: empty")
    raise DataError(f"{where}: {cell!r} is not {'a number' if number is None else 'finite'}")


def _parse_number(cell: str) -> float | None:
    """The cell's number, or None. Python's `1_000` is no number in a CSV file."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _parse_labels(cells: list[str]) -> np.ndarray:
    """The labels as numbers if all are (so 1 and 1.0 are one class, and 9 sorts before 10)."""
    numbers = [_parse_number(cell) for cell in cells]
    if any(n is None or not math.isfinite(n) for n in numbers):
        return np.array(cells)
    values = np.array(numbers, dtype=np.float64)
    whole = values.astype(np.int64) if np.all(np.abs(values) < 2**53) else values
    return whole if np.array_equal(whole, values) else values


def _split(name: str, x: np.ndarray, labels: np.ndarray, test_size: float) -> TrainingData:
    from sklearn.model_selection import train_test_split  # takes most of a second

    classes, y, counts = np.unique(labels, return_inverse=True, return_counts=True)
    y = y.astype(np.int64)
    if len(classes) < 2:
        raise DataError(f"{name} has only one class ({classes[0]}): there is nothing to learn")
    if test_size == 0:
        (x,) = _standardise(name, x)
        return TrainingData(name, classes, x, y)

    n_test = math.ceil(len(x) * test_size)  # as train_test_split rounds
    if len(x) - n_test < len(classes):
        raise DataError(
            f"{name} is too small to split: {len(x)} samples of {len(classes)} classes leave "
            f"{len(x) - n_test} to train on; use --test-size 0 to train on all of them"
        )
    stratify = y if counts.min() >= 2 and n_test >= len(classes) else None
    x, x_test, y, y_test = train_test_split(
        x, y, test_size=n_test, random_state=SPLIT_SEED, stratify=stratify
    )
    x, x_test = _standardise(name, x, x_test)
    return TrainingData(name, classes, x, y, x_test, y_test)


def _standardise(name: str, *parts: np.ndarray) -> list[np.ndarray]:
    """All parts, standardised with the first one's means and standard deviations."""
    from sklearn.preprocessing import StandardScaler  # takes most of a second

    with np.errstate(over="ignore", invalid="ignore"):  # reported below, with the column
        scaler = StandardScaler().fit(parts[0])
        standardised = [scaler.transform(part) for part in parts]
    largest = np.max([np.abs(part).max(axis=0) for part in standardised], axis=0)
    fits = largest < np.finfo(np.float32).max  # False for NaN as well
    if not fits.all():
        raise DataError(f"{name}, column {np.argmin(fits) + 1}: numbers too large to standardise")
    return standardised
