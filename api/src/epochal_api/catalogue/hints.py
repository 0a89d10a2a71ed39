"""Remedies for names that Keras does not have: similar names, and the names of other versions and libraries."""

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

from epochal_api.catalogue.classes import CALLBACKS, LAYERS, LOSSES, METRICS, OPTIMIZERS, KerasClass, catalogue
from epochal_api.suggestions import MAX_SUGGESTIONS, did_you_mean

_MAX_LISTED = 12
"""Maximum number of names in a remedy that lists all names of a module or all arguments of a class. The number of the
others follows."""
_INPUT_SHAPE = "remove it: spec.network.input.shape has the shape of the input"
MISTAKEN_CLASSES: Mapping[str, Mapping[str, str]] = {
    LAYERS: {
        "adaptiveavgpool2d": "GlobalAveragePooling2D",
        "avgpool": "AveragePooling2D",
        "batchnorm": "BatchNormalization",
        "batchnorm1d": "BatchNormalization",
        "batchnorm2d": "BatchNormalization",
        "cudnngru": "GRU",
        "cudnnlstm": "LSTM",
        "fullyconnected": "Dense",
        "dropout2d": "SpatialDropout2D",
        "layernorm": "LayerNormalization",
        "linear": "Dense",
        "maxpool": "MaxPooling2D",
        "relu6": "ReLU with max_value: 6",
    },
    LOSSES: {
        "bceloss": "BinaryCrossentropy",
        "bcewithlogitsloss": "{name: BinaryCrossentropy, from_logits: true}",
        "crossentropy": "SparseCategoricalCrossentropy",
        "crossentropyloss": "SparseCategoricalCrossentropy",
        "l1loss": "MeanAbsoluteError",
        "mseloss": "MeanSquaredError",
        "rmse": "MeanSquaredError",
    },
    METRICS: {"f1": "F1Score", "r2": "R2Score", "rmse": "RootMeanSquaredError", "rocauc": "AUC"},
    "keras.initializers": {"kaiming": "HeNormal", "xavier": "GlorotUniform"},
    "keras.optimizers.schedules": {"cosineannealinglr": "CosineDecay", "exponentiallr": "ExponentialDecay"},
}
"""By module: names from other versions and libraries, in lower case without "_", and the class of the same effect."""
REMOVED_ARGUMENTS: Mapping[str, str] = {
    "batch_input_shape": _INPUT_SHAPE,
    "decay": "write a schedule: learning_rate: {name: ExponentialDecay, …}",
    "input_dim": _INPUT_SHAPE,
    "input_length": _INPUT_SHAPE,
    "input_shape": _INPUT_SHAPE,
    "weights": "remove it: spec.network.weights names a file with weights",
}
"""Arguments that only earlier versions of Keras have, and the remedy for each."""
RENAMED_ARGUMENTS: Mapping[str, str] = {
    "alpha": "negative_slope",
    "bias": "use_bias",
    "border_mode": "padding",
    "eps": "epsilon",
    "epsilon": "min_delta",
    "init": "kernel_initializer",
    "lambda": "l2",
    "lr": "learning_rate",
    "metric": "monitor",
    "nb_filter": "filters",
    "out_channels": "filters",
    "p": "rate",
    "subsample": "strides",
    "top_k": "k",
}
"""Names of arguments in earlier versions and other libraries, and their present names in Keras."""
MODULES_WITH_SHORT_NAMES = (LOSSES, METRICS)
"""Modules whose short names are hints. Those of optimizers differ in case only, and those of other modules are for
texts, not for a mapping with arguments."""
_MODULES_OF_CLASSES = (LAYERS, OPTIMIZERS, LOSSES, METRICS, CALLBACKS)


@lru_cache(maxsize=1024)
def class_hint(module: str, name: str) -> str:
    """Return the remedy for a name that is no class of a module."""
    content = catalogue().modules[module]
    if same := MISTAKEN_CLASSES.get(module, {}).get(name.lower().replace("_", "")):
        return f"use {same}"
    short = content.names if module in MODULES_WITH_SHORT_NAMES else ()
    usable = [*short, *(known for known, each in content.classes.items() if not each.refused)]
    if (found := content.names.get(name)) in usable:
        return f"write {found}, the class of this short name"
    if any(known.lower() == name.lower() for known in usable):
        return did_you_mean(name, usable)
    if module == LAYERS and name.lower() in catalogue().modules["keras.activations"].names:
        return f"write {{layer: Activation, activation: {name.lower()}}}"
    others = [other for other in _MODULES_OF_CLASSES if other != module]
    if found := next((other for other in others if name in catalogue().modules[other].classes), None):
        return f"it is a class of {found}"
    return did_you_mean(name, usable) or f"{module} has {_listed(usable)}"


@lru_cache(maxsize=1024)
def argument_hint(module: str, class_name: str, argument: str) -> str:
    """Return the remedy for an argument that a class does not have."""
    own = [*_find(module, class_name).arguments]
    if argument in REMOVED_ARGUMENTS:
        return REMOVED_ARGUMENTS[argument]
    if (renamed := RENAMED_ARGUMENTS.get(argument)) in own:
        return f"write {renamed}"
    # An argument of another class is no typing error: for momentum, Adam has no argument of the same effect.
    if others := [other for other in _classes_with(module).get(argument, ()) if other != class_name]:
        more = f" and {len(others) - MAX_SUGGESTIONS} more" if len(others) > MAX_SUGGESTIONS else ""
        return f"it is an argument of {', '.join(others[:MAX_SUGGESTIONS])}{more}; {class_name} has {_listed(own)}"
    return did_you_mean(argument, own) or f"{class_name} has {_listed(own)}"


def name_hint(module: str, name: str) -> str:
    """Return the remedy for a text that is no name of a module, such as an activation."""
    if same := MISTAKEN_CLASSES.get(module, {}).get(name.lower().replace("_", "")):
        return f"use {same}"
    content = catalogue().modules[module]
    known = [*content.names, *content.classes]
    return did_you_mean(name, known) or f"{module} has {_listed(known)}"


def _find(module: str, name: str) -> KerasClass:
    found = catalogue().modules[module].find(name)
    assert found is not None  # noqa: S101 - callers have found it
    return found


@cache
def _classes_with(module: str) -> Mapping[str, list[str]]:
    """Return, by the name of each argument, the names of the classes of a module that have the argument."""
    found: dict[str, list[str]] = {}
    for name, each in catalogue().modules[module].classes.items():
        for argument in each.arguments:
            found.setdefault(argument, []).append(name)
    return found


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return f"{', '.join(names[:_MAX_LISTED])}{more}" if names else "no arguments"
