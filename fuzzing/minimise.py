"""Find the edits that a finding needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from fuzzing.edits import Edit


def minimise(
    edits: Sequence[Edit], fails: Callable[[Sequence[Edit]], bool], seconds: float
) -> tuple[Edit, ...]:
    """The edits that ``fails`` needs; after ``seconds``, the smallest set found so far.

    Omits halves, then quarters, and so on (the complements of Zeller's delta debugging).
    """
    deadline = time.monotonic() + seconds
    kept = tuple(edits)
    size = max(len(kept) // 2, 1)
    while True:
        start = 0
        while start < len(kept) and time.monotonic() < deadline:
            shorter = kept[:start] + kept[start + size :]
            if shorter and fails(shorter):
                kept = shorter
            else:
                start += size
        if size == 1:
            return kept
        size //= 2
