import gzip
import io
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from epochal_trainer.data.formats import npz
from epochal_trainer.data.formats.npz_names import Names, Role
from epochal_trainer.data.memory import Memory
from epochal_trainer.data.samples import Array, Samples
from epochal_trainer.data.source import Source
from epochal_trainer.lib.failures import Failure
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

X = np.arange(12.0).reshape(3, 4)
Y = np.array([0, 1, 2])
TYPES = ["?", "u1", "i2", "<i4", ">i4", "u8", "f2", "<f4", ">f8"]


def encode(*, compressed: bool = False, **named: Any) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **named)
    return file.getvalue()


def zipped(name: str, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr(f"{name}.npy", content)
        archive.writestr("y.npy", content)
    return file.getvalue()


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode("latin-1").ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def read(source: Source, memory: Memory) -> Samples:
    return npz.read(source, ["train"], memory)["train"]


@given(
    x=st.sampled_from(TYPES).flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(max_dims=4, max_side=4))),
    compressed=st.booleans(),
    fortran=st.booleans(),
    gzipped=st.booleans(),
)
def test_reads_what_numpy_wrote(
    source: Callable[[bytes], Source],
    *,
    memory: Callable[[], Memory],
    x: Array,
    compressed: bool,
    fortran: bool,
    gzipped: bool,
) -> None:
    content = encode(compressed=compressed, x=np.asfortranarray(x) if fortran else x, y=Y)
    found = read(source(gzip.compress(content) if gzipped else content), memory())
    np.testing.assert_array_equal(found.features, x)
    np.testing.assert_array_equal(found.labels, Y)
    assert found.features.dtype.isnative
    assert found.features_name == "file[x]"


@pytest.mark.parametrize(
    ("names", "role", "chosen"),
    [
        ("x y", "train", "x y"),
        ("x y", "test", "x y"),
        ("features labels", "validation", "features labels"),
        ("x_train y_train x_test y_test", "train", "x_train y_train"),
        ("x_train y_train x_test y_test", "test", "x_test y_test"),
        ("x_train y_train x_val y_val", "validation", "x_val y_val"),
        ("x_train y_train x y", "test", "x y"),
    ],
)
def test_chooses_by_name(names: str, role: Role, chosen: str) -> None:
    assert npz.choose(names.split(), role, "file")[:2] == tuple(chosen.split())


@pytest.mark.parametrize(
    ("names", "role"), [("x_train y_train", "test"), ("x", "train"), ("a b", "train"), ("x_train y_test", "train")]
)
def test_says_which_names_are_missing(names: str, role: Role) -> None:
    with pytest.raises(Failure, match=f"file holds .*: for spec.data.{role} it must hold .* x and y") as caught:
        npz.choose(names.split(), role, "file")
    assert caught.value.reason == "MissingArrays"


@pytest.mark.parametrize(
    ("names", "role", "advice"),
    [
        ("x_train y_train x_valid y_valid", "validation", "labels: rename x_valid to x_val and y_valid to y_val$"),
        ("X_train Y_train", "train", "features and labels: rename X_train to x_train and Y_train to y_train$"),
        ("features targets", "train", "features and labels: rename features to x and targets to y$"),
        ("arr_0 arr_1", "train", r"features and labels: name them as you save them, numpy.savez\(FILE, x=…, y=…\)$"),
        ("a b", "train", "features and labels$"),
    ],
)
def test_says_which_names_may_have_been_meant(names: str, role: Role, advice: str) -> None:
    with pytest.raises(Failure, match=advice) as caught:
        npz.choose(names.split(), role, "file")
    assert caught.value.reason == "MissingArrays"


@pytest.mark.parametrize("compressed", [False, True])
def test_every_cut_is_noticed(
    source: Callable[[bytes], Source], *, memory: Callable[[], Memory], compressed: bool
) -> None:
    content = encode(compressed=compressed, x=X, y=Y)
    for length in range(len(content)):
        with pytest.raises(Failure, check=lambda failure: failure.reason == "TruncatedData"):
            read(source(content[:length]), memory())


@given(data=st.data())
def test_a_changed_byte_never_gives_other_numbers(
    source: Callable[[bytes], Source], memory: Callable[[], Memory], data: st.DataObject
) -> None:
    content = bytearray(encode(x=X, y=Y))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    try:
        found = read(source(bytes(content)), memory())
    except Failure:
        return
    np.testing.assert_array_equal(found.features, X)
    np.testing.assert_array_equal(found.labels, Y)


@pytest.mark.parametrize(
    ("array", "what"),
    [
        (np.array([1, "a"], dtype=object), "Python objects: .*class indices by names, y = numpy.unique"),
        (np.array(["a", "b"]), r"elements of type <U1: .*by names, y = numpy.unique\(y, return_inverse=True\)$"),
        (np.array([1j]), "elements of type complex128: it must hold booleans, integers or floats of at most 64 bits$"),
        (np.array(["2026-01-01"], dtype="M8[D]"), "elements of type datetime64"),
        (np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]), "elements of type"),
        (np.zeros(2, dtype=np.longdouble), "elements of type float128"),
    ],
)
def test_arrays_of_no_numbers_are_refused(
    source: Callable[[bytes], Source], memory: Callable[[], Memory], array: Array, what: str
) -> None:
    with pytest.raises(Failure, match=rf"file\[x\] holds {what}") as caught:
        read(source(encode(x=array, y=Y)), memory())
    assert caught.value.reason == "UnsupportedType"


@pytest.mark.parametrize(
    "content",
    [
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 1000)}"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-5,)}"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", b"12345678"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (0,)}", b"12345678"),
        npy("{'descr': '<f8', 'fortran_order': False}"),
        npy("__import__('os').system('true')"),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(100_000),
        b"no array",
        b"",
    ],
)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_header_that_lies_is_damage(
    source: Callable[[bytes], Source], memory: Callable[[], Memory], content: bytes, compression: int
) -> None:
    with pytest.raises(Failure) as caught:
        read(source(zipped("x", content, compression)), memory())
    assert caught.value.reason == "DamagedData"


@pytest.mark.parametrize("gzipped", [False, True])
def test_a_bomb_is_refused_before_it_is_expanded(
    source: Callable[[bytes], Source], *, memory: Callable[[], Memory], gzipped: bool
) -> None:
    content = encode(compressed=not gzipped, x=np.zeros(70_000_000, "u1"), y=Y)
    file = source(gzip.compress(content, 1) if gzipped else content)
    del content
    tracemalloc.start()
    try:
        with pytest.raises(Failure, match=r"takes .* bytes in memory") as caught:
            read(file, memory())
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.reason == "DataTooLarge"


def test_a_member_that_claims_more_than_deflate_can_hold_is_damage(
    source: Callable[[bytes], Source], memory: Callable[[], Memory]
) -> None:
    content = bytearray(zipped("x", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (30000000,)}")))
    directory = content.index(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (30_000_128).to_bytes(4, "little")
    with pytest.raises(Failure, match="more than its part of the file can hold") as caught:
        read(source(bytes(content)), memory())
    assert caught.value.reason == "DamagedData"


def test_a_directory_without_end_is_not_read(source: Callable[[bytes], Source], memory: Callable[[], Memory]) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(20_000):
            archive.writestr(zipfile.ZipInfo(f"{number:010}"), b"")
    content = source(file.getvalue())
    tracemalloc.start()
    try:
        with pytest.raises(Failure, match=r"its directory takes 1,120,000 bytes") as caught:
            read(content, memory())
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.reason == "DamagedData"


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_that_numpy_does_not_use_is_not_undone(
    source: Callable[[bytes], Source], memory: Callable[[], Memory], compression: int
) -> None:
    content = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}", b"123")
    with pytest.raises(Failure, match="compressed in a way that numpy never does") as caught:
        read(source(zipped("x", content, compression)), memory())
    assert caught.value.reason == "DamagedData"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("x" * 9_900, "DamagedData"),
        ("\x9f" * 9_900, "DamagedData"),
        ("(" * 9_900, "DamagedData"),
        ("-" * 9_900 + "1", "DamagedData"),
        (f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({'-1, ' * 2_400})}}", "DamagedData"),
        (f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({'9' * 4_000}, {'9' * 4_000})}}", "DamagedData"),
        (f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({'9' * 9_000},)}}", "DamagedData"),
        (f"{{'descr': {'[' * 1_000}{']' * 1_000}, 'fortran_order': False, 'shape': (1,)}}", "DamagedData"),
        (f"{{'descr': '{'f8,' * 3_000}', 'fortran_order': False, 'shape': (1,)}}", "UnsupportedType"),
        ("{'descr': '(2,2,2,2,2,2,2,2)f8', 'fortran_order': False, 'shape': (1,)}", "UnsupportedType"),
    ],
)
def test_a_message_holds_no_whole_header(
    source: Callable[[bytes], Source], memory: Callable[[], Memory], header: str, reason: str
) -> None:
    with pytest.raises(Failure) as caught:
        read(source(zipped("x", npy(header))), memory())
    assert caught.value.reason == reason
    assert len(caught.value.message) < 600


def test_long_names_are_cut(source: Callable[[bytes], Source], memory: Callable[[], Memory]) -> None:
    names: dict[str, Any] = {f"{number}{'x' * 5_000}": Y for number in range(50)}
    with pytest.raises(Failure, match="it must hold x_train and y_train") as caught:
        read(source(encode(**names)), memory())
    assert len(caught.value.message) < 3_000


@pytest.mark.parametrize(
    ("suffix", "weights"), [("", "sample_weight"), ("_train", "sample_weight_train")], ids=["one set", "several"]
)
def test_weights_lie_beside_the_data(
    source: Callable[[bytes], Source], memory: Callable[[], Memory], suffix: str, weights: str
) -> None:
    arrays: dict[str, Any] = {f"x{suffix}": X, f"y{suffix}": Y, weights: Y / 2}
    found = read(source(encode(**arrays)), memory())
    assert found.weights is not None
    np.testing.assert_array_equal(found.weights, [0, 0.5, 1])
    assert (found.features_name, found.weights_name) == (f"file[x{suffix}]", f"file[{weights}]")


def test_all_that_is_read_of_a_file_is_read_at_once(
    source: Callable[[bytes], Source], memory: Callable[[], Memory]
) -> None:
    arrays: dict[str, Any] = {"x_train": X, "y_train": Y, "x_test": X[:2], "y_test": Y[:2], "sample_weight_test": Y[:2]}
    found = npz.read(source(encode(**arrays)), ["train", "test"], memory())
    assert {role: len(samples) for role, samples in found.items()} == {"train": 3, "test": 2}
    assert (found["train"].weights is None, found["test"].weights is None) == (True, False)


NAMES = ("cat", "dog", "großer Hund")


@pytest.mark.parametrize(
    ("array", "names"),
    [
        (np.array(NAMES), NAMES),
        (np.array(NAMES).astype(">U20"), NAMES),
        (np.array([name.encode() for name in NAMES]), NAMES),
        (np.array([3, 5, 10**12]), ("3", "5", str(10**12))),
        (np.array([], "U3"), ()),
    ],
)
@pytest.mark.parametrize("name", ["class_names", "classes", "label_names", "target_names"])
def test_names_of_classes_lie_beside_the_data_of_all_parts(
    source: Callable[[bytes], Source], memory: Callable[[], Memory], name: str, array: Array, names: tuple[str, ...]
) -> None:
    arrays: dict[str, Any] = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y, name: array}
    for samples in npz.read(source(encode(**arrays)), ["train", "test"], memory()).values():
        assert samples.class_names == (f"file[{name}]", names, "")


def test_one_array_names_the_classes(source: Callable[[bytes], Source], memory: Callable[[], Memory]) -> None:
    found = read(source(encode(x=X, y=Y, classes=[0, 1, 2], class_names=[*NAMES])), memory())
    assert found.class_names is not None
    assert found.class_names.names == NAMES
    assert read(source(encode(x=X, y=Y)), memory()).class_names is None


@pytest.mark.parametrize(
    ("array", "fault"),
    [
        (np.array(NAMES, object), r"Python objects, .*: save them as text, class_names.astype\(str\)"),
        (np.array([0.5]), "elements of type float64: names must be text"),
        (np.array([["a", "b"]]), "an array of 2 axes: .* one axis"),
        (np.array("a"), "an array of 0 axes: .* one axis"),
        (np.array([*"ab"] * 3000), "6,000 names, and 4,096 are the most"),
        (np.zeros(2**21, "U3"), "25,165,824 bytes: 16,777,216 are the most"),
    ],
)
def test_names_that_are_none_refuse_no_data(
    source: Callable[[bytes], Source], memory: Callable[[], Memory], array: Array, fault: str
) -> None:
    found = read(source(encode(compressed=True, x=X, y=Y, class_names=array)), memory()).class_names
    assert found is not None
    assert re.fullmatch(fault, found.fault), found.fault
    assert found.names == ()


ALL = "x_train y_train x_test y_test"


@pytest.mark.parametrize(
    ("names", "roles", "elsewhere"),
    [
        ("x y", ["train", "test"], []),
        ("x y sample_weight", ["train"], []),
        ("x y class_names target_names", ["train"], []),
        (ALL, ["train", "test"], []),
        (ALL + " sample_weight_train", ["train", "test"], ["validation"]),
        (ALL, ["test"], ["train"]),
        (ALL + " sample_weight_test x_val", ["train"], ["validation", "test"]),
    ],
)
def test_what_is_read_by_some_part_or_said_to_lie_elsewhere(
    names: str, roles: list[Role], elsewhere: list[Role]
) -> None:
    chosen = {role: npz.choose(names.split(), role, "file") for role in roles}
    npz.check_unread(names.split(), chosen, "file", elsewhere)


@pytest.mark.parametrize(
    ("names", "roles", "message"),
    [
        ("x y weight", ["train"], r"weight, which .*spec.data.train reads x, y, sample_weight, .*rename weight to sam"),
        ("x y sample_weights", ["train"], "sample_weights, .*: rename sample_weights to sample_weight, if that is"),
        ("x y ids notes", ["train"], "ids, notes, which .*: save the file without what no part of the job is to read"),
        ("x y names", ["train"], "names, which .*: rename names to class_names, if that is what it is"),
        ("x y classes names", ["train"], "names, which .*: save the file without what no part of the job is to read"),
        ("x y features labels", ["train"], "features, labels, which no part of this job reads"),
        (ALL, ["train"], "x_test, y_test, which .*: name file as spec.data.test.object, to read x_test and y_test, or"),
        (ALL + " x_val y_val", ["train", "test"], "x_val, y_val, .*: name file as spec.data.validation.object, to"),
        (
            ALL + " sample_weight",
            ["train", "test"],
            "sample_weight, .*: rename sample_weight to sample_weight_test or sample_weight_train",
        ),
        (ALL + " x y", ["train", "test"], "x, y, which no part"),
        (
            ALL + " X_valid y_valid",
            ["train", "test"],
            "X_valid, y_valid, .*: rename X_valid to x_val and y_valid to y_val, and name file as spec.data.valid",
        ),
    ],
)
def test_what_no_part_of_the_job_reads_is_refused(names: str, roles: list[Role], message: str) -> None:
    chosen = {role: npz.choose(names.split(), role, "file") for role in roles}
    with pytest.raises(Failure, match=f"file holds {message}") as caught:
        npz.check_unread(names.split(), chosen, "file")
    assert (caught.value.reason, caught.value.exit_code) == ("UnreadArrays", 65)


def test_no_other_object_is_named_for_what_the_spec_has_one_for() -> None:
    chosen: dict[Role, Names] = {"train": npz.choose(ALL.split(), "train", "file")}
    with pytest.raises(Failure, match="holds x_valid, y_valid, which") as caught:
        npz.check_unread([*ALL.split(), "x_valid", "y_valid"], chosen, "file", ["validation", "test"])
    assert "spec.data.validation.object" not in caught.value.message


def test_nothing_is_read_of_a_file_with_more_than_is_read(
    source: Callable[[bytes], Source], memory: Callable[[], Memory]
) -> None:
    budget = memory()
    before = budget.left
    with pytest.raises(Failure, match=r"file holds weights, which no part"):
        read(source(encode(x=X, y=Y, weights=Y)), budget)
    assert budget.left == before
