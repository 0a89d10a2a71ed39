"""Reads files with objects of Epochal (TrainingJob, Experiment, ModelServer) in YAML or JSON."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from epochal_api.catalogue.findings import MAX_LINES, Problem
from epochal_api.catalogue.problems import KINDS, problems
from epochal_api.documents import Document, UnreadableFile, read_documents, read_file
from epochal_api.experiment.spec import Experiment
from epochal_api.file_problems import is_of_epochal
from epochal_api.kind import InvalidObject, KubernetesObject, parse_object
from epochal_api.modelserver.spec import ModelServer
from epochal_api.text import printable
from epochal_api.trainingjob.spec import TrainingJob

from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.sentences import listed

AnyKind = TypeVar("AnyKind", TrainingJob, Experiment, ModelServer)


class Manifest(NamedTuple):
    """An object of Epochal in a file.

    Args:
        object: The parsed object, with all defaults.
        document: The object as plain values, as it is in the file.
    """

    object: TrainingJob | Experiment | ModelServer
    document: Mapping[str, Any]


def read(path: Path | str) -> list[Manifest]:
    """Return the TrainingJobs, Experiments and ModelServers of a file.

    Objects of other API groups, such as Secrets, are skipped.

    Raises:
        EpochalError: If the file is unreadable, has no such object, or an object violates a rule of the API.
    """
    path = Path(path)
    documents = list(_documents(path))
    found = [_parse(path, document) for document in documents if is_of_epochal(document)]
    if not found:
        kinds = sorted({_kind(document) for document in documents})
        raise EpochalError(
            f"{path} has no TrainingJob, Experiment or ModelServer, found {listed(kinds, 'an empty file')}",
            "Write a TrainingJob with `epochal init`.",
        )
    return found


def read_one(path: Path | str, kind: type[AnyKind]) -> AnyKind:
    """Return the only object of one kind in a file, which may also have objects of other kinds.

    Raises:
        EpochalError: If `read` fails, or the file does not have exactly one object of this kind.
    """
    manifests = read(path)
    objects = [manifest.object for manifest in manifests if isinstance(manifest.object, kind)]
    if len(objects) != 1:
        found = [f"{manifest.object.kind} {manifest.object.metadata.name}" for manifest in manifests]
        raise EpochalError(
            f"{path} must have one {kind.__name__}, found {listed(found)}",
            f"Write the {kind.__name__} into a file of its own.",
        )
    return objects[0]


def check(source: Path | str | Mapping[str, Any] | KubernetesObject) -> list[Problem]:
    """Return the problems of an object, or of all objects of Epochal in a file; an empty list without problems.

    Args:
        source: The path of a file, or an object: parsed or as plain values.

    Raises:
        EpochalError: If the file is unreadable.
    """
    if isinstance(source, KubernetesObject):
        return problems(source.dump())
    if isinstance(source, Mapping):
        return problems(source)
    documents = filter(is_of_epochal, _documents(Path(source)))
    return [problem for document in documents for problem in problems(document.value)]


def _documents(path: Path) -> Iterator[Document]:
    try:
        yield from read_documents(read_file(path))
    except UnreadableFile as error:
        code = ExitCode.FAILED if path.exists() else ExitCode.NOT_FOUND
        raise EpochalError(f"{path}: cannot read the file: {error}", exit_code=code) from None


def _parse(path: Path, document: Document) -> Manifest:
    model = KINDS.get(_kind(document))
    try:
        if model is not None:
            parsed = parse_object(model, document.value, InvalidObject)
            assert isinstance(parsed, TrainingJob | Experiment | ModelServer)  # noqa: S101 - these are all KINDS
            return Manifest(parsed, document.value)
    except InvalidObject:
        pass
    raise EpochalError("\n".join(_lines(path, document, problems(document.value))))


def _kind(document: Document) -> str:
    kind = document.value.get("kind") if isinstance(document.value, dict) else type(document.value).__name__
    return printable(str(kind)[:63])


def _lines(path: Path, document: Document, found: Sequence[Problem]) -> Iterator[str]:
    for problem in found[:MAX_LINES]:
        place = document.place(problem.path)
        yield f"{path}:{place.line}:{place.column}: {problem}"
    if len(found) > MAX_LINES:
        yield f"and {len(found) - MAX_LINES} more problems: `epochal check {path}` lists them"
