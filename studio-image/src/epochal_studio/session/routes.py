"""The routes of /api/session: sign in, show the signed-in user, sign out."""

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
from epochal_studio.wire.session import Session, SignIn

MAX_SESSION = timedelta(hours=12)
"""Maximum duration of a session. Then the user must sign in again, even if the token is still valid."""
MAX_NAMESPACES = 2000


def routes() -> list[web.RouteDef]:
    """Return the routes of /api/session."""
    return [
        web.post("/api/session", sign_in),
        web.get("/api/session", show),
        web.delete("/api/session", sign_out),
    ]


async def sign_in(request: web.Request) -> web.Response:
    """Check the token in the body with the API server, store it encrypted in cookies, and return its user."""
    state = request.app[STATE]
    token = (await read_body(request, SignIn)).token.strip()
    if not is_token(token):
        raise refuse(
            422,
            "Invalid",
            "token: must have only letters, digits and the characters - . _ ~ + / =",
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
            "Create a new token, such as by `kubectl create token NAME`.",
        ) from None
    response = answer(session.model_copy(update={"expires": end}))
    text = state.sealer.seal(Sealed(token, end, owner_of(session.user)))
    cookies.store(response, request, text, int((end - now).total_seconds()))
    return response


async def show(request: web.Request) -> web.Response:
    """Return the signed-in user, with the namespaces and the end of the session."""
    access = access_of(request)
    session = await _session(request, access.token, access.owner)
    expires = expiry(access.token) if access.is_proxied else access.expires
    return answer(session.model_copy(update={"expires": expires, "is_proxied": access.is_proxied}))


async def sign_out(request: web.Request) -> web.Response:
    """Delete the session cookies."""
    response = web.Response(status=204)
    cookies.delete(response, request)
    return response


async def _session(request: web.Request, token: str, key: str) -> Session:
    """Return the user of a token with the namespaces that the user can list. The end of the session is None.

    Args:
        request: The request.
        token: The token.
        key: Key of the limit for the number of calls in threads.
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
    """Return the user name, and the names of all namespaces; None as the names if the user may not list namespaces."""
    user = user_name(cluster)
    try:
        return user, sorted(cluster.names(NAMESPACES, limit=MAX_NAMESPACES))
    except ApiError as error:
        if error.status == FORBIDDEN:
            return user, None
        raise


def expiry(token: str) -> datetime | None:
    """Return the expiry time in a JSON Web Token (claim `exp`); None for any other token.

    The signature is not checked. The time is only used for the page and the cookies: the API server validates tokens.
    """
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - RFC 7519
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError, binascii.Error):
        return None
