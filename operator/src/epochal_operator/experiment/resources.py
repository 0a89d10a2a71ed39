"""The resources that an Experiment has to do with: its own, its trials, and the Job that writes its report."""

import re

from epochal_api.experiment import KIND, PLURAL
from epochal_api.kind import GROUP, VERSION

from epochal_operator.experiment.trial_job import EXPERIMENT_LABEL
from epochal_operator.runtime.kind import Owned, Reference
from epochal_operator.runtime.resource import JOBS, Key, Object, Resource
from epochal_operator.trainingjob.resources import TRAINING_JOBS

EXPERIMENTS = Resource(GROUP, VERSION, PLURAL, KIND)
LEDGER_ANNOTATION = f"{GROUP}/trials"
"""Annotation of an Experiment: its ledger."""

_TRIAL = re.compile(r"-(0|[1-9][0-9]{0,8})-r(0|[1-9][0-9]{0,3})")


def _experiment(thing: Object) -> Key | None:
    name = (thing["metadata"].get("labels") or {}).get(EXPERIMENT_LABEL)
    return Key(thing["metadata"]["namespace"], name) if name else None


TRIALS = Reference(TRAINING_JOBS, _experiment)
"""TrainingJobs by the Experiment whose trials they are."""
REPORT_JOBS = Owned(JOBS, EXPERIMENT_LABEL)


def place_of(name: str, experiment: str) -> tuple[int, int] | None:
    """Returns trial and rung of a TrainingJob by its name, if it is a trial's. Nobody can change a name.

    Args:
        name: Its name.
        experiment: Name of the Experiment.
    """
    found = _TRIAL.fullmatch(name, len(experiment)) if name.startswith(experiment) else None
    return (int(found[1]), int(found[2])) if found else None
