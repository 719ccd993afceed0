"""Keeps the memory of freed arrays in the process, for the arrays of the next step.

The C library of Linux (glibc) gives memory at the end of its heap back to the system as soon as it
is more than twice the largest array that was freed and had pages of its own. In a small program
that is a few hundred kilobytes. Then every step gets its memory anew, page by page, which takes a
quarter of the time of an LSTM's step. So this module frees one large array, whose pages are never
touched. From then on up to 32 MB stay. Other C libraries aren't affected.
"""

from __future__ import annotations

import numpy as np

np.empty(16 << 20, np.uint8)
