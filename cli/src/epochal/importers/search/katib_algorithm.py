"""Imports the search algorithm and the early stopping of a Katib Experiment."""

from collections.abc import Mapping
from typing import Any

from epochal.errors import EpochalError
from epochal.importers.draft import Draft
from epochal.importers.reading import mapping, shown
from epochal.importers.search.experiment import Search
from epochal.importers.values import integer

_METHODS: Mapping[str, str] = {
    "bayesianoptimization": "TPE",
    "grid": "Grid",
    "hyperband": "Random",
    "multivariate-tpe": "TPE",
    "random": "Random",
    "tpe": "TPE",
}
_OTHERS: Mapping[str, str] = {"cmaes": "TPE", "sobol": "Random"}
"""Katib algorithms without a counterpart, and the method of an Experiment that replaces each."""
_NETWORK_SEARCHES = frozenset({"darts", "enas", "pbt"})
_EARLY_STOPPING = "medianstop"
_MAX_SEED = 2**31 - 1


def set_algorithm(spec: Mapping[str, Any], search: Search, draft: Draft) -> str | None:
    """Set the fields `search` and `schedule` of the Experiment from Katib's algorithm and early stopping.

    Return the name of Hyperband's resource parameter, which has the epochs of a trial; None for other algorithms.

    Raises:
        EpochalError: If the algorithm changes the layers of the network.
    """
    algorithm = mapping(spec.get("algorithm"))
    name = str(algorithm.get("algorithmName", "")).strip().lower()
    if name in _NETWORK_SEARCHES:
        raise EpochalError(f"algorithm {name}: it changes the network during the training, and cannot be imported")
    method = _METHODS.get(name)
    if method is None:
        method = _OTHERS.get(name, "TPE")
        draft.warn(
            f"algorithm {shown(name)}", f"the algorithm is not available: {method}, another algorithm, takes its place"
        )
    search.fields["search"] = {"method": method}
    settings = _settings(algorithm.get("algorithmSettings"))
    resource = settings.pop("resource_name", None) if name == "hyperband" else None
    if name == "hyperband":
        _set_hyperband(settings, search, draft)
    _set_settings(name, settings, search, draft)
    _set_early_stopping(spec.get("earlyStopping"), search, draft)
    return resource


def _set_hyperband(settings: dict[str, str], search: Search, draft: Draft) -> None:
    epochs, factor = integer(settings.pop("r_l", None)), integer(settings.pop("eta", 3))
    if factor is None or not 2 <= factor <= 100:  # noqa: PLR2004 - the limits of the API
        draft.warn("algorithm hyperband", "eta must be an integer from 2 to 100: 3 takes its place")
        factor = 3
    search.fields["schedule"] = {"method": "Hyperband", "minEpochs": 1, "factor": factor}
    if epochs is not None and epochs >= 1:
        draft.spec["training"]["epochs"] = min(epochs, 1_000_000)


def _set_settings(name: str, settings: Mapping[str, str], search: Search, draft: Draft) -> None:
    for key, value in settings.items():
        number = integer(value)
        if key in {"random_state", "seed"} and number is not None and 0 <= number <= _MAX_SEED:
            search.fields["search"]["seed"] = number
        elif key == "n_startup_trials" and number is not None and 1 <= number <= 1000:  # noqa: PLR2004 - as the API
            if search.fields["search"]["method"] == "TPE":
                search.fields["search"]["startupTrials"] = number
        else:
            draft.warn(
                f"algorithm {shown(name)}",
                f"{shown(key)} is {shown(value)}: an Experiment has no such field, so this value is lost",
            )


def _set_early_stopping(value: Any, search: Search, draft: Draft) -> None:
    if not isinstance(value, Mapping):
        return
    name = str(value.get("algorithmName", ""))
    if name != _EARLY_STOPPING:
        draft.warn(f"earlyStopping {shown(name)}", f"only {_EARLY_STOPPING} is known: ASHA takes its place")
    for key, setting in _settings(value.get("algorithmSettings")).items():
        draft.warn(
            f"earlyStopping {shown(name)}",
            f"{shown(key)} is {shown(setting)}: ASHA, which takes the place of early stopping, has no such field, so "
            "this value is lost",
        )
    search.fields.setdefault("schedule", {"method": "ASHA", "minEpochs": 1, "factor": 3})


def _settings(value: Any) -> dict[str, str]:
    found = value if isinstance(value, list) else []
    pairs = [(each.get("name"), each.get("value")) for each in found if isinstance(each, Mapping)]
    return {name: str(setting) for name, setting in pairs if isinstance(name, str)}
