"""The model's files on the local disk: downloaded from the bucket, or written by the init container."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from epochal_api.model import field_errors
from epochal_api.modelserver.config import Source
from epochal_api.signature import CHECK, SIGNATURE, ModelChoice, Signature
from pydantic import ValidationError

from epochal_lib.digests import sha256, sha256_of
from epochal_lib.model_server.errors import ServeError
from epochal_lib.model_server.place import Place

if TYPE_CHECKING:
    from epochal_lib.model_server.storage import Storage  # it imports the S3 client, which only a download needs

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Files:
    """The model's files on the local disk."""

    model: Path
    signature: Signature | None
    """The model's signature, or None if there is none."""
    check: bytes | None
    """Stored samples with the answers to them, or None."""
    which: ModelChoice
    """The model of the training in this file. The check compares with this model's answers."""


def converted(path: Path, source: Source) -> Files:
    """Return the files that the init container wrote.

    Args:
        path: The model. Its signature and its check are in the same folder.
        source: The source of the conversion.

    Raises:
        ServeError: ModelDamaged, if a file is missing or invalid.
    """
    try:
        signature = Signature.model_validate_json((path.parent / SIGNATURE).read_bytes())
        check = (path.parent / CHECK).read_bytes() if signature.check else None
        path.stat()
    except (OSError, ValidationError) as error:
        raise ServeError("ModelDamaged", f"{path}: is not as the init container leaves it ({_said(error)})") from error
    told = {files.model for files in signature.models}
    which = source.model if source.model in told else signature.models[0].model
    return Files(path, signature, check, which)


def fetched(source: Source, storage: Callable[[], "Storage"], folder: Path) -> Files:
    """Return the model's files from the bucket, or those that an earlier container of this pod downloaded.

    Args:
        source: The model's location and digests.
        storage: Opens the storage. It is called only for a download.
        folder: Folder for the downloaded files.

    Raises:
        ServeError: If the model is missing, cannot be downloaded, or has another digest.
    """
    place = Place.of(source.uri)
    # Keras needs the suffix. The rest of the name is the digest, so that no object's name becomes a file name.
    path = folder / f"{source.sha256}.{'keras' if place.name.endswith('.keras') else 'onnx'}"
    if not path.exists() or sha256(path) != source.sha256:
        _fetch(source, place, storage(), path)
    told, check = _beside(path)
    if not told.exists():
        return Files(path, None, None, source.model or "Last")
    signature = Signature.model_validate_json(told.read_bytes())
    return Files(path, signature, check.read_bytes() if check.exists() else None, _which(signature, source))


def _beside(path: Path) -> tuple[Path, Path]:
    """Return the paths of the signature and the check of a model."""
    return path.with_suffix(".signature"), path.with_suffix(".check")


def _fetch(source: Source, place: Place, storage: "Storage", path: Path) -> None:
    """Download the signature, the check, then the model: if the model is complete, the other files exist, too."""
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


def _signature(source: Source, place: Place, storage: "Storage") -> tuple[Signature, Place] | None:
    """Return the signature and its location. A signature not named in the source must list the model's file."""
    beside = Place.of(source.signature) if source.signature else place.beside(SIGNATURE)
    is_asked_for = bool(source.signature or source.signature_sha256)
    try:
        data = storage.get(beside)
        if source.signature_sha256:
            otherwise = "train the model anew" if source.signature else "name this one by spec.source.signatureSha256"
            _require(beside, sha256_of([data]), source.signature_sha256, otherwise)
        signature = Signature.model_validate_json(data)
    except (ServeError, ValidationError) as error:
        if is_asked_for or (isinstance(error, ServeError) and error.reason == "StorageUnreachable"):
            if isinstance(error, ServeError):
                raise
            raise ServeError("ModelDamaged", f"{beside}: is no signature ({_said(error)}): export it again") from error
        log.info("nothing is known of the model but what it says itself: %s", _said(error))
        return None
    if _tells_of(signature, source.sha256):
        return signature, beside
    if is_asked_for:
        raise ServeError(
            "ModelDamaged",
            f"{beside}: must tell of a file with the SHA-256 {source.sha256}, and tells of others: another training "
            "has written there since, so name a model that is there still",
        )
    log.info("%s is not used: it tells of other files than %s", beside, place)
    return None


def _said(error: Exception) -> str:
    """Return the message of an error. For an invalid file, it contains no content of that file."""
    return "; ".join(field_errors(error)) if isinstance(error, ValidationError) else str(error)


def _require(place: Place, found: str, digest: str, otherwise: str) -> None:
    """Check the digest of a file.

    Raises:
        ServeError: ModelDamaged, if the digest differs.
    """
    if found != digest:
        raise ServeError(
            "ModelDamaged",
            f"{place}: must have the SHA-256 {digest}, found {found}: put the file back that was meant, or {otherwise}",
        )


def _samples(signature: Signature, beside: Place, storage: "Storage") -> bytes | None:
    assert signature.check is not None  # noqa: S101 - the caller has checked
    place = beside.beside(signature.check.name)
    try:
        data = storage.get(place)
    except ServeError as error:
        if error.reason == "StorageUnreachable":
            raise
        log.warning("the model is not checked with samples of its training: %s", error)
        return None
    _require(place, sha256_of([data]), signature.check.sha256, f"another {beside.name} that tells of it")
    return data


def _tells_of(signature: Signature, sha256: str) -> list[ModelChoice]:
    """Return the models of a training that a file holds, as listed in the signature."""
    return [
        files.model
        for files in signature.models
        if sha256 in (files.keras.sha256, files.onnx.sha256 if files.onnx else None)
    ]


def _which(signature: Signature, source: Source) -> ModelChoice:
    told = _tells_of(signature, source.sha256)
    return source.model if source.model in told else told[0]
