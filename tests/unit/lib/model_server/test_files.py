"""The download of a model with its signature and its check."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal_api.modelserver.config import Source, StorageConfig
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV
from epochal_api.signature import ModelChoice, Signature
from epochal_lib.model_server import files, storage
from epochal_lib.model_server.errors import ServeError
from epochal_lib.model_server.files import Files
from epochal_lib.model_server.storage import Storage

from tests.kit.models import check_of, digest, signature
from tests.kit.s3_server import Service, breaking, refusing
from tests.kit.serving import put, stored

KEYS = {ACCESS_KEY_ENV: "access-key", SECRET_KEY_ENV: "secret-key"}
MODEL = b"a model"
CHECK = check_of({"features": np.zeros((1, 3), np.float32)}, {"probabilities": np.zeros((1, 2), np.float32)})
SIGNATURE = signature(onnx_file=MODEL, check=CHECK)


def fetched(service: Service, folder: Path, **different: Any) -> Files:
    source = Source(uri="s3://bucket/m/model.onnx", sha256=digest(MODEL)).model_copy(update=different)
    return files.fetched(source, lambda: Storage(StorageConfig(endpoint=service.endpoint), KEYS, seconds=0.2), folder)


def test_downloads_model_signature_and_check_once(service: Service, tmp_path: Path) -> None:
    stored(service, MODEL, SIGNATURE, CHECK)
    found = fetched(service, tmp_path)
    assert (found.model.read_bytes(), found.signature, found.check, found.which) == (MODEL, SIGNATURE, CHECK, "Last")
    assert found.model.suffix == ".onnx"
    asked = len(service.asked)
    assert fetched(service, tmp_path) == found
    assert len(service.asked) == asked


def test_downloads_a_damaged_file_again(service: Service, tmp_path: Path) -> None:
    stored(service, MODEL, SIGNATURE, CHECK)
    fetched(service, tmp_path).model.write_bytes(b"half a mod")
    assert fetched(service, tmp_path).model.read_bytes() == MODEL


def test_a_signature_is_optional(service: Service, tmp_path: Path) -> None:
    stored(service, MODEL)
    for _ in range(2):
        found = fetched(service, tmp_path)
        assert (found.signature, found.check, found.which) == (None, None, "Last")


@pytest.mark.parametrize("text", [b"no JSON", signature(onnx_file=b"another").model_dump_json().encode()])
def test_ignores_an_invalid_signature_or_the_signature_of_other_files(
    service: Service, tmp_path: Path, text: bytes
) -> None:
    stored(service, MODEL)
    put(service, "m/signature.json", text)
    assert fetched(service, tmp_path).signature is None


def test_ignores_a_signature_without_permission_to_read_it(service: Service, tmp_path: Path) -> None:
    stored(service, MODEL)
    service.faults.append(refusing(403, "AccessDenied", methods=("GET",), times=1))
    assert fetched(service, tmp_path).signature is None


def test_reads_signature_and_check_again_after_a_lost_connection(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "FIRST_DELAY", 0.0)
    stored(service, MODEL, SIGNATURE, CHECK)
    for key in ("m/signature.json", "m/check.npz"):
        service.faults.append(breaking("GET", after=100, times=1, key=key))
    found = fetched(service, tmp_path)
    assert (found.signature, found.check) == (SIGNATURE, CHECK)


@pytest.mark.parametrize("is_missing", [True, False])
def test_only_a_missing_signature_is_not_requested_again(service: Service, tmp_path: Path, *, is_missing: bool) -> None:
    stored(service, MODEL, None if is_missing else SIGNATURE)
    if not is_missing:
        service.faults.append(refusing(403, "AccessDenied", methods=("GET",), times=1))
    assert fetched(service, tmp_path).signature is None
    service.asked.clear()
    assert fetched(service, tmp_path).signature == (None if is_missing else SIGNATURE)
    keys = [] if is_missing else ["m/signature.json"]
    assert [asked.key for asked in service.asked if asked.key != "m/check.npz"] == keys


@pytest.mark.parametrize(
    ("text", "reason"),
    [(None, "ModelNotFound"), (b"no JSON", "ModelDamaged"), (signature(onnx_file=b"another"), "ModelDamaged")],
)
def test_a_signature_of_the_source_is_required(
    service: Service, tmp_path: Path, text: bytes | Signature | None, reason: str
) -> None:
    stored(service, MODEL)
    if text is not None:
        put(service, "s/signature.json", text if isinstance(text, bytes) else text.model_dump_json().encode())
    with pytest.raises(ServeError) as error:
        fetched(service, tmp_path, signature="s3://bucket/s/signature.json")
    assert error.value.reason == reason


def test_a_signature_and_its_check_may_be_in_another_folder(service: Service, tmp_path: Path) -> None:
    stored(service, MODEL)
    put(service, "s/signature.json", SIGNATURE.model_dump_json().encode())
    put(service, "s/check.npz", CHECK)
    found = fetched(service, tmp_path, signature="s3://bucket/s/signature.json")
    assert (found.signature, found.check) == (SIGNATURE, CHECK)


@pytest.mark.parametrize("elsewhere", ["s3://bucket/s/signature.json", None])
def test_requires_the_signature_with_the_pinned_digest(service: Service, tmp_path: Path, elsewhere: str | None) -> None:
    text = SIGNATURE.model_dump_json().encode()
    stored(service, MODEL, None, CHECK)
    pinned = {"signature": elsewhere, "signature_sha256": digest(text)}
    key = "s/signature.json" if elsewhere else "m/signature.json"
    with pytest.raises(ServeError) as error:
        fetched(service, tmp_path, **pinned)
    assert error.value.reason == "ModelNotFound"
    put(service, key, text.replace(b"features", b"pictures"))
    remedy = "train the model again" if elsewhere else "spec.source.signatureSha256"
    message = f"^s3://bucket/{key}: must have the SHA-256 {digest(text)}, found .*{remedy}"
    with pytest.raises(ServeError, match=message) as error:
        fetched(service, tmp_path, **pinned)
    assert error.value.reason == "ModelDamaged"
    assert list(tmp_path.iterdir()) == []
    put(service, key, text)
    assert fetched(service, tmp_path, **pinned).signature == SIGNATURE


def test_the_check_is_optional(service: Service, tmp_path: Path) -> None:
    stored(service, MODEL, SIGNATURE)
    found = fetched(service, tmp_path)
    assert (found.signature, found.check) == (SIGNATURE, None)


@pytest.mark.parametrize(
    ("key", "message"), [("m/model.onnx", "must have the SHA-256"), ("m/check.npz", "signature.json")]
)
def test_refuses_a_file_with_another_digest(service: Service, tmp_path: Path, key: str, message: str) -> None:
    stored(service, MODEL, SIGNATURE, CHECK)
    put(service, key, b"something else")
    with pytest.raises(ServeError, match=message) as error:
        fetched(service, tmp_path)
    assert error.value.reason == "ModelDamaged"
    assert not (tmp_path / f"{digest(MODEL)}.onnx").exists()


@pytest.mark.parametrize(
    ("models", "requested", "which"),
    [(["Last"], "Best", "Last"), (["Best", "Last"], "Best", "Best"), (["Best", "Last"], "Last", "Last"),
     (["Best", "Last"], None, "Best")],
)  # fmt: skip
def test_selects_the_model_of_the_training(
    service: Service, tmp_path: Path, models: list[ModelChoice], requested: ModelChoice | None, which: ModelChoice
) -> None:
    of_both = [signature(onnx_file=MODEL, which=one).models[0] for one in models]
    stored(service, MODEL, SIGNATURE.model_copy(update={"models": of_both}), CHECK)
    assert fetched(service, tmp_path, model=requested).which == which


def test_what_keras_has_stored_keeps_its_ending(service: Service, tmp_path: Path) -> None:
    put(service, "m/model.keras", MODEL)
    assert fetched(service, tmp_path, uri="s3://bucket/m/model.keras").model.suffix == ".keras"


def test_opens_the_converted_model(tmp_path: Path) -> None:
    source = Source(uri="s3://bucket/m/model.keras", sha256="0" * 64, model="Best")
    with pytest.raises(ServeError) as error:
        files.converted(tmp_path / "model.onnx", source)
    assert error.value.reason == "ModelDamaged"
    (tmp_path / "model.onnx").write_bytes(MODEL)
    (tmp_path / "signature.json").write_text(SIGNATURE.model_dump_json())
    (tmp_path / "check.npz").write_bytes(CHECK)
    assert files.converted(tmp_path / "model.onnx", source) == Files(tmp_path / "model.onnx", SIGNATURE, CHECK, "Last")


def test_no_message_has_content_of_a_file(tmp_path: Path) -> None:
    """An attacker who controls the operator may have a Secret mounted where the signature is expected."""
    (tmp_path / "signature.json").write_text("S3cr3t-of-another")
    with pytest.raises(ServeError, match="Invalid JSON: expected value at line 1 column 1") as error:
        files.converted(tmp_path / "model.onnx", Source(uri="s3://bucket/m/model.keras", sha256="0" * 64))
    assert "S3c" not in error.value.message
    (tmp_path / "signature.json").write_text('{"inputs": "S3cr3t", "outputs": [], "models": []}')
    with pytest.raises(ServeError, match="inputs: must be a list; outputs: must have") as error:
        files.converted(tmp_path / "model.onnx", Source(uri="s3://bucket/m/model.keras", sha256="0" * 64))
    assert "S3c" not in error.value.message
