"""`kubectl apply` refuses wrong specs with a message that has the rule."""

import copy
import re
import time
from typing import Any

import pytest

from tests.kit.jobs import DIGITS, Namespace, digits, search
from tests.kit.kubectl import Refused, get, wait


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"workers": 2}, 'unknown field "spec.workers"'),
        ({"framework": "jax"}, "spec.framework: Unsupported value"),
        ({"training__epochs": 0}, "spec.training.epochs"),
        ({"training__epochs": "many"}, "spec.training.epochs"),
        ({"training__loss": None}, "spec.training.loss: Required value"),
        ({"data__validation": {"split": "1.2"}}, 'must be a fraction between 0 and 1 as a string, such as "0.2"'),
        ({"data__validation": {"split": 0.2}}, 'split: must be text in quotes, found 0.2: write "0.2"'),
        ({"data__validation": {"object": "x", "stratify": True}}, "stratify requires split"),
        ({"data__train": {"features": "x"}}, "features and labels must be given together"),
        (
            {"data__train": {"object": "a", "features": "x", "labels": "y"}},
            "give either object, or features and labels",
        ),
        ({"data__train": {"object": "../secret"}}, "must be relative"),
        ({"data__train": {"object": "txt.\u202eexe"}}, "spec.data.train.object"),
        ({"storage__endpoint": "http://minio\u202e:9000"}, "must be http://HOST[:PORT]"),
        ({"data__train": {"object": "s3://demo-data/digits.npz"}}, "must be a key in the bucket"),
        ({"data__bucket": "s3://demo-data"}, "must be the name of a bucket"),
        ({"data__bucket": "No_Bucket"}, "spec.data.bucket"),
        ({"storage__endpoint": "minio:9000"}, "must be http://HOST[:PORT] or https://HOST[:PORT], without a path"),
        ({"network__layers": []}, "spec.network.layers"),
        ({"network__layers": [{"units": 10}]}, "give exactly one of layer and use"),
        ({"network__input": {"shape": [0]}}, "must have sizes from 1, or -1"),
        ({"network__layers": [{"layer": "Dense", "unit": 8}]}, "Dense has no argument unit; did you mean units?"),
        ({"training__loss": "mes"}, "spec.training.loss: keras.losses has no mes"),
        ({"resources__limits": {"memory": "4 GB"}}, "spec.resources.limits.memory"),
        ({"backoffLimit": -1}, "spec.backoffLimit"),
    ],
)
def test_a_wrong_training_job_is_refused(namespace: Namespace, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused) as refused:
        namespace.apply(digits(**changes))
    assert message in str(refused.value)


def test_a_name_that_pods_cannot_have_is_refused(namespace: Namespace) -> None:
    with pytest.raises(Refused, match=r"metadata\.name must be a DNS label of at most 63 characters"):
        namespace.apply(digits("with.dot"))


def test_a_network_that_is_no_graph_fails_without_a_pod(namespace: Namespace) -> None:
    layers = [{"layer": "Flatten"}, {"layer": "Dense", "name": "out", "units": 10, "inputs": ["out"]}]
    namespace.apply(digits("no-graph", network__layers=layers))
    assert namespace.finish("no-graph", seconds=20)["state"] == "Failed"
    failed = namespace.condition("Failed", "no-graph")
    assert failed["reason"] == "InvalidSpec"
    assert "spec.network.layers[1].inputs[0]: out is the layer itself" in failed["message"]
    assert namespace.pods("no-graph") == []


def test_a_convolution_larger_than_its_input_fails_without_a_pod(namespace: Namespace) -> None:
    layers = [{"layer": "Conv2D", "name": "conv", "filters": 8, "kernel_size": 9}, {"layer": "Flatten"}]
    # Beside other tests, the checker may not answer within a second. The operator then creates Jobs for 30 s.
    for name in (f"too-small-{attempt}" for attempt in range(4)):
        namespace.apply(digits(name, network__input={"shape": [8, 8, 1]}, network__layers=layers))
        assert namespace.finish(name, seconds=300)["state"] == "Failed"
        if not namespace.pods(name):
            break
        time.sleep(31)
    else:
        raise AssertionError("the checker has never answered")
    failed = namespace.condition("Failed", name)
    assert failed["reason"] == "InvalidNetwork"
    assert "spec.network.layers[0] (Conv2D, 'conv') got (None, 8, 8, 1): " in failed["message"]
    assert "(9, 9, 1, 8)" in failed["message"]
    assert namespace.objects("jobs", name) == []


def test_an_unknown_argument_fails_without_a_pod(namespace: Namespace) -> None:
    # The admission policy looks into one level of objects only.
    nested = {"layer": "TimeDistributed", "wrapped": {"layer": "TimeDistributed", "wrapped": {"layer": "ReLU", "x": 1}}}
    namespace.apply(digits("no-argument", network__layers=[nested, {"layer": "Flatten"}]))
    assert namespace.finish("no-argument", seconds=20)["state"] == "Failed"
    failed = namespace.condition("Failed", "no-argument")
    assert failed["reason"] == "InvalidSpec"
    assert "spec.network.layers[0].wrapped.wrapped.x: ReLU has no argument x" in failed["message"]
    assert namespace.pods("no-argument") == []


def test_a_memory_limit_without_a_unit_fails_without_a_pod(namespace: Namespace) -> None:
    namespace.apply(digits("no-unit", resources={"limits": {"memory": "700"}}))
    assert namespace.finish("no-unit", seconds=20)["state"] == "Failed"
    failed = namespace.condition("Failed", "no-unit")
    assert failed["reason"] == "InvalidSpec"
    assert "spec.resources.limits: memory must be at least 282Mi" in failed["message"]
    assert "found '700'; did you forget the unit, such as Mi or Gi?" in failed["message"]
    assert namespace.pods("no-unit") == []


def test_an_unknown_resource_is_reported_with_the_field_of_the_spec(namespace: Namespace) -> None:
    namespace.apply(digits("bare-gpu", resources={"limits": {"gpu": 1}}))
    wait("the refusal", lambda: namespace.condition("Ready", "bare-gpu").get("reason") == "JobRejected", seconds=20)
    message = namespace.condition("Ready", "bare-gpu")["message"]
    assert "spec.resources.limits[gpu]: " in message
    assert "spec.template" not in message
    assert message.endswith("Did you mean nvidia.com/gpu, in spec.resources.limits?")


def test_a_spec_that_is_too_large_fails_with_both_sizes(namespace: Namespace) -> None:
    layers = [{"layer": "Dense", "units": 10, "name": f"layer_{index}_{'x' * 100}"} for index in range(1000)]
    namespace.apply(digits("too-large", network__layers=layers))
    assert namespace.finish("too-large", seconds=20)["state"] == "Failed"
    failed = namespace.condition("Failed", "too-large")
    assert failed["reason"] == "InvalidSpec"
    assert re.search(r"must fit in 131072 bytes as JSON, found 149\d{3}\b", failed["message"]), failed
    assert namespace.pods("too-large") == []


@pytest.fixture(scope="module")
def _started(namespace: Namespace) -> None:
    namespace.apply(digits("started", training__epochs=1000, training__callbacks=[]))
    wait("a container to run", lambda: namespace.status("started").get("startTime"), seconds=60)


@pytest.mark.usefixtures("_started")
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("spec.training", {"training": {"epochs": 3}}),
        ("spec.training", {"training": {"optimizer": {"name": "SGD"}}}),
        ("spec.network", {"network": {"layers": [{"layer": "Flatten"}, {"layer": "Dense", "units": 11}]}}),
        ("spec.data", {"data": {"bucket": "another"}}),
        ("spec.image", {"image": "another"}),
        ("spec.backoffLimit", {"backoffLimit": 9}),
    ],
)
def test_immutable_fields_cannot_change_once_started(namespace: Namespace, field: str, change: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=f"{field} cannot change once a container of the job has run") as refused:
        namespace.patch(change, "started")
    assert "Mutable fields: spec.finish, spec.suspend," in str(refused.value)


@pytest.mark.usefixtures("_started")
def test_an_argument_exchanged_for_another_is_a_change_too(namespace: Namespace) -> None:
    layers = copy.deepcopy(DIGITS["spec"]["network"]["layers"])
    del layers[1]["activation"]
    layers[1]["padding"] = "same"
    with pytest.raises(Refused, match=r"spec\.network cannot change once a container of the job has run"):
        namespace.patch({"network": {"layers": layers}}, "started")


@pytest.mark.usefixtures("_started")
@pytest.mark.parametrize(
    "change", [{"ttlSecondsAfterFinished": 1000}, {"activeDeadlineSeconds": 900}, {"suspend": True}]
)
def test_mutable_fields_can_change_once_started(namespace: Namespace, change: dict[str, Any]) -> None:
    namespace.patch(change, "started")


RATE: dict[str, Any] = {"name": "rate", "paths": ["training.optimizer.learning_rate"]}
FREE = {**RATE, "float": {"min": "1e-4", "max": "1e-1"}}


@pytest.mark.parametrize(
    ("name", "template", "changes", "message"),
    [
        ("a" * 49, {}, {}, "metadata.name must be a DNS label of at most 48 characters"),
        ("wrong", {}, {"search": {"method": "TPE"}}, "parameters must not be empty"),
        ("wrong", {}, {"parameters": [RATE]}, "give exactly one of float, int and values"),
        ("wrong", {}, {"parameters": [FREE, FREE]}, "spec.parameters[1]: Duplicate value"),
        (
            "wrong",
            {},
            {"parameters": [FREE | {"paths": ["results.bucket"]}]},
            "must be the path of a field in the template",
        ),
        ("wrong", {}, {"parameters": [FREE | {"float": {"min": 0.5, "max": 1}}]}, 'found 0.5: write "0.5"'),
        ("wrong", {}, {"parameters": [FREE | {"float": {"min": "2", "max": 1}}]}, "min must be at most max"),
        (
            "wrong",
            {},
            {"parameters": [FREE | {"when": {"parameter": "sort", "values": ["a"]}}]},
            "when.parameter must be the name of another parameter, found sort in rate",
        ),
        (
            "wrong",
            {},
            {"initialTrials": [{"speed": "1"}], "parameters": [FREE]},
            "names of parameters only, found speed",
        ),
        ("wrong", {"suspend": True}, {}, "spec.suspend must not be true"),
        ("wrong", {"training__stopAfterEpoch": 2}, {}, "stopAfterEpoch must be at most epochs"),
        ("wrong", {"workers": 2}, {}, 'unknown field "spec.template.spec.workers"'),
        (
            "wrong",
            {"training__optimizer": "adma"},
            {},
            "spec.template.spec.training.optimizer: keras.optimizers has no adma",
        ),
    ],
)
def test_a_search_is_refused(
    namespace: Namespace, name: str, template: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(Refused) as refused:
        namespace.apply(search(name, template, **changes))
    assert message in str(refused.value)


def test_numbers_without_quotes_are_refused_in_one_line(namespace: Namespace) -> None:
    """For any number of fields, a user reads one line with the text to write."""
    ranges = [FREE | {"name": f"rate{index}", "float": {"min": 1e-4, "max": 0.5}} for index in range(3)]
    values = RATE | {"name": "listed", "values": [0.1, 0.5]}
    manifest = search("unquoted", {"data__validation": {"split": 0.2}}, parameters=[*ranges, values])
    with pytest.raises(Refused) as refused:
        namespace.apply(manifest)
    (line,) = (line for line in str(refused.value).splitlines() if "Warning: " not in line)
    assert 'spec.parameters[0].float.min: must be text in quotes, found 0.0001: write "0.0001"' in line
    assert line.endswith("; and 5 more")


@pytest.fixture(scope="module")
def _searched(namespace: Namespace) -> None:
    namespace.apply(search("searched", {"training__epochs": 1000}))

    def created() -> int:
        status = get("experiment", "searched", namespace=namespace.name).get("status", {})
        return int(status.get("trials", {}).get("created", 0))

    wait("a trial", created, seconds=60)


@pytest.mark.usefixtures("_searched")
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("spec.template", {"template": {"spec": {"training": {"epochs": 3}}}}),
        ("spec.template", {"template": {"spec": {"training": {"optimizer": {"name": "Adam", "beta_1": 0.8}}}}}),
        ("spec.objective", {"objective": {"metric": "loss"}}),
        ("spec.objective", {"objective": {"target": "0.1"}}),
        ("spec.initialTrials", {"initialTrials": [{}]}),
        ("spec.retain", {"retain": "All"}),
    ],
)
def test_immutable_fields_of_an_experiment_cannot_change_once_a_trial_exists(
    namespace: Namespace, field: str, change: dict[str, Any]
) -> None:
    with pytest.raises(Refused, match=f"{field} cannot change once a trial exists") as refused:
        namespace.patch(change, "searched", kind="exp")
    assert "Mutable fields: spec.parallelism, spec.maxTrials," in str(refused.value)


@pytest.mark.usefixtures("_searched")
@pytest.mark.parametrize("change", [{"maxTrials": 30, "parallelism": 2}, {"ttlSecondsAfterFinished": 1000}])
def test_mutable_fields_of_an_experiment_can_change(namespace: Namespace, change: dict[str, Any]) -> None:
    namespace.patch(change, "searched", kind="exp")
