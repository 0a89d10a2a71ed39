import pytest
from epochal_api.storage import Storage
from epochal_trainer.lib.failures import Failure
from epochal_trainer.storage import RetryPolicy
from epochal_trainer.storage.service import buckets_of

STORAGE = Storage.model_validate({"endpoint": "http://127.0.0.1:9", "secretRef": {"name": "none"}})
RETRY = RetryPolicy(0)


def test_buckets_are_opened_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_ACCESS_KEY", "access")
    monkeypatch.setenv("EPOCHAL_SECRET_KEY", "secret")
    assert buckets_of(STORAGE, RETRY)("results").uri("key") == "s3://results/key"


@pytest.mark.parametrize(
    ("storage", "reason"),
    [
        ({"endpoint": None}, "InvalidSpec"),
        ({"caConfigMapRef": {"name": "missing"}}, "InvalidCertificateAuthority"),
    ],
)
def test_a_missing_endpoint_or_ca_fails(storage: dict[str, object], reason: str) -> None:
    with pytest.raises(Failure) as caught:
        buckets_of(Storage.model_validate(STORAGE.model_dump(by_alias=True) | storage), RETRY)
    assert caught.value.reason == reason
