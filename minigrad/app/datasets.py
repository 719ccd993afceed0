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
from decimal import Decimal, InvalidOperation

import numpy as np

from minigrad.app.command import InputError, parse_number
from minigrad.utils.atomic_write import short_message

# scikit-learn takes most of a second to import, so only the functions that need it import it:
# `--help` and the six points do without.

TOY = "toy"
BUNDLED = ("iris", "wine", "breast_cancer", "digits")
# The data sets whose samples are images, with their rows and columns.
IMAGES = {"digits": (8, 8)}

# The split doesn't depend on the run's seed: a checkpoint must be tested on samples that it wasn't
# trained on, and runs with different seeds on the same samples.
SPLIT_SEED = 0

# How pandas, R, SQL and NumPy write a missing value, as far as pandas takes it for one.
MISSING = frozenset(
    (
        "nan",
        "NaN",
        "-nan",
        "-NaN",
        "NA",
        "N/A",
        "n/a",
        "<NA>",
        "#NA",
        "#N/A",
        "NULL",
        "null",
        "None",
    )
)
# What is no label if the others are numbers, in lower case.
NO_NUMBER = frozenset({each.lower() for each in MISSING} | {"inf", "+inf", "-inf", "infinity"})
# Names that a label's column usually has.
LABEL_NAMES = frozenset(
    ("category", "class", "group", "kind", "label", "outcome", "species", "target", "type", "y")
)


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
    elif name.lower().endswith(".csv") or os.path.lexists(name):
        x, labels = read_csv(name)
    else:
        known = ", ".join((TOY, *BUNDLED))
        raise DataError(f"--data: unknown data set {name!r}: choose {known}, or give a .csv file")
    return _split(name, x, labels, test_size)


def read_bundled(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The features and labels of a data set that comes with scikit-learn."""
    import sklearn.datasets  # takes most of a second

    bunch = getattr(sklearn.datasets, f"load_{name}")()
    return np.asarray(bunch.data, dtype=np.float64), bunch.target


def read_csv(path: str) -> tuple[np.ndarray, np.ndarray]:
    """The features and labels of a CSV file, whose last column is the label.

    The first row is a header if none of its features is a number, and in the cases that
    `_is_header` lists if they are. Blank lines are skipped. Raises DataError, which names the line
    and the column where it can.
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
    for line, cells in rows:
        if len(cells) != width:
            raise DataError(
                f"{path}, line {line}: {len(cells)} columns, but line {first_line} has {width}"
            )
    has_header = _is_header(first_row, [cells[-1] for _, cells in rows[1:]])
    samples = rows[1:] if has_header else rows
    if not samples:
        raise DataError(f"{path} has a header and no rows of data")
    columns = [
        f"column {j}" + (f" ({name!r})" if has_header and name else "")
        for j, name in enumerate(first_row, 1)
    ]
    features = [
        [
            _parse_feature(f"{path}, line {line}, {column}", cell)
            for cell, column in zip(cells[:-1], columns[:-1], strict=True)
        ]
        for line, cells in samples
    ]
    labels = [(f"{path}, line {line}, {columns[-1]}", cells[-1]) for line, cells in samples]
    return np.array(features), _parse_labels(labels)


def _is_header(first: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether the first row is a header, given the labels of the other rows.

    The names of features may be numbers: of pixels, years or wavelengths. Then it is a header if
    its label is a word and all others are numbers, if that word is a usual name for a label, or if
    its features are 0, 1, 2, ..., as pandas numbers them, and no other row has its label.
    """
    *names, label = first
    if all(_parse_feature_or_none(name) is None for name in names):
        return True
    if not labels or label in labels or label.lower() in NO_NUMBER:
        return False
    if _exact_number(label) is None and all(_exact_number(each) is not None for each in labels):
        return True
    numbered = len(names) > 1 and list(names) == [str(i) for i in range(len(names))]
    return numbered or label.casefold() in LABEL_NAMES


def _read_rows(path: str) -> list[tuple[int, list[str]]]:
    """The file's rows that aren't blank, each with the number of the line on which it starts."""
    rows = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True, skipinitialspace=True)
            line = 1
            for row in reader:
                cells = [cell.strip() for cell in row]
                if any("\0" in cell for cell in cells):
                    raise DataError(f"{path}, line {line}: a null byte: the file is damaged")
                if any(cells):
                    rows.append((line, cells))
                line = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start})") from None
    except csv.Error as error:
        raise DataError(f"{path}, line {line}: not CSV: {error}") from None
    except DataError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        raise DataError(f"{path} cannot be read: {short_message(error)}") from None
    return rows


def _parse_feature(where: str, cell: str) -> float:
    number = _parse_feature_or_none(cell)
    if number is not None and math.isfinite(number):
        return number
    if cell == "":
        raise DataError(f"{where}: empty")
    raise DataError(f"{where}: {cell!r} is not {'a number' if number is None else 'finite'}")


def _parse_feature_or_none(cell: str) -> float | None:
    try:
        return parse_number(cell, float)
    except ValueError:
        return None


def _parse_labels(labels: Sequence[tuple[str, str]]) -> np.ndarray:
    """The labels as an array, given each one's place and text.

    If all are numbers, they are compared as numbers: 1 and 1.0 are one class, and 9 sorts before
    10. They are compared exactly, because floats would merge large integers.
    """
    cells = [cell for _, cell in labels]
    numbers = [_exact_number(cell) for cell in cells]
    words = {cell for cell, number in zip(cells, numbers, strict=True) if number is None}
    refused = {word for word in words if word in MISSING or word == ""}
    if all(word.lower() in NO_NUMBER for word in words):  # the other labels are numbers
        refused = words
    for where, cell in labels:
        if cell in refused:
            problem = f"{cell!r} is a missing or infinite value, not a label" if cell else "empty"
            raise DataError(f"{where}: {problem}")
    values = [number for number in numbers if number is not None]
    if len(values) < len(cells):
        return np.array(cells)
    if all(value == int(value) for value in values):
        whole = [int(value) for value in values]
        fit = all(abs(value) < 2**63 for value in whole)
        return np.array(whole, dtype=np.int64 if fit else object)
    if all(Decimal(repr(float(value))) == value for value in values):
        return np.array(values, dtype=np.float64)
    first_spelling: dict[Decimal, str] = {}  # some have more digits than a float
    return np.array([first_spelling.setdefault(v, c) for v, c in zip(values, cells, strict=True)])


def _exact_number(cell: str) -> Decimal | None:
    """The cell's number, or None. Numbers beyond float64's range count as text."""
    try:
        number = parse_number(cell, Decimal)
    except (ValueError, InvalidOperation):
        return None
    return number if number.is_finite() and number.adjusted() < 308 else None


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
