"""The page: one HTML file with the record as JSON, and the script that shows it."""

from __future__ import annotations

import json
from typing import Any


def page_html(record: dict[str, Any]) -> str:
    """Return the page of a record."""
    # Inside a script element, only "</" and "<!--" could end the text.
    data = json.dumps(record, allow_nan=False).replace("<", "\\u003c")
    return f'<!doctype html><script type="application/json" id="record">{data}</script>'
