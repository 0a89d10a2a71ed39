"""Writes a first TrainingJob to a file, and lists the commands that the user can run next."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote

from epochal_api.catalogue.findings import to_text
from epochal_api.catalogue.problems import problems
from epochal_lib.partial_file import partial_file

from epochal.errors import EpochalError
from epochal.init.description import DataDescription
from epochal.init.plan import training_job
from epochal.manifests import write
from epochal.output_files import require_absent

_REMEDIES: Mapping[str, str] = {
    "spec.data.bucket": "Choose another data bucket: --bucket NAME",
    "spec.storage.secretRef.name": "Choose another Secret: --secret NAME",
}
"""Remedies for the problems of options, by the path of the field."""


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
        path = found[0].path
        default = "Rename the files." if path.startswith("spec.data.") else "Correct the data."
        message = f"the TrainingJob for {data.source} has problems:\n{to_text(found)}"
        raise EpochalError(message, _REMEDIES.get(path, default))
    require_absent([target], force=replace)
    try:
        with partial_file(target) as partial:
            partial.write_text(write(document, comments), encoding="utf-8")
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
