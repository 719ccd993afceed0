"""See what a program did: the record of one turn, and the page, text and data that show it."""

from .explain import explain

__all__ = ["explain"]
