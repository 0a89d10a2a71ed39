"""The problems of a document without Keras, and the question about its network."""

import json
from typing import Any

import pytest
from epochal_studio.networks.examine import examine, layer_of

from tests.unit.studio.networks.texts import LAYERS, SPEC, document, experiment, text


def found(what: Any) -> list[tuple[str, int | None]]:
    return [(problem.path, problem.layer) for problem in examine(text(what)).problems]


def test_a_valid_document_and_its_question() -> None:
    examined = examine(text(document()))
    assert examined.problems == []
    assert examined.question is not None
    assert json.loads(examined.question) == {"network": SPEC["network"]}
    precise = examine(text(document(training={**SPEC["training"], "precision": "mixed_float16"})))
    assert precise.question is not None
    assert json.loads(precise.question)["precision"] == "mixed_float16"


def test_a_null_argument_is_part_of_the_question() -> None:
    examined = examine(text(document({"layer": "Dense", "units": 2, "activation": None})))
    assert b'"activation":null' in (examined.question or b"")


def test_problems_name_field_and_layer() -> None:
    wrong = document(
        {"layer": "Dens", "units": 2}, {"layer": "Dense", "units": "many"}, training={**SPEC["training"], "epochs": 0}
    )
    problems = examine(text(wrong)).problems
    assert [(problem.path, problem.layer) for problem in problems] == [
        ("spec.training.epochs", None),
        ("spec.network.layers[0].layer", 0),
        ("spec.network.layers[1].units", 1),
    ]
    assert "did you mean Dense?" in problems[1].message
    assert all(problem.line is None and not problem.is_warning for problem in problems)


def test_a_draft_without_data_has_a_question() -> None:
    examined = examine(text(document(data=None)))
    assert [problem.path for problem in examined.problems] == ["spec.data"]
    assert examined.question is not None


def test_an_argument_that_a_parameter_gives_is_not_missing() -> None:
    layers = (LAYERS[0], LAYERS[1], {"layer": "Dense", "name": "last"})
    assert found(experiment(*layers, paths=("network.layers[last].units",))) == []
    missing = experiment(*layers, paths=("training.optimizer.learning_rate",), float={"min": "0.1", "max": "1"})
    assert found(missing) == [("spec.template.spec.network.layers[2]", 2)]


def test_the_first_layer_that_a_parameter_changes() -> None:
    examined = examine(text(experiment(*LAYERS, paths=("network.layers[2].units", "network.layers[1].name"))))
    assert examined.network == "spec.template.spec.network"
    assert examined.first_searched is not None
    assert examine(text(experiment(paths=("training.epochs",)))).first_searched is None


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (document(image="registry.example.com/mine"), "OtherImage"),
        (document(network=None, model={"uri": "s3://bucket/model.keras"}), "NoNetwork"),
        (document(network=None, code={"object": "network.py"}), "NoNetwork"),
        (document(network={"input": {"shape": []}, "layers": "none"}), "Invalid"),
        (document(network=None), "Invalid"),
        ({"apiVersion": "epochal.dev/v1alpha1", "kind": "ModelServer"}, "Invalid"),
        ("text", "Invalid"),
    ],
)
def test_no_question(what: Any, reason: str) -> None:
    examined = examine(text(what))
    assert examined.question is None
    assert examined.reason is not None
    assert (examined.reason.reason, bool(examined.reason.message)) == (reason, True)


@pytest.mark.parametrize(
    "about",
    [
        {"apiVersion": "v1", "kind": "Secret"},
        {"apiVersion": "epochal.dev/v1alpha1", "kind": "ModelServer"},
        {"apiVersion": "epochal.dev/v1", "kind": "TrainingJob"},
        {"kind": "TrainingJob"},
        {"apiVersion": "epochal.dev/v1alpha1", "kind": ["TrainingJob"]},
        {},
    ],
)
def test_another_kind(about: dict[str, Any]) -> None:
    (problem,) = examine(text({**about, "metadata": {"name": "a"}})).problems
    assert problem.path in {"kind", "apiVersion"}
    assert "kind TrainingJob or Experiment" in problem.message


def test_a_thousand_layers_and_no_more() -> None:
    layers = [{"layer": "Dense", "units": 1}] * 1000
    assert examine(text(document(*layers))).question is not None
    assert examine(text(document(*layers, {"layer": "Dense", "units": 1}))).question is None


def test_many_problems_are_bounded() -> None:
    examined = examine(text(document(*[{"layer": f"Wrong{n}"} for n in range(1000)])))
    assert 90 <= len(examined.problems) <= 200
    assert "more problems" in examined.problems[-1].message


@pytest.mark.parametrize(
    ("path", "layer"),
    [
        ("spec.network.layers[3].units", 3),
        ("spec.network.layers[12]", 12),
        ("spec.template.spec.network.layers[0].layer", 0),
        ("spec.network.layers", None),
        ("spec.training.callbacks[1]", None),
        ("metadata.spec.network.layers[1]", None),
        ("", None),
    ],
)
def test_the_layer_of_a_path(path: str, layer: int | None) -> None:
    assert layer_of(path) == layer
