import json
from pathlib import Path
from typing import Any

import pytest
from epochal_trainer import job as jobs
from epochal_trainer.lib.failures import Failure

JOB: dict[str, Any] = {
    "apiVersion": "epochal.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {"name": "tiny"},
    "spec": {
        "storage": {"secretRef": {"name": "none"}},
        "data": {"bucket": "data", "train": {"object": "tiny.npz"}},
        "network": {"input": {"shape": [6]}, "layers": [{"layer": "Dense", "units": 2}]},
        "training": {"loss": "mse"},
        "results": {"bucket": "results"},
    },
}


@pytest.mark.parametrize("name", ["job.json", "job.yaml"])
def test_json_and_yaml(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(json.dumps(JOB))
    read = jobs.read(tmp_path / name)
    assert (read.metadata.namespace, read.metadata.name) == ("default", "tiny")


def test_a_missing_uid_is_generated(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text(json.dumps({**JOB, "metadata": {"name": "tiny", "uid": "u-1"}}))
    assert jobs.read(path).metadata.uid == "u-1"
    path.write_text(json.dumps(JOB))
    assert len(jobs.read(path).metadata.uid) == len("20261125-104500")


def test_a_stopped_run_is_resumed(tmp_path: Path) -> None:
    path, results = tmp_path / "job.json", tmp_path / "results"

    def read(**training: Any) -> str:
        spec = {**JOB["spec"], "training": {"loss": "mse", **training}}
        path.write_text(json.dumps({**JOB, "spec": spec}))
        return jobs.read(path, results).metadata.uid

    assert read() != "1"
    folder = results / "default/tiny/1"
    for name in ("attempts/1-3f0c.json", "checkpoints/1.zip"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(json.dumps({"spec": jobs.spec_digest(jobs.read(path))}))
    assert read() == "1"
    assert read(epochs=2) != "1"
    (folder / "summary.json").touch()
    assert read() != "1"


def test_each_trained_field_changes_the_digest(tmp_path: Path) -> None:
    path, split = tmp_path / "job.json", {"split": "0.2"}
    plain, with_split = JOB["spec"], {**JOB["spec"], "data": {**JOB["spec"]["data"], "validation": split}}
    specs: list[dict[str, Any]] = [
        plain,
        {**plain, "training": {"loss": "mse", "classWeight": "Balanced"}},
        {**plain, "data": {**plain["data"], "shuffle": True}},
        with_split,
        {**with_split, "data": {**plain["data"], "validation": {**split, "stratify": True}}},
    ]
    digests = set()
    for spec in specs:
        path.write_text(json.dumps({**JOB, "spec": spec}))
        digests.add(jobs.spec_digest(jobs.read(path)))
    assert len(digests) == len(specs)


def test_parts_of_a_training_have_the_same_recipe(tmp_path: Path) -> None:
    path, digests = tmp_path / "job.json", []
    whole = {"loss": "mse", "epochs": 9}
    part = {"stopAfterEpoch": 3, "checkpoint": {"keep": 1}, "continueFrom": {"uri": "s3://results/x/"}}
    for training in (whole, whole | part, whole | {"seed": 0}, whole | {"seed": 1}, whole | {"epochs": 8}):
        path.write_text(json.dumps({**JOB, "spec": {**JOB["spec"], "training": training}}))
        digests.append(jobs.training_digest(jobs.read(path)))
    assert digests[0] == digests[1] == digests[2]
    assert len(set(digests[2:])) == 3


def test_the_order_of_outputs_is_no_part_of_a_recipe(tmp_path: Path) -> None:
    path, digests = tmp_path / "job.json", []
    layers = [{"layer": "Dense", "units": 2, "name": name, "inputs": ["input"]} for name in "ab"]
    network = {"input": {"shape": [6]}, "layers": layers, "outputs": ["a", "b"]}
    a, b = ({"name": name, "loss": "mse"} for name in "ab")
    half, one = {**b, "weight": "0.5"}, {**b, "weight": "1"}
    for outputs in ([a, b], [b, a], [a, one], [{**one, "weight": "1.0"}, a], [a, half], [{**b, "weight": "5e-1"}, a]):
        spec = {**JOB["spec"], "network": network, "training": {"outputs": outputs}}
        path.write_text(json.dumps({**JOB, "spec": spec}))
        digests.append(jobs.training_digest(jobs.read(path)))
    assert len(set(digests[:4])) == 1
    assert digests[4] == digests[5] != digests[0]


def test_recipe_of_earlier_versions(tmp_path: Path) -> None:
    """Checkpoints of earlier versions must still fit."""
    (tmp_path / "job.json").write_text(json.dumps(JOB))
    assert (
        jobs.training_digest(jobs.read(tmp_path / "job.json"))
        == "c0cbb823daa2d50f1e798e83f643e10a31a72331a9f5d8ec0359a96706ed751c"
    )


def test_another_file_of_a_network_is_another_recipe(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text(json.dumps(JOB))
    job = jobs.read(path)
    assert jobs.training_digest(job, {}) == jobs.training_digest(job)
    files = [{"model.py": "0" * 64}, {"model.py": "1" * 64}]
    assert len({jobs.training_digest(job), *(jobs.training_digest(job, each) for each in files)}) == 3


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("job.json", "{", "cannot parse .* as JSON or YAML: "),
        ("job.yaml", "a: [", "cannot parse .* as JSON or YAML: "),
        ("job.json", "[" * 100_000, "cannot parse .* as JSON or YAML: "),
        ("job.yaml", "text", "must be a TrainingJob, found str"),
        ("job.yaml", "{kind: Pod}", "must be epochal.dev/v1alpha1, kind TrainingJob"),
        (
            "job.yaml",
            json.dumps({**JOB, "spec": {**JOB["spec"], "training": {}}}),
            "spec.training: loss is required: write a class or a function of keras.losses, such as",
        ),
    ],
)
def test_invalid_files(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(Failure, match=message) as caught:
        jobs.read(tmp_path / name)
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidSpec", 64)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"cannot read .*: No such file"):
        jobs.read(tmp_path / "job.yaml")
