"""Writes the best trial of an Experiment as a TrainingJob, to train it again with kubectl apply."""

import re

import yaml
from epochal_api.experiment.report import ExperimentReport

BEST = "best.yaml"
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_./-]+")
"""Pattern of texts that need no quotes in YAML. Words such as `yes` match too, but PyYAML quotes them itself."""
_WIDTH = 120


class _Dumper(yaml.SafeDumper):
    """Quotes all texts that a YAML parser may read as another type: 1e-3 is a number to Kubernetes, not to PyYAML."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if _WORD.fullmatch(text) else '"')


_Dumper.add_representer(str, _text)


def best_job_yaml(report: ExperimentReport) -> str | None:
    """Return the best trial as a TrainingJob in YAML.

    Return None if no trial is the best yet, or if the report has no template because it is too large.
    """
    trial = next((trial for trial in report.trials if trial.number == report.best), None)
    if report.job is None or trial is None:
        return None
    last = trial.rungs[-1] if trial.rungs else None
    epochs, epoch = (last.epoch, last.value_epoch) if last is not None else (0, None)
    place = f"in epoch {epoch} of {epochs}" if epoch else f"after {epochs} epoch{'' if epochs == 1 else 's'}"
    count, experiment = len(report.trials) + report.omitted, f"{report.namespace}/{report.name}"
    header = f"""\
# The best of {count} trials of the Experiment {experiment}: trial {trial.number},
# {report.metric} {trial.value} {place}. To train it again from the beginning:
# kubectl apply -f {BEST}
"""
    document: str = yaml.dump(report.job, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return header + document
