"""Reads storage, bucket, key and prefix from a request's path and query, and opens the bucket."""

import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from aiohttp import web
from epochal.client.buckets import Bucket
from epochal_api.storage import BUCKET_PATTERN
from epochal_api.text import printable
from epochal_lib.s3.bounded import AnswerLimits

from epochal_studio.access import access_of
from epochal_studio.bodies import namespace_of
from epochal_studio.problems import refuse
from epochal_studio.results.folders import LIMITS, bucket_errors, open_storage
from epochal_studio.state import endpoints_of

MAX_KEY = 1024
"""Maximum bytes of a key of S3. A longer key is refused."""
MAX_TOKEN = 4096
"""Maximum characters of the token that continues a list at its next page."""
MAX_TEXT = 512
NO_OBJECT = "Choose another file: it may have been deleted or renamed."
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MISSING = "so Studio cannot show the buckets of the storage: the S3 keys are in this Secret."
_HAND_WRITTEN = (
    "Or write the bucket and the object into the YAML: the training can read this Secret, even if you may not."
)

T = TypeVar("T")


class Place(NamedTuple):
    """A bucket of an S3 service, and the Secret with its keys.

    Args:
        namespace: Namespace of the Secret.
        storage: The service and the Secret, as the fields of `spec.storage`.
        bucket: Name of the bucket; "" to list all buckets.
    """

    namespace: str
    storage: dict[str, object]
    bucket: str


def place_of(request: web.Request) -> Place:
    """Return the bucket in the path of a request, with the namespace and the storage in its query.

    Raises:
        Refusal: 400, if the name of the bucket or of the namespace is invalid, or the Secret is missing in the query.
        EpochalError: If the name of the namespace has invalid characters.
    """
    query = request.query
    values = {name: query.get(name, "") for name in ("secret", "endpoint", "region", "ca")}
    if not values["secret"] or any(len(value) > MAX_TEXT for value in values.values()):
        raise refuse(400, "Invalid", f"the query needs namespace and secret, each of at most {MAX_TEXT} characters")
    storage: dict[str, object] = {"secretRef": {"name": values["secret"]}}
    storage |= {name: values[name] for name in ("endpoint", "region") if values[name]}
    if values["ca"]:
        storage["caConfigMapRef"] = {"name": values["ca"]}
    bucket = request.match_info.get("bucket", "")
    if "bucket" in request.match_info and not re.fullmatch(BUCKET_PATTERN, bucket):
        raise refuse(400, "Invalid", "a bucket has a name of 3 to 63 characters: a-z, 0-9, . and -")
    return Place(namespace_of(query.get("namespace", "")), storage, bucket)


def key_of(request: web.Request) -> str:
    """Return the key of an S3 object from the query of a request.

    Raises:
        Refusal: 400, if the key is empty or too long, or has control characters, a part `.` or `..`, or a `/` at its
            start or end.
    """
    key = request.query.get("key", "")
    if not key or key.startswith("/") or key.endswith("/"):
        raise refuse(400, "Invalid", "the query needs key, the name of an object without / at its start or end")
    return _checked("key", key)


def prefix_of(request: web.Request) -> str:
    """Return the prefix of S3 keys from the query of a request; "" for the whole bucket.

    Raises:
        Refusal: 400, if the prefix is too long, or has control characters or a part `.` or `..`.
    """
    return _checked("prefix", request.query.get("prefix", ""))


async def with_bucket(
    request: web.Request, place: Place, function: Callable[[Bucket], T], *, limits: AnswerLimits = LIMITS
) -> T:
    """Open a bucket with the keys in the user's Secret, call a function with the bucket, and return its result.

    Both happen in a thread. `limits` bounds the answers of the S3 service.

    Raises:
        Refusal: If Studio may not connect to the S3 service, or the service refuses the request.
    """
    access, endpoints = access_of(request), endpoints_of(request)
    cluster = access.cluster(place.namespace)

    def call() -> T:
        bucket = open_storage(
            cluster,
            place.storage,
            place.bucket,
            place.namespace,
            endpoints,
            limits=limits,
            missing=f"{_MISSING} {_HAND_WRITTEN}",
        )
        with bucket_errors(NO_OBJECT):
            return function(bucket)

    return await access.in_thread(call)


def _checked(name: str, text: str) -> str:
    # urllib3 removes the segments . and .. from a path, so the request would be for another key.
    is_plain = not _CONTROL.search(text) and all(part not in {".", ".."} for part in text.split("/"))
    if not is_plain or len(text.encode()) > MAX_KEY:
        found = printable(text[:200], instead=" ")
        expected = f"at most {MAX_KEY} bytes, without control characters and without the parts . and .."
        raise refuse(400, "Invalid", f"{name}: found {found!r}, expected {expected}")
    return text
