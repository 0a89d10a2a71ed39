import json
from collections.abc import Callable
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV
from epochal_trainer.lib.failures import Failure
from epochal_trainer.storage import Credentials
from epochal_trainer.storage.credentials import hiding
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


def test_what_hides_them_hides_nothing_where_there_are_none() -> None:
    assert hiding({ACCESS_KEY_ENV: "the-access-key", SECRET_KEY_ENV: "the-secret-key"})("the-secret-key") == "***"
    assert hiding({})("the-secret-key") == "the-secret-key"


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
