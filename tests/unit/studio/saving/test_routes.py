"""Documents are saved: created, changed for the version that the user has seen, or only checked."""

from typing import Any

import pytest
from epochal_studio.access import FIELD_MANAGER
from epochal_studio.runs.document import LAST_APPLIED

from tests.kit.fake.faults import Fault
from tests.unit.studio.in_memory import Answer, StudioInMemory
from tests.unit.studio.networks.texts import document, experiment, text

NAME = "mnist"


async def save(studio: StudioInMemory, what: Any, *, user: str = "alice", **fields: Any) -> Answer:
    body = {"namespace": "vision", "yaml": what if isinstance(what, str) else text(what), **fields}
    return await studio.post("/api/jobs", body, user=user)


def stored(studio: StudioInMemory, resource: str = "trainingjobs", name: str = NAME) -> dict[str, Any]:
    return studio.server.objects.get(resource, "vision", name)


def writes(studio: StudioInMemory) -> list[str]:
    return [request.verb for request in studio.server.asked if request.verb in {"create", "update", "patch", "delete"}]


def of(saved: Any) -> dict[str, Any]:
    """Return the fields of the next request."""
    return {"resourceVersion": saved["resourceVersion"], "generation": saved["generation"], "uid": saved["uid"]}


def problem(answer: Answer, status: int, reason: str) -> Any:
    assert answer.status == status, answer.text
    assert answer.json()["reason"] == reason
    return answer.json()


@pytest.mark.parametrize(
    ("what", "resource", "name"),
    [(document(suspend=True), "trainingjobs", "mnist"), (experiment(), "experiments", "search")],
)
async def test_a_new_object(studio: StudioInMemory, what: dict[str, Any], resource: str, name: str) -> None:
    answer = await save(studio, what)
    assert answer.status == 201, answer.text
    saved, found = answer.json(), stored(studio, resource, name)
    assert saved["key"] == {"kind": what["kind"], "namespace": "vision", "name": name}
    assert of(saved) == {
        "resourceVersion": found["metadata"]["resourceVersion"],
        "generation": 1,
        "uid": found["metadata"]["uid"],
    }
    assert found["spec"] == what["spec"]
    assert found["metadata"]["managedFields"][0]["manager"] == FIELD_MANAGER
    assert "uid:" not in saved["yaml"]
    assert "kind: " in saved["yaml"]


async def test_a_field_that_a_webhook_adds_is_named(studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    create = studio.server.objects.create

    def create_with_limit(resource: str, namespace: str, thing: dict[str, Any], **options: Any) -> dict[str, Any]:
        return create(resource, namespace, {**thing, "spec": {**thing["spec"], "backoffLimit": 77}}, **options)

    monkeypatch.setattr(studio.server.objects, "create", create_with_limit)
    first = (await save(studio, document(suspend=True))).json()
    assert first["added"] == [{"path": ["spec", "backoffLimit"], "value": 77}]
    second = (await save(studio, document(suspend=True, backoffLimit=77), **of(first))).json()
    assert (second["added"], stored(studio)["spec"]["backoffLimit"]) == ([], 77)
    await save(studio, document(suspend=True), **of(second))
    assert "backoffLimit" not in stored(studio)["spec"]


async def test_a_name_that_exists(studio: StudioInMemory) -> None:
    await save(studio, document(suspend=True))
    before = stored(studio)
    found = problem(await save(studio, document(training={"epochs": 9})), 409, "NameConflict")
    assert "another name" in found["remedy"]
    assert stored(studio) == before


async def test_a_change_for_the_version_that_the_user_has_seen(studio: StudioInMemory) -> None:
    first = (await save(studio, document(suspend=True))).json()
    answer = await save(studio, document(training={"epochs": 9}, suspend=True), **of(first))
    assert answer.status == 200, answer.text
    assert stored(studio)["spec"]["training"] == {"epochs": 9}
    assert (answer.json()["generation"], answer.json()["uid"]) == (2, first["uid"])
    without = {"resourceVersion": answer.json()["resourceVersion"]}
    assert (await save(studio, document(training={"epochs": 1}), **without)).status == 200
    assert "suspend" not in stored(studio)["spec"]


async def test_a_status_of_the_operator_is_no_conflict(studio: StudioInMemory) -> None:
    first = (await save(studio, document(suspend=True))).json()
    studio.set_status("trainingjobs", NAME, {"state": "Suspended"})
    studio.server.objects.patch("trainingjobs", "vision", NAME, {"metadata": {"labels": {"kept": "yes"}}})
    assert (await save(studio, document(training={"epochs": 9}), **of(first))).status == 200
    found = stored(studio)
    assert (found["status"], found["metadata"]["labels"]) == ({"state": "Suspended"}, {"kept": "yes"})
    old = {"resourceVersion": first["resourceVersion"]}  # without the generation, any newer version is a conflict
    problem(await save(studio, document(), **old), 409, "Conflict")


async def test_a_change_of_another_user_is_a_conflict(studio: StudioInMemory) -> None:
    first = (await save(studio, document(suspend=True))).json()
    studio.server.objects.patch(
        "trainingjobs", "vision", NAME, {"spec": {"training": {"epochs": 7}}}, manager="kubectl"
    )
    before = stored(studio)
    found = problem(await save(studio, document(), **of(first)), 409, "Conflict")
    assert found["current"]["spec"]["training"]["epochs"] == 7
    assert "managedFields" not in found["current"]["metadata"]
    assert stored(studio) == before


@pytest.mark.parametrize("field", ["labels", "annotations"])
async def test_a_label_that_another_user_has_changed_is_a_conflict(studio: StudioInMemory, field: str) -> None:
    named = {**document(suspend=True), "metadata": {"name": NAME, field: {"team": "a"}}}
    first = (await save(studio, named)).json()
    studio.server.objects.patch("trainingjobs", "vision", NAME, {"metadata": {field: {"team": "b"}}})
    found = problem(await save(studio, named, **of(first)), 409, "Conflict")
    assert found["current"]["metadata"][field] == stored(studio)["metadata"][field] == {"team": "b"}
    second = {**of(first), "resourceVersion": stored(studio)["metadata"]["resourceVersion"]}
    assert (await save(studio, named, **second)).status == 200


@pytest.mark.parametrize("field", ["labels", "annotations"])
async def test_an_own_change_of_a_label_after_a_status_is_no_conflict(studio: StudioInMemory, field: str) -> None:
    def named(**values: str) -> dict[str, Any]:
        return {**document(suspend=True), "metadata": {"name": NAME, field: values}}

    first = (await save(studio, named(team="a", old="yes"))).json()
    studio.set_status("trainingjobs", NAME, {"state": "Suspended"})
    studio.server.objects.patch("trainingjobs", "vision", NAME, {"metadata": {field: {"added": "yes"}}})
    seen: dict[str, Any] = {"metadata": {field: {"team": "a", "old": "yes"}}}
    answer = await save(studio, named(team="b"), **of(first), **seen)
    assert answer.status == 200, answer.text
    assert stored(studio)["metadata"][field] == {"team": "b", "added": "yes"}
    problem(await save(studio, named(team="c"), **of(first), **seen), 409, "Conflict")


async def test_another_object_of_the_name_is_a_conflict(studio: StudioInMemory) -> None:
    first = (await save(studio, document(suspend=True))).json()
    studio.server.objects.delete("trainingjobs", "vision", NAME)
    await save(studio, document(training={"epochs": 7}))
    found = problem(await save(studio, document(), **of(first)), 409, "Conflict")
    assert found["current"]["spec"]["training"] == {"epochs": 7}


async def test_a_version_of_no_object_is_a_conflict(studio: StudioInMemory) -> None:
    await save(studio, document(suspend=True))
    problem(await save(studio, document(), resourceVersion=""), 409, "Conflict")


async def test_a_status_that_is_written_meanwhile(studio: StudioInMemory) -> None:
    first = (await save(studio, document(suspend=True))).json()

    def meanwhile() -> None:
        studio.set_status("trainingjobs", NAME, {"state": "Suspended"})

    studio.server.faults.append(Fault("update", "trainingjobs", meanwhile=meanwhile, times=1))
    assert (await save(studio, document(training={"epochs": 9}), **of(first))).status == 200
    assert stored(studio)["spec"]["training"] == {"epochs": 9}


async def test_a_change_that_meets_a_conflict_each_time(studio: StudioInMemory) -> None:
    first = (await save(studio, document(suspend=True))).json()
    studio.server.faults.append(Fault("update", "trainingjobs", status=409))
    problem(await save(studio, document(), **of(first)), 409, "Conflict")


async def test_an_object_that_is_gone(studio: StudioInMemory) -> None:
    found = problem(await save(studio, document(), resourceVersion="5"), 404, "NotFound")
    assert "as a new object" in found["remedy"]


async def test_the_fields_of_others_stay(studio: StudioInMemory) -> None:
    metadata: dict[str, Any] = {
        "finalizers": ["a/b"],
        "annotations": {LAST_APPLIED: "{}"},
        "labels": {"team": "vision"},
    }
    before = studio.create("trainingjobs", NAME, document()["spec"], **metadata)
    version = {"resourceVersion": before["metadata"]["resourceVersion"]}
    assert (await save(studio, document(training={"epochs": 9}), **version)).status == 200
    after = stored(studio)
    assert (after["metadata"]["finalizers"], after["metadata"]["annotations"]) == (["a/b"], {LAST_APPLIED: "{}"})
    assert "labels" not in after["metadata"]
    owners = {entry["manager"]: entry["fieldsV1"] for entry in after["metadata"]["managedFields"]}
    assert "f:epochs" in str(owners[FIELD_MANAGER])
    assert "f:bucket" in str(owners["somebody"])
    assert "f:bucket" not in str(owners[FIELD_MANAGER])


async def test_a_dry_run_changes_nothing(studio: StudioInMemory) -> None:
    answer = await save(studio, document(), dryRun=True)
    saved = answer.json()
    assert (answer.status, saved["resourceVersion"], saved["uid"]) == (200, None, "")
    assert "epochs: 3" in saved["yaml"]
    problem(await studio.get("/api/runs/TrainingJob/vision/mnist"), 404, "NotFound")
    first = (await save(studio, document())).json()
    before = stored(studio)
    dry = await save(studio, document(training={"epochs": 9}), dryRun=True, **of(first))
    assert (dry.status, dry.json()["uid"]) == (200, first["uid"])
    assert "epochs: 9" in dry.json()["yaml"]
    assert stored(studio) == before


async def test_warnings_of_the_api_server(studio: StudioInMemory) -> None:
    studio.server.warnings = ["spec.image: is not of the list", "spec.image: is not of the list", "it has no test data"]
    first = (await save(studio, document())).json()
    assert first["warnings"] == ["spec.image: is not of the list", "it has no test data"]
    assert (await save(studio, document(training={"epochs": 9}), **of(first))).json()["warnings"] == first["warnings"]
    studio.server.warnings = []
    assert (await save(studio, document(name="other"))).json()["warnings"] == []


async def test_a_refusal_names_field_and_values(studio: StudioInMemory) -> None:
    causes = {"spec.training.epochs": "Invalid value: 0: spec.training.epochs in body should be at least 1"}
    studio.server.faults.append(Fault("create", "trainingjobs", status=422, causes=causes))
    for dry_run in (False, True):
        found = problem(await save(studio, document(), dryRun=dry_run), 422, "Invalid")
        assert found["message"] == "spec.training.epochs: found 0, should be at least 1"


async def test_rights_are_those_of_the_user(studio: StudioInMemory) -> None:
    found = problem(await save(studio, document(), user="bob"), 403, "Forbidden")
    assert "administrator" in found["remedy"]
    problem(await save(studio, document(), user="nobody"), 401, "Expired")
    first = (await save(studio, document())).json()
    studio.alice.denied.add(("update", "trainingjobs"))
    problem(await save(studio, document(training={"epochs": 9}), **of(first)), 403, "Forbidden")


@pytest.mark.parametrize(
    ("what", "fields"),
    [
        ("a: [", {}),
        ({**document(), "kind": "ModelServer"}, {}),
        ({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}}, {}),
        ({**document(), "metadata": {"name": "mnist", "namespace": "speech"}}, {}),
        (document(name="../secrets"), {}),
        (document(), {"namespace": "../kube-system"}),
        (document(), {"namespace": "a" * 64}),
        (document(), {"unknown": 1}),
        (document(), {"yaml": "a" * (128 * 1024 + 1)}),
    ],
)
async def test_a_document_that_cannot_be_saved(studio: StudioInMemory, what: Any, fields: dict[str, Any]) -> None:
    answer = await save(studio, what, **fields)
    assert answer.status in {400, 422}
    assert answer.json()["reason"] == "Invalid"
    assert writes(studio) == []
