"""Stores the body of a request as an S3 object, part by part: an upload of any size needs the memory of one part."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from aiohttp import web
from epochal.client.buckets import Bucket, ObjectExists
from epochal.client.failures import MissingObject
from epochal.errors import EpochalError
from epochal_api.text import printable
from epochal_lib.s3.bounded import AnswerLimits

from epochal_studio.access import access_of
from epochal_studio.data.places import Place, with_bucket
from epochal_studio.problems import Refusal, refuse
from epochal_studio.results.folders import bucket_errors
from epochal_studio.security.raw_bodies import MAX_UPLOAD
from epochal_studio.state import STATE
from epochal_studio.streamed_body import StreamedBody
from epochal_studio.wire.storage import StoredObject

PART = 8 * 2**20
"""Bytes of a part of a multipart upload. S3 allows 10,000 parts. Each part except the last must have at least 5 MiB."""
LIMITS = AnswerLimits(size=64 * 1024, seconds=60, requests=MAX_UPLOAD // PART + 20)
"""Limits of the S3 service's answers. An upload needs one request for each part, and some to begin and end."""
_NO_BUCKET = "Create the bucket, or choose another one."


async def store(request: web.Request, place: Place, key: str, *, replace: bool) -> StoredObject:
    """Store the body of a request as an object in a bucket, and return its key, size and time.

    Without `replace`, Studio refuses the upload before it reads the body if the key exists. The S3 service checks again
    at the end, because another user could have stored an object with this key in the meantime.

    Args:
        request: The request. The middleware has checked its Content-Length.
        place: The bucket.
        key: Key of the object.
        replace: Whether to replace an existing object with this key.

    Raises:
        Refusal: If an object with this key exists, the S3 service refuses a request, the browser sends too slowly, or
            there are too many uploads.
    """
    access, uploads = access_of(request), request.app[STATE].uploads
    with uploads.hold(access.owner):
        bucket = await with_bucket(request, place, lambda bucket: _prepare(bucket, key, replace=replace), limits=LIMITS)
        upload = bucket.begin_upload(key)
        body = StreamedBody(request)
        try:
            while body.left > PART:
                part = await body.read(PART)
                access_of(request)  # which ends with the session
                await uploads.run(_call, bucket, key, partial(upload.part, part))
                del part  # before the next one is read
            rest = await body.read(body.left)
            await uploads.run(_call, bucket, key, partial(upload.finish, rest, replace=replace))
        except BaseException:  # also of a browser that has left, which cancels this coroutine
            await uploads.clean_up(upload.abort)
            raise
        return await uploads.run(_stored, bucket, key, body.size)


def _prepare(bucket: Bucket, key: str, *, replace: bool) -> Bucket:
    if not replace:
        with suppress(MissingObject):
            bucket.stat(key)
            raise _exists(key)
    return bucket


def _call(bucket: Bucket, key: str, function: Callable[[], None]) -> None:
    with bucket_errors(_NO_BUCKET):
        try:
            with bucket.errors("write", key):
                function()
        except ObjectExists:
            raise _exists(key) from None


def _stored(bucket: Bucket, key: str, size: int) -> StoredObject:
    """Return size and time of the stored object from the S3 service; if that fails, the uploaded size and no time."""
    with suppress(EpochalError):
        found = bucket.stat(key)
        return StoredObject(key=key, size=found.size, modified=found.modified)
    return StoredObject(key=key, size=size, modified=None)


def _exists(key: str) -> Refusal:
    return refuse(
        409,
        "AlreadyExists",
        f"The bucket has an object {printable(key[:200], instead=' ')!r} already.",
        "Choose another name, or replace the object. Trainings that read it now may fail.",
    )
