import gzip
import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from epochal_api.array_names import ArrayNames, Role
from epochal_trainer.data.arrays import Array
from epochal_trainer.data.formats import npz
from epochal_trainer.data.formats.npz_choice import check_unread_arrays, choose_arrays
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.network_arrays import NetworkArrays
from epochal_trainer.data.source import DataFile
from epochal_trainer.data.texts import TEXT_BYTES, as_characters
from epochal_trainer.lib.failures import Failure
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.unit.trainer.expect import expect_failure, expect_peak_memory

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


Read = Callable[..., Any]


@pytest.fixture(scope="session")
def read_sets(source: Callable[[bytes], DataFile], memory: Callable[[], MemoryBudget]) -> Read:
    """Reads the data sets with some roles, or the training set, from the content of a file."""
    return lambda content, *roles: npz.read(source(content), roles, memory())


@pytest.fixture(scope="session")
def read(read_sets: Read) -> Read:
    return lambda content: read_sets(content, "train")["train"]


@given(
    x=st.sampled_from(TYPES).flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(max_dims=4, max_side=4))),
    compressed=st.booleans(),
    fortran=st.booleans(),
    gzipped=st.booleans(),
)
def test_read(read: Read, *, x: Array, compressed: bool, fortran: bool, gzipped: bool) -> None:
    content = encode(compressed=compressed, x=np.asfortranarray(x) if fortran else x, y=Y)
    found = read(gzip.compress(content) if gzipped else content)
    np.testing.assert_array_equal(found.features, x)
    np.testing.assert_array_equal(found.labels, Y)
    assert found.features.dtype.isnative
    assert found.features_source == "file[x]"


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
def test_choose_arrays(names: str, role: Role, chosen: str) -> None:
    assert choose_arrays(names.split(), role, "file").required == tuple(chosen.split())


@pytest.mark.parametrize(
    ("names", "role"), [("x_train y_train", "test"), ("x", "train"), ("a b", "train"), ("x_train y_test", "train")]
)
def test_missing_arrays(names: str, role: Role) -> None:
    with expect_failure("MissingArrays", f"file holds .*: for spec.data.{role} it must hold .* x and y"):
        choose_arrays(names.split(), role, "file")


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
def test_missing_arrays_with_suggested_names(names: str, role: Role, advice: str) -> None:
    with expect_failure("MissingArrays", advice):
        choose_arrays(names.split(), role, "file")


@pytest.mark.parametrize("compressed", [False, True])
def test_truncated_file(read: Read, *, compressed: bool) -> None:
    content = encode(compressed=compressed, x=X, y=Y)
    for length in range(len(content)):
        with expect_failure("TruncatedData"):
            read(content[:length])


@given(data=st.data())
def test_changed_byte_never_changes_the_arrays(read: Read, data: st.DataObject) -> None:
    content = bytearray(encode(x=X, y=Y))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    try:
        found = read(bytes(content))
    except Failure:
        return
    np.testing.assert_array_equal(found.features, X)
    np.testing.assert_array_equal(found.labels, Y)


@pytest.mark.parametrize(
    ("array", "what"),
    [
        (
            np.array([1, "a"], dtype=object),
            r"Python objects: .* x = pandas.get_dummies.*; .* write dtype: string for the input",
        ),
        (
            np.array(["a", "b"]),
            r"elements of type <U1: .* x = pandas.get_dummies.*; .* write dtype: string for the input",
        ),
        (np.array([1j]), "elements of type complex128: it must hold booleans, integers or floats of at most 64 bits$"),
        (np.array(["2026-01-01"], dtype="M8[D]"), "elements of type datetime64"),
        (np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]), "elements of type"),
        (np.zeros(2, dtype=np.longdouble), "elements of type float128"),
    ],
)
def test_unsupported_types(read: Read, array: Array, what: str) -> None:
    with expect_failure("UnsupportedType", rf"file\[x\] holds {what}"):
        read(encode(x=array, y=Y))


@pytest.mark.parametrize("array", [np.array([1, "a"], dtype=object), np.array(["a", "b"])])
def test_each_array_of_text_has_its_own_advice(read: Read, array: Array) -> None:
    advice = r"Convert class names to class indices with names, y = numpy.unique\(y, return_inverse=True\)$"
    with expect_failure("UnsupportedType", rf"file\[y\] holds .* at most 64 bits. {advice}"):
        read(encode(x=X, y=array))
    with expect_failure("UnsupportedType", r"file\[sample_weight\] holds .* at most 64 bits$"):
        read(encode(x=X, y=Y, sample_weight=array))


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
def test_invalid_array_header(read: Read, content: bytes, compression: int) -> None:
    with expect_failure("DamagedData"):
        read(zipped("x", content, compression))


@pytest.mark.parametrize("gzipped", [False, True])
def test_compression_bomb(read: Read, *, gzipped: bool) -> None:
    content = encode(compressed=not gzipped, x=np.zeros(70_000_000, "u1"), y=Y)
    content = gzip.compress(content, 1) if gzipped else content
    with expect_peak_memory(5_000_000), expect_failure("DataTooLarge", r"takes .* bytes in memory"):
        read(content)


def test_member_that_declares_too_much(read: Read) -> None:
    content = bytearray(zipped("x", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (30000000,)}")))
    directory = content.index(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (30_000_128).to_bytes(4, "little")
    with expect_failure("DamagedData", "more than its compressed bytes can expand to"):
        read(bytes(content))


def test_oversized_directory(read: Read) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(20_000):
            archive.writestr(zipfile.ZipInfo(f"{number:010}"), b"")
    content = file.getvalue()
    with expect_peak_memory(1_000_000), expect_failure("DamagedData", r"the zip directory takes 1,120,000 bytes"):
        read(content)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unsupported_compression(read: Read, compression: int) -> None:
    content = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}", b"123")
    with expect_failure("DamagedData", "a compression method that numpy does not use"):
        read(zipped("x", content, compression))


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
def test_messages_shorten_headers(read: Read, header: str, reason: str) -> None:
    with pytest.raises(Failure) as caught:
        read(zipped("x", npy(header)))
    assert caught.value.reason == reason
    assert len(caught.value.message) < 600


def test_messages_shorten_names(read: Read) -> None:
    names: dict[str, Any] = {f"{number}{'x' * 5_000}": Y for number in range(50)}
    with pytest.raises(Failure, match="it must hold x_train and y_train") as caught:
        read(encode(**names))
    assert len(caught.value.message) < 3_000


@pytest.mark.parametrize(
    ("suffix", "weights"), [("", "sample_weight"), ("_train", "sample_weight_train")], ids=["one set", "several"]
)
def test_sample_weights(read: Read, suffix: str, weights: str) -> None:
    arrays: dict[str, Any] = {f"x{suffix}": X, f"y{suffix}": Y, weights: Y / 2}
    found = read(encode(**arrays))
    assert found.weights is not None
    np.testing.assert_array_equal(found.weights, [0, 0.5, 1])
    assert (found.features_source, found.weights_source) == (f"file[x{suffix}]", f"file[{weights}]")


def test_several_data_sets_in_a_file(read_sets: Read) -> None:
    arrays: dict[str, Any] = {"x_train": X, "y_train": Y, "x_test": X[:2], "y_test": Y[:2], "sample_weight_test": Y[:2]}
    found = read_sets(encode(**arrays), "train", "test")
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
def test_class_names(read_sets: Read, name: str, array: Array, names: tuple[str, ...]) -> None:
    arrays: dict[str, Any] = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y, name: array}
    for samples in read_sets(encode(**arrays), "train", "test").values():
        assert samples.class_names == (f"file[{name}]", names, "")


def test_first_array_of_class_names(read: Read) -> None:
    found = read(encode(x=X, y=Y, classes=[0, 1, 2], class_names=[*NAMES]))
    assert found.class_names is not None
    assert found.class_names.names == NAMES
    assert read(encode(x=X, y=Y)).class_names is None


def test_names_of_columns(read: Read) -> None:
    found = read(encode(x=X, y=Y, feature_names=[*"abcd"], target_names=[*NAMES]))
    assert found.feature_names == ("file[feature_names]", ("a", "b", "c", "d"), "")
    assert found.class_names.names == NAMES
    assert read(encode(x=X, y=Y)).feature_names is None


@pytest.mark.parametrize(
    ("array", "fault"),
    [
        (np.array(NAMES, object), r"Python objects, .*: save the names as text, with .astype\(str\)"),
        (np.array([0.5]), "elements of type float64: names must be text"),
        (np.array([["a", "b"]]), "an array of 2 axes: .* one axis"),
        (np.array("a"), "an array of 0 axes: .* one axis"),
        (np.array([*"ab"] * 3000), "6,000 names, but 4,096 are the maximum"),
        (np.zeros(2**21, "U3"), "25,165,824 bytes, but 16,777,216 are the maximum"),
    ],
)
def test_invalid_class_names_do_not_fail(read: Read, array: Array, fault: str) -> None:
    found = read(encode(compressed=True, x=X, y=Y, class_names=array)).class_names
    assert found is not None
    assert re.fullmatch(fault, found.error), found.error
    assert found.names == ()


ALL = "x_train y_train x_test y_test"


@pytest.mark.parametrize(
    ("names", "roles", "elsewhere"),
    [
        ("x y", ["train", "test"], []),
        ("x y sample_weight", ["train"], []),
        ("x y class_names target_names feature_names", ["train"], []),
        (ALL, ["train", "test"], []),
        (ALL + " sample_weight_train", ["train", "test"], ["validation"]),
        (ALL, ["test"], ["train"]),
        (ALL + " sample_weight_test x_val", ["train"], ["validation", "test"]),
    ],
)
def test_arrays_that_are_read_or_ignored(names: str, roles: list[Role], elsewhere: list[Role]) -> None:
    chosen = {role: choose_arrays(names.split(), role, "file") for role in roles}
    check_unread_arrays(names.split(), chosen, "file", elsewhere)


@pytest.mark.parametrize(
    ("names", "roles", "message"),
    [
        ("x y weight", ["train"], r"weight, which .*spec.data.train reads x, y, sample_weight, .*rename weight to sam"),
        ("x y sample_weights", ["train"], "sample_weights, .*: rename sample_weights to sample_weight so"),
        ("x y ids notes", ["train"], "ids, notes, which .*: remove the unread arrays"),
        ("x y names", ["train"], "names, which .*: rename names to class_names so"),
        ("x y classes names", ["train"], "names, which .*: remove the unread arrays"),
        ("x y features labels", ["train"], "features, labels, which no part of this job reads"),
        (ALL, ["train"], "x_test, y_test, which .*: set spec.data.test.object to file, to read x_test and y_test, or"),
        (ALL + " x_val y_val", ["train", "test"], "x_val, y_val, .*: set spec.data.validation.object to file, to"),
        (
            ALL + " sample_weight",
            ["train", "test"],
            "sample_weight, .*: rename .* to sample_weight_test or sample_weight_t",
        ),
        (ALL + " x y", ["train", "test"], "x, y, which no part"),
        (
            ALL + " X_valid y_valid",
            ["train", "test"],
            "X_valid, y_valid, .*: rename X_valid to x_val and .*, and set spec.d",
        ),
    ],
)
def test_unread_arrays(names: str, roles: list[Role], message: str) -> None:
    chosen = {role: choose_arrays(names.split(), role, "file") for role in roles}
    with expect_failure("UnreadArrays", f"file holds {message}", 65):
        check_unread_arrays(names.split(), chosen, "file")


def test_no_suggestion_of_a_data_set_that_the_spec_has() -> None:
    chosen: dict[Role, ArrayNames] = {"train": choose_arrays(ALL.split(), "train", "file")}
    with pytest.raises(Failure, match="holds x_valid, y_valid, which") as caught:
        check_unread_arrays([*ALL.split(), "x_valid", "y_valid"], chosen, "file", ["validation", "test"])
    assert "spec.data.validation.object" not in caught.value.message


def test_unread_arrays_fail_before_the_read(
    source: Callable[[bytes], DataFile], memory: Callable[[], MemoryBudget]
) -> None:
    budget = memory()
    before = budget.remaining
    with expect_failure("UnreadArrays", "file holds weights, which no part"):
        npz.read(source(encode(x=X, y=Y, weights=Y)), ["train"], budget)
    assert budget.remaining == before


SEVERAL = NetworkArrays(("image", "note"), ("digit", "odd"), frozenset({"note"}))
NOTES = np.array(["one", "two", "zebra 🦓"])


@pytest.mark.parametrize(
    "notes", [NOTES, NOTES.astype(">U9"), np.char.encode(NOTES, "utf-8")], ids=lambda notes: notes.dtype
)
def test_arrays_of_several_inputs_and_outputs(
    source: Callable[[bytes], DataFile], memory: Callable[[], MemoryBudget], notes: Array
) -> None:
    names: dict[str, Any] = {"class_names_odd": [*NAMES[:2]], "feature_names_image": [*"abcd"]}
    content = encode(image=X, note=notes, digit=Y, odd=Y % 2, sample_weight=Y, **names)
    budget = memory()
    before = budget.remaining
    found = npz.read(source(content), ["train"], budget, (), SEVERAL)["train"]
    assert (list(found.inputs), list(found.outputs)) == (["image", "note"], ["digit", "odd"])
    np.testing.assert_array_equal(found.inputs["image"].values, X)
    assert as_characters(found.inputs["note"].values).tolist() == NOTES.tolist()
    assert found.inputs["note"].values.dtype.isnative
    assert found.outputs["odd"].source == "file[odd]"
    assert [found.output_weights[name].source for name in ("digit", "odd")] == ["file[sample_weight]"] * 2
    declared = found.outputs["odd"].names, found.inputs["image"].names
    assert [each and each.names for each in declared] == [NAMES[:2], tuple("abcd")]
    assert found.outputs["digit"].names is None
    # Each text takes memory beside its characters, and each output gets its own weights.
    named = sum(np.array(texts).nbytes for texts in names.values())
    stored = sum(array.nbytes for array in (X, notes, Y, Y % 2)) + 2 * Y.nbytes + len(NOTES) * TEXT_BYTES + named
    assert before - budget.remaining == stored


@pytest.mark.parametrize("suffix", ["", "_train"])
@pytest.mark.parametrize(
    "network",
    [
        NetworkArrays(("sample_weight", "z"), ("out",)),
        NetworkArrays(("sample_weight_train", "z"), ("out",)),
        NetworkArrays(("z",), ("out", "sample_weight")),
        NetworkArrays(("classes", "target_names", "z"), ("class_names",)),
        NetworkArrays(("feature_names",), ("out", "class_names_out", "class_names_class_names_out")),
        NetworkArrays(("feature_names_z", "z"), ("out", "label_names")),
    ],
    ids=lambda network: network.names[0],
)
def test_an_array_of_an_input_or_output_has_no_second_role(
    source: Callable[[bytes], DataFile], memory: Callable[[], MemoryBudget], network: NetworkArrays, suffix: str
) -> None:
    named: dict[str, Any] = {f"{name}{suffix}": Y + 1 for name in network.names}
    content = encode(**named)
    found = npz.read(source(content), ["train"], memory(), (), network)["train"]
    assert found.output_weights == {}
    assert [array.names for array in (*found.inputs.values(), *found.outputs.values())] == [None] * len(network.names)


def test_arrays_of_two_data_sets_have_advice_with_the_names_of_the_network(
    source: Callable[[bytes], DataFile], memory: Callable[[], MemoryBudget]
) -> None:
    content = encode(image=X, note=NOTES, digit=Y, odd=Y)
    advice = r"^file\[image\] .*, save image_train, note_train, digit_train and odd_train, and the same names with _val"
    with expect_failure("DuplicateData", advice):
        npz.read(source(content), ["train", "test"], memory(), (), SEVERAL)


def test_an_array_that_two_data_sets_would_read_as_different_inputs(
    source: Callable[[bytes], DataFile], memory: Callable[[], MemoryBudget]
) -> None:
    network = NetworkArrays(("a", "a_train"), ("out",))
    content = encode(a=X, a_train=X + 1, a_train_train=X + 2, out=Y, out_train=Y)
    with expect_failure(
        "MissingArrays", "train reads a_train, .*test reads a, a_train, out: a_train cannot be in both"
    ):
        npz.read(source(content), ["train", "test"], memory(), (), network)


def test_names_of_classes_beside_an_input_with_another_of_their_names(
    source: Callable[[bytes], DataFile], memory: Callable[[], MemoryBudget]
) -> None:
    network, content = NetworkArrays(("classes", "z"), ("out",)), encode(classes=Y, z=Y, out=Y, label_names=[*NAMES])
    found = npz.read(source(content), ["train"], memory(), (), network)["train"]
    assert found.class_names == ("file[label_names]", NAMES, "")


@pytest.mark.parametrize(
    ("arrays_by_name", "reason", "message"),
    [
        (
            {"note": NOTES.astype(object)},
            "UnsupportedType",
            r"file\[note\] holds Python objects, but the input has dtype",
        ),
        (
            {"note": np.arange(3)},
            "UnsupportedType",
            r"file\[note\] holds elements of type int64, .*dtype: int64 for this",
        ),
        (
            {"note": np.array(["a", "b", "c\ud800"])},
            "InvalidData",
            r"file\[note\] holds characters that are no Unicode",
        ),
        (
            {"image": NOTES},
            "UnsupportedType",
            r"file\[image\] holds elements of type <U7: .*dtype: string for the input",
        ),
        ({"odd": NOTES}, "UnsupportedType", r"file\[odd\] holds elements of type <U7: .*Convert class names"),
    ],
)
def test_arrays_of_a_wrong_type(
    source: Callable[[bytes], DataFile],
    memory: Callable[[], MemoryBudget],
    arrays_by_name: dict[str, Any],
    reason: str,
    message: str,
) -> None:
    content = encode(**({"image": X, "note": NOTES, "digit": Y, "odd": Y % 2} | arrays_by_name))
    with expect_failure(reason, message, 65):
        npz.read(source(content), ["train"], memory(), (), SEVERAL)
