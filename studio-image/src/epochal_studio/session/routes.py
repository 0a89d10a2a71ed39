"""Sign-in, the signed-in user, and sign-out."""

import base64
import binascii
import json
from datetime import UTC, datetime, timedelta

from aiohttp import web
from epochal.client.cluster import Cluster
from epochal.client.failures import FORBIDDEN, UNAUTHORIZED, ApiError
from epochal.client.kinds import NAMESPACES

from epochal_studio.access import access_of, is_token
from epochal_studio.bodies import read_body
from epochal_studio.problems import answer, expired, refuse
from epochal_studio.session import cookies
from epochal_studio.session.owners import owner_of, user_name
from epochal_studio.session.sealing import Sealed
from epochal_studio.state import STATE
from epochal_studio.threads import DEADLINE_SECONDS, SIGN_IN
from epochal_studio.wire import Session, SignIn

MAX_SESSION = timedelta(hours=12)
"""Time after which a user signs in again, also with a token that does not expire."""
MAX_NAMESPACES = 2000


def routes() -> list[web.RouteDef]:
    """Return the routes of the session."""
    return [
        web.post("/api/session", sign_in),
        web.get("/api/session", show),
        web.delete("/api/session", sign_out),
    ]


async def sign_in(request: web.Request) -> web.Response:
    """Return the user of a token, and store the token in the cookies."""
    state = request.app[STATE]
    token = (await read_body(request, SignIn)).token.strip()
    if not is_token(token):
        raise refuse(
            422,
            "Invalid",
            "token: must be a token of letters, digits and - . _ ~ + / = alone",
            "Paste the output of `kubectl create token NAME`.",
        )
    now = datetime.now(UTC)
    end = min(expiry(token) or now + MAX_SESSION, now + MAX_SESSION)
    if end <= now:
        raise expired()
    try:
        session = await _session(request, token, SIGN_IN)
    except ApiError as error:
        if error.status != UNAUTHORIZED:
            raise
        raise refuse(
            401,
            "InvalidToken",
            "The API server does not accept this token: it is wrong or has expired.",
            "Create a new one, such as by `kubectl create token NAME`.",
        ) from None
    response = answer(session.model_copy(update={"expires": end}))
    text = state.sealer.seal(Sealed(token, end, owner_of(session.user)))
    cookies.store(response, request, text, int((end - now).total_seconds()))
    return response


async def show(request: web.Request) -> web.Response:
    """Return the signed-in user."""
    access = access_of(request)
    session = await _session(request, access.token, access.owner)
    expires = expiry(access.token) if access.is_proxied else access.expires
    return answer(session.model_copy(update={"expires": expires, "is_proxied": access.is_proxied}))


async def sign_out(request: web.Request) -> web.Response:
    """Delete the cookies."""
    response = web.Response(status=204)
    cookies.delete(response, request)
    return response


async def _session(request: web.Request, token: str, key: str) -> Session:
    """Return the user of a token, without the end of the session.

    Args:
        request: The request.
        token: The token.
        key: Key that bounds the calls that run at the same time.
    """
    state = request.app[STATE]
    cluster = state.connections.cluster(token, "default")
    user, namespaces = await state.threads.run(key, DEADLINE_SECONDS, _user_and_namespaces, cluster)
    return Session(
        user=user,
        expires=None,
        namespaces=namespaces,
        is_proxied=False,
        storage_endpoints=list(state.config.storage_endpoints),
    )


def _user_and_namespaces(cluster: Cluster) -> tuple[str, list[str] | None]:
    """Return the user's name and the names of the namespaces, which are None if the user may not list namespaces."""
    user = user_name(cluster)
    try:
        return user, sorted(cluster.names(NAMESPACES, limit=MAX_NAMESPACES))
    except ApiError as error:
        if error.status == FORBIDDEN:
            return user, None
        raise


def expiry(token: str) -> datetime | None:
    """Return the end of a token that says it (JWT); None for any other token.

    Only the API server checks tokens. This end is for the page and the cookies.
    """
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - RFC 7519
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError, binascii.Error):
        return None
