"""What docs/serving.md has a client type works as it stands there: all of it that needs no cluster."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit import digits_model
from tests.kit.documents import blocks, run
from tests.kit.model_server import serving
from tests.kit.served import DIGITS

PAGE = "docs/serving.md"
METADATA = "Protocols"
PHOTOGRAPHS, OPEN_INFERENCE, WATSON = "Photographs", "Open Inference", "Watson Machine Learning"
TENSORFLOW = "TensorFlow Serving"
SECONDS = 120


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    model, signature = digits_model.model(), digits_model.signature()
    with serving(folder, model, signature, images="Digit", classes=list(DIGITS)) as address:
        yield address


def told(address: str, folder: Path, heading: str) -> str:
    """Returns what the blocks under a heading print."""
    there = address.removeprefix("http://")
    parts = [
        part._replace(text=part.text.replace("localhost:8000", there))
        for part in blocks(PAGE, "sh", "python", under=heading)
    ]
    assert any(there in part.text for part in parts)
    return "".join(run(parts, folder, timeout=SECONDS))


def example(heading: str) -> dict[str, Any]:
    """Returns what the document says that is printed; … stands for more of the same."""
    (block,) = blocks(PAGE, "console", under=heading)
    shown: dict[str, Any] = json.loads(block.text.replace(",…", ""))
    return shown


def test_the_model_is_told_of(address: str, tmp_path: Path) -> None:
    assert json.loads(told(address, tmp_path, METADATA))["name"] == "digits"


def test_a_photograph_is_answered(address: str, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(digits_model.photograph(7))
    answer = json.loads(told(address, tmp_path, PHOTOGRAPHS))
    shown = example(PHOTOGRAPHS)
    assert answer["name"] == shown["name"]
    assert answer.keys() == shown.keys()
    assert answer["top"][0].keys() == shown["top"][0].keys()


def test_tritons_client_is_answered(address: str, tmp_path: Path) -> None:
    assert len(told(address, tmp_path, OPEN_INFERENCE).split()) == 2


def test_a_client_of_watson_is_answered(address: str, tmp_path: Path) -> None:
    (prediction,) = json.loads(told(address, tmp_path, WATSON))["predictions"]
    (shown,) = example(WATSON)["predictions"]
    assert prediction["fields"] == shown["fields"]
    assert [type(value) for value in prediction["values"][0]] == [type(value) for value in shown["values"][0]]


def test_a_client_of_tensorflow_serving_is_answered(address: str, tmp_path: Path) -> None:
    (prediction,) = json.loads(told(address, tmp_path, TENSORFLOW))["predictions"]
    assert len(prediction) == 10
