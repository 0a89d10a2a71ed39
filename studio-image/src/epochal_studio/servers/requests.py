"""Sends requests to pods through the API server's proxy, with a deadline and a maximum size of the answer."""

import asyncio
from collections.abc import AsyncIterable, Callable, Mapping
from typing import NamedTuple

from epochal_studio.access import Access
from epochal_studio.problems import refuse
from epochal_studio.stream.api_server import ApiServer


class Answered(NamedTuple):
    """The response of a pod, or of the API server if it did not pass on the request.

    Args:
        status: The HTTP status.
        headers: The headers.
        content_type: The media type, without parameters; "" for compressed content.
        body: The content. A content above the limit of the request is incomplete, but still longer than the limit.
    """

    status: int
    headers: Mapping[str, str]
    content_type: str
    body: bytes


async def ask(
    api: ApiServer,
    access: Access,
    path: str,
    headers: Mapping[str, str],
    *,
    limit: int,
    seconds: float,
    body: AsyncIterable[bytes] | None = None,
    is_sent: Callable[[], bool] = lambda: True,
) -> Answered:
    """Send a GET, or a POST if there is a body, to a pod through the API server's proxy, and return the response.

    Args:
        api: The client of the API server.
        access: The user, whose token the API server receives.
        path: Path and query at the API server.
        headers: Headers for the pod. No other headers of the user's request, such as cookies, are passed on.
        limit: Maximum bytes of the response. See Answered.body for longer responses.
        seconds: Maximum seconds for the request and the response.
        body: The chunks of the request's body.
        is_sent: Returns whether the browser has sent the whole body.

    Raises:
        Refusal: 408, if the browser has not sent the body in time; 504, if the response is not complete in time.
        EpochalError: If the API server does not answer.
    """
    method = "GET" if body is None else "POST"
    try:
        async with asyncio.timeout(seconds), api.exchange(access.token, method, path, headers, body) as found:
            content = await found.read(limit + 1)
            return Answered(found.status, found.headers, found.content_type, content)
    except TimeoutError:
        if body is not None and not is_sent():
            raise refuse(
                408,
                "Timeout",
                f"The body of the request has not arrived within {seconds:g} s.",
                "Check the network, or send a smaller body.",
            ) from None
        raise refuse(
            504,
            "Unreachable",
            f"The model server has not answered within {seconds:g} s.",
            "Try again. If it fails again, see the Events and the log of the ModelServer.",
        ) from None
