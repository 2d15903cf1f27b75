"""Fingerprints: what differs from job to job doesn't count, all else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrq.domain.fingerprint import LONGEST_MESSAGE, Signature, fingerprint, normalised

NAMES = st.text("abcdefgh_", min_size=1, max_size=8)
FRAMES = st.lists(st.builds("{}:{}".format, NAMES, NAMES), max_size=6).map(tuple)
SIGNATURES = st.builds(Signature, NAMES, FRAMES, st.text(max_size=60))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order 4711 is missing", "order 12 is missing"),
        ("took -1.5 s", "took 30 s"),
        ("no row 'a b' in t", "no row 'c' in t"),
        ('no "x"', 'no "yy zz"'),
        ("job 6b0767e6e7a4c082a4a7a48b", "job 5b0767e6e7a4c082a4a7a48c"),
        ("<Thing at 0x7f00aa>", "<Thing at 0x1>"),
        ("key 123e4567-e89b-12d3-a456-426614174000", "key 023e4567-e89b-12d3-a456-426614174fff"),
        ("GET https://a.example/x?y=1 failed", "GET http://b.example/ failed"),
        ("open /var/lib/a.txt", "open /tmp/b/c.txt"),
        ("mail to ann@example.org bounced", "mail to bob.b@mail.example.com bounced"),
        ("at 2026-01-05 12:00:00", "at 2025-12-31 01:02:03"),
        ("two   words", "two\nwords"),
        ("can't read 'a'", "can't read 'b'"),
        (f"{'x' * 290} {'9' * 3} rows are missing", f"{'x' * 290} {'1' * 40} rows are missing"),
    ],
)
def test_what_differs_from_job_to_job_is_taken_out(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"), [("order missing", "order closed"), ("deadbeef", "cafebabe"), ("defaced", "effaced")]
)
def test_words_are_not(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


@given(st.text(max_size=LONGEST_MESSAGE // 2), st.integers(), st.integers())
def test_numbers_never_tell_messages_apart(text: str, one: int, other: int) -> None:
    assert normalised(f"{text} {one} rows") == normalised(f"{text} {other} rows")


@given(st.text(max_size=1000))
def test_any_message_is_normalised_to_something_bounded(text: str) -> None:
    assert len(normalised(text)) <= LONGEST_MESSAGE


@given(NAMES, SIGNATURES)
def test_a_fingerprint_is_short_and_always_the_same(task: str, signature: Signature) -> None:
    name = fingerprint(task, signature)
    assert name == fingerprint(task, Signature(signature.kind, tuple(signature.frames), str(signature.message)))
    assert len(name) == 16
    int(name, 16)


@given(NAMES, SIGNATURES, SIGNATURES)
def test_kind_frames_and_task_tell_failures_apart(task: str, one: Signature, other: Signature) -> None:
    same = fingerprint(task, Signature(one.kind, (), "m")) == fingerprint(task, Signature(other.kind, (), "m"))
    assert same == (one.kind == other.kind)
    assert fingerprint(task, one) != fingerprint(f"{task}x", one)
    assert fingerprint(task, one) != fingerprint(task, Signature(one.kind, (*one.frames, "new:frame"), one.message))


@given(NAMES, FRAMES, NAMES, st.integers(1, 30))
def test_the_depth_of_a_recursion_does_not(kind: str, frames: tuple[str, ...], name: str, depth: int) -> None:
    once = fingerprint("t", Signature(kind, (*frames, name)))
    assert fingerprint("t", Signature(kind, (*frames, *[name] * depth))) == once


def test_a_message_that_is_no_unicode_is_taken() -> None:
    assert fingerprint("t", Signature("E", (), "\ud800"))
