"""npz files against numpy: arrays, classes, samples, and archives that lie."""

import base64
import io
import struct
import time
import tracemalloc
import zipfile
from typing import Any

import numpy as np
import pytest
from epochal_studio.preview.read import read_preview
from epochal_studio.preview.source import MAX_BYTES, MAX_REQUESTS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from tests.unit.studio.preview.stored import MemoryBucket, array, npy, npz, preview, zipped
from tests.unit.studio.preview.test_npy import NUMBERS, SHAPES, raw, texts

RANDOM = np.random.default_rng(0)


@settings(deadline=None, max_examples=40)
@given(
    arrays=st.dictionaries(
        st.sampled_from(["x", "y", "x_train", "note", "class_names"]), arrays_of.arrays(NUMBERS, SHAPES)
    ),
    is_compressed=st.booleans(),
)
def test_arrays_are_those_of_numpy(*, arrays: dict[str, Any], is_compressed: bool) -> None:
    found = preview(npz(compressed=is_compressed, **arrays))
    assert found.format == "npz"
    for name, values in arrays.items():
        one = array(found, name)
        assert (one.shape, one.dtype, one.problem) == (list(values.shape), values.dtype.name, None)
        assert one.values == texts(values)


def test_pictures_classes_and_names() -> None:
    x = RANDOM.integers(0, 255, (500, 28, 28), "uint8")
    x[0, 0, 0], x[0, 0, 1] = 0, 255
    y = RANDOM.integers(0, 10, 500)
    names = [f"digit {number}" for number in range(10)]
    bucket = MemoryBucket(**{"mnist.npz": npz(x_train=x, y_train=y, x_test=x[:5], y_test=y[:5], class_names=names)})
    found = read_preview(bucket, "mnist.npz")  # type: ignore[arg-type]
    assert array(found, "y_train").classes == {names[k]: int(n) for k, n in enumerate(np.bincount(y)) if n}
    assert array(found, "x_train").classes is None
    assert len(found.samples) == 12
    for sample, pixels, label in zip(found.samples, x, y, strict=False):
        assert (sample.width, sample.height, sample.channels, sample.label) == (28, 28, 1, names[label])
        assert base64.b64decode(sample.pixels) == pixels.tobytes()
    assert bucket.bytes_read < 2**18


@settings(deadline=None, max_examples=20)
@given(values=arrays_of.arrays(NUMBERS.filter(lambda dtype: not dtype.endswith("8")), (3, 8, 9, 3)))
def test_the_pixels_of_all_types_are_scaled(values: Any) -> None:
    found = preview(npz(x=values, y=["a", "b", "c"]))
    assert [(each.width, each.height, each.channels, each.label) for each in found.samples] == [
        (9, 8, 3, label) for label in "abc"
    ]
    pixels = np.stack([np.frombuffer(base64.b64decode(each.pixels), "u1") for each in found.samples])
    numbers = values.astype("f8").reshape(3, -1)
    finite = numbers[np.isfinite(numbers)]
    low, high = (finite.min(), finite.max()) if finite.size else (0, 0)
    expected = np.nan_to_num((numbers - low) / ((high - low) or 1), nan=0, posinf=1, neginf=0).clip(0, 1) * 255
    assert np.abs(pixels - expected).max() <= 0.51 or high == low


@pytest.mark.parametrize(
    ("shape", "count"),
    [((20, 8, 8), 12), ((20, 8, 8, 1), 12), ((20, 8, 8, 3), 12), ((5, 256, 256, 3), 5)],
)
def test_shapes_of_pictures(shape: tuple[int, ...], count: int) -> None:
    assert len(preview(npz(x=np.zeros(shape, "u1"))).samples) == count


@pytest.mark.parametrize(
    "shape", [(20, 784), (20, 8, 8, 2), (20, 8, 8, 4), (20, 3, 8), (20,), (0, 8, 8), (20, 8, 8, 1, 1)]
)
def test_shapes_of_no_pictures(shape: tuple[int, ...]) -> None:
    found = preview(npz(x=np.zeros(shape, "u1")))
    assert (found.samples, found.problem) == ([], None)


def test_large_pictures_have_a_sentence() -> None:
    found = preview(npz(x=np.zeros((2, 300, 300), "u1")))
    assert found.samples == []
    assert found.problem is not None
    assert found.problem.message == "x: its pictures have 300×300 pixels, but Studio shows samples of at most 256×256."


def test_pictures_of_float64_are_as_many_as_fit() -> None:
    assert len(preview(npz(x=np.zeros((12, 256, 256, 3), "f8"))).samples) == 2


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([0, 1, 1], {"0": 1, "1": 2}),
        ([[0], [1], [1]], {"0": 1, "1": 2}),
        ([[1, 0], [0, 1], [0, 1]], {"0": 1, "1": 2}),
        ([[1.0, 0], [0, 1], [0, 1]], {"0": 1, "1": 2}),
        ([0.0, 1.0, 1.0], {"0": 1, "1": 2}),
        ([True, False, True], {"0": 1, "1": 2}),
        (["cat", "dog", "cat"], {"cat": 2, "dog": 1}),
        ([-1, 5, 5], {"-1": 1, "5": 2}),
        ([0.5, 1.0, 1.5], None),
        ([[1, 1], [0, 1], [0, 1]], None),
        (5, None),
        (np.arange(1000), None),
    ],
    ids=str,
)
def test_classes(labels: Any, classes: dict[str, int] | None) -> None:
    found = preview(npz(x=np.zeros((3, 4)), y=labels))
    assert array(found, "y").classes == classes


def test_the_most_frequent_classes() -> None:
    found = array(preview(npz(y=np.repeat(np.arange(300), 5))), "y")
    assert found.classes is not None
    assert len(found.classes) == 100


def test_100000_labels_are_counted() -> None:
    y = RANDOM.integers(0, 3, 200_000).astype("u1")
    classes = array(preview(npz(x=np.zeros((1, 2)), y=y)), "y").classes
    assert classes is not None
    assert sum(classes.values()) == 100_000


def test_names_that_repeat_or_are_damaged_are_not_used() -> None:
    for names in (["a", "a"], [["a"]], [None, "a"], np.zeros(5000), [""]):
        found = preview(npz(y=[0, 1, 1], class_names=np.array(names)))
        assert array(found, "y").classes == {"0": 1, "1": 2}


def test_several_sets_and_other_names() -> None:
    pictures = np.zeros((4, 8, 8), "u1")
    for x, y in (("x_train", "y_train"), ("x", "y"), ("features", "labels"), ("x_val", "y_val"), ("x_test", "y_test")):
        arrays: dict[str, Any] = {"other": pictures, x: pictures, y: [7, 1, 1, 1]}
        found = preview(npz(**arrays))
        assert found.samples[0].label == "7", x
    assert preview(npz(image=pictures, digit=[1, 2, 3, 4])).samples[0].label is None


def test_zip64_and_members_that_are_no_arrays() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, archive.open("x.npy", "w", force_zip64=True) as member:
        member.write(npy(np.arange(3)))
    assert array(preview(file.getvalue()), "x").values == ["0", "1", "2"]
    found = preview(zipped({"readme.txt": b"hello", "empty": b""}))
    assert [each.problem for each in found.arrays] == [
        "readme.txt does not begin with the header of an array",
        "empty does not begin with the header of an array",
    ]


def test_10000_members() -> None:
    content = zipped({f"a{number}.npy": npy(np.arange(3)) for number in range(10_000)}, zipfile.ZIP_STORED)
    bucket = MemoryBucket(**{"many.npz": content})
    found = read_preview(bucket, "many.npz")  # type: ignore[arg-type]
    assert len(found.arrays) == 50
    assert found.problem is not None
    assert found.problem.message == "The file has 10,000 arrays. Studio shows the first 50."
    assert bucket.bytes_read < 4 * 2**20


def test_50_large_arrays_stay_within_the_bounds() -> None:
    arrays = {f"a{number}": RANDOM.integers(0, 255, (40, 32, 32), "u1") for number in range(60)}
    bucket = MemoryBucket(**{"large.npz": npz(compressed=False, **arrays)})
    found = read_preview(bucket, "large.npz")  # type: ignore[arg-type]
    assert [each.problem for each in found.arrays] == [None] * 50
    assert len(found.samples) == 12
    assert bucket.requests <= MAX_REQUESTS
    assert bucket.bytes_read <= MAX_BYTES


def test_encrypted_and_other_compressions_have_sentences() -> None:
    content = bytearray(zipped({"x.npy": npy(np.arange(3))}, zipfile.ZIP_STORED))
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in str(array(preview(bytes(content)), "x").problem)
    for compression in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        found = preview(zipped({"x.npy": npy(np.arange(3))}, compression))
        assert "numpy.savez_compressed" in str(array(found, "x").problem)


def test_a_bomb_is_not_unpacked() -> None:
    size = 2**28
    header = raw("{'descr': '|u1', 'fortran_order': False, 'shape': (4096, 256, 256), }")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as member:
        member.write(header)
        for _ in range(size // 2**20):
            member.write(bytes(2**20))
    tracemalloc.start()
    try:
        found = preview(file.getvalue())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found.samples) == 12
    assert peak < 24 * 2**20


@pytest.mark.parametrize("field", [20, 24], ids=["compressed", "uncompressed"])
@pytest.mark.parametrize("value", [0, 1, 2**31, 2**32 - 2])
def test_a_directory_that_lies_about_sizes(field: int, value: int) -> None:
    content = bytearray(npz(x=np.arange(10_000)))
    start = content.rindex(b"PK\x01\x02") + field
    content[start : start + 4] = struct.pack("<I", value)
    found = preview(bytes(content))
    assert array(found, "x").problem


@pytest.mark.parametrize("offset", [8, 10, 12, 16], ids=["entries", "all entries", "size", "begin"])
@pytest.mark.parametrize("value", [0, 1, 2**15, 2**16 - 1, 2**31])
def test_an_end_record_that_lies(offset: int, value: int) -> None:
    content = bytearray(npz(x=np.arange(10)))
    width = 2 if offset < 12 else 4
    start = content.rindex(b"PK\x05\x06") + offset
    content[start : start + width] = (value % 2 ** (8 * width)).to_bytes(width, "little")
    found = preview(bytes(content))
    assert found.format in {"npz", "unknown"}


@settings(deadline=None, max_examples=80)
@given(data=st.data(), is_compressed=st.booleans())
def test_changed_and_truncated_archives_never_fail(*, data: st.DataObject, is_compressed: bool) -> None:
    content = bytearray(npz(compressed=is_compressed, x=np.arange(60, dtype="f4").reshape(5, 12), y=[0, 1, 1, 0, 2]))
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(4, len(content))))
    found = preview(bytes(content[:cut]))
    assert found.size == cut
    assert found.problem is not None or found.arrays or cut < len(content) or found.format == "npz"


def test_a_directory_of_many_megabytes_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(5_000):
            archive.writestr(f"{number:06}{'x' * 250}", b"")
    began = time.monotonic()
    found = preview(file.getvalue())
    assert found.arrays == []
    assert found.problem is not None
    assert "reads at most 1,048,576 at once" in found.problem.message
    assert time.monotonic() - began < 10
