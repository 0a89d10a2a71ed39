"""The TrainingJobs of a trial: the template with the parameters of the trial, a TrainingJob for each rung."""

import json
from collections.abc import Mapping
from typing import Any

from epochal_api.experiment import paths
from epochal_api.experiment import spec as experiment
from epochal_api.experiment.spec import ExperimentSpec, trial_name
from epochal_api.kind import API_VERSION, GROUP
from epochal_api.trainingjob import spec as trainingjob
from epochal_api.trainingjob.spec import TrainingJobSpec

from epochal_operator.experiment.search_space.domains import Domain
from epochal_operator.experiment.search_space.space import Space, Values
from epochal_operator.experiment.trial import Trial
from epochal_operator.runtime.owners import controller_reference

Object = dict[str, Any]

EXPERIMENT_LABEL = f"{GROUP}/experiment"
"""Label of a trial's TrainingJob: the name of its Experiment."""
EXPERIMENT_UID_LABEL = f"{GROUP}/experiment-uid"
"""Label of a trial's TrainingJob: the uid of its Experiment. An earlier Experiment of the same name has another uid."""
TRIAL_LABEL = f"{GROUP}/trial"
"""Label of a trial's TrainingJob: the number of the trial."""
RUNG_LABEL = f"{GROUP}/rung"
"""Label of a trial's TrainingJob: the rung, counted from 0."""
PARAMETERS_ANNOTATION = f"{GROUP}/parameters"
"""Annotation of a trial's TrainingJob: the parameters, as a JSON object of texts."""
LEDGER_LENGTH_ANNOTATION = f"{GROUP}/known"
"""Annotation of a trial's TrainingJob: the number of events in the ledger when the trial was suggested."""


def training_job(
    document: Mapping[str, Any],
    spec: ExperimentSpec,
    space: Space,
    trial: Trial,
    *,
    stop_after: int | None = None,
    continue_from: str | None = None,
) -> Object:
    """Return the TrainingJob for the current rung of a trial, as JSON.

    The rung ends after the epoch `stop_after`; None trains all epochs. The training continues from the checkpoint in
    the results folder with the URI `continue_from`; None for the first rung.
    """
    number, rung = trial.rung_key
    metadata = document["metadata"]
    template = document["spec"]["template"]
    labels = (template.get("metadata") or {}).get("labels") or {}
    job_spec = trial_spec(template["spec"], space, trial.parameters)
    training = job_spec["training"] | {"monitor": {"metric": spec.objective.metric, "mode": spec.objective.mode}}
    if stop_after is not None:
        training["stopAfterEpoch"] = stop_after
    if continue_from is not None:
        training["continueFrom"] = {"uri": continue_from}
    return {
        "apiVersion": API_VERSION,
        "kind": trainingjob.KIND,
        "metadata": {
            "name": trial_name(metadata["name"], number, rung),
            "namespace": metadata["namespace"],
            "labels": labels
            | {
                EXPERIMENT_LABEL: metadata["name"],
                EXPERIMENT_UID_LABEL: metadata["uid"],
                TRIAL_LABEL: str(number),
                RUNG_LABEL: str(rung),
            },
            "annotations": {
                PARAMETERS_ANNOTATION: json.dumps(dict(trial.parameters), sort_keys=True, ensure_ascii=False),
                LEDGER_LENGTH_ANNOTATION: str(trial.known_events),
            },
            "ownerReferences": [controller_reference(API_VERSION, experiment.KIND, metadata["name"], metadata["uid"])],
        },
        "spec": job_spec | {"training": training, "suspend": spec.suspend},
    }


def trial_spec(template: Mapping[str, Any], space: Space, parameters: Values) -> Object:
    """Return the spec of a trial's TrainingJob, without the fields of its rung.

    A value equal to the template's value keeps the form of the template. Null in a field of the schema removes the
    field, as the API server does.

    An inactive parameter keeps the value of the template. An exception is an argument of a Keras class that the trial
    replaces by another class: the argument is removed, unless it overlaps a field that an active parameter sets.

    Raises:
        PathNotFound: If a path leads to no field.
    """
    active, names = space.active(parameters), paths.Names()
    spec = dict(template)
    written: list[paths.ResolvedPath] = []
    for parameter in space.parameters:
        if parameter.name not in active:
            continue
        domain = space.domains[parameter.name]
        for path in parameter.paths:
            field = paths.resolve(template, path, names)
            written.append(field)
            if not field.is_set or domain.from_json(field.value) != active[parameter.name]:
                value = json_value(field, domain, active[parameter.name])
                removes_field = value is None and bool(field.schema)
                spec = paths.without_field(spec, field) if removes_field else paths.with_value(spec, field, value)
    for parameter in space.parameters:
        if parameter.name in active:
            continue
        for path in parameter.paths:
            field = paths.resolve(template, path, names)
            if any(map(field.overlaps, written)):
                continue
            if paths.keras_class(template, field) != paths.keras_class(spec, field):
                spec = paths.without_field(spec, field)
    return spec


def json_value(field: paths.ResolvedPath, domain: Domain, text: str) -> Any:
    """Return the JSON value that a parameter sets in a field of the template.

    Args:
        field: The field of the template to which a path of the parameter leads.
        domain: The domain of the parameter.
        text: The value as text; a value of another type than the parameter's stays a text.
    """
    value = domain.parse(text)
    parsed = text if value is None and text != "null" else value
    return text if field.schema.get("type") == "string" and not isinstance(parsed, str) else parsed


def template_parameters(template: Mapping[str, Any], space: Space) -> dict[str, str]:
    """Return the parameters of the template, which trial 0 uses.

    The result omits a parameter that the template does not set, or that has different values at its paths.

    Raises:
        PathNotFound: If a path leads to no field.
    """
    defaulted = TrainingJobSpec.model_validate(template).dump()
    values: dict[str, str] = {}
    names = paths.Names()
    for parameter in space.parameters:
        domain = space.domains[parameter.name]
        texts = {_template_value(domain, template, defaulted, path, names) for path in parameter.paths}
        if len(texts) == 1 and (text := texts.pop()) is not None:
            values[parameter.name] = text
    return space.active(values)


def _template_value(
    domain: Domain, template: Mapping[str, Any], defaulted: Mapping[str, Any], path: str, names: paths.Names
) -> str | None:
    field = paths.resolve(template, path, names)
    # The API server sets no default of a field that a later CRD has added.
    value = paths.resolve(defaulted, path, names).value if field.value is None and field.schema else field.value
    if value is None and not (field.is_set and domain.contains("null")):
        return None
    return domain.from_json(value)
