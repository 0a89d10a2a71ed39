"""The routes of data: buckets, folders, uploads and previews."""

from aiohttp import web

from epochal_studio.access import access_of
from epochal_studio.data.listing import list_buckets, list_folder
from epochal_studio.data.places import MAX_TOKEN, key_of, place_of, prefix_of, with_bucket
from epochal_studio.data.upload import store
from epochal_studio.preview.read import read_preview
from epochal_studio.problems import answer, refuse
from epochal_studio.state import STATE
from epochal_studio.wire.preview import Preview

_BUCKET = "/api/buckets/{bucket}"


def routes() -> list[web.RouteDef]:
    """Return the routes of data."""
    return [
        web.get("/api/buckets", buckets),
        web.get(_BUCKET, folder),
        web.get(f"{_BUCKET}/preview", preview),
        web.put(f"{_BUCKET}/object", upload),
    ]


async def buckets(request: web.Request) -> web.Response:
    """Return the buckets of a storage."""
    return answer(await with_bucket(request, place_of(request), list_buckets))


async def folder(request: web.Request) -> web.Response:
    """Return one page of the folders and objects in a folder of a bucket."""
    place, prefix, token = place_of(request), prefix_of(request), request.query.get("after", "")
    if len(token) > MAX_TOKEN or not token.isprintable():
        raise refuse(400, "Invalid", "after: expected the value of the field `next` in the previous page")
    return answer(await with_bucket(request, place, lambda bucket: list_folder(bucket, prefix, token)))


async def preview(request: web.Request) -> web.Response:
    """Return the preview of an S3 object: its arrays, labels and first samples, or the first rows of a CSV file."""
    place, key, previews = place_of(request), key_of(request), request.app[STATE].previews

    async def read() -> Preview:
        return await with_bucket(request, place, lambda bucket: read_preview(bucket, key))

    return answer(await previews.to_its_end(access_of(request).owner, read))


async def upload(request: web.Request) -> web.Response:
    """Store the body of the request as an object in a bucket."""
    place, key = place_of(request), key_of(request)
    return answer(await store(request, place, key, replace=request.query.get("replace") in {"1", "true"}), 201)
