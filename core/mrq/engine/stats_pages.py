"""Read many periods in pages that are small in memory: a period may have one pair of queue and task, or hundreds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mrq.domain.stats import Period

PAIRS = 500  # in one page, if its periods are as wide as those before: some megabytes, and some tens of milliseconds
FIRST = 4  # periods in the first page, before it is known how wide they are


def pages(
    read: Callable[[int, str | None], list[Period]], most: int, between: Callable[[], None] | None = None
) -> Iterator[Period]:
    """All periods that `read(limit, after)` gives, at most `most` of them at once. `between`: called after each page
    but the last."""
    limit, after = min(FIRST, most), None
    while page := read(limit, after):
        yield from page
        if len(page) < limit:
            return
        after = page[-1].id
        limit = max(1, min(most, PAIRS // max(1, *(len(each.tally.counts) for each in page))))
        if between is not None:
            between()
