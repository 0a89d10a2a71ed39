"""Validation of a TrainingJob: defaults, and errors that name the field."""

import copy
from typing import Any

import pytest
from epochal_api.trainingjob.spec import InvalidTrainingJob, parse

SMALLEST: dict[str, Any] = {
    "apiVersion": "epochal.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {"name": "smallest"},
    "spec": {
        "storage": {"secretRef": {"name": "credentials"}},
        "data": {"bucket": "data", "train": {"object": "train.npz"}},
        "network": {"input": {"shape": [4]}, "layers": [{"layer": "Dense", "units": 1}]},
        "training": {"loss": "MeanSquaredError"},
        "results": {"bucket": "results"},
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(SMALLEST)
    target: Any = document["spec"]
    *parents, last = path.split(".")
    for parent in parents:
        target = target[int(parent)] if parent.isdigit() else target.setdefault(parent, {})
    target[last] = value
    return document


def test_defaults() -> None:
    spec = parse(SMALLEST).spec
    assert (spec.training.epochs, spec.training.batch_size, spec.training.optimizer.name) == (1, 32, "RMSprop")
    assert spec.training.loss is not None
    assert spec.training.loss.name == "MeanSquaredError"
    assert (spec.backoff_limit, spec.suspend, spec.service_account_name) == (3, False, "default")
    assert (spec.training.checkpoint.every_epochs, spec.training.checkpoint.every_seconds) == (1, None)
    assert (spec.training.checkpoint.keep, spec.training.terminate_on_nan, spec.training.stall_seconds) == (
        2,
        True,
        600,
    )
    assert spec.training.precision == "float32"
    assert (spec.data.format, spec.storage.region, spec.resources.gpus) == ("auto", "us-east-1", 0)


def test_keras_arguments_are_kept_as_written() -> None:
    job = parse(changed("training.optimizer", {"name": "Adam", "learning_rate": 0.002, "beta_1": 0.8}))
    assert job.spec.training.optimizer.arguments == {"learning_rate": 0.002, "beta_1": 0.8}
    assert job.dump()["spec"]["training"]["optimizer"] == {"name": "Adam", "learning_rate": 0.002, "beta_1": 0.8}


@pytest.mark.parametrize(
    "source", [{"model": {"uri": "s3://models/base.keras", "freeze": ["conv*"]}}, {"code": {"object": "model.py"}}]
)
def test_a_model_or_code_in_place_of_a_network(source: dict[str, Any]) -> None:
    document = changed("training.outputs", [{"name": "a", "loss": "mse"}, {"name": "b", "loss": "mse"}])
    del document["spec"]["network"], document["spec"]["training"]["loss"]
    document["spec"] |= source
    spec = parse(document).spec
    assert spec.network is None
    assert parse(parse(document).dump()).spec == spec
    assert spec.code is None or spec.code.entrypoint == "build_model"


def test_dump_round_trip() -> None:
    job = parse(SMALLEST)
    assert parse(job.dump()) == job


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("Balanced", "Balanced"),
        ({"0": 1, "12": "2.5"}, {"0": "1", "12": "2.5"}),
        ({0: 1, 12: 2.5}, {"0": "1", "12": "2.5"}),
        ({"0": "0", "1": ".5", "2": 1e-05}, {"0": "0", "1": ".5", "2": "1e-05"}),
    ],
)
def test_class_weights_are_text(given: Any, read: Any) -> None:
    job = parse(changed("training.classWeight", given))
    assert job.spec.training.class_weight == read
    assert job.dump()["spec"]["training"]["classWeight"] == read
    assert parse(job.dump()) == job


def test_nan_argument_is_kept() -> None:
    job = parse(changed("training.terminateOnNaN", value=False))
    assert job.spec.training.terminate_on_nan is False
    assert job.dump()["spec"]["training"]["terminateOnNaN"] is False


@pytest.mark.parametrize(
    ("limits", "gpus"),
    [
        ({}, 0),
        ({"cpu": 2, "memory": "4Gi"}, 0),
        ({"nvidia.com/gpu": 2}, 2),
        ({"amd.com/gpu": "1", "nvidia.com/mig-1g.5gb": 3}, 4),
        ({"cpu": "1.5", "memory": "1e9", "ephemeral-storage": "+.5E-1", "nvidia.com/gpu": 1}, 1),
    ],
)
def test_gpus_are_counted_from_limits(limits: dict[str, Any], gpus: int) -> None:
    assert parse(changed("resources", {"limits": limits})).spec.resources.gpus == gpus


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("workers", 4, "spec.workers: is not a known field: check its name and its place"),
        ("framework", "jax", "spec.framework: must be 'tensorflow', found 'jax'"),
        ("training.epochs", 0, "spec.training.epochs: must be at least 1, found 0"),
        ("training.loss", 5, "spec.training.loss"),
        ("training.loss", "mse\x1b[31m", "spec.training.loss.name: must match the pattern ^[A-Za-z_]"),
        (
            "data.bucket",
            "Data_Bucket",
            "spec.data.bucket: must be the name of a bucket: lower-case letters, digits, dots and",
        ),
        ("data.bucket", "d", "spec.data.bucket: must have at least 3 characters, found 'd'"),
        ("data.bucket", 5, "spec.data.bucket: must be text: put a number, true, false or null in quotes, found 5"),
        (
            "data.bucket",
            None,
            "spec.data.bucket: must be text: put a number, true, false or null in quotes, found null",
        ),
        ("training.callbacks", {}, "spec.training.callbacks: must be a list, found a map of 0"),
        ("training.checkpoint", [1], "spec.training.checkpoint: must be a map of names to values, found a list of 1"),
        ("training.epochs", 1.5, "spec.training.epochs: must be an integer, found 1.5"),
        ("data.bucket", "s3://data", "spec.data.bucket: must be the name of a bucket: lower-case"),
        ("data.bucket", "s3://data", "without s3://: write data, found 's3://data'"),
        ("results.bucket", "s3://results/lab/", "write results, and prefix: lab/ for the folder, found"),
        ("data.train", {"object": "s3://data/a/b.npz"}, "object: must be a key in the bucket"),
        ("data.train", {"object": "s3://data/a/b.npz"}, ": write a/b.npz, and bucket: data, found 's3://data/a/b.npz'"),
        ("data.train", {"features": "s3://data/x", "labels": "y"}, "spec.data.train.features: must be a key"),
        ("data.test", {"features": "x", "labels": "s3://data/y"}, "spec.data.test.labels: must be a key"),
        ("data.validation", {"object": "s3://data/v.npz"}, "spec.data.validation.object: must be a key"),
        ("data.prefix", "s3://data/sets/", "write sets/, and bucket: data, found 's3://data/sets/'"),
        ("results.prefix", "s3://results/", "results.prefix: must be a key in the bucket"),
        ("results.prefix", "s3://results/", ": omit it, and write bucket: results, found 's3://results/'"),
        ("data.prefix", "/absolute", "spec.data.prefix: must be relative, without a '..' segment, found '/absolute'"),
        ("data.train", {"object": "../secret"}, "spec.data.train.object: must be relative"),
        ("data.train", {}, "spec.data.train: give either object, or features and labels"),
        ("data.train", {"features": "x"}, "spec.data.train: features and labels must be given together"),
        ("data.train", {"object": "a", "features": "x", "labels": "y"}, "spec.data.train: give either object, or"),
        ("data.validation", {"split": "1.5"}, "spec.data.validation.split: must be a fraction between 0 and 1"),
        ("data.validation", {"split": "0.0"}, "spec.data.validation.split: must be a fraction between 0 and 1"),
        ("data.validation", {"split": "0.1", "object": "v"}, "spec.data.validation: give exactly one of split"),
        ("data.validation", {"object": "v", "stratify": True}, "spec.data.validation: stratify requires split"),
        ("training.classWeight", "balanced", "classWeight: must be Balanced, or a map of 1 to 10,000 class"),
        ("training.classWeight", {}, "spec.training.classWeight: must be Balanced, or a map"),
        ("training.classWeight", {"cat": 1}, "classWeight: must name classes by their indices, 0, 1, …, found 'cat'"),
        ("training.classWeight", {"-1": 1}, "must name classes by their indices, 0, 1, …, found '-1'"),
        ("training.classWeight", {"1": -1}, "the weight of class 1 must be a number from 0 to 1,000,000,000"),
        ("training.classWeight", {"1": "nan"}, "must be a number from 0 to 1,000,000,000, as an integer or as text"),
        ("training.classWeight", {"1": "1e10"}, "the weight of class 1 must be a number from 0 to"),
        ("training.classWeight", {"1": True}, "the weight of class 1 must be a number from 0 to"),
        ("training.classWeight", {"1": [1]}, "the weight of class 1 must be a number from 0 to"),
        ("storage.endpoint", "minio:9000", "spec.storage.endpoint: must be http://HOST[:PORT] or https"),
        (
            "storage.endpoint",
            "http://user:secret@minio:9000",
            "spec.storage.endpoint: must be http://HOST[:PORT] or https",
        ),
        ("storage.endpoint", "http://minio\x1b[31m:9000", "spec.storage.endpoint: must be http://HOST[:PORT] or https"),
        ("storage.region", "us\teast", "spec.storage.region: must match the pattern ^[A-Za-z0-9-]+$, found"),
        ("storage.secretRef.name", "No Name", "secretRef.name: must be the name of an object: lower-case"),
        ("data.prefix", "a\x1b[31m/", "spec.data.prefix: must be one line of text without control"),
        ("data.train.object", "a\x9b31m.npz", "spec.data.train.object: must be one line of text without"),
        ("results.prefix", "a\nb", "spec.results.prefix: must be one line of text without control"),
        ("image", "trainer:1 --privileged", "spec.image: must match the pattern ^[a-zA-Z0-9]"),
        ("model", {"uri": "s3://models/a.keras"}, "spec: give exactly one of network, model and code"),
        ("network", None, "spec: give exactly one of network, model and code"),
        ("model", {"uri": "s3://models/a.h5"}, "spec.model.uri: must be s3://BUCKET/KEY, a .keras file"),
        (
            "code",
            {"object": "a.py", "entrypoint": "os.system"},
            "spec.code.entrypoint: must match the pattern ^[A-Za-z_]",
        ),
        ("network.layers", [], "spec.network.layers: must have at least 1 item, found a list of 0"),
        ("network.layers.0.inputs", ["nobody"], "spec.network: layers[0] (Dense): inputs contain 'nobody'"),
        (
            "network.input.shape",
            [0],
            "spec.network.input.shape: must have sizes from 1, or -1 for an axis of any length",
        ),
        ("training.stopAfterEpoch", 11, "spec.training: stopAfterEpoch must be at most epochs, found 11 of 1"),
        ("training.validationEveryEpochs", 2, "validationEveryEpochs must be at most epochs, since otherwise no epoch"),
        ("training.stepsPerEpoch", 0, "spec.training.stepsPerEpoch: must be"),
        ("training.continueFrom", {}, "spec.training.continueFrom: give exactly one of name and uri"),
        ("training.continueFrom", {"name": "a", "uri": "s3://abc/d"}, "continueFrom: give exactly one of name and uri"),
        ("training.continueFrom.uri", "s3://results", "continueFrom.uri: must be s3://BUCKET/FOLDER, a folder of"),
        ("training.continueFrom.uri", "s3://results/a\nb", "continueFrom.uri: must be s3://BUCKET/FOLDER, a folder of"),
        ("training.monitor", {"mode": "Max"}, "spec.training.monitor.metric: is required"),
        ("training.monitor", {"metric": "loss", "mode": "max"}, "monitor.mode: must be 'Min' or 'Max', found"),
        ("training.monitor", {"metric": "a\nb"}, "spec.training.monitor.metric: must be one line of text"),
        ("results.best", "often", "spec.results.best: must be true or false, found 'often'"),
        ("results.exports", ["tflite"], "spec.results.exports[0]: must be 'onnx' or 'savedmodel'"),
        ("results.exports", ["onnx", "onnx"], "spec.results.exports: must name each format once, found onnx, onnx"),
        ("training.checkpoint.keep", 0, "spec.training.checkpoint.keep: must be at least 1"),
        ("training.stallSeconds", 0, "spec.training.stallSeconds: must be at least 1"),
        ("storage.timeoutSeconds", 0, "spec.storage.timeoutSeconds: must be at least 1"),
        ("resources.limits", {"memory": "4 GB"}, "limits.memory: must be a quantity such as 500m or 2Gi"),
        ("resources.limits", {"memory": "-1Gi"}, "limits.memory: must be a quantity such as 500m or 2Gi"),
        ("resources.limits", {"memory": "1e1.5"}, "limits.memory: must be a quantity such as 500m or 2Gi"),
        ("resources.limits", {"memory": "281Mi"}, "spec.resources.limits: memory must be at least 282Mi"),
        ("resources.limits", {"memory": 700}, "found '700'; did you forget the unit, such as Mi or Gi?"),
        ("resources.limits", {"memory": "512m"}, "found '512m'; did you forget the unit, such as Mi or Gi?"),
    ],
)
def test_an_error_names_the_field(path: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidTrainingJob) as caught:
        parse(changed(path, value))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "resources",
    [
        {},
        {"requests": {"memory": "64Mi"}},
        {"limits": {"cpu": "100m"}},
        *({"limits": {"memory": memory}} for memory in ("0", "0Gi", "282Mi", "0.3Gi", "3e8", 2**30, "1G")),
    ],
)
def test_sufficient_memory_limit(resources: dict[str, Any]) -> None:
    assert parse(changed("resources", resources)).spec.resources.limits.keys() == resources.get("limits", {}).keys()


@pytest.mark.parametrize("memory", ["6Mi", "281Mi", "0.25Gi", "1e8"])
def test_low_memory_limit_is_refused(memory: str) -> None:
    with pytest.raises(InvalidTrainingJob, match="memory must be at least 282Mi"):
        parse(changed("resources", {"limits": {"memory": memory}}))


def test_memory_unit_hint_only_below_1_mib() -> None:
    with pytest.raises(InvalidTrainingJob) as caught:
        parse(changed("resources", {"limits": {"memory": "64Mi"}}))
    assert str(caught.value).endswith("found '64Mi'")


def test_layer_names_must_be_unique() -> None:
    layers = [{"layer": "Dense", "units": 1, "name": "a"}, {"layer": "Dense", "units": 1, "name": "a"}]
    with pytest.raises(InvalidTrainingJob, match=r"layers\[1\] \(Dense\): another layer or input has the name 'a'"):
        parse(changed("network.layers", layers))


@pytest.mark.parametrize("document", [None, [], {"kind": "Job", "apiVersion": "batch/v1"}])
def test_another_kind_of_document_is_refused(document: Any) -> None:
    with pytest.raises(InvalidTrainingJob, match="must be"):
        parse(document)


@pytest.mark.parametrize(
    ("prefix", "folder"),
    [("", "ns/job/uid"), ("models", "models/ns/job/uid"), ("models/", "models/ns/job/uid")],
)
def test_results_folder(prefix: str, folder: str) -> None:
    results = parse(changed("results", {"bucket": "results", "prefix": prefix})).spec.results
    assert results.folder(namespace="ns", name="job", uid="uid") == folder
