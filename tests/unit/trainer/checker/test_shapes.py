"""The problems of a document that need the shapes of its layers."""

from collections.abc import Sequence
from typing import Any

import pytest
from epochal_api.catalogue.findings import Problem
from epochal_api.catalogue.problems import problems
from epochal_trainer.checker.shapes import check_shapes

from tests.unit.operator.experiment.searches import spec_document
from tests.unit.operator.objects import SPEC

API = "epochal.dev/v1alpha1"
LAYERS = [
    {"layer": "Conv2D", "name": "conv", "filters": 8, "kernel_size": 9},
    {"layer": "Flatten"},
    {"layer": "Dens", "units": 1, "inputs": ["input"]},
]
NETWORK = {"input": {"shape": [8, 8, 1]}, "layers": LAYERS}


def job(**changes: Any) -> dict[str, Any]:
    return {"apiVersion": API, "kind": "TrainingJob", "metadata": {"name": "a"}, "spec": {**SPEC, **changes}}


def shape_problems(document: Any, known: Sequence[Problem] = ()) -> list[Problem]:
    return list(check_shapes(document, known).problems)


def test_a_shape_problem_has_the_path_of_its_layer_and_both_shapes() -> None:
    conv, *others = shape_problems(job(network=NETWORK))
    assert conv.path == "spec.network.layers[0]"
    assert "(None, 8, 8, 1)" in conv.message
    assert "(9, 9, 1, 8)" in conv.message
    assert [problem.path for problem in others] == ["spec.network.layers[1]", "spec.network.layers[2]"]


def test_a_layer_with_a_known_problem_is_left_out() -> None:
    document = job(network=NETWORK)
    known = problems(document)
    assert {"spec.network.layers[0]"} == {problem.path for problem in shape_problems(document, known)} - {
        "spec.network.layers[1]"
    }


WIDE = {"layer": "Conv2D", "filters": 8, "kernel_size": 9}
"""A layer that is larger than its input."""


@pytest.mark.parametrize(
    "faulty",
    [
        {"layer": "Dense", "units": 1, "inputs": ["missing"]},
        {"layer": "Dense", "units": 1, "inputs": [1]},
        {"layer": "Dense", "units": 1, "inputs": ["input"], "name": "twice"},
        {"layer": "Dense", "units": 1, "inputs": ["input"], "name": 5},
        {"use": "missing", "inputs": ["input"]},
        {"use": "input"},
        {"use": 3},
        {},
        5,
    ],
)
def test_a_fault_of_the_graph_hides_no_shape_problem_of_another_layer(faulty: Any) -> None:
    layers = [
        {"layer": "Flatten", "name": "flat"},
        {**WIDE, "inputs": ["input"]},
        faulty,
        WIDE,  # depends on the layer with the fault
        {"layer": "Dense", "units": 1, "inputs": ["flat"], "name": "twice"},
        {"layer": "Concatenate", "inputs": ["flat", "input"]},
        {"layer": "Dense", "units": 1, "inputs": ["twice"]},
        {"layer": "Concatenate", "inputs": ["flat", "input"]},
    ]
    found = shape_problems(job(network={"input": {"shape": [8, 8, 1]}, "layers": layers}))
    assert [problem.path for problem in found] == [f"spec.network.layers[{index}]" for index in (1, 5, 7)]
    assert "(None, 64)" in found[1].message


def test_wrong_outputs_hide_no_shape_problem() -> None:
    for outputs in (["missing"], [1], {"conv": 1}):
        network = {"input": {"shape": [8, 8, 1]}, "layers": [WIDE], "outputs": outputs}
        assert [problem.path for problem in shape_problems(job(network=network))] == ["spec.network.layers[0]"]


def test_a_wrong_output_is_no_fault_of_the_layer_that_it_means() -> None:
    layers = [{"layer": "Flatten", "name": name, "inputs": ["input"]} for name in ("a", "b")]
    network = {"input": {"shape": [8, 8, 1]}, "layers": layers, "outputs": ["a", "bb"]}
    assert shape_problems(job(network=network)) == []


def test_layers_of_several_inputs_are_built_beside_a_fault() -> None:
    inputs = [{"name": "a", "shape": [8, 8, 1]}, {"name": "b", "shape": [-1]}]
    layers = [{"layer": "Dense", "units": 1}, {**WIDE, "inputs": ["a"]}]
    (problem,) = shape_problems(job(network={"inputs": inputs, "layers": layers}))
    assert problem.path == "spec.network.layers[1]"
    assert shape_problems(job(network={"inputs": [{"name": "a"}], "layers": layers})) == []
    assert shape_problems(job(network={"inputs": 5, "layers": layers})) == []


def test_an_experiment_has_the_problems_of_its_template() -> None:
    spec = spec_document()
    spec["template"]["spec"]["network"] = NETWORK
    document = {"apiVersion": API, "kind": "Experiment", "metadata": {"name": "a"}, "spec": spec}
    assert shape_problems(document)[0].path == "spec.template.spec.network.layers[0]"


def test_a_layer_that_a_parameter_changes_is_left_out() -> None:
    spec = spec_document()
    layers = [{"layer": "Flatten"}, {"layer": "Conv2D", "kernel_size": 3}, {"layer": "Dense", "name": "hidden"}]
    spec["template"]["spec"]["network"] = {**NETWORK, "layers": layers}
    document = {"apiVersion": API, "kind": "Experiment", "metadata": {"name": "a"}, "spec": spec}
    spec["parameters"] = [{"name": "units", "paths": ["network.layers[hidden].units"], "values": ["1"]}]
    assert [problem.path for problem in shape_problems(document)] == ["spec.template.spec.network.layers[1]"]
    spec["parameters"][0]["paths"] += ["network.layers[1].filters"]
    assert shape_problems(document) == []


def test_no_problems_without_a_network_that_can_be_built() -> None:
    assert shape_problems(job()) == []
    assert shape_problems(job(network={"layers": 5})) == []
    assert shape_problems(job(network=NETWORK, image="registry/own:1")) == []
    assert shape_problems({}) == []
    assert shape_problems(job(network=NETWORK, training=5)) != []


@pytest.mark.parametrize("fault", [{"layer": "Conv2D", "filters": 8, "kernel_size": 30}, {"layer": "Dens"}, {"use": 3}])
def test_a_table_has_the_shapes_of_the_layers_before_a_problem(fault: Any) -> None:
    layers = [{"layer": "Conv2D", "filters": 4, "kernel_size": 3}, {"layer": "ReLU"}, fault, {"layer": "Flatten"}]
    document = job(network={"input": {"shape": [8, 8, 1]}, "layers": layers})
    assert check_shapes(document, problems(document)).lines == [
        "Output shapes of the layers before the first problem:",
        "spec.network.layers[0]   Conv2D   (None, 6, 6, 4)",
        "spec.network.layers[1]   ReLU     (None, 6, 6, 4)",
    ]


def test_a_table_of_a_deep_network_has_its_last_layers() -> None:
    layers = [*[{"layer": "ReLU"}] * 60, {"layer": "Dens"}]
    lines = check_shapes(job(network={"input": {"shape": [8]}, "layers": layers})).lines
    assert (len(lines), lines[-1]) == (51, "spec.network.layers[59]   ReLU   (None, 8)")


def test_there_is_no_table_without_a_problem_or_a_shape() -> None:
    for layers in ([{"layer": "Flatten"}], [{"layer": "Dens"}, {"layer": "Flatten"}]):
        assert check_shapes(job(network={"input": {"shape": [8]}, "layers": layers})).lines == ()
