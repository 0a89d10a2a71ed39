"""The object of a document, and the change of the stored one."""

from typing import Any

import pytest
from epochal.errors import EpochalError
from epochal_studio.problems import Refusal
from epochal_studio.runs.document import LAST_APPLIED
from epochal_studio.saving.document import changed, has_other_labels, read_document

from tests.unit.studio.networks.texts import document, text


def read(**metadata: Any) -> dict[str, Any]:
    _, found = read_document(text({**document(), "metadata": {"name": "mnist", **metadata}}), "vision")
    return found


def test_a_document_without_the_fields_of_the_server() -> None:
    written = document(kind="Experiment")
    written["metadata"] |= {
        "labels": {"team": "vision"},
        "uid": "1",
        "resourceVersion": "7",
        "managedFields": [],
        "ownerReferences": [{"uid": "2"}],
        "finalizers": ["a"],
    }
    key, found = read_document(text({**written, "status": {"state": "Running"}}), "vision")
    assert (key.kind, key.namespace, key.name) == ("Experiment", "vision", "mnist")
    assert found["metadata"] == {"name": "mnist", "labels": {"team": "vision"}, "namespace": "vision"}
    assert set(found) == {"apiVersion", "kind", "metadata", "spec"}
    assert found["spec"] == written["spec"]


def test_a_misspelled_field_stays_for_the_api_server_to_refuse() -> None:
    _, found = read_document(text({**document(), "spce": {}}), "vision")
    assert "spce" in found
    assert changed({"metadata": {}, "spec": {}}, found, {})["spce"] == {}
    assert changed({"metadata": {}}, read(labls={"a": "b"}), {})["metadata"]["labls"] == {"a": "b"}


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("a: [", "cannot be read"),
        ("", "is empty"),
        ({**document(), "kind": "ModelServer"}, "kind TrainingJob or Experiment"),
        ({**document(), "apiVersion": "v1"}, "kind TrainingJob or Experiment"),
        ({**document(), "metadata": {"name": "mnist", "namespace": "speech"}}, "found 'speech', expected 'vision'"),
        ({**document(), "metadata": {"name": "mnist", "namespace": ["vision"]}}, "metadata.namespace"),
        ({**document(), "metadata": {}}, "metadata.name"),
        ({**document(), "metadata": {"name": 5}}, "metadata.name"),
        ({**document(), "metadata": []}, "metadata"),
        ({**document(), "metadata": {"name": "mnist", "labels": ["a"]}}, "metadata.labels"),
    ],
)
def test_a_text_that_cannot_be_saved(what: Any, message: str) -> None:
    with pytest.raises(Refusal, match=message) as caught:
        read_document(what if isinstance(what, str) else text(what), "vision")
    assert (caught.value.status, caught.value.problem.reason) == (422, "Invalid")
    assert caught.value.problem.remedy


def test_a_name_that_no_object_can_have() -> None:
    for name in ("UPPER", "a/b", "../secrets", "a" * 254):
        with pytest.raises(EpochalError):
            read_document(text(document(name=name)), "vision")


STORED: dict[str, Any] = {
    "apiVersion": "epochal.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {
        "name": "mnist",
        "namespace": "vision",
        "uid": "1",
        "resourceVersion": "7",
        "finalizers": ["epochal.dev/pods"],
        "ownerReferences": [{"uid": "2"}],
        "managedFields": [{"manager": "kubectl"}],
        "labels": {"team": "vision", "kept": "no"},
        "annotations": {LAST_APPLIED: "{}", "note": "old"},
    },
    "spec": {"training": {"epochs": 3}, "suspend": True},
    "status": {"state": "Suspended"},
}


def test_a_change_replaces_spec_labels_and_annotations_alone() -> None:
    wanted = read(labels={"team": "speech"}, annotations={"note": "new"})
    found = changed(STORED, wanted, STORED["metadata"])
    same = {name: value for name, value in STORED["metadata"].items() if name not in {"labels", "annotations"}}
    assert found["metadata"] == {
        **same,
        "labels": {"team": "speech"},
        "annotations": {LAST_APPLIED: "{}", "note": "new"},
    }
    assert (found["status"], found["spec"]) == (STORED["status"], wanted["spec"])
    assert "suspend" not in found["spec"]


def test_labels_that_the_user_may_not_have_seen_stay() -> None:
    found = changed(STORED, read(labels={"team": "speech"}), {"labels": {"team": "vision"}})
    assert found["metadata"]["labels"] == {"team": "speech", "kept": "no"}
    assert found["metadata"]["annotations"] == {LAST_APPLIED: "{}", "note": "old"}


def test_a_document_without_labels_removes_them() -> None:
    found = changed(STORED, read(), STORED["metadata"])
    assert "labels" not in found["metadata"]
    assert found["metadata"]["annotations"] == {LAST_APPLIED: "{}"}


def test_a_document_without_a_spec_does_not_keep_the_stored_one() -> None:
    without = {name: value for name, value in read().items() if name != "spec"}
    assert changed(STORED, without, {})["spec"] is None


@pytest.mark.parametrize(
    ("stored", "written", "seen", "expected"),
    [
        ("a", "b", "a", False),  # the user's own change
        ("a", None, "a", False),
        ("b", "b", "a", False),  # the same change of both
        ("b", "a", "a", True),
        ("b", "c", "a", True),
        (None, "a", "a", True),
        ("b", None, "a", True),
        ("a", "b", None, True),
        ("a", None, None, False),  # a label that another user has added stays
        (None, "a", None, False),
    ],
)
@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_a_label_that_another_user_has_changed(
    field: str, stored: str | None, written: str | None, seen: str | None, *, expected: bool
) -> None:
    before, after, known = (
        {field: {} if value is None else {"team": value, LAST_APPLIED: str(number)}}
        for number, value in enumerate((stored, written, seen))
    )
    assert has_other_labels({"metadata": before}, {"metadata": after}, known) == expected
