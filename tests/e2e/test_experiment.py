"""A small search on the digits: its trials are TrainingJobs, the best go on as if they had never stopped."""

import json
from typing import Any

import pytest
from minio import Minio

from tests.kit import buckets
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Object, Refused, apply, get, items, kubectl, wait

NAME = "search"
SECONDS = 300
EPOCHS = 4


def experiment(**changes: Any) -> Object:
    """Returns a search of three trials: two rungs, of two epochs each."""
    template = digits(training__epochs=EPOCHS)["spec"]
    return {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": NAME},
        "spec": {
            "objective": {"metric": "val_accuracy", "goal": "Maximize"},
            "search": {"method": "Random", "seed": 7},
            "schedule": {"method": "ASHA", "minEpochs": 2, "factor": 2},
            "parallelism": 2,
            "maxTrials": 3,
            "parameters": [
                {
                    "name": "rate",
                    "paths": ["training.optimizer.learning_rate"],
                    "float": {"min": "1e-4", "max": "1e-2", "scale": "Log"},
                },
                {"name": "units", "paths": ["network.layers[1].filters"], "int": {"min": 4, "max": 16, "step": 4}},
            ],
            "template": {"metadata": {"labels": {"team": "vision"}}, "spec": template},
            **changes,
        },
    }


def status(namespace: Namespace) -> Object:
    found: Object = get("experiment", NAME, namespace=namespace.name).get("status", {})
    return found


def condition(namespace: Namespace, kind: str) -> Object:
    return next((item for item in status(namespace).get("conditions", []) if item["type"] == kind), {})


def trials(namespace: Namespace) -> dict[str, Object]:
    """Returns the TrainingJobs of the search by their names."""
    found = items("trainingjobs", namespace=namespace.name, selector=f"epochal.dev/experiment={NAME}")
    return {item["metadata"]["name"]: item for item in found}


def patch(namespace: Namespace, **spec: Any) -> None:
    merge = json.dumps({"spec": spec})
    kubectl("patch", "experiment", NAME, "--namespace", namespace.name, "--type", "merge", "--patch", merge)


def finish(namespace: Namespace) -> Object:
    """Waits until the search has ended and returns its status."""
    kubectl(
        "wait",
        "--for=condition=Finished",
        f"--timeout={SECONDS}s",
        f"exp/{NAME}",
        "--namespace",
        namespace.name,
        timeout=SECONDS + 10,
    )
    return status(namespace)


def history(store: Minio, job: Object) -> list[list[str]]:
    """Returns the figures of each epoch that a training has stored, without the seconds that it took."""
    text = buckets.objects(store, job["status"]["results"]["uri"])["history.csv"].decode()
    names, *rows = (line.split(",") for line in text.splitlines())
    return [[value for name, value in zip(names, row, strict=True) if "seconds" not in name] for row in rows]


@pytest.fixture(scope="module")
def searched(namespace: Namespace) -> Object:
    """The status of a finished search that was suspended, and of which a trial was deleted, while it ran."""
    apply(experiment(), namespace=namespace.name)
    # Longer than the two timeouts of a searcher that starts on a busy machine.
    wait("both slots to be taken", lambda: len(trials(namespace)) >= 2, seconds=150, every=0.1)
    wait("a trial that runs", lambda: (status(namespace).get("trials") or {}).get("running"), seconds=120)

    patch(namespace, suspend=True)
    wait("it to be suspended", lambda: status(namespace).get("state") == "Suspended", seconds=60)
    assert {trial["status"]["state"] for trial in trials(namespace).values()} <= {"Suspended", "Complete"}
    patch(namespace, suspend=False)
    wait("it to go on", lambda: condition(namespace, "Suspended")["status"] == "False", seconds=30)

    name, running = next(
        (name, one) for name, one in trials(namespace).items() if one.get("status", {}).get("state") != "Complete"
    )
    kubectl("delete", "tj", name, "--namespace", namespace.name)
    wait(
        "it to be made again",
        lambda: trials(namespace).get(name, running)["metadata"]["uid"] != running["metadata"]["uid"],
        seconds=60,
    )
    return finish(namespace)


def test_the_status_has_the_best_trial(namespace: Namespace, searched: Object) -> None:
    assert (searched["state"], condition(namespace, "Complete")["reason"]) == ("Complete", "Completed")
    counts = searched["trials"]
    assert (counts["created"], counts["failed"], counts["diverged"], counts["running"]) == (3, 0, 0, 0)
    assert counts["complete"] == 2, "the template, and the better one of two"
    best = searched["best"]
    assert best == searched["top"][0]
    assert float(best["value"]) == max(float(trial["value"]) for trial in searched["top"])
    trial_status = trials(namespace)[best["jobName"]]["status"]
    assert (best["value"], best["uri"]) == (trial_status["best"]["value"], trial_status["results"]["uri"])
    assert best["epoch"] == trial_status["best"]["epoch"]
    assert searched["display"]["best"].startswith("val_accuracy 0.")
    assert searched["epochs"]["trained"] == 2 * EPOCHS + 2


def test_trials_are_labelled_training_jobs(namespace: Namespace, searched: Object) -> None:
    found = trials(namespace)
    assert {"search-0-r0", "search-0-r1", "search-1-r0", "search-2-r0"} <= set(found)
    assert len(found) == 5
    for name, one in found.items():
        number, rung = name.removeprefix(f"{NAME}-").split("-r")
        labels, annotations = one["metadata"]["labels"], one["metadata"]["annotations"]
        assert labels["team"] == "vision"
        assert (labels["epochal.dev/trial"], labels["epochal.dev/rung"]) == (number, rung)
        assert set(json.loads(annotations["epochal.dev/parameters"])) == {"rate", "units"}
        assert one["metadata"]["ownerReferences"][0]["kind"] == "Experiment"
    parameters = {item["metadata"]["annotations"]["epochal.dev/parameters"] for item in found.values()}
    assert len(parameters) == 3, "no two trials are the same"
    stopped = found["search-0-r0"]["status"]
    assert (stopped["state"], stopped["progress"]["epoch"]) == ("Complete", 2)


def test_a_promoted_trial_has_the_history_of_an_uninterrupted_training(
    namespace: Namespace, searched: Object, store: Minio
) -> None:
    whole = digits("whole", training__epochs=EPOCHS, training__monitor={"metric": "val_accuracy", "mode": "Max"})
    namespace.apply(whole)
    namespace.complete("whole")
    promoted = trials(namespace)["search-0-r1"]
    assert history(store, promoted) == history(store, namespace.job("whole"))
    assert len(history(store, promoted)) == EPOCHS


def with_checkpoints(namespace: Namespace, store: Minio) -> set[str]:
    """Returns the TrainingJobs of the search that still have checkpoints."""
    uris = {name: one["status"]["results"]["uri"] for name, one in trials(namespace).items()}
    return {name for name, uri in uris.items() if any("checkpoints/" in key for key in buckets.keys(store, uri))}


def test_only_the_report_and_the_checkpoints_of_the_best_trial_remain(
    namespace: Namespace, searched: Object, store: Minio
) -> None:
    best = {searched["best"]["jobName"]}
    wait("the others' checkpoints to go", lambda: with_checkpoints(namespace, store) == best, seconds=150, every=2)
    found = buckets.objects(store, searched["results"]["uri"])
    assert set(found) == {
        *("trials.csv", "best.yaml"),
        *("objective.png", "parallel.png", "importance.png", "rungs.png"),
    }
    rows = found["trials.csv"].decode().splitlines()
    assert [row.split(",")[0] for row in rows] == ["number", "0", "1", "2"]
    applied = kubectl("apply", "--dry-run=server", "--filename", "-", stdin=found["best.yaml"].decode())
    assert "search-best created" in applied


def test_immutable_fields_cannot_change_after_the_end(namespace: Namespace, searched: Object) -> None:
    with pytest.raises(Refused, match=r"spec.objective cannot change once a trial exists"):
        patch(namespace, objective={"metric": "val_loss"})


def test_more_trials_after_the_end_go_on(namespace: Namespace, searched: Object) -> None:
    patch(namespace, maxTrials=4)
    wait("it to go on", lambda: condition(namespace, "Finished")["status"] == "False", seconds=30)
    after = finish(namespace)
    assert after["trials"]["created"] == 4
    assert after["completionTime"] > searched["completionTime"]
    assert float(after["best"]["value"]) >= float(searched["best"]["value"])
