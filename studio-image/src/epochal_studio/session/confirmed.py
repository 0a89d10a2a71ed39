"""The signed-in user of a request that needs no object of the API server: Studio itself has the token reviewed."""

from aiohttp import web

from epochal_studio.access import Access, access_of
from epochal_studio.state import STATE


async def confirmed_access(request: web.Request) -> Access:
    """Return the signed-in user of a request. The API server has accepted the token a short time ago.

    Raises:
        Refusal: 401, if nobody is signed in.
        EpochalError: If the API server refuses the token, or does not answer after a refusal.
    """
    access, state = access_of(request), request.app[STATE]
    await state.owners.confirm(access, at_once=state.refused_tokens.is_refused(access.user_key))
    return access
