"""The admission policies with the rules of fields without a type, in the API server's own CEL."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from epochal_api.admission import fields, to_yaml
from epochal_api.catalogue.problems import problems
from epochal_api.crd import EXPERIMENTS, TRAINING_JOBS, marked_schema, schema
from epochal_api.experiment.spec import Experiment
from epochal_api.model import ADMISSION

from tests.kit.admission import OLDEST_KUBERNETES, Policy, policy
from tests.kit.schema import with_defaults
from tests.unit.chart.conftest import DIGITS, EXAMPLES, ROOT

Object = dict[str, Any]

SEARCH = with_defaults(schema(Experiment), next(document for document in EXAMPLES if document["kind"] == "Experiment"))
MAX_COST = 1_000_000
"""The CEL cost of an expression that the API server accepts."""


@pytest.fixture(scope="module")
def policies() -> Iterator[dict[str, Policy]]:
    with (
        Policy(policy("epochal-rules-experiments")) as experiments,
        Policy(policy("epochal-rules-trainingjobs")) as jobs,
    ):
        yield {"Experiment": experiments, "TrainingJob": jobs}


def changed(document: Object, **changes: Any) -> Object:
    """Return a document with changed fields of its spec, by path, with the parts joined by two underscores."""
    document = copy.deepcopy(document)
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = document["spec"]
        for parent in parents:
            target = target[parent]
        target[last] = value
    return document


def search(*parameters: Object, **changes: Any) -> Object:
    """Return an Experiment with these parameters, each with the name p0, p1, …"""
    named = [{"name": f"p{index}", "paths": ["training.batchSize"], **each} for index, each in enumerate(parameters)]
    document: Object = with_defaults(schema(Experiment), changed(SEARCH, parameters=named, **changes))
    return document


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, "1.34"])
@pytest.mark.parametrize("plural", ["experiments", "trainingjobs"])
def test_each_supported_kubernetes_compiles_the_policies(plural: str, version: str) -> None:
    with Policy(policy(f"epochal-rules-{plural}"), version):
        pass


@pytest.mark.parametrize("document", EXAMPLES, ids=lambda document: document["metadata"]["name"])
def test_the_examples_are_admitted(policies: dict[str, Policy], document: Object) -> None:
    if document["kind"] == "Experiment":
        document = with_defaults(schema(Experiment), document)
    review = policies[document["kind"]].review(document)
    assert (review.denied, review.failed) == ([], [])


UNQUOTED = [
    (search({"float": {"min": 1e-4, "max": "1"}}), "spec.parameters[0].float.min", "0.0001"),
    (search({"float": {"min": "0", "max": 0.5}}), "spec.parameters[0].float.max", "0.5"),
    (search({"values": ["1"]}, {"float": {"min": 0, "max": 1, "step": 0.1}}), "spec.parameters[1].float.step", "0.1"),
    (search({"values": ["1", 2, 0.5, 0.7]}), "spec.parameters[0].values", "0.5"),
    (search({"values": [True, False]}), "spec.parameters[0].values", "true"),
    (
        search({"values": ["1"]}, {"values": ["1"], "when": {"parameter": "p0", "values": [0.1]}}),
        "spec.parameters[1].when.values",
        "0.1",
    ),
    (search({"values": ["1"]}, initialTrials=[{}, {"p0": 2.5}]), "spec.initialTrials[1].p0", "2.5"),
    (search({"values": ["1"]}, objective__target=1e-7), "spec.objective.target", "1e-07"),
    (
        changed(SEARCH, template__spec__data__validation={"split": 0.2}),
        "spec.template.spec.data.validation.split",
        "0.2",
    ),
    (changed(DIGITS, data__validation={"split": 0.2}), "spec.data.validation.split", "0.2"),
    (changed(DIGITS, data__validation={"split": 1}), "spec.data.validation.split", "1"),
    (
        changed(DIGITS, training__outputs=[{"name": "a", "weight": "1"}, {"name": "b", "weight": 0.5}]),
        "spec.training.outputs[1].weight",
        "0.5",
    ),
]


@pytest.mark.parametrize(("document", "path", "number"), UNQUOTED, ids=[path for _, path, _ in UNQUOTED])
def test_a_number_without_quotes_is_refused_with_its_text(
    policies: dict[str, Policy], document: Object, path: str, number: str
) -> None:
    review = policies[document["kind"]].review(document)
    assert (review.denied, review.failed) == (
        [f'{path}: must be text in quotes, found {number}: write "{number}"'],
        [],
    )
    # The operator, `epochal check` and Studio find it as well, and name the item of a list.
    assert any(each.path.startswith(path) and "in quotes" in each.message for each in problems(document))


def test_many_numbers_without_quotes_are_refused_in_one_line(policies: dict[str, Policy]) -> None:
    document = search(*({"float": {"min": 0.1, "max": 0.2}} for _ in range(4)), objective__target=0.5)
    (message,) = policies["Experiment"].review(document).denied
    assert message == (
        'spec.objective.target: must be text in quotes, found 0.5: write "0.5"; '
        'spec.parameters[0].float.min: must be text in quotes, found 0.1: write "0.1"; '
        'spec.parameters[1].float.min: must be text in quotes, found 0.1: write "0.1"; and 6 more'
    )


@pytest.mark.parametrize("number", [1, -1, 0, 2.0, 2.0**53 - 1])
def test_an_integer_needs_no_quotes_in_an_experiment(policies: dict[str, Policy], number: float) -> None:
    document = search({"values": [number]}, initialTrials=[{"p0": number}], objective__target=number)
    review = policies["Experiment"].review(document)
    assert (review.denied, review.failed) == ([], [])
    assert [each for each in problems(document) if "in quotes" in each.message] == []


@pytest.mark.parametrize("value", [None, [], {}, 1e22, 2.0**53, [0.5] * 10_000, {"a": {"b": 1}}])
def test_other_values_are_refused(policies: dict[str, Policy], value: Any) -> None:
    document = search({"values": ["1"]}, objective__target=value)
    review = policies["Experiment"].review(document)
    assert review.failed == []
    (message,) = review.denied
    assert message.startswith("spec.objective.target: must be text in quotes, found ")
    assert len(message) < 200
    assert value is None or any(each.path == "spec.objective.target" for each in problems(document))


def test_hostile_names_stay_out_of_the_message(policies: dict[str, Policy]) -> None:
    name = "a\n" * 2**19
    for value in (0.5, "1"):
        review = policies["Experiment"].review(search({"values": ["1"]}, initialTrials=[{name: value}]))
        (message,) = review.denied
        assert (review.failed, "\n" in message, len(message) < 300) == ([], False, True)


def test_the_largest_experiment_is_within_the_limit_of_cel(policies: dict[str, Policy]) -> None:
    names = [f"{'p' * 60}{index:03}" for index in range(32)]
    document = search({"values": ["1"]})
    document["spec"]["initialTrials"] = [dict.fromkeys(names, "1") for _ in range(64)]
    document["spec"]["parameters"] = [
        {
            "name": name,
            "paths": ["training.batchSize"] * 16,
            "values": [f"{'v' * 250}{number}" for number in range(256)],
            "when": {"parameter": names[name == names[0]], "values": ["v" * 256] * 64},
        }
        for name in names
    ]
    review = policies["Experiment"].review(document, costs=True)
    assert (review.denied, review.failed) == ([], [])
    assert review.cost < MAX_COST, "of all expressions together"
    for parameter in document["spec"]["parameters"]:
        parameter["values"] = [0.5] * 256
    review = policies["Experiment"].review(document)
    assert review.failed == []
    assert review.denied[0].endswith("; and 29 more")


@pytest.mark.parametrize("kind", [EXPERIMENTS, TRAINING_JOBS], ids=lambda kind: kind.plural)
def test_only_new_content_is_refused(policies: dict[str, Policy], kind: Any) -> None:
    whole = SEARCH if kind is EXPERIMENTS else DIGITS
    path = "template__spec__data__validation" if kind is EXPERIMENTS else "data__validation"
    old = changed(whole, **{path: {"split": 0.2}})
    reviewed = policies[old["kind"]]
    assert reviewed.review(changed(old, suspend=True), old).denied == []
    assert len(reviewed.review(changed(old, **{path: {"split": 0.3}}), old).denied) == 1
    assert (
        fields(kind)
        == {
            "experiments": ["initialTrials", "objective", "parameters", "search", "template"],
            "trainingjobs": ["data", "training"],
        }[kind.plural]
    )


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        ({}, "give exactly one of split, object, or features and labels, found []"),
        (
            {"split": "0.2", "object": "a"},
            'give exactly one of split, object, or features and labels, found ["split", "object"]',
        ),
        (
            {"object": "a", "stratify": True},
            'stratify requires split: a separate validation set is used unchanged, found ["object"]',
        ),
    ],
)
def test_a_rule_of_a_split_names_the_field(policies: dict[str, Policy], validation: Object, message: str) -> None:
    review = policies["TrainingJob"].review(changed(DIGITS, data__validation=validation))
    assert (review.denied, review.failed) == ([f"spec.data.validation: {message}"], [])


@pytest.mark.parametrize(
    ("split", "found"),
    [("1.5", "1.5"), ("0", "0"), ("abc", "abc"), ("0.2\n1", "0.2 1"), ("", ""), ("7" * 2**20, "7" * 63)],
    ids=["above", "zero", "text", "lines", "empty", "long"],
)
def test_a_split_is_a_fraction(policies: dict[str, Policy], split: str, found: str) -> None:
    (message,) = policies["TrainingJob"].review(changed(DIGITS, data__validation={"split": split})).denied
    expected = 'must be a fraction between 0 and 1 as a string, such as "0.2"'
    assert message.rstrip() == f"spec.data.validation.split: {expected}, found {found}".rstrip()


def test_a_rule_of_the_admission_policy_shows_the_value(policies: dict[str, Policy]) -> None:
    """Each rule has the found value: the API server has no other way to show it."""
    rules = [rule for kind in (EXPERIMENTS, TRAINING_JOBS) for rule in _admission_rules(marked_schema(kind.model))]
    assert [rule["message"] for rule in rules if not rule["found"]] == []
    document = search({"float": {"min": 3, "max": "2.5"}}, {"float": {"min": "0", "max": "1", "scale": "Log"}})
    (message,) = policies["Experiment"].review(document).denied
    assert message == (
        "spec.parameters[0].float: min must be at most max, found 3 above 2.5; "
        "spec.parameters[1].float: min must be above 0 with the scale Log, found 0"
    )


def _admission_rules(node: Any) -> Iterator[Object]:
    match node:
        case dict():
            yield from node.get(ADMISSION, ())
            for part in node.values():
                yield from _admission_rules(part)
        case list():
            for part in node:
                yield from _admission_rules(part)


def test_the_rules_are_generated_from_the_models() -> None:
    assert (ROOT / "charts/epochal/files/rules.yaml").read_text() == to_yaml(), "run make manifests"
