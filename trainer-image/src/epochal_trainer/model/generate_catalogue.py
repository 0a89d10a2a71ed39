"""Generates the catalogue of Keras' classes: python -m epochal_trainer.model.generate_catalogue FILE.

The catalogue holds names, defaults and types, but none of Keras' sentences. Its format is `epochal_api.catalogue`.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
from epochal_api.catalogue.notation import CHOSEN_BY_KERAS, WRAPPED
from keras.src import activations, constraints, initializers, losses, metrics, optimizers, regularizers

from epochal_trainer.model.docstrings import argument_texts, constructors
from epochal_trainer.model.keras_objects import classes

MODULES: Sequence[ModuleType] = (
    keras.layers,
    keras.optimizers,
    keras.optimizers.schedules,
    keras.losses,
    keras.metrics,
    keras.callbacks,
    keras.initializers,
    keras.regularizers,
    keras.constraints,
    keras.activations,
    keras.dtype_policies,
)
_NAMES: Mapping[ModuleType, Mapping[str, Any]] = {
    keras.activations: activations.ALL_OBJECTS_DICT,
    keras.constraints: constraints.ALL_OBJECTS_DICT,
    keras.initializers: initializers.ALL_OBJECTS_DICT,
    keras.losses: losses.ALL_OBJECTS_DICT,
    keras.metrics: metrics.ALL_OBJECTS_DICT,
    keras.optimizers: optimizers.ALL_OBJECTS_DICT,
    keras.regularizers: regularizers.ALL_OBJECTS_DICT,
}
"""Names that the function `get` of each module accepts. No public function of Keras lists these names."""

_CODE = "it runs code, but a TrainingJob cannot contain code"
_OWN_LAYER = f"{_CODE}; write a layer of your own in spec.code"
_ABSTRACT = "it is the base of other classes and does nothing by itself"
_INPUT = "network.input describes the input"
_NO_LEARNING_RATE = (
    "it has no learning rate of its own, which callbacks and checks need; use one optimizer for all weights"
)
_NO_LABELS = "it summarizes single numbers, and cannot compare labels with outputs; use MeanAbsoluteError"
_LEFT_OUT = "Keras leaves it out of a network; use ContrastLimitedAdaptiveHistogramEqualization or AutoContrast"
_LABELS = "it takes labels too, but a network processes features only"
_REFUSED: Mapping[ModuleType, Mapping[str, str]] = {
    keras.layers: {
        **dict.fromkeys(("JaxLayer", "FlaxLayer", "TorchModuleWrapper"), _OWN_LAYER),
        "Lambda": f"{_OWN_LAYER}, or use Rescaling, Activation or Reshape",
        "TFSMLayer": "it loads a program from a file of the pod; save it as .keras, and continue it with spec.model",
        **dict.fromkeys(("Layer", "Wrapper"), _ABSTRACT),
        **dict.fromkeys(("InputLayer", "Input", "InputSpec"), _INPUT),
        **dict.fromkeys(("CutMix", "MaxNumBoundingBoxes", "MixUp"), _LABELS),
        "Equalization": _LEFT_OUT,
    },
    keras.optimizers: {
        "Optimizer": _ABSTRACT,
        **dict.fromkeys(("MultiOptimizer", "OptimizerMap"), _NO_LEARNING_RATE),
    },
    keras.optimizers.schedules: {"LearningRateSchedule": _ABSTRACT},
    keras.losses: {"Loss": _ABSTRACT},
    keras.metrics: {
        **dict.fromkeys(("Metric", "MeanMetricWrapper"), _ABSTRACT),
        **dict.fromkeys(("Mean", "Sum"), _NO_LABELS),
    },
    keras.initializers: {"Initializer": _ABSTRACT},
    keras.regularizers: {"Regularizer": _ABSTRACT},
    keras.constraints: {"Constraint": _ABSTRACT},
    keras.callbacks: {
        "LambdaCallback": _CODE,
        "LearningRateScheduler": f"{_CODE}; write a schedule for the optimizer instead: learning_rate: "
        "{name: ExponentialDecay, ...}, see keras.optimizers.schedules",
        "RemoteMonitor": "it sends metrics over the network; they are in the TrainingJob's status and in /metrics",
        "OrbaxCheckpoint": "it needs the package orbax-checkpoint, which the trainer does not have; use "
        "ModelCheckpoint",
        "Callback": _ABSTRACT,
        "CallbackList": "spec.training.callbacks is the list",
    },
}
"""Classes that a TrainingJob cannot use, by module, with the reason for the error message."""

_UNDOCUMENTED_FLOATS: Mapping[str, str] = {"FBetaScore": "threshold", "PiecewiseConstantDecay": "values"}
"""Arguments, by class, that take floats, although neither their default nor their docstring shows it."""
_NO_FLOATS = frozenset(
    {
        ("Bidirectional", "weights"),
        ("Hashing", "mask_value"),
        ("RandomColorDegeneration", "value_range"),
        ("RandomInvert", "value_range"),
        ("RandomPosterization", "factor"),
    }
)
"""Class and argument for arguments that take no floats, although arguments of this name do in other classes."""

_LOOSE_NAMES = frozenset(
    """
    adam_beta_1 adam_beta_2 adam_lr_ratio adam_weight_decay alpha ema_momentum ema_overwrite_frequency fill_value
    input_axes lora_alpha oov_token output_axes renorm_clipping renorm_momentum seed value_range warmup_steps
    """.split()  # noqa: SIM905 - a line for each name would be long
)
_LOOSE = frozenset(
    {
        ("BatchNormalization", "axis"),
        ("BatchNormalization", "epsilon"),
        ("BatchNormalization", "momentum"),
        ("Discretization", "epsilon"),
        ("HashedCrossing", "activity_regularizer"),
        ("HashedCrossing", "num_bins"),
        ("Muon", "epsilon"),
        ("SimpleRNN", "activity_regularizer"),
        ("TensorBoard", "profile_batch"),
        *(
            ("MelSpectrogram", name)
            for name in ("fft_length", "mag_exp", "max_freq", "min_freq", "min_power", "num_mel_bins", "ref_power")
        ),
        ("MelSpectrogram", "sequence_stride"),
        ("MelSpectrogram", "top_db"),
    }
)
"""Arguments whose type is not enforced: Keras uses them in some cases only, and may accept a value of another type."""

_OBJECTS = ("activation", "constraint", "dtype", "initializer", "regularizer")
"""Types of arguments that take a Keras object by name. The argument's name ends with the type."""
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("backward_layer", "cell", "cells", "layers", WRAPPED), "layer"),
    "inner_optimizer": "optimizer",
    "learning_rate": "schedule",
    "vocabulary": "list",  # Keras reads a text as the path of a file
}
_ADAPTED: Mapping[str, str] = {
    "Discretization": "bin_boundaries",
    "IntegerLookup": "vocabulary",
    "Normalization": "mean",
    "StringLookup": "vocabulary",
    "TextVectorization": "vocabulary",
}
"""Layers that learn from data by `adapt` before training, with the argument that makes `adapt` unnecessary."""
_WORDS: Mapping[str, re.Pattern[str]] = {
    "boolean": re.compile(r"\b(bool(ean)?s?|whether|if `?true`?)\b"),
    "integer": re.compile(r"\bint(eger)?s?\b|\b(number|size) of\b"),
    "number": re.compile(r"\b(float(s|ing)?|scalar|python numbers?)\b"),
    "string": re.compile(r"\b(str(ing)?s?|path)\b"),
    "quote": re.compile(r"[\"']"),
    "list": re.compile(r"\b(list|tuple|sequence|array|matrix|tensor|iterable)s?\b"),
}
"""Patterns for the docstring of an argument, by the type of value that a match indicates."""


def generate() -> dict[str, Any]:
    """Return the catalogue as JSON values."""
    return {"keras": keras.__version__, "modules": {module.__name__: _module(module) for module in MODULES}}


def _module(module: ModuleType) -> dict[str, Any]:
    kinds = classes(module)
    described: dict[str, Any] = {}
    for name, kind in sorted(kinds.items()):
        if reason := _REFUSED.get(module, {}).get(name):
            described[name] = {"refused": reason}
        elif name != kind.__name__ and kinds.get(kind.__name__) is kind:
            described[name] = {"alias": kind.__name__}
        else:
            described[name] = {"group": _group(kind)}
            if module is keras.layers and name in _ADAPTED:
                described[name]["adapted"] = _ADAPTED[name]
            described[name]["arguments"] = _arguments(module, kind)
    return {"names": _names(module, kinds), "classes": described}


def _names(module: ModuleType, kinds: Mapping[str, type]) -> dict[str, str | None]:
    of_kind = {kind: name for name, kind in kinds.items() if name == kind.__name__}
    names = {name: of_kind.get(value) for name, value in _NAMES.get(module, {}).items() if name not in kinds}
    if module is keras.metrics:
        names = dict.fromkeys(CHOSEN_BY_KERAS) | names
    return dict(sorted(names.items()))


def _group(kind: type) -> str:
    """Return the name of the subpackage or module of Keras that defines a class, such as convolutional."""
    parts = kind.__module__.split(".")  # keras.src.layers.convolutional.conv2d
    return parts[3] if len(parts) > 4 else parts[2]  # noqa: PLR2004


def parameters(kind: type) -> dict[str, inspect.Parameter]:
    """Return the parameters of a class's constructor, with those of base constructors that get its **kwargs."""
    found: dict[str, inspect.Parameter] = {}
    for number, (_, signature) in enumerate(constructors(kind)):
        own = list(signature.parameters.values())[1:]
        for each in own:
            # A class passes the required arguments of its bases itself.
            if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY) and (
                not number or each.default is not each.empty
            ):
                found.setdefault(each.name, each)
        if not any(each.kind is each.VAR_KEYWORD for each in own):
            break
    return found


def _arguments(module: ModuleType, kind: type) -> dict[str, dict[str, Any]]:
    texts = argument_texts(kind)
    found: dict[str, dict[str, Any]] = {}
    for keras_name, parameter in parameters(kind).items():
        name = WRAPPED if keras_name == "layer" else keras_name
        required = parameter.default is parameter.empty
        if name == "name" and module is not keras.layers and not required:
            continue  # In these modules, `name` is the class.
        described: dict[str, Any] = {"required": True} if required else {"default": parameter.default}
        takes_floats = keras_name in _float_names() and (kind.__name__, keras_name) not in _NO_FLOATS
        if type_name := _type_of(name, parameter, texts.get(keras_name, ""), takes_floats=takes_floats):
            described["type"] = type_name
            is_loose = name in _LOOSE_NAMES or (kind.__name__, name) in _LOOSE
            if is_loose and type_name not in {"boolean", "string"}:
                described["loose"] = True
        if takes_floats:
            described["float"] = True
        found[name] = described
    return found


@cache
def _float_names() -> frozenset[str]:
    """Return the names of arguments that take floats in at least one class, according to default or docstring.

    The API server writes 0.0 as 0, and Keras then computes with integers or fails. So the trainer converts integers to
    floats for these arguments.
    """
    return frozenset(
        name
        for module in MODULES
        for kind_name, kind in classes(module).items()
        if kind_name not in _REFUSED.get(module, {})
        for name in _documented_floats(kind)
    )


def _documented_floats(kind: type) -> Iterator[str]:
    for base, signature in constructors(kind):
        if name := _UNDOCUMENTED_FLOATS.get(base.__name__):
            yield name
        yield from (name for name, parameter in signature.parameters.items() if _has(float, parameter.default))
    number = re.compile(r"\bfloat(s|ing)?\b", re.IGNORECASE)
    yield from (name for name, text in argument_texts(kind).items() if number.search(text))


def _type_of(name: str, parameter: inspect.Parameter, text: str, *, takes_floats: bool) -> str | None:
    """Return the type of an argument from its name, default and docstring, or None if they do not agree on a type.

    `takes_floats` is whether the argument takes floats, by its name.
    """
    if found := _TYPES.get(name) or next((end for end in _OBJECTS if f"_{name}".endswith(f"_{end}")), None):
        return found
    default = None if parameter.default is parameter.empty else parameter.default
    told = {word for word, shown in _WORDS.items() if shown.search(re.split(r"[.;](\s|$)", text.lower())[0])}
    if isinstance(default, bool) or (default is None and told == {"boolean"}):
        return "boolean"
    if isinstance(default, str) or told & {"string", "quote"}:
        is_text = isinstance(default, str) or (default is None and "string" in told)
        return "string" if is_text and told <= {"string", "quote"} else None
    if takes_floats or _has(float, default) or told & {"number", "integer"} == {"number"}:
        scalar = "number"
    elif "integer" in told or _has(int, default):
        scalar = "integer"
    else:
        return None
    return (
        f"{scalar}s"
        if "list" in told or isinstance(default, tuple | list) or (default is None and not text)
        else scalar
    )


def _has(kind: type, default: Any) -> bool:
    """Return whether a default is of type `kind`, or is a list or tuple that contains a value of this type."""
    return isinstance(default, kind) or (
        isinstance(default, tuple | list) and any(_has(kind, item) for item in default)
    )


def dumps(catalogue: Mapping[str, Any]) -> str:
    """Return the catalogue as JSON with a line for each argument, so that a diff shows a changed argument."""
    text = json.dumps(catalogue, indent=1, ensure_ascii=False)
    # An object without further objects goes into one line.
    return re.sub(r"\{[^{}]*\}", lambda found: re.sub(r"\s*\n\s*", " ", found[0]), text) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(dumps(generate()), encoding="utf-8")
