"""The command `minigrad`: its parser and its help. `command.py` lists the exit statuses.

`minigrad train` also exits with status 2 if the loss is no longer finite.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import minigrad
from minigrad.app.command import CommandParser, parse_number, require_package, run_command
from minigrad.app.explain_command import explain_program
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
  minigrad explain program.py      show what autograd did in a program

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

EXPLAIN_DESCRIPTION = """\
Run a program once, and write a page that shows one turn of it with all numbers:
the ops forward, the walk back with the rule that made each number, how gradients
are summed and accumulated, and the update. The program imports minigrad or torch.
Other arguments are the program's own, and so are all after a "--".
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
    _add_explain_parser(commands)
    arguments = vars(parser.parse_args(argv))
    command = arguments.pop("command")
    if command is None:
        parser.print_help()
        return 0
    if command == "ops":
        return ops(arguments["names"], arguments["json"])
    if command == "explain":
        return explain_program(**_explain_arguments(arguments))
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
    output.add_argument(
        "--compile",
        nargs="?",
        const="numpy",
        choices=("numpy", "numba"),
        default=argparse.SUPPRESS,
        help="run each step as one NumPy program, with the same result; or compiled by numba, "
        "within rounding",
    )
    output.add_argument(
        "--print-step",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print the program of each step at the end; includes --compile",
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


def _add_explain_parser(commands: argparse._SubParsersAction[CommandParser]) -> None:
    parser = commands.add_parser(
        "explain",
        help="write a page that shows what autograd did in a program",
        description=EXPLAIN_DESCRIPTION,
    )
    _add_explain_options(parser)
    parser.add_argument("program", metavar="PROGRAM", help="a Python file")
    parser.add_argument(
        "arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER, help="passed to the program"
    )


def _add_explain_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", metavar="FILE", help="the page (default: the program's name with .html)"
    )
    parser.add_argument(
        "--backward",
        metavar="N",
        type=_at_least(1),
        default=1,
        help="show the turn of the N-th call of backward (default: 1)",
    )
    parser.add_argument(
        "--keep-values",
        metavar="N",
        type=_at_least(0),
        help="keep arrays of up to N elements whole, larger ones as summaries "
        "(default: 4096, or fewer in a large record)",
    )
    parser.add_argument(
        "--text",
        action="store_true",
        help="print the turn as text; write a page only if --output is given",
    )


def _explain_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with the options that came after the program's name, up to a `--`."""
    given = arguments.pop("arguments")
    end = given.index("--") if "--" in given else len(given)
    parser = CommandParser(prog="minigrad explain", add_help=False)
    _add_explain_options(parser)
    parser.set_defaults(**{key: arguments[key] for key in _defaults(parser)})
    own, others = parser.parse_known_args(given[:end])
    return arguments | vars(own) | {"arguments": [*others, *given[end + 1 :]]}


def _defaults(parser: argparse.ArgumentParser) -> dict[str, Any]:
    return vars(parser.parse_args([]))


def _at_least(least: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        number = parse_number(text, int)
        if number < least:
            raise argparse.ArgumentTypeError(f"{number} is less than {least}")
        return number

    whole.__name__ = "whole number"
    return whole
