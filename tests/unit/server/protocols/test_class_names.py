"""The names of the predicted classes in the answers of TensorFlow Serving and of Watson."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import pytest
from epochal_server.model.model import Arrays, Model
from epochal_server.protocols import tfserving, watson
from epochal_server.refusals import Invalid

from tests.kit.served import model, small, spec

BINARY = model([spec("x", (2,))], [spec("y", (1,))], probabilities=True, classes=("no", "yes"))
SEVERAL = model([spec("x", (2,))], [spec("y", (2,)), spec("z", (1,))], probabilities=True, classes=("no", "yes"))
LOGIT = model([spec("x", (2,))], [spec("y", (1,))], classes=("no", "yes"))
WORDS = model([spec("x", (2,))], [spec("y", (4, 2))], probabilities=True, classes=("no", "yes"))
PROBABILITIES = np.array([[0.2], [0.8], [np.nan]], np.float32)
SAMPLES = [[1, 2]] * 3
BODIES: Mapping[str, Any] = {
    "rows": {"instances": SAMPLES},
    "columns": {"inputs": SAMPLES},
    "v4": {"input_data": [{"values": SAMPLES}]},
    "v3": {"values": SAMPLES},
}


def asked(form: str, served: Model, answers: Arrays, query: Mapping[str, str]) -> Any:
    """Return the answer in a form of a protocol."""
    endpoints = [*tfserving.protocol(served).endpoints, *watson.protocol(served).endpoints]
    endpoint = endpoints[{"rows": 0, "columns": 0, "v4": 1, "v3": 2}[form]]
    decoded = endpoint.decode(json.dumps(BODIES[form]).encode(), {}, query)
    return orjson.loads(decoded.encode(answers).content)


@pytest.mark.parametrize("form", ["rows", "columns"])
def test_tensorflow_serving_has_them_beside_the_numbers(form: str) -> None:
    plain = asked(form, BINARY, {"y": PROBABILITIES}, {})
    found = asked(form, BINARY, {"y": PROBABILITIES}, {"class_names": "true"})
    assert found == {**plain, "class_names": ["no", "yes", None]}


@pytest.mark.parametrize("form", ["v3", "v4"])
def test_watson_has_them_as_the_last_field(form: str) -> None:
    plain = asked(form, BINARY, {"y": PROBABILITIES}, {})
    found = asked(form, BINARY, {"y": PROBABILITIES}, {"class_names": "true"})
    if form == "v4":
        (plain,), (found,) = plain["predictions"], found["predictions"]
    assert found["fields"] == [*plain["fields"], "class_names"]
    named = zip(plain["values"], ["no", "yes", None], strict=True)
    assert found["values"] == [[*row, name] for row, name in named]


@pytest.mark.parametrize("form", ["rows", "v3"])
def test_the_first_of_several_outputs_has_the_classes(form: str) -> None:
    answers = {"y": np.array([[0.9, 0.1], [0.1, 0.9], [0.5, 0.5]]), "z": np.zeros((3, 1))}
    found = asked(form, SEVERAL, answers, {"class_names": "1"})
    names = found["class_names"] if form == "rows" else [row[-1] for row in found["values"]]
    assert names == ["no", "yes", "no"]


@pytest.mark.parametrize("form", BODIES)
@pytest.mark.parametrize(
    ("served", "value", "message"),
    [
        (small(), "true", "class_names: expected a model with named classes, found no names: set spec.classes"),
        (LOGIT, "true", "a value for each class, found 'y', float32 of shape (n, 1): remove class_names"),
        (WORDS, "true", "a value for each class, found 'y', float32 of shape (n, 4, 2): remove class_names"),
        (BINARY, "yes", "class_names: expected true or false, found 'yes'"),
    ],
)
def test_refuses_a_model_without_named_classes_and_other_values(
    form: str, served: Model, value: str, message: str
) -> None:
    with pytest.raises(Invalid) as refused:
        asked(form, served, {}, {"class_names": value})
    assert message in refused.value.message
