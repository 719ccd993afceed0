"""The command `minigrad`: the options it accepts, its help, and the status that it ends with.

`console` says what the statuses are; 2 is a loss that ran away, too. The options of a training run
are `options`, and what `minigrad train` then does is `train_command`; `ops_command` is the table of
`minigrad ops`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import minigrad
from minigrad.app import console, settings
from minigrad.app.options import add_training_options

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
  minigrad ops                                    every op there is; minigrad ops exp: more of one
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the given arguments (the process's own by default); its exit status."""
    return console.run("minigrad", _command, argv)


def _command(argv: list[str]) -> int:
    parser = console.Parser(
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
    _add_files(options)
    about = commands.add_parser(
        "ops",
        help="list all ops: their forms, derivatives, and how exact they are",
        description="List all ops with their forms, their order of differentiability, and how far "
        "value and gradient may be from PyTorch's; or tell more of those that are named.",
        allow_abbrev=False,
    )
    about.add_argument("names", metavar="NAME", nargs="*", help="as in exp, add_, @ or x[mask]")
    about.add_argument("--json", metavar="FILE", help="write the same as data")
    arguments = vars(parser.parse_args(argv))
    command = arguments.pop("command")
    if command is None:
        parser.print_help()
        return 0
    if command == "ops":
        from minigrad.app.ops_command import ops

        return ops(arguments["names"], arguments["json"])
    from minigrad.app.train_command import train  # scikit-learn takes a second: not for --help

    return train(options, arguments)


def _add_files(parser: argparse.ArgumentParser) -> None:
    files = add_training_options(parser)
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
