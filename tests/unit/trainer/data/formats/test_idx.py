import gzip
import struct
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from epochal_trainer.data.formats import idx
from epochal_trainer.data.memory import Memory
from epochal_trainer.data.samples import Array
from epochal_trainer.data.source import Source
from epochal_trainer.lib.failures import Failure
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
MNIST = np.arange(3 * 4 * 5, dtype="u1").reshape(3, 4, 5)


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
def test_reads_what_was_written(
    source: Callable[[bytes], Source], *, memory: Callable[[], Memory], array: Array, compress: bool
) -> None:
    content = encode(array)
    found = idx.read(source(gzip.compress(content) if compress else content), memory())
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("compress", [False, True])
def test_every_cut_is_noticed(
    source: Callable[[bytes], Source], *, memory: Callable[[], Memory], compress: bool
) -> None:
    content = gzip.compress(encode(MNIST)) if compress else encode(MNIST)
    for length in range(4, len(content)):
        with pytest.raises(Failure, check=lambda failure: failure.reason == "TruncatedData"):
            idx.read(source(content[:length]), memory())


@pytest.mark.parametrize("compress", [False, True])
def test_bytes_after_the_end_are_noticed(
    source: Callable[[bytes], Source], *, memory: Callable[[], Memory], compress: bool
) -> None:
    content = encode(MNIST) + b"\0"
    with pytest.raises(Failure, match="more follows than the 60 bytes") as caught:
        idx.read(source(gzip.compress(content) if compress else content), memory())
    assert caught.value.reason == "DamagedData"


def test_a_wrong_checksum_of_gzip_is_noticed(source: Callable[[bytes], Source], memory: Callable[[], Memory]) -> None:
    content = bytearray(gzip.compress(encode(MNIST)))
    content[-8] ^= 1
    with pytest.raises(Failure, match="CRC check failed") as caught:
        idx.read(source(bytes(content)), memory())
    assert caught.value.reason == "DamagedData"


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("shape", [(2**32 - 1,), (2**32 - 1,) * 8, (60_000, 28, 28)])
def test_a_header_that_claims_more_than_the_file_can_hold_costs_nothing(
    source: Callable[[bytes], Source], *, memory: Callable[[], Memory], shape: tuple[int, ...], compress: bool
) -> None:
    content = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape) + b"few"
    file = source(gzip.compress(content) if compress else content)
    tracemalloc.start()
    try:
        with pytest.raises(
            Failure, match="its header announces", check=lambda failure: failure.reason == "TruncatedData"
        ):
            idx.read(file, memory())
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", [(2**32 - 1, 2**32 - 1, 0), (0, *[2**32 - 1] * 7)])
def test_sizes_that_are_nothing_together_and_too_much_alone_are_damage(
    source: Callable[[bytes], Source], memory: Callable[[], Memory], shape: tuple[int, ...]
) -> None:
    content = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
    with pytest.raises(Failure, match="its header announces") as caught:
        idx.read(source(content), memory())
    assert caught.value.reason == "DamagedData"


def test_a_gzip_bomb_is_not_expanded(source: Callable[[bytes], Source], memory: Callable[[], Memory]) -> None:
    bomb = gzip.compress(struct.pack(">BBBBI", 0, 0, 8, 1, 10) + bytes(50_000_000), compresslevel=1)
    file = source(bomb)
    tracemalloc.start()
    try:
        with pytest.raises(Failure, match="more follows than the 10 bytes"):
            idx.read(file, memory())
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_data_above_the_budget_is_refused(source: Callable[[bytes], Source]) -> None:
    with pytest.raises(Failure, match=r"file takes 60 bytes in memory, and only 59 .*limits.memory") as caught:
        idx.read(source(encode(MNIST)), Memory(59))
    assert caught.value.reason == "DataTooLarge"


@pytest.mark.parametrize("head", [b"\0\0\x0a\1", b"\0\0\x08\0", b"\0\0\x08\x09", b"\1\0\x08\1", b"\0\0\x08"])
def test_no_idx_header(head: bytes) -> None:
    assert not idx.is_idx(head)
