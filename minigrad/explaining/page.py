"""The page: one HTML file with the record as JSON, and the script that shows it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from .layout import layout

WEB = Path(__file__).parent / "web"
SCRIPTS = ("record", "values", "detail", "tape", "graph", "program", "main")
PLAIN = 250_000  # longer JSON is compressed


def page_html(record: dict[str, Any]) -> str:
    """Return the page of a record: its data, the style and the scripts in one file."""
    style, script = _parts()
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}"
    parts = {
        "policy": policy,
        "title": html.escape(f"{record['program'] or 'minigrad'} explained"),
        "style": style,
        "script": script,
    }
    for name, data in (("record", record), ("layout", layout(record))):
        parts[f"{name} type"], parts[name] = _embedded(data)
    # Each part is put in once, so that no part is searched for the marks of others.
    pieces = (WEB / "page.html").read_text(encoding="utf-8").split("{{")
    return pieces[0] + "".join(
        parts[mark] + rest for mark, rest in (piece.split("}}", 1) for piece in pieces[1:])
    )


@lru_cache(1)
def _parts() -> tuple[str, str]:
    """The style, and the scripts as one."""
    style = (WEB / "page.css").read_text(encoding="utf-8")
    scripts = [(WEB / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    return style, '"use strict";\n{\n' + "\n".join(scripts) + "}\n"


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _embedded(data: dict[str, Any]) -> tuple[str, str]:
    """Return the type and the text of a script element with data."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    if len(text) <= PLAIN:
        # Inside a script element, only "</" and "<!--" could end the text.
        return "application/json", text.replace("<", "\\u003c")
    packed = gzip.compress(text.encode(), 6, mtime=0)
    return "application/gzip", base64.b64encode(packed).decode()
