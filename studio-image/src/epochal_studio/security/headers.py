"""The security and caching headers of each answer."""

from collections.abc import Mapping, MutableMapping

from epochal_lib.page_headers import ISOLATION, policy_with_worker

API = "/api/"
PAGE_POLICY = policy_with_worker("studio-worker")
"""The Content-Security-Policy of the pages. They start a web worker in studio/src/modeler/layout/startWorker.ts, whose
policy of Trusted Types `studio-worker` accepts only the address of this worker."""
_PAGE_HEADERS = {"Content-Security-Policy": PAGE_POLICY, **ISOLATION}
_API_HEADERS = {
    **ISOLATION,
    # An answer that a browser shows as a page, such as a file of a bucket, can run and load nothing.
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
    ),
    "Cache-Control": "no-store",
}


def headers_for(path: str) -> Mapping[str, str]:
    """Return the security headers for an answer: those of the API for a path below /api/, else those of the pages."""
    return _API_HEADERS if path.startswith(API) else _PAGE_HEADERS


def add_headers(headers: MutableMapping[str, str], path: str) -> None:
    """Add the security headers to the headers of an answer.

    They replace headers of the same name. Cache-Control of a page's file is kept.
    """
    for name, value in headers_for(path).items():
        headers[name] = value
    headers.setdefault("Cache-Control", "no-cache")
    headers["Server"] = "epochal-studio"
