"""Report: all verdicts on a candidate, as text, JSON and HTML."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .verdicts import CONVENTION, ERROR, MISSING, RIGHT, WRONG, Verdict, worst

COLUMNS = (RIGHT, WRONG, ERROR, CONVENTION, MISSING)
_TITLES = {CONVENTION: "differs by convention"}


@dataclass
class Fault:
    """One distinct fault: its first verdict, and the checks that found it."""

    first: Verdict
    checks: list[str]


@dataclass
class Report:
    """What `conform` found of a candidate.

    `ok` says whether nothing is wrong. `stopped` says why not everything ran, or "".
    """

    candidate: str
    reference: str
    verdicts: list[Verdict] = field(default_factory=list)
    stopped: str = ""
    seconds: float = 0

    @property
    def ok(self) -> bool:
        return not any(v.verdict in (WRONG, ERROR) for v in self.verdicts)

    def ops(self) -> dict[str, dict[str, str]]:
        """Return the verdict on each op, by suite."""
        found: dict[str, dict[str, list[str]]] = {}
        for v in self.verdicts:
            found.setdefault(v.suite, {}).setdefault(v.op, []).append(v.verdict)
        return {
            suite: {op: worst(each) for op, each in ops.items()} for suite, ops in found.items()
        }

    def counts(self) -> dict[str, Counter[str]]:
        """Return how many ops of each suite got each verdict."""
        return {suite: Counter(ops.values()) for suite, ops in self.ops().items()}

    def faults(self) -> list[Fault]:
        """Return the distinct faults, grouped by op and kind."""
        found: dict[tuple[str, ...], Fault] = {}
        for v in self.verdicts:
            if v.verdict in (WRONG, ERROR, CONVENTION):
                found.setdefault(v.key, Fault(v, [])).checks.append(v.check)
        order = (WRONG, ERROR, CONVENTION)
        suites = list(self.ops())
        return sorted(
            found.values(),
            key=lambda f: (order.index(f.first.verdict), suites.index(f.first.suite), f.first.op),
        )

    # As text --------------------------------------------------------------------------------------

    def __str__(self) -> str:
        return f"{self.summary()}\n{''.join(f'{chr(10)}{text}' for text in self.entries())}"

    def summary(self) -> str:
        """Return one screen: how many ops of each suite are right, wrong, missing or an error."""
        lines = [f"{self.candidate}, compared with {self.reference}", ""]
        titles = [_TITLES.get(c, c) for c in COLUMNS]
        lines.append(f"{'suite':<10}" + "".join(f"{t:>{max(len(t), 7) + 2}}" for t in titles))
        for suite, counts in self.counts().items():
            cells = (
                f"{counts[c]:>{max(len(t), 7) + 2}}" for c, t in zip(COLUMNS, titles, strict=True)
            )
            lines.append(f"{suite:<10}" + "".join(cells))
        lines.append("")
        for suite, ops in self.ops().items():
            for verdict in (WRONG, ERROR):
                names = sorted(op for op, found in ops.items() if found == verdict)
                if names:
                    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
                    lines.append(f"{suite}, {verdict}: {', '.join(names[:12])}{more}")
        if self.stopped:
            lines.append(self.stopped)
        lines.append(self.verdict())
        return "\n".join(lines)

    def verdict(self) -> str:
        """Return the outcome in one line."""
        found = Counter(fault.first.verdict for fault in self.faults())
        parts = [f"{found[v]} {_TITLES.get(v, v)}" for v in (WRONG, ERROR, CONVENTION) if found[v]]
        what = f"distinct faults: {', '.join(parts)}" if parts else "nothing is wrong"
        return f"{what} ({self.seconds:.0f} s)"

    def entries(self) -> Iterator[str]:
        """Yield the text of each distinct fault."""
        for i, fault in enumerate(self.faults(), 1):
            v = fault.first
            title = f"{v.suite}, {v.op}, {_TITLES.get(v.verdict, v.verdict)}: {v.what}"
            lines = [f"{i}. {title} ({', '.join(dict.fromkeys(fault.checks))})"]
            lines += [f"   {v.message}"] if v.message else []
            lines += [f"   diagnosis: {v.diagnosis}"] if v.diagnosis else []
            if v.ours or v.theirs:
                lines += [f"   candidate: {v.ours}", f"   PyTorch:   {v.theirs}"]
            if v.script:
                lines += ["", *(f"    {line}".rstrip() for line in self.program(v).splitlines())]
            yield "\n".join(lines) + "\n"

    def program(self, v: Verdict) -> str:
        """Return the program of a fault, which runs in both libraries."""
        if v.suite == "tape":
            return v.script
        if v.suite == "rules" and not v.script.startswith("#"):
            name = self.candidate.split()[0]
            head = f"from bridge.conformance import namespace\n\ntorch = namespace({name!r})"
            return f"{head}  # or: import torch\n{v.script}"
        return v.script

    # As JSON --------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the whole report as plain data."""
        return {
            "ok": self.ok,
            "candidate": self.candidate,
            "reference": self.reference,
            "stopped": self.stopped,
            "seconds": round(self.seconds, 1),
            "counts": {suite: dict(counts) for suite, counts in self.counts().items()},
            "ops": self.ops(),
            "faults": [f.first.to_dict() | {"checks": f.checks} for f in self.faults()],
            "verdicts": [v.to_dict() for v in self.verdicts],
        }

    def to_json(self) -> bytes:
        return json.dumps(self.to_dict(), indent=1, allow_nan=False).encode() + b"\n"

    # As HTML --------------------------------------------------------------------------------------

    def to_html(self) -> bytes:
        """Return the report as one page that loads nothing."""
        escape = html.escape
        titles = [_TITLES.get(c, c) for c in COLUMNS]
        head = "".join(f"<th>{escape(t)}</th>" for t in ("suite", *titles))
        rows = "".join(
            f"<tr><td>{escape(suite)}</td>"
            + "".join(f'<td class="{c}">{counts[c]}</td>' for c in COLUMNS)
            + "</tr>"
            for suite, counts in self.counts().items()
        )
        body = "".join(self._section(fault) for fault in self.faults())
        title = escape(f"{self.candidate}, compared with {self.reference}")
        stopped = f"<p>{escape(self.stopped)}</p>" if self.stopped else ""
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
            f"<p>{escape(self.verdict())}</p>{stopped}"
            f"<table><tr>{head}</tr>{rows}</table>{body}</body></html>\n"
        ).encode()

    def _section(self, fault: Fault) -> str:
        v, escape = fault.first, html.escape
        parts = [f"<details><summary><b>{escape(v.op)}</b> ({escape(v.suite)}): {escape(v.what)}, "]
        parts.append(
            f'<span class="{v.verdict}">{escape(_TITLES.get(v.verdict, v.verdict))}</span>'
        )
        parts.append(f"</summary><p>{escape(v.message)}</p>")
        if v.diagnosis:
            parts.append(f"<p>Diagnosis: {escape(v.diagnosis)}</p>")
        if v.ours or v.theirs:
            parts.append(f"<pre>candidate: {escape(v.ours)}\nPyTorch:   {escape(v.theirs)}</pre>")
        parts.append(f"<pre>{escape(self.program(v))}</pre></details>")
        return "".join(parts)


_STYLE = (
    "body{font:15px sans-serif;max-width:60em;margin:2em auto}"
    "td,th{padding:.2em .8em;text-align:right}td:first-child,th:first-child{text-align:left}"
    "pre{background:#f4f4f4;padding:.6em;overflow:auto}.wrong,.error{color:#b00}"
    ".right{color:#070}.missing{color:#777}details{margin:.4em 0}"
)
