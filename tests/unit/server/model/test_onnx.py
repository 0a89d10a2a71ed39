"""The runtime for ONNX models."""

from pathlib import Path

import numpy as np
import pytest
from epochal_api.signature import Signature, TensorSpec
from epochal_lib.model_server.errors import ServeError
from epochal_server.model.runtimes.onnx import Onnx, load

from tests.kit.models import divide, signature, softmax

WEIGHTS = np.array([[1, -1], [0.5, 2], [0, 0.25]])
X = np.array([[1, 2, 3], [-1, 0, 2], [0, 0, 0]], np.float32)


def loaded(folder: Path, data: bytes, signature_: Signature | None = None, *, has_check: bool = False) -> Onnx:
    path = folder / "model.onnx"
    path.write_bytes(data)
    return load(path, signature_, 1, has_check=has_check)


def expected(samples: np.ndarray) -> np.ndarray:
    logits = np.exp(samples @ WEIGHTS)
    return np.asarray(logits / logits.sum(axis=1, keepdims=True))


def test_describes_inputs_and_outputs(tmp_path: Path) -> None:
    model = loaded(tmp_path, divide())
    assert model.inputs == [TensorSpec(name=name, shape=[-1], dtype="int64") for name in ("dividend", "divisor")]
    assert model.outputs == [TensorSpec(name="quotient", shape=[-1], dtype="int64")]
    assert model.max_batch_size is None


def test_computes_outputs(tmp_path: Path) -> None:
    assert loaded(tmp_path, softmax(WEIGHTS)).run({"features": X})["probabilities"] == pytest.approx(
        expected(X), abs=1e-6
    )


@pytest.mark.parametrize("size", [1, 2, 3])
def test_fills_up_a_fixed_batch(tmp_path: Path, size: int) -> None:
    model = loaded(tmp_path, softmax(WEIGHTS, batch=3))
    assert model.max_batch_size == 3
    assert model.run({"features": X[:size]})["probabilities"] == pytest.approx(expected(X[:size]), abs=1e-6)


def test_uses_the_names_of_the_signature(tmp_path: Path) -> None:
    signature_ = signature(
        [TensorSpec(name="pixels", shape=[3], dtype="float32")],
        [TensorSpec(name="classes", shape=[2], dtype="float32")],
    )
    model = loaded(tmp_path, softmax(WEIGHTS), signature_)
    assert model.run({"pixels": X})["classes"] == pytest.approx(expected(X), abs=1e-6)


def integers(*names: str) -> list[TensorSpec]:
    return [TensorSpec(name=name, shape=[-1], dtype="int64") for name in names]


TEN, FIVE = np.full((1, 1), 10, np.int64), np.full((1, 1), 5, np.int64)


def test_pairs_several_inputs_by_name(tmp_path: Path) -> None:
    signature_ = signature(integers("divisor", "dividend"), integers("quotient"))
    answer = loaded(tmp_path, divide(), signature_).run({"dividend": TEN, "divisor": FIVE})
    assert answer["quotient"].tolist() == [[2]]


def test_pairs_several_inputs_by_position_only_with_a_check(tmp_path: Path) -> None:
    """They may be in another order, of the same shapes and types: all answers would be wrong."""
    signature_ = signature(integers("whole", "part"), integers("ratio"))
    refused = (
        r'^inputs of the model: expected the names of its signature, "whole" int64 \[-1\], "part" .* found "dividend" '
    )
    with pytest.raises(ServeError, match=refused) as error:
        loaded(tmp_path, divide(), signature_)
    assert error.value.reason == "ModelRefused"
    answer = loaded(tmp_path, divide(), signature_, has_check=True).run({"whole": TEN, "part": FIVE})
    assert answer["ratio"].tolist() == [[2]]


@pytest.mark.parametrize(
    ("shape", "dtype", "count"), [([4], "float32", 1), ([3], "float64", 1), ([3, 1], "float32", 1), ([3], "float32", 2)]
)
def test_refuses_a_signature_of_another_model(tmp_path: Path, shape: list[int], dtype: str, count: int) -> None:
    signature_ = signature([TensorSpec(name=f"x{n}", shape=shape, dtype=dtype) for n in range(count)])
    with pytest.raises(ServeError, match="inputs of the model: expected those of its signature") as error:
        loaded(tmp_path, softmax(WEIGHTS), signature_)
    assert error.value.reason == "ModelRefused"


@pytest.mark.parametrize("data", [b"", b"GIF89a", softmax(WEIGHTS)[:-20]])
def test_refuses_an_invalid_file(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ServeError, match="cannot load the model") as error:
        loaded(tmp_path, data)
    assert error.value.reason == "ModelRefused"


def test_raises_the_error_of_the_library(tmp_path: Path) -> None:
    ones = np.ones((1, 1), np.int64)
    model = loaded(tmp_path, divide())
    assert model.run({"dividend": ones, "divisor": ones})["quotient"].tolist() == [[1]]
    with pytest.raises(Exception, match="Invalid rank"):
        model.run({"dividend": ones, "divisor": np.ones((1, 2, 2), np.int64)})
