"""Writes a first TrainingJob to a file, and lists the commands that the user can run next."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from epochal_api.catalogue.findings import to_text
from epochal_api.catalogue.problems import problems

from epochal.errors import EpochalError
from epochal.init.description import DataDescription
from epochal.init.plan import training_job
from epochal.manifests import write
from epochal.output_files import file_exists


def write_training_job(
    data: DataDescription, target: Path, name: str, *, bucket: str, secret: str, replace: bool
) -> tuple[str, str]:
    """Write a TrainingJob for these data to a file. Return the names of its data bucket and its results bucket.

    Raises:
        EpochalError: If the file exists without `replace`, or the TrainingJob would be invalid, for example because a
            file name cannot be a key in a bucket.
    """
    document, comments = training_job(data, name, bucket=bucket, secret=secret)
    if found := problems(document):
        raise EpochalError(f"the TrainingJob for {data.source} has problems:\n{to_text(found)}", "Rename the files.")
    try:
        with target.open("w" if replace else "x", encoding="utf-8") as file:
            file.write(write(document, comments))
    except FileExistsError:
        raise file_exists(target) from None
    except OSError as error:
        raise EpochalError(f"cannot write {target}: {error.strerror}", "Choose another file: --out FILE") from None
    return bucket, document["spec"]["results"]["bucket"]


def next_steps(data: DataDescription, file: str, folder: str, buckets: tuple[str, str]) -> Sequence[str]:
    """Return the commands that a user can run after `init`, a line each.

    Args:
        data: The data.
        file: The file of the TrainingJob.
        folder: The folder with the files of the data.
        buckets: Names of the data bucket and of the results bucket.
    """
    uploads = [f"aws s3 cp {quote(f'{folder}/{name}')} s3://{buckets[0]}/" for name in data.files]
    return [
        "Next, on this machine:",
        f"  epochal run {quote(file)} --data {quote(folder)}",
        "or on the cluster, where both buckets must exist:",
        *(f"  aws s3 mb s3://{bucket}" for bucket in buckets),
        *(f"  {line}" for line in uploads),
        f"  epochal doctor {quote(file)}",
        f"  epochal submit {quote(file)} --watch",
    ]


def shown(path: Path, folder: Path) -> str:
    """Return a path relative to `folder` if it is inside this folder, otherwise the whole path."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
