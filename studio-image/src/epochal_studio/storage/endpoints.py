"""The S3 services that Studio may connect to: only those in its configuration."""

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from epochal_api.text import printable

from epochal_studio.problems import refuse

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Endpoints:
    """The addresses of S3 services in the configuration.

    Args:
        allowed: Addresses that Studio may connect to.
        default: Address for objects without `spec.storage.endpoint`; "" if the installation has none.
    """

    allowed: tuple[str, ...]
    default: str = ""


def allowed_endpoint(endpoint: str, endpoints: Collection[str], default: str = "") -> str:
    """Return the address of an S3 service as SCHEME://HOST:PORT, if Studio may connect to it.

    Args:
        endpoint: The address, as a user wrote it; "" for the default address.
        endpoints: The allowed addresses.
        default: The default address, which is allowed, too; "" if the installation has none.

    Raises:
        Refusal: EndpointNotAllowed, if scheme, host and port match no allowed address; NoStorageEndpoint, if both
            `endpoint` and `default` are empty.
    """
    if not endpoint and not default:
        raise refuse(
            422,
            "NoStorageEndpoint",
            "The spec has no storage.endpoint, and Studio has no default endpoint.",
            "Set spec.storage.endpoint, or ask an administrator to set storage.endpoint of the chart.",
        )
    found = normalized(endpoint or default)
    if found is None or found not in {normalized(each) for each in (*endpoints, *([default] if default else []))}:
        # Without a user and password, which may be in front of an @.
        shown = found or ("of this address" if "@" in endpoint else " ".join(printable(endpoint[:200]).split()))
        raise refuse(
            403,
            "EndpointNotAllowed",
            f"Studio does not connect to the storage {shown}.",
            f"An administrator can allow it: add {shown} to the chart's value studio.storageEndpoints.",
        )
    return found


def normalized(endpoint: str) -> str | None:
    """Return an address as SCHEME://HOST:PORT; None if it is invalid, or has other parts, such as a path or a user."""
    try:
        parts = urlsplit(endpoint.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    is_plain = parts.path in {"", "/"} and not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in _PORTS or not host or not is_plain or not host.isascii() or not host.isprintable():
        return None
    host = host.rstrip(".")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{port or _PORTS[parts.scheme]}"
