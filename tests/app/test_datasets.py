"""The data sets: their contents, the split, and valid and invalid CSV files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.app import datasets
from minigrad.app.datasets import BUNDLED, DataError

pytest.importorskip("sklearn")


def write(folder: Path, content: str | bytes) -> str:
    path = folder / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_the_toy_data_are_the_tutorials_six_points() -> None:
    toy = datasets.load("toy")
    assert toy.x.tolist() == [[0, 0], [1, 0], [1, 1], [0, 0], [0, 0], [0, 1]]
    assert toy.y.tolist() == [0, 1, 2, 0, 0, 2]
    assert (toy.x_test, toy.y_test) == (None, None)
    assert str(toy) == "toy: 6 samples, 2 features, 3 classes"


@pytest.mark.parametrize(
    ("name", "samples", "features", "classes"),
    [
        ("iris", 150, 4, 3),
        ("wine", 178, 13, 3),
        ("breast_cancer", 569, 30, 2),
        ("digits", 1797, 64, 10),
    ],
)
def test_the_bundled_data_are_split_and_standardised(
    name: str, samples: int, features: int, classes: int
) -> None:
    data = datasets.load(name)
    held_out = -(-samples // 5)
    assert data.x.shape == (samples - held_out, features)
    assert data.x_test is not None
    assert data.x_test.shape == (held_out, features)
    assert (data.x.dtype, data.y.dtype) == (np.float64, np.int64)
    assert data.classes.tolist() == list(range(classes))
    np.testing.assert_allclose(data.x.mean(0), 0, atol=1e-12)
    constant = np.ptp(data.x, axis=0) == 0
    assert constant.any() == (name == "digits")  # some of its pixels are always blank
    np.testing.assert_allclose(data.x.std(0)[~constant], 1)
    shares = [np.bincount(y) / len(y) for y in (data.y, data.y_test)]
    np.testing.assert_allclose(*shares, atol=1 / held_out)
    again = datasets.load(name)
    np.testing.assert_array_equal(again.x_test, data.x_test)


def test_every_bundled_name_loads() -> None:
    assert {datasets.load(name).name for name in BUNDLED} == set(BUNDLED)


def test_the_test_part_does_not_affect_the_standardisation(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i * i},{'ab'[i % 2]}\n" for i in range(20))
    data = datasets.load(write(tmp_path, rows), test_size=0.25)
    raw, _ = datasets.read_csv(str(tmp_path / "data.csv"))
    assert data.x_test is not None
    assert (len(data.x), len(data.x_test)) == (15, 5)
    # One affine map, determined by the training part, standardises both parts.
    everything = np.concatenate([data.x, data.x_test])
    order = [np.flatnonzero(raw[:, 0] == v)[0] for v in _unscaled(everything[:, 0], raw[:, 0])]
    slope, offset = np.polyfit(raw[order][:15, 1], data.x[:, 1], 1)
    np.testing.assert_allclose(data.x_test[:, 1], slope * raw[order][15:, 1] + offset)


def _unscaled(standard: np.ndarray, raw: np.ndarray) -> np.ndarray:
    low, high = standard.min(), standard.max()
    return np.round(raw.min() + (standard - low) / (high - low) * np.ptp(raw))


def test_without_a_test_part_all_samples_are_trained_on() -> None:
    data = datasets.load("iris", test_size=0)
    assert len(data.x) == 150
    assert data.x_test is None
    np.testing.assert_allclose(data.x.std(0), 1)


# CSV files ----------------------------------------------------------------------------------------

cells = st.floats(-1e6, 1e6).map(lambda f: float(f"{f:.6g}"))
words = st.text("abcxyz ÄÖ,\"'\n;", min_size=1, max_size=6).map(str.strip).filter(bool)
# The label of a first row would make it a header.
words = words.filter(lambda word: word.casefold() not in datasets.LABEL_NAMES)


@given(
    table=st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.tuples(st.lists(cells, min_size=width, max_size=width), words),
            min_size=1,
            max_size=8,
        )
    ),
    header=st.booleans(),
    bom=st.booleans(),
    line_end=st.sampled_from(("\n", "\r\n")),
    quoting=st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)),
    blank=st.integers(0, 8),
)
def test_files_written_by_the_csv_module_are_read(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[tuple[list[float], str]],
    header: bool,
    bom: bool,
    line_end: str,
    quoting: int,
    blank: int,
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end, quoting=quoting)
    if header:
        writer.writerow([f"feature {i}" for i in range(len(table[0][0]))] + ["label"])
    for i, (features, label) in enumerate(table):
        if i == blank:
            text.write(line_end)
        writer.writerow([*features, label])
    path = write(tmp_path_factory.mktemp("csv"), "\ufeff" * bom + text.getvalue())
    x, labels = datasets.read_csv(path)
    np.testing.assert_array_equal(x, [features for features, _ in table])
    assert labels.tolist() == [label for _, label in table]


@pytest.mark.parametrize(
    ("labels", "classes", "shown"),
    [
        (["10", "9", "9", "10"], [9, 10], [10, 9, 9, 10]),
        (["1", "1.0", "0", "-0"], [0, 1], [1, 1, 0, 0]),
        (["0.5", "1", "0.5", "1"], [0.5, 1.0], [0.5, 1.0, 0.5, 1.0]),
        (["1e30", "1", "1", "1"], [1, 10**30], [10**30, 1, 1, 1]),
        (["1e30", "0.5", "1", "1"], [0.5, 1.0, 1e30], [1e30, 0.5, 1.0, 1.0]),
        (["b", "a", "1", "a"], ["1", "a", "b"], ["b", "a", "1", "a"]),
        (["1", "1e400", "1", "1"], ["1", "1e400"], ["1", "1e400", "1", "1"]),
        (["3", "٣", "3", "3"], ["3", "٣"], ["3", "٣", "3", "3"]),
        (["10", "1_0", "10", "10"], ["10", "1_0"], ["10", "1_0", "10", "10"]),
        # More digits than float64 has.
        (
            ["9007199254740993", "9007199254740992.0"] * 2,
            [2**53, 2**53 + 1],
            [2**53 + 1, 2**53] * 2,
        ),
        ([str(2**64), str(2**64 + 1), "-1", "-1"], [-1, 2**64, 2**64 + 1], None),
        (["0.1", "0.10000000000000000001", "0.1", "0.10"], ["0.1", "0.10000000000000000001"], None),
        (["9007199254740993", "0.5", "0.50", "0.5"], ["0.5", "9007199254740993"], None),
        # Words that stand for something missing or infinite among numbers only.
        (["none", "mild", "mild", "none"], ["mild", "none"], ["none", "mild", "mild", "none"]),
        (["inf", "cav", "inf", "cav"], ["cav", "inf"], ["inf", "cav", "inf", "cav"]),
    ],
)
def test_labels_are_numbers_or_words(
    labels: list[str], classes: list[object], shown: list[object] | None, tmp_path: Path
) -> None:
    path = write(tmp_path, "".join(f"{i},{label}\n" for i, label in enumerate(labels)))
    data = datasets.load(path, test_size=0)
    assert data.classes.tolist() == classes
    assert [type(c) for c in data.classes.tolist()] == [type(c) for c in classes]
    assert shown is None or data.classes[data.y].tolist() == shown


@given(st.lists(st.integers(-(2**70), 2**70), min_size=2, max_size=8, unique=True), st.data())
def test_integers_as_labels_keep_their_order_and_all_digits(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], data: st.DataObject
) -> None:
    spellings = [
        data.draw(st.sampled_from((f"{n}", f"{n:+}", f"{n}.0", f"{n}e0"))) for n in numbers
    ]
    rows = "".join(f"{i},{label}\n" for i, label in enumerate(spellings))
    loaded = datasets.load(write(tmp_path_factory.mktemp("csv"), rows), test_size=0)
    assert loaded.classes.tolist() == sorted(numbers)
    assert [sorted(numbers)[k] for k in loaded.y] == numbers


@pytest.mark.parametrize(
    ("first", "labels", "samples"),
    [
        ("0,1,class", "0 1 0 1", 4),
        ("12,2,target", "0 1 0 1", 4),
        ("2019,2020,whatever", "0 1 0.5 1", 4),  # the other labels are numbers
        ("400.5,401.5,Species", "a b a b", 4),  # a usual name
        ("3,4,label", "a b 1 2", 4),
        ("0,1,whatever", "a b a b", 4),  # as pandas numbers columns
        ("0,1,2", "0 1 0 1", 4),
        ("150,setosa,virginica", "0 1 0 1", 4),
        # Nothing tells these from a sample of a class that has no other.
        ("2019,2020,c", "a b a b", 5),
        ("1,2,c", "a b a b", 5),
        ("1,0,2", "0 1 0 1", 5),
        # The label has other samples.
        ("0,1,a", "a b a b", 5),
        ("0,1,1", "0 1 0 1", 5),
        ("3,4,label", "a b label b", 5),
    ],
)
def test_a_header_may_have_numbers_in_it(
    first: str, labels: str, samples: int, tmp_path: Path
) -> None:
    rows = "".join(f"{i},{-i},{label}\n" for i, label in enumerate(labels.split()))
    x, found = datasets.read_csv(write(tmp_path, f"{first}\n{rows}"))
    assert len(x) == len(found) == samples
    assert (first.split(",")[-1] in map(str, found)) == (samples == 5)


def test_a_constant_column_becomes_zero(tmp_path: Path) -> None:
    rows = "".join(f"{i},7,{'ab'[i % 2]}\n" for i in range(10))
    data = datasets.load(write(tmp_path, rows))
    assert set(data.x[:, 1]) == {0.0}


def test_a_class_with_one_sample_is_split_without_stratifying(tmp_path: Path) -> None:
    rows = "".join(f"{i},a\n" for i in range(9)) + "9,b\n"
    data = datasets.load(write(tmp_path, rows))
    assert (len(data.x), data.classes.tolist()) == (8, ["a", "b"])


BAD = {
    "empty": ("", "is empty"),
    "blank lines": ("\n\n  \n,,\n", "is empty"),
    "header only": ("a,b,label\n", "has a header and no rows of data"),
    "one column": ("a\nb\n", "line 1: only one column"),
    "semicolons": ("1;2;a\n3;4;b\n", "line 1: only one column"),
    "ragged, short": ("1,2,a\n\n3,b\n", "line 3: 2 columns, but line 1 has 3"),
    "ragged, long": ("x,y,l\n1,2,a\n3,4,5,b\n", "line 3: 4 columns, but line 1 has 3"),
    "a word": ("x,y,l\n1,2,a\n3,four,b\n", r"line 3, column 2 \('y'\): 'four' is not a number"),
    "a word in line 1": ("1,two,a\n3,4,b\n", "line 1, column 2: 'two' is not a number"),
    "two headers": ("x,y,l\nx,y,l\n1,2,a\n", r"line 2, column 1 \('x'\): 'x' is not a number"),
    "nan": ("1,2,a\n3,nan,b\n", "line 2, column 2: 'nan' is not finite"),
    "inf": ("1,-inf,a\n3,4,b\n", "line 1, column 2: '-inf' is not finite"),
    "overflow": ("1,1e999,a\n3,4,b\n", "line 1, column 2: '1e999' is not finite"),
    "underscore": ("1,2,a\n1_000,4,b\n", "line 2, column 1: '1_000' is not a number"),
    "empty cell": ("1,2,a\n3,,b\n", "line 2, column 2: empty"),
    "no label": ("1,2,a\n3,4,\n", "line 2, column 3: empty"),
    "nan as a label": ("1,2,10\n3,4,nan\n5,6,9\n", "line 2, column 3: 'nan' is a missing or inf"),
    "NA as a label": ("x,y,l\n1,2,10\n3,4,NA\n", r"line 3, column 3 \('l'\): 'NA' is a missing"),
    "None as a label": ("1,2,10\n3,4,None\n5,6,9\n", "line 2, column 3: 'None' is a missing"),
    "none as a label": ("1,2,10\n3,4,none\n5,6,9\n", "line 2, column 3: 'none' is a missing"),
    "inf as a label": ("1,2,10\n3,4,-inf\n5,6,9\n", "line 2, column 3: '-inf' is a missing or inf"),
    "NA in line 1": ("1,2,NA\n3,4,10\n5,6,9\n", "line 1, column 3: 'NA' is a missing"),
    "NaN among words": ("1,2,a\n3,4,NaN\n5,6,b\n", "line 2, column 3: 'NaN' is a missing"),
    "no label among numbers": ("1,2,1\n3,4,\n5,6,2\n", "line 2, column 3: empty"),
    "a digit of another script": ("1,2,a\n٣,4,b\n", "line 2, column 1: '٣' is not a number"),
    "a null byte in a label": ("1,2,a\n3,4,a\0b\n", "line 2: a null byte: the file is damaged"),
    "a null byte in a header": ("x,\0y,l\n3,4,ab\n", "line 1: a null byte"),
    "UTF-16 without a mark": ("1,2,a\n3,4,b\n".encode("utf-16-le"), "line 1: a null byte"),
    "after a quoted line break": ('1,"a\nb"\nx,c\n', "line 3, column 1: 'x' is not a number"),
    "open quote": ('1,2,a\n3,"4,b\n', "line 2: not CSV"),
    "text after a quote": ('1,2,a\n3,"4"4,b\n', "line 2: not CSV"),
    "one class": ("1,2,a\n3,4,a\n5,6,a\n", r"has only one class \(a\)"),
    "too small": ("1,2,a\n3,4,b\n", "too small to split: 2 samples of 2 classes leave 1"),
    "too many classes": (
        "".join(f"{i},{i}.5\n" for i in range(20)),
        "too small to split: 20 samples of 20 classes leave 16.*--test-size 0",
    ),
    "too large": ("1e308,a\n-1e308,b\n" * 5, "column 1: numbers too large to standardise"),
    "too large to square": ("1e200,a\n-1e200,b\n" * 5, "column 1: numbers too large"),
    "not text": (b"\x89PNG\xff\xfe", "is not UTF-8 text"),
    "null bytes": (b"1,2,a\n\0,4,b\n", "line 2"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_in_one_line_with_its_place(case: str, tmp_path: Path) -> None:
    content, message = BAD[case]
    path = write(tmp_path, content)
    with pytest.raises(DataError, match=message) as caught:
        datasets.load(path)
    assert str(caught.value).startswith(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_a_directory_and_an_unknown_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv cannot be read: No such file"):
        datasets.load(str(tmp_path / "none.csv"))
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        datasets.load(str(tmp_path))
    with pytest.raises(DataError, match="cannot be read"):
        datasets.load("a\0b.csv")
    (tmp_path / "nowhere").symlink_to("none")
    with pytest.raises(DataError, match="nowhere cannot be read: No such file"):
        datasets.load(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="--data: unknown data set ''"):
        datasets.load("")
    with pytest.raises(DataError, match=r"unknown data set 'irsi': choose toy, iris, .* or give"):
        datasets.load("irsi")
