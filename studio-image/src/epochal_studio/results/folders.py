"""Opens the results folder of a run, with the keys that the user may read."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from epochal.client.buckets import Bucket, split_uri
from epochal.client.cluster import Cluster
from epochal.client.failures import FORBIDDEN, NOT_FOUND, ApiError
from epochal.client.open_bucket import open_bucket
from epochal.client.references import Found
from epochal.environment import Environment
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.runs.folder import Folder, results_place
from epochal_api.storage import BUCKET_PATTERN, StorageService
from epochal_lib.s3.bounded import AnswerLimits
from pydantic import ValidationError

from epochal_studio.problems import Refusal, refuse
from epochal_studio.storage.endpoints import Endpoints, allowed_endpoint

LIMITS = AnswerLimits(size=4 * 2**20, seconds=30)
"""Limits of an answer that is parsed, such as a list of 1,000 keys."""
NO_VARIABLES = Environment(variables={})
"""The keys and addresses of Studio's own environment (AWS_…, EPOCHAL_STORAGE_ENDPOINT) are never used for users."""
_FIELDS = frozenset({"endpoint", "region", "secretRef", "caConfigMapRef"})
_CURVES = (
    "so Studio shows the status alone. The curves of all epochs, the stored log and the files are in a bucket, whose "
    "keys are in this Secret."
)
_NO_RESULTS = "A training stores its results when it ends an epoch."


def open_folder(cluster: Cluster, found: Found, endpoints: Endpoints) -> Folder:
    """Return the results folder of a TrainingJob or Experiment. No request to the bucket is sent yet.

    Args:
        cluster: The cluster, with the rights of the user.
        found: The run.
        endpoints: The S3 services of the configuration.

    Raises:
        Refusal: If its service is not allowed, or the user may not read its Secret.
    """
    try:
        place = results_place(found)
    except EpochalError as error:
        raise refuse(422, "Invalid", error.message, "Correct spec.results.") from None
    bucket_name, key = split_uri(place.uri)
    if not re.fullmatch(BUCKET_PATTERN, bucket_name) or not key.strip("/") or ".." in key.split("/"):
        raise refuse(422, "Invalid", f"status.results.uri: found {place.uri[:200]!r}, expected s3://BUCKET/FOLDER/")
    namespace = str(found.object["metadata"].get("namespace") or "")
    bucket = open_storage(cluster, place.storage, bucket_name, namespace, endpoints)
    return Folder(bucket, key.rstrip("/"))


def open_storage(
    cluster: Cluster,
    storage: Mapping[str, Any] | None,
    bucket: str,
    namespace: str,
    endpoints: Endpoints,
    *,
    limits: AnswerLimits = LIMITS,
    missing: str = _CURVES,
) -> Bucket:
    """Return a bucket of the service of a spec. No request to the bucket is sent yet.

    Args:
        cluster: The cluster, with the rights of the user.
        storage: The fields of `spec.storage`.
        bucket: Name of the bucket; "" to list the buckets.
        namespace: Namespace of the Secret.
        endpoints: The S3 services of the configuration.
        limits: Limits of the service's answers.
        missing: Says what Studio cannot show to a user who may not read the Secret.

    Raises:
        Refusal: If the service is not allowed, or the user may not read its Secret.
    """
    service = service_of(storage, endpoints)
    try:
        return open_bucket(cluster, service, bucket, environment=NO_VARIABLES, namespace=namespace, limits=limits)
    except ApiError as error:
        raise _unreadable(error, service, missing) from None
    except EpochalError as error:
        raise refuse(
            422, "InvalidStorage", error.message, "Correct the Secret or the ConfigMap of the storage."
        ) from None
    except ValueError:  # of the client, for a value that no header or address can have. Its text may have the value
        raise refuse(
            422,
            "InvalidStorage",
            f"The credentials in the Secret {service.secret_ref.name} have characters that no request to S3 can have.",
        ) from None


def service_of(storage: Mapping[str, Any] | None, endpoints: Endpoints) -> StorageService:
    """Return the service of a spec, with the address to connect to.

    Raises:
        Refusal: If the spec is unreadable, or Studio does not connect to its address.
    """
    try:
        fields = {name: value for name, value in dict(storage or {}).items() if name in _FIELDS}
        service = StorageService.model_validate(fields)
    except (ValidationError, TypeError, ValueError):
        raise refuse(
            422, "InvalidStorage", "spec.storage is not readable.", "It needs secretRef.name, and may have endpoint."
        ) from None
    endpoint = allowed_endpoint(service.endpoint or "", endpoints.allowed, endpoints.default)
    return service.model_copy(update={"endpoint": endpoint})


@contextmanager
def bucket_errors(not_found: str = _NO_RESULTS) -> Iterator[None]:
    """Raise the errors of a bucket as answers. Their texts have no keys, see `epochal.client.buckets`.

    Args:
        not_found: Remedy for a missing object.
    """
    try:
        yield
    except (Refusal, ApiError):
        raise
    except EpochalError as error:
        raise refuse_bucket(error, not_found) from None
    except ValueError:
        # Of the client, for a key or header that no request can have. Its text may contain a key of the Secret.
        raise refuse(
            422, "InvalidStorage", "The storage or its Secret has a value that no request to S3 can have."
        ) from None


def refuse_bucket(error: EpochalError, not_found: str = _NO_RESULTS) -> Refusal:
    """Return an error of a bucket as an answer. The remedies of the library are for the command."""
    match error.exit_code:
        case ExitCode.NOT_FOUND:
            return refuse(404, "NotFound", error.message, not_found)
        case ExitCode.NO_CONNECTION:
            remedy = "Check that the storage runs, and that the NetworkPolicy of Studio lets it connect there."
            return refuse(502, "Unreachable", error.message, remedy)
    return refuse(403, "StorageRefused", error.message)


def _unreadable(error: ApiError, service: StorageService, missing: str) -> Refusal | ApiError:
    """Return why the Secret or the ConfigMap of a storage cannot be read."""
    name = service.secret_ref.name
    if error.status == FORBIDDEN:
        return refuse(
            403,
            "Forbidden",
            f"You may not read the Secret {name}, {missing}",
            f"Ask an administrator for the right to get the Secret {name}, such as by the role edit.",
        )
    if error.status == NOT_FOUND:
        return refuse(404, "StorageNotFound", error.message, "Create it: spec.storage names it.")
    return error
