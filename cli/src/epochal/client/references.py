"""Finds objects by the names that users type: `mnist`, `experiment/search` or `trainingjob.epochal.dev/mnist`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from epochal_api.suggestions import did_you_mean
from epochal_api.text import printable

from epochal.client.cluster import Cluster
from epochal.client.failures import ApiError
from epochal.client.kinds import EPOCHAL_KINDS, EXPERIMENTS, MODEL_SERVERS, TRAINING_JOBS, Kind
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

_WORDS = {
    TRAINING_JOBS: ("trainingjob", "trainingjobs", "tj", "job", "jobs"),
    EXPERIMENTS: ("experiment", "experiments", "exp"),
    MODEL_SERVERS: ("modelserver", "modelservers", "msv", "server", "servers"),
}
_KINDS = {word: kind for kind, words in _WORDS.items() for word in words}


class Found(NamedTuple):
    """An object in the cluster that the user has named on the command line."""

    kind: Kind
    name: str
    object: dict[str, Any]

    def __str__(self) -> str:
        return reference(self.kind, self.name)


def reference(kind: Kind, name: str) -> str:
    """Return KIND.GROUP/NAME of an object, as `kubectl get --output name` prints it."""
    return f"{kind.name.lower()}.{kind.group}/{name}"


def kind_of(word: str) -> Kind:
    """Return the kind for a word that the user typed, such as tj, TrainingJob or experiments.epochal.dev.

    Raises:
        EpochalError: If the word names no kind of Epochal.
    """
    bare = word.lower().removesuffix(".epochal.dev").removesuffix(".v1alpha1")
    if bare not in _KINDS:
        raise EpochalError(
            f"{printable(word[:64])!r} is no kind of Epochal: it must be trainingjobs, experiments or modelservers.",
            exit_code=ExitCode.USAGE,
        )
    return _KINDS[bare]


def find(cluster: Cluster, text: str, kinds: Sequence[Kind] = (TRAINING_JOBS, EXPERIMENTS)) -> Found:
    """Return the object that a user has named.

    Args:
        cluster: The cluster.
        text: NAME, or KIND/NAME.
        kinds: The kinds that the command accepts.

    Raises:
        EpochalError: If there is no such object, or NAME alone names objects of several kinds.
    """
    word, _, name = text.rpartition("/")
    if word:
        kind = kind_of(word)
        if kind not in kinds:
            allowed = " or ".join(other.name for other in kinds)
            raise EpochalError(
                f"{printable(text[:253])!r} must be a {allowed}, found {kind.name}.", exit_code=ExitCode.USAGE
            )
        kinds = [kind]
    found = [each for kind in kinds if (each := _get(cluster, kind, name)) is not None]
    if len(found) > 1:
        choices = " or ".join(f"{each.kind.name.lower()}/{name}" for each in found)
        raise EpochalError(
            f"{name!r} is the name of several objects in namespace {cluster.namespace}.",
            f"Write {choices}.",
            exit_code=ExitCode.USAGE,
        )
    if not found:
        raise _missing(cluster, kinds, name)
    return found[0]


def find_all(cluster: Cluster, texts: Sequence[str], kinds: Sequence[Kind] = EPOCHAL_KINDS) -> list[Found]:
    """Return all objects that a user has named, without duplicates. Raise EpochalError if a name is wrong."""
    return list({(each.kind, each.name): each for text in texts for each in [find(cluster, text, kinds)]}.values())


def _get(cluster: Cluster, kind: Kind, name: str) -> Found | None:
    try:
        return Found(kind, name, cluster.get(kind, name))
    except ApiError as error:
        if error.is_object_missing:
            return None
        raise


def _missing(cluster: Cluster, kinds: Sequence[Kind], name: str) -> EpochalError:
    *others, last = (kind.name for kind in kinds)
    what = f"{', '.join(others)} or {last}" if others else last
    try:
        known = [other for kind in kinds for other in cluster.names(kind)]
    except EpochalError:
        known = []
    suggestion = f"; {found}" if (found := did_you_mean(name, known)) else "."
    return EpochalError(
        f"there is no {what} {name} in namespace {cluster.namespace}{suggestion}",
        "`epochal list --all-namespaces` prints the objects of all namespaces. Choose a namespace with --namespace.",
        exit_code=ExitCode.NOT_FOUND,
    )
