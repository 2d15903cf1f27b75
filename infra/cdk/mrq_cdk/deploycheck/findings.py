"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is."""

    FINE = "ok"
    DOUBTFUL = "warning"
    """It may work, or can't be looked at."""
    MISSING = "missing"
    """The deployment would fail."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`text`: what is there. `mend`: what to do about it, where something is to be done."""

    verdict: Verdict
    text: str
    mend: str = ""


def fine(text: str) -> Finding:
    """It is as it has to be."""
    return Finding(Verdict.FINE, text)


def doubtful(text: str, mend: str = "") -> Finding:
    """See Verdict.DOUBTFUL."""
    return Finding(Verdict.DOUBTFUL, text, mend)


def missing(text: str, mend: str) -> Finding:
    """See Verdict.MISSING."""
    return Finding(Verdict.MISSING, text, mend)
