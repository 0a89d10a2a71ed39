"""Manifests of FfDL: storage, buckets, resources, GPUs and name; its network is a placeholder."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from epochal.importers import Imported, import_file
from epochal.importers.ffdl.manifest import quantity
from epochal_api.catalogue.problems import problems

from tests.unit.cli.importers.searches import FFDL, watson


def read(folder: Path, **changes: Any) -> Imported:
    path = folder / "manifest.yml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(FFDL), **changes}))
    imported = import_file(path)
    assert problems(imported.document) == []
    assert yaml.safe_load(imported.text) == imported.document
    return imported


def test_a_manifest(tmp_path: Path) -> None:
    imported = read(tmp_path)
    spec = imported.document["spec"]
    assert imported.document["metadata"] == {"name": "tf-convolutional-network-tutorial"}
    assert spec["storage"]["endpoint"] == "http://s3.default.svc.cluster.local"
    assert (spec["data"]["bucket"], spec["results"]["bucket"]) == ("tf-training-data", "tf-trained-model")
    assert spec["resources"] == {
        "requests": {"cpu": "500m", "memory": "1500M", "ephemeral-storage": "1T"},
        "limits": {"memory": "1500M", "nvidia.com/gpu": 2},
    }
    assert imported.placeholders == ["spec.data", "spec.network", "spec.training"]
    assert "# Fill in: the layers of your program" in imported.text
    assert ["command starts a program" in line for line in imported.warnings] == [True]


def test_the_given_name_wins_over_the_names_of_manifest_and_file(tmp_path: Path) -> None:
    path = tmp_path / "manifest.yml"
    for document in (yaml.safe_load(FFDL), watson("random")):
        path.write_text(yaml.safe_dump(document))
        assert import_file(path, name="mine").document["metadata"] == {"name": "mine"}
        path.write_text(yaml.safe_dump({**document, "name": " "}))
        assert import_file(path).document["metadata"] == {"name": "manifest"}


def test_keys_are_not_written(tmp_path: Path) -> None:
    imported = read(tmp_path)
    assert "very-secret" not in imported.text + "".join(imported.warnings)


def test_all_data_stores_are_read(tmp_path: Path) -> None:
    connection = {"auth_url": "https://other.example.org", "user_name": "a", "password": "b"}
    stores = [
        {
            "id": "in",
            "type": "s3_datastore",
            "training_data": {"container": "data"},
            "connection": {"auth_url": "http://s3"},
        },
        {"id": "out", "type": "s3_datastore", "training_results": {"container": "results"}, "connection": connection},
        {"id": "third", "type": "mount_volume", "training_data": {"container": "volume"}},
    ]
    imported = read(tmp_path, data_stores=stores)
    spec = imported.document["spec"]
    assert (spec["data"]["bucket"], spec["results"]["bucket"]) == ("data", "results")
    about = [line for line in imported.warnings if line.startswith("data store")]
    assert [line.split('"')[1] for line in about] == ["out", "third", "third"]
    for part in (
        "connection.auth_url is https://other.example.org",
        'here http://s3 of data store "in"',
        "results.bucket",
    ):
        assert part in about[0]


def test_lost_details_are_named(tmp_path: Path) -> None:
    warnings = read(tmp_path, learners=3, gpu_type="nvidia-TeslaP100", gpus="many", cpus=-1, priority=5).warnings
    for found in ("learners is 3", "gpus is many", "cpus is -1", "priority is lost"):
        assert any(found in line for line in warnings), found


def test_a_memory_that_is_too_small_for_keras_is_raised(tmp_path: Path) -> None:
    imported = read(tmp_path, memory="128MiB")
    assert imported.document["spec"]["resources"]["limits"]["memory"] == "282Mi"
    assert any("memory is 128MiB" in line for line in imported.warnings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8Gi", "8Gi"),
        ("8GiB", "8Gi"),
        ("8 GB", "8G"),
        ("1.5GB", "1500M"),
        ("1.5Gi", "1536Mi"),
        ("1TB", "1T"),
        ("512MiB", "512Mi"),
        ("512Mb", "512M"),
        ("64kB", "64k"),
        (8_000_000_000, "8000000000"),
        ("8000000000", "8000000000"),
        ("much", None),
        ("8i", None),
        ("-1GB", None),
        ("0", None),
        (True, None),
        (None, None),
    ],
)
def test_quantities_keep_their_meaning(text: Any, expected: str | None) -> None:
    assert quantity(text) == expected
