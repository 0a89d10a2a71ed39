"""Lists of the watched objects, page by page: before each watch, and periodically to find changes that it missed."""

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from epochal_operator.runtime.api.errors import Forbidden, NotFound
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.informer import Informer
from epochal_operator.runtime.store import Source

_log = logging.getLogger(__name__)


async def resync(kube: Kube, informer: Informer, namespaces: tuple[str, ...]) -> None:
    """List all sources again and store the objects in the informer; an empty tuple means all namespaces.

    Raises:
        ApiError: If a request fails, except with status 403 in a given namespace, 404 or 410, which are only logged.
    """
    for namespace in namespaces or (None,):
        try:
            for source in informer.sources:
                await _resync(kube, informer, source, namespace)
        except Forbidden as error:  # A deleted namespace, or one without permission, must not stop the others.
            if namespace is None:
                raise
            _log.warning("cannot list objects in namespace %s: %s", namespace, error)


async def _resync(kube: Kube, informer: Informer, source: Source, namespace: str | None) -> None:
    try:
        await list_source(kube, informer, source, namespace)
    except NotFound as error:  # or 410 Gone: the version of a paged list has expired
        cause = "the API server does not serve them" if error.status == 404 else error  # noqa: PLR2004
        _log.warning("cannot list %ss: %s", source.resource.kind, cause)


async def list_source(kube: Kube, informer: Informer, source: Source, namespace: str | None) -> str:
    """List a source, store its objects in the informer, and return the list's resourceVersion for the start of a watch.

    Raises:
        ApiError: If a request fails, or the API server no longer has the version of the list.
    """
    uids, version = set[str](), ""
    with _garbage_collector_off():
        async for page in kube.list(source.resource, namespace, labels=source.label or ""):
            uids |= informer.put_page(source, page)
            version = page.resource_version
            del page  # free its memory before the next page is read
    informer.finish_list(source, uids, version, namespace)
    return version


_open_lists = 0


@contextmanager
def _garbage_collector_off() -> Iterator[None]:
    """Disable Python's garbage collector in the `with` block, and until all concurrent `with` blocks have ended.

    JSON has no reference cycles. With 30,000 objects the search for cycles took half the CPU time of the first lists.
    """
    global _open_lists  # noqa: PLW0603 - the garbage collector is global, too
    _open_lists += 1
    gc.disable()
    try:
        yield
    finally:
        _open_lists -= 1
        if not _open_lists:
            gc.enable()
