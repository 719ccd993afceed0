"""The command `minigrad`: the options it accepts, its help, and the status that it ends with.

0: all went well. 1: nobody reads the output any more. 2: bad input, or a loss that ran away; one
line says what. 130: stopped by Ctrl-C. What `minigrad train` then does is `train_command`.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import minigrad
from minigrad import datasets, programs, settings
from minigrad.checkpoint import CheckpointError
from minigrad.datasets import DataError
from minigrad.files import reason
from minigrad.settings import UsageError

SUMMARY = "A reverse-mode autograd engine in NumPy, with PyTorch's face."
EXAMPLES = """\
examples:
  minigrad train                                  the tutorial's network, by hand and by optimiser
  minigrad train --data digits                    real data, judged on samples held out
  minigrad train --data wine --hidden 32 16 --optimizer adam --plot wine.png
  minigrad train --data measurements.csv --seed 7 --json run.json
  minigrad train --data digits --save net.safetensors      (Ctrl-C at any time)
  minigrad train --load net.safetensors --save net.safetensors       train what is left
  minigrad train --load net.safetensors --epochs 0                   only evaluate
"""


class _Parser(argparse.ArgumentParser):
    """argparse, with its errors as exceptions: `main` prints all errors, in one way."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the given arguments (the process's own by default); its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a label or a path may be in any script
    try:
        status = _command(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()  # so that a closed pipe is noticed here, and not at the exit
        return status
    except (UsageError, DataError, CheckpointError) as error:
        return _fail(str(error))
    except BrokenPipeError:  # `minigrad train | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(f"{error.filename}: {reason(error)}" if error.filename else str(error))
    except MemoryError:
        return _fail("there is not enough memory for this network and these data")
    except KeyboardInterrupt:
        print("minigrad: interrupted", file=sys.stderr)
        return 130


def _fail(message: str) -> int:
    print("minigrad: error:", message.replace("\n", " "), file=sys.stderr)
    return 2


def _command(argv: list[str]) -> int:
    parser = _Parser(
        prog="minigrad",
        description=SUMMARY,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"minigrad {minigrad.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    options = commands.add_parser(
        "train",
        help="train a network, by hand or by optimiser",
        description="Train a network: without options the tutorial's, on its six points, first "
        "with the update written by hand and then with nn.Module and an optimiser.",
        epilog=f"defaults for each --data, where no option is given:\n{settings.table()}\n\n"
        + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        # What is not given must not hide what a checkpoint says: the defaults come later.
        argument_default=argparse.SUPPRESS,
    )
    _add_options(options)
    arguments = vars(parser.parse_args(argv))
    if arguments.pop("command") is None:
        parser.print_help()
        return 0
    from minigrad.train_command import train  # scikit-learn takes a second: not for --help

    return train(options, arguments)


# The options.


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


def _add_options(parser: argparse.ArgumentParser) -> None:
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
    files.add_argument(
        "--save",
        metavar="FILE",
        help="keep a checkpoint (safetensors): at each line printed, at the end and at Ctrl-C",
    )
    files.add_argument(
        "--load",
        metavar="FILE",
        help="go on from a checkpoint, with its settings where no option is given; "
        "with --epochs 0 only evaluate it",
    )
    files.add_argument("--plot", metavar="FILE", help="draw loss and accuracy, as .png or .svg")
    files.add_argument(
        "--json", metavar="FILE", help="write the run's record: settings, versions, curve, result"
    )
