import pytest
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV
from epochal_trainer.lib.failures import Failure
from epochal_trainer.storage import Credentials

CREDENTIALS = Credentials("the-access-key", "the-secret-key", "the-token")


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
        ("the-value\n", "ends with a line break"),
        ("the-value\r\n", "ends with a line break"),
        ("the\nvalue", "contains a line break or control character"),
        ("the-\0value\n", "contains a line break or control character"),
    ],
)
def test_keys_with_control_characters_are_refused(key: str, name: str, value: str, found: str) -> None:
    environment = {ACCESS_KEY_ENV: "a", SECRET_KEY_ENV: "b", name: value}
    message = f"^the key {key} of the Secret .*secretRef {found}.*--from-literal={key}="
    with pytest.raises(Failure, match=message) as caught:
        Credentials.of(environment)
    assert (caught.value.reason, caught.value.exit_code) == ("CredentialsRefused", 77)
    assert "value" not in caught.value.message


def test_credentials_are_hidden_in_texts() -> None:
    assert repr(CREDENTIALS) == "Credentials()"
    assert CREDENTIALS.redactor("a the-secret-key b the-token c the-access-key") == "a *** b *** c ***"


@pytest.mark.parametrize(
    ("secret", "found"), [("the-value\n", "ends with a line break"), ("the\nvalue", "contains a line"), ("b", None)]
)
def test_a_secret_key_with_a_line_break_is_a_warning(
    caplog: pytest.LogCaptureFixture, secret: str, found: str | None
) -> None:
    read = Credentials.of({ACCESS_KEY_ENV: "a", SECRET_KEY_ENV: secret})
    assert read.secret_key == secret
    assert caplog.messages == ([] if found is None else [read.advice])
    assert found is None or f"the key secretKey of the Secret in spec.storage.secretRef {found}" in caplog.text
    assert "value" not in caplog.text
