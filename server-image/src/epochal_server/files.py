"""The files of a model on the local disk: fetched from the bucket, or left there by the init container."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from epochal_api.model import field_errors
from epochal_api.server_config import Source
from epochal_api.signature import CHECK, SIGNATURE, Signature, Which
from pydantic import ValidationError

from epochal_server.ending import Ended
from epochal_server.source import Place, Storage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Files:
    """What lies on the local disk."""

    model: Path
    signature: Signature | None
    """What is known of the model, if anything is."""
    check: bytes | None
    """Samples, and what the model answers to them; None if there are none."""
    which: Which
    """Whose answers among them are the model's."""


def converted(path: Path, source: Source) -> Files:
    """Returns what the init container left.

    Args:
        path: The model, with its signature and its check beside it.
        source: What it was made of.

    Raises:
        Ended: ModelDamaged, if something lacks.
    """
    try:
        signature = Signature.model_validate_json((path.parent / SIGNATURE).read_bytes())
        check = (path.parent / CHECK).read_bytes() if signature.check else None
        path.stat()
    except (OSError, ValidationError) as error:
        raise Ended("ModelDamaged", f"{path}: is not as the init container leaves it ({_said(error)})") from error
    told = {files.model for files in signature.models}
    which = source.model if source.model in told else signature.models[0].model
    return Files(path, signature, check, which)


def fetched(source: Source, storage: Callable[[], Storage], folder: Path) -> Files:
    """Returns what lies in the bucket, or what a container of this pod that came before has fetched of it.

    Args:
        source: Where.
        storage: Opens the storage; called only if something has to be fetched.
        folder: Where it is kept.

    Raises:
        Ended: If it is not there, cannot be had, or is not what was meant.
    """
    place = Place.of(source.uri)
    # Keras goes by the ending. The rest is the digest's: no name that somebody gave an object becomes a file's.
    path = folder / f"{source.sha256}.{'keras' if place.name.endswith('.keras') else 'onnx'}"
    if not path.exists() or _sha256(path) != source.sha256:
        _fetch(source, place, storage(), path)
    told, check = _beside(path)
    if not told.exists():
        return Files(path, None, None, source.model or "Last")
    signature = Signature.model_validate_json(told.read_bytes())
    return Files(path, signature, check.read_bytes() if check.exists() else None, _which(signature, source))


def _beside(path: Path) -> tuple[Path, Path]:
    """Returns where its signature and its check are kept beside a model."""
    return path.with_suffix(".signature"), path.with_suffix(".check")


def _fetch(source: Source, place: Place, storage: Storage, path: Path) -> None:
    """Fetches the model, and before it what is known of it: once the model is there, all is."""
    told, check = _beside(path)
    found = _signature(source, place, storage)
    if found is not None:
        signature, beside = found
        if signature.check is not None and (samples := _samples(signature, beside, storage)) is not None:
            check.write_bytes(samples)
        told.write_text(signature.model_dump_json(), encoding="utf-8")
    log.info("fetching %s", place)
    digest = storage.download(place, path)
    if digest != source.sha256:
        path.unlink()
    _require(place, digest, source.sha256, "name the digest of this one")


def _signature(source: Source, place: Place, storage: Storage) -> tuple[Signature, Place] | None:
    """Returns the signature and where it lies. One that is not asked for is used only if it tells of this very file."""
    beside = Place.of(source.signature) if source.signature else place.beside(SIGNATURE)
    is_asked_for = bool(source.signature or source.signature_sha256)
    try:
        data = storage.get(beside)
        if source.signature_sha256:
            otherwise = "train the model anew" if source.signature else "name this one by spec.source.signatureSha256"
            _require(beside, hashlib.sha256(data).hexdigest(), source.signature_sha256, otherwise)
        signature = Signature.model_validate_json(data)
    except (Ended, ValidationError) as error:
        if is_asked_for or (isinstance(error, Ended) and error.reason == "StorageUnreachable"):
            if isinstance(error, Ended):
                raise
            raise Ended("ModelDamaged", f"{beside}: is no signature ({_said(error)}): export it again") from error
        log.info("nothing is known of the model but what it says itself: %s", _said(error))
        return None
    if _tells_of(signature, source.sha256):
        return signature, beside
    if is_asked_for:
        raise Ended(
            "ModelDamaged",
            f"{beside}: must tell of a file with the SHA-256 {source.sha256}, and tells of others: another training "
            "has written there since, so name a model that is there still",
        )
    log.info("%s is not used: it tells of other files than %s", beside, place)
    return None


def _said(error: Exception) -> str:
    """Returns the message of an error, that of an invalid file without any of its content."""
    return "; ".join(field_errors(error)) if isinstance(error, ValidationError) else str(error)


def _require(place: Place, found: str, digest: str, otherwise: str) -> None:
    """Makes sure that a file is the one that is meant, by its digest.

    Raises:
        Ended: ModelDamaged, if it is another one.
    """
    if found != digest:
        raise Ended(
            "ModelDamaged",
            f"{place}: must have the SHA-256 {digest}, found {found}: put the file back that was meant, or {otherwise}",
        )


def _samples(signature: Signature, beside: Place, storage: Storage) -> bytes | None:
    assert signature.check is not None  # noqa: S101 - whoever calls this has looked
    place = beside.beside(signature.check.name)
    try:
        data = storage.get(place)
    except Ended as error:
        if error.reason == "StorageUnreachable":
            raise
        log.warning("the model is not checked with samples of its training: %s", error)
        return None
    _require(place, hashlib.sha256(data).hexdigest(), signature.check.sha256, f"another {beside.name} that tells of it")
    return data


def _tells_of(signature: Signature, sha256: str) -> list[Which]:
    """Returns which models of a training a file holds, by its signature."""
    return [
        files.model
        for files in signature.models
        if sha256 in (files.keras.sha256, files.onnx.sha256 if files.onnx else None)
    ]


def _which(signature: Signature, source: Source) -> Which:
    told = _tells_of(signature, source.sha256)
    return source.model if source.model in told else told[0]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
