"""Connects an S3 service: tests its keys, creates missing buckets, and stores the keys in a Secret of the user."""

import base64
import re
from typing import Any

from epochal.client.cluster import Cluster
from epochal.client.credentials import Credentials
from epochal.client.failures import CONFLICT, FORBIDDEN, ApiError
from epochal.client.kinds import CONFIG_MAPS, SECRETS, checked_name
from epochal.errors import EpochalError
from epochal_api.storage import BUCKET_PATTERN, StorageService
from epochal_api.text import printable
from epochal_lib.s3.client import connect
from epochal_lib.s3.errors import MAY_NOT, Request, explain
from minio import Minio
from minio.error import S3Error
from pydantic import ValidationError

from epochal_studio.problems import refuse
from epochal_studio.results.folders import LIMITS
from epochal_studio.runs.values import mapping
from epochal_studio.storage.endpoints import Endpoints, allowed_endpoint
from epochal_studio.wire.storage import ConnectStorage, Storage

MAX_SECRETS = 500
"""Number of Secrets after which no further page of Secrets is read."""
MAX_SECRET_CHARACTERS = 4 * 2**20
"""Characters of the Secrets' values after which no further page is read. A list of Secrets always has their values, of
up to 1 MiB for each Secret, although only the names of their keys are needed."""
MAX_BUCKETS = 1000
KEYS = ("accessKey", "secretKey")
_OPTIONAL_KEY = "sessionToken"
_AUTHORITY = "ca.crt"
_OWNED = "BucketAlreadyOwnedByYou"


def list_storages(cluster: Cluster, namespace: str, endpoints: Endpoints) -> Storage:
    """Return the names of the Secrets with S3 keys in a namespace, and the allowed endpoints, without the keys."""
    names: list[str] | None = []
    is_cut = False
    try:
        names, is_cut = _storage_secrets(cluster, namespace)
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
        names = None
    return Storage(secrets=names, endpoints=list(endpoints.allowed), default_endpoint=endpoints.default, is_cut=is_cut)


def _storage_secrets(cluster: Cluster, namespace: str) -> tuple[list[str], bool]:
    """Return the names of the Secrets with accessKey and secretKey, and whether the limits have omitted Secrets."""
    names: list[str] = []
    read = characters = 0
    # Other types, such as those of Helm's releases, are large and have no such keys.
    for page in cluster.pages(SECRETS, namespace=namespace, field_selector="type=Opaque"):
        if read >= MAX_SECRETS or characters >= MAX_SECRET_CHARACTERS:
            return names, True
        for each in page:
            data = mapping(each.get("data"))
            read += 1
            characters += sum(len(str(value)) for value in data.values())
            if all(key in data for key in KEYS):
                names.append(each["metadata"]["name"])
    return names, False


def connect_storage(cluster: Cluster, body: ConnectStorage, endpoints: Endpoints) -> Storage:
    """Test the keys of an S3 service, create missing buckets, and store the keys in a new Secret.

    The answer has the name of this Secret only.

    Raises:
        Refusal: If the address is not allowed, the service refuses the keys, or the Secret exists with other keys. No
            message contains a key.
    """
    endpoint = allowed_endpoint(body.endpoint.strip(), endpoints.allowed, endpoints.default)
    service = _service(body, endpoint)
    for name in body.create_buckets:
        if not re.fullmatch(BUCKET_PATTERN, name):
            raise refuse(
                422,
                "Invalid",
                f"createBuckets: found {printable(name, instead=' ')[:80]!r}, expected 3 to 63 of a-z, 0-9, . and -",
            )
    token = (body.session_token or "").strip() or None
    credentials = Credentials(body.access_key.strip(), body.secret_key.strip(), token)
    secret = _secret(body, credentials)
    # First without a change, so that no bucket is created for a Secret that the user may not create.
    _create(cluster, secret, credentials, dry_run=True)
    client = _client(cluster, service, endpoint, credentials, body.namespace)
    buckets = _buckets(client, endpoint, credentials)
    created = [name for name in dict.fromkeys(body.create_buckets) if name not in (buckets or ())]
    created = [name for name in created if _make_bucket(client, endpoint, credentials, name)]
    _create(cluster, secret, credentials)
    return Storage(
        secrets=[body.secret],
        endpoints=list(endpoints.allowed),
        default_endpoint=endpoints.default,
        buckets=None if buckets is None else sorted({*buckets, *created}),
        created=created,
    )


def _service(body: ConnectStorage, endpoint: str) -> StorageService:
    checked_name("Secret", body.secret)
    reference = {"caConfigMapRef": {"name": body.ca_config_map}} if body.ca_config_map else {}
    document = {"endpoint": endpoint, "region": body.region, "secretRef": {"name": body.secret}, **reference}
    try:
        return StorageService.model_validate(document)
    except ValidationError:
        raise refuse(
            422, "Invalid", "region, caConfigMap: expected a region such as us-east-1, and the name of a ConfigMap"
        ) from None


def _secret(body: ConnectStorage, credentials: Credentials) -> dict[str, Any]:
    values = {
        "accessKey": credentials.access_key,
        "secretKey": credentials.secret_key,
        **({_OPTIONAL_KEY: credentials.session_token} if credentials.session_token else {}),
    }
    if broken := [
        name for name, value in values.items() if not value or not value.isascii() or not value.isprintable()
    ]:
        raise refuse(422, "Invalid", f"{', '.join(broken)}: must have only printable ASCII characters, no line feeds")
    metadata = {"name": body.secret, "namespace": body.namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "stringData": values}


def _create(cluster: Cluster, secret: dict[str, Any], credentials: Credentials, *, dry_run: bool = False) -> None:
    name = secret["metadata"]["name"]
    try:
        cluster.create(SECRETS, secret, dry_run=dry_run)
    except ApiError as error:
        if error.status == CONFLICT:
            if _has_keys(cluster, secret):  # stored already, such as by an earlier try
                return
            raise refuse(
                409,
                "NameConflict",
                f"There is a Secret {name} in this namespace already.",
                "Choose another name, or use the existing Secret: Studio does not change it.",
            ) from None
        error.message = credentials.redact(error.message)  # a webhook may repeat the object
        error.args = (error.message,)
        raise error from None


def _has_keys(cluster: Cluster, secret: dict[str, Any]) -> bool:
    """Return whether the stored Secret of this name has the same S3 keys. False if it cannot be read."""
    metadata = secret["metadata"]
    try:
        data = mapping(cluster.get(SECRETS, metadata["name"], metadata["namespace"]).get("data"))
    except EpochalError:
        return False
    given = {name: base64.b64encode(value.encode()).decode() for name, value in secret["stringData"].items()}
    return {name: data[name] for name in (*KEYS, _OPTIONAL_KEY) if data.get(name)} == given


def _client(
    cluster: Cluster, service: StorageService, endpoint: str, credentials: Credentials, namespace: str
) -> Minio:
    authority = ""
    if service.ca_config_map_ref is not None and endpoint.startswith("https:"):
        found = cluster.get(CONFIG_MAPS, service.ca_config_map_ref.name, namespace)
        authority = str(mapping(found.get("data")).get(_AUTHORITY) or "")
    try:
        return connect(
            endpoint,
            access_key=credentials.access_key,
            secret_key=credentials.secret_key,
            session_token=credentials.session_token,
            region=service.region,
            authority=authority,
            limits=LIMITS,
        )
    except (OSError, ValueError):
        raise refuse(422, "Invalid", f"caConfigMap: its key {_AUTHORITY} has no certificate in PEM format") from None


def _buckets(client: Minio, endpoint: str, credentials: Credentials) -> list[str] | None:
    """Return the names of the buckets of an S3 service; None if the keys may not list buckets.

    Raises:
        Refusal: If the service refuses the keys, or does not answer.
    """
    try:
        found = [str(bucket.name) for bucket in client.list_buckets()]
    except Exception as error:  # noqa: BLE001 - the service may answer anything
        if isinstance(error, S3Error) and error.code in MAY_NOT:
            return None
        raise _refusal(error, Request(endpoint, "", "list"), credentials) from None
    return [name for name in found if re.fullmatch(BUCKET_PATTERN, name)][:MAX_BUCKETS]


def _make_bucket(client: Minio, endpoint: str, credentials: Credentials, name: str) -> bool:
    """Create a bucket. Return False if the bucket exists already and belongs to the same owner.

    Raises:
        Refusal: If the service refuses to create the bucket, or does not answer.
    """
    try:
        client.make_bucket(name)
    except Exception as error:  # noqa: BLE001 - the service may answer anything
        if isinstance(error, S3Error) and error.code == _OWNED:
            return False
        raise _refusal(error, Request(endpoint, name, "write"), credentials) from None
    return True


def _refusal(error: Exception, request: Request, credentials: Credentials) -> Exception:
    """Return the Refusal for an error of the S3 service. No message has a key. Unexpected errors are unchanged."""
    found = explain(error, request, credentials.redact)
    if found is None:
        # The text of the error may have a key, such as that of an invalid header.
        if isinstance(error, ValueError):
            return refuse(422, "InvalidStorage", "The storage has sent an answer that is invalid for S3.")
        return error
    status = 502 if found.reason == "EndpointUnreachable" else 403
    return refuse(status, found.reason, credentials.redact(found.message))
