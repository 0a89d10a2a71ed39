"""What ONNX Runtime computes, and what it is not let do."""

from pathlib import Path

import numpy as np
import pytest
from epochal_api.signature import Signature, TensorSpec
from epochal_lib.model_server.errors import ServeError
from epochal_server.runtimes.onnx import Onnx, load

from tests.kit.models import divide, signature, softmax

WEIGHTS = np.array([[1, -1], [0.5, 2], [0, 0.25]])
X = np.array([[1, 2, 3], [-1, 0, 2], [0, 0, 0]], np.float32)


def loaded(folder: Path, data: bytes, told: Signature | None = None, *, checked: bool = False) -> Onnx:
    path = folder / "model.onnx"
    path.write_bytes(data)
    return load(path, told, 1, checked=checked)


def expected(samples: np.ndarray) -> np.ndarray:
    logits = np.exp(samples @ WEIGHTS)
    return np.asarray(logits / logits.sum(axis=1, keepdims=True))


def test_says_what_a_model_takes_and_gives(tmp_path: Path) -> None:
    model = loaded(tmp_path, divide())
    assert model.inputs == [TensorSpec(name=name, shape=[-1], dtype="int64") for name in ("dividend", "divisor")]
    assert model.outputs == [TensorSpec(name="quotient", shape=[-1], dtype="int64")]
    assert model.most is None


def test_computes(tmp_path: Path) -> None:
    assert loaded(tmp_path, softmax(WEIGHTS)).run({"features": X})["probabilities"] == pytest.approx(
        expected(X), abs=1e-6
    )


@pytest.mark.parametrize("size", [1, 2, 3])
def test_fills_up_what_a_model_of_one_number_of_samples_lacks(tmp_path: Path, size: int) -> None:
    model = loaded(tmp_path, softmax(WEIGHTS, batch=3))
    assert model.most == 3
    assert model.run({"features": X[:size]})["probabilities"] == pytest.approx(expected(X[:size]), abs=1e-6)


def test_goes_by_the_names_of_the_signature(tmp_path: Path) -> None:
    told = signature(
        [TensorSpec(name="pixels", shape=[3], dtype="float32")],
        [TensorSpec(name="classes", shape=[2], dtype="float32")],
    )
    model = loaded(tmp_path, softmax(WEIGHTS), told)
    assert model.run({"pixels": X})["classes"] == pytest.approx(expected(X), abs=1e-6)


def whole_numbers(*names: str) -> list[TensorSpec]:
    return [TensorSpec(name=name, shape=[-1], dtype="int64") for name in names]


TEN, FIVE = np.full((1, 1), 10, np.int64), np.full((1, 1), 5, np.int64)


def test_pairs_several_inputs_by_name_in_whatever_order(tmp_path: Path) -> None:
    told = signature(whole_numbers("divisor", "dividend"), whole_numbers("quotient"))
    answer = loaded(tmp_path, divide(), told).run({"dividend": TEN, "divisor": FIVE})
    assert answer["quotient"].tolist() == [[2]]


def test_pairs_several_inputs_by_position_only_where_a_check_proves_it(tmp_path: Path) -> None:
    """They may be in another order, of the same shapes and types: all answers would be wrong."""
    told = signature(whole_numbers("whole", "part"), whole_numbers("ratio"))
    refused = r'^its inputs must have the names of its signature, "whole" int64 \[-1\], "part" .* found "dividend" '
    with pytest.raises(ServeError, match=refused) as ended:
        loaded(tmp_path, divide(), told)
    assert ended.value.reason == "ModelRefused"
    answer = loaded(tmp_path, divide(), told, checked=True).run({"whole": TEN, "part": FIVE})
    assert answer["ratio"].tolist() == [[2]]


@pytest.mark.parametrize(
    ("shape", "dtype", "count"), [([4], "float32", 1), ([3], "float64", 1), ([3, 1], "float32", 1), ([3], "float32", 2)]
)
def test_refuses_a_signature_of_another_model(tmp_path: Path, shape: list[int], dtype: str, count: int) -> None:
    told = signature([TensorSpec(name=f"x{n}", shape=shape, dtype=dtype) for n in range(count)])
    with pytest.raises(ServeError, match="its inputs must be those of its signature") as ended:
        loaded(tmp_path, softmax(WEIGHTS), told)
    assert ended.value.reason == "ModelRefused"


@pytest.mark.parametrize("data", [b"", b"GIF89a", softmax(WEIGHTS)[:-20]])
def test_refuses_what_is_no_model(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ServeError, match="cannot load it") as ended:
        loaded(tmp_path, data)
    assert ended.value.reason == "ModelRefused"


def test_what_fails_is_raised(tmp_path: Path) -> None:
    one = np.ones((1, 1), np.int64)
    model = loaded(tmp_path, divide())
    assert model.run({"dividend": one, "divisor": one})["quotient"].tolist() == [[1]]
    with pytest.raises(Exception, match="Invalid rank"):
        model.run({"dividend": one, "divisor": np.ones((1, 2, 2), np.int64)})
