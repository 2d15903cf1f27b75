"""Numbers with what they count, for messages."""

from __future__ import annotations


def many(number: int, what: str) -> str:
    """`1 job`, `2 jobs`, `12,000 jobs`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
