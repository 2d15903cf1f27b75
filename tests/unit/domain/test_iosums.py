"""What a run waited for: only so many kinds are kept."""

from __future__ import annotations

from mrq.domain.iosums import MOST_KINDS, REST, IoSum, largest


def test_the_largest_come_first() -> None:
    sums = [IoSum("b", 1.0, 1), IoSum("c", 2.0, 5), IoSum("a", 1.0, 1)]
    assert [each.kind for each in largest(sums)] == ["c", "a", "b"]
    assert largest([]) == ()


def test_what_is_too_much_is_put_together() -> None:
    sums = [IoSum(f"k{number:02}", float(number), number) for number in range(1, MOST_KINDS + 3)]
    kept = largest(sums)
    assert len(kept) == MOST_KINDS
    assert kept[-1] == IoSum(REST, 1.0 + 2.0 + 3.0, 6)
    assert sum(each.seconds for each in kept) == sum(each.seconds for each in sums)
    assert len(largest(sums[:MOST_KINDS])) == MOST_KINDS
    assert REST not in {each.kind for each in largest(sums[:MOST_KINDS])}
