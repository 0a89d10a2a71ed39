"""Any TrainingJob is accepted, or refused with a message that names the field, without an error of the operator.

The jobs are made from the API's own schema and then spoilt. All are in a queue that nobody serves, so that no
pod starts. It takes half a minute; EPOCHAL_FUZZ_MINUTES=10 looks further, each time at other jobs.
"""

import copy
import itertools
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from epochal_api.crd import marked_schema
from epochal_api.kind import API_VERSION
from epochal_api.text import PRINTABLE_PATTERN
from epochal_api.trainingjob.spec import KIND, PLURAL, TrainingJob
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.kit import operator
from tests.kit.apiserver import Refusal, path, request
from tests.kit.jobs import DIGITS, WAITING, Namespace
from tests.kit.kubectl import Object, items, wait

SECONDS = 60 * float(os.environ.get("EPOCHAL_FUZZ_MINUTES", "0.5"))
FIELD = re.compile(r'\b(spec|metadata|ObjectMeta\.name)\b|unknown field "')
SPEC = marked_schema(TrainingJob)["properties"]["spec"]
REFUSED = {400, 422}
LONGEST = 12
"""Bound of generated items and characters where the schema allows more: longer ones are among the hostile values."""

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=LONGEST)
DEEPEST = 9_900
"""The API server takes no more than 10,000 levels, of objects in managedFields too, which have more than the spec."""
NESTED = st.one_of(
    st.integers(50, DEEPEST).map(lambda depth: f"@[{depth}"),
    st.integers(50, DEEPEST // 2).map(lambda depth: f"@{{{depth}"),
)
"""Marks: as values they would be too deep for Python to write."""
MARK = re.compile(r'"@([\[{])(\d+)"')
HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
    st.sampled_from(
        ["", " ", "../..", "/", "$(PATH)", "{{ .Values }}", "\x1b[31m", "\u202e", "a" * 70_000, "1e400", "NaN", "null"]
    ),
    st.sampled_from([[], {}, [[]], [None], {"": ""}, {"name": None}, {"$ref": "#"}, {"layer": {"layer": "Dense"}}]),
    NESTED,
)


def text_of(job: Object) -> str:
    """Returns a job as JSON, with lists and objects of so many levels in place of the marks."""

    def nested(mark: re.Match[str]) -> str:
        opening, closing = ("[", "]") if mark[1] == "[" else ('{"a":', "}")
        depth = int(mark[2])
        return opening * depth + "1" + closing * depth

    return MARK.sub(nested, json.dumps(job))


IN_QUEUE: Object = {"scheduling": {"queueName": WAITING["scheduling__queueName"]}}
UNTRANSLATABLE = IN_QUEUE | {"resources": {"limits": {"\U0001f600": 1}}}
"""Kubernetes refuses it with words that hold a character which JSON writes in another way than YAML."""
JSON = st.recursive(st.one_of(st.booleans(), st.integers(-9, 9), TEXT), lambda inner: st.lists(inner, max_size=3))


def values(node: Object) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each kind of node
    """Returns a strategy for the values that a schema node allows."""
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if node.get("x-kubernetes-int-or-string"):
        return st.one_of(st.integers(0, 64), st.from_regex(node["pattern"], fullmatch=True))
    match node.get("type"):
        case "object":
            return objects(node)
        case "array":
            most = min(node.get("maxItems", LONGEST), max(4, node.get("minItems", 0)))
            return st.lists(values(node["items"]), min_size=node.get("minItems", 0), max_size=most)
        case "string" if node.get("pattern") == PRINTABLE_PATTERN:  # Python's own re knows no categories
            return st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=node["maxLength"])
        case "string" if "pattern" in node:
            longest = node.get("maxLength", LONGEST)
            return st.from_regex(node["pattern"], fullmatch=True).map(lambda text: text[:longest])
        case "string":
            return st.text("abc-.0", min_size=node.get("minLength", 0), max_size=LONGEST)
        case "integer":
            return st.integers(node.get("minimum", -(2**31)), node.get("maximum", 2**31))
        case "boolean":
            return st.booleans()
        case _:
            return st.sampled_from(["accuracy", {"name": "Adam", "learning_rate": 0.1}, {"name": "MeanSquaredError"}])


def objects(node: Object) -> st.SearchStrategy[Any]:
    properties, needed = node.get("properties", {}), set(node.get("required", []))
    made = st.fixed_dictionaries(
        {name: values(inner) for name, inner in properties.items() if name in needed},
        optional={name: values(inner) for name, inner in properties.items() if name not in needed},
    )
    if isinstance(more := node.get("additionalProperties"), dict):
        return st.dictionaries(st.text("abc-./0", min_size=1, max_size=LONGEST), values(more), max_size=3)
    if node.get("x-kubernetes-preserve-unknown-fields"):
        arguments = st.dictionaries(st.sampled_from(["units", "rate", "activation", "seed"]), JSON, max_size=2)
        return st.builds(lambda own, further: further | own, made, arguments)
    return made


FIELDS = {name: values(inner) for name, inner in SPEC["properties"].items()}


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields the path of every value in a document."""
    if path:
        yield path
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document if isinstance(document, list) else [])
    )
    for key, value in inner:
        yield from places(value, (*path, key))


@st.composite
def spoilt(draw: st.DrawFn, document: Object) -> Object:
    """Returns a document with one change at random."""
    changed = copy.deepcopy(document)
    # The API server itself handles metadata that is no object.
    *parents, last = draw(st.sampled_from([path for path in places(document) if path != ("metadata",)]))
    target: Any = changed
    for parent in parents:
        target = target[parent]
    match draw(st.sampled_from(["replace", "replace", "remove", "rename", "add"])):
        case "replace":
            target[last] = draw(HOSTILE)
        case "remove":
            del target[last]
        case "rename" if isinstance(target, dict):
            target[draw(st.sampled_from([f"{last}s", str(last).upper(), f" {last}"]))] = target.pop(last)
        case _ if isinstance(target, dict):
            target[draw(TEXT)] = draw(HOSTILE)
        case _:
            target.append(draw(HOSTILE))
    return changed


@st.composite
def jobs(draw: st.DrawFn) -> Object:
    """Returns a TrainingJob's metadata and spec: some fields by the schema, up to two of them changed at random."""
    job: Object = {"metadata": {"name": "fuzz"}, "spec": copy.deepcopy(DIGITS["spec"])}
    for name in draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=3)):
        job["spec"][name] = draw(FIELDS[name])
    for _ in range(draw(st.integers(0, 2))):
        job = draw(spoilt(job))
    if isinstance(spec := job.get("spec"), dict):
        scheduling = spec.get("scheduling")
        if scheduling is None or isinstance(scheduling, dict):
            spec["scheduling"] = (scheduling or {}) | IN_QUEUE["scheduling"]
    return job


@dataclass
class Cluster:
    """The namespace of the jobs, and the counts of their outcomes."""

    namespace: Namespace
    seen: Counter[str] = field(default_factory=Counter)
    end: float = field(default_factory=lambda: time.monotonic() + SECONDS)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def path(self) -> str:
        """Where the jobs are."""
        return path(PLURAL, namespace=self.namespace.name)

    def create(self, job: Object) -> str | None:
        """Creates a job and returns its name, or None if it was refused, which it must be with a field's name."""
        try:
            made = request("POST", f"{self.path}?fieldValidation=Strict", text_of(job))
        except Refusal as refused:
            refusal = refused
        else:
            name: str = made["metadata"]["name"]
            return name
        assert refusal.status in REFUSED, refusal
        assert FIELD.search(str(refusal)), refusal
        return None

    def answer(self, name: str) -> Object:
        """Waits for the operator's answer and returns the status."""

        def poll() -> Object | None:
            status: Object = request("GET", f"{self.path}/{name}").get("status", {})
            settled = status.get("state") in {"Queued", "Suspended", "Failed"} and ready(status)["reason"] != "Creating"
            return status if settled else None

        return wait(f"an answer to {name}", poll, seconds=20, every=0.02)

    def delete(self, name: str) -> None:
        request("DELETE", f"{self.path}/{name}")


def argument(value: Any) -> Object:
    """Returns a network with a value as a Keras argument, which neither schema nor admission policy describes."""
    return {
        "input": {"shape": [8, 8]},
        "layers": [{"layer": "Flatten"}, {"layer": "Dense", "units": 10, "quantization_config": value}],
    }


def ready(status: Object) -> Object:
    return next(
        (condition for condition in status.get("conditions", []) if condition["type"] == "Ready"),
        {"reason": "Creating"},
    )


@pytest.fixture(scope="module")
def cluster(namespace: Namespace) -> Cluster:
    return Cluster(namespace)


@pytest.fixture(scope="module", autouse=True)
def _the_operator_does_not_stumble(cluster: Cluster) -> Iterator[None]:
    before = operator.restarts()
    yield
    assert operator.restarts() == before
    lines = [json.loads(line) for line in operator.logs().splitlines() if line.startswith("{")]
    bad = [line for line in lines if "exception" in line or line["level"] in {"error", "critical"}]
    assert [line for line in bad if line.get("namespace") == cluster.namespace.name] == []


@settings(
    max_examples=int(10 * SECONDS),
    database=None,
    derandomize=SECONDS <= 60,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(job=jobs())
@example(job={"metadata": {"name": "fuzz"}, "spec": DIGITS["spec"] | UNTRANSLATABLE})
@example(job={"metadata": {"name": "fuzz"}, "spec": DIGITS["spec"] | IN_QUEUE | {"network": argument("@[9900")}})
@example(job={"metadata": {"name": "fuzz"}, "spec": DIGITS["spec"] | IN_QUEUE | {"network": argument("@{4900")}})
def test_every_job_is_taken_or_refused_by_name(cluster: Cluster, job: Object) -> None:
    if time.monotonic() > cluster.end:
        return
    metadata = job.get("metadata")
    if isinstance(metadata, dict) and metadata.get("name") == "fuzz":
        metadata["name"] = f"fuzz-{next(cluster.numbers)}"
    name = cluster.create({"apiVersion": API_VERSION, "kind": KIND, **job})
    if name is None:
        cluster.seen["refused by the API server"] += 1
        return
    try:
        status = cluster.answer(name)
        condition = ready(status)
        if condition["status"] == "True":
            cluster.seen["taken"] += 1
            return
        cluster.seen[condition["reason"]] += 1
        refusals = {"InvalidSpec", "InvalidNetwork", "JobRejected", "ContinueFromNotFound"}
        assert condition["reason"] in refusals, condition
        assert FIELD.search(condition["message"]), condition
    finally:
        cluster.delete(name)


def test_all_kinds_of_answers_were_seen(cluster: Cluster) -> None:
    """Else the jobs would be of one kind only, and the test above would show little."""
    assert cluster.seen["taken"] >= 10, cluster.seen
    assert cluster.seen["refused by the API server"] >= 10, cluster.seen
    assert cluster.seen["InvalidSpec"] + cluster.seen["JobRejected"] >= 3, cluster.seen


def test_no_pod_was_started(cluster: Cluster) -> None:
    assert items("pods", namespace=cluster.namespace.name) == []
