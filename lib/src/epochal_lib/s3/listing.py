"""Lists the folders and objects of a bucket directly below a prefix, page by page."""

from datetime import datetime
from typing import NamedTuple

from minio import Minio
from minio.datatypes import parse_list_objects


class ListedObject(NamedTuple):
    """An object in a page. `modified` is the time of its last change."""

    key: str
    size: int
    modified: datetime | None


class Page(NamedTuple):
    """A page of the folders and objects directly below a prefix.

    Args:
        folders: Their whole prefixes, each with a slash at its end.
        objects: The objects, with their whole keys.
        next: Token of the next page; "" at the end.
    """

    folders: list[str]
    objects: list[ListedObject]
    next: str


def list_page(client: Minio, bucket: str, prefix: str, token: str, most: int) -> Page:
    """Return a page of the entries directly below a prefix. `Minio.list_objects` can only return all pages.

    Args:
        client: The client of the service.
        bucket: Name of the bucket.
        prefix: Beginning of the keys.
        token: The token of the page; "" for the first one.
        most: Maximum number of entries.
    """
    query = {
        "list-type": "2",
        "delimiter": "/",
        "encoding-type": "url",  # XML has no form for control characters
        "max-keys": str(most),
        "prefix": prefix,
        **({"continuation-token": token} if token else {}),
    }
    answer = client._execute("GET", bucket, query_params=query)  # noqa: SLF001 - see above
    found, is_truncated, following, _ = parse_list_objects(answer)
    entries = found[:most]
    return Page(
        folders=[str(entry.object_name) for entry in entries if entry.last_modified is None and entry.is_dir],
        objects=[
            ListedObject(str(entry.object_name), max(0, int(entry.size or 0)), entry.last_modified)
            for entry in entries
            if not (entry.last_modified is None and entry.is_dir)
        ],
        next=str(following or "") if is_truncated else "",
    )
