"""Values of users as JSON: without secrets, cut to a size, whatever they are."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from mrq.domain.redaction import COMMON, DEEPEST, HIDDEN, is_blank, is_secret, redacted_text
from mrq.settings import redact_url

LARGEST_WHOLE = 2**53 - 1  # what a browser can hold
LONG, SHORT = 100_000, 2_000  # characters, about, of one value: alone, or in a list
LONGEST_TEXT = 20_000
AROUND = 2_000  # characters beside those of a cut text in which the name or address of a secret is looked for


class Shower:
    """Knows which names hold secrets: those of `mrq.domain.redaction`, and `more`, names of the user's own."""

    def __init__(self, more: Sequence[str] = ()) -> None:
        self._names = (*COMMON, *more)

    def is_secret(self, name: str) -> bool:
        """Whether a name, such as `apiKey`, `DB_PASSWORD` or `x-auth-token`, stands for something to hide."""
        return is_secret(name, self._names)

    def value(self, value: Any, size: int = LONG) -> Any:
        """A value as JSON, of about so many characters at most; what is left out is marked."""
        return _Cut(self, size).shown(value, 0)

    def text(self, text: str, size: int = LONGEST_TEXT) -> str:
        """Text, such as a traceback: passwords in addresses and after names hidden, the middle cut out."""
        if len(text) <= size:
            return self._redacted(text)
        half = size // 2
        # what is cut can't be told to be a secret; so a bit more is looked at than is shown, but not all of a long text
        end = text[-half - AROUND :]
        first, last = self._redacted(text[: half + AROUND]), self._redacted(end)
        last = last[max(len(last) - half, AROUND // 2 if len(end) < len(text) else 0) :]
        return f"{first[:half]}\n... {len(text) - 2 * half:,} characters left out ...\n{last}"

    def _redacted(self, text: str) -> str:
        return redacted_text(redact_url(storable(text)), self._names)


def storable(text: str) -> str:
    """Text that can be sent: lone surrogates are written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class _Cut:
    """One value on its way; `left` counts down."""

    def __init__(self, shower: Shower, size: int) -> None:
        self._shower = shower
        self._left = size

    def shown(self, value: Any, depth: int) -> Any:
        if depth > DEEPEST:
            return "..."
        if isinstance(value, Mapping):
            return self._object(value, depth)
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._list(list(value), depth)
        shown = self._plain(value)
        self._left -= len(shown) if isinstance(shown, str) else 8
        return shown

    def _object(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for number, (key, item) in enumerate(value.items()):
            if self._left <= 0:
                found["..."] = f"{len(value) - number} more"
                break
            name = storable(str(key))[:500]
            self._left -= len(name) + 4
            secret = self._shower.is_secret(name) and not is_blank(item)
            found[name] = HIDDEN if secret else self.shown(item, depth + 1)
        return found

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        found: list[Any] = []
        for number, item in enumerate(value):
            if self._left <= 0:
                found.append(f"... {len(value) - number} more")
                break
            self._left -= 2
            found.append(self._pair(item) or self.shown(item, depth + 1))
        return found

    def _pair(self, item: Any) -> list[str] | None:
        """A name and its secret, as headers are often listed."""
        if not isinstance(item, (list, tuple)) or len(item) != 2 or not isinstance(item[0], str) or is_blank(item[1]):
            return None
        name = storable(item[0])[:500]
        return [name, HIDDEN] if self._shower.is_secret(name) else None

    def _plain(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value) if abs(value) <= LARGEST_WHOLE else str(value)
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if isinstance(value, (bytes, bytearray, memoryview)):
            value = f"base64:{base64.b64encode(bytes(value)[:LONGEST_TEXT]).decode()}"
        elif isinstance(value, datetime):
            value = value.replace(tzinfo=value.tzinfo or UTC).isoformat()
        elif isinstance(value, date):
            value = value.isoformat()
        text = redact_url(storable(value if isinstance(value, str) else str(value)))
        longest = min(LONGEST_TEXT, max(self._left, 100))
        return text if len(text) <= longest else f"{text[:longest]}... {len(text) - longest:,} more characters"


def utc(moment: Any) -> datetime | None:
    """A time of the database with its time zone; None for what is no time."""
    return moment.replace(tzinfo=UTC) if isinstance(moment, datetime) else None
