"""Amazon's certificates for DocumentDB, which no system has: from a file, or fetched once and kept."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path

from mrq.exceptions import ConfigError

CERTIFICATES = "documentdb-ca.pem"
"""Name of the file in functions and images."""

ADDRESS = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
BEGIN = "-----BEGIN CERTIFICATE-----"
TIMEOUT = 30  # seconds


def certificates(given: str = "") -> Path:
    """The file. `given`: where it is; empty: it is fetched over HTTPS the first time and kept in the user's cache.

    Raises:
        ConfigError: it isn't there, holds no certificates, or can't be fetched; says what to do.
    """
    if given:
        found = Path(given)
        if not found.is_file() or BEGIN not in found.read_text(encoding="utf-8", errors="replace"):
            raise ConfigError(f"ca_bundle: {given} is no file with certificates; get it from {ADDRESS}")
        return found
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mrq" / CERTIFICATES
    if not kept.exists():
        text = _fetched()
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_text(text, encoding="utf-8")
        part.replace(kept)
    return kept


def _fetched() -> str:
    try:
        with urllib.request.urlopen(ADDRESS, timeout=TIMEOUT) as answer:
            text: str = answer.read(2_000_000).decode("ascii")
    except (urllib.error.URLError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"Amazon's certificates for DocumentDB can't be fetched from {ADDRESS} ({error}); fetch the file "
            "elsewhere and say where it is with ca_bundle"
        ) from error
    if BEGIN not in text:
        raise ConfigError(f"what {ADDRESS} answered holds no certificates; say where the file is with ca_bundle")
    return text
