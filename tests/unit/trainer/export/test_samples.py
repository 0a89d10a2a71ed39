"""The samples that answers are compared by."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal_api.signature import ImageSpec, TensorSpec
from epochal_trainer.export.samples import MAX_SAMPLES, evenly_spaced, generate, max_count, read, write

WORDS = TensorSpec(name="words", shape=[3], dtype="str")
PIXELS = TensorSpec(name="pixels", shape=[4, -1, 1], dtype="float32")
TOKENS = TensorSpec(name="tokens", shape=[], dtype="int32")


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, [0]), (3, [0, 1, 2]), (16, range(16)), (31, range(0, 31, 2)), (1501, range(0, 1501, 100))]
)
def test_samples_are_evenly_spaced(count: int, chosen: Any) -> None:
    assert evenly_spaced(np.arange(count)).tolist() == list(chosen)


def test_samples_are_read_in_the_types_of_the_inputs(tmp_path: Path) -> None:
    pixels = np.arange(8, dtype=np.uint8).reshape(2, 4, 1, 1)
    write(tmp_path / "samples.npz", {"pixels": pixels, "tokens": np.array([1.0, 2.0]), "other": np.zeros(2)})
    found = read(tmp_path / "samples.npz", [PIXELS, TOKENS])
    assert {name: (array.dtype.name, array.tolist()) for name, array in found.items()} == {
        "pixels": ("float32", pixels.tolist()),
        "tokens": ("int32", [1, 2]),
    }


def test_strings_are_read_without_pickle(tmp_path: Path) -> None:
    write(tmp_path / "samples.npz", {"words": np.array([["a", "b", "c"]])})
    assert read(tmp_path / "samples.npz", [WORDS])["words"].tolist() == [["a", "b", "c"]]
    write(tmp_path / "texts.npz", {"words": np.array(["ä", "b"], object)})
    assert read(tmp_path / "texts.npz", [WORDS])["words"].tolist() == ["ä", "b"]
    odd: dict[str, Any] = {"input:words": np.array([print], object)}
    np.savez(tmp_path / "odd.npz", **odd)
    with pytest.raises(ValueError, match="allow_pickle"):
        read(tmp_path / "odd.npz", [WORDS])


def test_generated_samples_match_the_inputs() -> None:
    found = generate([WORDS, PIXELS, TOKENS], None, length=7)
    assert {name: (array.shape, array.dtype.kind) for name, array in found.items()} == {
        "words": ((MAX_SAMPLES, 3), "O"),
        "pixels": ((MAX_SAMPLES, 4, 7, 1), "f"),
        "tokens": ((MAX_SAMPLES,), "i"),
    }
    assert 0 <= found["pixels"].min() < found["pixels"].max() <= 1
    assert set(found["tokens"].tolist()) == {0, 1}
    assert (generate([PIXELS], None)["pixels"] == generate([PIXELS], None)["pixels"]).all()


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_generated_images_have_the_range_of_photographs(dtype: str) -> None:
    image = ImageSpec(height=4, width=5, channels=1, lowest=0, highest=255)
    found = generate([TensorSpec(name="pixels", shape=[4, 5, 1], dtype=dtype)], image)["pixels"]
    assert 200 < found.max() <= 255


@pytest.mark.parametrize(("most", "count"), [(10_000, 4), (360, 3), (119, 0), (120, 1)])
def test_max_count_of_samples(most: int, count: int) -> None:
    arrays: dict[str, Any] = {
        "a": np.zeros((4, 10), np.float64),
        "b": np.zeros((4, 5), np.float32),
        "c": np.full(4, "words"),
    }
    assert max_count(arrays, most) == count
