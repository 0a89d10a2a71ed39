"""No secret is left in a text for users."""

import json
from collections.abc import Callable
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV
from epochal_lib.redaction import Redactor
from hypothesis import given
from hypothesis import strategies as st

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOlsiZXBvY2hhbC5kZXYiXX0.c2lnbmF0dXJl"
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA\n-----END EC PRIVATE KEY-----\n"
PRINTABLE = st.characters(min_codepoint=0x21, max_codepoint=0x17F, exclude_characters="*")
SECRETS = st.text(PRINTABLE, min_size=6, max_size=80)
FORMS = (str, quote, quote_plus, lambda text: quote(text, safe=""), escape, lambda text: json.dumps(text)[1:-1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Authorization: Bearer {TOKEN}", "Authorization: Bearer ***"),
        ("b'authorization: bearer abc.def'", "b'authorization: bearer ***"),
        (f"got {TOKEN}, no more", "got ***, no more"),
        (f"token-{TOKEN}", "***"),
        ("monkeyjar.default.svc", "monkeyjar.default.svc"),
        (f"key {KEY}end", "key ***\nend"),
        (f"key {KEY[:45]}", "key ***"),
        ("the bearer of news", "the bearer *** news"),
        ("eyJ is no token", "eyJ is no token"),
        ("?X-Amz-Signature=00ff&a=b", "?X-Amz-Signature=***&a=b"),
        ("AWS4-HMAC-SHA256 Signature=0123abCD'", "AWS4-HMAC-SHA256 Signature=***'"),
        ("a\x1b]0;owned\x07 \u2028", r"a\x1b]0;owned\x07 \u2028"),
    ],
)
def test_tokens_keys_and_signatures_are_removed(text: str, expected: str) -> None:
    assert Redactor()(text) == expected


@pytest.mark.parametrize("text", ["eyJ-", "eyJ.", "eyJa.a.", "a.-eyJ", "-----BEGIN "])
def test_a_large_text_takes_linear_time(text: str) -> None:
    Redactor()(text * 200_000)  # With quadratic time, the test would exceed its time limit.


def test_credentials_of_the_environment_are_removed() -> None:
    redact = Redactor.of_environment(
        {ACCESS_KEY_ENV: "access-key", SECRET_KEY_ENV: "access-key-and-more", SESSION_TOKEN_ENV: "abc"}
    )
    assert redact("access-key, access-key-and-more, abc") == "***, ***, abc"


def test_a_credential_with_a_line_break_is_removed_with_and_without_it() -> None:
    redact = Redactor(("the-access-key\n", "the-secret-key"))
    assert redact(r"b'the-access-key\n/2026', the-access-key, the-secret-key") == "b'***/2026', ***, ***"


def test_the_longest_credential_is_removed_whole() -> None:
    assert Redactor(("secret", "secret-and-more"))("secret-and-more, secret") == "***, ***"


def test_a_short_credential_stays_in_words() -> None:
    assert Redactor(("a", "minio"))("a bucket of minio") == "a bucket of minio"


@given(st.lists(SECRETS, min_size=3, max_size=3), st.text(max_size=20), st.text(max_size=20), st.sampled_from(FORMS))
def test_no_form_of_a_credential_is_left(
    secrets: list[str], before: str, after: str, form: Callable[[str], str]
) -> None:
    redact = Redactor(secrets)
    for written in map(form, secrets):
        assert written not in redact(f"{before} {written}{after}")
