import json
from collections.abc import Callable
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV
from epochal_trainer.lib.failures import Failure
from epochal_trainer.storage import Credentials
from hypothesis import given
from hypothesis import strategies as st

CREDENTIALS = Credentials("the-access-key", "the-secret-key", "the-token")
PRINTABLE = st.characters(min_codepoint=0x21, max_codepoint=0x17F, exclude_characters="*")
SECRETS = st.text(PRINTABLE, min_size=6, max_size=80)
FORMS = (str, quote, quote_plus, lambda text: quote(text, safe=""), escape, lambda text: json.dumps(text)[1:-1])


def test_credentials_come_from_the_environment() -> None:
    environment = {ACCESS_KEY_ENV: "a", SECRET_KEY_ENV: "b"}
    assert Credentials.of(environment) == Credentials("a", "b")
    assert Credentials.of({**environment, SESSION_TOKEN_ENV: "c"}) == Credentials("a", "b", "c")
    for missing in environment:
        with pytest.raises(Failure, match=r"spec.storage.secretRef") as caught:
            Credentials.of({**environment, missing: ""})
        assert (caught.value.reason, caught.value.exit_code) == ("CredentialsRefused", 77)


@pytest.mark.parametrize(
    ("key", "name"),
    [("accessKey", ACCESS_KEY_ENV), ("sessionToken", SESSION_TOKEN_ENV)],
)
@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("the-value\n", "ends in a line break"),
        ("the-value\r\n", "ends in a line break"),
        ("the\nvalue", "holds a line break or a control character"),
        ("the-\0value\n", "holds a line break or a control character"),
    ],
)
def test_what_no_request_can_be_signed_with_is_refused(key: str, name: str, value: str, found: str) -> None:
    environment = {ACCESS_KEY_ENV: "a", SECRET_KEY_ENV: "b", name: value}
    message = f"^the key {key} of the Secret .*secretRef names {found}.*--from-literal={key}="
    with pytest.raises(Failure, match=message) as caught:
        Credentials.of(environment)
    assert (caught.value.reason, caught.value.exit_code) == ("CredentialsRefused", 77)
    assert "value" not in caught.value.message


def test_what_cannot_be_used_shows_nowhere_either() -> None:
    hidden = Credentials.unchecked({ACCESS_KEY_ENV: "the-access-key\n", SECRET_KEY_ENV: "the-secret-key"}).hidden
    assert hidden(r"b'the-access-key\n/2026', the-access-key, the-secret-key") == r"b'***/2026', ***, ***"


def test_signatures_show_nowhere() -> None:
    said = "Credential=the-access-key/20261126/us-east-1/s3/aws4_request, Signature=0123abCD'"
    assert CREDENTIALS.hidden(said) == "Credential=***/20261126/us-east-1/s3/aws4_request, Signature=***'"
    assert Credentials.unchecked({}).hidden("?X-Amz-Signature=00ff&a=b") == "?X-Amz-Signature=***&a=b"


def test_credentials_show_nowhere() -> None:
    assert repr(CREDENTIALS) == "Credentials()"
    assert CREDENTIALS.hidden("a the-secret-key b the-token c the-access-key") == "a *** b *** c ***"


def test_what_is_too_short_for_a_secret_is_left_in_words() -> None:
    assert Credentials("a", "minio").hidden("a bucket of minio") == "a bucket of minio"


def test_the_longest_is_taken_out_whole() -> None:
    assert Credentials("secret", "secret-and-more").hidden("secret-and-more, secret") == "***, ***"


@given(st.lists(SECRETS, min_size=3, max_size=3), st.text(max_size=20), st.text(max_size=20), st.sampled_from(FORMS))
def test_no_form_of_a_credential_is_left(
    secrets: list[str], before: str, after: str, form: Callable[[str], str]
) -> None:
    credentials = Credentials(*secrets)
    for written in map(form, secrets):
        assert written not in credentials.hidden(f"{before} {written}{after}")


@pytest.mark.parametrize(
    ("secret", "found"), [("the-value\n", "ends in a line break"), ("the\nvalue", "holds a line break"), ("b", None)]
)
def test_a_secret_key_with_a_line_break_is_told_and_tried(
    caplog: pytest.LogCaptureFixture, secret: str, found: str | None
) -> None:
    read = Credentials.of({ACCESS_KEY_ENV: "a", SECRET_KEY_ENV: secret})
    assert read.secret_key == secret
    assert caplog.messages == ([] if found is None else [read.advice])
    assert found is None or f"the key secretKey of the Secret that spec.storage.secretRef names {found}" in caplog.text
    assert "value" not in caplog.text
