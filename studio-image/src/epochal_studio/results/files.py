"""Lists the files of a results folder, checks their paths, and names downloads."""

import re
from itertools import islice
from pathlib import PurePosixPath
from urllib.parse import quote

from epochal.client.buckets import ObjectStat, StoredObject
from epochal.runs.folder import Folder
from epochal_api.text import printable

from epochal_studio.problems import refuse
from epochal_studio.results.folders import bucket_errors
from epochal_studio.wire.results import Files, StoredFile

MAX_FILES = 1000
MAX_SCANNED = 5000
"""Maximum keys that are listed before sorting, so that files after many checkpoints are in the answer of MAX_FILES."""
MAX_KEY = 1024
_DESCRIPTIONS = {
    "best.keras": "model of the best epoch",
    "best.onnx": "model of the best epoch, for ONNX Runtime",
    "best.savedmodel.zip": "model of the best epoch, for TensorFlow",
    "best.yaml": "TrainingJob with the best parameters",
    "check.npz": "samples and answers that check an exported model",
    "confusion.png": "confusion matrix",
    "curves.png": "plot of the curves",
    "data.json": "ranges and classes of the data",
    "evaluation.json": "answers of the model for the test or validation data",
    "history.csv": "metrics of each epoch",
    "importance.png": "importance of the parameters",
    "mistakes.png": "worst mistakes",
    "model.keras": "model of the last epoch",
    "model.onnx": "model of the last epoch, for ONNX Runtime",
    "model.savedmodel.zip": "model of the last epoch, for TensorFlow",
    "objective.png": "values of the trials",
    "parallel.png": "parameters and values of the trials",
    "rungs.png": "values of the rungs",
    "signature.json": "inputs and outputs of the model",
    "summary.json": "figures, versions and digests",
    "training.log": "log of the training",
    "trials.csv": "parameters and value of each trial",
}
_FOLDERS = {
    "attempts": "start of an attempt",
    "callbacks": "file of a callback",
    "checkpoints": "checkpoint",
    "tensorboard": "events for TensorBoard",
}
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def list_files(folder: Folder) -> Files:
    """Return at most MAX_FILES files of a results folder: files at the top level first, then files in its folders."""
    with bucket_errors():
        scanned = list(islice(folder.files(), MAX_SCANNED + 1))
    ordered = sorted(scanned[:MAX_SCANNED], key=lambda file: ("/" in file.key, file.key))
    return Files(
        uri=folder.uri,
        files=[_file(file) for file in ordered[:MAX_FILES]],
        is_complete=len(scanned) <= MAX_FILES,
    )


def stat_file(folder: Folder, path: str) -> tuple[str, ObjectStat]:
    """Return the S3 key of a file in a results folder, and its size and ETag.

    Raises:
        Refusal: 400, if the path leads out of the folder; 404, if the file does not exist.
    """
    key = f"{folder.path}/{checked_path(path)}"
    with bucket_errors():
        return key, folder.bucket.stat(key)


def checked_path(path: str) -> str:
    """Return a path unchanged if it stays below the results folder.

    Raises:
        Refusal: 400, if the path has a part such as `..`, control characters, or too many bytes. An S3 service that
            stores objects as files could read a file outside of the folder.
    """
    parts = path.split("/")
    is_below = all(part not in {"", ".", ".."} for part in parts)
    if not is_below or "\\" in path or not path.isprintable() or len(path.encode()) > MAX_KEY:
        raise refuse(400, "Invalid", f"found {printable(path[:200], instead=' ')!r}, expected a path below the results")
    return path


def content_disposition(path: str) -> str:
    """Return the value of the header Content-Disposition (RFC 6266): a browser downloads the file under its name."""
    name = PurePosixPath(path).name
    plain = _UNSAFE.sub("_", name).lstrip(".")[:200] or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name[:200], safe='')}"


def _file(file: StoredObject) -> StoredFile:
    first, slash, _ = file.key.partition("/")
    description = _FOLDERS.get(first, "") if slash else _DESCRIPTIONS.get(file.key, "")
    return StoredFile(path=printable(file.key, instead=" "), size=max(0, file.size), description=description)
