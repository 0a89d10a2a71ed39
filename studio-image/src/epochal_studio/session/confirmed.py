"""Checks the token of requests that do not use the API server otherwise, such as the check of a document."""

from aiohttp import web

from epochal_studio.access import Access, access_of
from epochal_studio.state import STATE


async def confirmed_access(request: web.Request) -> Access:
    """Return the signed-in user of a request. The API server reviews the token if its last review is over a minute old.

    Raises:
        Refusal: 401, if the request has no valid session.
        EpochalError: If the API server refuses the token, or refused it before and does not answer now.
    """
    access, state = access_of(request), request.app[STATE]
    await state.owners.confirm(access, at_once=state.refused_tokens.is_refused(access.user_key))
    return access
