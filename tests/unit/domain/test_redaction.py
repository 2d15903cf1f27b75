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
                                  "secretary: me", "", "passwords: []", "the option --token is required",
                                  "use --password to log in", "('token', 'password', 'n') are missing",
                                  "GET https://example.org:8080/users/a@example.org",
                                  "https://example.org/?mail=a@example.org", "file:///home/a@b",
                                  "ask a@example.org: it is simple"])  # fmt: skip
def test_text_without_a_value_stays(text: str) -> None:
    assert redacted_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Token S3CRET",
        "Authorization: Custom S3CRET",
        'Authorization: Digest username="x", response="S3CRET"',
        "authorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host;x-amz-date, Signature=S3CRET",
        "Cookie: a=1; sid=S3CRET",
        "cookie=a=1; sid=S3CRET",
        "{'passwords': ['S3CRET','S3CRET'], 'n': 1}",
        "{'credentials': {'user': 'bob', 'more': {'key': 'S3CRET'}}}",
        '"credentials": {\n  "key": "S3CRET"',
        "token=('S3CRET',)",
        "token=SecretStr('S3CRET')",
        r"body {\"password\": \"S3CRET\"}",
        r'body {\\\"password\\\": \\\"a\\\\\\"S3CRET\\\"}',
        "[('Authorization', 'Bearer S3CRET')]",
        "[(b'authorization', b'Bearer S3CRET')]",
        '["x-api-key", "S3CRET"]',
        "x-api-key => S3CRET",
        "password := S3CRET",
        "mysql --user bob --password S3CRET",
        "['mysql', '--password', 'S3CRET']",
        "--token to-S3CRET",
        "password='''S3CRET'''",
        "connecting to postgres://bob:S3CRET@db/x",
        "redis://a:S3CRET@h,redis://b:S3CRET@i",
        "redis://:123/S3CRET@h",
        "https://S3CRET@github.com/x",
        "x" * 1000 + "-password=S3CRET",
    ],
)
def test_forms_in_which_secrets_are_written(text: str) -> None:
    found = redacted_text(text)
    assert "S3CRET" not in found
    assert HIDDEN in found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{'tokens': ['x', ')'], 'n': 1}", "{'tokens': ***, 'n': 1}"),
        ("Authorization: Bearer x, n=1", "Authorization: ***"),
        ("('token', 'x') and more", "('token', ***) and more"),
        ("run --password x --n 1", "run --password *** --n 1"),
        ("get https://u:x@h/a?b=1 twice", "get https://u:***@h/a?b=1 twice"),
        ("unexpected token: ( at 3\nand the next line", "unexpected token: ***\nand the next line"),
    ],
)
def test_what_stands_around_a_secret_stays(text: str, found: str) -> None:
    assert redacted_text(text) == found


def test_headers_and_urls_in_params() -> None:
    params = {
        "headers": [["Authorization", "Bearer x"], ("n", 1)],
        "url": "postgres://u:x@h/d",
        "fields": ["token", "n"],
    }
    assert redacted(params) == {
        "headers": [["Authorization", HIDDEN], ["n", 1]], "url": f"postgres://u:{HIDDEN}@h/d", "fields": ["token", "n"],
    }  # fmt: skip


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
    for text in ("://" * 300_000, "(" * 500_000, "('a'," * 200_000, "--a " * 200_000, "\\" * 500_000,
                 "a" * 500_000, "a-" * 250_000, "a " * 250_000, "a:" * 250_000, "token " + " " * 500_000):  # fmt: skip
        assert redacted_text(text) == text
    for text in ("token=" * 200_000, "token=(" * 100_000, "token=(\n" * 100_000, "('token','" * 100_000,
                 '"tokens": {\n' * 100_000, 'token=\\"' * 100_000, "--token x " * 100_000,
                 "x://a:b@" * 100_000):  # fmt: skip
        assert HIDDEN in redacted_text(text)
