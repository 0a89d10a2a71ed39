"""Stores data.json, the summary of the data sets. If this fails, the training continues without the file."""

import logging

from epochal_api.data_summary import DATA

from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.reporting.results import Results, optional_result, to_json
from epochal_trainer.training.checks import WarningChecks

log = logging.getLogger(__name__)


def store_data_summary(data: TrainingData, checks: WarningChecks, results: Results) -> None:
    """Summarize the data sets, run the checks that need the summary, and store it before the training, as data.json.

    Raises:
        Failure: Superseded, if a newer attempt owns these results.
    """
    with optional_result(DATA, log_suffix="the training continues without it"):
        summary = checks.summarize_data(data)
        results.put(DATA, to_json(summary.dump()))
        log.info("Wrote %s", results.uri(DATA))
