"""What the page is told of the model."""

from dataclasses import replace

from epochal_server.page.about import about

from tests.unit.server.models import DIGITS


def test_tells_what_it_takes_and_gives() -> None:
    told = about(DIGITS)
    assert told["inputs"] == [{"name": "image", "dtype": "float32", "shape": [-1, 28, 28, 1]}]
    assert told["outputs"] == [{"name": "digit", "dtype": "float32", "shape": [-1, 10]}]
    assert (told["name"], told["version"], told["runtime"]) == ("digits", "1", "ONNX Runtime")


def test_tells_what_becomes_of_photographs() -> None:
    assert about(DIGITS)["images"] == "Digit"
    assert about(DIGITS)["limits"] == {"request_bytes": DIGITS.limits.request_bytes}


def test_tells_classes_if_they_have_names() -> None:
    assert about(DIGITS)["classes"] is None
    assert about(replace(DIGITS, classes=("zero", "one")))["classes"] == ("zero", "one")
