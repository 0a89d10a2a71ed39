"""Builds the panels of TrainingJobs and Experiments from the files in their results buckets."""

from collections.abc import Sequence

from epochal.client.cluster import Cluster
from epochal.client.failures import MissingObject
from epochal.client.kinds import EXPERIMENTS
from epochal.client.references import Found, find
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.runs.figures import Panel, history_panels, monitored_metric, trial_panel
from epochal.runs.folder import results_folder
from epochal.runs.history import HISTORY, History, parse_history
from epochal.runs.selection import trial_rows


def find_panels(cluster: Cluster, names: Sequence[str], metrics: Sequence[str]) -> list[Panel]:
    """Return the panels for TrainingJobs, or for one Experiment.

    Args:
        cluster: The cluster.
        names: Names of TrainingJobs, or of one Experiment.
        metrics: The metrics to plot; empty for those of `default_metrics`.

    Raises:
        EpochalError: If an object does not exist or has no values yet, or an Experiment is not the only object.
    """
    found = [find(cluster, name) for name in dict.fromkeys(names)]
    experiments = [each for each in found if each.kind == EXPERIMENTS]
    if experiments and len(found) > 1:
        raise EpochalError(
            f"cannot plot an Experiment together with other objects: found {', '.join(map(str, found))}, expected one "
            "Experiment or TrainingJobs only.",
            "Plot them one after another.",
            exit_code=ExitCode.USAGE,
        )
    if experiments:
        objective = (experiments[0].object.get("spec") or {}).get("objective") or {}
        rows = trial_rows(cluster, experiments[0])
        metric, maximize = str(objective.get("metric")), objective.get("goal") == "Maximize"
        return [trial_panel(experiments[0].name, rows, metric, maximize=maximize)]
    histories = {each.name: read_history(cluster, each) for each in found}
    if omitted := sum(history.omitted for history in histories.values()):
        cluster.environment.warn(f"epochal: {omitted} values are missing or not finite (NaN), and are left out.")
    return history_panels(histories, metrics, monitored_metric(found[0].object))


def read_history(cluster: Cluster, job: Found) -> History:
    """Read the history.csv of a TrainingJob from its bucket; an empty history before the first finished epoch."""
    try:
        return parse_history(results_folder(cluster, job).read(HISTORY).decode(errors="replace"))
    except MissingObject:
        return History({}, 0, 0)
