"""The options of a training run: values and combinations that are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import Command, assert_refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--data irsi", "unknown data set 'irsi': choose toy, iris"),
        ("--data none.csv", r"none\.csv cannot be read: No such file"),
        ("--hidden 0", r"--hidden: '0' is not a whole number"),
        ("--hidden 5 -3", r"--hidden: '-3' is not"),
        ("--hidden 5.5", r"--hidden: '5\.5' is not"),
        ("--hidden 10000000", "--hidden: '10000000' is not"),
        ("--hidden", "--hidden: expected at least one argument"),
        ("--lr 0", "--lr: '0' is not a positive number"),
        ("--lr -1", "--lr: '-1' is not a positive number"),
        ("--lr nan", "--lr: 'nan' is not"),
        ("--lr inf", "--lr: 'inf' is not"),
        ("--lr one", "--lr: 'one' is not"),
        ("--epochs -1", "--epochs: '-1' is not a whole number from 0 to"),
        ("--epochs 1.5", "--epochs: '1.5' is not"),
        ("--epochs 1_0", "--epochs: '1_0' is not"),
        ("--epochs ٣", "--epochs: '٣' is not"),
        ("--seed 1_0", "--seed: '1_0' is not"),
        ("--hidden 1_0", "--hidden: '1_0' is not"),
        ("--batch-size ٣", "--batch-size: '٣' is not"),
        ("--log-every 1_0", "--log-every: '1_0' is not"),
        ("--lr 1_0", "--lr: '1_0' is not"),
        ("--lr ٣", "--lr: '٣' is not"),
        ("--momentum 0.0_1", "--momentum: '0.0_1' is not"),
        ("--weight-decay ٣", "--weight-decay: '٣' is not"),
        ("--test-size 0.0_1", "--test-size: '0.0_1' is not"),
        ("--batch-size 0", "--batch-size: '0' is not a whole number of at least 1"),
        ("--log-every 0", "--log-every: '0' is not"),
        ("--seed -1", "--seed: '-1' is not"),
        ("--seed 18446744073709551616", "--seed: '18446744073709551616' is not"),
        ("--momentum -0.1", "--momentum: '-0.1' is not a number of at least 0"),
        ("--weight-decay nan", "--weight-decay: 'nan' is not"),
        ("--test-size 1", "--test-size: '1' is not a share"),
        ("--test-size 0.5", "--test-size: the toy data set has no test part"),
        ("--update none", "--update: invalid choice: 'none'"),
        ("--activation gelu", "--activation: invalid choice: 'gelu'"),
        ("--loss l1", "--loss: invalid choice"),
        ("--optimizer lion", "--optimizer: invalid choice"),
        ("--dtype float16", "--dtype: invalid choice"),
        ("--upd auto", "unrecognized arguments: --upd auto"),
        ("more", "unrecognized arguments: more"),
        (
            "--update manual --optimizer adam",
            "--optimizer adam needs --update auto, not --update m",
        ),
        ("--update both --momentum 0.9", "--momentum 0.9 needs --update auto"),
        ("--optimizer adam --momentum 0.9", "--momentum needs --optimizer sgd"),
        ("--load none", "--load none: No such file"),
        ("--load /", "--load /: Is a directory"),
    ],
)
def test_bad_options_are_refused_before_training(
    options: str, message: str, tmp_path: Path, train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minigrad.app.training.train", pytest.fail)
    assert_refused(train(*options.split()), message)
    assert os.listdir(tmp_path) == []
