"""Options and predictions of photographs."""

from typing import Any

import numpy as np
import orjson
import pytest
from epochal_server.model.model import Model
from epochal_server.protocols.photographs import Options, answer, predictions, read_options
from epochal_server.protocols.preprocess import Box, ModelImage
from epochal_server.refusals import Invalid

from tests.kit.served import DIGITS, digits, model, spec

IMAGE = ModelImage(np.zeros((28, 28, 1), np.uint8))
ANSWERS = {"digit": np.array([[0, 0, 0, 0.125, 0, 0, 0, 0.75, 0.125, 0]], np.float32)}
ODD = [(1, "yes", 0.75), (0, "no", 0.25)]
PREDICTION = {"class": 7, "name": "seven", "probability": 0.75}
TOP = [
    PREDICTION,
    PREDICTION | {"class": 3, "name": "three", "probability": 0.125},
    PREDICTION | {"class": 8, "name": "eight", "probability": 0.125},
]


@pytest.mark.parametrize(
    ("query", "served", "options"),
    [
        ({}, digits(), Options()),
        ({"show": "true", "several": "1"}, digits(), Options(show=True, several=True)),
        ({"show": "", "several": "False"}, digits(), Options(show=True)),
        ({"fit": "pad", "show": "0"}, digits(images="Resize"), Options(fit="pad")),
    ],
)
def test_parses_options(query: dict[str, str], served: Model, options: Options) -> None:
    assert read_options(query, served) == options


@pytest.mark.parametrize(
    ("query", "served", "message"),
    [
        ({"shows": "true"}, digits(), "query parameters: expected show, several or fit, found 'shows'"),
        ({"show": "yes"}, digits(), "show: expected true or false, found 'yes'"),
        ({"several": "true"}, digits(images="Resize"), "several: expected a model of digits"),
        ({"fit": "crop"}, digits(), "fit: expected a model of pictures"),
        ({"fit": "stretch"}, digits(images="Resize"), "fit: expected crop or pad, found 'stretch'"),
    ],
)
def test_message_has_the_expected_and_the_found_option(query: dict[str, str], served: Model, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_options(query, served)
    assert message in refused.value.message


def test_an_answer_has_the_class_and_the_top_three() -> None:
    assert answer(predictions([IMAGE], ANSWERS, digits(), Options()), Options()) == PREDICTION | {"top": TOP}


def test_each_of_several_digits_has_a_box_and_an_image() -> None:
    options = Options(several=True, show=True)
    found: Any = answer(predictions([ModelImage(IMAGE.pixels, Box(1, 2, 3, 4))], ANSWERS, digits(), options), options)
    (only,) = orjson.loads(orjson.dumps(found))["predictions"]
    assert only["box"] == {"left": 1, "top": 2, "right": 3, "bottom": 4}
    assert only["image"].startswith("data:image/png;base64,")
    assert answer([], options) == {"predictions": []}


def test_a_class_without_a_name_has_its_index() -> None:
    (found,) = predictions([IMAGE], ANSWERS, digits(classes=None), Options())
    assert (found["class"], found["name"]) == (7, "7")


def test_a_raw_output_is_a_score() -> None:
    (found,) = predictions([IMAGE], ANSWERS, digits(probabilities=False), Options())
    assert found["score"] == 0.75
    assert "probability" not in found


def test_further_outputs_are_beside_the_class_of_the_first() -> None:
    outputs = [
        spec("digit", (10,)),
        spec("odd", (1,), probabilities=True, classes=["no", "yes"]),
        spec("slant", (), "float32"),
    ]
    fields: dict[str, Any] = {"probabilities": True, "classes": DIGITS, "images": "Digit"}
    served = model([spec("image", (28, 28, 1))], outputs, **fields)
    answers = {**ANSWERS, "odd": np.array([[0.75]], np.float32), "slant": np.array([0.5], np.float32)}
    (found,) = predictions([IMAGE], answers, served, Options())
    yes, no = ({"class": index, "name": name, "probability": value} for index, name, value in ODD)
    further = {"odd": yes | {"top": [yes, no]}, "slant": 0.5}
    assert found == PREDICTION | {"top": TOP, "outputs": further}


def test_a_model_without_classes_returns_its_outputs() -> None:
    mask = model([spec("image", (2, 2, 1))], [spec("mask", (2, 2))])
    found = predictions([IMAGE], {"mask": np.eye(2, dtype=np.float32)[None]}, mask, Options())
    assert orjson.loads(orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)) == [
        {"outputs": {"mask": [[1, 0], [0, 1]]}}
    ]
