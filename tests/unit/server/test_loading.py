"""The preparation of a model: loading, checks and warm-up."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal_api.modelserver.config import ServerConfig
from epochal_api.signature import Signature, TensorSpec
from epochal_lib.model_server.errors import ServeError
from epochal_lib.model_server.files import NO_SIGNATURE
from epochal_lib.model_server.storage import Storage
from epochal_server.loading import Loaded, load, run_in_batches
from epochal_server.model.model import Arrays

from tests.kit.models import check_of, digest, signature, softmax

WEIGHTS = np.array([[1, -1], [0.5, 2], [0, 0.25]])
MODEL = softmax(WEIGHTS)
SAMPLES = np.array([[1, 2, 3], [-1, 0, 2]], np.float32)


def no_storage() -> Storage:
    raise AssertionError("nothing is to be fetched")


def loaded(folder: Path, signature_: Signature | None = None, model: bytes = MODEL, **config: Any) -> Loaded:
    """Return a loaded model that an earlier container downloaded."""
    (folder / f"{digest(model)}.onnx").write_bytes(model)
    text = b"" if signature_ is None else signature_.model_dump_json().encode()
    (folder / f"{digest(model)}.signature").write_bytes(text or NO_SIGNATURE)
    source = {"uri": "s3://models/model.onnx", "sha256": digest(model)}
    fields = {"name": "digits", "namespace": "vision", "source": source, "storage": {"endpoint": "http://minio"}}
    return load(ServerConfig.model_validate(fields | config), no_storage, 1, folder)


def test_loads_a_model_without_signature(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    assert found.model.signature.inputs == [TensorSpec(name="features", shape=[3], dtype="float32")]
    assert (found.model.classes, found.model.platform, found.max_batch_size) == (None, "onnxruntime_onnx", 32)
    assert 0 < found.seconds_per_sample < 0.1
    assert found.runtime.run({"features": SAMPLES})["probabilities"].shape == (2, 2)


def test_a_fixed_batch_limits_the_batch_size(tmp_path: Path) -> None:
    assert loaded(tmp_path, model=softmax(WEIGHTS, batch=4)).max_batch_size == 4


def test_uses_the_configured_classes(tmp_path: Path) -> None:
    signature_ = signature(onnx_file=MODEL, classes=["no", "yes"])
    assert loaded(tmp_path, signature_).model.classes == ("no", "yes")
    assert loaded(tmp_path, signature_, classes=["nein", "ja"]).model.classes == ("nein", "ja")


def test_refuses_another_number_of_classes(tmp_path: Path) -> None:
    with pytest.raises(ServeError, match=r"spec.classes: expected .* 2 classes, found 3 names") as error:
        loaded(tmp_path, classes=["a", "b", "c"])
    assert error.value.reason == "InvalidConfig"


def test_refuses_photographs_for_a_model_without_images(tmp_path: Path) -> None:
    """Otherwise each client would get an error that only the owner of the server can fix."""
    with pytest.raises(ServeError, match=r"spec.images: .* signature.json.* is missing .* mode None") as error:
        loaded(tmp_path, images="Digit")
    assert error.value.reason == "InvalidConfig"
    with pytest.raises(ServeError, match=r"spec.images: .* by its signature, its inputs are no images"):
        loaded(tmp_path, signature(onnx_file=MODEL), images="Digit")


def test_checks_a_converted_model(tmp_path: Path) -> None:
    probabilities = loaded(tmp_path).runtime.run({"features": SAMPLES})["probabilities"]
    for expected, reason in ((probabilities, None), (probabilities[::-1], "CheckDiffers")):
        check = check_of({"features": SAMPLES}, {"probabilities": expected})
        (tmp_path / "model.onnx").write_bytes(MODEL)
        (tmp_path / "check.npz").write_bytes(check)
        (tmp_path / "signature.json").write_text(signature(onnx_file=MODEL, check=check).model_dump_json())
        if reason is None:
            found = loaded(tmp_path, path="model.onnx")
            assert found.model.signature.check is not None
            assert found.sample is not None
            assert found.sample["features"].tolist() == SAMPLES[:1].tolist()
        else:
            with pytest.raises(ServeError) as error:
                loaded(tmp_path, path="model.onnx")
            assert error.value.reason == reason


@pytest.mark.parametrize("data", [b"GIF89a", MODEL[:-20]])
def test_message_has_the_uri_of_the_model(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ServeError, match=r"^s3://models/model.onnx: ONNX Runtime .* cannot load the model"):
        loaded(tmp_path, model=data)


@pytest.mark.parametrize("path", ["/etc/hostname", "../model.onnx", "a/../../model.onnx", "link/model.onnx"])
def test_refuses_a_converted_model_outside_of_the_folder(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "model.onnx").write_bytes(MODEL)
    (tmp_path / "signature.json").write_text(signature(onnx_file=MODEL).model_dump_json())
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(ServeError, match=rf"^path: must be a file below {folder}, found '{path}'") as error:
        loaded(folder, path=path)
    assert error.value.reason == "InvalidConfig"


def test_accepts_an_absolute_path_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(MODEL)
    (tmp_path / "signature.json").write_text(signature(onnx_file=MODEL).model_dump_json())
    assert loaded(tmp_path, path=f"{tmp_path}/model.onnx").max_batch_size == 32


@pytest.mark.parametrize(("max_batch_size", "sizes"), [(8, [5]), (2, [2, 2, 1])])
def test_computes_samples_in_batches(max_batch_size: int, sizes: list[int]) -> None:
    class Doubling:
        found = list[int]()

        def run(self, inputs: Arrays) -> Arrays:
            self.found.append(len(inputs["x"]))
            return {"y": 2 * inputs["x"]}

    runtime, x = Doubling(), np.arange(10, dtype=np.float32).reshape(5, 2)
    assert run_in_batches(runtime, {"x": x}, max_batch_size)["y"].tolist() == (2 * x).tolist()  # type: ignore[arg-type]
    assert runtime.found == sizes
