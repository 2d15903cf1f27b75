"""Secrets stay out of what people read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrq.domain.redaction import COMMON, HIDDEN, is_secret, redacted, redacted_text

SECRET = st.text("klmnqrv0123456789", min_size=5, max_size=12)
NAMES = st.sampled_from(["password", "API_KEY", "db_password", "accessToken", "Authorization", "client_secret",
                         "dbpassword", "apikey", "x-auth-token", "Set-Cookie", "credentials", "_token"])  # fmt: skip


@given(NAMES, SECRET, st.integers(0, 6))
def test_no_secret_is_left_in_params_whatever_their_depth(name: str, secret: str, depth: int) -> None:
    params: Any = {name: secret, "n": 1}
    for _ in range(depth):
        params = {"more": [params]}
    found = redacted(params)
    assert secret not in repr(found)
    assert HIDDEN in repr(found)


@given(st.dictionaries(st.sampled_from(["n", "url", "site"]), st.one_of(st.integers(), st.text(max_size=5))))
def test_what_is_no_secret_stays(params: dict[str, Any]) -> None:
    assert redacted(params) == params


@given(NAMES, SECRET, st.sampled_from(["{}={}", "{}: {}", '"{}": "{}"', "'{}': '{}'", "{}=Bearer {}", "x {}={}, y",
                                                "why: {}={}",
                                                "--{}={}", "{}=b'{}'", "{}='\\'{} x'",
                                                "{}='{} and no end"]))  # fmt: skip
def test_no_secret_is_left_in_text(name: str, secret: str, form: str) -> None:
    found = redacted_text(form.format(name, secret))
    assert secret not in found
    assert name in found


@pytest.mark.parametrize("text", ["the token was refused", "password reset mailed", "a=1, b=2",
                                  "tokenizer=x", "TokenError: no",
                                  "secretary: me", ""])  # fmt: skip
def test_text_without_a_value_stays(text: str) -> None:
    assert redacted_text(text) == text


def test_own_names_take_the_place_of_the_common_ones() -> None:
    assert redacted({"iban": "DE1", "token": "t"}, ["iban"]) == {"iban": HIDDEN, "token": "t"}
    assert redacted_text("iban=DE1 token=t", ["iban"]) == f"iban={HIDDEN} token=t"
    assert redacted({"token": "t"}, []) == {"token": "t"}
    assert redacted_text("token=t", []) == "token=t"
    assert "token" in COMMON


def test_names_are_told_by_their_words() -> None:
    for name in ("password", "DB_PASSWORD", "apiKey", "x-auth-token", "AWS_SECRET_ACCESS_KEY", "tokens", "my-pin"):
        assert is_secret(name), name
    for name in ("author", "key", "tokenizer", "passage", "pinned", "id", "secretary", "session", "card", "monkey", ""):
        assert not is_secret(name), name


def test_values_that_are_none_are_shown() -> None:
    params = {"token": None, "secret": "", "has_password": True}
    assert redacted(params) == params


def test_a_long_line_is_looked_at_once() -> None:
    for text in ("a" * 500_000, "a-" * 250_000, "a " * 250_000, "a:" * 250_000, "token " + " " * 500_000):
        assert redacted_text(text) == text
