"""Finds the runs to compare by the names of TrainingJobs, Experiments and trials."""

import re
from collections.abc import Sequence

from epochal_api.text import printable

from epochal.client.cluster import Cluster
from epochal.client.kinds import EXPERIMENTS
from epochal.client.references import Found, find, kind_of
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.runs.comparison import MAX_RUNS, Run, job_run, table_trials, top_trials
from epochal.runs.folder import results_folder
from epochal.runs.history import TRIALS, parse_rows

_TRIAL = re.compile(r"(.+)/(\d{1,6})")


def find_runs(cluster: Cluster, names: Sequence[str]) -> list[Run]:
    """Return the runs to compare for these names, in the order of the names.

    Args:
        cluster: The cluster.
        names: Names of TrainingJobs; of Experiments, for their best trials; and of trials as EXPERIMENT/NUMBER.

    Raises:
        EpochalError: If a run does not exist, or there are more than MAX_RUNS runs.
    """
    runs: list[Run] = []
    tables: dict[str, list[dict[str, str]]] = {}
    for name in dict.fromkeys(names):
        if (match := _TRIAL.fullmatch(name)) and not _is_kind(match[1]):
            runs.append(_trial(cluster, match[1], int(match[2]), tables))
            continue
        found = find(cluster, name)
        runs += _trials(found) if found.kind == EXPERIMENTS else [job_run(found.object)]
    if len(runs) > MAX_RUNS:
        raise EpochalError(f"found {len(runs)} runs, expected at most {MAX_RUNS}.", exit_code=ExitCode.USAGE)
    return runs


def trial_rows(cluster: Cluster, experiment: Found) -> list[dict[str, str]]:
    """Return the rows of an Experiment's trials.csv: number, state, parameters, value and folder of each trial."""
    return parse_rows(results_folder(cluster, experiment).read(TRIALS).decode(errors="replace"))


def _is_kind(word: str) -> bool:
    try:
        kind_of(word)
    except EpochalError:
        return False
    return True


def _trials(experiment: Found) -> list[Run]:
    if not (trials := top_trials(experiment.object)):
        raise EpochalError(
            f"Experiment {experiment.name} has no trial with a result yet.",
            f"`epochal watch {experiment.name}` follows it.",
            exit_code=ExitCode.NOT_FOUND,
        )
    return trials


def _trial(cluster: Cluster, name: str, number: int, tables: dict[str, list[dict[str, str]]]) -> Run:
    experiment = find(cluster, name, [EXPERIMENTS])
    known = {trial.name: trial for trial in top_trials(experiment.object)}
    if trial := known.get(f"{experiment.name}/{number}"):
        return trial
    if name not in tables:
        tables[name] = trial_rows(cluster, experiment)
    if not (trials := table_trials(experiment.object, tables[name], [number])):
        raise EpochalError(
            printable(
                f"Experiment {experiment.name} has no trial {number}: its {TRIALS} has {len(tables[name])} trials."
            ),
            f"`epochal compare {experiment.name}` prints its best trials.",
            exit_code=ExitCode.NOT_FOUND,
        )
    return trials[0]
