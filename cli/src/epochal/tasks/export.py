"""Exports a TrainingJob from a manifest or from the cluster to files of other formats."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epochal_api.text import printable
from epochal_api.trainingjob.spec import InvalidTrainingJob, TrainingJob, parse

from epochal.environment import Environment
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.exporters import export
from epochal.manifests import read_one
from epochal.output_files import require_absent

if TYPE_CHECKING:
    from epochal.client.cluster import Cluster

_SUFFIXES = frozenset({".json", ".yaml", ".yml"})
_ONNX = "onnx"


def export_files(
    environment: Environment, source: str, target: str, out: str | None, *, simple: bool, force: bool
) -> list[Path]:
    """Convert a TrainingJob to files of another format, write the files, and return their paths.

    Args:
        environment: The working folder, and the settings of the connection to the cluster.
        source: A manifest file, or the name of a TrainingJob in the cluster.
        target: Name of the format, a key of `exporters.TARGETS`.
        out: The file to write, or a folder, which ends with a slash or exists. Default: the working folder.
        simple: See `exporters.export`.
        force: Whether to replace files that exist.

    Raises:
        EpochalError: If the source is unreadable, a part of it has no counterpart in the format, or a file exists.
    """
    files = export(_read(environment, source), target, simple=simple)
    paths = _paths(environment, list(files), out, force=force)
    for path, content in zip(paths, files.values(), strict=True):
        path.write_bytes(content)
    return paths


def export_onnx(environment: Environment, source: str, out: str | None, *, force: bool) -> list[Path]:
    """Download the ONNX files of a TrainingJob in the cluster, and return their paths.

    Raises:
        EpochalError: If there is no such TrainingJob, it has no ONNX files, or a file exists and `force` is false.
    """
    from epochal.client import connect  # noqa: PLC0415 - code needs no bucket
    from epochal.client.buckets import require_digest, split_uri  # noqa: PLC0415
    from epochal.client.open_bucket import open_bucket  # noqa: PLC0415

    cluster = connect(environment)
    name, namespace = source, None
    if _is_file(environment, source):
        metadata = read_one(environment.path(source), TrainingJob).metadata
        name, namespace = metadata.name, metadata.namespace
    document = _get(cluster, name, namespace)
    results = (document.get("status") or {}).get("results") or {}
    exported = [each for each in results.get("exports") or [] if each.get("format") == _ONNX]
    if not exported:
        raise _not_exported(name, document)
    names = [str(each.get("name")) for each in exported]
    paths = _paths(environment, names, out, force=force)
    for path, each in zip(paths, exported, strict=True):
        bucket_name, key = split_uri(str(each.get("uri")))
        namespace = document["metadata"].get("namespace")
        bucket = open_bucket(cluster, document["spec"]["storage"], bucket_name, namespace=namespace)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".epochal-") as folder:
            copy = Path(folder) / _ONNX
            bucket.download(key, copy)
            require_digest(copy, each.get("sha256"), f"s3://{bucket_name}/{printable(key)}")
            copy.replace(path)
    return paths


def _read(environment: Environment, source: str) -> TrainingJob:
    """Return the TrainingJob in the file `source`, or the TrainingJob with this name in the cluster."""
    if _is_file(environment, source):
        return read_one(environment.path(source), TrainingJob)
    from epochal.client import connect  # noqa: PLC0415 - a file needs no cluster

    for file in (f"{source}{suffix}" for suffix in sorted(_SUFFIXES)):
        if environment.path(file).is_file():
            name = printable(source)
            environment.warn(
                f"{name} means a TrainingJob in the cluster. For the file, write {name}{file[len(source) :]}"
            )
    try:
        return parse(_get(connect(environment), source, None))
    except InvalidTrainingJob as error:
        message = f"TrainingJob {source} does not fit this version of epochal: {error}"
        raise EpochalError(message, "Use epochal in the version of the cluster.") from None


def _is_file(environment: Environment, source: str) -> bool:
    path = environment.path(source)
    return path.suffix in _SUFFIXES or "/" in source or path.is_file()


def _get(cluster: "Cluster", name: str, namespace: str | None) -> dict[str, Any]:
    from epochal.client.kinds import TRAINING_JOBS  # noqa: PLC0415

    return cluster.get(TRAINING_JOBS, name, namespace)


def _not_exported(name: str, document: dict[str, Any]) -> EpochalError:
    """Return the error for a TrainingJob without ONNX files, with the reason from its status or its spec."""
    status = document.get("status") or {}
    reason = (status.get("results") or {}).get("export") or {}
    found = printable(str(reason.get("message") or f"its state is {status.get('state') or 'unknown'}"))[:512]
    exports = (document["spec"].get("results") or {}).get("exports")
    if exports is not None and _ONNX not in exports:
        found = f"spec.results.exports is {exports}"
    return EpochalError(
        f"TrainingJob {name} has no ONNX file: {found}",
        "Wait until it is Complete, with onnx in spec.results.exports. `epochal results` lists its files.",
        exit_code=ExitCode.NOT_FOUND,
    )


def _paths(environment: Environment, names: Sequence[str], out: str | None, *, force: bool) -> list[Path]:
    """Return the path to write for each file name, and create the folder.

    `out` is a folder if there are several files, or if it ends with a slash or is a folder. Otherwise it is the file.

    Raises:
        EpochalError: If a file exists and `force` is false, a name is unsafe, or `out` is a file but must be a folder.
    """
    if wrong := next((name for name in names if Path(name).name != name or name.startswith(".")), None):
        raise EpochalError(f"the file name {printable(wrong)[:100]!r} is unsafe", "Train again with this version.")
    out = out or "."
    path = environment.path(out)
    if len(names) == 1 and not path.is_dir() and not out.endswith("/"):
        paths = [path]
    else:
        paths = [path / name for name in names]
        if path.exists() and not path.is_dir():
            raise EpochalError(
                f"--out: {printable(str(path))} is a file, expected a folder for {', '.join(names)}",
                exit_code=ExitCode.USAGE,
            )
    require_absent(paths, force=force)
    for each in paths:
        each.parent.mkdir(parents=True, exist_ok=True)
    return paths
