"""The options of a training run, as every command that trains takes them.

What is not given stays unset (the parser is to have `argument_default=argparse.SUPPRESS`): which
default is right depends on the data, and `settings.resolve` knows it.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from typing import Any

from minigrad.app import datasets, programs


def _number(
    text: str, kind: Callable[[str], Any], what: str, low: float, high: float, above: bool
) -> Any:
    try:
        number = kind(text)
    except ValueError:
        number = math.nan
    if not (low < number if above else low <= number) or not number <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return number


def _whole(low: int, high: int | None = None) -> Callable[[str], int]:
    top = math.inf if high is None else high
    what = "a whole number " + (f"of at least {low}" if high is None else f"from {low} to {high}")
    return lambda text: _number(text, int, what, low, top, above=False)


def _positive(text: str) -> float:
    return _number(text, float, "a positive number", 0, sys.float_info.max, above=True)


def _not_negative(text: str) -> float:
    return _number(text, float, "a number of at least 0", 0, sys.float_info.max, above=False)


def _share(text: str) -> float:
    return _number(text, float, "a share from 0 to below 1", 0, math.nextafter(1, 0), above=False)


def add_training_options(parser: argparse.ArgumentParser) -> Any:
    """Give the parser the options of a training run.

    Returns the last of their groups, on what to print and to keep, for the caller's own.
    """
    data = parser.add_argument_group("the data")
    data.add_argument(
        "--data",
        metavar="DATA",
        help=f"{datasets.TOY} (the default), {', '.join(datasets.BUNDLED)}, or a CSV file, whose "
        "last column is the label (numbers or words); all but toy are standardised",
    )
    data.add_argument(
        "--test-size",
        type=_share,
        metavar="SHARE",
        help="the share of the samples that is held out (always the same ones); 0: train on all",
    )
    network = parser.add_argument_group("the network")
    network.add_argument(
        "--hidden",
        type=_whole(1, 1_000_000),
        nargs="+",
        metavar="N",
        help="the sizes of the hidden layers, one or more",
    )
    network.add_argument(
        "--activation", choices=programs.ACTIVATIONS, help="after each hidden layer (relu)"
    )
    network.add_argument(
        "--dtype", choices=programs.DTYPES, help="of the numbers throughout (float32)"
    )
    how = parser.add_argument_group("the training")
    how.add_argument(
        "--update",
        choices=("manual", "auto", "both"),
        help="manual: gradient descent written by hand; auto: nn.Module and an optimiser",
    )
    how.add_argument(
        "--loss",
        choices=programs.LOSSES,
        help="nll is log_softmax and nll_loss (manual's own, the same number as cross_entropy, "
        "which is auto's); mse is against one-hot targets",
    )
    how.add_argument("--optimizer", choices=programs.OPTIMIZERS, help="of auto (sgd)")
    how.add_argument("--momentum", type=_not_negative, metavar="M", help="of sgd (0)")
    how.add_argument(
        "--weight-decay", type=_not_negative, metavar="D", help="of sgd and adam (0), as L2 penalty"
    )
    how.add_argument("--lr", type=_positive, metavar="RATE", help="the learning rate")
    how.add_argument(
        "--epochs",
        type=_whole(0, 10**12),
        metavar="N",
        help="how often to go through the data; with --load how often more "
        "(what is left of that run, by default)",
    )
    how.add_argument(
        "--batch-size",
        type=_whole(1),
        metavar="N",
        help="samples per update, in an order drawn for each epoch (all at once, in their order)",
    )
    how.add_argument(
        "--seed",
        type=_whole(0, 2**64 - 1),
        metavar="N",
        help="of the first parameters and of the batches (0)",
    )
    files = parser.add_argument_group("what to print and to keep")
    files.add_argument(
        "--log-every", type=_whole(1), metavar="N", help="print every N epochs, and the last"
    )
    return files
