"""The package opt_einsum, which finds an order for the products of `einsum`. It isn't used."""

from __future__ import annotations

enabled = False
strategy = None


def is_available() -> bool:
    """Return False: `einsum` multiplies its operands from left to right."""
    return False
