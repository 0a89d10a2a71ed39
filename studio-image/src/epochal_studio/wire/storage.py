"""Requests and answers about a storage and its buckets."""

from datetime import datetime
from typing import Annotated

from epochal_api.model import Model
from pydantic import Field

from epochal_studio.wire.common import Name


class Storage(Model):
    """The Secrets with S3 keys in a namespace, and the S3 services that Studio may connect to."""

    secrets: list[str] | None
    """Secrets with accessKey and secretKey; None if the user may not list Secrets."""
    endpoints: list[str]
    """Addresses of S3 services that Studio may connect to."""
    default_endpoint: str
    buckets: list[str] | None = None
    """After POST, buckets of the connected S3 service; None if the keys may not list buckets, and after GET."""
    created: list[str] = []
    """Buckets that this request has created."""
    is_cut: bool = False
    """Whether some Secrets were not read, because there are too many: more Secrets may have S3 keys."""


class ConnectStorage(Model):
    """A request to test the keys of an S3 service, and to store them in a new Secret."""

    namespace: Name
    secret: Name
    endpoint: str
    access_key: Annotated[str, Field(min_length=1, max_length=1024)]
    secret_key: Annotated[str, Field(min_length=1, max_length=1024)]
    session_token: Annotated[str, Field(max_length=8192)] | None = None
    region: str = "us-east-1"
    """Region for which requests are signed."""
    ca_config_map: Name | None = None
    """ConfigMap with the certificate authority of an https endpoint, under the key ca.crt."""
    create_buckets: Annotated[list[Name], Field(max_length=2)] = []
    """Buckets to create if they are missing: for data and for results."""


class Buckets(Model):
    """The buckets of a storage."""

    endpoint: str
    buckets: list[str] | None
    """Names of at most 1,000 buckets; None if the keys may not list buckets, so the user must type a name."""


class StoredObject(Model):
    """An object of a bucket."""

    key: str
    size: int
    modified: datetime | None


class StoredObjects(Model):
    """One page of the folders and objects in a folder of a bucket: at most 200 entries."""

    folders: list[str]
    """Prefixes of the folders, each with / at its end."""
    objects: list[StoredObject]
    next: str | None
    """Value of the parameter `after` for the next page; None on the last page."""
