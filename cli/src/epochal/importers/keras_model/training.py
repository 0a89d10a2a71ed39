"""Converts the arguments of `compile` (optimizer, losses, metrics) to spec.training of a TrainingJob."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from epochal_api.catalogue.classes import LOSSES, METRICS, OPTIMIZERS, SCHEDULES

from epochal.importers import losses, optimizers
from epochal.importers.draft import Draft
from epochal.importers.keras_model.network import ImportedNetwork
from epochal.importers.keras_model.objects import FULL_PRECISION, NotImportable, convert_named
from epochal.importers.losses import find_last_layer
from epochal.importers.reading import mapping, shown

_WRAPPERS = frozenset({"LossFunctionWrapper", "MeanMetricWrapper"})
"""Classes of Keras 2 that wrap a function as a loss or a metric."""
_MAX_METRICS = 32
_ACCURACIES = frozenset({"acc", "accuracy", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"})
"""Names of the metric accuracy in a file: Keras replaces it by a function that fits the loss."""


class _Loss(NamedTuple):
    """The loss of an output.

    Args:
        loss: The loss in the notation of a TrainingJob.
        is_trained: Whether Keras trains the output. It trains no output without a loss if another output has a loss.
    """

    loss: Any
    is_trained: bool = True


def convert_training(compiled: Mapping[str, Any] | None, imported: ImportedNetwork, draft: Draft) -> dict[str, Any]:
    """Return spec.training for a Keras model. Values that the file lacks, such as the epochs, are placeholders.

    Args:
        compiled: The arguments of `compile`, or None for a model that was not compiled.
        imported: The converted network of the model.
        draft: Receives the warnings and the list of placeholders.
    """
    training: dict[str, Any] = {"epochs": 10, "batchSize": 32}
    draft.fill_in("training.epochs", "the epochs and the batch size, which are not in the file of a model.")
    if imported.precision != FULL_PRECISION:
        training["precision"] = imported.precision
    if not compiled:
        draft.fill_in("training.loss", "the model was not compiled. This loss suits its last layer.")
        compiled = {}
    training["optimizer"] = _optimizer(compiled, draft)
    if compiled.get("weighted_metrics"):
        draft.warn("compile", "weighted_metrics are lost: metrics of a TrainingJob are not weighted")
    outputs = list(imported.outputs)
    trained = _losses(compiled.get("loss", compiled.get("loss_config")), imported, draft, is_compiled=bool(compiled))
    weights = _by_output(compiled.get("loss_weights"), outputs, draft, "loss_weights")
    metrics = _by_output(compiled.get("metrics"), outputs, draft, "metrics", is_list=True)
    described = []
    for name, own_name in imported.outputs.items():
        entry: dict[str, Any] = {"name": own_name, "loss": trained[name].loss}
        if (found := _metrics(metrics.get(name), name, draft)) or len(outputs) == 1:
            entry["metrics"] = found
        weight = weights.get(name) if trained[name].is_trained else 0
        if weight is not None and weight != 1:
            entry["weight"] = str(weight)
        described.append(entry)
    if len(described) > 1:
        if "training.loss" in draft.comments:
            draft.comments["training.outputs"] = draft.comments.pop("training.loss")
            draft.placeholders[draft.placeholders.index("training.loss")] = "training.outputs"
        return {**training, "outputs": described}
    if "weight" in described[0]:
        return {**training, "outputs": described}
    del described[0]["name"]
    return {**training, **described[0]}


def _optimizer(compiled: Mapping[str, Any], draft: Draft) -> str | dict[str, Any]:
    found = compiled.get("optimizer", compiled.get("optimizer_config"))
    if isinstance(found, str):
        found = {"class_name": found, "config": {}}
    if not isinstance(found, Mapping) or not isinstance(found.get("class_name"), str):
        if compiled:
            draft.fill_in("training.optimizer", "the optimizer, which is not in the file.")
        return optimizers.DEFAULT
    name = found["class_name"].rpartition(">")[2]
    kind = optimizers.class_of(name)
    module = found.get("module")
    if kind is None or (isinstance(module, str) and not module.startswith(("keras", "tensorflow", "tf_keras"))):
        draft.warn("optimizer", f"{shown(name)} is custom code: {optimizers.DEFAULT} takes its place")
        return optimizers.DEFAULT
    values: dict[str, Any] = {}
    for key, value in mapping(found.get("config")).items():
        if not isinstance(value, Mapping):
            values[key] = value
            continue
        try:
            module_of_value = OPTIMIZERS if key == "inner_optimizer" else SCHEDULES
            converted = convert_named(value, module_of_value)
        except NotImportable as error:
            draft.warn("optimizer", f"{shown(key)} is lost: {error}")
            continue
        values[key] = {"name": converted} if isinstance(converted, str) else converted
    result = optimizers.convert_optimizer(kind, values)
    for key, reason in result.lost.items():
        draft.warn("optimizer", f"{shown(key)} is {shown(values.get(key))}: {reason}, so this value is lost")
    return result.spec


def _by_output(value: Any, names: Sequence[str], draft: Draft, field: str, *, is_list: bool = False) -> dict[str, Any]:
    """Return the value of the `compile` argument `field` for each output, by the name of the output.

    `value` is one value for all outputs, a list in the order of the outputs, or a mapping by the name of the output.

    With `is_list`, the value of an output is itself a list, such as its metrics. So a list without inner lists may have
    two meanings: if it has as many entries as there are outputs, each output gets one entry. Otherwise each output gets
    the whole list.
    """
    if value is None:
        return {}
    if isinstance(value, Mapping) and "class_name" not in value:
        for key in _unknown_outputs(value, names):
            draft.warn("compile", f"{field} names {shown(key)}, which is no output of the model")
        return {name: value[name] for name in names if name in value}
    if not isinstance(value, list):
        return dict.fromkeys(names, value)
    is_nested = bool(value) and all(isinstance(each, list) or each is None for each in value)
    if is_list and not is_nested:
        if len(names) > 1 and len(value) == len(names):
            return {name: [each] for name, each in zip(names, value, strict=True)}
        return dict.fromkeys(names, value)
    return dict(zip(names, value, strict=False))


def _unknown_outputs(value: Any, names: Collection[str]) -> list[str]:
    """Return the keys of a mapping by output name that are no output of the model. Keys without a value are ignored."""
    if not isinstance(value, Mapping) or "class_name" in value:
        return []
    return [key for key in value if key not in names and value[key]]


def _losses(value: Any, imported: ImportedNetwork, draft: Draft, *, is_compiled: bool) -> dict[str, _Loss]:
    """Return the loss of each output, by the name of the output in the Keras model.

    An output without a loss, or with a loss that is not importable, gets a loss that suits its last layer.
    """
    given = _by_output(value, list(imported.outputs), draft, "loss")
    given = {name: loss for name, loss in given.items() if loss is not None}
    # Keras refuses such losses, so the missing loss of an output is a mistake in the file.
    is_wrong = bool(_unknown_outputs(value, imported.outputs))
    if is_compiled and not given and not is_wrong:
        draft.fill_in("training.loss", "the model was compiled without a loss. This loss suits its last layer.")
    result: dict[str, _Loss] = {}
    for name, own_name in imported.outputs.items():
        suitable = losses.loss_for(find_last_layer(imported.network["layers"], own_name))
        kind = suitable if isinstance(suitable, str) else suitable["name"]
        reason = "the file has none" if is_wrong else ""
        if name in given:
            try:
                result[name] = _Loss(_named(given[name], LOSSES))
                continue
            except NotImportable as error:
                reason = str(error)
        result[name] = _Loss(suitable, is_trained=bool(reason) or not given)
        label = f'loss of the output "{shown(name)}"'
        if reason:
            draft.warn(label, f"{reason}: {kind}, which suits the last layer, takes its place")
        elif given:
            untrained = (
                "the loss is not set, so Keras does not train this output: weight is 0. A TrainingJob needs a loss"
            )
            draft.warn(
                label,
                f"{untrained} and labels also for such an output: {kind} has no effect, and the labels may be zeros",
            )
    return result


def _metrics(value: Any, name: str, draft: Draft) -> list[Any]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    result: list[Any] = []
    for each in values[:_MAX_METRICS]:
        try:
            found = _named(each, METRICS)
        except NotImportable as error:
            draft.warn(f'metrics of the output "{shown(name)}"', f"one metric is lost: {error}")
            continue
        kind = found if isinstance(found, str) else found["name"]
        own = mapping(mapping(each).get("config")).get("name")
        if (
            isinstance(own, str)
            and kind.replace("_", "") != "accuracy"
            and _is_name_of_user(own, kind.replace("_", ""))
        ):
            draft.warn(f'metrics of the output "{shown(name)}"', f"the name {shown(own)} of the metric {kind} is lost")
        if found not in result:
            result.append(found)
    return result


def _named(value: Any, module: str) -> Any:
    """Convert a loss or a metric from its name or its configuration.

    Raises:
        NotImportable: If it is no class or function of `module`.
    """
    if isinstance(value, str):
        value = {"class_name": value, "config": {}}
    if not isinstance(value, Mapping):
        raise NotImportable(f"it must be a name of {module}, found {shown(value)}")
    config = value.get("config")
    if str(value.get("class_name")) in _WRAPPERS and isinstance(config, Mapping):
        function = config.get("fn")
        if isinstance(function, Mapping):
            function = function.get("config")
        value = {"class_name": function, "config": {}}
        name = str(config.get("name"))
        if module == METRICS and str(function) in _ACCURACIES and name in _ACCURACIES:
            return "accuracy" if name in {"acc", "accuracy"} else name
    return convert_named({**value, "config": _relevant_arguments(value.get("config"))}, module)


def _relevant_arguments(config: Any) -> Any:
    """Return the arguments of a loss or a metric without `dtype` and without `reduction: auto`."""
    if not isinstance(config, Mapping):
        return config
    return {
        key: value for key, value in config.items() if not (key == "dtype" or (key == "reduction" and value == "auto"))
    }


def _is_name_of_user(name: str, kind: str) -> bool:
    """Return whether the user chose the name of a metric: it differs from the default name of the class `kind`."""
    return re.sub(r"_(\d+)?$|_", "", name).lower().rstrip("0123456789") != kind.lower().rstrip("0123456789")
