"""How many examples a test asks for: so many in the usual profile, and in others in proportion."""

from __future__ import annotations

from hypothesis import Phase, settings

USUAL = "repeatable"
# To see whether a mistake is found at all: the same examples each time, until the first that fails.
AT_A_GLANCE = settings(
    max_examples=200,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    database=None,
    derandomize=True,
    deadline=None,
)


def examples(count: int) -> int:
    """`count` in the usual profile of `conftest.py`; in one of 25 times as many examples, 25 times.

    >>> examples(8) * settings.get_profile(USUAL).max_examples == 8 * settings().max_examples
    True
    """
    return max(1, count * settings().max_examples // settings.get_profile(USUAL).max_examples)
