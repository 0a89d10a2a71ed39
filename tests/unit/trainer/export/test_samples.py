"""The samples that answers are compared by."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal_api.signature import ImageSpec, TensorSpec
from epochal_trainer.export.samples import MOST, fitting, made_up, read, spread, write

WORDS = TensorSpec(name="words", shape=[3], dtype="str")
PIXELS = TensorSpec(name="pixels", shape=[4, -1, 1], dtype="float32")
TOKENS = TensorSpec(name="tokens", shape=[], dtype="int32")


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, [0]), (3, [0, 1, 2]), (16, range(16)), (31, range(0, 31, 2)), (1501, range(0, 1501, 100))]
)
def test_samples_are_spread_over_all_that_there_are(count: int, chosen: Any) -> None:
    assert spread(np.arange(count)).tolist() == list(chosen)


def test_what_is_written_is_read_as_the_network_takes_it(tmp_path: Path) -> None:
    pixels = np.arange(8, dtype=np.uint8).reshape(2, 4, 1, 1)
    write(tmp_path / "samples.npz", {"pixels": pixels, "tokens": np.array([1.0, 2.0]), "other": np.zeros(2)})
    found = read(tmp_path / "samples.npz", [PIXELS, TOKENS])
    assert {name: (array.dtype.name, array.tolist()) for name, array in found.items()} == {
        "pixels": ("float32", pixels.tolist()),
        "tokens": ("int32", [1, 2]),
    }


def test_words_are_read_without_running_what_is_in_the_file(tmp_path: Path) -> None:
    write(tmp_path / "samples.npz", {"words": np.array([["a", "b", "c"]])})
    assert read(tmp_path / "samples.npz", [WORDS])["words"].tolist() == [["a", "b", "c"]]
    write(tmp_path / "odd.npz", {"words": np.array([print], object)})
    with pytest.raises(ValueError, match="allow_pickle"):
        read(tmp_path / "odd.npz", [WORDS])


def test_samples_are_made_up_within_what_a_network_takes() -> None:
    found = made_up([WORDS, PIXELS, TOKENS], None, length=7)
    assert {name: (array.shape, array.dtype.kind) for name, array in found.items()} == {
        "words": ((MOST, 3), "O"),
        "pixels": ((MOST, 4, 7, 1), "f"),
        "tokens": ((MOST,), "i"),
    }
    assert 0 <= found["pixels"].min() < found["pixels"].max() <= 1
    assert set(found["tokens"].tolist()) == {0, 1}
    assert (made_up([PIXELS], None)["pixels"] == made_up([PIXELS], None)["pixels"]).all()


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_images_are_made_up_of_what_photographs_become(dtype: str) -> None:
    image = ImageSpec(height=4, width=5, channels=1, lowest=0, highest=255)
    found = made_up([TensorSpec(name="pixels", shape=[4, 5, 1], dtype=dtype)], image)["pixels"]
    assert 200 < found.max() <= 255


@pytest.mark.parametrize(("most", "count"), [(10_000, 4), (360, 3), (119, 0), (120, 1)])
def test_as_many_samples_are_kept_as_there_is_room_for(most: int, count: int) -> None:
    inputs = {"a": np.zeros((4, 10), np.float64)}
    answers = [{"b": np.zeros((4, 5), np.float32)}, {"b": np.zeros((4, 5), np.float32)}]
    assert fitting(inputs, answers, most) == count
