"""Runs by their routes: the good case, a refused, missing, changed and hostile object."""

from contextlib import ExitStack
from typing import Any

import pytest
from epochal_studio.memory import MAX_USER_BYTES

from tests.kit.fake.faults import Fault
from tests.unit.studio.in_memory import StudioInMemory

RUN = "/api/runs/TrainingJob/vision/mnist"


def problem(answer: Any, status: int, reason: str) -> str:
    assert answer.status == status, answer.text
    assert answer.json()["reason"] == reason
    return str(answer.json()["message"])


async def test_a_run_with_its_permissions(studio: StudioInMemory) -> None:
    studio.put_job("mnist", state="Running", metrics={"loss": "0.5"})
    studio.alice.denied |= {("delete", "trainingjobs"), ("get", "secrets"), ("get", "pods/log")}
    found = (await studio.get(RUN)).json()
    assert found["permissions"] == ["suspend", "resume", "finish", "clone", "deploy"]
    assert found["summary"]["state"] == "Running"
    assert found["layers"] == [["input", "Input", "shape=[4]"], ["dense_0", "Dense", "units=2"]]
    assert "managedFields" not in found["object"]["metadata"]
    assert found["timeline"][0]["name"] == "Queue"
    assert "status:" not in found["yaml"]
    assert "uid:" not in found["yaml"]
    assert "name: mnist" in found["yaml"]


async def test_events_that_the_user_may_not_list(studio: StudioInMemory) -> None:
    condition = {"type": "Ready", "status": "True", "reason": "Running", "lastTransitionTime": "2026-11-30T10:00:00Z"}
    studio.put_job("mnist", state="Running", conditions=[condition])
    studio.alice.denied.add(("list", "events"))
    found = (await studio.get(RUN)).json()
    assert [entry["type"] for entry in found["entries"]] == ["Ready=True"]
    assert found["entriesProblem"]["reason"] == "Forbidden"


@pytest.mark.parametrize(
    "path", ["", "/history", "/log", "/files", "/files/model.keras", "/report/data", "/pictures/a.png"]
)
async def test_the_token_of_another_namespace_gets_nothing(studio: StudioInMemory, path: str) -> None:
    studio.put_job("mnist", {"model.keras": b"weights", "history.csv": b"epoch,loss\n1,2\n"})
    asked = len(studio.service.asked)
    problem(await studio.get(RUN + path, user="bob"), 403, "Forbidden")
    problem(await studio.get(RUN + path, user="nobody"), 401, "Expired")
    problem(await studio.get(RUN + path, user=""), 401, "Expired")
    assert len(studio.service.asked) == asked


@pytest.mark.parametrize(
    "path", ["", "/history", "/log", "/files", "/files/model.keras", "/report/data", "/pictures/a.png"]
)
async def test_a_run_that_does_not_exist(studio: StudioInMemory, path: str) -> None:
    problem(await studio.get(RUN + path), 404, "NotFound")


async def test_paths_of_no_run(studio: StudioInMemory) -> None:
    problem(await studio.get("/api/runs/Secret/vision/keys"), 404, "NotFound")
    problem(await studio.get("/api/runs/TrainingJob/vision/UPPER"), 400, "Invalid")


async def test_a_run_of_extreme_depth_is_shown(studio: StudioInMemory) -> None:
    deep: Any = 1
    for _ in range(50):
        deep = {"a": [deep]}
    layer = {"layer": "Dense", "units": deep}
    studio.put_job("mnist", spec={"network": {"input": {"shape": [4]}, "layers": [layer]}})
    found = await studio.get(RUN)
    assert found.status == 200, found.text
    assert found.json()["yaml"].startswith("# The spec has more than")


async def test_a_run_that_is_too_large_is_not_parsed(studio: StudioInMemory) -> None:
    studio.put_job("mnist", spec={"network": {"text": "a" * 600 * 1024}})
    found = await studio.get(RUN)
    assert "more than 512 KiB" in problem(found, 422, "TooLarge")
    assert "kubectl get" in found.json()["remedy"]
    assert studio.state.threads.memory.count == 0


async def test_the_answers_of_all_calls_are_bounded(studio: StudioInMemory) -> None:
    studio.put_job("mnist")
    memory = studio.state.threads.memory
    for users in (("bob", "eve"), ("alice",)):
        with ExitStack() as held:
            for user in users:
                held.enter_context(memory.hold(user, MAX_USER_BYTES - 100))
            problem(await studio.get(RUN), 503, "Overloaded")
    assert (await studio.get(RUN)).status == 200
    assert memory.count == 0


async def test_suspend_and_resume(studio: StudioInMemory) -> None:
    seen = studio.put_job("mnist", state="Running")["metadata"]
    body = {"action": "suspend", "resourceVersion": seen["resourceVersion"]}
    found = (await studio.post(f"{RUN}/actions", body)).json()
    assert found["object"]["spec"]["suspend"] is True
    body = {"action": "resume", "resourceVersion": found["summary"]["resourceVersion"]}
    assert (await studio.post(f"{RUN}/actions", body)).json()["object"]["spec"]["suspend"] is False


async def test_a_change_that_was_made_is_no_error(studio: StudioInMemory) -> None:
    seen = studio.put_job("mnist", state="Running")["metadata"]
    body = {"action": "suspend", "resourceVersion": seen["resourceVersion"], "generation": seen["generation"]}
    studio.server.faults.append(Fault("list", "events", status=500))
    found = await studio.post(f"{RUN}/actions", body)
    assert found.status == 200, found.text
    assert found.json()["object"]["spec"]["suspend"] is True
    assert found.json()["entriesProblem"]["reason"] == "InternalError"
    assert "suspend" in found.json()["permissions"]
    # The page did not hear of it, and tries again.
    assert (await studio.post(f"{RUN}/actions", body)).json()["object"]["spec"]["suspend"] is True


async def test_a_changed_spec_is_a_conflict_with_the_stored_object(studio: StudioInMemory) -> None:
    seen = studio.put_job("mnist", state="Running")["metadata"]
    studio.server.objects.patch("trainingjobs", "vision", "mnist", {"spec": {"backoffLimit": 9}})
    body = {"action": "finish", "resourceVersion": seen["resourceVersion"], "generation": seen["generation"]}
    found = await studio.post(f"{RUN}/actions", body)
    problem(found, 409, "Conflict")
    assert found.json()["current"]["spec"]["backoffLimit"] == 9
    assert "finish" not in studio.server.objects.get("trainingjobs", "vision", "mnist")["spec"]


@pytest.mark.parametrize("action", ["suspend", "resume", "finish"])
async def test_another_run_of_the_name_is_a_conflict(studio: StudioInMemory, action: str) -> None:
    seen = studio.put_job("mnist", state="Running")["metadata"]
    body = {"action": action, "resourceVersion": seen["resourceVersion"], "generation": seen["generation"]}
    studio.server.objects.delete("trainingjobs", "vision", "mnist")
    now = studio.put_job("mnist", state="Running")
    assert now["metadata"]["generation"] == seen["generation"]
    found = await studio.post(f"{RUN}/actions", body | {"uid": seen["uid"]})
    problem(found, 409, "Conflict")
    assert found.json()["current"]["metadata"]["uid"] == now["metadata"]["uid"]
    assert studio.server.objects.get("trainingjobs", "vision", "mnist") == now
    assert (await studio.post(f"{RUN}/actions", body | {"uid": now["metadata"]["uid"]})).status == 200


async def test_a_new_epoch_is_a_conflict_only_without_a_generation(studio: StudioInMemory) -> None:
    seen = studio.put_job("mnist", state="Running")["metadata"]
    studio.set_status("trainingjobs", "mnist", {"progress": {"epoch": 2}})
    body = {"action": "suspend", "resourceVersion": seen["resourceVersion"]}
    problem(await studio.post(f"{RUN}/actions", body), 409, "Conflict")
    found = await studio.post(f"{RUN}/actions", body | {"generation": seen["generation"]})
    assert found.json()["object"]["spec"]["suspend"] is True


async def test_changes_that_are_refused(studio: StudioInMemory) -> None:
    seen = studio.put_job("mnist", state="Complete")["metadata"]
    body = {"action": "suspend", "resourceVersion": seen["resourceVersion"]}
    problem(await studio.post(f"{RUN}/actions", body), 409, "Ended")
    problem(await studio.post(f"{RUN}/actions", body | {"action": "explode"}), 422, "Invalid")
    problem(await studio.post(f"{RUN}/actions", body, user="bob"), 403, "Forbidden")
    studio.set_status("trainingjobs", "mnist", {"state": "Running"})
    studio.alice.denied.add(("patch", "trainingjobs"))
    current = studio.server.objects.get("trainingjobs", "vision", "mnist")["metadata"]["resourceVersion"]
    problem(await studio.post(f"{RUN}/actions", body | {"resourceVersion": current}), 403, "Forbidden")


async def test_delete_by_uid(studio: StudioInMemory) -> None:
    uid = studio.put_job("mnist")["metadata"]["uid"]
    problem(await studio.ask("DELETE", RUN), 400, "Invalid")
    found = await studio.ask("DELETE", f"{RUN}?uid=another")
    problem(found, 409, "Conflict")
    assert found.json()["current"]["metadata"]["uid"] == uid
    problem(await studio.ask("DELETE", f"{RUN}?uid={uid}", user="bob"), 403, "Forbidden")
    assert (await studio.ask("DELETE", f"{RUN}?uid={uid}")).status == 204
    problem(await studio.ask("DELETE", f"{RUN}?uid={uid}"), 404, "NotFound")


async def test_a_clone_has_the_spec_and_no_traces_of_a_controller(studio: StudioInMemory) -> None:
    labels = {"team": "vision", "epochal.dev/experiment": "search", "kueue.x-k8s.io/queue-name": "gpus"}
    spec = {"training": {"epochs": 3}, "finish": True}
    studio.create("trainingjobs", "mnist", spec, labels=labels)
    found = await studio.post(f"{RUN}/clone", {"name": "mnist-2"})
    assert (found.status, found.json()["name"]) == (201, "mnist-2")
    stored = studio.server.objects.get("trainingjobs", "vision", "mnist-2")
    assert stored["spec"] == {"training": {"epochs": 3}, "suspend": True}
    assert stored["metadata"]["labels"] == {"team": "vision", "kueue.x-k8s.io/queue-name": "gpus"}
    problem(await studio.post(f"{RUN}/clone", {"name": "mnist-2"}), 409, "NameConflict")
    problem(await studio.post(f"{RUN}/clone", {"name": "../x"}), 400, "Invalid")
    problem(await studio.post(f"{RUN}/clone", {"name": "mnist-3"}, user="bob"), 403, "Forbidden")


async def test_deploy_never_changes_an_existing_server(studio: StudioInMemory) -> None:
    studio.put_job("mnist", state="Complete")
    found = await studio.post(f"{RUN}/deployment", {"name": "digits"})
    assert (found.status, found.json()["kind"]) == (201, "ModelServer")
    stored = studio.server.objects.get("modelservers", "vision", "digits")
    assert stored["spec"]["source"] == {"trainingJobRef": {"name": "mnist"}}
    problem(await studio.post(f"{RUN}/deployment", {"name": "digits"}), 409, "NameConflict")
    problem(await studio.post(f"{RUN}/deployment", {"name": "1.digits"}), 422, "Invalid")
    problem(await studio.post("/api/runs/ModelServer/vision/digits/deployment", {"name": "x"}), 422, "Invalid")


@pytest.mark.parametrize(
    ("shape", "asked", "expected"),
    [
        ([28, 28, 1], {}, {"mode": "Digit"}),
        ([28, 28, 1], {"images": None}, {"mode": "Digit"}),
        ([8, 8, 1], {}, None),
        ([28, 28, 1], {"images": "None"}, None),
        ([28, 28, 1], {"images": "Resize"}, {"mode": "Resize"}),
        ([512, 512, 1], {}, None),
        ([64, 64, 3], {}, {"mode": "Resize"}),
        ([4], {}, None),
        ("no shape", {}, None),
    ],
)
@pytest.mark.parametrize("kind", ["TrainingJob", "Experiment"])
async def test_a_model_of_images_is_deployed_for_them(
    studio: StudioInMemory, kind: str, shape: Any, asked: dict[str, Any], expected: Any
) -> None:
    network = {"input": {"shape": shape}, "layers": []}
    if kind == "Experiment":
        studio.create("experiments", "mnist", {"template": {"spec": {"network": network}}})
    else:
        studio.put_job("mnist", spec={"network": network}, state="Complete")
    found = await studio.post(f"/api/runs/{kind}/vision/mnist/deployment", {"name": "digits"} | asked)
    assert found.status == 201
    assert studio.server.objects.get("modelservers", "vision", "digits")["spec"].get("images") == expected


async def test_compare(studio: StudioInMemory) -> None:
    best = {"epoch": 1, "metric": "val_loss", "mode": "Min", "value": "0.5"}
    studio.put_job("slow", spec={"training": {"epochs": 3}}, state="Complete", best=best)
    studio.put_job("fast", state="Complete", best=best | {"value": "0.25"})
    found = (await studio.get("/api/compare?run=TrainingJob/vision/slow&run=TrainingJob/vision/fast")).json()
    assert found["fields"] == ["training.epochs"]
    assert [run["fields"] for run in found["runs"]] == [{"training.epochs": "3"}, {"training.epochs": "10"}]
    assert [run["isBest"] for run in found["runs"]] == [False, True]


async def test_few_comparisons_hold_memory_at_a_time(studio: StudioInMemory) -> None:
    studio.put_job("mnist")
    path = "/api/compare?run=TrainingJob/vision/mnist"
    with studio.state.comparisons.hold("alice"), studio.state.comparisons.hold("alice"):
        assert "2 comparisons" in problem(await studio.get(path), 503, "Overloaded")
    assert (await studio.get(path)).status == 200
    assert studio.state.comparisons.count == 0


async def test_comparisons_that_are_refused(studio: StudioInMemory) -> None:
    studio.put_job("mnist")
    problem(await studio.get("/api/compare"), 400, "Invalid")
    problem(await studio.get("/api/compare?run=mnist"), 400, "Invalid")
    problem(await studio.get("/api/compare?run=TrainingJob/vision/mnist&run=TrainingJob/vision/x"), 404, "NotFound")
    problem(await studio.get("/api/compare?run=TrainingJob/vision/mnist", user="bob"), 403, "Forbidden")
    many = "&".join(f"run=TrainingJob/vision/m{number}" for number in range(201))
    assert "expected 1 to 200" in problem(await studio.get(f"/api/compare?{many}"), 400, "Invalid")
