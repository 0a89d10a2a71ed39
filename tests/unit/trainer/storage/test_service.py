import pytest
from epochal_api.storage import Storage
from epochal_trainer.lib.failures import Failure
from epochal_trainer.storage import Patience
from epochal_trainer.storage.service import buckets_of

STORAGE = Storage.model_validate({"endpoint": "http://127.0.0.1:9", "secretRef": {"name": "none"}})
PATIENCE = Patience(0)


def test_buckets_are_opened_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_ACCESS_KEY", "access")
    monkeypatch.setenv("EPOCHAL_SECRET_KEY", "secret")
    assert buckets_of(STORAGE, PATIENCE)("results").uri("key") == "s3://results/key"


@pytest.mark.parametrize(
    ("storage", "reason"),
    [
        ({"endpoint": None}, "InvalidSpec"),
        ({"caConfigMapRef": {"name": "missing"}}, "InvalidCertificateAuthority"),
    ],
)
def test_what_is_not_named_or_does_not_come_is_said(storage: dict[str, object], reason: str) -> None:
    given = STORAGE.model_dump(by_alias=True) | storage
    with pytest.raises(Failure) as caught:
        buckets_of(Storage.model_validate(given), PATIENCE)
    assert caught.value.reason == reason
