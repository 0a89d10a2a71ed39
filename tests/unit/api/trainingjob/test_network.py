"""The graph of a network: its inputs, the calls of its layers, its outputs, and the training of each output."""

import copy
from typing import Any

import pytest
from epochal_api.crd import TRAINING_JOBS, schema
from epochal_api.trainingjob.network import Edge, Network
from epochal_api.trainingjob.spec import InvalidTrainingJob, TrainingJob, parse
from epochal_api.trainingjob.training import Output
from pydantic import ValidationError

from tests.kit.schema import broken_rules

JOB: dict[str, Any] = {
    "apiVersion": "epochal.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {"name": "graph"},
    "spec": {
        "storage": {"secretRef": {"name": "credentials"}},
        "data": {"bucket": "data", "train": {"object": "train.npz"}},
        "network": {
            "inputs": [
                {"name": "image", "shape": [28, 28, 1]},
                {"name": "second", "shape": [28, 28, 1]},
                {"name": "note", "shape": [-1], "dtype": "int32"},
                {"name": "title", "shape": [], "dtype": "string"},
            ],
            "layers": [
                {"layer": "Conv2D", "name": "conv", "filters": 8, "kernel_size": 3, "inputs": ["image"]},
                {"use": "conv", "name": "again", "inputs": ["second"]},
                {"layer": "LSTM", "name": "lstm", "units": 8, "return_state": True, "inputs": ["note"]},
                {"layer": "TextVectorization", "inputs": ["title"]},
                {"layer": "Dense", "name": "digit", "units": 10, "inputs": ["again", "lstm:1"]},
                {"layer": "Dense", "name": "odd", "units": 1, "inputs": ["conv"]},
            ],
            "outputs": ["digit", "odd", "lstm:2"],
        },
        "training": {
            "outputs": [
                {"name": "odd", "loss": "BinaryCrossentropy", "weight": "0.5"},
                {"name": "digit", "loss": "SparseCategoricalCrossentropy", "metrics": ["accuracy"]},
                {"name": "lstm_2", "loss": {"name": "Huber", "delta": 2}},
            ]
        },
        "results": {"bucket": "results"},
    },
}
SEQUENCE: dict[str, Any] = {"input": {"shape": [4]}, "layers": [{"layer": "Dense", "units": 1}, {"layer": "ReLU"}]}


def changed(path: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(JOB)
    target: Any = document["spec"]
    *parents, last = path.split(".")
    for parent in parents:
        target = target[int(parent)] if parent.isdigit() else target[parent]
    if value is None:
        del target[last]
    else:
        target[int(last) if last.isdigit() else last] = value
    return document


def test_a_graph_has_edges_and_names() -> None:
    job = parse(JOB)
    network = job.spec.network
    assert network is not None
    assert [item.name for item in network.input_list] == ["image", "second", "note", "title"]
    assert network.layer_names == ["conv", "again", "lstm", "text_vectorization_3", "digit", "odd"]
    assert network.input_edges[0] == [Edge(-4)]
    assert network.input_edges[4] == [Edge(1), Edge(2, 1)]
    assert network.output_edges == [Edge(4), Edge(5), Edge(2, 2)]
    assert network.output_names == ["digit", "odd", "lstm_2"]
    assert parse(job.dump()) == job


def test_outputs_are_in_the_order_of_the_network() -> None:
    training, network = parse(JOB).spec.training, parse(JOB).spec.network
    assert network is not None
    outputs = training.output_list(network.output_names)
    assert [output.name for output in outputs] == ["digit", "odd", "lstm_2"]
    assert [output.weight for output in outputs] == [1.0, 0.5, 1.0]
    assert [output.field for output in outputs] == [f"spec.training.outputs[{index}]" for index in (1, 0, 2)]


def test_a_sequence_has_one_input_and_one_output() -> None:
    network = Network.model_validate(SEQUENCE)
    (item,) = network.input_list
    assert (item.name, item.shape, item.dtype) == ("input", [4], "float32")
    assert network.input_edges == [[Edge(-1)], [Edge(0)]]
    assert (network.output_names, network.output_edges) == (["re_lu_1"], [Edge(1)])


def test_one_loss_is_the_training_of_one_output() -> None:
    document = changed("network", SEQUENCE)
    document["spec"]["training"] = {"loss": "mse", "metrics": ["mae"]}
    (output,) = parse(document).spec.training.output_list(["re_lu_1"])
    assert (output.name, output.field, output.loss.name, output.weight) == ("re_lu_1", "spec.training", "mse", 1.0)
    assert [metric.name for metric in output.metrics] == ["mae"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("network.input", {"shape": [4]}, "spec.network: give exactly one of input and inputs"),
        ("network.inputs", None, "spec.network: give exactly one of input and inputs"),
        ("network.inputs.0.shape", [28, 0], "inputs[0].shape: must have sizes from 1, or -1 for an axis of any length"),
        ("network.inputs.0.shape", [-2], "spec.network.inputs[0].shape[0]: must be at least -1, found -2"),
        ("network.inputs.1.name", "image", "spec.network: inputs: another input has the name 'image'"),
        ("network.inputs.1.name", "conv", "layers[0] (Conv2D): another layer or input has the name 'conv'"),
        ("network.layers.0.inputs", None, "inputs are required, because the network has several: image, second, note"),
        ("network.layers.0.use", "image", "spec.network.layers[0]: give exactly one of layer and use"),
        ("network.layers.1.use", None, "spec.network.layers[1]: give exactly one of layer and use"),
        ("network.layers.1.filters", 4, "layers[1]: use takes no arguments, because the layer conv has its own, found"),
        ("network.layers.1.use", "digit", "layers[1] (use: digit): found use: digit, but no layer above has this name"),
        ("network.layers.1.use", "image", "must use a layer, found 'image', an input of the network"),
        ("network.layers.2", {"use": "again"}, "'again' is itself a use of 'conv': write use: conv"),
        ("network.layers.4.inputs", ["conv", "gone"], "layers[4] (Dense): inputs contain 'gone', but no layer above"),
        ("network.layers.4.inputs", ["image:0"], "'image' is an input, which has one output: write image"),
        ("network.layers.4.inputs", ["conv:x"], "spec.network.layers[4].inputs[0]: must match the pattern"),
        ("network.outputs", ["digit", "gone"], "outputs contain 'gone', but no layer above has this name"),
        ("network.outputs", ["digit", "note"], "outputs contain 'note', which is an input: name the layer that gives"),
        ("network.outputs", ["digit", "digit"], "outputs contain 'digit', but 'digit' also names another output"),
        ("network.outputs", ["digit", "odd"], "training.outputs must have one entry for each of the network's outputs"),
        ("network.outputs", None, "outputs, odd, found odd, digit, lstm_2"),
        ("network.layers.4.name", "val_digit", "outputs contain 'digit', but no layer above has this name"),
        ("network.weights", {"uri": "s3://models/base"}, "weights.uri: must be s3://BUCKET/KEY, a .keras or"),
        ("training.loss", "mse", "spec.training: loss and outputs cannot both be set"),
        ("training.outputs", None, "spec.training: loss is required: write a class"),
        ("training.metrics", ["mae"], "spec.training: metrics must be empty if outputs is set"),
        ("training.classWeight", "Balanced", "spec.training: classWeight and outputs cannot both be set, as in Keras"),
        ("training.outputs.0.name", "digit", "spec.training: outputs: must name each output once, found 'digit' twice"),
        ("training.outputs.0.weight", "-1", "weight: must be a number from 0 as text, such as \"0.5\", found '-1'"),
        ("training.outputs.0.weight", "1e30", "spec.training.outputs[0].weight: must be at most 1,000,000,000"),
        ("training", {"loss": "mse"}, "training.outputs is required, with a loss for each output"),
    ],
)
def test_error_names_the_field(path: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidTrainingJob) as raised:
        parse(changed(path, value))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("network.input", {"shape": [4]}, "spec.network: give exactly one of input and inputs"),
        ("network.inputs.0.shape", [28, 0], "spec.network.inputs[0].shape: must have sizes from 1, or -1"),
        ("network.layers.0.use", "image", "spec.network.layers[0]: give exactly one of layer and use"),
        ("training", {"loss": "mse"}, "spec: training.outputs is required, with a loss for each output"),
    ],
)
def test_api_server_refuses_it(path: str, value: Any, message: str) -> None:
    (found,) = broken_rules(schema(TrainingJob, TRAINING_JOBS.content), changed(path, value))
    assert message in found


def test_api_server_accepts_a_graph() -> None:
    assert broken_rules(schema(TrainingJob, TRAINING_JOBS.content), JOB) == []


@pytest.mark.parametrize("name", ["val", "val_digit"])
def test_metrics_of_the_training_and_the_validation_have_other_names(name: str) -> None:
    document = changed("network.layers.4.name", name)
    document["spec"]["network"]["outputs"][0] = document["spec"]["training"]["outputs"][1]["name"] = name
    with pytest.raises(InvalidTrainingJob, match=f"must not begin with val_, found '{name}'"):
        parse(document)


@pytest.mark.parametrize("weight", ["0.5", ".5", "1e-3", "1"])
def test_a_weight_is_text(weight: Any) -> None:
    assert Output(name="odd", loss="mse", weight=weight).weight == weight


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (0.5, 'must be text in quotes, found 0.5: write "0.5"'),
        (1, 'must be text in quotes, found 1: write "1"'),
        (True, "must be text: put a number, true, false or null in quotes, found true"),
        ([], "must be text: put a number, true, false or null in quotes, found a list of 0"),
        ("half", "must be a number from 0 as text, such as \"0.5\", found 'half'"),
    ],
)
def test_a_weight_without_quotes_is_refused(weight: Any, message: str) -> None:
    with pytest.raises(InvalidTrainingJob) as refused:
        parse(changed("training.outputs.0.weight", weight))
    assert str(refused.value) == f"spec.training.outputs[0].weight: {message}"


def test_errors_have_a_bound() -> None:
    """A user's names must not fill the status."""
    layers = [{"layer": "ReLU", "name": f"layer{index}"} for index in range(999)]
    with pytest.raises(ValidationError, match="and 980 more") as raised:
        Network.model_validate(SEQUENCE | {"layers": [*layers, {"layer": "ReLU", "inputs": ["gone"]}]})
    assert len(str(raised.value)) < 1000
