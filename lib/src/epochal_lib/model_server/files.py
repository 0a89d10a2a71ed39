"""The model's files on the local disk: downloaded from the bucket, or written by the init container."""

import logging
from collections.abc import Callable, Sequence
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
from epochal_lib.partial_file import partial_file

if TYPE_CHECKING:
    from epochal_lib.model_server.storage import Storage  # it imports the S3 client, which only a download needs

NO_SIGNATURE = b""
"""Content of the local file of the signature after the bucket has reported that the model has no signature."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Files:
    """The model's files on the local disk."""

    model: Path
    signature: Signature | None
    """The model's signature, or None if there is none, or none that fits the file."""
    check: bytes | None
    """Content of the file CHECK: samples and the stored answers to them. None without such a file."""
    which: ModelChoice
    """Best or Last: the model of the training in this file, whose stored answers the check compares."""


def converted(path: Path, source: Source) -> Files:
    """Return the files that the init container wrote: the model, and its signature and check in the same folder.

    Raises:
        ServeError: ModelDamaged, if a file is missing or invalid.
    """
    try:
        signature = Signature.model_validate_json((path.parent / SIGNATURE).read_bytes())
        check = (path.parent / CHECK).read_bytes() if signature.check else None
        path.stat()
    except (OSError, ValidationError) as error:
        raise ServeError(
            "ModelDamaged",
            f"cannot read the converted model {path} ({_text(error)}): delete the pod to convert the model again",
        ) from error
    return Files(path, signature, check, _select([files.model for files in signature.models], source))


def fetched(source: Source, storage: Callable[[], "Storage"], folder: Path) -> Files:
    """Return the model's files from the bucket, or the files that an earlier container of this pod downloaded.

    Args:
        source: The model's location and digests.
        storage: Opens the storage. It is called only for a download.
        folder: Folder for the downloaded files.

    Raises:
        ServeError: If the model or a required signature is missing, cannot be downloaded, or has another digest, or if
            the check has another digest than in the signature.
    """
    place = Place.of(source.uri)
    # Keras needs the suffix. The rest of the name is the digest, so that no object's name becomes a file name.
    path = folder / f"{source.sha256}.{'keras' if place.name.endswith('.keras') else 'onnx'}"
    signature_path, check_path = _paths_beside(path)
    is_complete = path.exists() and sha256(path) == source.sha256
    if not is_complete or not signature_path.exists():
        service = storage()
        _fetch_signature(source, place, service, path)
        if not is_complete:  # last, so that a complete model has its other files
            _fetch_model(source, place, service, path)
    text = signature_path.read_bytes() if signature_path.exists() else NO_SIGNATURE
    if text == NO_SIGNATURE:
        return Files(path, None, None, source.model or "Last")
    signature = Signature.model_validate_json(text)
    check = check_path.read_bytes() if check_path.exists() else None
    return Files(path, signature, check, _select(_models_of(signature, source.sha256), source))


def _paths_beside(path: Path) -> tuple[Path, Path]:
    """Return the local paths of the signature and of the check of a downloaded model."""
    return path.with_suffix(".signature"), path.with_suffix(".check")


def _fetch_signature(source: Source, place: Place, storage: "Storage", path: Path) -> None:
    """Download the check, and last the signature, beside the path of the model.

    If the bucket has no signature, the content of its file is NO_SIGNATURE. Without a usable signature for another
    reason there is no file, and the next container of the pod tries again.
    """
    signature_path, check_path = _paths_beside(path)
    found = _signature(source, place, storage, signature_path)
    if found is None:
        return
    signature, signature_place = found
    if signature.check is not None and (samples := _samples(signature, signature_place, storage)) is not None:
        check_path.write_bytes(samples)
    with partial_file(signature_path) as partial:
        partial.write_text(signature.model_dump_json(), encoding="utf-8")


def _fetch_model(source: Source, place: Place, storage: "Storage", path: Path) -> None:
    log.info("downloading the model %s", place)
    digest = storage.download(place, path)
    if digest != source.sha256:
        path.unlink()
    _check_digest(place, digest, source.sha256, "set spec.source.sha256 to the digest of this file")


def _signature(source: Source, place: Place, storage: "Storage", path: Path) -> tuple[Signature, Place] | None:
    """Return the signature and its location, or None to serve the model without a signature.

    The signature must list the SHA-256 of the model's file. If the bucket has none, the file `path` gets NO_SIGNATURE.

    Raises:
        ServeError: If the source requires a signature, and it is missing or invalid; or if the storage is unreachable.
    """
    signature_place = Place.of(source.signature) if source.signature else place.beside(SIGNATURE)
    is_required = bool(source.signature or source.signature_sha256)
    try:
        data = storage.get(signature_place)
        if source.signature_sha256:
            remedy = (
                "train the model again" if source.signature else "set spec.source.signatureSha256 to the found digest"
            )
            _check_digest(signature_place, sha256_of([data]), source.signature_sha256, remedy)
        signature = Signature.model_validate_json(data)
    except ServeError as error:
        if is_required or error.reason == "StorageUnreachable":
            raise
        if error.reason == "ModelNotFound":
            path.write_bytes(NO_SIGNATURE)
        log.info("serving the model without a signature: %s", error)
        return None
    except ValidationError as error:
        if is_required:
            message = f"{signature_place}: invalid signature ({_text(error)}): export the model again"
            raise ServeError("ModelDamaged", message) from error
        log.info("serving the model without a signature: %s is invalid: %s", signature_place, _text(error))
        return None
    if _models_of(signature, source.sha256):
        return signature, signature_place
    if is_required:
        raise ServeError(
            "ModelDamaged",
            f"{signature_place}: expected the signature of a file with the SHA-256 {source.sha256}, found the "
            "signature of other files, because another training has overwritten it: name a model that still exists",
        )
    log.info("serving the model without a signature: %s does not list the SHA-256 of %s", signature_place, place)
    return None


def _text(error: Exception) -> str:
    """Return the message of an error. For an invalid file, it does not quote the content of the file."""
    return "; ".join(field_errors(error)) if isinstance(error, ValidationError) else str(error)


def _check_digest(place: Place, found: str, expected: str, remedy: str) -> None:
    """Raise ServeError, ModelDamaged, if the SHA-256 of the object at a place differs from the expected SHA-256."""
    if found != expected:
        raise ServeError(
            "ModelDamaged",
            f"{place}: must have the SHA-256 {expected}, found {found}: restore the original file, or {remedy}",
        )


def _samples(signature: Signature, signature_place: Place, storage: "Storage") -> bytes | None:
    assert signature.check is not None  # noqa: S101 - the caller has checked
    place = signature_place.beside(signature.check.name)
    try:
        data = storage.get(place)
    except ServeError as error:
        if error.reason == "StorageUnreachable":
            raise
        log.warning("serving the model without a check of its stored samples: %s", error)
        return None
    _check_digest(place, sha256_of([data]), signature.check.sha256, f"the {signature_place.name} with this digest")
    return data


def _models_of(signature: Signature, sha256: str) -> list[ModelChoice]:
    """Return which models (Best, Last) the file with this SHA-256 contains, as listed in the signature."""
    return [
        files.model
        for files in signature.models
        if sha256 in (files.keras.sha256, files.onnx.sha256 if files.onnx else None)
    ]


def _select(models: Sequence[ModelChoice], source: Source) -> ModelChoice:
    """Return the model that `source` requests if it is in `models`, else the first of `models`."""
    return next((model for model in models if model == source.model), models[0])
