"""Files that a notebook uploads to buckets before it creates a TrainingJob."""

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from epochal.client.cluster import Cluster


class StagedFile(NamedTuple):
    """A local file to upload before the TrainingJob is created.

    Args:
        path: The file.
        bucket: Name of the bucket.
        key: The key in the bucket. It contains the digest of the file, so that equal content is uploaded only once.
    """

    path: Path
    bucket: str
    key: str


class Staged:
    """The files to upload for a TrainingJob, in a temporary folder that is deleted with this object.

    Attributes:
        folder: The temporary folder.
        files: The files to upload.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="epochal-"))
        self.files: list[StagedFile] = []
        weakref.finalize(self, shutil.rmtree, str(self.folder), ignore_errors=True)

    def upload(self, cluster: Cluster, storage: Mapping[str, Any], namespace: str) -> None:
        """Upload the files to their buckets. A file is skipped if its key exists in the bucket with the same size.

        Raises:
            EpochalError: If a bucket does not exist, or refuses a file.
        """
        from epochal.client.open_bucket import open_bucket  # noqa: PLC0415 - minio, which most methods do not need

        for file in self.files:
            bucket = open_bucket(cluster, storage, file.bucket, namespace=namespace)
            size = file.path.stat().st_size
            if any(each.key == file.key and each.size == size for each in bucket.list(file.key)):
                continue
            with file.path.open("rb") as stream:
                bucket.upload(file.key, stream, size)
