"""A model gets ready as a whole: what is asked of it has to suit it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal_api.modelserver.config import ServerConfig
from epochal_api.signature import Signature, TensorSpec
from epochal_lib.model_server.errors import ServeError
from epochal_lib.model_server.storage import Storage
from epochal_server.loading import Loaded, answers_to, load
from epochal_server.model.model import Arrays

from tests.kit.models import check_of, digest, signature, softmax

WEIGHTS = np.array([[1, -1], [0.5, 2], [0, 0.25]])
MODEL = softmax(WEIGHTS)
SAMPLES = np.array([[1, 2, 3], [-1, 0, 2]], np.float32)


def nowhere() -> Storage:
    raise AssertionError("nothing is to be fetched")


def got(folder: Path, told: Signature | None = None, model: bytes = MODEL, **config: Any) -> Loaded:
    """Returns a model that has been fetched before."""
    (folder / f"{digest(model)}.onnx").write_bytes(model)
    if told is not None:
        (folder / f"{digest(model)}.signature").write_text(told.model_dump_json())
    source = {"uri": "s3://models/model.onnx", "sha256": digest(model)}
    named = {"name": "digits", "namespace": "vision", "source": source, "storage": {"endpoint": "http://minio"}}
    return load(ServerConfig.model_validate(named | config), nowhere, 1, folder)


def test_gets_ready_with_what_the_model_says_itself(tmp_path: Path) -> None:
    found = got(tmp_path)
    assert found.model.signature.inputs == [TensorSpec(name="features", shape=[3], dtype="float32")]
    assert (found.model.classes, found.model.platform, found.most) == (None, "onnxruntime_onnx", 32)
    assert 0 < found.pace < 0.1
    assert found.runtime.run({"features": SAMPLES})["probabilities"].shape == (2, 2)


def test_one_number_of_samples_is_the_most_of_a_batch(tmp_path: Path) -> None:
    assert got(tmp_path, model=softmax(WEIGHTS, batch=4)).most == 4


def test_takes_the_names_that_are_asked_for(tmp_path: Path) -> None:
    told = signature(onnx_file=MODEL, classes=["no", "yes"])
    assert got(tmp_path, told).model.classes == ("no", "yes")
    assert got(tmp_path, told, classes=["nein", "ja"]).model.classes == ("nein", "ja")


def test_refuses_names_that_are_not_as_many_as_the_classes(tmp_path: Path) -> None:
    with pytest.raises(ServeError, match=r"spec.classes: must name the 2 classes .* found 3 names") as ended:
        got(tmp_path, classes=["a", "b", "c"])
    assert ended.value.reason == "InvalidConfig"


def test_refuses_to_take_photographs_with_a_model_that_takes_none(tmp_path: Path) -> None:
    """Else it would be ready, and say to each caller what only its owner can mend."""
    with pytest.raises(ServeError, match=r"spec.images: .* signature.json.* is missing .* mode None") as ended:
        got(tmp_path, images="Digit")
    assert ended.value.reason == "InvalidConfig"
    with pytest.raises(ServeError, match=r"spec.images: .* by its signature, its inputs are no images"):
        got(tmp_path, signature(onnx_file=MODEL), images="Digit")


def test_checks_what_the_init_container_left(tmp_path: Path) -> None:
    probabilities = got(tmp_path).runtime.run({"features": SAMPLES})["probabilities"]
    for expected, reason in ((probabilities, None), (probabilities[::-1], "CheckDiffers")):
        check = check_of({"features": SAMPLES}, {"probabilities": expected})
        (tmp_path / "model.onnx").write_bytes(MODEL)
        (tmp_path / "check.npz").write_bytes(check)
        (tmp_path / "signature.json").write_text(signature(onnx_file=MODEL, check=check).model_dump_json())
        if reason is None:
            assert got(tmp_path, path="model.onnx").model.signature.check is not None
        else:
            with pytest.raises(ServeError) as ended:
                got(tmp_path, path="model.onnx")
            assert ended.value.reason == reason


@pytest.mark.parametrize("data", [b"GIF89a", MODEL[:-20]])
def test_tells_where_a_model_lies_that_it_cannot_load(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ServeError, match=r"^s3://models/model.onnx: ONNX Runtime .* cannot load it"):
        got(tmp_path, model=data)


@pytest.mark.parametrize("path", ["/etc/hostname", "../model.onnx", "a/../../model.onnx", "link/model.onnx"])
def test_takes_a_converted_model_from_its_own_folder_only(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "model.onnx").write_bytes(MODEL)
    (tmp_path / "signature.json").write_text(signature(onnx_file=MODEL).model_dump_json())
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(ServeError, match=rf"^path: must be a file below {folder}, found '{path}'") as ended:
        got(folder, path=path)
    assert ended.value.reason == "InvalidConfig"


def test_takes_an_absolute_path_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(MODEL)
    (tmp_path / "signature.json").write_text(signature(onnx_file=MODEL).model_dump_json())
    assert got(tmp_path, path=f"{tmp_path}/model.onnx").most == 32


@pytest.mark.parametrize(("most", "sizes"), [(8, [5]), (2, [2, 2, 1])])
def test_samples_are_computed_in_batches(most: int, sizes: list[int]) -> None:
    class Doubling:
        found = list[int]()

        def run(self, inputs: Arrays) -> Arrays:
            self.found.append(len(inputs["x"]))
            return {"y": 2 * inputs["x"]}

    runtime, x = Doubling(), np.arange(10, dtype=np.float32).reshape(5, 2)
    assert answers_to(runtime, {"x": x}, most)["y"].tolist() == (2 * x).tolist()  # type: ignore[arg-type]
    assert runtime.found == sizes
