"""Imports Experiments of Katib, the hyper-parameter search of Kubeflow."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from epochal_api.experiment.spec import MAX_TRIALS

from epochal.errors import EpochalError
from epochal.importers.draft import Draft
from epochal.importers.ffdl.manifest import set_placeholder_network
from epochal.importers.imported import Imported
from epochal.importers.reading import mapping, shown
from epochal.importers.search.domains import InvalidDomain, float_range, int_range, text_of, value_list
from epochal.importers.search.experiment import Search, build_experiment, goal_of, read_parameters
from epochal.importers.search.katib_algorithm import set_algorithm
from epochal.importers.search.katib_template import read_template
from epochal.importers.values import integer, is_nothing, number

_LISTS = frozenset({"categorical", "discrete"})
_COUNTS = {"parallelTrialCount": "parallelism", "maxTrialCount": "maxTrials", "maxFailedTrialCount": "maxFailedTrials"}
_READ = frozenset(
    {
        *_COUNTS,
        "algorithm",
        "earlyStopping",
        "metricsCollectorSpec",
        "objective",
        "parameters",
        "resumePolicy",
        "trialTemplate",
    }
)
"""Fields of a Katib spec that need no warning: they are imported, or an Experiment does not need them."""


def import_katib(document: Mapping[str, Any], *, name: str | None, strict: bool) -> Imported:
    """Return the Experiment of Epochal for an Experiment of Katib.

    Raises:
        EpochalError: If Katib's Experiment is invalid or searches the layers of the network; or, with `strict`, if a
            detail is not imported.
    """
    metadata, spec = mapping(document.get("metadata")), mapping(document.get("spec"))
    if not spec:
        raise EpochalError("spec must be a mapping, found none")
    if "nasConfig" in spec:
        raise EpochalError("nasConfig: a search of layers cannot be imported, because the layers of trials are fixed")
    own = metadata.get("name") or metadata.get("generateName")
    draft = Draft(name or (own if isinstance(own, str) else "") or "search")
    draft.heading = f"From the Experiment {shown(own or 'without a name')} of Katib."
    draft.set_storage()
    draft.set_unknown_data()
    set_placeholder_network(draft)
    draft.set_results()
    search = _objective(mapping(spec.get("objective")), draft)
    if isinstance(namespace := metadata.get("namespace"), str):
        search.namespace = namespace
    resource = set_algorithm(spec, search, draft)
    for key, field in _COUNTS.items():
        if not is_nothing(spec.get(key)):
            search.fields[field] = _count(key, spec[key], 0 if field == "maxFailedTrials" else 1)
    arguments = read_template(spec.get("trialTemplate"), draft)
    parameters = read_parameters("parameters", spec.get("parameters"), partial(_domain, draft=draft))
    for each in parameters:
        each.other_names = arguments.get(each.name, ())
    search.parameters = [each for each in parameters if each.name != resource]
    _require_steps(search, draft)
    for key, value in spec.items():
        if key not in _READ and not is_nothing(value):
            draft.warn("spec", f"{shown(str(key))} is lost: an Experiment has no such field")
    return build_experiment(search, draft, strict=strict)


def _objective(objective: Mapping[str, Any], draft: Draft) -> Search:
    metric = objective.get("objectiveMetricName")
    if not isinstance(metric, str):
        raise EpochalError(f"objective.objectiveMetricName must be a text, found {shown(metric)}")
    search = Search(metric=metric, goal=goal_of(objective.get("type")))
    if not is_nothing(goal := objective.get("goal")):
        if (target := number(goal)) is None:
            draft.warn("objective", f"goal is {shown(goal)}: it must be a number")
        else:
            search.objective["target"] = text_of(target)
    strategies = objective.get("metricStrategies")
    for each in strategies if isinstance(strategies, list) else ():
        if mapping(each).get("name") == metric and str(mapping(each).get("value")).lower() == "latest":
            search.objective["strategy"] = "Last"
    return search


def _count(key: str, value: Any, least: int) -> int:
    count = integer(value)
    if count is None or not least <= count <= MAX_TRIALS:
        raise EpochalError(f"{key} must be an integer from {least} to {MAX_TRIALS:,}, found {shown(value)}")
    return count


def _domain(value: Mapping[str, Any], label: str, draft: Draft) -> dict[str, Any]:
    kind, space = str(value.get("parameterType")), mapping(value.get("feasibleSpace"))
    if kind in _LISTS:
        return value_list(space.get("list"))
    if kind not in {"double", "int"}:
        raise InvalidDomain(f"parameterType must be double, int, categorical or discrete, found {shown(kind)}")
    distribution = str(space.get("distribution") or "uniform")
    if distribution in {"normal", "logNormal"}:
        draft.warn(
            label, f"the distribution {distribution} is lost: a uniform distribution on the same scale takes its place"
        )
    is_log = distribution in {"logUniform", "logNormal"}
    step = None if is_nothing(space.get("step")) else space["step"]
    if is_log and step is not None:
        draft.warn(label, f"step is {shown(step)}: a logarithmic range has no step")
    read = float_range if kind == "double" else int_range
    return read(space.get("min"), space.get("max"), step, is_log=is_log)


def _require_steps(search: Search, draft: Draft) -> None:
    """Use random search in place of a grid if a range of floating-point numbers has no step."""
    without = [each for each in search.parameters if "float" in each.domain and "step" not in each.domain["float"]]
    if search.fields["search"]["method"] == "Grid" and without:
        draft.warn(without[0].label, "a grid needs a step for each range of numbers: random search takes its place")
        search.fields["search"] = {**search.fields["search"], "method": "Random"}
