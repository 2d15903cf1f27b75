"""Numbers with what they count, for messages."""

from __future__ import annotations


def many(number: int, what: str) -> str:
    """`1 job`, `2 jobs`, `12,000 jobs`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def how_to_start(variable: str) -> str:
    """What to do about a server that is not there, whose URL is in this variable."""
    return f"start one with `mrq up` or `docker compose up -d`, or say where it is in {variable}"
