"""The description of a model for the web page."""

from epochal_server.routes.page import describe

from tests.kit.served import DIGITS, digits, pair


def test_describes_a_model() -> None:
    assert describe(digits()) == {
        "name": "digits",
        "version": "3",
        "runtime": "ONNX Runtime",
        "inputs": [{"name": "image", "dtype": "float32", "shape": [-1, 28, 28, 1]}],
        "outputs": [
            {
                "name": "digit",
                "dtype": "float32",
                "shape": [-1, 10],
                "classes": DIGITS,
                "class_values": "probability",
            }
        ],
        "images": "Digit",
        "features": None,
        "example": None,
        "limits": {"request_bytes": 8 * 2**20},
    }
    described = describe(pair(platform="keras"))
    assert described["runtime"] == "Keras"
    assert described["inputs"][1] == {"name": "words", "dtype": "str", "shape": [-1, -1]}
    assert [(output["classes"], output["class_values"]) for output in described["outputs"]] == [(None, None)] * 2
    assert describe(digits(probabilities=False))["outputs"][0]["class_values"] == "score"
    for images in (describe(digits(images="None"))["images"], describe(digits(image=None))["images"]):
        assert images == "None"
