"""The command-line options of a training run, shared by every command that trains.

An option that isn't given stays unset: the parser needs `argument_default=argparse.SUPPRESS`. The
defaults depend on the data set and on a loaded checkpoint, and `settings.resolve` adds them.
"""

from __future__ import annotations

import argparse
import math
import sys
from typing import Any

from minigrad.app import datasets, models, programs
from minigrad.app.command import number_in_range, positive_number, whole_number


def add_training_options(parser: argparse.ArgumentParser) -> Any:
    """Add the options of a training run to `parser`.

    Returns their last group, "output", to which the caller adds its own files.
    """
    _add_data_options(parser.add_argument_group("data"))
    _add_network_options(parser.add_argument_group("network"))
    _add_update_options(parser.add_argument_group("training"))
    output = parser.add_argument_group("output")
    output.add_argument(
        "--log-every",
        type=whole_number(1),
        metavar="N",
        help="print a line every N epochs and after the last one",
    )
    return output


def _add_data_options(group: Any) -> None:
    group.add_argument(
        "--data",
        metavar="DATA",
        help=f"data set: {datasets.TOY} (the default), {', '.join(datasets.BUNDLED)}, or the path "
        "of a CSV file whose last column is the label",
    )
    group.add_argument(
        "--test-size",
        type=_share,
        metavar="SHARE",
        help="share of the samples to hold out, the same ones for every seed; 0: none",
    )


def _add_network_options(group: Any) -> None:
    group.add_argument(
        "--model",
        choices=models.MODELS,
        help="network of auto: mlp, a perceptron (the default); for images (--data "
        f"{' or '.join(datasets.IMAGES)}) also cnn, a convolutional network, and, row by row, rnn, "
        "an LSTM, and transformer",
    )
    group.add_argument(
        "--hidden",
        type=whole_number(1, 1_000_000),
        nargs="+",
        metavar="N",
        help="size of each hidden layer (cnn: its channels; default: 8 16 for cnn, 32 for rnn, 64 "
        "for transformer)",
    )
    group.add_argument(
        "--activation",
        choices=programs.ACTIVATIONS,
        help="activation after each hidden layer (default: relu; rnn has tanh only)",
    )
    group.add_argument(
        "--dtype", choices=programs.DTYPES, help="dtype of all tensors (default: float32)"
    )


def _add_update_options(group: Any) -> None:
    group.add_argument(
        "--update",
        choices=("manual", "auto", "both"),
        help="manual: gradient descent written by hand; auto: nn.Module and an optimiser; "
        "both: manual, then auto",
    )
    group.add_argument(
        "--loss",
        choices=programs.LOSSES,
        help="nll: log_softmax and nll_loss, equal to cross_entropy; mse: against one-hot targets "
        "(default: nll for manual, cross_entropy for auto)",
    )
    group.add_argument(
        "--optimizer",
        choices=programs.OPTIMIZERS,
        metavar="NAME",
        help=f"optimiser of auto: {', '.join(programs.OPTIMIZERS)} (default: sgd)",
    )
    group.add_argument(
        "--momentum",
        type=_not_negative,
        metavar="M",
        help="momentum of sgd and rmsprop (default: 0)",
    )
    group.add_argument(
        "--weight-decay",
        type=_not_negative,
        metavar="D",
        help=f"weight decay of every optimiser but {' and '.join(programs.WITHOUT_WEIGHT_DECAY)} "
        "(default: 0)",
    )
    group.add_argument(
        "--scheduler",
        choices=programs.SCHEDULERS,
        metavar="NAME",
        help="schedule of auto's learning rate over all epochs: "
        f"{', '.join(programs.SCHEDULERS)} (default: none)",
    )
    group.add_argument("--lr", type=positive_number, metavar="RATE", help="learning rate")
    group.add_argument(
        "--epochs",
        type=whole_number(0, 10**12),
        metavar="N",
        help="passes over the data; after --load, further passes (default: those left of that run)",
    )
    group.add_argument(
        "--batch-size",
        type=whole_number(1),
        metavar="N",
        help="samples per update, shuffled in each epoch (default: all samples, in order)",
    )
    group.add_argument(
        "--seed",
        type=whole_number(0, 2**64 - 1),
        metavar="N",
        help="seed of the initial parameters and of the shuffling (default: 0)",
    )


def _not_negative(text: str) -> float:
    return number_in_range(text, float, "a number of at least 0", 0, sys.float_info.max)


def _share(text: str) -> float:
    return number_in_range(text, float, "a share from 0 to below 1", 0, math.nextafter(1, 0))
