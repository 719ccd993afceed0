"""`minigrad ops`: a table of all ops, or the details of some of them."""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Sequence

import minigrad
from minigrad.app.command import UsageError, align_columns, check_output_files
from minigrad.catalogue.accuracy import FUSED, SUMMED
from minigrad.catalogue.database import PASSING, SENTENCE
from minigrad.catalogue.op_table import TABLE, Op, claim, named, names, symbol
from minigrad.nn import functional
from minigrad.utils.atomic_write import write_atomically

WIDTH = 100
HEADER = ("op", "function", "method", "op_", "operator", "order", "value", "gradient")
LEGEND = f"""\
function         yes: in minigrad; F: in minigrad.nn.functional; L: in minigrad.linalg;
                 S: only in minigrad.special
op_              whether there is a method that writes in place, such as add_
order            how often the op can be differentiated. 0: never; every: any number of times;
                 linear: any number of times, and the derivative is the same at every point
value, gradient  how far they may be from PyTorch's, in either float dtype; integers are exact.
                 eps Σ: the rounding unit times the sum of the terms' absolute values.
                 With alpha, values of {", ".join(FUSED)} may be {claim(FUSED["add"].value)} off.
                 A gradient summed over broadcast dimensions may be {claim(SUMMED)} off.
'minigrad ops NAME' describes an op and says why it is not exact.

{textwrap.fill(f"Of PyTorch {PASSING.torch}'s own database of operators, {SENTENCE}.", WIDTH)}"""


def ops(wanted: Sequence[str], json_file: str | None = None) -> int:
    """Print the table, or the details of the ops `wanted`, and return the exit status.

    The same is written to `json_file`, as data. Raises UsageError for an unknown name.
    """
    check_output_files({"json": json_file})
    chosen = list(dict.fromkeys(op for name in wanted for op in _find(name))) or list(TABLE)
    print("\n\n".join(map(details, chosen)) if wanted else f"{table(chosen)}\n\n{LEGEND}")
    if json_file is not None:
        content = {"minigrad": minigrad.__version__, "ops": [op.to_dict() for op in chosen]}
        text = json.dumps(content, indent=1, allow_nan=False)
        write_atomically(json_file, text.encode() + b"\n")
    return 0


# How the table shows the namespace of a function.
_SPACES = {
    "minigrad": "yes",
    "minigrad.nn.functional": "F",
    "minigrad.linalg": "L",
    "minigrad.special": "S",
}


def table(chosen: Sequence[Op]) -> str:
    """A header and a line for each op."""
    return "\n".join(align_columns([HEADER, *map(cells, chosen)]))


def cells(op: Op) -> tuple[str, ...]:
    """The op's cells in the table."""
    spaces = [_SPACES[function.rpartition(".")[0]] for function in op.functions]
    spaces = [space for space in spaces if space != "S"] or spaces
    return (
        op.name,
        ", ".join(spaces),
        "yes" if op.methods else "",
        "yes" if op.in_place else "",
        " ".join(symbol(each).removesuffix(" y") for each in op.operators),
        op.order,
        claim(op.tolerance.value),
        claim(op.tolerance.gradient) if op.rule.differentiable else "none",
    )


def details(op: Op) -> str:
    """The op's signature, summary and facts, as indented text."""
    facts = {
        "forms": ", ".join(op.forms) or "none: only derivatives of other ops run it",
        "order": {
            "0": "0: it has no derivative, and its result never requires grad",
            "every": "every: each derivative can be differentiated again",
            "linear": "every, and linear: the derivative is the same at every point",
        }[op.order],
        "value": claim(op.tolerance.value),
        "gradient": claim(op.tolerance.gradient) if op.rule.differentiable else "none",
        "why": op.tolerance.why,
    }
    if op.rule.name in FUSED:
        fused = FUSED[op.rule.name]
        facts["alpha"] = f"With alpha, the value may be {claim(fused.value)} off. {fused.why}"
    facts["grad_fn"] = " or ".join(op.grad_fns)
    title = op.signature if op.name == op.rule.name else f"{op.name}: {op.signature}"
    lines = [_wrapped(title, "", "    "), _wrapped(op.summary, "    ", "    "), ""]
    lines += [_wrapped(text, f"    {fact:10}", " " * 14) for fact, text in facts.items() if text]
    return "\n".join(lines)


def _wrapped(text: str, first: str, rest: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=rest)


def _find(name: str) -> list[Op]:
    """The ops called `name`. Raises UsageError, with suggestions, if there are none."""
    found = named(name)
    if found:
        return found
    if any(hasattr(space, name) for space in (minigrad, functional, minigrad.Tensor)):
        raise UsageError(f"{name!r} is not a single op: see minigrad ops")
    known = sorted({each for op in TABLE for each in names(op)})
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "see minigrad ops"
    raise UsageError(f"unknown op {name!r}: {hint}")
