"""Objects as YAML to apply again, as plain JSON and as clones."""

from typing import Any

import yaml
from epochal_studio.runs.document import MAX_DEPTH, as_yaml, clone, plain

FOUND: dict[str, Any] = {
    "apiVersion": "epochal.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {
        "name": "mnist",
        "namespace": "vision",
        "uid": "u",
        "resourceVersion": "1",
        "generation": 2,
        "creationTimestamp": "2026-11-30T10:00:00Z",
        "managedFields": [{}],
        "ownerReferences": [{}],
        "finalizers": ["x"],
        "labels": {"team": "vision"},
        "annotations": {"note": "mine", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
    },
    "spec": {"training": {"epochs": 3}, "suspend": False},
    "status": {"state": "Running"},
}


def test_yaml_to_apply_again() -> None:
    assert yaml.safe_load(as_yaml(FOUND)) == {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {
            "name": "mnist",
            "namespace": "vision",
            "labels": {"team": "vision"},
            "annotations": {"note": "mine"},
        },
        "spec": {"training": {"epochs": 3}, "suspend": False},
    }


def test_a_large_or_deep_spec_has_a_note_in_place_of_yaml() -> None:
    assert as_yaml({**FOUND, "spec": {"code": "x" * 300_000}}).startswith("# The spec has more than 256 KiB")
    deep: Any = 1
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    assert as_yaml({**FOUND, "spec": {"code": deep}}).startswith(f"# The spec has more than {MAX_DEPTH} levels")


def test_the_plain_object_has_no_managed_fields_and_a_bounded_depth() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = {"a": deep}
    shown = plain({**FOUND, "spec": deep})
    assert "managedFields" not in shown["metadata"]
    assert "…" in str(shown["spec"])


def test_a_clone_of_a_server_has_no_suspend() -> None:
    copy = clone({**FOUND, "kind": "ModelServer", "spec": {"replicas": 1}}, "two", suspend=True)
    assert copy["spec"] == {"replicas": 1}
    assert copy["metadata"] == {"name": "two", "namespace": "vision", "labels": {"team": "vision"}}
