"""Opens the results folder of a run in its bucket, with the keys in the Secret that the user's token can read."""

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
"""Limits of an answer of S3 that is parsed, such as a list of 1,000 keys."""
NO_VARIABLES = Environment(variables={})
"""An empty environment, so that requests for users never use keys and addresses from Studio's environment variables
(AWS_…, EPOCHAL_STORAGE_ENDPOINT)."""
_FIELDS = frozenset({"endpoint", "region", "secretRef", "caConfigMapRef"})
_CURVES = (
    "so Studio shows only the status. The curves of all epochs, the stored log and the files are in a bucket, whose "
    "S3 keys are in this Secret."
)
_NO_RESULTS = "A training stores its results at the end of each epoch."


def open_folder(cluster: Cluster, found: Found, endpoints: Endpoints) -> Folder:
    """Return the results folder of a TrainingJob or Experiment. It reads the Secret, but sends no request to S3 yet.

    Args:
        cluster: The client of the cluster with the user's token.
        found: The TrainingJob or Experiment.
        endpoints: The S3 services that Studio may connect to.

    Raises:
        Refusal: If Studio may not connect to the S3 service, the user may not read the Secret, or the object has no
            valid address of results.
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
    """Return a bucket of an S3 service. It reads the Secret, but sends no request to S3 yet.

    Args:
        cluster: The client of the cluster with the user's token.
        storage: The service and its Secret, as the fields of `spec.storage`.
        bucket: Name of the bucket; "" to list the buckets.
        namespace: Namespace of the Secret.
        endpoints: The S3 services that Studio may connect to.
        limits: Limits of the service's answers.
        missing: End of the message if the user may not read the Secret: the features that do not work without it.

    Raises:
        Refusal: If Studio may not connect to the service, or the Secret is unreadable, missing or invalid.
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
            f"The keys in the Secret {service.secret_ref.name} have characters that are invalid in requests to S3.",
        ) from None


def service_of(storage: Mapping[str, Any] | None, endpoints: Endpoints) -> StorageService:
    """Return the S3 service in the fields of `spec.storage`, with its address or the default address.

    Raises:
        Refusal: If the fields are invalid, or Studio may not connect to the address.
    """
    try:
        fields = {name: value for name, value in dict(storage or {}).items() if name in _FIELDS}
        service = StorageService.model_validate(fields)
    except (ValidationError, TypeError, ValueError):
        raise refuse(
            422,
            "InvalidStorage",
            "spec.storage is invalid.",
            "Set spec.storage.secretRef.name, and endpoint if there is no default.",
        ) from None
    endpoint = allowed_endpoint(service.endpoint or "", endpoints.allowed, endpoints.default)
    return service.model_copy(update={"endpoint": endpoint})


@contextmanager
def bucket_errors(not_found: str = _NO_RESULTS) -> Iterator[None]:
    """Convert errors of a bucket in the `with` block to Refusals for the user. No message contains S3 keys.

    Args:
        not_found: Remedy of the Refusal for a missing object.
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
            422, "InvalidStorage", "The storage or its Secret has a value that is invalid in requests to S3."
        ) from None


def refuse_bucket(error: EpochalError, not_found: str = _NO_RESULTS) -> Refusal:
    """Return the Refusal for an error of a bucket: 404, 502 or 403.

    Its remedy is for Studio's users, since those of the package `epochal` are for the command.

    Args:
        error: The error of the package `epochal`.
        not_found: Remedy for a missing object.
    """
    match error.exit_code:
        case ExitCode.NOT_FOUND:
            return refuse(404, "NotFound", error.message, not_found)
        case ExitCode.NO_CONNECTION:
            remedy = "Check that the storage runs, and that Studio's NetworkPolicy allows connections to it."
            return refuse(502, "Unreachable", error.message, remedy)
    return refuse(403, "StorageRefused", error.message)


def _unreadable(error: ApiError, service: StorageService, missing: str) -> Refusal | ApiError:
    """Return the Refusal if the user may not read the Secret of a storage, or the Secret or ConfigMap is missing.

    All other errors are returned unchanged.
    """
    name = service.secret_ref.name
    if error.status == FORBIDDEN:
        return refuse(
            403,
            "Forbidden",
            f"You may not read the Secret {name}, {missing}",
            f"Ask an administrator for the right to get the Secret {name}, such as by the role edit.",
        )
    if error.status == NOT_FOUND:
        return refuse(404, "StorageNotFound", error.message, "Create the missing object, which spec.storage names.")
    return error
