"""The commands in docs/serving.md that need no cluster work."""

import json
import re
from pathlib import Path
from typing import Any

from tests.kit import digits_model
from tests.kit.documents import blocks, run
from tests.kit.served import DIGITS

PAGE = "docs/serving.md"
METADATA = "Protocols"
PHOTOGRAPHS, OPEN_INFERENCE, WATSON = "Photographs", "Open Inference", "Watson Machine Learning"
TENSORFLOW = "TensorFlow Serving"
SERVED = "digits"
"""Name of the model on the server of the test, in place of the page's `mnist`."""
SECONDS = 120


def output_of(address: str, folder: Path, heading: str) -> str:
    """Returns the output of the blocks under a heading."""
    there = address.removeprefix("http://")
    parts = [
        part._replace(text=part.text.replace("localhost:8000", there).replace("mnist", SERVED))
        for part in blocks(PAGE, "sh", "python", under=heading)
    ]
    assert any(there in part.text for part in parts)
    return "".join(run(parts, folder, timeout=SECONDS))


def example(heading: str) -> dict[str, Any]:
    """Returns the output that the document shows; … stands for more of the same."""
    (block,) = blocks(PAGE, "console", under=heading)
    shown: dict[str, Any] = json.loads(block.text.replace(",…", ""))
    return shown


def test_the_model_is_described(digits_server: str, tmp_path: Path) -> None:
    assert json.loads(output_of(digits_server, tmp_path, METADATA))["name"] == SERVED


def test_a_photograph_is_answered(digits_server: str, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(digits_model.photograph(7))
    answer = json.loads(output_of(digits_server, tmp_path, PHOTOGRAPHS))
    shown = example(PHOTOGRAPHS)
    assert answer["name"] == shown["name"]
    assert answer.keys() == shown.keys()
    assert answer["top"][0].keys() == shown["top"][0].keys()


def test_tritons_client_is_answered(digits_server: str, tmp_path: Path) -> None:
    digits, *classes = output_of(digits_server, tmp_path, OPEN_INFERENCE).splitlines()
    assert len(digits.split()) == 2
    labels = re.findall(r"b'0\.\d+:(\d):(\w+)'", "".join(classes))
    assert len(labels) == 6
    assert all(DIGITS[int(index)] == name for index, name in labels)


def test_a_client_of_watson_is_answered(digits_server: str, tmp_path: Path) -> None:
    (prediction,) = json.loads(output_of(digits_server, tmp_path, WATSON))["predictions"]
    (shown,) = example(WATSON)["predictions"]
    assert prediction["fields"] == shown["fields"]
    assert [type(value) for value in prediction["values"][0]] == [type(value) for value in shown["values"][0]]


def test_a_client_of_tensorflow_serving_is_answered(digits_server: str, tmp_path: Path) -> None:
    (prediction,) = json.loads(output_of(digits_server, tmp_path, TENSORFLOW))["predictions"]
    assert len(prediction) == 10
