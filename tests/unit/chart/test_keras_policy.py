"""The admission policies that refuse classes and arguments that Keras does not have, in the API server's own CEL."""

import copy
import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from epochal_api.catalogue.admission import to_yaml
from epochal_api.catalogue.classes import LAYERS, catalogue
from epochal_api.catalogue.problems import problems

from tests.kit.admission import OLDEST_KUBERNETES, Policy, policy
from tests.unit.chart.conftest import DIGITS, EXAMPLES, ROOT

Object = dict[str, Any]
Render = Callable[..., Any]

SEARCH = next(document for document in EXAMPLES if document["kind"] == "Experiment")
DENSE = {"layer": "Dense", "units": 10}
CONV = {
    "layer": "Conv2D",
    "filters": 8,
    "kernel_size": [3, 3],
    "strides": 1,
    "padding": "same",
    "activation": "relu",
    "use_bias": True,
    "kernel_initializer": "he_normal",
    "kernel_regularizer": {"name": "L2", "l2": 0.1},
    "trainable": True,
    "groups": 1,
}
MAX_CHARACTERS = 100_000
"""Maximum length of a CEL expression in the API server."""
MAX_COST = 10_000_000
"""The CEL cost of a policy that the API server accepts; a single expression may cost a tenth of it."""
MAX_RELEASE = 2**20
"""Maximum size of a Secret, in which Helm stores a release."""


@pytest.fixture(scope="module")
def keras_policy() -> Iterator[Policy]:
    with Policy(policy("epochal-keras")) as found:
        yield found


@pytest.fixture(scope="module")
def warning_policy() -> Iterator[Policy]:
    with Policy(policy("epochal-keras-warning")) as found:
        yield found


def job(*layers: Object, network: Object | None = None, training: Object | None = None, **spec: Any) -> Object:
    """Return the example digits with other layers, fields of network and training, and fields of the spec."""
    document = copy.deepcopy(DIGITS)
    if layers:
        document["spec"]["network"]["layers"] = list(layers)
    document["spec"]["network"].update(network or {})
    document["spec"]["training"].update(training or {})
    document["spec"].update(spec)
    return document


def experiment(
    paths: list[str], *layers: Object, network: Object | None = None, training: Object | None = None
) -> Object:
    """Return an Experiment whose parameters set the fields of these paths."""
    document = copy.deepcopy(SEARCH)
    document["spec"]["parameters"] = [
        {"name": f"p{index}", "paths": [path], "values": ["1", "2"]} for index, path in enumerate(paths)
    ]
    document["spec"]["template"]["spec"] = job(*layers, network=network, training=training)["spec"]
    return document


def two_outputs(paths: list[str], odd: Object) -> Object:
    """Return an Experiment with the outputs `digit` and `odd`, and the fields of the output `odd` of the training."""
    layers: list[Object] = [
        {"layer": "Flatten", "name": "flat"},
        {**DENSE, "name": "digit", "inputs": ["flat"]},
        {"layer": "Dense", "units": 1, "name": "odd", "inputs": ["flat"]},
    ]
    outputs = [{"name": "digit", "loss": "SparseCategoricalCrossentropy"}, {"name": "odd", "loss": "mse", **odd}]
    document = experiment(paths, *layers, network={"outputs": ["digit", "odd"]})
    document["spec"]["template"]["spec"]["training"] = {"epochs": 1, "outputs": outputs}
    return document


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, "1.34"])
@pytest.mark.parametrize("name", ["epochal-keras", "epochal-keras-warning"])
def test_each_supported_kubernetes_compiles_the_policies(name: str, version: str) -> None:
    with Policy(policy(name), version):
        pass
    assert max(len(each["expression"]) for each in policy(name)["spec"]["variables"]) < MAX_CHARACTERS


@pytest.mark.parametrize("document", EXAMPLES, ids=lambda document: document["metadata"]["name"])
def test_the_examples_are_admitted(keras_policy: Policy, document: Object) -> None:
    review = keras_policy.review(document)
    assert (review.denied, review.failed) == ([], [])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            job({"layer": "maxpooling2D"}),
            "layers[0].layer: keras.layers has no maxpooling2D; did you mean MaxPooling2D?",
        ),
        (job({"layer": "max_pooling2d"}), "has no max_pooling2d; did you mean MaxPooling2D?"),
        (job({"layer": "Linear"}), "has no Linear; use Dense"),
        (job({"layer": "tanh"}), "has no tanh; write {layer: Activation, activation: tanh}"),
        (job({"layer": "Nothing"}), "has no Nothing; see https://keras.io/api/"),
        (job({"layer": "Lambda"}), "layers[0].layer: Lambda cannot be used here: it runs code"),
        (
            job({"layer": "Conv2D", "filter": 8, "filters": 8, "kernel_size": 3}),
            "layers[0].filter: Conv2D has no argument filter; did you mean filters?; it has filters, kernel_size,",
        ),
        (
            job({**DENSE, "input_shape": [1]}),
            "Dense has no argument input_shape; remove it: spec.network.input.shape has",
        ),
        (job({"layer": "Dense"}), "layers[0]: Dense needs units, an integer"),
        (job({"layer": "Dense", "units": "10"}), "layers[0].units: units must be an integer, found the text '10'"),
        (
            job({"layer": "Conv2D", "filters": 8, "kernel_size": ["3"]}),
            "kernel_size: kernel_size must be an integer or a",
        ),
        (
            job({**DENSE, "activation": "Softmax"}),
            "activation: keras.activations has no Softmax; did you mean softmax?",
        ),
        (job({**DENSE, "kernel_initializer": "He"}), "kernel_initializer: keras.initializers has no He"),
        (
            job({**DENSE, "kernel_initializer": {"name": "HeNormal", "sed": 1}}),
            "kernel_initializer.sed: HeNormal has no",
        ),
        (job({**DENSE, "kernel_regularizer": {"name": "l3"}}), "kernel_regularizer.name: keras.regularizers has no l3"),
        (job({"layer": "Bidirectional", "wrapped": {"layer": "LSTM"}}), "layers[0].wrapped: LSTM needs units"),
        (
            job({"layer": "StackedRNNCells", "cells": [{"layer": "GruCell"}]}),
            "cells[0].layer: keras.layers has no GruCell",
        ),
        (job({**DENSE, "inputs": ["nobody"]}), "spec.network.layers[0]: no layer has the name nobody"),
        (job({**DENSE, "name": "a"}, {"use": "b"}), "spec.network.layers[1]: no layer has the name b"),
        (job(training={"optimizer": "Adm"}), "spec.training.optimizer: keras.optimizers has no Adm"),
        (
            job(training={"optimizer": {"name": "Adam", "lr": 0.1}}),
            "optimizer.lr: Adam has no argument lr; did you mean learning_rate?",
        ),
        (
            job(training={"optimizer": {"name": "adam", "learning_rate": {"name": "CosineDecay", "decay_steps": 9}}}),
            "optimizer.learning_rate: CosineDecay needs initial_learning_rate, a number",
        ),
        (
            job(training={"loss": "sparsecategoricalcrossentropy"}),
            "loss: keras.losses has no sparsecategoricalcrossentropy",
        ),
        (job(training={"metrics": ["acc", "acuracy"]}), "training.metrics[1]: keras.metrics has no acuracy"),
        (
            job(training={"callbacks": [{"callback": "EarlyStoping"}]}),
            "callbacks[0].callback: keras.callbacks has no Early",
        ),
        (
            job(training={"outputs": [{"name": "a", "loss": "mse", "metrics": ["mae", "mea"]}]}),
            "training.outputs[0].metrics[1]: keras.metrics has no mea",
        ),
        (
            job(training={"outputs": [{"name": "a", "loss": "mes"}]}),
            "training.outputs[0].loss: keras.losses has no mes",
        ),
        (
            experiment([], {"layer": "dense", "units": 1}),
            "spec.template.spec.network.layers[0].layer: keras.layers has no",
        ),
        (
            experiment(["network.layers[0].units"], {**DENSE, "activatoin": "relu"}),
            "spec.template.spec.network.layers[0].activatoin: Dense has no argument activatoin",
        ),
    ],
)
def test_a_message_names_the_field_and_the_remedy(keras_policy: Policy, document: Object, message: str) -> None:
    review = keras_policy.review(document)
    assert review.failed == []
    assert message in "".join(review.denied)


def test_a_message_has_all_problems_up_to_a_limit(keras_policy: Policy) -> None:
    (message,) = keras_policy.review(job({"layer": "dense"}, {**DENSE, "unit": 1}, training={"loss": "mes"})).denied
    assert [part.split(": ")[0] for part in message.split(" | ")] == [
        "spec.network.layers[0].layer",
        "spec.network.layers[1].unit",
        "spec.training.loss",
    ]
    (message,) = keras_policy.review(job(*[{"layer": "dense"}] * 9)).denied
    assert message.count("did you mean Dense?") == 8
    assert message.endswith(" | and more")


@pytest.mark.parametrize(
    "document",
    [
        job({"layer": "MaxPool2D", "pool_size": [2, 2], "name": "a"}, {"use": "a", "inputs": ["input"]}),
        job(
            {"layer": "LSTM", "name": "a", "units": 8, "return_state": True}, {"layer": "Add", "inputs": ["a:1", "a:2"]}
        ),
        job(DENSE, network={"input": None, "inputs": [{"name": "x", "shape": [1]}]}) | {},
        job({"layer": "Embedding", "input_dim": 10, "output_dim": 2, "weights": [[0.1] * 2] * 10}),
        job(training={"optimizer": "ADAM", "metrics": ["mse", "AUC", {"name": "F1Score", "threshold": 1}]}),
        job(training={"optimizer": {"name": "LossScaleOptimizer", "inner_optimizer": {"name": "SGD"}}}),
        job({**DENSE, "dtype": {"name": "DTypePolicy"}, "kernel_constraint": "non_neg", "kernel_initializer": None}),
        job({**DENSE, "activation": {"layer": "LeakyReLU", "negative_slope": 0.1}}),
        # A parameter sets the class, the argument that is missing, or the argument that is a text in the template.
        experiment(["network.layers[out].units"], {"layer": "Dense", "name": "out"}),
        experiment(["network.layers[0][units]"], {"layer": "Dense", "units": "ten"}),
        experiment(["training.optimizer.name"], training={"optimizer": {"name": "Adam", "momentum": 0.9}}),
        experiment(["training.loss"], training={"loss": "none"}),
    ],
)
def test_a_valid_document_is_admitted(keras_policy: Policy, document: Object) -> None:
    review = keras_policy.review(document)
    assert (review.denied, review.failed) == ([], [])


ADAM_WITH_SCHEDULE = {"name": "Adam", "learning_rate": {"name": "CosineDecay", "initial_learning_rate": 0.1}}
SEARCHED: list[tuple[Callable[[list[str]], Object], list[str]]] = [
    (
        lambda paths: experiment(paths, training={"metrics": ["accuracy", {"name": "MeanIoU"}]}),
        ["training.metrics[1].num_classes", "training.metrics[MeanIoU].num_classes", "training.metrics[MeanIoU].name"],
    ),
    (
        lambda paths: experiment(paths, training={"metrics": ["MeanIoU"]}),
        ["training.metrics[0].num_classes", "training.metrics[MeanIoU].num_classes"],
    ),
    (
        lambda paths: two_outputs(paths, {"loss": "none"}),
        ["training.outputs[1].loss", "training.outputs[odd].loss", "training.outputs[odd].loss.name"],
    ),
    (
        lambda paths: two_outputs(paths, {"loss": {"name": "none"}}),
        ["training.outputs[1].loss.name", "training.outputs[odd].loss", "training.outputs[odd].loss.name"],
    ),
    (
        lambda paths: two_outputs(paths, {"metrics": ["mae", {"name": "MeanIoU"}]}),
        [
            f"training.outputs[{output}].metrics[{metric}].num_classes"
            for output in (1, "odd")
            for metric in (1, "MeanIoU")
        ],
    ),
    (
        lambda paths: experiment(
            paths, {"layer": "RNN", "name": "rnn", "cell": [{"layer": "LSTMCell", "name": "a"}]}, DENSE
        ),
        [
            *(f"network.layers[{layer}].cell[{cell}].units" for layer in (0, "rnn") for cell in (0, "a")),
            *("network.layers[0].layer", "network.layers[rnn].cell", "network.layers[rnn].cell[a]"),
        ],
    ),
    (
        lambda paths: experiment(paths, {"layer": "Conv2D", "name": "c", "filters": 8, "kernel_size": ["x", 3]}, DENSE),
        ["network.layers[0].kernel_size[0]", "network.layers[c].kernel_size[x]", "network.layers[c].kernel_size"],
    ),
    (
        lambda paths: experiment(paths, training={"optimizer": ADAM_WITH_SCHEDULE}),
        [f"training.optimizer{end}" for end in ("", ".name", ".learning_rate", ".learning_rate.decay_steps")],
    ),
    (
        lambda paths: experiment(paths, training={"callbacks": [{"callback": "EarlyStopping", "patience": "none"}]}),
        ["training.callbacks[0].patience", "training.callbacks[EarlyStopping].patience"],
    ),
]
"""Templates with a field that each of these paths sets. Without a path, the field is a problem."""


@pytest.mark.parametrize(("document", "paths"), SEARCHED, ids=lambda value: value[0] if isinstance(value, list) else "")
def test_a_field_that_a_parameter_sets_is_no_problem(
    keras_policy: Policy, document: Callable[[list[str]], Object], paths: list[str]
) -> None:
    for path in paths:
        review = keras_policy.review(document([path]))
        assert (problems(document([path])), review.denied, review.failed) == ([], [], []), path
    other = document(["training.batchSize"])
    assert problems(other)
    assert keras_policy.review(other).denied


def test_a_path_with_a_leading_zero_sets_no_field(keras_policy: Policy) -> None:
    """The operator refuses such a path."""
    document = experiment(["training.metrics[00].num_classes"], training={"metrics": ["MeanIoU"]})
    (problem,) = problems(document)
    (denied,) = keras_policy.review(document).denied
    assert problem.path == "spec.template.spec.training.metrics[0]"
    assert denied.startswith(f"{problem.path}: MeanIoU needs num_classes")


def test_only_new_content_is_refused(keras_policy: Policy) -> None:
    old = job({"layer": "dense"}, training={"loss": "mes"})
    assert not keras_policy.review(old | {"spec": old["spec"] | {"suspend": True}}, old).denied
    (message,) = keras_policy.review(job({"layer": "dense"}, training={"loss": "sme"}), old).denied
    assert message.startswith("spec.training.loss: keras.losses has no sme")
    (message,) = keras_policy.review(job({"layer": "dens"}, training={"loss": "mes"}), old).denied
    assert message.startswith("spec.network.layers[0].layer: keras.layers has no dens")


@pytest.mark.parametrize(
    "field", [{"image": "own"}, {"model": {"uri": "s3://a/b.keras"}}, {"code": {"object": "a.py"}}]
)
def test_with_other_classes_there_is_only_a_warning(
    keras_policy: Policy, warning_policy: Policy, field: Object
) -> None:
    document = job({"layer": "dense"}, **field)
    assert not keras_policy.review(document).denied
    assert (
        warning_policy.review(document).denied[0].startswith("spec.network.layers[0].layer: keras.layers has no dense")
    )
    assert not warning_policy.review(job({"layer": "dense"})).denied


def test_the_bindings_refuse_and_warn(render: Render) -> None:
    actions = {
        name: render().one("ValidatingAdmissionPolicyBinding", name)["spec"]["validationActions"]
        for name in ("epochal-keras", "epochal-keras-warning")
    }
    assert actions == {"epochal-keras": ["Deny"], "epochal-keras-warning": ["Warn"]}
    assert policy("epochal-keras")["spec"]["failurePolicy"] == "Ignore"


def _nested(levels: int) -> Object:
    layer: Object = {"layer": "LSTM", "units": "8"}
    for _ in range(levels):
        layer = {"layer": "Bidirectional", "wrapped": layer}
    return layer


def _chain(length: int, source: str) -> list[Object]:
    return [{**DENSE, "name": f"layer{index}", "inputs": [f"{source}{index - 1}"]} for index in range(length)]


@pytest.mark.parametrize(
    ("layers", "is_refused"),
    [
        ([{**CONV, "kernel_regularizer": "l2"}] * 1000, False),
        ([CONV] * 500, False),
        ([{**CONV, "filters": "8", "activation": "x"}] * 500, True),
        ([{"layer": "dense"}] * 1000, True),
        ([{"layer": "Dense", **{f"argument{number}": 1 for number in range(10)}}] * 500, True),
        (_chain(400, "layer"), True),  # layer-1
        (_chain(401, "nobody"), False),  # the operator finds it
        ([{"layer": "Add", "inputs": ["nobody"] * 64}] * 400, True),
        ([_nested(98)] * 20, False),  # the operator finds it
        ([{**DENSE, **{f"argument{number}": 1 for number in range(7000)}}], True),
        ([{**DENSE, "bias_initializer": [1] * 60_000}], False),
        ([{**DENSE, "é\n" * 40_000: 1}], True),
        ([{**DENSE, "units": "é" * 60_000}], True),
        ([{"layer": "StackedRNNCells", "cells": [{"layer": "LSTMCell", "units": 8}] * 8}] * 100, False),
    ],
    ids=lambda value: f"{len(value)} x {len(json.dumps(value)) // len(value)}" if isinstance(value, list) else None,
)
def test_large_networks_stay_below_the_cost_limit(keras_policy: Policy, layers: list[Object], is_refused: bool) -> None:  # noqa: FBT001
    review = keras_policy.review(job(*layers), costs=True)
    assert review.failed == []
    assert bool(review.denied) == is_refused
    assert 0 < review.cost < MAX_COST / 2
    assert all(
        "failed expression" not in message and "must have only classes" not in message for message in review.denied
    )


def test_many_parameters_stay_below_the_cost_limit(keras_policy: Policy) -> None:
    cells = [{"layer": "LSTMCell", "name": f"c{cell}"} for cell in range(8)]
    layers = [{"layer": "StackedRNNCells", "name": f"l{layer}", "cells": cells} for layer in range(100)]
    paths = [f"network.layers[l{layer}].cells[c{cell}].units" for layer in range(100) for cell in range(8)]
    review = keras_policy.review(experiment(paths * 2, *layers), costs=True)
    assert (review.denied, review.failed) == ([], [])
    assert 0 < review.cost < MAX_COST / 2


VALUES: list[Any] = ["x", ["1", "2"], {"name": "x"}, [{"layer": "dense"}]]


def _document(module: str, name: str, arguments: Object) -> Object:
    """Return a TrainingJob with an object of a class."""
    if module == LAYERS:
        return job({"layer": name, **arguments})
    places: dict[str, Object] = {
        "keras.optimizers": {"optimizer": {"name": name, **arguments}},
        "keras.optimizers.schedules": {"optimizer": {"name": "Adam", "learning_rate": {"name": name, **arguments}}},
        "keras.losses": {"loss": {"name": name, **arguments}},
        "keras.metrics": {"metrics": [{"name": name, **arguments}]},
        "keras.callbacks": {"callbacks": [{"callback": name, **arguments}]},
    }
    if module in places:
        return job(training=places[module])
    argument_of = {
        "keras.initializers": "kernel_initializer",
        "keras.regularizers": "kernel_regularizer",
        "keras.constraints": "kernel_constraint",
        "keras.dtype_policies": "dtype",
    }
    if module not in argument_of:
        return job({**DENSE, "activation": name})
    return job({**DENSE, argument_of[module]: {"name": name, **arguments}})


@pytest.mark.parametrize("module", catalogue().modules)
def test_the_policy_refuses_only_what_problems_finds(keras_policy: Policy, module: str) -> None:
    """For each class and each value, the arguments in which `problems` finds none are admitted, all in one document."""
    content = catalogue().modules[module]
    refused = 0
    for name in [*content.classes, *content.names]:
        described = content.find(name)
        # The schema requires a text for the name of a layer.
        arguments = {key: each for key, each in described.arguments.items() if key != "name"} if described else {}
        required: Object = {key: 1 for key, each in arguments.items() if each.required}
        cases = [_document(module, spelled, {}) for spelled in (name, name.lower(), f"{name}s")]
        cases += [_document(module, name, {**required, "nothing": 1})]
        for value in VALUES if arguments else ():
            full = _document(module, name, dict.fromkeys(arguments, value))
            wrong = {part for problem in problems(full) for part in re.split(r"[.\[\]]+", problem.path)}
            free = dict.fromkeys(set(arguments) - wrong, value)
            cases += [full, _document(module, name, required | free)]
        for case in cases:
            review = keras_policy.review(case)
            assert review.failed == [], case
            refused += bool(review.denied)
            assert not review.denied or problems(case), review.denied
    assert refused


def test_a_text_for_a_number_is_refused_in_each_class(keras_policy: Policy) -> None:
    for name, each in catalogue().modules[LAYERS].classes.items():
        numbers = [
            key
            for key, argument in each.arguments.items()
            if argument.type in {"integer", "number"} and not argument.loose
        ]
        for key in numbers[:1]:
            (message,) = keras_policy.review(job({"layer": name, key: "1"})).denied
            assert f"{key} must be " in message, name


def test_the_constants_are_generated_from_the_catalogue() -> None:
    assert (ROOT / "charts/epochal/files/kerascatalogue.yaml").read_text() == to_yaml(), "run make manifests"


def test_the_release_fits_into_its_secret(render: Render) -> None:
    files = [path.read_text() for path in Path(ROOT / "charts/epochal").rglob("*") if path.is_file()]
    release = json.dumps({"chart": files, "manifest": render().text})
    # Helm compresses the release, and encodes it in base64 twice.
    assert len(gzip.compress(release.encode())) * (4 / 3) ** 2 < MAX_RELEASE / 2
