"""`epochal init`: a look at data, and a TrainingJob that suits their shapes and labels."""

import gzip
import io
import shutil
import struct
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import yaml
from epochal.init import photographs
from epochal.init.inspect_data import inspect_data
from epochal.manifests import check
from PIL import Image

from tests.unit.cli.commands import epochal

RNG = np.random.default_rng(0)


def init(folder: Path, *arguments: str) -> dict[str, Any]:
    """Runs the command, and returns the spec, which has no problems."""
    code, output, errors = epochal("init", *arguments, folder=folder)
    assert code == 0, errors
    path = folder / output.strip()
    assert check(path) == []
    spec: dict[str, Any] = yaml.safe_load(path.read_text())["spec"]
    return spec


def refusal(folder: Path, *arguments: str) -> str:
    code, output, errors = epochal("init", *arguments, folder=folder)
    assert (code, output, list(folder.glob("*.yaml"))) == (1, "", [])
    return errors


def kinds(spec: dict[str, Any]) -> list[str]:
    return [layer["layer"] for layer in spec["network"]["layers"]]


def last(spec: dict[str, Any]) -> tuple[Any, ...]:
    layer = spec["network"]["layers"][-1]
    return layer["units"], layer.get("activation"), spec["training"]["loss"]


TABLE = "height;color;id;species\n" + "".join(
    f"{i},5;{'red' if i % 2 else 'blue'};n{i};{'setosa' if i % 3 else 'virginica'}\n" for i in range(100)
)


def test_a_table(tmp_path: Path) -> None:
    (tmp_path / "Flowers 2018.csv").write_text(TABLE + ";red;n100;setosa\n")
    code, output, errors = epochal("init", "Flowers 2018.csv", folder=tmp_path)
    assert (code, output) == (0, "flowers-2018.yaml\n")
    assert errors.splitlines() == [
        "Wrote flowers-2018.npz with 100 samples, which the trainer reads.",
        "Left out: 1 row with empty or too few cells.",
        "Left out: columns with more than 64 different words, id.",
        "The label is the column species: --label names another one.",
        "Next, on this machine:",
        "  epochal run flowers-2018.yaml --data .",
        "or on the cluster, where both buckets must exist:",
        "  aws s3 mb s3://flowers-2018-data",
        "  aws s3 mb s3://flowers-2018-results",
        "  aws s3 cp ./flowers-2018.npz s3://flowers-2018-data/",
        "  epochal doctor flowers-2018.yaml",
        "  epochal submit flowers-2018.yaml --watch",
    ]
    arrays = np.load(tmp_path / "flowers-2018.npz")
    assert arrays["feature_names"].tolist() == ["height", "color=blue", "color=red"]
    assert arrays["x"][:2].tolist() == [[0.5, 1, 0], [1.5, 0, 1]]
    assert arrays["class_names"].tolist() == ["setosa", "virginica"]
    assert arrays["y"][:3].tolist() == [1, 0, 0]
    text = (tmp_path / "flowers-2018.yaml").read_text()
    assert text.startswith("# Written by `epochal init` for Flowers 2018.csv. ")
    assert '    validation: {split: "0.2", stratify: true}\n' in text
    assert "    - {layer: Normalization}\n" in text


def test_only_the_first_bytes_of_a_table_are_searched_for_its_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("epochal.init.inspect_data.SAMPLE_BYTES", 8)
    (tmp_path / "table.csv").write_text("a,label\n1,0\n2,1\n3,0\n")
    features = inspect_data(tmp_path / "table.csv", tmp_path / "table.npz").features
    assert (features.lowest, features.highest) == (1, 2), "two numbers of float32"


@pytest.mark.parametrize(
    ("labels", "arguments", "expected"),
    [
        ([0.5, 1.5, 2.0] * 20, (), (1, None, "MeanSquaredError")),
        ([1, 2, 3] * 20, (), (3, "softmax", "SparseCategoricalCrossentropy")),
        ([1, 2, 3] * 20, ("--task", "numbers"), (1, None, "MeanSquaredError")),
        (list(range(60)), (), (1, None, "MeanSquaredError")),
        (["a", "none"] * 30, ("--label", "label"), (2, "softmax", "SparseCategoricalCrossentropy")),
    ],
)
def test_labels_of_a_table(tmp_path: Path, labels: list[Any], arguments: tuple[str, ...], expected: Any) -> None:
    (tmp_path / "a.csv").write_text("label,x\n" + "".join(f"{label},{i}\n" for i, label in enumerate(labels)))
    spec = init(tmp_path, "a.csv", *arguments)
    assert last(spec) == expected
    assert spec["data"]["train"] == {"object": "a.npz"}
    assert spec["training"]["epochs"] == (100 if expected[2] == "MeanSquaredError" else 30)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (np.zeros((40, 4)), np.arange(40) % 3, (3, "softmax", "SparseCategoricalCrossentropy")),
        (np.zeros((40, 4)), np.eye(5)[np.arange(40) % 5], (5, "softmax", "CategoricalCrossentropy")),
        (np.zeros((40, 4)), np.ones((40, 3), "uint8"), (3, "sigmoid", "BinaryCrossentropy")),
        (np.zeros((40, 4)), RNG.normal(size=(40, 2)), (2, None, "MeanSquaredError")),
        (np.zeros((40, 4)), np.arange(40) - 20, (1, None, "MeanSquaredError")),
        (np.zeros((40, 28, 28), "uint8"), np.arange(40) % 10, (10, "softmax", "SparseCategoricalCrossentropy")),
        (np.zeros((40, 3, 32, 32)), np.arange(40) % 2, (2, "softmax", "SparseCategoricalCrossentropy")),
        (np.zeros((40, 8, 8, 8, 2)), np.arange(40) % 2, (2, "softmax", "SparseCategoricalCrossentropy")),
        (np.array(["a text"] * 40), np.arange(40) % 2, (2, "softmax", "SparseCategoricalCrossentropy")),
    ],
)
def test_arrays(tmp_path: Path, x: Any, y: Any, expected: Any) -> None:
    np.savez_compressed(tmp_path / "data.npz", x=x, y=y)
    assert last(init(tmp_path, "data.npz")) == expected


def test_images_of_four_bits_in_a_file_with_all_sets(tmp_path: Path) -> None:
    x, y = (np.arange(40 * 64) % 17).reshape(40, 8, 8).astype("uint8"), np.arange(40) % 10
    arrays = {f"{name}_{part}": array for part in ("train", "val", "test") for name, array in (("x", x), ("y", y))}
    (tmp_path / "in").mkdir()
    np.savez(tmp_path / "in" / "digits.npz", **arrays, class_names=np.array(list("0123456789")))  # type: ignore[arg-type]
    spec = init(tmp_path, "in/digits.npz", "--bucket", "mine", "--secret", "keys", "-o", "job.yaml")
    same = {"object": "digits.npz"}
    assert (
        "  epochal run job.yaml --data in\n"
        in epochal("init", "in/digits.npz", "-o", "job.yaml", "--force", folder=tmp_path).errors
    )
    assert spec["data"] == {"bucket": "mine", "train": same, "validation": same, "test": same}
    assert spec["storage"] == {"secretRef": {"name": "keys"}}
    assert spec["network"]["input"] == {"shape": [8, 8, 1]}
    assert spec["network"]["layers"][0] == {"layer": "Rescaling", "scale": 0.0625}
    assert kinds(spec)[1:5] == ["Conv2D", "MaxPooling2D", "Conv2D", "Flatten"]


def idx(array: Any) -> bytes:
    head: bytes = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + bytes(array.astype("uint8").tobytes())


@pytest.mark.parametrize("argument", ["mnist", "mnist/train-images-idx3-ubyte.gz"])
def test_the_files_of_mnist(tmp_path: Path, argument: str) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    images, labels = RNG.integers(0, 256, (50, 28, 28)), np.arange(50) % 10
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    spec = init(tmp_path, argument)
    train = {"features": "train-images-idx3-ubyte.gz", "labels": "train-labels-idx1-ubyte"}
    assert spec["data"] == {
        "bucket": "mnist-data",
        "train": train,
        "validation": {"split": "0.2", "stratify": True},
        "test": {"features": "t10k-images-idx3-ubyte.gz", "labels": "t10k-labels-idx1-ubyte"},
    }
    assert spec["network"]["layers"][0] == {"layer": "Rescaling", "scale": 1 / 255}
    assert last(spec)[0] == 10


def write_idx(folder: Path, *parts: str) -> None:
    folder.mkdir(exist_ok=True)
    for part in parts:
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(np.zeros((50, 4, 4))))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.arange(50) % 10))


def sets(spec: dict[str, Any]) -> dict[str, str]:
    """Returns the file of features of each data set."""
    return {role: each["features"] for role, each in spec["data"].items() if "features" in each}


def test_the_data_set_of_an_idx_file_is_any_word_of_its_name(tmp_path: Path) -> None:
    write_idx(tmp_path / "emnist", "emnist-letters-train", "emnist-letters-test")
    letters = {
        "train": "emnist-letters-train-images-idx3-ubyte",
        "test": "emnist-letters-test-images-idx3-ubyte",
    }
    assert sets(init(tmp_path, "emnist")) == letters
    assert sets(init(tmp_path, f"emnist/{letters['train']}", "--out", "file.yaml")) == letters
    write_idx(tmp_path / "emnist", "emnist-digits-train", "emnist-digits-test")
    found = epochal("init", "emnist", "--force", folder=tmp_path)
    assert found.exit_code == 1
    assert "emnist-digits-test-images-idx3-ubyte and " in found.errors
    assert f"{letters['test']} could both be the test set" in found.errors
    assert sets(init(tmp_path, f"emnist/{letters['train']}", "--out", "chosen.yaml")) == letters


def test_the_training_set_of_idx_files_needs_no_test_set(tmp_path: Path) -> None:
    write_idx(tmp_path / "letters", "emnist-letters-train")
    assert sets(init(tmp_path, "letters")) == {"train": "emnist-letters-train-images-idx3-ubyte"}


def test_photographs_in_folders(tmp_path: Path) -> None:
    for name, shade in (("cats", 250), ("dogs", 5)):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for index in range(3):
            Image.new("RGB", (40 + index, 30), (shade, 0, 0)).save(tmp_path / "pets" / name / f"{index}.JPG", "JPEG")
    (tmp_path / "pets" / "dogs" / "cut.png").write_bytes(b"\x89PNG")
    spec = init(tmp_path, "pets", "--size", "16")
    arrays = np.load(tmp_path / "pets.npz")
    assert (arrays["x"].shape, arrays["x"].dtype, arrays["y"].tolist()) == ((6, 16, 16, 3), "uint8", [0] * 3 + [1] * 3)
    assert arrays["class_names"].tolist() == ["cats", "dogs"]
    assert (arrays["x"][:, 0, 0, 0] > 100).tolist() == [True] * 3 + [False] * 3
    assert spec["network"]["input"] == {"shape": [16, 16, 3]}
    assert last(spec)[0] == 2
    assert epochal("init", "pets", folder=tmp_path).errors.startswith(f"epochal: {tmp_path}/pets.yaml exists\n")
    result = epochal("init", "pets", "--force", folder=tmp_path)
    assert "Left out: 1 unreadable photograph, such as cut.png." in result.errors
    assert np.load(tmp_path / "pets.npz")["x"].shape == (6, 30, 30, 3)


@pytest.mark.parametrize("names", [("test", "train"), ("Train", "val"), ("train", "valid", "validation")])
def test_folders_of_a_split_are_no_classes(tmp_path: Path, names: Sequence[str]) -> None:
    for name in (*names, "other/train", "other/track"):
        (tmp_path / "photos" / name / "cats").mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / "photos" / name / "cats" / "1.png")
    assert kinds(init(tmp_path, "photos/other"))
    (tmp_path / "other.yaml").unlink()
    shutil.rmtree(tmp_path / "photos" / "other")
    expected = f"the folders {', '.join(sorted(names))} of {tmp_path}/photos are a split of the data, and not classes"
    train = next(name for name in names if name.lower() == "train")
    assert f"{expected}\nGive the folder with the training set: {tmp_path}/photos/{train}" in refusal(
        tmp_path, "photos"
    )


@pytest.mark.parametrize("count", [64, 65, 127, 128])
def test_the_size_of_photographs_is_chosen_from_a_bounded_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    size_of = Mock(wraps=photographs._size_of)
    monkeypatch.setattr(photographs, "_size_of", size_of)
    for index in range(count):
        folder = tmp_path / ("cats" if index % 2 else "dogs")
        folder.mkdir(exist_ok=True)
        Image.new("L", (4, 4)).save(folder / f"{index}.png")
    assert photographs.read_photographs(tmp_path).arrays["x"].shape == (count, 4, 4, 1)
    assert 32 < size_of.call_count <= 64


def test_pairs_of_grey_and_coloured_photographs_get_the_channels_of_both(tmp_path: Path) -> None:
    for index in range(130):
        folder = tmp_path / ("cats" if index < 65 else "dogs")
        folder.mkdir(exist_ok=True)
        Image.new("RGB" if index % 2 else "L", (4, 4)).save(folder / f"{index:03}.png")
    assert photographs.read_photographs(tmp_path).arrays["x"].shape == (130, 4, 4, 3)


def huge_npz(path: Path) -> None:
    """Writes a small npz file whose labels declare 2 TiB."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x.npy", "y.npy"):
            content = io.BytesIO()
            header = {"descr": "<i8", "fortran_order": False, "shape": (2**38,)}
            np.lib.format.write_array_header_1_0(content, header)
            archive.writestr(name, content.getvalue())


def test_refusals(tmp_path: Path) -> None:
    assert "missing does not exist\nGive an npz file, " in refusal(tmp_path, "missing")
    (tmp_path / "a.bin").write_bytes(b"??")
    assert "a.bin has no format that init knows" in refusal(tmp_path, "a.bin")
    np.savez(tmp_path / "names.npz", image=np.zeros(3), digit=np.zeros(3))
    assert "names.npz must have the arrays x and y, or x_train" in refusal(tmp_path, "names.npz")
    np.savez(tmp_path / "more.npz", x=np.zeros(3), y=np.zeros(3), z=np.zeros(3))
    assert "z belong to no set among x, y, z" in refusal(tmp_path, "more.npz")
    np.savez(tmp_path / "words.npz", x=np.zeros(3), y=np.array(["a", "b", "c"]))
    assert "y must have numbers, found elements of type <U1" in refusal(tmp_path, "words.npz")
    np.savez(tmp_path / "objects.npz", x=np.zeros(3), y=np.array([{}, 1, 2], object))
    assert "y must have numbers, found elements of type object" in refusal(tmp_path, "objects.npz")
    np.savez(tmp_path / "masks.npz", x=np.zeros(3), y=np.zeros((3, 4, 4)))
    assert "one row of labels, for each sample, found the shape (3, 4, 4)" in refusal(tmp_path, "masks.npz")
    np.savez(tmp_path / "lengths.npz", x=np.zeros(4), y=np.zeros(3))
    assert "must have a row for each sample, found the shapes (4,) and (3,)" in refusal(tmp_path, "lengths.npz")
    huge_npz(tmp_path / "huge.npz")
    assert "must have at most 256 MiB to be read, found 2,097,152 MiB" in refusal(tmp_path, "huge.npz")
    content = (tmp_path / "more.npz").read_bytes()
    (tmp_path / "bad.npz").write_bytes(content.replace(b"NUMPY", b"NUMPI"))
    assert "bad.npz" in refusal(tmp_path, "bad.npz")
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((3, 4, 4))))
    assert "needs the file of its labels beside it" in refusal(tmp_path, "train-images-idx3-ubyte")
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(300))[:100])
    assert "train-labels-idx1-ubyte is truncated: it has only 92 bytes" in refusal(tmp_path, "train-images-idx3-ubyte")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2\n3,4\n", "has no heading: its first line has only numbers"),
        ("a\n1\n", "is no table: its first line has none of the delimiters"),
        ("a,b\n,1\n", "has no row below its heading that has a value in each column"),
        ("a,b\n1,\xff\n", "Write it as CSV in UTF-8."),
        ("a,b\n1,x\n2,x\n", "the column b must have 2 to 1,000 different values as labels, found 1"),
        ("a,b\nx1,0\n" + "".join(f"n{i},1\n" for i in range(99)), "has 100 rows and 0 columns of features"),
        ("a,b\n1,0\n\n1_000,1\n", "row 4, column a: found '1_000', expected a number such as"),
        ("a,b\n1,2.5\n2,1_0\n", "row 3, column b: found '1_0', expected a number such as"),
        ('a,b\n1,"' + "x" * 200_000, "field larger than field limit"),
    ],
)
def test_refused_tables(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "a.csv").write_bytes(text.encode("latin-1"))
    assert expected in refusal(tmp_path, "a.csv")
    assert list(tmp_path.iterdir()) == [tmp_path / "a.csv"]


def test_words_that_python_reads_as_numbers_are_classes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n" + "1,1_1\n2,1_2\n" * 20)
    init(tmp_path, "a.csv")
    assert np.load(tmp_path / "a.npz")["class_names"].tolist() == ["1_1", "1_2"]


@pytest.mark.parametrize("function", ["numpy.savez_compressed", "epochal.init.write.write"])
def test_a_failure_during_the_write_keeps_the_files_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    (tmp_path / "a.csv").write_text(TABLE)
    assert init(tmp_path, "a.csv")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(*arguments: Any, **_: Any) -> None:
        if hasattr(arguments[0], "write"):
            arguments[0].write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(function, fail)
    with suppress(KeyboardInterrupt):
        epochal("init", "a.csv", "--force", folder=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_no_file_is_replaced_without_force(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "a.npz").write_bytes(b"mine")
    assert "a.npz exists\n" in refusal(tmp_path, "a.csv")
    assert (tmp_path / "a.npz").read_bytes() == b"mine"
    assert epochal("init", "a.csv", "--force", folder=tmp_path).exit_code == 0


@pytest.mark.parametrize(
    ("option", "remedy"),
    [
        (("--bucket", "Bad_Bucket"), "Choose another data bucket: --bucket NAME"),
        (("--secret", "Bad Secret"), "Choose another Secret: --secret NAME"),
    ],
)
def test_a_refused_option_leaves_no_file(tmp_path: Path, option: Sequence[str], remedy: str) -> None:
    (tmp_path / "a.csv").write_text(TABLE)
    assert remedy in refusal(tmp_path, "a.csv", *option)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.csv"]
    assert init(tmp_path, "a.csv")


def test_a_file_whose_name_is_no_key(tmp_path: Path) -> None:
    np.savez(tmp_path / "a\n.npz", x=np.zeros((9, 3)), y=np.arange(9) % 3)
    assert "Rename the files." in refusal(tmp_path, "a\n.npz")


def test_no_question_without_a_terminal(tmp_path: Path) -> None:
    assert epochal("init", folder=tmp_path, answers="table\n") == (
        2,
        "",
        "epochal: there is no terminal for questions\nGive the data as an argument: epochal init DATA\n",
    )
