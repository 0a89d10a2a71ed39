"""All problems of a document are found at once, each with its path, in linear time and bounded length."""

import time
from typing import Any

import pytest
from epochal_api.catalogue.findings import MAX_PROBLEMS, Problem
from epochal_api.catalogue.problems import problems, spec_problems
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.api.catalogue.documents import experiment, training_job

LAYERS = "spec.network.layers"
SHORT_NAME, LONG_NAME = "encoder_block_output_number", "encoder_block_output_number_with_a_long_suffix"
NO_CODE = (
    "it runs code, but a TrainingJob cannot contain code; write a layer of your own in spec.code, or use Rescaling, "
    "Activation or Reshape"
)


@pytest.mark.parametrize(
    ("layer", "found"),
    [
        ({"layer": "maxpooling2D"}, "[0].layer: keras.layers has no maxpooling2D; did you mean MaxPooling2D?"),
        ({"layer": "relu"}, "[0].layer: keras.layers has no relu; did you mean ReLU?"),
        ({"layer": "gelu"}, "[0].layer: keras.layers has no gelu; write {layer: Activation, activation: gelu}"),
        ({"layer": "Linear", "units": 3}, "[0].layer: keras.layers has no Linear; use Dense"),
        ({"layer": "Adam"}, "[0].layer: keras.layers has no Adam; it is a class of keras.optimizers"),
        ({"layer": "Lambda"}, f"[0].layer: Lambda cannot be used here: {NO_CODE}"),
        ({"layer": "Dense"}, "[0]: Dense needs units; add units (an integer)"),
        ({"layer": "Dense", "units": 1, "unit": 2}, "[0].unit: Dense has no argument unit; did you mean units?"),
        (
            {"layer": "Dense", "units": 3, "input_shape": [3]},
            "[0].input_shape: Dense has no argument input_shape; remove it: spec.network.input.shape has the shape",
        ),
        (
            {"layer": "Dense", "units": 3, "strides": 2},
            "[0].strides: Dense has no argument strides; it is an argument of AveragePooling1D, AveragePooling2D, ",
        ),
        ({"layer": "LeakyReLU", "alpha": 0.1}, "[0].alpha: LeakyReLU has no argument alpha; write negative_slope"),
        (
            {"layer": "Dense", "units": "64"},
            "[0].units: units must be an integer, found '64'; write units: 64, without quotes",
        ),
        (
            {"layer": "Conv2D", "filters": 8, "kernel_size": ["3", 3]},
            "[0].kernel_size[0]: kernel_size must be an integer or a list of integers, found '3'",
        ),
        ({"layer": "Dense", "units": None}, "[0].units: units must be an integer, found null; write a number"),
        ({"layer": "Dropout", "rate": "half"}, "[0].rate: rate must be a number, found 'half'; write a number"),
        (
            {"layer": "Dense", "units": 3, "activation": "sofmax"},
            "[0].activation: keras.activations has no sofmax; did you mean softmax or log_softmax?",
        ),
        (
            {"layer": "Dense", "units": 3, "kernel_initializer": {"name": "normal", "seed": 1}},
            "[0].kernel_initializer.name: keras.initializers has no normal; write RandomNormal, the class of this",
        ),
        (
            {"layer": "Dense", "units": 3, "kernel_constraint": {"name": "max_norn", "max_value": 1}},
            "[0].kernel_constraint.name: keras.constraints has no max_norn; did you mean MaxNorm or MinMaxNorm?",
        ),
        (
            {"layer": "Dense", "units": 3, "kernel_initializer": {"name": "kaiming", "seed": 1}},
            "[0].kernel_initializer.name: keras.initializers has no kaiming; use HeNormal",
        ),
        (
            {"layer": "Dense", "units": 3, "kernel_initializer": "he_norml"},
            "[0].kernel_initializer: keras.initializers has no he_norml; did you mean he_normal",
        ),
        (
            {"layer": "Dense", "units": 3, "kernel_initializer": {"name": "HeNormal", "sed": 1}},
            "[0].kernel_initializer.sed: HeNormal has no argument sed; did you mean seed?",
        ),
        (
            {"layer": "Dense", "units": 3, "kernel_regularizer": {"l2": 0.1}},
            "[0].kernel_regularizer: kernel_regularizer must be a name, or a mapping with a name of keras.regularizers",
        ),
        (
            {"layer": "Dense", "units": 3, "use_bias": {"value": True}},
            "[0].use_bias: use_bias must not be a mapping, unless it is a layer",
        ),
        (
            {"layer": "Bidirectional", "wrapped": {"layer": "LSTM", "unit": 3}},
            "[0].wrapped: LSTM needs units; add units (an integer)",
        ),
        (
            {"layer": "Bidirectional", "wrapped": "LSTM"},
            "[0].wrapped: wrapped must be a layer, {layer: CLASS, …}, found 'LSTM'; write wrapped: {layer: LSTM, …}",
        ),
        (
            {"layer": "Pipeline", "layers": [{"layer": "Normalization"}]},
            "[0].layers[0]: Normalization learns from data (adapt): it must be in spec.network.layers itself",
        ),
        (
            {"layer": "StringLookup", "vocabulary": "/etc/passwd"},
            "[0].vocabulary: vocabulary must be a list, found '/etc/passwd'; a text would be the path of a file",
        ),
    ],
)
def test_problems_of_a_layer(layer: dict[str, Any], found: str) -> None:
    assert str(problems(training_job(layer))[0]).startswith(f"{LAYERS}{found}")


@pytest.mark.parametrize(
    ("training", "found"),
    [
        ({"optimizer": "Adamm"}, "optimizer: keras.optimizers has no Adamm; did you mean Adam"),
        ({"optimizer": {"name": "adam", "lr": 1}}, "optimizer.lr: Adam has no argument lr; write learning_rate"),
        (
            {"optimizer": {"name": "Adam", "momentum": 0.9}},
            "optimizer.momentum: Adam has no argument momentum; it is an argument of Muon, RMSprop, SGD; Adam has ",
        ),
        (
            {"optimizer": {"name": "SGD", "learning_rate": {"name": "CosineDecay", "initial_learning_rate": 1}}},
            "optimizer.learning_rate: CosineDecay needs decay_steps; add decay_steps (an integer)",
        ),
        ({"loss": "CrossEntropyLoss"}, "loss: keras.losses has no CrossEntropyLoss; use SparseCategoricalCrossentropy"),
        ({"loss": {"name": "mse", "axis": 1}}, "loss: mse is a function and takes no arguments, found axis"),
        ({"metrics": ["acuracy"]}, "metrics[0]: keras.metrics has no acuracy; did you mean accuracy"),
        ({"metrics": ["acc", "mean_io_u"]}, "metrics[1]: MeanIoU needs num_classes; add num_classes (an integer)"),
        (
            {"callbacks": [{"callback": "EarlyStopping", "patience": "3"}]},
            "callbacks[0].patience: patience must be an integer, found '3'; write patience: 3, without quotes",
        ),
        (
            {"callbacks": [{"callback": "EarlyStoping"}]},
            "callbacks[0].callback: keras.callbacks has no EarlyStoping; did you mean EarlyStopping?",
        ),
    ],
)
def test_problems_of_a_training(training: dict[str, Any], found: str) -> None:
    (problem,) = problems(training_job(**training))
    assert str(problem).startswith(f"spec.training.{found}")


def dense(**fields: Any) -> dict[str, Any]:
    return {"layer": "Dense", "units": 2, **fields}


@pytest.mark.parametrize(
    ("layers", "found"),
    [
        (
            [
                dense(name=SHORT_NAME),
                dense(inputs=[LONG_NAME]),
            ],
            f"{LAYERS}[1].inputs[0]: no layer above has the name {LONG_NAME}; did you mean {SHORT_NAME}?",
        ),
        ([dense(name="a"), dense(inputs=["b"])], f"{LAYERS}[1].inputs[0]: no layer above has the name b"),
        (
            [dense(name="hidden"), dense(inputs=["hiden"])],
            f"{LAYERS}[1].inputs[0]: no layer above has the name hiden; did you mean hidden?",
        ),
        (
            [dense(inputs=["b"]), dense(name="b")],
            f"{LAYERS}[0].inputs[0]: b is layers[1], which comes later; put it above this layer",
        ),
        ([dense(name="a", inputs=["a"])], f"{LAYERS}[0].inputs[0]: a is the layer itself; name a layer above"),
        ([dense(name="a"), dense(name="a")], f"{LAYERS}[1].name: layers[0] has the name a too; give it another name"),
        ([dense(name="input")], f"{LAYERS}[0].name: an input of the network has the name input too"),
        (
            [dense(), dense(inputs=["input"])],
            f"{LAYERS}[0]: no layer takes its output, and it is not the last layer; add it to the inputs of another ",
        ),
        (
            [dense(name="a"), {"use": "a", "inputs": ["input"]}],
            f"{LAYERS}[0]: no layer takes its output, and it is not the last layer; add it to the inputs of another ",
        ),
        ([dense(name="a/b")], f"{LAYERS}[0].name: "),
        ([dense(name="a"), {"use": "b"}], f"{LAYERS}[1].use: no layer above has the name b"),
    ],
)
def test_problems_of_the_graph(layers: list[dict[str, Any]], found: str) -> None:
    (problem,) = problems(training_job(*layers))
    assert str(problem).startswith(found)


def test_graph_with_several_inputs_and_outputs() -> None:
    document = training_job(
        dense(name="one", inputs=["a"]), {"use": "one", "name": "two", "inputs": ["b"]}, dense(inputs=["two"])
    )
    network = document["spec"]["network"]
    network["inputs"] = [{"name": name, "shape": [2]} for name in "ab"]
    del network["input"]
    network["outputs"] = ["one", "dense_2"]
    assert str(problems(document)[0]) == (
        "spec.network.outputs[1]: no layer above has the name dense_2; add this name to the layer whose output is meant"
    )
    network["outputs"] = ["one", "three"]
    network["layers"][2]["name"] = "three"
    document["spec"]["training"] = {"outputs": [{"name": "one", "loss": "mse"}, {"name": "three", "loss": "msee"}]}
    assert [problem.path for problem in problems(document)] == ["spec.training.outputs[1].loss"]
    del network["layers"][0]["inputs"]
    assert problems(document)[0] == Problem(
        f"{LAYERS}[0]", "the first layer needs inputs, since the network has several", "add inputs: [NAME]"
    )


@pytest.mark.parametrize(
    ("fields", "outputs", "path"),
    [
        ({"inputs": [1]}, None, "layers[1].inputs[0]"),
        ({"inputs": [["one"]]}, None, "layers[1].inputs[0]"),
        ({"inputs": [None]}, None, "layers[1].inputs[0]"),
        ({"inputs": 0}, None, "layers[1].inputs"),
        ({"inputs": {"one": 1}}, None, "layers[1].inputs"),
        ({"use": 3, "layer": None, "units": None}, None, "layers[1].use"),
        ({"inputs": ["a"]}, 5, "outputs"),
        ({"inputs": ["a"]}, {"one": 1}, "outputs"),
        ({"inputs": ["a"]}, [1], "outputs[0]"),
    ],
)
def test_a_reference_that_is_no_text_is_the_only_problem(fields: dict[str, Any], outputs: Any, path: str) -> None:
    layer = {key: value for key, value in dense(**fields).items() if value is not None}
    document = training_job(dense(name="one", inputs=["a"]), layer)
    document["spec"]["network"] |= {"inputs": [{"name": "a", "shape": [2]}], "outputs": outputs}
    del document["spec"]["network"]["input"]
    assert [problem.path for problem in problems(document)] == [f"spec.network.{path}"]


def test_the_first_of_several_inputs_is_no_problem_if_the_inputs_of_the_first_layer_are_no_text() -> None:
    document = training_job(dense(inputs=0))
    document["spec"]["network"]["inputs"] = [{"name": name, "shape": [2]} for name in "ab"]
    del document["spec"]["network"]["input"]
    assert [problem.path for problem in problems(document)] == [f"{LAYERS}[0].inputs"]


def test_unused_inputs() -> None:
    document = training_job(dense(name="one", inputs=["b"]), dense(inputs=["one"]))
    network = document["spec"]["network"]
    del network["input"]
    network["inputs"] = [{"name": name, "shape": [2]} for name in "abc"]
    message, hint = "no layer takes this input", "add it to the inputs of a layer, or remove it"
    assert problems(document) == [Problem(f"spec.network.inputs[{index}]", message, hint) for index in (0, 2)]
    network["inputs"][2]["name"] = "a"  # a name that two inputs have may be a slip for that of the unused input
    assert [problem.path for problem in problems(document)] == ["spec.network.inputs[2].name"]


FAR = {"inputs": ["input"]}


@pytest.mark.parametrize(
    ("layers", "outputs", "paths"),
    [
        ([dense(name="encoder"), dense(**FAR), dense(inputs=["encodr"])], None, ["layers[2].inputs[0]", "layers[1]"]),
        (
            [dense(name="encoder"), dense(name="other", **FAR), dense(inputs=["encodr"])],
            ["new"],
            ["layers[2].inputs[0]", "outputs[0]", "layers[1]"],
        ),
        (
            [dense(name="a"), dense(name="b", **FAR), dense(name="c", **FAR)],
            ["zz"],
            ["outputs[0]", "layers[0]", "layers[1]"],
        ),
        ([dense(name="a"), dense(name="a"), dense(**FAR), dense(**FAR)], None, ["layers[1].name", "layers[2]"]),
        (
            [dense(name="a", inputs=["b"]), dense(name="b"), dense(**FAR), dense(**FAR)],
            None,
            ["layers[0].inputs[0]", "layers[2]"],
        ),
        (
            [dense(inputs=["input:1"]), {"use": "input"}, dense(inputs=["no"])],
            None,
            ["layers[0].inputs[0]", "layers[1].use", "layers[2].inputs[0]"],
        ),
        (
            [dense(name="a"), {"use": "a", "name": "b"}, {"use": "b"}, dense(name="c")],
            ["input", "c", "c"],
            ["layers[2].use", "outputs[0]", "outputs[2]"],
        ),
        ([dense(name="a:0"), dense(name="a")], ["a"], ["layers[0].name"]),
        ([dense(name="a"), dense(name="b_0")], ["a"], ["layers[1]"]),
        ([dense(name="a"), dense(**FAR), dense(inputs="a")], None, ["layers[2].inputs", "layers[1]"]),
    ],
)
def test_independent_problems_of_the_graph(
    layers: list[dict[str, Any]], outputs: list[str] | None, paths: list[str]
) -> None:
    document = training_job(*layers)
    if outputs is not None:
        document["spec"]["network"]["outputs"] = outputs
    found = [problem.path.removeprefix("spec.network.") for problem in problems(document)]
    assert found == paths


def test_outputs_without_layers_have_no_problem_of_their_own() -> None:
    document = training_job()
    document["spec"]["network"] |= {"layers": [], "outputs": ["a"]}
    assert [problem.path for problem in problems(document)] == [LAYERS]


def test_both_kinds_of_inputs_and_a_problem_of_the_graph() -> None:
    document = training_job(dense(name="a"), dense(inputs=["input"]), dense(inputs=["b"]))
    document["spec"]["network"]["inputs"] = [{"name": "input", "shape": [2]}]
    assert [problem.path for problem in problems(document)][:2] == ["spec.network", f"{LAYERS}[2].inputs[0]"]


def test_all_problems_at_once() -> None:
    document = training_job({"layer": "Conv2d"}, dense(unit=1), epochs=0, loss="msee", metrics=["acuracy"])
    assert [problem.path for problem in problems(document)] == [
        "spec.training.epochs",
        f"{LAYERS}[0].layer",
        f"{LAYERS}[1].unit",
        "spec.training.loss",
        "spec.training.metrics[0]",
    ]


def test_template_of_an_experiment() -> None:
    document = experiment(training_job({"layer": "Conv2d"}))
    assert [problem.path for problem in problems(document)] == ["spec.template.spec.network.layers[0].layer"]
    del document["spec"]["template"]["spec"]["training"]["loss"]
    assert problems(document)[0].path == "spec.template.spec.training"


@pytest.mark.parametrize(
    "document", [None, [], "text", {}, {"kind": 3}, {"kind": "Job", "apiVersion": "batch/v1"}, {"kind": "TrainingJob"}]
)
def test_other_documents(document: Any) -> None:
    (problem,) = problems(document)
    assert problem.message.startswith("must be")


@pytest.mark.parametrize("field", [{"image": "registry.example.com/trainer:2"}, {"code": {"object": "model.py"}}])
def test_images_and_code_may_have_other_classes(field: dict[str, Any]) -> None:
    spec = training_job({"layer": "Conv2d"})["spec"]
    assert [problem.is_warning for problem in spec_problems(spec)] == [False]
    assert [problem.is_warning for problem in spec_problems(spec | field)] == [True]
    many = training_job(*({"layer": "Conv2d", "name": f"a{index}"} for index in range(MAX_PROBLEMS + 1)))["spec"]
    assert {problem.is_warning for problem in spec_problems(many | field)} == {True}


@pytest.mark.parametrize("field", [{"image": "registry.example.com/trainer:2"}, {"code": {"object": "model.py"}}])
@pytest.mark.parametrize("changes", [{"inputs": ["unknown"]}, {"name": "same"}])
def test_problems_of_the_graph_are_errors_with_images_and_code(field: dict[str, Any], changes: dict[str, Any]) -> None:
    document = training_job({"layer": "Flatten", "name": "same"}, {"layer": "Mine"} | changes)
    document["spec"] |= field
    found = {problem.path.rpartition(".")[2]: problem.is_warning for problem in problems(document)}
    assert found["layer"]
    assert not found[next(iter(changes)) if "name" in changes else "inputs[0]"]


def test_vocabulary_is_a_list() -> None:
    layer = {"layer": "StringLookup", "vocabulary": ["a", "b"]}
    assert spec_problems({"network": {"layers": [layer]}}) == []


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["layer", "name", "inputs", "use", "units", "wrapped", "dtype", "kernel_initializer", "x"]),
            inner | st.sampled_from(["Dense", "Bidirectional", "a"]),
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=25)
@given(layers=JSON, training=JSON, network=JSON)
def test_no_document_breaks_the_check(layers: Any, training: Any, network: Any) -> None:
    spec_problems({"network": network, "training": training})
    document = training_job()
    document["spec"]["network"]["layers"] = layers
    document["spec"]["training"]["optimizer"] = training
    assert all(isinstance(problem.path, str) for problem in problems(document))


@pytest.mark.parametrize(
    "layer",
    [
        {f"argument_{number}": number for number in range(5_000)},
        {"kernel_initializer": {"name": "x" * 100_000}},
        {"x" * 100_000: 1},
        {"units": "9" * 100_000},
        {"name": "y" * 100_000, "inputs": ["z" * 1_000] * 100},
    ],
)
def test_many_and_long_problems_are_limited(layer: dict[str, Any]) -> None:
    found = problems(training_job({"layer": "Dense", "units": 1} | layer))
    assert 1 <= len(found) <= MAX_PROBLEMS
    assert all(len(str(problem)) < 1_200 for problem in found)
    assert len(found) < MAX_PROBLEMS or "more problems" in found[-1].message


def test_deep_documents_are_refused() -> None:
    layer: dict[str, Any] = {"layer": "Dense", "units": 1}
    for _ in range(98):
        layer = {"layer": "TimeDistributed", "wrapped": layer}
    assert spec_problems({"network": {"layers": [layer]}}) == []
    for _ in range(10_000):
        layer = {"layer": "TimeDistributed", "wrapped": layer}
    (problem,) = spec_problems({"network": {"layers": [layer]}})
    assert problem.message == "it is nested deeper than 100 levels"


def test_time_is_linear() -> None:
    def seconds(count: int) -> float:
        layers = [{"layer": "Dense", "units": 1, "name": f"n{i}", "inputs": [f"n{i - 1}"]} for i in range(1, count)]
        document = training_job(dense(name="n0"), *layers)
        start = time.process_time()
        assert spec_problems(document["spec"]) == []
        return time.process_time() - start

    seconds(100)
    assert min(seconds(1_000) for _ in range(3)) < 40 * min(seconds(100) for _ in range(3)) + 0.02


def test_suggestions_for_many_names_cost_little() -> None:
    layers = [dense(name=f"{'layer' * 20}{number}") for number in range(500)]
    wrong = [dense(name=f"w{number}", inputs=[f"{'layer' * 20}x{number}"]) for number in range(400)]
    start = time.process_time()
    assert len(spec_problems(training_job(*layers, *wrong)["spec"])) == MAX_PROBLEMS
    assert time.process_time() - start < 1
