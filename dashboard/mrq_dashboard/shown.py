"""Values of users as JSON: without secrets, cut to a size, whatever they are."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from mrq.settings import redact_url

HIDDEN = "***"
LARGEST_WHOLE = 2**53 - 1  # what a browser can hold
DEEPEST = 20
LONG, SHORT = 100_000, 2_000  # characters, about, of one value: alone, or in a list
LONGEST_TEXT = 20_000

_NAMES = (
    "access_?key", "api_?key", "auth", "authorization", "bearer", "card_?number", "client_?secret",
    "connection_?string", "cookies?", "credentials?", "csrf", "cvc", "cvv", "dsn", "encryption_?key", "iban", "jwt",
    "otp", "passphrase", "passwd", "password", "passwort", "pin", "private_?key", "pwd", "refresh_?token", "secrets?",
    "secret_?key", "session_?id", "session_?key", "session_?token", "signature", "signing_?key", "ssh_?key", "ssn",
    "tokens?", "totp",
)  # fmt: skip
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_ASSIGNED = re.compile(
    r"(?i)\b(authorization|bearer|cookie|password|passwd|pwd|secret|api_?key|token)"
    r"(['\"]?\s*[:=]\s*)((?:bearer|basic)\s+)?(?:'[^'\n]*'|\"[^\"\n]*\"|[^\s,;&'\"]+)"
)


class Shower:
    """Knows which names hold secrets. `more`: names of the user's own."""

    def __init__(self, more: Sequence[str] = ()) -> None:
        own = [re.escape("_".join(_words(name))) for name in more]
        self._secret = re.compile(rf"(?:^|_)(?:{'|'.join([*_NAMES, *own])})(?:$|_)")

    def is_secret(self, name: str) -> bool:
        """Whether a name, such as `apiKey`, `DB_PASSWORD` or `x-auth-token`, stands for something to hide."""
        return bool(self._secret.search("_".join(_words(name))))

    def value(self, value: Any, size: int = LONG) -> Any:
        """A value as JSON, of about so many characters at most; what is left out is marked."""
        return _Cut(self, size).shown(value, 0)

    def text(self, text: str, size: int = LONGEST_TEXT) -> str:
        """Text, such as a traceback: passwords in addresses and after names hidden, the middle cut out."""
        if len(text) > size:
            half = size // 2
            text = f"{text[:half]}\n... {len(text) - 2 * half:,} characters left out ...\n{text[-half:]}"
        return _ASSIGNED.sub(rf"\1\2{HIDDEN}", redact_url(storable(text)))


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
            secret = self._shower.is_secret(name) and item not in (None, "", False, True)
            found[name] = HIDDEN if secret else self.shown(item, depth + 1)
        return found

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        found: list[Any] = []
        for number, item in enumerate(value):
            if self._left <= 0:
                found.append(f"... {len(value) - number} more")
                break
            self._left -= 2
            found.append(self.shown(item, depth + 1))
        return found

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


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.split(name) if word]


def utc(moment: Any) -> datetime | None:
    """A time of the database with its time zone; None for what is no time."""
    return moment.replace(tzinfo=UTC) if isinstance(moment, datetime) else None
