"""Keeps passwords out of messages, logs and reports."""

from __future__ import annotations

import re

from mrq.domain.secrettext import HIDDEN, without_connections

# redis://h?password=..., mongodb://h/?tlsCertificateKeyFilePassword=..., AWS_SESSION_TOKEN:...
_QUERY_SECRET = re.compile(r"((?:password|secret|token)[=:])[^&,\s'\"]+", re.IGNORECASE)
_SECRET_NAME = re.compile(r"password|passwd|secret|token|httpauth", re.IGNORECASE)


def redact_url(text: str) -> str:
    """Return `text`, a URL or a message with URLs in it, with each password replaced by `***`.

    `redis://user:secret@host` becomes `redis://user:***@host`; what stands alone before the `@` is hidden
    too, since Redis takes it for a password. Passwords and tokens among the URL's options are also hidden.
    """
    return _QUERY_SECRET.sub(rf"\1{HIDDEN}", without_connections(text))


def shown(key: str, value: object, limit: int = 200) -> str:
    """Return the value of setting `key` as a message may show it: redacted, and cut at `limit`."""
    if value and _SECRET_NAME.search(key):
        return repr(HIDDEN)
    text = redact_url(repr(value))
    return text if len(text) <= limit else f"{text[:limit]}..."
