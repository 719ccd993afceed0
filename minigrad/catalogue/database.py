"""How much of PyTorch's own database of operators passes, and where the texts get the numbers.

`python -m bridge.conformance.operator_database` runs the database and prints these numbers.
"""

from __future__ import annotations

from typing import NamedTuple


class Passing(NamedTuple):
    """The entries of the database, and how many of them pass with all samples.

    - `torch`: the version of PyTorch whose database it is.
    - `entries` and `passing`: all of them; `with_derivative`: those that have one, and
      `with_derivative_passing` of these.
    """

    torch: str
    entries: int
    passing: int
    with_derivative: int
    with_derivative_passing: int


PASSING = Passing("2.13", 702, 634, 547, 496)
SENTENCE = (
    f"{PASSING.passing} of the {PASSING.entries} entries pass, among them "
    f"{PASSING.with_derivative_passing} of the {PASSING.with_derivative} that have a derivative"
)
