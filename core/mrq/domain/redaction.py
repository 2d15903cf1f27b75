"""Keep secrets out of what people read: values whose names say that they are secret, in params and in text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from mrq.domain import secrettext

HIDDEN = secrettext.HIDDEN
COMMON = (
    "access_key", "api_key", "auth", "authorization", "bearer", "card_number", "connection_string", "cookie",
    "credential", "csrf", "cvc", "cvv", "dsn", "encryption_key", "iban", "jwt", "otp", "passphrase", "passwd",
    "password", "passwort", "pin", "private_key", "pwd", "secret", "session_id", "session_key", "signature",
    "signing_key", "ssh_key", "ssn", "token", "totp",
)  # fmt: skip
"""Names that are redacted if nothing else is said: `token` stands for `token`, `tokens`, `accessToken`, `x-auth-token`,
but not for `tokenizer`."""

DEEPEST = 20  # levels of params that are looked into; what is deeper is hidden

_ANYWHERE = frozenset({"password", "passwd", "passphrase", "api_key"})  # also where they are a part of a word
_HARMLESS = re.compile(r"_(?:error|exception|warning)$")  # `TokenError: it has expired`
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


def is_secret(name: str, names: Iterable[str] = COMMON) -> bool:
    """Whether a name, such as `apiKey`, `DB_PASSWORD` or `x-auth-token`, stands for something to hide."""
    return _is_secret(name, tuple(names))


def redacted(params: Any, names: Iterable[str] = COMMON) -> Any:
    """A copy of params in which the values under such names, at any depth, are `***`, as are the passwords of URLs.
    Case doesn't count."""
    names = tuple(names)
    return _redacted(params, names, 0) if names else params


def _redacted(value: Any, names: tuple[str, ...], depth: int) -> Any:
    if depth > DEEPEST:
        return HIDDEN
    if isinstance(value, Mapping):
        return {
            key: HIDDEN
            if isinstance(key, str) and not is_blank(item) and _is_secret(key, names)
            else _redacted(item, names, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_redacted_pair(item, names, depth + 1) for item in value]
    return secrettext.without_logins(value) if isinstance(value, str) else value


def _redacted_pair(value: Any, names: tuple[str, ...], depth: int) -> Any:
    """An item of a list; headers are often lists of names with values."""
    if isinstance(value, (list, tuple)) and len(value) == 2 and isinstance(value[0], str):
        name, item = value
        if not is_blank(item) and _is_secret(name, names):
            return [name, HIDDEN]
    return _redacted(value, names, depth)


def is_blank(value: Any) -> bool:
    """Whether a value can't be a secret: there is none."""
    return value is None or isinstance(value, bool) or (isinstance(value, str) and not value)


def redacted_text(text: str, names: Iterable[str] = COMMON) -> str:
    """Text in which what follows such a name (`token=x`, `"tokens": ["x"]`, `Authorization: Bearer x`, `--token x`) is
    `***`, and the password of each URL."""
    names = tuple(names)
    return secrettext.redacted(text, lambda name: _is_secret(name, names)) if names else text


@lru_cache(maxsize=4096)
def _is_secret(name: str, names: tuple[str, ...]) -> bool:
    words = _joined(name)
    return bool(_pattern(names).search(words)) and not _HARMLESS.search(words)


@lru_cache(maxsize=16)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    known = {joined for name in names if (joined := _joined(name))}
    words = [re.escape(name).replace("_", "_?") for name in sorted(known)]
    inside = [re.escape(name).replace("_", "_?") for name in sorted(known & _ANYWHERE)]
    return re.compile("|".join([rf"(?:^|_)(?:{'|'.join(words)})s?(?:$|_)", *inside]) if words else r"(?!)")


def _joined(name: str) -> str:
    """`apiKey` and `api-key` as `api_key`."""
    return "_".join(word.lower() for word in _WORDS.split(name) if word)
