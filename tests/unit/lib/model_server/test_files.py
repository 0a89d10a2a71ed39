"""The files of a model: fetched once, all that belongs to it, and nothing else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal_api.modelserver.config import Source, StorageConfig
from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV
from epochal_api.signature import ModelChoice, Signature
from epochal_lib.model_server import files
from epochal_lib.model_server.errors import ServeError
from epochal_lib.model_server.files import Files
from epochal_lib.model_server.storage import Storage

from tests.kit.models import check_of, digest, signature
from tests.kit.s3_server import Service, refusing
from tests.kit.serving import put, stored

KEYS = {ACCESS_KEY_ENV: "access-key", SECRET_KEY_ENV: "secret-key"}
MODEL = b"a model"
CHECK = check_of({"features": np.zeros((1, 3), np.float32)}, {"probabilities": np.zeros((1, 2), np.float32)})
TOLD = signature(onnx_file=MODEL, check=CHECK)


def fetched(service: Service, folder: Path, **different: Any) -> Files:
    source = Source(uri="s3://bucket/m/model.onnx", sha256=digest(MODEL)).model_copy(update=different)
    return files.fetched(source, lambda: Storage(StorageConfig(endpoint=service.endpoint), KEYS, seconds=0.2), folder)


def test_fetches_all_that_belongs_to_a_model(service: Service, tmp_path: Path) -> None:
    stored(service, MODEL, TOLD, CHECK)
    found = fetched(service, tmp_path)
    assert (found.model.read_bytes(), found.signature, found.check, found.which) == (MODEL, TOLD, CHECK, "Last")
    assert found.model.suffix == ".onnx"
    asked = len(service.asked)
    assert fetched(service, tmp_path) == found
    assert len(service.asked) == asked


def test_a_file_that_was_changed_is_fetched_again(service: Service, tmp_path: Path) -> None:
    stored(service, MODEL, TOLD, CHECK)
    fetched(service, tmp_path).model.write_bytes(b"half a mod")
    assert fetched(service, tmp_path).model.read_bytes() == MODEL


def test_does_without_a_signature(service: Service, tmp_path: Path) -> None:
    stored(service, MODEL)
    for _ in range(2):
        found = fetched(service, tmp_path)
        assert (found.signature, found.check, found.which) == (None, None, "Last")


@pytest.mark.parametrize("text", [b"no JSON", signature(onnx_file=b"another").model_dump_json().encode()])
def test_a_signature_that_tells_of_others_is_not_used(service: Service, tmp_path: Path, text: bytes) -> None:
    stored(service, MODEL)
    put(service, "m/signature.json", text)
    assert fetched(service, tmp_path).signature is None


def test_a_signature_that_may_not_be_read_is_not_used(service: Service, tmp_path: Path) -> None:
    stored(service, MODEL)
    service.faults.append(refusing(403, "AccessDenied", methods=("GET",), times=1))
    assert fetched(service, tmp_path).signature is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [(None, "ModelNotFound"), (b"no JSON", "ModelDamaged"), (signature(onnx_file=b"another"), "ModelDamaged")],
)
def test_a_signature_that_must_be_there_is(
    service: Service, tmp_path: Path, text: bytes | Signature | None, reason: str
) -> None:
    stored(service, MODEL)
    if text is not None:
        put(service, "s/told.json", text if isinstance(text, bytes) else text.model_dump_json().encode())
    with pytest.raises(ServeError) as ended:
        fetched(service, tmp_path, signature="s3://bucket/s/told.json")
    assert ended.value.reason == reason


def test_a_signature_may_lie_elsewhere_with_its_check(service: Service, tmp_path: Path) -> None:
    stored(service, MODEL)
    put(service, "s/told.json", TOLD.model_dump_json().encode())
    put(service, "s/check.npz", CHECK)
    found = fetched(service, tmp_path, signature="s3://bucket/s/told.json")
    assert (found.signature, found.check) == (TOLD, CHECK)


@pytest.mark.parametrize("elsewhere", ["s3://bucket/s/told.json", None])
def test_no_signature_counts_but_the_one_that_is_meant(service: Service, tmp_path: Path, elsewhere: str | None) -> None:
    text = TOLD.model_dump_json().encode()
    stored(service, MODEL, None, CHECK)
    pinned = {"signature": elsewhere, "signature_sha256": digest(text)}
    key = "s/told.json" if elsewhere else "m/signature.json"
    with pytest.raises(ServeError) as ended:
        fetched(service, tmp_path, **pinned)
    assert ended.value.reason == "ModelNotFound"
    put(service, key, text.replace(b"features", b"pictures"))
    todo = "train the model anew" if elsewhere else "spec.source.signatureSha256"
    told = f"^s3://bucket/{key}: must have the SHA-256 {digest(text)}, found .*{todo}$"
    with pytest.raises(ServeError, match=told) as ended:
        fetched(service, tmp_path, **pinned)
    assert ended.value.reason == "ModelDamaged"
    assert list(tmp_path.iterdir()) == []
    put(service, key, text)
    assert fetched(service, tmp_path, **pinned).signature == TOLD


def test_samples_that_are_not_there_are_done_without(service: Service, tmp_path: Path) -> None:
    stored(service, MODEL, TOLD)
    found = fetched(service, tmp_path)
    assert (found.signature, found.check) == (TOLD, None)


@pytest.mark.parametrize(("key", "named"), [("m/model.onnx", "must have the SHA-256"), ("m/check.npz", "tells of")])
def test_refuses_what_is_not_what_it_should_be(service: Service, tmp_path: Path, key: str, named: str) -> None:
    stored(service, MODEL, TOLD, CHECK)
    put(service, key, b"something else")
    with pytest.raises(ServeError, match=named) as ended:
        fetched(service, tmp_path)
    assert ended.value.reason == "ModelDamaged"
    assert not (tmp_path / f"{digest(MODEL)}.onnx").exists()


@pytest.mark.parametrize(
    ("told", "asked", "which"),
    [(["Last"], "Best", "Last"), (["Best", "Last"], "Best", "Best"), (["Best", "Last"], "Last", "Last"),
     (["Best", "Last"], None, "Best")],
)  # fmt: skip
def test_knows_which_model_it_is(
    service: Service, tmp_path: Path, told: list[ModelChoice], asked: ModelChoice | None, which: ModelChoice
) -> None:
    of_both = [signature(onnx_file=MODEL, which=one).models[0] for one in told]
    stored(service, MODEL, TOLD.model_copy(update={"models": of_both}), CHECK)
    assert fetched(service, tmp_path, model=asked).which == which


def test_what_keras_has_stored_keeps_its_ending(service: Service, tmp_path: Path) -> None:
    put(service, "m/model.keras", MODEL)
    assert fetched(service, tmp_path, uri="s3://bucket/m/model.keras").model.suffix == ".keras"


def test_takes_what_the_init_container_left(tmp_path: Path) -> None:
    source = Source(uri="s3://bucket/m/model.keras", sha256="0" * 64, model="Best")
    with pytest.raises(ServeError) as ended:
        files.converted(tmp_path / "model.onnx", source)
    assert ended.value.reason == "ModelDamaged"
    (tmp_path / "model.onnx").write_bytes(MODEL)
    (tmp_path / "signature.json").write_text(TOLD.model_dump_json())
    (tmp_path / "check.npz").write_bytes(CHECK)
    assert files.converted(tmp_path / "model.onnx", source) == Files(tmp_path / "model.onnx", TOLD, CHECK, "Last")


def test_no_message_holds_the_content_of_a_file(tmp_path: Path) -> None:
    """An attacker who controls the operator may have a Secret mounted where the signature is expected."""
    (tmp_path / "signature.json").write_text("S3cr3t-of-another")
    with pytest.raises(ServeError, match="Invalid JSON: expected value at line 1 column 1") as ended:
        files.converted(tmp_path / "model.onnx", Source(uri="s3://bucket/m/model.keras", sha256="0" * 64))
    assert "S3c" not in ended.value.message
    (tmp_path / "signature.json").write_text('{"inputs": "S3cr3t", "outputs": [], "models": []}')
    with pytest.raises(ServeError, match="inputs: Input should be a valid array; outputs: List should have") as ended:
        files.converted(tmp_path / "model.onnx", Source(uri="s3://bucket/m/model.keras", sha256="0" * 64))
    assert "S3c" not in ended.value.message
