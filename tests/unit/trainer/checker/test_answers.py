"""The answers of the checker about networks that people write."""

import gzip
import json
from typing import Any

import pytest
from epochal_api.checker import Answer, Question
from epochal_trainer.checker.answers import answer_of
from epochal_trainer.checker.catalogue import documented_catalogue
from epochal_trainer.model.sketch import sketch

CONV = {"layer": "Conv2D", "name": "conv", "filters": 8, "kernel_size": 3}
DENSE = {"layer": "Dense", "name": "dense", "units": 10}


def check(*layers: dict[str, Any], shape: tuple[int, ...] = (28, 28, 1), **network: Any) -> Answer:
    document = {"input": {"shape": list(shape)}, "layers": list(layers), **network}
    question = Question.model_validate({"network": document})
    return answer_of(sketch(question.network, precision=question.precision), "image:1")


def test_shapes_and_parameters() -> None:
    answer = check(CONV, {"layer": "Flatten"}, DENSE)
    assert [layer.outputs for layer in answer.layers] == [[[26, 26, 8]], [[5408]], [[10]]]
    assert [layer.parameters for layer in answer.layers] == [80, 0, 54090]
    assert (answer.faults, answer.parameters, answer.built, answer.image) == ([], 54170, 3, "image:1")
    assert Answer.model_validate_json(answer.model_dump_json(exclude_none=True)) == answer


def test_a_convolution_larger_than_its_input_has_both_shapes_in_its_error() -> None:
    answer = check(CONV, {"layer": "Flatten"}, DENSE, shape=(2, 2, 1))
    (error,) = answer.faults
    assert error.startswith("spec.network.layers[0] (Conv2D, 'conv') got (None, 2, 2, 1): ")
    assert "(3, 3, 1, 8)" in error
    assert [layer.outputs for layer in answer.layers] == [[], [], []]


def test_errors_after_an_error_are_found() -> None:
    branch = {**CONV, "name": "other", "kernel_size": 99, "inputs": ["input"]}
    answer = check({"layer": "Dens", "units": 1}, branch, {"layer": "Flatten"}, DENSE)
    assert [layer.error is not None for layer in answer.layers] == [True, True, False, False]


def test_an_axis_of_any_length_is_minus_one() -> None:
    answer = check({"layer": "LSTM", "units": 4, "return_sequences": True}, shape=(-1, 2))
    assert answer.layers[0].outputs == [[-1, 4]]


@pytest.mark.parametrize("units", [10**6, 2**31 - 1])
def test_any_number_of_parameters(units: int) -> None:
    answer = check({**DENSE, "units": units}, {**DENSE, "name": "next", "units": units}, shape=(4,))
    assert answer.faults == []
    assert answer.parameters > 10**12


def test_the_catalogue_has_docstrings() -> None:
    modules = json.loads(gzip.decompress(documented_catalogue()))["modules"]
    assert "2D convolution layer" in modules["keras.layers"]["docs"]["Conv2D"]
    assert "relu" in modules["keras.activations"]["docs"]
    for module in modules.values():
        usable = {name for name, found in module["classes"].items() if not found.get("refused")}
        assert usable - module["docs"].keys() == set()
