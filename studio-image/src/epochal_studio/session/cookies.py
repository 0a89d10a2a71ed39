"""Stores an encrypted session in one or several cookies, as its length requires.

A browser keeps at most 4,096 bytes in a cookie, and a token may be longer. The value of the first cookie begins with
the number of cookies, so that cookies of an earlier, longer session are ignored.
"""

from collections.abc import Iterable, Mapping

from aiohttp import web

NAME = "__Host-epochal"
"""A browser accepts this prefix only with Secure, Path=/ and no Domain, so no other host can set the cookie.
Chromium 156 and Firefox accept it from http://localhost too, for a port-forward."""
MAX_COOKIES = 8
PART = 3800
"""Maximum bytes of the session in each cookie. The rest of the 4,096 bytes is for the cookie's name and attributes."""
_COUNTS = frozenset(str(number) for number in range(1, MAX_COOKIES + 1))


def split(text: str) -> list[str]:
    """Split the text of an encrypted session, and return the value of each cookie.

    Raises:
        ValueError: If the text needs more than MAX_COOKIES cookies.
    """
    parts = [text[start : start + PART] for start in range(0, len(text), PART)] or [""]
    if len(parts) > MAX_COOKIES:
        raise ValueError(f"the session needs {len(parts)} cookies, but may have {MAX_COOKIES}")
    return [f"{len(parts)}.{parts[0]}", *parts[1:]]


def read(request: web.BaseRequest) -> str | None:
    """Return the text of the encrypted session from the cookies of a request; None if a cookie is missing."""
    return joined(request.cookies)


def joined(cookies: Mapping[str, str]) -> str | None:
    """Return the text of the encrypted session from cookies by their names; None if a cookie is missing."""
    count, dot, first = cookies.get(f"{NAME}-0", "").partition(".")
    if not dot or count not in _COUNTS:
        return None
    parts = [first, *(cookies.get(f"{NAME}-{number}", "") for number in range(1, int(count)))]
    return "".join(parts) if all(parts) else None


def store(response: web.StreamResponse, request: web.BaseRequest, text: str, seconds: int) -> None:
    """Set the cookies of a session in a response, and delete the other cookies that a longer session has left.

    Args:
        response: The response.
        request: The request, with the browser's current cookies.
        text: The encrypted session.
        seconds: Seconds after which the browser deletes the cookies.
    """
    values = split(text)
    for number, value in enumerate(values):
        name = f"{NAME}-{number}"
        response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="Strict")
    _delete(response, request, range(len(values), MAX_COOKIES))


def delete(response: web.StreamResponse, request: web.BaseRequest) -> None:
    """Delete the session cookies of a request by headers of its response."""
    _delete(response, request, range(MAX_COOKIES))


def _delete(response: web.StreamResponse, request: web.BaseRequest, numbers: Iterable[int]) -> None:
    for number in numbers:
        name = f"{NAME}-{number}"
        if name in request.cookies:
            response.del_cookie(name, path="/", secure=True, httponly=True, samesite="Strict")
