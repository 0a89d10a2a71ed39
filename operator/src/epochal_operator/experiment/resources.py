"""The resources of an Experiment: its own, its ledger, and its trials."""

from epochal_api.experiment import ledger as experiment_ledger
from epochal_api.experiment.spec import KIND, PLURAL
from epochal_api.kind import GROUP, VERSION

from epochal_operator.experiment.trial_job import EXPERIMENT_LABEL
from epochal_operator.runtime.api.resource import Key, Object, Resource
from epochal_operator.runtime.store import SpecIndex
from epochal_operator.trainingjob.interface import TRAINING_JOBS

EXPERIMENTS = Resource(GROUP, VERSION, PLURAL, KIND)
EXPERIMENT_LEDGERS = Resource(GROUP, VERSION, experiment_ledger.PLURAL, experiment_ledger.KIND)


def _experiment(job: Object) -> Key | None:
    name = (job["metadata"].get("labels") or {}).get(EXPERIMENT_LABEL)
    return Key(job["metadata"]["namespace"], name) if name else None


TRIALS = SpecIndex(TRAINING_JOBS, _experiment)
"""The index of TrainingJobs by the Experiment that their label names."""
