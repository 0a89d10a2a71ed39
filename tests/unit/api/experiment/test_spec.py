"""Validation of an Experiment by the models and by the API server, and its immutable fields."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from epochal_api.crd import EXPERIMENTS, custom_resource_definition, schema
from epochal_api.experiment.spec import MUTABLE, Experiment, InvalidExperiment, immutable, parse
from pydantic.alias_generators import to_camel

from tests.kit.admission import Policy, policy
from tests.kit.schema import broken_rules, with_defaults

SCHEMA = schema(Experiment)
RATE = {"name": "rate", "paths": ["training.optimizer.learning_rate"], "float": {"min": "1e-4", "max": "1e-1"}}
KIND = {"name": "kind", "paths": ["training.optimizer.name"], "values": ["Adam", "SGD"]}
SMALLEST: dict[str, Any] = {
    "apiVersion": "epochal.dev/v1alpha1",
    "kind": "Experiment",
    "metadata": {"name": "smallest"},
    "spec": {
        "objective": {"metric": "val_loss", "goal": "Minimize"},
        "parameters": [RATE],
        "template": {
            "spec": {
                "storage": {"secretRef": {"name": "credentials"}},
                "data": {"bucket": "data", "train": {"object": "train.npz"}},
                "network": {"input": {"shape": [4]}, "layers": [{"layer": "Dense", "units": 1, "name": "one"}]},
                "training": {"loss": "MeanSquaredError", "epochs": 9},
                "results": {"bucket": "results"},
            },
        },
    },
}
"""An Experiment with only the required fields."""


def changed(**changes: Any) -> dict[str, Any]:
    """Return the smallest Experiment with changed fields of its spec.

    Args:
        changes: Values by path, parts joined by two underscores; None removes a field.
    """
    document = copy.deepcopy(SMALLEST)
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = document["spec"]
        for parent in parents:
            target = target.setdefault(parent, {})
        if value is None:
            target.pop(last, None)
        else:
            target[last] = value
    return document


def parameter(**fields: Any) -> dict[str, Any]:
    """Return an Experiment with the parameter `rate` and changed fields; None removes a field."""
    one = {name: value for name, value in {**RATE, **fields}.items() if value is not None}
    return changed(parameters=[one])


def in_template(path: str, value: Any) -> dict[str, Any]:
    return changed(**{f"template__spec__{path}": value})


@pytest.fixture(scope="module")
def rules_policy() -> Iterator[Policy]:
    with Policy(policy("epochal-rules-experiments")) as found:
        yield found


@pytest.fixture(scope="module")
def immutable_policy() -> Iterator[Policy]:
    with Policy(policy("epochal-immutable-experiments")) as found:
        yield found


def by_model(document: dict[str, Any]) -> str:
    with pytest.raises(InvalidExperiment) as refused:
        parse(document)
    return str(refused.value)


def test_defaults() -> None:
    spec = parse(SMALLEST).spec
    assert (spec.search.method, spec.search.seed, spec.search.startup_trials) == ("TPE", 0, 10)
    assert (spec.schedule.method, spec.schedule.min_epochs, spec.schedule.factor) == ("None", 1, 3)
    assert (spec.parallelism, spec.max_trials, spec.max_failed_trials) == (1, 20, 3)
    assert (spec.suspend, spec.finish, spec.retain) == (False, False, "Best")
    assert (spec.objective.target, spec.objective.strategy) == (None, "Best")
    assert (spec.active_deadline_seconds, spec.ttl_seconds_after_finished) == (None, None)
    assert (spec.initial_trials, spec.warm_start_from, spec.template.metadata.labels) == ([], [], {})


def test_dump_round_trip() -> None:
    one = parse(changed(parameters=[RATE, KIND], initialTrials=[{"rate": "0.01", "kind": "SGD"}]))
    assert one.dump()["spec"]["parameters"][0]["float"] == {"min": "1e-4", "max": "1e-1", "scale": "Linear"}
    assert parse(one.dump()) == one
    assert json.loads(json.dumps(one.dump())) == one.dump()


@pytest.mark.parametrize(("goal", "mode"), [("Maximize", "Max"), ("Minimize", "Min")])
def test_goal_is_a_monitor_mode(goal: str, mode: str) -> None:
    assert parse(changed(objective__goal=goal)).spec.objective.mode == mode


GOOD = [
    SMALLEST,
    changed(objective__target="0.995", objective__strategy="Last"),
    changed(objective__target=1),
    changed(search={"method": "None"}, parameters=None),
    changed(search={"method": "Random", "seed": 7}, parallelism=4, maxTrials=60, maxFailedTrials=0),
    changed(schedule={"method": "ASHA", "minEpochs": 9}),
    changed(schedule={"method": "None", "minEpochs": 10}),
    changed(schedule={"method": "Hyperband", "factor": 2}),
    changed(warmStartFrom=[{"name": "coarse"}], retain="All", ttlSecondsAfterFinished=0, activeDeadlineSeconds=60),
    changed(initialTrials=[{"rate": "0.01"}, {"rate": 1}, {}]),
    parameter(float={"min": "1e-4", "max": "1e-4", "scale": "Log"}),
    parameter(float={"min": 0, "max": 1, "step": "0.25"}),
    parameter(float={"min": "-.5", "max": "+1.e2"}),
    parameter(float=None, int={"min": -8, "max": 8, "step": 2}),
    parameter(float=None, int={"min": 1, "max": 1024, "scale": "Log"}),
    parameter(float=None, values=["a", "b", 3]),
    parameter(float=None, values=["only one"]),
    parameter(
        paths=["network.layers[one].units", "network.layers[0].units", "training.classWeight[7]", "data.shuffle"]
    ),
    parameter(
        paths=[
            "training.epochs_of_a_schedule",
            "training.callbacks[monitor].epochs",
            "network.layers[a/b].kernel_regularizer.l2",
        ]
    ),
    changed(search={"method": "Grid"}, parameters=[KIND, {**RATE, "float": {"min": 0, "max": 1, "step": "0.5"}}]),
    changed(parameters=[KIND, {**RATE, "when": {"parameter": "kind", "values": ["SGD"]}}]),
    changed(template__metadata={"labels": {"team": "vision", "example.com/cost-centre": "", "a": "B_c.d-e"}}),
    in_template("training__monitor", {"metric": "val_loss"}),
    in_template("training__monitor", {"metric": "val_loss", "mode": "Min"}),
    in_template("suspend", value=False),
    in_template("finish", value=False),
]


@pytest.mark.parametrize("document", GOOD)
def test_valid_experiment(document: dict[str, Any]) -> None:
    parse(document)
    assert broken_rules(SCHEMA, document) == []


NOT_A_PATH = "must be the path of a field in the template's spec.data, spec.network or spec.training"
"""Message of the API server; the message of the models contains the pattern."""
BY_RULES: list[tuple[dict[str, Any], str]] = [
    (changed(parameters=None), "spec: parameters must not be empty"),
    (parameter(float=None), "spec.parameters[0]: give exactly one of float, int and values"),
    (parameter(values=["1"]), "spec.parameters[0]: give exactly one of float, int and values"),
    (parameter(int={"min": 1, "max": 2}, values=["1"]), "spec.parameters[0]: give exactly one of"),
    (parameter(float={"min": "0.2", "max": "0.1"}), "float: min must be at most max, found 0.2 above 0.1"),
    (parameter(float={"min": 3, "max": "2.5"}), "float: min must be at most max, found 3 above 2.5"),
    (
        parameter(float={"min": "0", "max": "1", "scale": "Log"}),
        "float: min must be above 0 with the scale Log, found 0",
    ),
    (parameter(float={"min": "0", "max": "1", "step": "0"}), "spec.parameters[0].float: step must be above 0, found 0"),
    (
        parameter(float={"min": "1", "max": "9", "step": "1", "scale": "Log"}),
        "spec.parameters[0].float: step requires the scale Linear",
    ),
    (parameter(float=None, int={"min": 2, "max": 1}), "spec.parameters[0].int: min must be at most max"),
    (parameter(float=None, int={"min": 0, "max": 8, "scale": "Log"}), "spec.parameters[0].int: min must be above 0"),
    (
        parameter(float=None, int={"min": 1, "max": 8, "scale": "Log", "step": 2}),
        "spec.parameters[0].int: step requires the scale Linear",
    ),
    (
        parameter(paths=["training.epochs"]),
        "paths[0]: must not be the path of",
    ),
    (parameter(paths=["training.monitor.metric"]), "paths[0]: must not be the path of"),
    (
        parameter(paths=["training.loss", "training.continueFrom.uri"]),
        "paths[1]: must not be the path of",
    ),
    (parameter(paths=["training.stopAfterEpoch"]), "paths[0]: must not be the path of"),
    (parameter(paths=["training[epochs]"]), "paths[0]: must not be the path of"),
    (parameter(paths=["training[monitor].metric"]), "paths[0]: must not be the path of"),
    (changed(search={"method": "Grid"}), "float requires a step; or give a list of values instead, found rate"),
    (
        parameter(when={"parameter": "rate", "values": ["1"]}),
        "spec: parameters: when.parameter must be the name of another parameter, found rate in rate",
    ),
    (
        changed(parameters=[KIND, {**RATE, "when": {"parameter": "sort", "values": ["SGD"]}}]),
        "spec: parameters: when.parameter must be the name of another parameter, found sort in rate",
    ),
    (
        changed(initialTrials=[{}, {"rate": "1", "speed": "2"}]),
        "spec: initialTrials must contain names of parameters only, found speed",
    ),
    (
        changed(schedule={"method": "ASHA", "minEpochs": 10}),
        "spec: schedule.minEpochs must be at most template.spec.training.epochs",
    ),
    (in_template("training__monitor", {"metric": "loss"}), "spec: template.spec.training.monitor must"),
    (in_template("training__monitor", {"metric": "val_loss", "mode": "Max"}), "spec: template.spec.training.monitor"),
    (in_template("suspend", value=True), "spec.template: spec.suspend must not be true"),
    (in_template("finish", value=True), "spec.template: spec.finish must not be true"),
    (in_template("ttlSecondsAfterFinished", 0), "spec.template: spec.ttlSecondsAfterFinished must not be set"),
    (in_template("training__continueFrom", {"name": "a"}), "spec.training.continueFrom must not be set"),
    (in_template("training__stopAfterEpoch", 3), "spec.template: spec.training.stopAfterEpoch must not be set"),
    (in_template("training__stopAfterEpoch", 10), "spec.template.spec.training: stopAfterEpoch must be at most epochs"),
    (in_template("data__prefix", "/a"), "spec.template.spec.data.prefix: must be relative"),
    (
        changed(template__metadata={"labels": {"epochal.dev/trial": "1"}}),
        "spec.template.metadata.labels: must not contain epochal.dev/ keys or app.kubernetes.io/managed-by",
    ),
    (changed(template__metadata={"labels": {"app.kubernetes.io/managed-by": "a"}}), "labels: must not contain"),
    (changed(template__metadata={"labels": {"team": "a b"}}), "spec.template.metadata.labels: must be valid labels"),
    (changed(template__metadata={"labels": {"-team": "a"}}), "spec.template.metadata.labels: must be valid labels"),
]


@pytest.mark.parametrize(("document", "message"), BY_RULES)
def test_model_and_api_server_refuse_with_the_same_message(
    rules_policy: Policy, document: dict[str, Any], message: str
) -> None:
    review = rules_policy.review(with_defaults(SCHEMA, document))
    assert review.failed == []
    # One of them has the rule: CEL in the CRD does not see the fields without a type.
    assert [message in complaint for complaint in (*broken_rules(SCHEMA, document), *review.denied)].count(True) == 1
    assert message in by_model(document)


@pytest.mark.parametrize(
    "path",
    [
        "epochs",
        "training",
        "results.bucket",
        "storage.endpoint",
        "suspend",
        "trainings.loss",
        "training.",
        "training..loss",
        "network.layers[]",
        "network.layers[a",
        "network.layers[a]b",
        "training.optimizer.learning rate",
        "training.loss\n",
    ],
)
def test_invalid_path_is_refused(path: str) -> None:
    document = parameter(paths=[path])
    assert f"spec.parameters[0].paths[0]: {NOT_A_PATH}" in broken_rules(SCHEMA, document)[0]
    assert "spec.parameters[0].paths[0]: must " in by_model(document)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (changed(parameters=[RATE, KIND, RATE]), "spec: parameters: names must be unique, found twice: rate"),
        (parameter(float=None, values=["1", 1]), "spec.parameters[0]: values must differ"),
        (changed(search={"method": "Grid"}), "values instead, found rate"),
        (changed(initialTrials=[{"b": 1, "a": 2}]), "found a, b"),
        (parameter(when={"parameter": "none", "values": ["1"]}), "found none in rate"),
        (parameter(name="0rate"), "spec.parameters[0].name: must match the pattern ^[a-zA-Z]"),
        (parameter(float={"min": "1e-999", "max": "1"}), "spec.parameters[0].float.min: must be a number such as"),
        (parameter(float={"min": "nan", "max": "1"}), "spec.parameters[0].float.min: must be a number such as"),
        (parameter(float={"min": "1"}), "spec.parameters[0].float.max: is required"),
        (
            parameter(float=None, int={"min": "a", "max": 1}),
            "spec.parameters[0].int.min: must be an integer, found 'a'",
        ),
        (parameter(float=None, int={"min": 1, "max": 2, "step": 0}), "int.step: must be at least 1, found 0"),
        (parameter(float=None, values=[]), "spec.parameters[0].values: must have at least 1 item, found a list of 0"),
        (
            parameter(float=None, values=[True]),
            "spec.parameters[0].values[0]: must be text: put a number, true, false or null in quotes, found true",
        ),
        (parameter(float={"min": 1e-4, "max": "1"}), 'float.min: must be text in quotes, found 0.0001: write "0.0001"'),
        (
            parameter(float=None, values=[1, 0.5]),
            'parameters[0].values[1]: must be text in quotes, found 0.5: write "0.5"',
        ),
        (changed(initialTrials=[{"rate": 1e-5}]), "initialTrials[0].rate: must be text in quotes, found 1e-05: write"),
        (changed(objective__target=1e300), 'objective.target: must be text in quotes, found 1e+300: write "1e+300"'),
        (
            changed(objective__target=10**20),
            "objective.target: must be text in quotes, found 100000000000000000000: write",
        ),
        (
            changed(objective__target=10**5000),
            "objective.target: must be text in quotes, found an integer of more than",
        ),
        (changed(objective__target=float("inf")), "objective.target: must be text in quotes, found inf"),
        (changed(objective__target={"a": 1}), "objective.target: must be text: put a number, true, false or null in"),
        (changed(objective__target=[0] * 2**20), "found a list of 1,048,576"),
        (
            in_template("data__validation", {"split": 0.2}),
            'validation.split: must be text in quotes, found 0.2: write "0',
        ),
        (parameter(float=None, values=["a\x1b[31m"]), "spec.parameters[0].values[0]: must be one line of text without"),
        (parameter(paths=[]), "spec.parameters[0].paths: must have at least 1 item, found a list of 0"),
        (changed(objective__goal="Max"), "spec.objective.goal: must be 'Maximize' or 'Minimize', found 'Max'"),
        (changed(objective__target="high"), "spec.objective.target: must be a number such as 0.001"),
        (changed(objective__metric=None), "spec.objective.metric: is required"),
        (changed(search__method="CMA-ES"), "spec.search.method: must be 'None', 'Random', 'Grid' or 'TPE'"),
        (changed(schedule__method="PBT"), "spec.schedule.method: must be 'None', 'ASHA' or 'Hyperband'"),
        (changed(schedule__factor=1), "spec.schedule.factor: must be at least 2"),
        (changed(parallelism=0), "spec.parallelism: must be at least 1"),
        (changed(maxTrials=1001), "spec.maxTrials: must be at most 1000"),
        (changed(workers=1), "spec.workers: is not a known field: check its name and its place"),
        (changed(template__metadata={"annotations": {}}), "spec.template.metadata.annotations: is not a known field"),
        (changed(template__spec=None), "spec.template.spec: is required"),
        (in_template("training__epochs", 0), "spec.template.spec.training.epochs: must be at least 1, found 0"),
        ([], "must be an Experiment, found list"),
        ({"kind": "TrainingJob", "apiVersion": "epochal.dev/v1alpha1"}, "must be epochal.dev/v1alpha1, kind Experim"),
    ],
)
def test_an_error_names_the_field(document: Any, message: str) -> None:
    assert message in by_model(document)


@pytest.mark.parametrize(
    ("name", "valid"), [("a" * 48, True), ("a" * 49, False), ("with.dot", False), ("Upper", False), ("a-0", True)]
)
def test_name_limit_leaves_room_for_trials(name: str, valid: bool) -> None:  # noqa: FBT001
    found = broken_rules(SCHEMA, {**SMALLEST, "metadata": {"name": name}})
    assert [complaint.partition(" of at most 48")[0] for complaint in found] == (
        [] if valid else [": metadata.name must be a DNS label"]
    )


def with_trials(document: dict[str, Any], created: int = 1) -> dict[str, Any]:
    return {**document, "status": {"trials": {"created": created}}}


CHANGES: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("objective", lambda spec: spec["objective"].update(metric="loss")),
    ("search", lambda spec: spec.update(search={"seed": 8})),
    ("schedule", lambda spec: spec.update(schedule={"method": "ASHA"})),
    ("initialTrials", lambda spec: spec.update(initialTrials=[{"rate": "0.01"}])),
    ("warmStartFrom", lambda spec: spec.update(warmStartFrom=[{"name": "coarse"}])),
    ("retain", lambda spec: spec.update(retain="All")),
    ("parameters", lambda spec: spec["parameters"].append(KIND)),
    ("parameters", lambda spec: spec["parameters"][0].update(float={"min": "0", "max": "1"})),
    ("objective", lambda spec: spec["objective"].update(target="0.1")),
    ("template", lambda spec: spec["template"]["spec"]["training"].update(epochs=10)),
    ("template", lambda spec: spec["template"].update(metadata={"labels": {"team": "vision"}})),
]


@pytest.mark.parametrize(("field", "change"), CHANGES)
def test_search_space_is_immutable_once_a_trial_exists(
    immutable_policy: Policy, field: str, change: Callable[[Any], Any]
) -> None:
    after = copy.deepcopy(SMALLEST)
    change(after["spec"])

    def complaints(new: dict[str, Any], old: dict[str, Any]) -> list[str]:
        return [*broken_rules(SCHEMA, new, old), *immutable_policy.review(new, old).denied]

    found = complaints(with_trials(after), with_trials(SMALLEST))
    assert {complaint.lstrip(": ") for complaint in found} == {immutable(field)}
    assert all(f"spec.{to_camel(name)}" in found[0] for name in MUTABLE)
    assert complaints(with_trials(after, 0), with_trials(SMALLEST, 0)) == []
    assert complaints(after, SMALLEST) == []
    assert complaints(after, {**SMALLEST, "status": {}}) == []


def test_every_field_is_mutable_or_immutable() -> None:
    assert {field for field, _ in CHANGES} | {to_camel(name) for name in MUTABLE} == {
        *SCHEMA["properties"]["spec"]["properties"]
    }


@pytest.mark.parametrize(
    "change",
    [
        {"parallelism": 4},
        {"maxTrials": 60},
        {"maxFailedTrials": 6},
        {"suspend": True},
        {"finish": True},
        {"activeDeadlineSeconds": 86400},
        {"ttlSecondsAfterFinished": 60},
    ],
)
def test_mutable_fields(change: dict[str, Any]) -> None:
    assert {to_camel(name) for name in MUTABLE} >= change.keys()
    assert broken_rules(SCHEMA, with_trials(changed(**change)), with_trials(SMALLEST)) == []


def test_short_name_and_category() -> None:
    names = custom_resource_definition(EXPERIMENTS)["spec"]["names"]
    assert (names["shortNames"], names["categories"]) == (["exp"], ["epochal"])
