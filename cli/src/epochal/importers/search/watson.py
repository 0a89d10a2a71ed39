"""Imports the hyper-parameter search `hyper_parameters_optimization` of the training service of 2018."""

from collections.abc import Mapping
from typing import Any

from epochal_api.experiment.spec import MAX_TRIALS

from epochal.errors import EpochalError
from epochal.importers.ffdl.manifest import MANIFEST_FIELDS, convert_manifest
from epochal.importers.imported import Imported
from epochal.importers.reading import mapping, mappings_within, shown
from epochal.importers.search.domains import InvalidDomain, float_range, int_range, powers, value_list
from epochal.importers.search.experiment import Search, build_experiment, goal_of, read_parameters
from epochal.importers.values import integer, is_nothing

_KEY = "hyper_parameters_optimization"
_METHODS: Mapping[str, Mapping[str, Any]] = {
    "hyperband": {"search": {"method": "Random"}, "schedule": {"method": "Hyperband", "minEpochs": 1, "factor": 3}},
    "random": {"search": {"method": "Random"}},
    "rbfopt": {"search": {"method": "TPE"}},
}
_LISTS = ("int_values", "double_values", "string_values")
_RANGES = ("int_range", "double_range")


def find_search(document: Any) -> Mapping[str, Any] | None:
    """Return the mapping `hyper_parameters_optimization` at any depth of a document; None if there is none."""
    places = (value.get(_KEY) for value in mappings_within(document))
    return next((found for found in places if isinstance(found, Mapping)), None)


def import_search(
    document: Mapping[str, Any], search: Mapping[str, Any], *, name: str | None, stem: str, strict: bool
) -> Imported:
    """Return the Experiment for a hyper-parameter search.

    Args:
        document: The manifest with the search.
        search: The search in it.
        name: Name of the Experiment; None for the name in the manifest, or else the stem of the file.
        stem: Name of the file without its suffix.
        strict: Whether a detail of the search that is not imported is an error.

    Raises:
        EpochalError: If the search is invalid; or, with `strict`, if a detail is not imported.
    """
    manifest = {key: value for key, value in document.items() if key in MANIFEST_FIELDS}
    draft = convert_manifest(manifest, name=name, stem=stem)
    draft.heading = (
        f"From {_KEY} of 2018.\n{draft.heading}" if MANIFEST_FIELDS & document.keys() else f"From {_KEY} of 2018."
    )
    method = mapping(search.get("method"))
    settings = _settings(method.get("parameters"))
    kind = str(method.get("name", "")).strip().lower()
    result = Search(
        metric=str(settings.pop("objective", "accuracy")), goal=goal_of(settings.pop("maximize_or_minimize", None))
    )
    if kind == "rbfopt":
        draft.warn("method rbfopt", "the method is not available: TPE, another algorithm, takes its place")
    elif kind and kind not in _METHODS:
        draft.warn(f"method {shown(kind)}", f"the method must be one of {', '.join(_METHODS)}: TPE takes its place")
    result.fields = dict(_METHODS.get(kind, {"search": {"method": "TPE"}}))
    steps = settings.pop("num_optimizer_steps", None)
    if steps is not None:
        # Trial 0 is the template, which the old service did not train.
        result.fields["maxTrials"] = _trials(steps)
        if result.fields["maxTrials"] == MAX_TRIALS and (integer(steps) or 0) >= MAX_TRIALS:
            draft.warn("num_optimizer_steps", f"an Experiment has at most {MAX_TRIALS:,} trials")
    for key, value in settings.items():
        draft.warn(
            f"method {shown(kind)}",
            f"{shown(key)} is {shown(value)}: an Experiment has no such field, so this value is lost",
        )
    result.parameters = read_parameters("hyper_parameters", search.get("hyper_parameters"), _domain)
    return build_experiment(result, draft, strict=strict)


def _settings(value: Any) -> dict[str, Any]:
    """Return the settings of the search method by name. The file has them as a mapping, or as a list with names."""
    if isinstance(value, Mapping):
        return {str(key): each for key, each in value.items()}
    result: dict[str, Any] = {}
    for each in value if isinstance(value, list) else ():
        if isinstance(each, Mapping) and isinstance(name := each.get("name"), str):
            others = [each[key] for key in each if key != "name" and not is_nothing(each[key])]
            result[name] = others[0] if others else None
    return result


def _trials(steps: Any) -> int:
    count = integer(steps)
    if count is None or count < 1:
        raise EpochalError(f"num_optimizer_steps must be an integer from 1, found {shown(steps)}")
    return min(count + 1, MAX_TRIALS)


def _domain(value: Mapping[str, Any], _: str) -> dict[str, Any]:
    for key in _LISTS:
        if key in value:
            return value_list(value[key])
    kind = next((key for key in _RANGES if isinstance(value.get(key), Mapping)), None)
    if kind is None:
        raise InvalidDomain(f"the hyper-parameter must have one of {', '.join((*_RANGES, *_LISTS))}")
    limits = value[kind]
    low, high, power = limits.get("min_value"), limits.get("max_value"), limits.get("power")
    if not is_nothing(power):
        return powers(low, high, power)
    step = None if is_nothing(limits.get("step")) else limits["step"]
    return int_range(low, high, step) if kind == "int_range" else float_range(low, high, step)
