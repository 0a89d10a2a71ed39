"""Builds an Experiment from the hyper-parameter search of another tool."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from epochal_api.catalogue.classes import METRICS, catalogue
from epochal_api.experiment import spec as experiment
from epochal_api.kind import API_VERSION

from epochal.errors import EpochalError
from epochal.importers import optimizers
from epochal.importers.draft import Draft, label_of, object_name
from epochal.importers.imported import Imported, finish_import
from epochal.importers.reading import mapping, shown
from epochal.importers.search.domains import InvalidDomain, value_list
from epochal.importers.search.paths import INTEGERS, MOMENTUM, OPTIMIZER, TEXTS, find_path, is_epochs

_GOALS: Mapping[str, str] = {"maximize": "Maximize", "minimize": "Minimize"}
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,62}", re.ASCII)


@dataclass
class Parameter:
    """A hyper-parameter in the search of another tool.

    Args:
        name: Its name in the search.
        domain: Its values (a range or a list) in the notation of an Experiment.
        other_names: Further names, such as the argument or variable of the program that receives its value.
    """

    name: str
    domain: dict[str, Any]
    other_names: Sequence[str] = ()

    @property
    def label(self) -> str:
        """The name in messages, such as `hyper-parameter "lr"`."""
        return label_of("hyper-parameter", self.name)


@dataclass
class Search:
    """A hyper-parameter search of another tool.

    Args:
        metric: The metric of the objective, as in the file.
        goal: Maximize or Minimize; None if the file has no goal.
        fields: Further fields of the Experiment's spec: search, schedule, maxTrials and others.
        objective: Further fields of the Experiment's objective: target, strategy.
        parameters: The hyper-parameters.
        namespace: Namespace of the Experiment, or "".
    """

    metric: str
    goal: str | None
    fields: dict[str, Any] = field(default_factory=dict)
    objective: dict[str, Any] = field(default_factory=dict)
    parameters: list[Parameter] = field(default_factory=list)
    namespace: str = ""


def goal_of(value: Any) -> str | None:
    """Return Maximize or Minimize for the goal in a file, in any case of letters; None for another value."""
    return _GOALS.get(str(value).strip().lower())


def read_parameters(
    field: str, found: Any, domain: Callable[[Mapping[str, Any], str], dict[str, Any]]
) -> list[Parameter]:
    """Parse the list of hyper-parameters in a file.

    Args:
        field: Name of the field with the list, for messages.
        found: The list.
        domain: A function that converts the values of a hyper-parameter. It gets the mapping of the hyper-parameter,
            and a label for messages.

    Raises:
        EpochalError: If the list or a hyper-parameter is invalid.
    """
    found = found or []
    if not isinstance(found, list) or len(found) > experiment.MAX_PARAMETERS:
        raise EpochalError(f"{field} must be a list of at most {experiment.MAX_PARAMETERS} items")
    parameters = []
    for index, value in enumerate(found):
        name = mapping(value).get("name")
        if not isinstance(name, str) or not name:
            raise EpochalError(f"{field}[{index}] must be a mapping with a name, found {shown(value)}")
        label = label_of("hyper-parameter", name)
        try:
            parameters.append(Parameter(name, domain(value, label)))
        except InvalidDomain as error:
            raise EpochalError(f"{label}: {error}") from None
    return parameters


def build_experiment(search: Search, draft: Draft, *, strict: bool) -> Imported:
    """Return the Experiment of a search.

    Args:
        search: The search.
        draft: The template of the Experiment, and the warnings.
        strict: Whether a detail of the file that is not imported is an error.

    Raises:
        EpochalError: If the Experiment is invalid; or, with `strict`, if a detail of the file is lost.
    """
    comments: dict[str, str] = {}
    objective = {"metric": _metric(search.metric, draft), **search.objective}
    is_error = any(word in objective["metric"].lower() for word in ("loss", "error", "perplexity"))
    objective = {
        "metric": objective["metric"],
        "goal": search.goal or ("Minimize" if is_error else "Maximize"),
    } | objective
    if not objective["metric"].startswith("val_"):
        metric = objective["metric"]
        text = f"This is the {metric} of the training data. For the validation data, write val_{metric}."
        comments["spec.objective"] = text
    parameters, without_path = _parameters(search.parameters, draft)
    if without_path:
        lines = [f'- {{name: {shown(each.name)}, paths: ["…"], {_domain_text(each.domain)}}}' for each in without_path]
        comments["spec.parameters"] = "\n".join(
            ["These hyper-parameters need the path of a field in the template:", *lines]
        )
    fields = dict(search.fields)
    if not parameters:
        draft.warn("search", "no hyper-parameter has a known field, so that only the template is trained (method None)")
        fields["search"] = {"method": "None"}
    metadata = {"name": object_name(draft.name, experiment.MAX_NAME)}
    document = {
        "apiVersion": API_VERSION,
        "kind": experiment.KIND,
        "metadata": {**metadata, **({"namespace": search.namespace} if search.namespace else {})},
        "spec": {
            "objective": objective,
            **fields,
            "parameters": parameters,
            "template": {"spec": draft.ordered_spec()},
        },
    }
    return finish_import(draft, document, comments, strict=strict)


def _metric(name: str, draft: Draft) -> str:
    """Return the Keras name for the name of a metric in a file, and add the metric to the template.

    A metric of validation or test data gets the prefix val_.
    """
    text = re.sub(r"[^a-z0-9]+", "_", name[:200].lower()).strip("_")
    start = ""
    if found := re.match(r"(val|valid|validation|test|eval)_(.+)", text):
        start, text = "val_", found[2]
    elif found := re.match(r"(train|training)_(.+)", text):
        text = found[2]
    text = {"acc": "accuracy", "objective": "loss"}.get(text, text)
    metrics = draft.spec["training"]["metrics"]
    if text != "loss" and text not in catalogue().modules[METRICS].names:
        draft.warn("objective", f"Keras has no metric {shown(name)}: accuracy takes its place")
        text = "accuracy"
    if text != "loss" and text not in metrics:
        metrics.append(text)
    return f"{start}{text}"


def _parameters(found: Sequence[Parameter], draft: Draft) -> tuple[list[dict[str, Any]], list[Parameter]]:
    """Return the Experiment's parameters, and the hyper-parameters for which no path of a field is known.

    A second hyper-parameter for the same path is also in the second list.
    """
    parameters: list[dict[str, Any]] = []
    without_path: list[Parameter] = []
    taken: dict[str, str] = {}
    for each in found:
        names = (each.name, *each.other_names)
        if is_epochs(*names):
            draft.warn(each.label, "the epochs are the same for all trials: write them in training.epochs")
            continue
        path = find_path(*names)
        if path is None or path in taken:
            reason = (
                f"{taken[path]} sets {path} already"
                if path
                else "the field of this hyper-parameter in a TrainingJob is not known"
            )
            draft.warn(each.label, f"{reason}: it is only in a comment of spec.parameters, to which you add the path")
            without_path.append(each)
            continue
        try:
            domain = _domain_of(each, path)
        except InvalidDomain as error:
            draft.warn(each.label, f"this parameter is lost: {error}")
            continue
        taken[path] = _unique_name(each.name, taken.values())
        parameters.append({"name": taken[path], "paths": [path], **domain})
    _set_condition(parameters, draft)
    return parameters, without_path


def _unique_name(name: str, taken: Any) -> str:
    text = re.sub(r"[^a-zA-Z0-9_]+", "_", name).strip("_")[:50]
    text = text if _NAME.fullmatch(text) else f"p_{text}"
    return text if text not in set(taken) else f"{text}_{len(set(taken))}"


def _domain_of(parameter: Parameter, path: str) -> dict[str, Any]:
    """Return the values of a hyper-parameter in a form that the field at `path` accepts.

    Raises:
        InvalidDomain: If the field does not accept these values.
    """
    domain = parameter.domain
    if path == OPTIMIZER:
        values: Sequence[str] = domain.get("values", ())
        classes = [optimizers.class_of(text) for text in values]
        if not classes or None in classes:
            raise InvalidDomain(
                f"the values of the hyper-parameter must be optimizers of Keras, found {', '.join(values) or 'a range'}"
            )
        return value_list(list(classes))
    if path in INTEGERS and "float" in domain:
        limits = domain["float"]
        sizes = {key: float(limits[key]) for key in ("min", "max", "step") if key in limits}
        if any(size != int(size) for size in sizes.values()):
            raise InvalidDomain(f"{path} must have integers, found the range {limits['min']} to {limits['max']}")
        return {"int": {**limits, **{key: int(size) for key, size in sizes.items()}}}
    if path in TEXTS and "values" not in domain:
        raise InvalidDomain(f"{path} takes names, found a range")
    return domain


def _set_condition(parameters: Sequence[dict[str, Any]], draft: Draft) -> None:
    """Limit a parameter for the momentum to trials with SGD or RMSprop: other optimizers have no momentum.

    If no parameter chooses between optimizers with a momentum, the template gets SGD as its optimizer.
    """
    momentum = next((each for each in parameters if each["paths"] == [MOMENTUM]), None)
    if momentum is None:
        return
    optimizer = next((each for each in parameters if each["paths"] == [OPTIMIZER]), None)
    with_momentum = [each for each in ("SGD", "RMSprop") if optimizer and each in optimizer["values"]]
    if optimizer is None or not with_momentum:
        draft.spec["training"]["optimizer"] = {"name": "SGD", "learning_rate": 0.01, "momentum": 0.9}
    if optimizer is not None and with_momentum:
        momentum["when"] = {"parameter": optimizer["name"], "values": with_momentum}


def _domain_text(domain: Mapping[str, Any]) -> str:
    kind, value = next(iter(domain.items()))
    if isinstance(value, list):
        return f"{kind}: [{', '.join(shown(each) for each in value[:16])}{', …' if len(value) > 16 else ''}]"  # noqa: PLR2004
    return f"{kind}: {{{', '.join(f'{key}: {shown(each)}' for key, each in value.items())}}}"
