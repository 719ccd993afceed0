"""`minigrad ops`: the table of all ops, or all that is known of some of them."""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Sequence

import minigrad
from minigrad.api.files import write_aside
from minigrad.app import outputs
from minigrad.app.settings import UsageError
from minigrad.catalogue.accuracy import FUSED, SUMMED
from minigrad.catalogue.op_table import TABLE, Op, claim, named, names, symbol
from minigrad.nn import functional

WIDTH = 100
HEADER = ("op", "function", "method", "in-place", "operator", "order", "value", "gradient")
LEGEND = f"""\
function: yes, in minigrad itself; F, in minigrad.nn.functional.
order: how often it can be differentiated. 0: never. every: as often as you like, for derivatives
can be differentiated again. linear: so too, and the derivative is the same at every point.
value, gradient: how far from PyTorch's they may be, in either float dtype; integers are exact.
With an alpha, the values of {", ".join(FUSED)} may be {claim(FUSED["add"].value)} off.
A gradient that is summed over what its operand was broadcast to may be {claim(SUMMED)} off.
`minigrad ops NAME` tells more of an op, and why it is not exact."""


def ops(wanted: Sequence[str], json_file: str | None = None) -> int:
    """Print the table, or what there is to know of the ops `wanted`; the exit status.

    `json_file` gets the same as data. UsageError for a name that no op has.
    """
    outputs.check_writable({"json": json_file})
    chosen = list(dict.fromkeys(op for name in wanted for op in _named(name))) or list(TABLE)
    print("\n\n".join(map(details, chosen)) if wanted else f"{table(chosen)}\n\n{LEGEND}")
    if json_file is not None:
        record = {"minigrad": minigrad.__version__, "ops": [op.to_dict() for op in chosen]}
        write_aside(json_file, json.dumps(record, indent=1, allow_nan=False).encode() + b"\n")
    return 0


def table(chosen: Sequence[Op]) -> str:
    """A line for each op, below a header."""
    rows = [HEADER, *map(cells, chosen)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def cells(op: Op) -> tuple[str, ...]:
    """The op's line of the table."""
    spaces = ["F" if "functional" in function else "yes" for function in op.functions]
    return (
        op.name,
        ", ".join(spaces),
        "yes" if op.methods else "",
        "yes" if op.in_place else "",
        " ".join(map(symbol, op.operators)),
        op.order,
        claim(op.tolerance.value),
        claim(op.tolerance.gradient) if op.rule.differentiable else "none",
    )


def details(op: Op) -> str:
    """All that is known of one op, in a paragraph and a list."""
    known = {
        "forms": ", ".join(op.forms) or "none: only derivatives of other ops run it",
        "order": {
            "0": "0: no derivative, and the result never requires grad",
            "every": "every: each derivative can be differentiated again",
            "linear": "every, and linear: the derivative is the same at every point",
        }[op.order],
        "value": claim(op.tolerance.value),
        "gradient": claim(op.tolerance.gradient) if op.rule.differentiable else "none",
        "why": op.tolerance.why,
    }
    if op.rule.name in FUSED:
        fused = FUSED[op.rule.name]
        known["alpha"] = f"With one, the value may be {claim(fused.value)} off. {fused.why}"
    known["grad_fn"] = " or ".join(op.grad_fns)
    title = op.signature if op.name == op.rule.name else f"{op.name}: {op.signature}"
    lines = [_wrapped(title, "", "    "), _wrapped(op.summary, "    ", "    "), ""]
    lines += [_wrapped(told, f"    {what:10}", " " * 14) for what, told in known.items() if told]
    return "\n".join(lines)


def _wrapped(text: str, first: str, rest: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=rest)


def _named(name: str) -> list[Op]:
    """The ops of that name. UsageError, with what may have been meant, where there are none."""
    found = named(name)
    if found:
        return found
    if any(hasattr(space, name) for space in (minigrad, functional, minigrad.Tensor)):
        raise UsageError(f"{name!r} is not an op of its own: see minigrad ops")
    known = sorted({each for op in TABLE for each in names(op)})
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "see minigrad ops"
    raise UsageError(f"unknown op {name!r}: {hint}")
