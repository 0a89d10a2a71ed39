"""Rules for an Experiment beyond its schema: its paths lead to fields, and its trials are valid."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from epochal_api.catalogue.problems import has_other_classes, spec_problems
from epochal_api.catalogue.searched import paths_of
from epochal_api.experiment import paths
from epochal_api.experiment.parameter import Parameter
from epochal_api.experiment.spec import MAX_TRIALS, ExperimentSpec
from epochal_api.kind import API_VERSION
from epochal_api.model import Model
from epochal_api.trainingjob.spec import KIND, InvalidTrainingJob, TrainingJobSpec, parse

from epochal_operator.experiment.ledger.events import MAX_STRING
from epochal_operator.experiment.schedule.pruning import brackets
from epochal_operator.experiment.search_space.domains import Domain, Range
from epochal_operator.experiment.search_space.metrics import metric_names, reported_name
from epochal_operator.experiment.search_space.space import Space, refuse
from epochal_operator.experiment.trial_job import json_value

MAX_CHECKED_VALUES = 1024
"""The largest number of values to validate. A search may have a million values, at 0.3 ms each in the largest template.
A trial with another invalid value fails when it is created.
"""
_CHANGES_METRICS = re.compile(r"training\.(metrics|outputs(?!\[[^\]]+\]\.(loss|weight)))")
"""The beginning of a path that may change the names of the reported metrics."""
_EVERY_STEPS = ("training", "validationEveryEpochs")
_MAX_SHOWN = 256
"""Maximum characters of the names of metrics in a message. A longer list is cut."""


def check(spec: ExperimentSpec, template: Mapping[str, Any]) -> Space:
    """Return the search space of an Experiment, after all checks that do not need Keras.

    The check validates both ends of each range and each listed value in the fields to which the paths lead. The rest of
    the template is already valid.

    Raises:
        InvalidSpace: If a check fails. The message has a line for each fault, which names the parameter.
    """
    space = Space.of(spec.parameters)
    problems = spec_problems(template, "spec.template.spec", paths_of(spec.parameters))
    refuse(str(problem) for problem in problems if not problem.is_warning)
    fields: dict[str, paths.ResolvedPath] = {}
    refuse(_path_faults(space, template, fields), _metric_faults(spec, template, space, fields))
    budget, parsed = iter(range(MAX_CHECKED_VALUES)), spec.template.spec
    values = _value_faults(space, parsed, fields, budget)
    refuse(values, _initial_faults(spec, space, fields, budget), _grid_faults(spec, space))
    return space


def _path_faults(space: Space, template: Mapping[str, Any], fields: dict[str, paths.ResolvedPath]) -> Iterator[str]:
    """Yield a fault for each path that leads to no field or conflicts with another path; fill `fields` by path."""
    resolved: list[tuple[Parameter, str, paths.ResolvedPath]] = []
    names = paths.Names()
    for parameter in space.parameters:
        for path in parameter.paths:
            where = f"parameter {parameter.name}: path {path}"
            try:
                field = paths.resolve(template, path, names)
            except paths.PathNotFound as error:
                yield f"{where} is invalid: {error}"
                continue
            for other, other_path, other_field in resolved:
                if field.renames(other_field) or other_field.renames(field):
                    cause = "one path changes the name that the other path uses"
                    yield f"{where} conflicts with path {other_path}: {cause}. Remove one path"
                elif field.overlaps(other_field) and not _are_exclusive(space, parameter, other):
                    relation = "equals" if field.steps == other_field.steps else "overlaps"
                    yield f"{where} {relation} path {other_path} of parameter {other.name}: remove one path"
            resolved.append((parameter, path, field))
            fields[path] = field


def _are_exclusive(space: Space, one: Parameter, other: Parameter) -> bool:
    """Return whether two parameters are never active in the same trial, because their conditions exclude each other."""
    values, others = space.activating_values(one.name), space.activating_values(other.name)
    return any(not values[name] & others[name] for name in values.keys() & others.keys())


def _value_faults(
    space: Space, template: TrainingJobSpec, fields: Mapping[str, paths.ResolvedPath], budget: Iterator[int]
) -> Iterator[str]:
    """Yield a fault for each value that the schema of a TrainingJob refuses."""
    for parameter in space.parameters:
        domain = space.domains[parameter.name]
        for path in parameter.paths:
            field = fields[path]
            if not field.schema:  # an argument of Keras: any value is possible
                continue
            if isinstance(domain, Range) and not domain.is_whole and field.schema.get("type") == "integer":
                yield f"parameter {parameter.name}: must have int instead of float, because {path} is an integer"
                continue
            for value, _ in zip(domain.values_to_check(), budget, strict=False):
                if error := _schema_error(template, field, json_value(field, domain, value)):
                    yield f"parameter {parameter.name}: the value {value} is invalid: {error}"
                    break


def _initial_faults(
    spec: ExperimentSpec, space: Space, fields: Mapping[str, paths.ResolvedPath], budget: Iterator[int]
) -> Iterator[str]:
    """Yield a fault for each value in `initialTrials` that is not valid for its parameter."""
    paths_of = {parameter.name: parameter.paths for parameter in space.parameters}
    for index, trial in enumerate(spec.initial_trials):
        for name, value in trial.items():
            domain = space.domains[name]
            if domain.parse(value) is None and value != "null":
                kind = "an integer" if isinstance(domain, Range) and domain.is_whole else "a number"
                yield f"initialTrials[{index}]: parameter {name} must be {kind}, found {value!r}"
                continue
            if len(domain.canonical(value)) > MAX_STRING:
                yield f"initialTrials[{index}]: parameter {name} must have at most {MAX_STRING} digits, found {value!r}"
                continue
            for field in (fields[path] for path in paths_of[name]):
                if not field.schema or next(budget, None) is None:
                    continue
                if error := _schema_error(spec.template.spec, field, json_value(field, domain, value)):
                    yield f"initialTrials[{index}]: parameter {name}: the value {value} is invalid: {error}"


def _schema_error(template: TrainingJobSpec, field: paths.ResolvedPath, value: Any) -> str:
    """Return why the template is invalid with a value of a parameter in its field; "" if it is valid."""
    spec = _replace_value(template, field.steps, value)
    try:
        parse({"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "trial"}, "spec": spec})
    except InvalidTrainingJob as error:
        return str(error).replace("\n", "; ")
    return ""


def _replace_value(node: Any, steps: Sequence[str | int], value: Any) -> Any:
    """Return a parsed spec with a new value in the field at `steps`; the parents of the field become JSON.

    All other parts stay models: pydantic does not validate them again, but the rules of their parents apply.
    """
    if not steps:
        return value
    step, *rest = steps
    if isinstance(node, list):
        return [_replace_value(item, rest, value) if index == step else item for index, item in enumerate(node)]
    fields: dict[str | int, Any] = dict(node) if isinstance(node, Mapping) else {}
    inner = fields.get(step)
    if isinstance(node, Model):
        names = {name: field.alias or name for name, field in type(node).model_fields.items()}
        inner = next((getattr(node, name) for name, alias in names.items() if alias == step), None)
        fields = {alias: getattr(node, name) for name, alias in names.items() if name in node.model_fields_set}
        fields.update(node.model_extra or {})
    return fields | {step: _replace_value(inner, rest, value)}


def _grid_faults(spec: ExperimentSpec, space: Space) -> Iterator[str]:
    if spec.search.method == "Grid" and space.size is not None and space.size > MAX_TRIALS:
        counts = ", ".join(f"{name} {domain.size}" for name, domain in space.domains.items())
        yield f"parameters have {space.size} combinations ({counts}), search.method Grid allows at most {MAX_TRIALS}"


def _validation_faults(spec: ExperimentSpec, space: Space, fields: Mapping[str, paths.ResolvedPath]) -> Iterator[str]:
    """Yield a fault if a rung ends without a value of the objective, because not each epoch is validated."""
    metric, training = spec.objective.metric, spec.template.spec.training
    if not metric.startswith("val_"):
        return
    ends = sorted({epoch for rungs in brackets(spec.schedule, training.epochs) for epoch in rungs})
    needs_last = spec.objective.strategy == "Last"
    found = {"template.spec.training.validationEveryEpochs": [training.validation_every_epochs]}
    for parameter in space.parameters:
        if any(path in fields and fields[path].steps == _EVERY_STEPS for path in parameter.paths):
            found[f"parameter {parameter.name} with the value"] = _valid_intervals(space.domains[parameter.name])
    for source, intervals in found.items():
        unknown = ((end, every) for every in intervals for end in ends if end < every or (needs_last and end % every))
        for end, every in islice(unknown, 1):
            where = f"in epoch {end}, the last of a rung" if needs_last else f"until epoch {end}, the end of a rung"
            yield (
                f"objective.metric: {metric} must have a value {where}, found {source} {every}: write 1, or a number "
                "that fits the rungs"
            )


def _valid_intervals(domain: Domain) -> list[int]:
    """Return the integers above 0 among the first MAX_CHECKED_VALUES values of a parameter `validationEveryEpochs`."""
    values = (domain.parse(domain.at(index)) for index in range(min(domain.size or 0, MAX_CHECKED_VALUES)))
    return [value for value in values if type(value) is int and value > 0]


def _metric_faults(
    spec: ExperimentSpec, raw_template: Mapping[str, Any], space: Space, fields: Mapping[str, paths.ResolvedPath]
) -> Iterator[str]:
    """Yield the faults of the objective's metric that can be found without Keras."""
    metric, template = spec.objective.metric, spec.template.spec
    if metric.startswith("val_") and template.data.validation is None:
        yield f"objective.metric: {metric} needs validation data: set template.spec.data.validation"
    yield from _validation_faults(spec, space, fields)
    is_searched = any(_CHANGES_METRICS.match(path) for item in spec.parameters for path in item.paths)
    reported = reported_name(template.training, metric)
    if is_searched or reported == metric or (reported and has_other_classes(raw_template)):
        return
    if reported:
        yield f"objective.metric: must be {reported}, the name by which trials report it; found {metric}"
        return
    field = "template.spec.training.metrics" if template.training.outputs is None else "template.spec.training.outputs"
    if not (known := metric_names(template.training)):
        yield f"objective.metric: must be loss or val_loss, because {field} is empty; found {metric!r}"
        return
    names = f"{', '.join(known):.{_MAX_SHOWN}}"
    yield (
        f"objective.metric: must be loss or one of {field} ({names}), with val_ for the validation data; found "
        f"{metric!r}. Add the metric to {field}"
    )
