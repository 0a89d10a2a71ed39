"""The local cluster's MinIO, as the demo and the tests use it."""

import base64
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from minio import Minio
from minio.error import S3Error

from tests.kit.kubectl import Object, get

HOST = "minio.minio.svc:9000"
ENDPOINT = f"http://{HOST}"
SECRET = "minio-credentials"


def credentials() -> tuple[str, str]:
    """Returns the root user's access key and secret key, as the cluster's own Secret has them."""
    data = get("secret", "minio-root", namespace="minio")["data"]
    return base64.b64decode(data["accessKey"]).decode(), base64.b64decode(data["secretKey"]).decode()


def connect() -> Minio:
    """Returns a client with the root user's rights."""
    access_key, secret_key = credentials()
    return Minio(HOST, access_key, secret_key, secure=False)


def fill(client: Minio, bucket: str, files: Iterable[Path]) -> None:
    """Makes a bucket if need be, and uploads the files under their own names."""
    try:
        client.make_bucket(bucket)
    except S3Error as error:
        if error.code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise
    # Whoever reads the same content meanwhile reads on: its ETag stays.
    for file in files:
        client.fput_object(bucket, file.name, str(file))


def read(client: Minio, bucket: str, key: str) -> bytes:
    answer = client.get_object(bucket, key)
    try:
        return bytes(answer.read())
    finally:
        answer.close()
        answer.release_conn()


def unpacked(content: bytes) -> bytes:
    """Returns the content of an object, or the names and contents of its members if it is a zip, as models are."""
    file = io.BytesIO(content)
    if not zipfile.is_zipfile(file):
        return content
    with zipfile.ZipFile(file) as archive:
        return b"\n".join(part for name in archive.namelist() for part in (name.encode(), archive.read(name)))


def keys(client: Minio, uri: str) -> list[str]:
    """Returns the keys of the objects in a folder, such as status.results.uri."""
    bucket, _, folder = uri.removeprefix("s3://").partition("/")
    return [str(item.object_name) for item in client.list_objects(bucket, prefix=folder, recursive=True)]


def objects(client: Minio, uri: str) -> dict[str, bytes]:
    """Returns the objects in a folder by their names relative to it."""
    bucket, _, folder = uri.removeprefix("s3://").partition("/")
    return {key.removeprefix(folder): read(client, bucket, key) for key in keys(client, uri)}


def namespace_with_credentials(name: str, access_key: str, secret_key: str) -> list[Object]:
    """Returns a namespace that admits restricted pods only, and in it the Secret that TrainingJobs refer to."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
        secret(SECRET, access_key, secret_key, namespace=name),
    ]


def secret(name: str, access_key: str, secret_key: str, session_token: str = "", **metadata: str) -> Object:
    """Returns the Secret that `spec.storage.secretRef` refers to."""
    data = {"accessKey": access_key, "secretKey": secret_key, "sessionToken": session_token}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, **metadata},
        "stringData": {key: value for key, value in data.items() if value},
    }
