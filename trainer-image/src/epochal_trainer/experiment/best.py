"""The best trial of an Experiment as a TrainingJob, for kubectl apply."""

import re
from typing import Any

import yaml
from epochal_api.experiment.report import ExperimentReport

BEST = "best.yaml"
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_./-]+")
"""Texts that every YAML parser reads as a string, except YAML's own words such as `yes`, which PyYAML quotes itself."""
_WIDTH = 120


class _Dumper(yaml.SafeDumper):
    """Quotes all texts that a YAML parser may read as another type: 1e-3 is a number to Kubernetes, not to PyYAML."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if _WORD.fullmatch(text) else '"')


_Dumper.add_representer(str, _text)


def best(report: ExperimentReport) -> str | None:
    """Return the best trial as a YAML document, or None while no trial is the best.

    Args:
        report: The Experiment.
    """
    trial = next((one for one in report.trials if one.number == report.best), None)
    if report.job is None or trial is None:
        return None
    epochs = trial.rungs[-1].epoch if trial.rungs else 0
    count, where = len(report.trials) + report.omitted, f"{report.namespace}/{report.name}"
    told = f"""\
# The best of {count} trials of the Experiment {where}: trial {trial.number},
# {report.metric} {trial.value} after {_count(epochs, "epoch")}. To train it anew, from the beginning:
# kubectl apply -f {BEST}
"""
    return told + _yaml(report.job)


def _yaml(document: dict[str, Any]) -> str:
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
