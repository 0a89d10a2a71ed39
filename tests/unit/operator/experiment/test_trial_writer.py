"""A trial that cannot be created does not block the others, and is retried."""

from typing import Any

import pytest
from epochal_operator.experiment.ledger.events import Failed
from epochal_operator.experiment.trial_job import training_job
from epochal_operator.runtime.api.resource import Key
from epochal_operator.runtime.drift import DriftBackoff

from tests.kit.fake.objects import Refusal
from tests.unit.operator.experiment.cluster import Cluster

SMALL: dict[str, Any] = {"maxTrials": 6, "epochs": 3, "parallelism": 2}


def fail_to_build(monkeypatch: pytest.MonkeyPatch, trial: int, rung: int) -> None:

    def fail(*given: Any, **of: Any) -> Any:
        if given[3].rung_key == (trial, rung):
            raise KeyError("units")
        return training_job(*given, **of)

    monkeypatch.setattr("epochal_operator.experiment.plan_trials.training_job", fail)


async def test_a_trial_that_cannot_be_built_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_to_build(monkeypatch, 1, 0)
    cluster = Cluster(**SMALL)
    await cluster.run()
    assert Failed(1, 0, "", "TrialNotMade") in cluster.events()
    assert (cluster.status()["trials"]["created"], cluster.status()["trials"]["failed"]) == (6, 1)
    assert cluster.condition("Complete")["reason"] == "Completed"
    (event,) = (event for event in cluster.objects.list("events") if event["reason"] == "TrialNotMade")
    assert "cannot build the TrainingJob search-1-r0, because of a bug in Epochal: KeyError: 'units'." in event["note"]


async def test_a_later_rung_that_cannot_be_built_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        fail_to_build(patch, 0, 1)
        cluster = Cluster(**SMALL)
        await cluster.train(20)
        assert len(cluster.job_names("Complete")) >= 6
        ready = cluster.condition("Ready")
        assert (ready["status"], ready["reason"]) == ("False", "TrialNotMade")
        assert (
            "cannot build the TrainingJob search-0-r1, because of a bug in Epochal: KeyError: 'units'."
            in ready["message"]
        )
    await cluster.run()
    assert (cluster.status()["trials"]["created"], cluster.status()["trials"]["failed"]) == (6, 0)
    assert cluster.ledger_trials()[0].state == "Complete"


@pytest.mark.parametrize("denied", ["search-2-r0", "search-0-r1"])
@pytest.mark.parametrize(("code", "reason"), [(403, "Forbidden"), (422, "Invalid")])
async def test_a_trial_denied_by_a_webhook_waits(code: int, reason: str, denied: str) -> None:
    words = 'admission webhook "limits.example.org" denied the request: no more than 512 units'
    cluster = Cluster(**SMALL, maxFailedTrials=0)
    cluster.refuse = lambda verb, _, name: Refusal(code, reason, words) if (verb, name) == ("create", denied) else None
    await cluster.train(20)
    assert cluster.condition("Ready")["message"] == f"The API server refuses the TrainingJob {denied}: {words}"
    assert cluster.status()["trials"]["created"] == 6
    assert not cluster.job_names("Running")
    assert {f"search-{trial}-r0" for trial in range(6)} - {denied} <= set(cluster.job_names("Complete"))
    cluster.refuse = lambda *_: None
    await cluster.run()
    assert cluster.status()["trials"]["failed"] == 0


async def test_a_plan_checks_the_backoff_of_corrected_trials_only(monkeypatch: pytest.MonkeyPatch) -> None:
    checked, latest = list[str](), DriftBackoff.latest

    def noted(self: DriftBackoff, owner: Any, resource: Any, child: Key, *rest: Any) -> Any:
        checked.append(child.name)
        return latest(self, owner, resource, child, *rest)

    monkeypatch.setattr(DriftBackoff, "latest", noted)
    cluster = Cluster(**SMALL)
    await cluster.train(1)
    checked.clear()
    await cluster.settle()
    assert checked == []
    running = cluster.job_names("Running")
    cluster.change(suspend=True)
    await cluster.settle()
    checked.clear()
    await cluster.settle()
    assert sorted(set(checked)) == sorted(running)
