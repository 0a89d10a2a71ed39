"""Writes the manifest of a ModelServer to a file, and waits until the ModelServer is ready."""

from pathlib import Path

from epochal.client.cluster import Cluster
from epochal.client.failures import shortened
from epochal.client.kinds import MODEL_SERVERS
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.output_files import file_exists
from epochal.views import progress


def write_manifest(path: Path, text: str, *, force: bool) -> None:
    """Write the manifest of a ModelServer to a file.

    Raises:
        EpochalError: If the file exists with other content and `force` is false, or the file cannot be written.
    """
    try:
        if not force and path.exists() and path.read_bytes() != text.encode():
            raise file_exists(path)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EpochalError(
            f"cannot write {path}: {error.strerror or error}",
            "Choose another file with --out.",
            exit_code=ExitCode.USAGE,
        ) from error


def wait_until_ready(cluster: Cluster, name: str, namespace: str) -> bool:
    """Wait for a ModelServer. Return True when it is Ready, and False if it has failed or cannot make progress.

    It prints each new state with its reason, and the URL of the ModelServer when it is Ready.

    Raises:
        EpochalError: If the ModelServer is deleted.
    """
    told = ""
    for change in cluster.watch(MODEL_SERVERS, name=name, namespace=namespace):
        if change.type == "DELETED":
            raise EpochalError(f"ModelServer {name} was deleted.", exit_code=ExitCode.NOT_FOUND)
        status = change.object.get("status") or {}
        is_current = status.get("observedGeneration") == change.object["metadata"].get("generation")
        conditions = {each.get("type"): each for each in status.get("conditions") or []}
        cause = conditions.get("Progressing") or conditions.get("Ready") or {}
        state = progress.state(change.object)
        text = ": ".join(part for part in (state, shortened(str(cause.get("message") or ""))) if part)
        if text != told:
            told = text
            cluster.environment.warn(f"epochal: {text}")
        if is_current and state == "Ready":
            cluster.environment.write(shortened(str(status.get("url") or "")))
            return True
        if is_current and (state == "Failed" or (conditions.get("Stalled") or {}).get("status") == "True"):
            return False
    return False
