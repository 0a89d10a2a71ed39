"""Lists the buckets of an S3 service, and the folders and objects of a bucket."""

import re

from epochal.client.buckets import Bucket
from epochal_api.storage import BUCKET_PATTERN

from epochal_studio.wire.storage import Buckets, StoredObject, StoredObjects

MAX_BUCKETS = 1000
MAX_ENTRIES = 200


def list_buckets(bucket: Bucket) -> Buckets:
    """Return the names of all buckets of an S3 service, except names that are invalid in a TrainingJob.

    Args:
        bucket: Any bucket of the service.
    """
    names = bucket.bucket_names()
    if names is not None:
        names = sorted(name for name in names if re.fullmatch(BUCKET_PATTERN, name))[:MAX_BUCKETS]
    return Buckets(endpoint=bucket.endpoint, buckets=names)


def list_folder(bucket: Bucket, prefix: str, token: str) -> StoredObjects:
    """Return a page of the folders and objects below a prefix.

    Args:
        bucket: The bucket.
        prefix: Beginning of the keys, such as `mnist/`.
        token: The field `next` of the page before; "" for the first page.
    """
    page = bucket.page(prefix, token, MAX_ENTRIES)
    objects = [
        StoredObject(key=entry.key, size=entry.size, modified=entry.modified)
        for entry in page.objects
        if entry.key != prefix  # the empty object that some programs create for a folder
    ]
    return StoredObjects(folders=page.folders, objects=objects, next=page.next or None)
