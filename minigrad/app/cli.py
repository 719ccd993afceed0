"""The command `minigrad`: its parser and its help. `command.py` lists the exit statuses.

`minigrad train` also exits with status 2 if the loss is no longer finite.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import minigrad
from minigrad.app.command import CommandParser, require_package, run_command
from minigrad.app.ops_command import ops
from minigrad.app.run_command import run
from minigrad.app.settings import defaults_table
from minigrad.app.training_options import add_training_options

EXAMPLES = """\
examples:
  minigrad train                   train the tutorial's network
  minigrad train --data digits     train on real data
  minigrad ops                     list all ops
  minigrad ops exp 'x[mask]'       describe two of them
  minigrad run program.py          run a PyTorch program

'minigrad COMMAND --help' describes a command's options.
"""

TRAIN_DESCRIPTION = """\
Train a network to classify. Without options, train the tutorial's network on
its six points, first with an update written by hand and then with nn.Module and
an optimiser.
"""
TRAIN_EXAMPLES = """\
examples:
  minigrad train --data wine --hidden 32 16 --optimizer adam --plot wine.png
  minigrad train --data digits --model cnn --optimizer adam --epochs 50
  minigrad train --data measurements.csv --seed 7 --json run.json

Stop a run with Ctrl-C, finish it later, and evaluate the result:
  minigrad train --data digits --save net.safetensors
  minigrad train --load net.safetensors --save net.safetensors
  minigrad train --load net.safetensors --epochs 0
"""

OPS_DESCRIPTION = """\
List all ops: how they are called, how often they can be differentiated, and how
far their values and gradients may be from PyTorch's. With NAMEs, describe only
those ops, in detail.
"""


RUN_DESCRIPTION = """\
Run a PyTorch program, unchanged, with minigrad in PyTorch's place. The arguments
after its name are the program's own. A name that minigrad lacks is an
AttributeError that says where it is used.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command on the arguments `argv` (default: this process's); return its status."""
    return run_command("minigrad", _command, argv)


def _command(argv: list[str]) -> int:
    parser = CommandParser(
        prog="minigrad",
        description="Automatic differentiation in NumPy, with PyTorch's API.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"minigrad {minigrad.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    train_parser = _add_train_parser(commands)
    _add_ops_parser(commands)
    _add_run_parser(commands)
    arguments = vars(parser.parse_args(argv))
    command = arguments.pop("command")
    if command is None:
        parser.print_help()
        return 0
    if command == "ops":
        return ops(arguments["names"], arguments["json"])
    if command == "run":
        return run(arguments["program"], arguments["arguments"], arguments["missing"])
    for module, package in (("sklearn", "scikit-learn"), ("tqdm", "tqdm")):
        require_package(module, package, "minigrad train")
    # scikit-learn takes most of a second to import, and --help needs no training.
    from minigrad.app.train_command import train

    return train(train_parser, arguments)


def _add_train_parser(commands: argparse._SubParsersAction[CommandParser]) -> CommandParser:
    parser = commands.add_parser(
        "train",
        help="train a network, by hand and with an optimiser",
        description=TRAIN_DESCRIPTION,
        epilog=f"defaults by data set:\n{defaults_table()}\n\n{TRAIN_EXAMPLES}",
        argument_default=argparse.SUPPRESS,
    )
    output = add_training_options(parser)
    output.add_argument(
        "--save",
        metavar="FILE",
        help="write a checkpoint (safetensors) at each printed line, at the end and at Ctrl-C",
    )
    output.add_argument(
        "--load",
        metavar="FILE",
        help="resume from a checkpoint; its settings apply where no option is given",
    )
    output.add_argument("--plot", metavar="FILE", help="plot loss and accuracy, as .png or .svg")
    output.add_argument(
        "--json", metavar="FILE", help="write settings, versions, curves and results as JSON"
    )
    return parser


def _add_ops_parser(commands: argparse._SubParsersAction[CommandParser]) -> None:
    parser = commands.add_parser(
        "ops",
        help="list the ops and how exact they are",
        description=OPS_DESCRIPTION,
    )
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help="an op's name or form: exp, add_, @, x[mask]"
    )
    parser.add_argument("--json", metavar="FILE", help="write the same as JSON")


def _add_run_parser(commands: argparse._SubParsersAction[CommandParser]) -> None:
    parser = commands.add_parser(
        "run", help="run a PyTorch program on minigrad", description=RUN_DESCRIPTION
    )
    parser.add_argument(
        "--missing",
        action="store_true",
        help="only list the names of PyTorch's that the program uses and minigrad lacks",
    )
    parser.add_argument("program", metavar="PROGRAM", help="a Python file")
    parser.add_argument(
        "arguments", metavar="...", nargs=argparse.REMAINDER, help="the program's arguments"
    )
