"""Requests to pods through the API server's proxy, with bounded answers and a deadline. A pod may be hostile."""

import asyncio
from collections.abc import AsyncIterable, Callable, Mapping
from typing import NamedTuple

from epochal_studio.access import Access
from epochal_studio.problems import refuse
from epochal_studio.stream.api_server import ApiServer


class Answered(NamedTuple):
    """An answer, of a pod or of the API server.

    Args:
        status: The HTTP status.
        headers: The headers.
        content_type: The media type, without parameters; "" for content that is compressed.
        body: The content. If it is longer than the limit of the request, only its first part, which exceeds the limit.
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
    """Return the answer to a GET, or to a POST with a body.

    Args:
        api: The API server.
        access: The user, whose token the request carries to the API server.
        path: Path and query at the API server.
        headers: Headers for the pod. There are no others of the user's request, such as Origin and cookies.
        limit: Maximum bytes of the answer.
        seconds: Deadline of the request and the answer.
        body: The parts of the body.
        is_sent: Returns whether the browser has sent the whole body.

    Raises:
        Refusal: 408, if the browser has not sent the body in time; 504, if the answer is not complete in time.
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
                f"The body has not arrived within {seconds:g} s.",
                "Check the network, or send a smaller body.",
            ) from None
        raise refuse(
            504,
            "Unreachable",
            f"The model server has not answered within {seconds:g} s.",
            "Try again. If this stays, look at the Events and the log of the ModelServer.",
        ) from None
