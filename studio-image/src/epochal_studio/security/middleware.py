"""The middleware of all routes: checks requests, finds the signed-in user, converts errors, and logs each request."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from time import perf_counter

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from epochal.client.failures import UNAUTHORIZED, ApiError
from epochal_api.text import printable
from epochal_lib.redaction import Redactor

from epochal_studio.access import ACCESS, Access, is_token
from epochal_studio.problems import Refusal, expired, problem_response, refusal_of, refuse, token_refused
from epochal_studio.security.checks import PROBES, READS, Head, check
from epochal_studio.security.headers import API, add_headers
from epochal_studio.security.raw_bodies import MARK
from epochal_studio.sending import send_answer
from epochal_studio.servers.options import API_KEY
from epochal_studio.session import cookies
from epochal_studio.state import STATE

SESSION = "/api/session"
"""The path to sign in and out. Both work without a valid session."""
STARTED = web.RequestKey("started", web.StreamResponse)
"""The key under which a request stores its response when the response's headers are about to be sent."""
CHANGE_ANSWER = 2 * 2**20
"""Bytes of memory that are reserved for the answer to a change: the largest object as JSON and as YAML, and its
history."""
_MAX_LOGGED = 512
_CLIENT_CLOSED = 499
_CLIENT_ERROR = 400

access_log = logging.getLogger("access")
log = logging.getLogger(__name__)


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return the response of a request's handler, or an error response. Write a line of the access log.

    The request is checked, and its user is found, before the handler runs.
    """
    began, status = perf_counter(), _CLIENT_CLOSED
    try:
        response = await _respond(request, handler)
        status = response.status
        return response
    finally:
        if request.path not in PROBES:
            _log(request, status, perf_counter() - began)


async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
    """Add the security headers to a response, also to a stream. aiohttp calls it before it sends the headers."""
    request[STARTED] = response
    add_headers(response.headers, request.path)


async def _respond(request: web.Request, handler: Handler) -> web.StreamResponse:
    if (refused := check(_head(request), request.app[STATE].config.hosts)) is not None:
        # Its body was not read, and would stand in front of the next request of the connection.
        closing = problem_response(refused)
        closing.force_close()
        return closing
    try:
        if request.path.startswith(API):
            await _sign_in(request)
        access: Access | None = request.get(ACCESS)
        signs_out = request.path == SESSION and request.method == hdrs.METH_DELETE
        with nullcontext(0) if access is None or signs_out else _limited(request, access) as reserved:
            return await _send_response(request, await _call_handler(request, handler), reserved)
    except ConnectionError:  # the browser has gone
        raise
    except Exception as error:  # noqa: BLE001 - one request fails
        refused, has_ended = _refusal(request, error)
    started: web.StreamResponse | None = request.get(STARTED)
    if started is not None:
        # The headers are sent, so only a broken connection tells the browser that the rest is missing.
        if request.transport is not None:
            request.transport.abort()
        return started
    answered = problem_response(refused)
    if has_ended:
        cookies.delete(answered, request)
    return answered


@contextmanager
def _limited(request: web.Request, access: Access) -> Iterator[int]:
    """Count a request and reserve memory for its answer until the end of the `with` block. Yield the reserved bytes.

    Only requests that change an object reserve memory here. A refusal after the change would make the user repeat it.

    Raises:
        Refusal: 503, if the user, or all users together, have too many requests or too much memory.
    """
    reserved = 0 if request.method in READS else CHANGE_ANSWER
    with request.app[STATE].requests.hold(access.owner), access.threads.memory.hold(access.owner, reserved):
        yield reserved


async def _call_handler(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Call a request's handler, and return the response. A Refusal with an object (Conflict) becomes a response, too.

    Such a response may be large, so it is sent with the same limits of memory and time as other responses.
    """
    try:
        return await handler(request)
    except Refusal as refusal:
        if refusal.problem.current is None or STARTED in request:
            raise
        return problem_response(refusal)


async def _send_response(request: web.Request, response: web.StreamResponse, reserved: int) -> web.StreamResponse:
    """Send a long response with limits of memory and time, and return it. Return other responses for aiohttp to send.

    A successful response also shows that the API server accepts the token, except for a stream.
    """
    if not isinstance(response, web.Response):  # the status of a stream is sent before the API server has answered
        return response
    access: Access | None = request.get(ACCESS)
    if access is not None and response.status < _CLIENT_ERROR:
        request.app[STATE].refused_tokens.accept(access.user_key)
    return await send_answer(request, response, access, reserved)


async def _sign_in(request: web.Request) -> None:
    """Store the signed-in user of a request under the key ACCESS for its handler.

    Raises:
        Refusal: 401, if the request has no valid session or token. Requests to sign in or out need none.
    """
    access = await _access(request)
    if access is not None:
        request[ACCESS] = access
    elif request.path != SESSION or request.method in READS:
        raise expired()


async def _access(request: web.Request) -> Access | None:
    state = request.app[STATE]
    if state.config.proxy_auth and (given := request.headers.getall(hdrs.AUTHORIZATION, [])):
        scheme, _, token = given[0].partition(" ")
        if len(given) > 1 or scheme.lower() != "bearer" or not is_token(token.strip()):
            raise expired()
        token = token.strip()
        return state.access(token, None, await state.owners.of(token), is_proxied=True)
    text = cookies.read(request)
    sealed = state.sealer.open(text, datetime.now(UTC)) if text else None
    return state.access(sealed.token, sealed.expires, sealed.owner) if sealed else None


def _head(request: web.Request) -> Head:
    path, _, query = request.raw_path.partition("?")
    headers = request.headers
    return Head(
        method=request.method,
        path=request.path,
        raw_path=path,
        query_length=len(query),
        hosts=headers.getall(hdrs.HOST, []),
        origins=headers.getall(hdrs.ORIGIN, []),
        fetch_site=headers.get("Sec-Fetch-Site", ""),
        content_type=request.content_type if hdrs.CONTENT_TYPE in headers else "",
        content_encoding=headers.get(hdrs.CONTENT_ENCODING, "").lower(),
        content_length=request.content_length,
        is_chunked=hdrs.TRANSFER_ENCODING in headers,
        mark=headers.get(MARK, ""),
    )


def _refusal(request: web.Request, error: Exception) -> tuple[Refusal, bool]:
    """Return the Refusal for an exception of a handler, and whether it ends the session, so its cookies are deleted."""
    refused = _answer(request, error)
    if refused.status != UNAUTHORIZED:
        return refused, False
    access: Access | None = request.get(ACCESS)
    if access is None or (access.expires is not None and access.expires <= datetime.now(UTC)):
        return refused, True
    if not isinstance(error, ApiError):  # a sign-in with another token
        return refused, False
    if request.app[STATE].refused_tokens.refuse(access.user_key):
        return refused, True
    return token_refused(), False


def _answer(request: web.Request, error: Exception) -> Refusal:
    if isinstance(error, web.HTTPException):  # of the router: unknown path or method
        headers = {name: value for name, value in error.headers.items() if name == hdrs.ALLOW}
        reason = {404: "NotFound", 405: "MethodNotAllowed", 413: "TooLarge"}.get(error.status, "Invalid")
        return refuse(error.status, reason, f"{request.method} {_path(request)}: {error.reason}", headers=headers)
    return refusal_of(error) or _internal_error(request, error)


def _internal_error(request: web.Request, error: Exception) -> Refusal:
    """Log an unexpected exception, without the user's token and API key, and return the error 500."""
    access = request.get(ACCESS)
    redact = Redactor([*([access.token] if access else []), *request.headers.getall(API_KEY, [])])
    text = "".join(traceback.format_exception(error))
    log.error("error in the handler of %s %s: %s", request.method, _path(request), redact(text))
    return refuse(
        500, "InternalError", "Studio failed to handle this request because of a bug.", "See the log of Studio's pod."
    )


def _log(request: web.Request, status: int, seconds: float) -> None:
    # Without the query: a link of another site could have put a token there.
    access_log.info("%s %s %d %.3f s", request.method[:16], _path(request), status, seconds)


def _path(request: web.Request) -> str:
    return printable(request.path[:_MAX_LOGGED])
