"""The description of a model for the web page."""

from epochal_server.routes.page import describe

from tests.kit.served import DIGITS, digits, pair


def test_describes_a_model() -> None:
    assert describe(digits()) == {
        "name": "digits",
        "version": "3",
        "runtime": "ONNX Runtime",
        "inputs": [{"name": "image", "dtype": "float32", "shape": [-1, 28, 28, 1]}],
        "outputs": [{"name": "digit", "dtype": "float32", "shape": [-1, 10]}],
        "classes": DIGITS,
        "class_values": "probability",
        "images": "Digit",
        "example": None,
        "limits": {"request_bytes": 8 * 2**20},
    }
    described = describe(pair(platform="keras"))
    assert (described["runtime"], described["classes"]) == ("Keras", None)
    assert described["inputs"][1] == {"name": "words", "dtype": "str", "shape": [-1, -1]}
    assert described["class_values"] is None
    assert describe(digits(probabilities=False))["class_values"] == "score"
    for images in (describe(digits(images="None"))["images"], describe(digits(image=None))["images"]):
        assert images == "None"
