"""The objects of a namespace as a watch sees them, with times."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from epochal_operator.experiment.trial_job import PARAMETERS_ANNOTATION
from epochal_operator.experiment.trial_state import parse_trial_name
from epochal_operator.runtime.conditions import condition_of

from tests.bench.experiments.search import NAME
from tests.kit.kubectl import Object


@dataclass
class Seen:
    """The objects of a namespace, with times in seconds by this process' clock.

    Args:
        created: When each TrainingJob was first seen.
        ended: When each was first seen to have ended.
        jobs: When each one's Job was first seen.
        parameters: The parameters of each trial's TrainingJob.
        status_bytes: The largest status of the Experiment.
        ledger_bytes: The largest of its ledgers.
        experiment: The Experiment as it was seen last.
    """

    created: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    jobs: dict[str, float] = field(default_factory=dict)
    parameters: dict[str, Mapping[str, str]] = field(default_factory=dict)
    status_bytes: int = 0
    ledger_bytes: int = 0
    experiment: Object = field(default_factory=dict)

    def training(self, job: Object) -> None:
        """Takes a version of a TrainingJob."""
        name, now = job["metadata"]["name"], time.monotonic()
        if name not in self.created:
            self.created[name] = now
            text = (job["metadata"].get("annotations") or {}).get(PARAMETERS_ANNOTATION)
            self.parameters[name] = json.loads(text) if text else {}
        if name not in self.ended and (condition_of(job, "Complete") or condition_of(job, "Failed")):
            self.ended[name] = now

    def job(self, job: Object) -> None:
        """Takes a version of a Job."""
        self.jobs.setdefault(job["metadata"]["name"], time.monotonic())

    def search(self, experiment: Object) -> None:
        """Takes a version of the Experiment."""
        status = json.dumps(experiment.get("status") or {}, ensure_ascii=False, separators=(",", ":"))
        self.status_bytes = max(self.status_bytes, len(status.encode()))
        self.experiment = experiment

    def ledger(self, ledger: Object) -> None:
        """Takes a version of the ExperimentLedger."""
        self.ledger_bytes = max(self.ledger_bytes, len(ledger["data"]))


def fills(created: Mapping[str, float], ended: Mapping[str, float], slots: int, known: int = 0) -> list[float]:
    """Returns how long a free slot of a search took to be filled, as long as there were new trials to begin.

    The first slot to be free gets the first TrainingJob that is made.

    Args:
        created: When each rung's TrainingJob was made, by its name.
        slots: How many may run at the same time.
        known: How many trials there were at least.
    """
    begun = sorted((at, place) for name, at in created.items() if (place := parse_trial_name(name, NAME)) is not None)
    freed = sorted(at for name, at in ended.items() if parse_trial_name(name, NAME) is not None)
    trials, found = 0, []
    last = max(index for index, (_, (_, rung)) in enumerate(begun) if rung == 0)
    for index, (at, (_, rung)) in enumerate(begun[: last + 1]):
        trials += rung == 0
        if index >= slots and trials > known:
            found.append(at - freed[index - slots])
    return found


def latencies(seen: Seen, prefix: str) -> list[float]:
    """Returns how long TrainingJobs with a name prefix took to get their Jobs, or have waited so far."""
    now = time.monotonic()
    return [seen.jobs.get(name, now) - at for name, at in seen.created.items() if name.startswith(prefix)]
