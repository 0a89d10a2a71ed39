import errno
import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from epochal_trainer.checkpoint import Snapshot, archive
from epochal_trainer.checkpoint.archive import UnreadableCheckpoint
from epochal_trainer.lib.failures import Failure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from pydantic import ValidationError

Make = Callable[..., Snapshot]
TYPES = ["float32", "float16", "int64", "uint8", "bool", ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, ml_dtypes.int4]


def written(path: Path, snapshot: Snapshot) -> Path:
    archive.write(path, snapshot.arrays, snapshot.state)
    return path


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3, 2), (2, 0, 4)])
def test_arrays_keep_their_bits(tmp_path: Path, make: Make, dtype: Any, shape: tuple[int, ...]) -> None:
    array = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    state, arrays = archive.read(written(tmp_path / "a", make(weights=[array])))
    found = arrays["model/0"]
    assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())
    Snapshot(state, arrays).check()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    array=arrays_of.arrays(np.float32, arrays_of.array_shapes(min_dims=0, max_dims=3, max_side=5)),
    step=st.integers(0, 2**53),
    loss=st.floats(),
)
def test_round_trip(tmp_path: Path, make: Make, array: Any, step: int, loss: float) -> None:
    made = make(1, step=step, weights=[array])
    epoch = replace(made.history[0], metrics={"loss": loss})
    snapshot = made.changed(history=[epoch])
    state, arrays = archive.read(written(tmp_path / "a", snapshot))
    assert state.time == snapshot.state.time
    same_time = state.model_copy(update={"time": snapshot.state.time})
    assert repr(same_time) == repr(snapshot.state)  # as text, since NaN is not equal to itself
    assert {name: value.tobytes() for name, value in arrays.items()} == {
        name: np.asarray(value).tobytes() for name, value in snapshot.arrays.items()
    }


def test_field_names_of_an_epoch(tmp_path: Path, make: Make) -> None:
    with zipfile.ZipFile(written(tmp_path / "a", make())) as archived:
        (epoch,) = json.loads(archived.read("state.json"))["history"]
    assert list(epoch) == ["number", "seconds", "learningRate", "metrics", "comparable"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_raises_unreadable_checkpoint(tmp_path: Path, make: Make, data: st.DataObject) -> None:
    path = written(tmp_path / "a", make())
    whole = path.read_bytes()
    if data.draw(st.booleans()):
        content = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        place = data.draw(st.integers(0, len(whole) - 1))
        content = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
    path.write_bytes(content)
    try:
        state, arrays = archive.read(path)
        Snapshot(state, arrays).check()
    except UnreadableCheckpoint:
        pass
    else:
        assert len(content) == len(whole)  # such as a time in the zip, which nobody reads


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path) as source:
        members = {name: source.read(name) for name in source.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", compression) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return path


def with_state(**fields: Any) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        members["state.json"] = json.dumps({**json.loads(members["state.json"]), **fields}).encode()

    return change


def with_numpy(*state: Any) -> Callable[[dict[str, bytes]], None]:
    """Replace the state of NumPy's random generator, except for its array."""

    def change(members: dict[str, bytes]) -> None:
        random = json.loads(members["state.json"])["random"]
        with_state(random={**random, "numpy": ["MT19937", *state]})(members)

    return change


def with_array(name: str, content: bytes | None) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        del members[name]
        if content is not None:
            members[name] = content

    return change


def npy(array: Any, **header: Any) -> bytes:
    file = io.BytesIO()
    if header:
        np.lib.format.write_array_header_1_0(file, header)
        return file.getvalue() + np.asarray(array).tobytes()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EIO, "Input/output error")], ids=repr)
def test_machine_errors_are_not_damage(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: Any) -> None:
        raise error

    path = written(tmp_path / "a", make())
    monkeypatch.setattr("epochal_trainer.checkpoint.archive._read_array", broken)
    with pytest.raises(type(error)):
        archive.read(path)


HUGE = npy(np.zeros(2), descr="<f4", fortran_order=False, shape=(10**12,))


def typed(name: str) -> Callable[[dict[str, bytes]], None]:
    """Says of which of ml_dtypes an array of eight bytes each is."""

    def change(members: dict[str, bytes]) -> None:
        with_state(bits={"model/0": name})(members)
        with_array("model/0.npy", npy(np.zeros((2, 3), "u8")))(members)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_state(position={"epoch": -1}), "position.epoch"),
        (with_state(position={"epoch": 2}), "does not have the epochs 1 to 2"),
        (with_state(position={"epoch": 2**53}), "does not have the epochs 1 to 9007199254740992"),
        (with_state(history="none"), "history"),
        (with_state(format="one"), "format"),
        (with_state(bits={"model/9": "bfloat16"}), "lacks the array model/9"),
        (typed("finfo"), "type finfo"),
        (typed("iinfo"), "type iinfo"),
        (typed("bfloat16"), "type bfloat16"),
        (with_state(random={"python": [3, [1], None], "numpy": ["MT19937", 0, 0, 0.0]}), "random generator is damaged"),
        (with_numpy(625, 0, 0.0), "random generator is damaged"),
        (with_numpy(-1, 0, 0.0), "random generator is damaged"),
        (with_numpy(), "random generator is damaged"),
        (with_array("random/numpy.npy", npy(np.zeros(623, "u4"))), "random generator is damaged"),
        (with_array("random/numpy.npy", npy(np.uint32(0))), "random generator is damaged"),
        (with_state(callbacks=[{"callback": "A", "state": {"best": {"array": "gone"}}}]), "state of a callback"),
        (with_state(variables={"random": [{"path": "x", "shape": [2, 3], "dtype": "float32"}]}), "random/0|of x has"),
        (with_array("model/0.npy", None), "has nothing, expected shape"),
        (with_array("model/0.npy", npy(np.zeros((2, 2), "float32"))), r"shape \(2, 2\) .* expected shape \(2, 3\)"),
        (with_array("model/0.npy", npy(np.array([{}], object))), "expected numbers"),
        (with_array("model/0.npy", npy(np.array(["../out"]))), "model/0.npy has type <U6, expected numbers"),
        (with_array("model/0.npy", npy(np.array([b"a"]))), r"has type \|S1, expected numbers"),
        (with_array("model/0.npy", npy(np.zeros(1, "M8[s]"))), "expected numbers"),
        (with_array("model/0.npy", npy(np.zeros(1, [("a", "i4")]))), "expected numbers|its header has"),
        (with_array("model/0.npy", HUGE), r"its header has shape \(1000000000000,\)"),
        (with_array("model/0.npy", b"\x93NUMPY\x01\x00\xff\xff"), "damaged"),
        (
            with_array("model/0.npy", b"\x93NUMPY\x01\x00" + (9000).to_bytes(2, "little") + b"-" * 9000),
            "damaged: .* deep",
        ),
        (with_array("state.json", None), "state.json"),
        (with_array("state.json", b"[" * 100_000), "state.json is damaged"),
    ],
)
def test_damaged_contents(tmp_path: Path, make: Make, change: Any, message: str) -> None:
    path = rewritten(written(tmp_path / "a", make()), change)
    with pytest.raises(UnreadableCheckpoint, match=message):
        Snapshot(*archive.read(path)).check()


def test_compressed_entries_are_refused(tmp_path: Path, make: Make) -> None:
    def bomb(members: dict[str, bytes]) -> None:
        members["model/0.npy"] = bytes(10**7)

    path = rewritten(written(tmp_path / "a", make()), bomb, zipfile.ZIP_DEFLATED)
    with pytest.raises(UnreadableCheckpoint, match="compressed"):
        archive.read(path)


@pytest.mark.parametrize("field", ["history", "callbacks", "variables.model"])
def test_validation_stops_at_the_first_error(make: Make, field: str) -> None:
    state = json.loads(make().state.model_dump_json())
    faults: list[dict[str, Any]] = [{}] * 1000
    state |= {"variables": {"model": faults}} if field == "variables.model" else {field: faults}
    with pytest.raises(UnreadableCheckpoint, match=rf"{field}\.0\.") as caught:
        archive.parse(json.dumps(state).encode())
    assert isinstance(caught.value.__cause__, ValidationError)
    assert caught.value.__cause__.error_count() < 10


def test_duplicate_entries_are_refused(tmp_path: Path, make: Make) -> None:
    path = written(tmp_path / "a", make())
    with zipfile.ZipFile(path, "a") as archived, pytest.warns(UserWarning, match="Duplicate name"):
        archived.writestr("model/0.npy", b"")
    with pytest.raises(UnreadableCheckpoint, match="duplicate entries"):
        archive.read(path)


def test_entries_with_a_false_size_are_refused(tmp_path: Path, make: Make) -> None:
    """zipfile makes room for what a part takes in the archive before it reads, whatever it holds."""
    path = written(tmp_path / "a", make())
    content = bytearray(path.read_bytes())
    size = content.index(b"PK\1\2") + 20
    content[size : size + 4] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableCheckpoint, match="compressed"):
            archive.read(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_unknown_fields_and_entries_are_ignored(tmp_path: Path, make: Make) -> None:
    def add(members: dict[str, bytes]) -> None:
        with_state(workers=3, callbacks=[])(members)
        members["workers/0.npy"] = npy(np.zeros(2))
        members["notes.txt"] = b"hello"

    state, _ = archive.read(rewritten(written(tmp_path / "a", make()), add))
    assert state.callbacks == []


def test_a_later_format_fails(tmp_path: Path, make: Make) -> None:
    path = rewritten(written(tmp_path / "a", make()), with_state(format=2, position="elsewhere"))
    with pytest.raises(Failure, match="have format 2, and this trainer reads format 1") as caught:
        archive.read(path)
    assert (caught.value.reason, caught.value.exit_code) == ("CheckpointTooNew", 64)
