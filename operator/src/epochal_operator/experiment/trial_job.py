"""The TrainingJobs of a trial: the template with the trial's parameters, one for each rung."""

import json
from collections.abc import Mapping
from typing import Any

from epochal_api import experiment, trainingjob
from epochal_api.experiment import ExperimentSpec, trial_name
from epochal_api.kind import API_VERSION, GROUP
from epochal_api.trainingjob import TrainingJobSpec

from epochal_operator.experiment import paths
from epochal_operator.experiment.domains import Domain
from epochal_operator.experiment.space import Space, Values

Object = dict[str, Any]

EXPERIMENT_LABEL = f"{GROUP}/experiment"
"""Label of a trial: name of its Experiment."""
EXPERIMENT_UID_LABEL = f"{GROUP}/experiment-uid"
"""Label of a trial: uid of its Experiment, which tells it from those of an earlier one of that name."""
TRIAL_LABEL = f"{GROUP}/trial"
"""Label of a trial: its number."""
RUNG_LABEL = f"{GROUP}/rung"
"""Label of a trial: its rung, counted from 0."""
PARAMETERS_ANNOTATION = f"{GROUP}/parameters"
"""Annotation of a trial: its parameters, as a JSON object of texts."""
KNOWN_ANNOTATION = f"{GROUP}/known"
"""Annotation of a trial: events of the ledger that were known when it was suggested."""


def training_job(
    document: Mapping[str, Any],
    spec: ExperimentSpec,
    space: Space,
    *,
    trial: int,
    rung: int,
    parameters: Values,
    known: int,
    stop_after: int | None = None,
    continue_from: str | None = None,
) -> Object:
    """Returns the TrainingJob of a rung of a trial, as JSON.

    Args:
        document: The Experiment, as JSON.
        spec: Its spec.
        space: The space of its parameters.
        trial: Number of the trial.
        rung: The rung, counted from 0.
        parameters: The trial's parameters.
        known: Events of the ledger that were known when they were suggested.
        stop_after: Last epoch of the rung; None for the last rung, which trains all epochs.
        continue_from: Folder of results of the rung before; None for the first one.
    """
    metadata = document["metadata"]
    template = document["spec"]["template"]
    labels = (template.get("metadata") or {}).get("labels") or {}
    made = trial_spec(template["spec"], space, parameters)
    training = made["training"] | {"monitor": {"metric": spec.objective.metric, "mode": spec.objective.mode}}
    if stop_after is not None:
        training["stopAfterEpoch"] = stop_after
    if continue_from is not None:
        training["continueFrom"] = {"uri": continue_from}
    return {
        "apiVersion": API_VERSION,
        "kind": trainingjob.KIND,
        "metadata": {
            "name": trial_name(metadata["name"], trial, rung),
            "namespace": metadata["namespace"],
            "labels": labels
            | {
                EXPERIMENT_LABEL: metadata["name"],
                EXPERIMENT_UID_LABEL: metadata["uid"],
                TRIAL_LABEL: str(trial),
                RUNG_LABEL: str(rung),
            },
            "annotations": {
                PARAMETERS_ANNOTATION: json.dumps(dict(parameters), sort_keys=True, ensure_ascii=False),
                KNOWN_ANNOTATION: str(known),
            },
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": experiment.KIND,
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": made | {"training": training, "suspend": spec.suspend},
    }


def trial_spec(template: Mapping[str, Any], space: Space, parameters: Values) -> Object:
    """Returns the spec of a trial's TrainingJob, without what its rung adds.

    A value that the template has already is left as it is written there; null in place of a field of the schema leaves
    it out, as the API server would. Where a parameter does not count, the template's value stays, unless it is an
    argument of another class than the trial has there, and no parameter that counts has its place within it or around.

    Args:
        template: The template's spec, as JSON.
        space: The space of the Experiment's parameters.
        parameters: The trial's parameters.

    Raises:
        NoSuchPlace: If a path leads nowhere.
    """
    active, names = space.active(parameters), paths.Names()
    made = dict(template)
    written: list[paths.Place] = []
    for parameter in space.parameters:
        if parameter.name not in active:
            continue
        domain = space.domains[parameter.name]
        for path in parameter.paths:
            place = paths.find(template, path, names)
            written.append(place)
            if not place.is_set or domain.read(place.value) != active[parameter.name]:
                value = value_at(place, domain, active[parameter.name])
                is_left_out = value is None and bool(place.schema)
                made = paths.without(made, place) if is_left_out else paths.put(made, place, value)
    for parameter in space.parameters:
        if parameter.name in active:
            continue
        for path in parameter.paths:
            place = paths.find(template, path, names)
            if any(map(place.overlaps, written)):
                continue
            if paths.class_at(template, place) != paths.class_at(made, place):
                made = paths.without(made, place)
    return made


def value_at(place: paths.Place, domain: Domain, text: str) -> Any:
    """Returns a parameter's value as JSON has it at a place.

    Args:
        place: The place.
        domain: What the parameter may be.
        text: The value; one that is not of the parameter's type stays a text.
    """
    value = domain.parse(text)
    meant = text if value is None and text != "null" else value
    return text if place.schema.get("type") == "string" and not isinstance(meant, str) else meant


def template_parameters(template: Mapping[str, Any], space: Space) -> dict[str, str]:
    """Returns the parameters of the template itself, of which trial 0 is made.

    A parameter is missing where the template does not have it, or has two values at two of its paths.

    Args:
        template: The template's spec, as JSON.
        space: The space of the Experiment's parameters.

    Raises:
        NoSuchPlace: If a path leads nowhere.
    """
    filled = TrainingJobSpec.model_validate(template).dump()
    found: dict[str, str] = {}
    names = paths.Names()
    for parameter in space.parameters:
        domain = space.domains[parameter.name]
        texts = {_read(domain, template, filled, path, names) for path in parameter.paths}
        if len(texts) == 1 and (text := texts.pop()) is not None:
            found[parameter.name] = text
    return space.active(found)


def _read(
    domain: Domain, template: Mapping[str, Any], filled: Mapping[str, Any], path: str, names: paths.Names
) -> str | None:
    place = paths.find(template, path, names)
    # The API server fills in no default where a field came later.
    value = paths.get(filled, path, names) if place.value is None and place.schema else place.value
    if value is None and not (place.is_set and domain.contains("null")):
        return None
    return domain.read(value)
