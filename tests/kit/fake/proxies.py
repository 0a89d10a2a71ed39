"""The proxy of the API server: it passes requests on to Services and pods, without the header Authorization.

    server.proxies["services", "vision", "digits:http"] = "http://127.0.0.1:8000"
    server.proxies["pods", "vision", "digits-0:9090"] = "http://127.0.0.1:9090"

A name is `[https:]NAME:PORT`, as in the path of a request.
"""

import re
from typing import NamedTuple

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, web
from yarl import URL

from tests.kit.fake.objects import Refusal

NOT_REACHED = "error trying to reach service: dial tcp 10.0.0.7:8080: connect: connection refused"
_PATH = re.compile(r"/api/v1/namespaces/([^/]+)/(services|pods)/([^/]+)/proxy(/.*)?")
_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_REMOVED = {"authorization", "host", "connection", "transfer-encoding"}
_PART = 2**16

Proxies = dict[tuple[str, str, str], str]
"""Addresses of Services and pods, by resource, namespace and name."""


class Proxied(NamedTuple):
    """A request to a Service or a pod.

    Args:
        verb: The verb of its right, such as create.
        resource: services or pods.
        namespace: The namespace.
        name: The name with scheme and port, as in the path.
        path: Path and query at the Service or pod, encoded.
    """

    verb: str
    resource: str
    namespace: str
    name: str
    path: str


def proxied(request: web.Request) -> Proxied | None:
    """Returns the request to a Service or pod; None for any other request."""
    path, question_mark, query = request.raw_path.partition("?")
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    namespace, resource, name, rest = found.groups()
    return Proxied(_VERBS[request.method], resource, namespace, name, f"{rest or '/'}{question_mark}{query}")


async def pass_on(asked: Proxied, request: web.Request, proxies: Proxies) -> web.StreamResponse:
    """Passes a request on and returns the answer, both as streams, as the API server does."""
    address = proxies.get((asked.resource, asked.namespace, asked.name))
    if address is None:
        name = asked.name.removeprefix("https:").partition(":")[0]
        return refused(Refusal(503, "ServiceUnavailable", f'no endpoints available for service "{name}"'))
    headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _REMOVED]
    headers += [("X-Forwarded-For", "127.0.0.1")]
    session = ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False, timeout=ClientTimeout(total=60))
    try:
        body = request.content.iter_chunked(_PART) if request.can_read_body else None
        url = URL(f"{address}{asked.path}", encoded=True)
        async with session.request(request.method, url, headers=headers, data=body, allow_redirects=False) as found:
            kept = [(name, value) for name, value in found.headers.items() if name.lower() not in _REMOVED]
            response = web.StreamResponse(status=found.status, headers=kept)
            await response.prepare(request)
            async for part in found.content.iter_chunked(_PART):
                await response.write(part)
            await response.write_eof()
            return response
    except ClientError:
        return refused(Refusal(503, "ServiceUnavailable", NOT_REACHED))
    finally:
        await session.close()


def refused(refusal: Refusal) -> web.Response:
    """Returns the refusal of the API server."""
    return web.json_response(refusal.as_status(), status=refusal.status)
