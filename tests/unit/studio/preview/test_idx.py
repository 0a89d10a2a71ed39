"""idx files, plain and compressed by gzip, with their labels beside them."""

import base64
import gzip
import io
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.studio.preview.stored import preview
from tests.unit.studio.preview.test_npy import texts

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 255, (300, 28, 28), "uint8")
LABELS = RANDOM.integers(0, 10, 300).astype("uint8")


def idx(values: Any, kind: int = 0x08) -> bytes:
    head = bytes([0, 0, kind, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return bytes(head + values.astype(TYPES[kind]).tobytes())


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_values_are_those_of_numpy(kind: int, pack: Any) -> None:
    values = RANDOM.integers(0, 100, (5, 3, 2)).astype(TYPES[kind])
    found = preview(pack(idx(values, kind)))
    assert found.format == "idx"
    assert (found.arrays[0].shape, found.arrays[0].dtype) == ([5, 3, 2], values.dtype.name)
    assert found.arrays[0].values == texts(values)
    assert found.problem is None


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_pictures_with_the_labels_beside_them(suffix: str) -> None:
    pack = gzip.compress if suffix else bytes
    pictures, labels = f"train-images-idx3-ubyte{suffix}", f"train-labels-idx1-ubyte{suffix}"
    found = preview(pack(idx(PICTURES)), pictures, **{labels: pack(idx(LABELS))})
    assert [sample.label for sample in found.samples] == [str(label) for label in LABELS[:12]]
    low, high = int(PICTURES[:12].min()), int(PICTURES[:12].max())
    assert (low, high) == (0, 254)
    pixels = np.frombuffer(base64.b64decode(found.samples[3].pixels), "u1").reshape(28, 28)
    assert np.abs(pixels - PICTURES[3] * (255 / 254)).max() <= 0.51
    of_labels = preview(pack(idx(LABELS)), labels)
    assert of_labels.arrays[0].classes == {str(k): int(n) for k, n in enumerate(np.bincount(LABELS)) if n}


@pytest.mark.parametrize("other", [b"", b"text", idx(LABELS)[:6], gzip.compress(idx(LABELS))[:-40], b"\0\0\x08\x09"])
def test_pictures_with_damaged_labels_beside_them(other: bytes) -> None:
    found = preview(idx(PICTURES), "a/images.idx3", **{"a/labels.idx1": other})
    assert len(found.samples) == 12


def test_a_file_of_the_wrong_size_has_a_sentence() -> None:
    for content in (idx(LABELS)[:-1], idx(LABELS) + b"x", idx(LABELS)[:6], b"\0\0\x08\x01" + b"\xff" * 4):
        found = preview(content)
        assert found.problem or found.arrays[0].problem


def test_a_damaged_gzip_has_a_sentence() -> None:
    packed = gzip.compress(idx(PICTURES))
    assert "cut off" in str(preview(packed[:60]).problem)
    damaged = bytearray(packed)
    damaged[15:40] = b"\xff" * 25
    assert preview(bytes(damaged)).problem
    assert preview(b"\x1f\x8b").problem


def test_gzip_of_several_parts() -> None:
    whole = idx(PICTURES)
    found = preview(gzip.compress(whole[:1000]) + gzip.compress(b"") + gzip.compress(whole[1000:]) + b"\0\0")
    assert len(found.samples) == 12


def test_a_bomb_is_not_unpacked() -> None:
    packer = zlib.compressobj(9, wbits=31)
    file = io.BytesIO()
    file.write(packer.compress(b"\0\0\x08\x03" + struct.pack(">3I", 10**6, 28, 28)))
    for _ in range(200):
        file.write(packer.compress(bytes(2**20)))
    file.write(packer.flush())
    tracemalloc.start()
    try:
        found = preview(file.getvalue())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found.samples) == 12
    assert peak < 4 * 2**20


@settings(deadline=None, max_examples=100)
@given(content=st.binary(max_size=200), begin=st.sampled_from([b"", b"\0\0\x08", b"\x1f\x8b\x08\0\0\0\0\0\0\x03"]))
def test_any_bytes_have_a_preview(content: bytes, begin: bytes) -> None:
    found = preview(begin + content)
    assert found.problem or found.arrays
