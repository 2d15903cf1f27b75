"""No password in a message or a repr."""

from __future__ import annotations

import pytest

from mrq.exceptions import ConfigError
from mrq.settings import Settings, load, redact_url


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://user:secret@h:6379/0", "redis://user:***@h:6379/0"),
        ("redis://:secret@h", "redis://:***@h"),
        ("redis://secret@h", "redis://***@h"),
        ("mongodb://u:se@cr/et@a,b/mrq?w=1", "mongodb://u:***@a,b/mrq?w=1"),
        ("mongodb+srv://u:secret@h/mrq", "mongodb+srv://u:***@h/mrq"),
        ("redis://h/0?password=secret&x=1", "redis://h/0?password=***&x=1"),
        (
            "mongodb://h/?tlsCertificateKeyFilePassword=secret",
            "mongodb://h/?tlsCertificateKeyFilePassword=***",
        ),
        (
            "tried redis://u:secret@h and mongodb://v:secret@i twice",
            "tried redis://u:***@h and mongodb://v:***@i twice",
        ),
        ("mail me@example.org", "mail me@example.org"),
    ],
)
def test_redact_url(url, safe):
    assert redact_url(url) == safe


def test_a_long_text_is_looked_at_once():
    for text in ("://" * 500_000, "x://" + "a" * 1_000_000):
        assert redact_url(text) == text


def test_repr_of_settings():
    settings = Settings(
        redis="redis://u:secret@h",
        dashboard_httpauth="admin:secret",
        greenlets=4,
        extra={
            "redis_two": "redis://secret@h",
            "api_token": "secret",
            "nested": {"url": "x://a:secret@b"},
            "plain": 1,
        },
    )
    text = repr(settings)
    assert "secret" not in text
    assert text.startswith("Settings(redis='redis://u:***@h', greenlets=4, dashboard_httpauth='***'")
    assert "plain=1" in text
    assert str(settings) == text
    assert repr(Settings()) == "Settings()"


@pytest.mark.parametrize(
    "given",
    [
        {"log_level": "x://u:secret@h"},
        {"dashboard_httpauth": ["secret"]},
        {"redis_prefix": ["r://u:secret@h"]},
    ],
)
def test_errors(given):
    with pytest.raises(ConfigError) as raised:
        load(given=given, environ={})
    assert "secret" not in str(raised.value)
