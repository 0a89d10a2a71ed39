"""What the page is told of the model."""

from epochal_server.routes.page import describe

from tests.kit.served import DIGITS, digits, pair


def test_tells_what_it_takes_and_gives() -> None:
    told = describe(digits())
    assert told["inputs"] == [{"name": "image", "dtype": "float32", "shape": [-1, 28, 28, 1]}]
    assert told["outputs"] == [{"name": "digit", "dtype": "float32", "shape": [-1, 10]}]
    assert (told["name"], told["version"], told["runtime"]) == ("digits", "3", "ONNX Runtime")
    assert describe(pair(platform="keras"))["runtime"] == "Keras"


def test_tells_of_text_and_of_axes_of_any_length() -> None:
    assert describe(pair())["inputs"][1] == {"name": "words", "dtype": "str", "shape": [-1, -1]}


def test_tells_what_becomes_of_photographs() -> None:
    assert describe(digits())["images"] == "Digit"
    assert describe(digits())["limits"] == {"request_bytes": 8 * 2**20}


def test_tells_of_no_photographs_where_the_model_takes_none() -> None:
    assert describe(digits(images="None"))["images"] == "None"
    assert describe(digits(image=None))["images"] == "None"


def test_tells_classes_if_they_have_names() -> None:
    assert describe(digits())["classes"] == DIGITS
    assert describe(digits(classes=None))["classes"] is None
