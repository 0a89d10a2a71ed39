import gzip
import struct
from collections.abc import Callable

import numpy as np
import pytest
from epochal_trainer.data.arrays import Array
from epochal_trainer.data.formats import idx
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.source import DataFile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.unit.trainer.expect import expect_failure, expect_peak_memory

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
Read = Callable[[bytes], Array]
MNIST = np.arange(3 * 4 * 5, dtype="u1").reshape(3, 4, 5)


@pytest.fixture(scope="session")
def read(source: Callable[[bytes], DataFile], memory: Callable[[], MemoryBudget]) -> Read:
    return lambda content: idx.read(source(content), memory())


def encode(array: Array) -> bytes:
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@given(
    array=st.sampled_from(sorted(CODES)).flatmap(
        lambda code: arrays.arrays(code, arrays.array_shapes(max_dims=4, max_side=4))
    ),
    compress=st.booleans(),
)
def test_read(read: Read, *, array: Array, compress: bool) -> None:
    content = encode(array)
    found = read(gzip.compress(content) if compress else content)
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("compress", [False, True])
def test_truncated_file(read: Read, *, compress: bool) -> None:
    content = gzip.compress(encode(MNIST)) if compress else encode(MNIST)
    for length in range(4, len(content)):
        with expect_failure("TruncatedData"):
            read(content[:length])


@pytest.mark.parametrize("compress", [False, True])
def test_bytes_after_the_end(read: Read, *, compress: bool) -> None:
    content = encode(MNIST) + b"\0"
    with expect_failure("DamagedData", "more data than the 60 bytes"):
        read(gzip.compress(content) if compress else content)


def test_wrong_gzip_checksum(read: Read) -> None:
    content = bytearray(gzip.compress(encode(MNIST)))
    content[-8] ^= 1
    with expect_failure("DamagedData", "CRC check failed"):
        read(bytes(content))


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("shape", [(2**32 - 1,), (2**32 - 1,) * 8, (60_000, 28, 28)])
def test_header_that_declares_too_much_needs_no_memory(read: Read, *, shape: tuple[int, ...], compress: bool) -> None:
    content = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape) + b"few"
    content = gzip.compress(content) if compress else content
    with expect_peak_memory(1_000_000), expect_failure("TruncatedData", "its header declares"):
        read(content)


@pytest.mark.parametrize("shape", [(2**32 - 1, 2**32 - 1, 0), (0, *[2**32 - 1] * 7)])
def test_header_with_too_large_sizes_and_a_zero(read: Read, shape: tuple[int, ...]) -> None:
    content = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
    with expect_failure("DamagedData", "its header declares"):
        read(content)


def test_gzip_bomb(read: Read) -> None:
    bomb = gzip.compress(struct.pack(">BBBBI", 0, 0, 8, 1, 10) + bytes(50_000_000), compresslevel=1)
    with expect_peak_memory(2_000_000), expect_failure("DamagedData", "more data than the 10 bytes"):
        read(bomb)


def test_array_above_the_memory_budget(source: Callable[[bytes], DataFile]) -> None:
    with expect_failure("DataTooLarge", r"file takes 60 bytes in memory, but only 59 .*limits.memory"):
        idx.read(source(encode(MNIST)), MemoryBudget(59))


@pytest.mark.parametrize("head", [b"\0\0\x0a\1", b"\0\0\x08\0", b"\0\0\x08\x09", b"\1\0\x08\1", b"\0\0\x08"])
def test_invalid_idx_header(head: bytes) -> None:
    assert not idx.is_idx(head)
