"""The number of examples of a test, in proportion to the hypothesis profile."""

from __future__ import annotations

from hypothesis import Phase, settings

USUAL = "repeatable"
# For tests that a mistake is found: the same examples each time, until the first failure.
AT_A_GLANCE = settings(
    max_examples=200,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    database=None,
    derandomize=True,
    deadline=None,
)


def examples(count: int) -> int:
    """Return `count` in the usual profile of `conftest.py`, and a multiple of it in the deep one.

    >>> examples(8) * settings.get_profile(USUAL).max_examples == 8 * settings().max_examples
    True
    """
    return max(1, count * settings().max_examples // settings.get_profile(USUAL).max_examples)
