"""Reads the configuration of Studio from the environment variables EPOCHAL_STUDIO_….

| variable | value |
|---|---|
| EPOCHAL_STUDIO_LISTEN | HOST:PORT or :PORT (all addresses). Default: `:8080` |
| EPOCHAL_STUDIO_HOSTS | allowed values of the header Host, comma-separated: HOST for any port, or HOST:PORT. Default: localhost, 127.0.0.1, [::1] |
| EPOCHAL_STUDIO_TLS | folder with tls.crt and tls.key. Default: plain HTTP, for a proxy with TLS in front or a port-forward |
| EPOCHAL_STUDIO_PROXY_AUTH | true: a proxy in front of Studio sends the user's token as `Authorization: Bearer`. Default: false: Studio ignores this header |
| EPOCHAL_STUDIO_API_SERVER | https://HOST[:PORT] of the API server. Default: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, which each pod has |
| EPOCHAL_STUDIO_API_CA | PEM file with the certificate authority of the API server. Default: the mounted ConfigMap kube-root-ca.crt |
| EPOCHAL_STUDIO_STORAGE_ENDPOINTS | addresses of the S3 services that Studio may connect to, comma-separated |
| EPOCHAL_STUDIO_DEFAULT_ENDPOINT | address of the S3 service for objects without `spec.storage.endpoint`. Studio may connect to it, too |
| EPOCHAL_STUDIO_CHECKER | http://HOST[:PORT] of the checker (docs/checker.md). Default: none, so that shapes of layers are unknown |
| EPOCHAL_STUDIO_TEMPLATES | folder of the templates: example manifests for a new run. Default: `templates` beside this module, or in a checkout `manifests/examples` |
| EPOCHAL_STUDIO_PAGES | folder of the built pages. Default: `pages` beside this module |
| EPOCHAL_STUDIO_LOG_LEVEL | debug, info, warning or error. Default: info |
"""  # noqa: E501 - a row of a table is a line

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from epochal_api.storage import Endpoint
from epochal_api.text import printable
from pydantic import TypeAdapter, ValidationError

PREFIX = "EPOCHAL_STUDIO_"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
API_CA = Path("/etc/epochal/api-server/ca.crt")
"""The certificate authority of the API server, which the chart mounts from the ConfigMap kube-root-ca.crt: Studio's pod
has no token of a ServiceAccount, and so no file ca.crt beside it."""
OWN_TEMPLATES = Path(__file__).parent / "templates"
TEMPLATES = OWN_TEMPLATES if OWN_TEMPLATES.is_dir() else Path(__file__).parents[3] / "manifests" / "examples"
"""Folder of the templates: beside this module in the image, `manifests/examples` in a checkout."""
_HOST = re.compile(r"([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?")
_LEVELS = ("debug", "info", "warning", "error")


class InvalidConfig(Exception):
    """An environment variable EPOCHAL_STUDIO_… is invalid or missing."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The configuration of Studio.

    Args:
        host: Address to listen on; "" for all.
        port: Port to listen on.
        hosts: Allowed values of the header Host, in lower case: HOST for any port, or HOST:PORT.
        tls: Folder with tls.crt and tls.key; None for plain HTTP.
        proxy_auth: Whether Studio accepts the user's token in the header Authorization, which a proxy sets.
        api_server: Address of the API server.
        api_ca: PEM file of the API server's certificate authority; None for the authorities of the system.
        storage_endpoints: S3 services that Studio may connect to, including the default endpoint.
        default_endpoint: S3 service for objects without `spec.storage.endpoint`; "" if the installation has none.
        checker: Address of the checker; "" if the installation has none.
        templates: Folder of the example manifests for a new run.
        pages: Folder of the built pages.
        log_level: Minimum level of the log.
    """

    api_server: str
    api_ca: Path | None = None
    host: str = ""
    port: int = 8080
    hosts: tuple[str, ...] = LOCAL_HOSTS
    tls: Path | None = None
    proxy_auth: bool = False
    storage_endpoints: tuple[str, ...] = ()
    default_endpoint: str = ""
    checker: str = ""
    templates: Path = TEMPLATES
    pages: Path = Path(__file__).parent / "pages"
    log_level: str = "info"


def read_config(environ: Mapping[str, str]) -> Config:
    """Return the configuration from environment variables.

    Raises:
        InvalidConfig: If a variable is invalid, or the address of the API server is missing.
    """
    values = {name.removeprefix(PREFIX): value.strip() for name, value in environ.items() if name.startswith(PREFIX)}
    host, port = _listen(values.get("LISTEN") or ":8080")
    default = _endpoint("DEFAULT_ENDPOINT", values["DEFAULT_ENDPOINT"]) if values.get("DEFAULT_ENDPOINT") else ""
    endpoints = [_endpoint("STORAGE_ENDPOINTS", text) for text in _items(values.get("STORAGE_ENDPOINTS", ""))]
    level = values.get("LOG_LEVEL") or "info"
    if level not in _LEVELS:
        raise _invalid("LOG_LEVEL", level, f"one of {', '.join(_LEVELS)}")
    return Config(
        host=host,
        port=port,
        hosts=tuple(_host(text) for text in _items(values.get("HOSTS", ""))) or LOCAL_HOSTS,
        tls=Path(values["TLS"]) if values.get("TLS") else None,
        proxy_auth=_boolean("PROXY_AUTH", values.get("PROXY_AUTH") or "false"),
        api_server=_api_server(values.get("API_SERVER", ""), environ),
        api_ca=_api_ca(values.get("API_CA", "")),
        storage_endpoints=tuple(dict.fromkeys([*([default] if default else []), *endpoints])),
        default_endpoint=default,
        checker=_endpoint("CHECKER", values["CHECKER"]) if values.get("CHECKER") else "",
        templates=Path(values["TEMPLATES"]) if values.get("TEMPLATES") else TEMPLATES,
        pages=Path(values["PAGES"]) if values.get("PAGES") else Config.pages,
        log_level=level,
    )


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _listen(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 <= int(port) <= 65535:  # noqa: PLR2004 - ports
        raise _invalid("LISTEN", text, "HOST:PORT or :PORT")
    return host.strip("[]"), int(port)


def _host(text: str) -> str:
    if not _HOST.fullmatch(text.lower()):
        raise _invalid("HOSTS", text, "hosts such as studio.example.com or localhost:8080, without https://")
    return text.lower()


def _endpoint(name: str, text: str) -> str:
    try:
        found = TypeAdapter(Endpoint).validate_python(text.rstrip("/"))
    except ValidationError:
        found = ""
    # The endpoints of `trainingJobPolicy` may have wildcards, which could lead Studio to any service.
    if not found or "*" in found:
        raise _invalid(name, text, "http://HOST[:PORT] or https://HOST[:PORT], without wildcards")
    return found


def _boolean(name: str, text: str) -> bool:
    if text not in {"true", "false"}:
        raise _invalid(name, text, "true or false")
    return text == "true"


def _api_server(text: str, environ: Mapping[str, str]) -> str:
    if text:
        if not re.fullmatch(r"https?://[^/?#@\s]+", text.rstrip("/")):
            raise _invalid("API_SERVER", text, "https://HOST[:PORT]")
        return text.rstrip("/")
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT") or "443"
    if not host:
        raise InvalidConfig(f"set {PREFIX}API_SERVER to the address of the API server: only a pod has a default")
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


def _api_ca(text: str) -> Path | None:
    path = Path(text) if text else API_CA
    if path.is_file():
        return path
    if text:
        raise _invalid("API_CA", text, "a PEM file")
    return None


def _invalid(name: str, found: str, expected: str) -> InvalidConfig:
    return InvalidConfig(f"{PREFIX}{name} is {printable(found[:200])!r}, but must be {expected}")
