import builtins
import codecs
import collections
import gzip
import os
import pickle
import struct
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from epochal_trainer.data.arrays import Array
from epochal_trainer.data.formats import pickled, pickled_arrays
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.source import DataFile
from epochal_trainer.lib.failures import Failure
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.unit.trainer.expect import expect_failure, expect_peak_memory

Read = Callable[[bytes], Any]
X = np.array([[1.5, -2], [3, 250]], "f4")
Y = np.array([1, 0], "u1")
TYPES = ["?", "u1", "i2", "<i4", ">i4", "u8", "f2", "<f4", ">f8"]

PYTHON_2_TEXT = (
    b"(cnumpy.core.multiarray\n_reconstruct\np1\n(cnumpy\nndarray\np2\n(I0\ntp3\nS'b'\np4\ntp5\nRp6\n"
    b"(I1\n(I2\nI2\ntp7\ncnumpy\ndtype\np8\n(S'f4'\np9\nI0\nI1\ntp10\nRp11\n"
    b"(I3\nS'<'\np12\nNNNI-1\nI-1\nI0\ntp13\nbI00\nS'\\x00\\x00\\xc0?\\x00\\x00\\x00\\xc0\\x00\\x00@@\\x00\\x00zC'\np14\n"
    b"tp15\nbg1\n(g2\n(I0\ntp16\ng4\ntp17\nRp18\n(I1\n(I2\ntp19\ng8\n(S'u1'\np20\nI0\nI1\ntp21\nRp22\n"
    b"(I3\nS'|'\np23\nNNNI-1\nI-1\nI0\ntp24\nbI00\nS'\\x01\\x00'\np25\ntp26\nbtp27\n."
)
"""What Python 2 with numpy 1 writes for (X, Y) in protocol 0."""


def short(text: bytes) -> bytes:
    return b"U" + bytes([len(text)]) + text


def python_2_array(array: Array) -> bytes:
    """What Python 2 with numpy 1 writes for an array in protocol 2: strings where Python 3 has bytes."""
    shape = b"".join(b"K" + bytes([size]) for size in array.shape)
    kind = b"cnumpy\ndtype\n" + short(array.dtype.str[1:].encode()) + b"K\0K\1\x87R"
    order = short(array.dtype.byteorder.replace("=", "<").encode())
    state = b"(K\3" + order + b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\0tb"
    begin = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85" + short(b"b") + b"\x87R"
    return begin + b"(K\1(" + shape + b"t" + kind + state + b"\x89" + short(array.tobytes()) + b"tb"


class Calls:
    """An object whose pickle calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


class Plain:
    """An object of a class."""


@pytest.fixture(scope="session")
def read(source: Callable[[bytes], DataFile], memory: Callable[[], MemoryBudget]) -> Read:
    return lambda content: pickled.read(source(content), memory())


def channels_last(x: Array) -> Array:
    """Lays an array out as one that was stored with its last axis first."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, -1, 0)), 0, -1)


@pytest.mark.parametrize(
    "axes", [(0, 1, 1), (0, 1), (0, 1, 3), (0, 1, -1), "012", [0, 1, 2], (0, 1, 2.0), (0, True, 2)]
)
def test_invalid_order_of_axes(axes: Any) -> None:
    kind = pickled_arrays.PickledType("u1")
    with pytest.raises((TypeError, ValueError), match="axes"):
        pickled_arrays.PickledArray.from_buffer(bytes(8), kind, (2, 2, 2), "K", axes)


@given(
    x=st.sampled_from(TYPES).flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(max_dims=4, max_side=4))),
    protocol=st.integers(0, pickle.HIGHEST_PROTOCOL),
    layout=st.sampled_from([np.ascontiguousarray, np.asfortranarray, channels_last]),
    gzipped=st.booleans(),
    container=st.sampled_from([tuple, list]),
)
def test_read(
    read: Read,
    *,
    x: Array,
    protocol: int,
    layout: Callable[[Array], Array],
    gzipped: bool,
    container: Callable[[Any], Any],
) -> None:
    pair = container([layout(x), Y])
    content = pickle.dumps(pair, protocol)
    found = read(gzip.compress(content) if gzipped else content)
    np.testing.assert_array_equal(found.features, x)
    np.testing.assert_array_equal(found.labels, Y)
    assert found.features.dtype.isnative
    assert (found.features_source, found.labels_source) == ("file[0]", "file[1]")


@pytest.mark.parametrize("protocol", range(2, 6))
def test_read_numpy_1(read: Read, protocol: int) -> None:
    content = pickle.dumps((X, Y), protocol)
    renamed = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    renamed = renamed.replace(b"\x8c\x16numpy.core", b"\x8c\x15numpy.core").replace(
        b"numpy._core.numeric", b"numpy.core.numeric"
    )
    renamed = renamed.replace(b"\x8c\x13numpy.core", b"\x8c\x12numpy.core")
    if protocol >= 4:  # frames count bytes: leave them out, as small pickles do
        begin = renamed.index(b"\x95")
        renamed = renamed[:begin] + renamed[begin + 9 :]
    assert b"_core" not in renamed
    found = read(renamed)
    np.testing.assert_array_equal(found.features, X)
    np.testing.assert_array_equal(found.labels, Y)


@pytest.mark.parametrize(
    "content",
    [
        PYTHON_2_TEXT,
        b"\x80\x02" + python_2_array(X) + python_2_array(Y) + b"\x86.",
        b"(" + python_2_array(X).replace(b"\x89", b"I00\n") + python_2_array(Y).replace(b"\x89", b"I00\n") + b"t.",
        b"]q\0(" + python_2_array(X) + python_2_array(Y) + b"e.",
    ],
)
def test_read_python_2(read: Read, content: bytes) -> None:
    assert pickled.is_pickle(content)
    found = read(content)
    np.testing.assert_array_equal(found.features, X)
    np.testing.assert_array_equal(found.labels, Y)
    assert (found.features.dtype, found.labels.dtype) == (X.dtype, Y.dtype)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    ("hostile", "name"),
    [
        (Calls(os.system, "true"), "posix.system"),
        (Calls(eval, "1"), "eval"),
        (Calls(exec, ""), "exec"),
        (Calls(getattr, "a", "upper"), "getattr"),
        (Calls(builtins.open, "/etc/hostname"), "open"),
        (Calls(subprocess.Popen, ["true"]), "Popen"),
        (Calls(codecs.lookup, "rot13"), "lookup"),
        (Calls(np.load, "file"), "numpy.load"),
        (Calls(np.fromfile, "/etc/hostname"), "numpy"),
        (Calls(np.ndarray, (10**9,), np.dtype("f8")), "numpy.ndarray"),
        (Calls(np.frombuffer, b"12345678"), "frombuffer"),
        (Calls(bytearray, 10**10), "bytearray"),
        (collections.OrderedDict(a=1), "collections.OrderedDict"),
        (np.ma.masked_array([1, 2], [True, False]), "numpy.ma"),
        (np.random.default_rng(0), "numpy.random"),
        (Plain(), "Plain|copy_reg|copyreg"),
        ({"deep": [({"er": [Calls(os.system, "true")]},)]}, "posix.system"),
    ],
)
def test_unsafe_names(read: Read, hostile: Any, name: str, protocol: int) -> None:
    with expect_failure("UnsafePickle", f"file refers to .*({name}).*only numpy arrays"):
        read(pickle.dumps((X, hostile), protocol))


def nested_lists() -> Any:
    """Returns a list that contains another list twice, and so on, at a hundred levels."""
    inner: Any = []
    for _ in range(100):
        inner = [inner, inner]
    return inner


@pytest.mark.parametrize("hostile", [nested_lists(), [nested_lists()], (X, nested_lists())])
def test_exponentially_nested_lists(read: Read, hostile: Any) -> None:
    with expect_failure("MissingArrays", r"file holds a (list|tuple) of \d: "):
        read(pickle.dumps(hostile))


TYPE = b"cnumpy\ndtype\n(U\x02f8K\0K\1tR"
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tU\x01btR"
HUGE = struct.pack("<Q", 2**50)
NESTED = b"K\1" + b"2\x86" * 22
"""A tuple that contains another tuple twice, and so on: four million numbers for a reader of nested content."""
PLENTY = struct.pack("<I", 5_000_000)


def of_shape(shape: bytes) -> bytes:
    """A pair of arrays of which one has this shape."""
    return b"\x80\x02" + ARRAY + b"(K\1" + shape + TYPE + b"\x89U\x00tb" + ARRAY + b"\x86."


def ordered(order: bytes) -> bytes:
    """A pair of arrays of a type whose byte order reads like this."""
    kind = (
        TYPE.replace(b"f8", b"f4")
        + b"(K\3B"
        + struct.pack("<I", len(order))
        + order
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    )
    return b"\x80\x02" + (ARRAY + b"(K\1K\2\x85" + kind + b"\x89U\x10" + b"\1" * 16 + b"tb") * 2 + b"\x86."


def transposed(axes: bytes) -> bytes:
    """An array with its axes in this order."""
    return b"\x80\x04cnumpy._core.numeric\n_frombuffer\n(C\x08" + b"\0" * 8 + TYPE + b"K\1\x85U\1K" + axes + b"tR."


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"(S'true'\niposix\nsystem\n.", "UnsafePickle"),
        (b"\x80\x02cnumpy\nndarray\n(K\5tR.", "UnsafePickle"),
        (b"(K\5inumpy\nndarray\n.", "UnsafePickle"),
        (b"\x80\x02cnumpy\nndarray\n(K\5t\x81.", "DamagedData"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "UnsafePickle"),
        (b"\x80\x04\x8c\x05numpy\x8c\x15ndarray.__reduce_ex__\x93.", "UnsafePickle"),
        (b"\x80\x04\x8c\x05posix\xe2\x80\xae\x8c\x03a\x00b\x93.", "DamagedData"),
        (b"\x80\x02cnumpy\ndtype\n}U\x04callNsb.", "DamagedData"),
        (b"\x80\x02cnumpy\ndtype\nN}U\x04callNs\x86b.", "DamagedData"),
        (b"\x80\x02]}U\x06appendNsb.", "DamagedData"),
        (b"\x80\x02\x82\x01.", "DamagedData"),
        (b"\x80\x02Pid\n.", "DamagedData"),
        (b"\x80\x02N\x98.", "DamagedData"),
        (b"\x80\x02\xff.", "DamagedData"),
        (b"\x80\x02.", "DamagedData"),
        (b"\x80\x02NN\x86.", "MissingArrays"),
        (b"\x80\x02}.", "MissingArrays"),
        (b"\x80\x02" + ARRAY + b".", "MissingArrays"),
        (b"\x80\x02" + ARRAY * 3 + b"\x87.", "MissingArrays"),
        (b"\x80\x02cnumpy\ndtype\n(U\x02O8K\0K\1tR.", "UnsupportedType"),
        (b"\x80\x02cnumpy\ndtype\n(U\x02S8K\0K\1tR.", "UnsupportedType"),
        (b"\x80\x02cnumpy\ndtype\n(U\x03c16K\0K\1tR.", "UnsupportedType"),
        (b"\x80\x02" + TYPE + b"(K\3U\x01<" + TYPE + b"NNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb.", "UnsupportedType"),
        (ordered(b"V4,"), "UnsupportedType"),
        (ordered(b"S4,"), "UnsupportedType"),
        (ordered(b"(2,)"), "UnsupportedType"),
        (ordered(b"f8," * 300_000), "UnsupportedType"),
        (b"\x80\x02" + TYPE + b"K\1b.", "DamagedData"),
        (b"\x80\x02" + ARRAY + b"(K\1(K\2t" + TYPE + b"\x89]tbN\x86.", "DamagedData"),
        (b"\x80\x02" + ARRAY + b"(K\1(U\x01xt" + TYPE + b"\x89U\x00tbN\x86.", "DamagedData"),
        (b"\x80\x02" + ARRAY + b"(K\1(J\xff\xff\xff\xfft" + TYPE + b"\x89U\x00tbN\x86.", "DamagedData"),
        (b"\x80\x02" + ARRAY + b"(K\1(K\2t" + TYPE + b"\x89U\x00tb" + ARRAY + b"\x86.", "DamagedData"),
        (of_shape(b"(K\0\x8a\x09" + bytes([255] * 8) + b"\0t"), "DamagedData"),
        (b"\x80\x05\x8e" + HUGE + b"few", "TruncatedData"),
        (b"\x80\x05\x96" + HUGE + b"few", "TruncatedData"),
        (b"\x80\x05\x8d" + HUGE + b"few", "TruncatedData"),
        (b"\x80\x05\x95" + HUGE + b"few", "TruncatedData"),
        (b"\x80\x05\x8b\xff\xff\xff\x7f\x01", "TruncatedData"),
        (b"\x80\x02Nr\xff\xff\xff\xff.", "MissingArrays"),
        (b"\x80\x02" + b"\x8f" * 100_010 + b".", "UnsupportedType"),
        (b"(" * 100_010 + b".", "UnsupportedType"),
        (of_shape(NESTED), "DamagedData"),
        (of_shape(b"K\2" + NESTED + b"\x86"), "DamagedData"),
        (of_shape(b"(" + b"\x8a\x08" + b"\xff" * 7 + b"\x7f" + b"2" * 999 + b"t"), "DamagedData"),
        (of_shape(b"(\x8b" + struct.pack("<i", 30_000) + b"\x7f" * 30_000 + b"2" * 63 + b"t"), "DamagedData"),
        (transposed(NESTED), "DamagedData"),
        (b"\x80\x02cnumpy\ndtype\n" + NESTED + b"\x85R.", "DamagedData"),
        (b"\x80\x02" + TYPE + b"(K\3" + NESTED + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb.", "DamagedData"),
        (b"\x80\x02}" + NESTED + b"Ns.", "MissingArrays"),
        (b"\x80\x02}(" + NESTED + b"Nu.", "MissingArrays"),
        (b"\x80\x02(" + NESTED + b"Nd.", "MissingArrays"),
        (b"\x80\x04\x8f(" + NESTED + b"\x90.", "MissingArrays"),
        (b"\x80\x04(" + NESTED + b"\x91.", "MissingArrays"),
        (b"\x80\x02cnumpy\ndtype\nB" + PLENTY + b"\0" * 5_000_000 + b"R.", "DamagedData"),
        (b"\x80\x02cnumpy\ndtype\nB" + PLENTY + b"\0" * 5_000_000 + b"\x81.", "DamagedData"),
        (b"\x80\x02" + TYPE + b"B" + PLENTY + b"\0" * 5_000_000 + b"b.", "DamagedData"),
        (b"\x80\x04X" + PLENTY + b"x" * 5_000_000 + b"\x8c\x01y\x93.", "UnsafePickle"),
        (
            b"\x80\x02X" + PLENTY + b"x" * 5_000_000 + b"q\1" + b"c_codecs\nencode\nh\1\x85R" * 50 + b".",
            "MissingArrays",
        ),
        (b"\x80\x02]" + b"h\0" * 5 + b"I" + b"9" * 100_000 + b"\n.", "DamagedData"),
    ],
)
def test_hostile_pickle(read: Read, content: bytes, reason: str) -> None:
    with expect_peak_memory(40_000_000), pytest.raises(Failure) as caught:
        read(content)
    assert caught.value.reason == reason, caught.value.message
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        b"X" + PLENTY + b"x" * 4_999_996 + "\U0001f4be".encode(),
        b"\x8d" + struct.pack("<Q", 5_000_000) + b"x" * 4_999_996 + "\U0001f4be".encode(),
        b"V" + b"x" * 4_999_990 + b"\\U0001f4be\n",
        b"V" + b"x" * 4_999_994 + b"\\u20ac\n",
    ],
)
def test_wide_characters_count_in_the_memory_budget(source: Callable[[bytes], DataFile], text: bytes) -> None:
    file = source(b"\x80\x04" + text + b".")
    with expect_peak_memory(12_000_000), expect_failure("DataTooLarge", r"takes [\d,]+ bytes in memory"):
        pickled.read(file, MemoryBudget(24_000_000))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_array_stored_as_text_needs_no_more_memory(source: Callable[[bytes], DataFile], protocol: int) -> None:
    every = np.frombuffer(bytes(range(256)) * 4000 + rb"\u20ac \U0001f4be", "u1")
    content = pickle.dumps((every, Y), protocol)
    found = pickled.read(source(content), MemoryBudget(len(content) * 2))
    np.testing.assert_array_equal(found.features, every)


def test_type_flags_are_ignored(read: Read) -> None:
    """numpy believes the flags in a type's state, and then takes bytes for addresses of objects."""
    state = b"(K\3U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb"
    array = ARRAY + b"(K\1(K\1t" + TYPE + state + b"\x89" + short(b"AAAAAAAA") + b"tb"
    found = read(b"\x80\x02" + array + array + b"\x86.")
    assert not found.features.dtype.hasobject
    assert found.features.tobytes() == b"AAAAAAAA"


@pytest.mark.parametrize("content", [PYTHON_2_TEXT, *(pickle.dumps((X, Y), protocol) for protocol in range(6))])
def test_truncated_file(read: Read, content: bytes) -> None:
    for length in range(2, len(content)):
        with expect_failure("TruncatedData"):
            read(content[:length])


@given(data=st.data())
def test_damaged_pickle(read: Read, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([PYTHON_2_TEXT, pickle.dumps((X, Y), 2), pickle.dumps((X, Y), 5)])))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read(bytes(content))
    except Failure:
        return
    assert found.features.dtype.kind in "biuf"


@given(program=st.lists(st.sampled_from([*pickled.OPCODES, TYPE, ARRAY, b"\0", b"\n"])))
def test_random_opcodes(read: Read, program: list[bytes]) -> None:
    with pytest.raises(Failure):
        read(b"\x80\x04" + b"".join(program))


def test_gzip_bomb(source: Callable[[bytes], DataFile]) -> None:
    file = source(gzip.compress(b"\x80\x05\x8e" + struct.pack("<Q", 50_000_000) + bytes(50_000_000), 1))
    with (
        expect_peak_memory(20_000_000),
        expect_failure("DataTooLarge", r"takes 50,000,000 bytes in memory, but only 9,99.* are left"),
    ):
        pickled.read(file, MemoryBudget(10_000_000))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("names", [["cat", "großer Hund"], ("cat", "großer Hund")])
def test_class_names(read: Read, names: Any, protocol: int) -> None:
    found = read(pickle.dumps((X, Y, names), protocol))
    assert found.class_names == ("file[2]", ("cat", "großer Hund"), "")
    assert found.labels.tolist() == Y.tolist()
    assert read(pickle.dumps((X, Y), protocol)).class_names is None


@pytest.mark.parametrize("odd", [[1, 2], [["cat"], ["dog"]], ["cat\n"], [None], nested_lists(), [X]])
def test_invalid_class_names_do_not_fail(read: Read, odd: Any) -> None:
    found = read(pickle.dumps((X, Y, odd)))
    assert found.class_names.names == ()
    assert " at [0]: a name must be 1 to 128 characters" in found.class_names.error


def test_advice_for_features_or_labels_as_text(read: Read) -> None:
    advice = r"file holds strings: .* pandas.get_dummies.* with names, y = numpy.unique\(y, return_inverse=True\)$"
    with pytest.raises(Failure, match=advice):
        read(pickle.dumps((X, np.array(["cat", "dog"]))))
