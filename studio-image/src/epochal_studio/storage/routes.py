"""The routes of /api/storage: list the Secrets with S3 keys, and connect an S3 service."""

from aiohttp import web

from epochal_studio.access import access_of
from epochal_studio.bodies import namespace_of, read_body
from epochal_studio.problems import answer, refusal_of
from epochal_studio.state import endpoints_of
from epochal_studio.storage.connect import connect_storage, list_storages
from epochal_studio.wire.storage import ConnectStorage


def routes() -> list[web.RouteDef]:
    """Return the routes of /api/storage."""
    return [web.get("/api/storage", show), web.post("/api/storage", connect)]


async def show(request: web.Request) -> web.Response:
    """Return the names of the Secrets with S3 keys in the namespace of the query, and the allowed endpoints."""
    access = access_of(request)
    namespace = namespace_of(request.query.get("namespace", ""))
    return answer(await access.in_thread(list_storages, access.cluster(namespace), namespace, endpoints_of(request)))


async def connect(request: web.Request) -> web.Response:
    """Test the S3 keys in the body, store them in a new Secret, and return the names of all Secrets with S3 keys."""
    access = access_of(request)
    body = await read_body(request, ConnectStorage)
    cluster = access.cluster(namespace_of(body.namespace))
    endpoints = endpoints_of(request)
    stored = await access.in_thread(connect_storage, cluster, body, endpoints)
    try:
        known = await access.in_thread(list_storages, cluster, body.namespace, endpoints)
    except Exception as error:
        # The Secret is stored: whatever the list says, this has not failed.
        if refusal_of(error) is None:
            raise
        return answer(stored, 201)
    secrets = None if known.secrets is None else sorted({*known.secrets, body.secret})
    return answer(stored.model_copy(update={"secrets": secrets, "is_cut": known.is_cut}), 201)
