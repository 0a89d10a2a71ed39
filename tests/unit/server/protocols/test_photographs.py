"""What is asked about photographs, and told."""

from typing import Any

import numpy as np
import orjson
import pytest
from epochal_server.model.model import Model
from epochal_server.protocols.photographs import Options, answer, predictions, read_options
from epochal_server.protocols.preprocess import Box, ModelImage
from epochal_server.refusals import Invalid

from tests.kit.served import digits, model, spec

SEEN = ModelImage(np.zeros((28, 28, 1), np.uint8))
ANSWERS = {"digit": np.array([[0, 0, 0, 0.125, 0, 0, 0, 0.75, 0.125, 0]], np.float32)}
GUESS = {"class": 7, "name": "seven", "probability": 0.75}
TOP = [
    GUESS,
    GUESS | {"class": 3, "name": "three", "probability": 0.125},
    GUESS | {"class": 8, "name": "eight", "probability": 0.125},
]


@pytest.mark.parametrize(
    ("query", "of", "asked"),
    [
        ({}, digits(), Options()),
        ({"show": "true", "several": "1"}, digits(), Options(show=True, several=True)),
        ({"show": "", "several": "False"}, digits(), Options(show=True)),
        ({"fit": "pad", "show": "0"}, digits(images="Resize"), Options(fit="pad")),
    ],
)
def test_reads_what_is_asked(query: dict[str, str], of: Model, asked: Options) -> None:
    assert read_options(query, of) == asked


@pytest.mark.parametrize(
    ("query", "of", "wrong"),
    [
        ({"shows": "true"}, digits(), "parameters: expected show, several or fit, found 'shows'"),
        ({"show": "yes"}, digits(), "show: expected true or false, found 'yes'"),
        ({"several": "true"}, digits(images="Resize"), "several: expected a model for digits"),
        ({"fit": "crop"}, digits(), "fit: expected a model for pictures"),
        ({"fit": "stretch"}, digits(images="Resize"), "fit: expected crop or pad, found 'stretch'"),
    ],
)
def test_says_what_was_expected_and_found(query: dict[str, str], of: Model, wrong: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_options(query, of)
    assert wrong in refused.value.message


def test_tells_class_and_top_three() -> None:
    assert answer(predictions([SEEN], ANSWERS, digits(), Options()), Options()) == GUESS | {"top": TOP}


def test_tells_where_each_of_several_lies_and_shows_it() -> None:
    asked = Options(several=True, show=True)
    found: Any = answer(predictions([ModelImage(SEEN.pixels, Box(1, 2, 3, 4))], ANSWERS, digits(), asked), asked)
    (only,) = orjson.loads(orjson.dumps(found))["predictions"]
    assert only["box"] == {"left": 1, "top": 2, "right": 3, "bottom": 4}
    assert only["image"].startswith("data:image/png;base64,")
    assert answer([], asked) == {"predictions": []}


def test_a_class_without_a_name_is_called_by_its_number() -> None:
    (found,) = predictions([SEEN], ANSWERS, digits(classes=None), Options())
    assert (found["class"], found["name"]) == (7, "7")


def test_what_is_no_probability_is_not_called_so() -> None:
    (found,) = predictions([SEEN], ANSWERS, digits(probabilities=False), Options())
    assert found["score"] == 0.75
    assert "probability" not in found


def test_tells_numbers_where_there_are_no_classes() -> None:
    mask = model([spec("image", (2, 2, 1))], [spec("mask", (2, 2))])
    found = predictions([SEEN], {"mask": np.eye(2, dtype=np.float32)[None]}, mask, Options())
    assert orjson.loads(orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)) == [
        {"outputs": {"mask": [[1, 0], [0, 1]]}}
    ]
