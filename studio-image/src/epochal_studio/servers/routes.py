"""The routes of served models: description, usage and predictions of a ModelServer."""

from collections.abc import AsyncIterator

from aiohttp import web
from epochal.client.kinds import checked_name

from epochal_studio.access import Access, access_of
from epochal_studio.bodies import namespace_of
from epochal_studio.problems import answer, refuse
from epochal_studio.servers.description import read_model
from epochal_studio.servers.options import API_KEY, JSON, predict_path, read_key
from epochal_studio.servers.refusals import PREDICT, not_ready, refusal
from epochal_studio.servers.requests import ask
from epochal_studio.servers.server import Server, read_server
from epochal_studio.servers.usage import read_usage
from epochal_studio.state import STATE
from epochal_studio.wire.common import RunKey

SERVER_PATH = "/api/servers/{namespace}/{name}"
MAX_ANSWER = 4 * 2**20
"""Maximum bytes of a model server's answer to a prediction. Studio does not show a larger answer."""
PREDICT_SECONDS = 50.0
"""Maximum seconds of a prediction, including the upload of its body. A model server refuses requests that would wait
for more than 20 s. The page waits for 60 s."""


def routes() -> list[web.RouteDef]:
    """Return the routes below SERVER_PATH."""
    return [
        web.get(SERVER_PATH, show),
        web.get(f"{SERVER_PATH}/usage", usage),
        web.post(f"{SERVER_PATH}/predict", predict),
    ]


async def show(request: web.Request) -> web.Response:
    """Return the description of the model that the ModelServer in the path serves."""
    access, state, key = access_of(request), request.app[STATE], _key(request)
    named = _named(request)
    with state.model_reads.hold(access.owner):
        return answer(await read_model(state.hub.api, access, await _server(access, named), key))


async def usage(request: web.Request) -> web.Response:
    """Return the numbers of requests to the ModelServer in the path since its pods started."""
    access, state, named = access_of(request), request.app[STATE], _named(request)
    with state.model_reads.hold(access.owner):
        return answer(await read_usage(state.hub.api, access, await _server(access, named)))


async def predict(request: web.Request) -> web.Response:
    """Send the body, a picture or an Open Inference request, to the ModelServer in the path, and return its answer."""
    access, state, key = access_of(request), request.app[STATE], _key(request)
    named = _named(request)
    path = predict_path(named.name, request.content_type, request.query.items())
    with state.predictions.hold(access.owner):
        server = await _server(access, named)
        headers = {**key, "Content-Type": request.content_type, "Content-Length": str(_size(request, server))}
        answered = await ask(
            state.hub.api,
            access,
            server.service_path(path),
            headers,
            limit=MAX_ANSWER,
            seconds=PREDICT_SECONDS,
            body=_parts(request),
            is_sent=request.content.is_eof,
        )
        if answered.status != 200:  # noqa: PLR2004 - HTTP's success
            raise refusal(server, PREDICT, answered, has_key=bool(key))
        if answered.content_type != JSON:
            raise refuse(502, "ServerFailed", f"ModelServer {server.name} has sent an answer that is no JSON.")
        if len(answered.body) > MAX_ANSWER:
            raise refuse(
                422,
                "TooLarge",
                f"The model's answer has more than {MAX_ANSWER // 2**20} MiB, the maximum that Studio shows.",
                "Send fewer samples at a time.",
            )
        return web.Response(body=answered.body, content_type=JSON)


def _named(request: web.Request) -> RunKey:
    """Return the key of the ModelServer in the path.

    Raises:
        Refusal: 400, if the name of the namespace is invalid.
        EpochalError: If the name of the ModelServer is invalid.
    """
    values = request.match_info
    namespace = namespace_of(values["namespace"])
    return RunKey(kind="ModelServer", namespace=namespace, name=checked_name("ModelServer", values["name"]))


def _key(request: web.Request) -> dict[str, str]:
    return read_key(request.headers.getall(API_KEY, []))


async def _server(access: Access, named: RunKey) -> Server:
    return await access.in_thread(read_server, access.cluster(named.namespace), named)


def _size(request: web.Request, server: Server) -> int:
    """Return the Content-Length of a prediction request. The middleware refuses requests without this header.

    Raises:
        Refusal: 413, if the body exceeds the limit of the ModelServer; 503, if the ModelServer is not ready.
    """
    if not server.is_ready:
        raise not_ready(server)
    size = request.content_length or 0
    if size > server.max_bytes:
        raise refuse(
            413,
            "TooLarge",
            f"The body has {size:,} bytes, but ModelServer {server.name} accepts at most {server.max_bytes:,}.",
            "Send less at a time, or raise spec.limits.requestBytes of the ModelServer.",
        )
    return size


async def _parts(request: web.Request) -> AsyncIterator[bytes]:
    async for part in request.content.iter_any():
        yield part
