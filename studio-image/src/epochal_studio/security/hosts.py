"""Checks two headers: Host must be on the allow-list, and Origin must be the origin of Studio's pages."""

import re
from collections.abc import Collection

_LOCAL = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?")
_PORT = re.compile(r":[0-9]{1,5}$")


def is_local(host: str) -> bool:
    """Return whether a host, with or without a port, is localhost, 127.0.0.1 or [::1]: the machine of the browser."""
    return _LOCAL.fullmatch(host.lower()) is not None


def is_allowed(host: str, hosts: Collection[str]) -> bool:
    """Return whether a host is on the allow-list.

    Args:
        host: Value of the header Host: HOST or HOST:PORT.
        hosts: The allow-list, in lower case: HOST for any port, or HOST:PORT.
    """
    found = host.lower()
    return bool(found) and (found in hosts or _PORT.sub("", found) in hosts)


def is_own_origin(origin: str, host: str) -> bool:
    """Return whether the origin of a request is that of Studio's pages: the same host, with https unless it is local.

    Args:
        origin: Value of the header Origin, such as https://studio.example.com.
        host: Value of the header Host, which is on the allow-list.
    """
    scheme, separator, place = origin.lower().partition("://")
    # With http, an attacker on the network could be the page of the same name.
    is_safe = scheme == "https" or (scheme == "http" and is_local(place))
    # A browser leaves out the port of the scheme in both headers, and a proxy may add it.
    default = ":443" if scheme == "https" else ":80"
    return bool(separator) and is_safe and place.removesuffix(default) == host.lower().removesuffix(default)
