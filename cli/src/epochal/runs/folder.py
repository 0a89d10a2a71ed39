"""The folder with the results of a TrainingJob or an Experiment in its results bucket."""

import fnmatch
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from epochal_api.storage import Results
from epochal_api.text import printable
from pydantic import ValidationError

from epochal.client.buckets import Bucket, StoredObject, split_uri
from epochal.client.cluster import MAX_LOG_LINE, Cluster
from epochal.client.kinds import EXPERIMENTS
from epochal.client.lines import split_lines
from epochal.client.open_bucket import open_bucket
from epochal.client.references import Found
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

GROUPED = ("attempts", "callbacks", "checkpoints", "tensorboard")
"""Folders with many files, each of which a list of results shows as one line."""
PIECE = 8 * 2**20
"""Maximum bytes of a file that one request reads."""


class Entry(NamedTuple):
    """A line in a list of results: a file, or a folder with many files.

    Args:
        name: Name relative to the results folder; with a slash at its end for a folder.
        files: Number of files.
        size: Bytes of all files together.
    """

    name: str
    files: int
    size: int


class Place(NamedTuple):
    """The location of results: the s3:// URI of the folder, and `spec.storage` with the endpoint of the S3 service."""

    uri: str
    storage: Any


class Folder:
    """The results folder of one TrainingJob or Experiment.

    Args:
        bucket: The bucket.
        path: Prefix of the keys in the folder, without a slash at its end.
    """

    def __init__(self, bucket: Bucket, path: str) -> None:
        self.bucket = bucket
        self.path = path

    @property
    def uri(self) -> str:
        """The URI of the folder: s3://BUCKET/KEY/."""
        return f"s3://{self.bucket.name}/{self.path}/"

    def files(self) -> Iterator[StoredObject]:
        """Yield the files of the folder, with keys relative to the folder."""
        for found in self.bucket.list(f"{self.path}/"):
            name = found.key.removeprefix(f"{self.path}/")
            if name and not name.endswith("/"):
                yield StoredObject(name, found.size)

    def read(self, name: str) -> bytes:
        """Return the content of a file in the folder."""
        return self.bucket.read(f"{self.path}/{name}")

    def lines(self, name: str) -> Iterator[str]:
        """Yield the lines of a text file in the folder, of any size, without their line feeds."""
        for line in split_lines(self._parts(f"{self.path}/{name}"), MAX_LOG_LINE):
            yield line.decode(errors="replace")

    def _parts(self, key: str) -> Iterator[bytes]:
        """Yield the content of an object in the bucket in parts of at most MAX_LOG_LINE bytes.

        Each request reads PIECE bytes at once, because the S3 service closes the connection of a slow reader (a pager).
        """
        for offset in range(0, self.bucket.size(key), PIECE):
            with self.bucket.open(key, offset=offset, length=PIECE) as response:
                piece = response.read()
            yield from (piece[start : start + MAX_LOG_LINE] for start in range(0, len(piece), MAX_LOG_LINE))

    def download(self, name: str, folder: Path) -> Path:
        """Download a file to the same relative path in a local folder, and return its local path."""
        path = folder / local_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.bucket.download(f"{self.path}/{name}", path)
        return path


def results_folder(cluster: Cluster, found: Found) -> Folder:
    """Open the results folder of a TrainingJob or Experiment. It sends no request to the S3 service yet.

    Raises:
        EpochalError: If the spec names no bucket, or there are no credentials.
    """
    place = results_place(found)
    bucket = open_bucket(cluster, place.storage, place.uri, namespace=found.object["metadata"].get("namespace"))
    return Folder(bucket, split_uri(place.uri)[1].rstrip("/"))


def results_place(found: Found) -> Place:
    """Return the location of the results of a TrainingJob or Experiment, without a connection to the bucket.

    Raises:
        EpochalError: If the spec names no bucket.
    """
    metadata, spec, status = found.object["metadata"], found.object.get("spec") or {}, found.object.get("status") or {}
    if found.kind == EXPERIMENTS:
        spec = (spec.get("template") or {}).get("spec") or {}
    uri = (status.get("results") or {}).get("uri") or folder_uri(metadata, spec)
    return Place(str(uri), spec.get("storage"))


def folder_uri(metadata: dict[str, Any], spec: dict[str, Any]) -> str:
    """Return the URI of a TrainingJob's results folder from its metadata and spec: the status may not have it yet."""
    try:
        results = Results.model_validate(spec.get("results"))
    except ValidationError as error:
        raise EpochalError(
            f"spec.results is not readable: {printable(str(error))[:1000]}",
            "Use `epochal` in the version of the cluster.",
        ) from error
    folder = results.folder(namespace=metadata["namespace"], name=metadata["name"], uid=metadata["uid"])
    return f"s3://{results.bucket}/{folder}/"


def entries(files: Iterable[StoredObject], *, all_files: bool = False) -> list[Entry]:
    """Return the lines of a list of results. A folder of `GROUPED` is one line, unless `all_files` is true."""
    found: dict[str, Entry] = {}
    for file in files:
        first, slash, _ = file.key.partition("/")
        name = f"{first}/" if slash and first in GROUPED and not all_files else file.key
        before = found.get(name, Entry(name, 0, 0))
        found[name] = Entry(name, before.files + 1, before.size + file.size)
    return sorted(found.values(), key=lambda entry: (entry.name.endswith("/"), entry.name))


def select(files: Iterable[StoredObject], patterns: Iterable[str]) -> list[StoredObject]:
    """Return the files whose name matches one of the patterns, such as model.keras, *.png or checkpoints/*.

    Raises:
        EpochalError: If a pattern matches no file.
    """
    known = list(files)
    chosen: dict[str, StoredObject] = {}
    for pattern in patterns:
        matches = [file for file in known if fnmatch.fnmatchcase(file.key, pattern)]
        if not matches:
            raise EpochalError(
                f"the results have no file {printable(pattern)[:300]}.",
                "`epochal results NAME --all` prints the names of all files. A training stores its model at its end.",
                exit_code=ExitCode.NOT_FOUND,
            )
        chosen |= {file.key: file for file in matches}
    return list(chosen.values())


def local_path(name: str) -> Path:
    """Return the relative path in a local folder for the name of a file in the bucket.

    Raises:
        EpochalError: If the path would lead out of the folder. The check is necessary, because other users may have
            written files to the bucket.
    """
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or any(part in {"..", "."} or set(part) & set("\\:\0") for part in parts):
        raise EpochalError(
            f"the bucket has a file {printable(name)[:300]!r}, whose name is no safe path in a local folder.",
            "Download it with a client of S3.",
            exit_code=ExitCode.REFUSED,
        )
    return Path(*parts)
