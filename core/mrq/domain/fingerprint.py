"""Which failures are the same: exceptions of one type, from the same own frames, with the same words in the message.

What differs from job to job (numbers, ids, quoted values, addresses) is taken out of the message, and line numbers are
not looked at, so that a fingerprint outlives most changes of the code.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

MOST_READ = 4_000  # characters of a message that are looked at
LONGEST_MESSAGE = 300  # of what is left of it without what differs
MOST_FRAMES = 12  # innermost ones

# In this order: what a later one takes out may be a part of what an earlier one does.
_VARIABLE = (
    (re.compile(r"[a-z][a-z0-9+.-]{1,20}://\S+", re.IGNORECASE), "<url>"),
    (re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,63}"), "<email>"),
    (re.compile(r"(?<!\w)'[^']*'|\"[^\"]*\""), "<text>"),  # not the apostrophe of "can't"
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), "<n>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<n>"),
    (re.compile(r"[+-]?\b(?=[a-f]*[0-9])[0-9a-f]{16,}\b", re.IGNORECASE), "<n>"),
    (re.compile(r"(?<![\w<])(?:/[\w.@+-]+){2,}/?"), "<path>"),
    (re.compile(r"[+-]?\d+(?:[.,:]\d+)*"), "<n>"),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a failure is recognised by. `kind`: the exception's class name; `frames`: "module:function", outermost
    first, of the user's own code."""

    kind: str
    frames: tuple[str, ...] = ()
    message: str = ""


def normalised(message: str) -> str:
    """A message without what differs from job to job."""
    text = message[:MOST_READ]
    for pattern, word in _VARIABLE:
        text = pattern.sub(word, text)
    return text.strip()[:LONGEST_MESSAGE]


def fingerprint(task: str, signature: Signature) -> str:
    """Names the group of a failure of a task: 16 hexadecimal digits."""
    frames: list[str] = []
    for frame in signature.frames:
        if not frames or frames[-1] != frame:  # a recursion is as deep as its data
            frames.append(frame)
    parts = (task, signature.kind, *frames[-MOST_FRAMES:], normalised(signature.message))
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()
