"""Buckets: credentials from the Secret or the variables, addresses as the machine sees them, errors with a remedy."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from epochal.client.buckets import Bucket, split_uri
from epochal.client.open_bucket import open_bucket
from epochal.environment import Environment
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

from tests.kit.s3_server import Service, breaking
from tests.unit.cli.api_server import ClusterInMemory

KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()
    yield found
    found.stop()


def secret(cluster: ClusterInMemory, **values: str) -> None:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    cluster.objects.create("secrets", "vision", {"metadata": {"name": "keys"}, "data": data})


def storage(endpoint: str | None = None) -> dict[str, Any]:
    return {"secretRef": {"name": "keys"}, **({"endpoint": endpoint} if endpoint else {})}


def opened(service: Service, **variables: str) -> Bucket:
    return open_bucket(None, None, "s3://bucket/x", environment=environment(service, **variables))


def environment(service: Service, **variables: str) -> Environment:
    return Environment(variables={**KEYS, "EPOCHAL_STORAGE_ENDPOINT": service.endpoint, **variables})


def test_objects_are_stored_listed_read_and_deleted(service: Service, tmp_path: Path) -> None:
    bucket = opened(service)
    bucket.upload("a/model.keras", io.BytesIO(b"weights"), 7)
    assert [found.key for found in bucket.list("a/")] == ["a/model.keras"]
    assert bucket.read("a/model.keras", 7) == b"weights"
    assert bucket.download("a/model.keras", tmp_path / "model.keras") == 7
    assert (tmp_path / "model.keras").read_bytes() == b"weights"
    with pytest.raises(EpochalError, match="has more than"):
        bucket.read("a/model.keras", 6)
    bucket.delete("a/model.keras")
    assert [*bucket.list()] == []


def test_a_failed_download_leaves_no_file(service: Service, tmp_path: Path) -> None:
    with pytest.raises(EpochalError, match="NoSuchKey") as caught:
        opened(service).download("none", tmp_path / "model.keras")
    assert caught.value.exit_code == ExitCode.NOT_FOUND
    assert [*tmp_path.iterdir()] == []


def test_half_of_an_object_is_not_its_content(service: Service) -> None:
    service.put("x", b"half" * 2)
    service.faults.append(breaking("GET", after=4, times=9))
    with pytest.raises(EpochalError, match="4 more expected"):
        opened(service).read("x")


def test_the_secret_of_the_spec(service: Service, cluster: ClusterInMemory) -> None:
    secret(cluster, accessKey="a", secretKey="b")
    service.put("x", b"1")
    assert open_bucket(cluster.connect(), storage(service.endpoint), "bucket").read("x", 10) == b"1"


def test_a_secret_without_a_key(cluster: ClusterInMemory) -> None:
    secret(cluster, accessKey="a")
    with pytest.raises(EpochalError, match="Secret keys has no secretKey") as caught:
        open_bucket(cluster.connect(), storage("http://minio:9000"), "bucket")
    assert "AWS_ACCESS_KEY_ID" in caught.value.remedy


def test_a_secret_that_the_user_may_not_read(cluster: ClusterInMemory) -> None:
    with pytest.raises(EpochalError, match="cannot get Secret vision/keys") as caught:
        open_bucket(cluster.connect(), storage("http://minio:9000"), "bucket")
    assert "AWS_ACCESS_KEY_ID" in caught.value.remedy


def test_variables_win_over_the_secret_and_the_address(service: Service, cluster: ClusterInMemory) -> None:
    service.put("x", b"1")
    client = cluster.connect()
    cluster.server.asked.clear()
    found = open_bucket(client, storage("http://minio.minio.svc:9000"), "bucket", environment=environment(service))
    assert found.read("x", 10) == b"1"
    assert cluster.server.asked == []


def test_an_address_of_pods_names_the_variables(cluster: ClusterInMemory) -> None:
    secret(cluster, accessKey="a", secretKey="b")
    bucket = open_bucket(cluster.connect(), storage("http://minio.invalid:9000"), "bucket")
    with pytest.raises(EpochalError, match=r"http://minio\.invalid:9000") as caught:
        bucket.read("x")
    assert caught.value.exit_code == ExitCode.NO_CONNECTION
    assert "EPOCHAL_STORAGE_ENDPOINT" in caught.value.remedy
    assert "AWS_ENDPOINT_URL_S3" in caught.value.remedy


@pytest.mark.parametrize("endpoint", ["localhost:9000", "http://a/b", "ftp://a"])
def test_an_address_must_be_http(endpoint: str, service: Service) -> None:
    with pytest.raises(EpochalError, match=r"\$EPOCHAL_STORAGE_ENDPOINT is .* must be http://HOST"):
        opened(service, EPOCHAL_STORAGE_ENDPOINT=endpoint)


def test_no_address_and_no_credentials(cluster: ClusterInMemory) -> None:
    with pytest.raises(EpochalError, match="the address of the S3 service is unknown"):
        open_bucket(cluster.connect(), storage(), "bucket")
    with pytest.raises(EpochalError, match="no credentials"):
        open_bucket(
            None, None, "bucket", environment=Environment(variables={"AWS_ENDPOINT_URL": "http://localhost:9000"})
        )


def test_a_uri() -> None:
    assert split_uri("s3://results/vision/mnist/") == ("results", "vision/mnist/")
    assert split_uri("results") == ("results", "")
