"""Converts arguments of layers from Keras 1, Keras 2 and the Neural Network Modeler to those of the current Keras."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from epochal_api.catalogue.classes import LAYERS, Argument, catalogue
from epochal_api.catalogue.objects import NAMED

from epochal.importers.reading import mappings_within
from epochal.importers.values import WrongValue, coerce, integer, is_nothing, number

_RENAMED: Mapping[str, tuple[str, ...]] = {
    "W_constraint": ("kernel_constraint",),
    "W_regularizer": ("kernel_regularizer",),
    "U_constraint": ("recurrent_constraint",),
    "U_regularizer": ("recurrent_regularizer",),
    "b_constraint": ("bias_constraint",),
    "b_regularizer": ("bias_regularizer",),
    "alpha": ("negative_slope",),
    "atrous_rate": ("dilation_rate",),
    "beta_init": ("beta_initializer",),
    "bias": ("use_bias",),
    "bias_init": ("bias_initializer",),
    "border_mode": ("padding",),
    "dim_ordering": ("data_format",),
    "dropout_U": ("recurrent_dropout",),
    "dropout_W": ("dropout",),
    "filter_length": ("kernel_size",),
    "gamma_init": ("gamma_initializer",),
    "init": ("kernel_initializer", "embeddings_initializer", "depthwise_initializer", "alpha_initializer"),
    "inner_activation": ("recurrent_activation",),
    "inner_init": ("recurrent_initializer",),
    "length": ("size",),
    "nb_filter": ("filters",),
    "num_output": ("filters", "units"),
    "output_dim": ("units", "filters"),
    "p": ("rate",),
    "pool_length": ("pool_size",),
    "sigma": ("stddev",),
    "std": ("stddev",),
    "stride": ("strides",),
    "subsample": ("strides",),
    "subsample_length": ("strides",),
}
"""The current names for each old name of an argument. The first name that the class of the layer has is used."""
_AXES: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("kernel_dim1", "kernel_dim2", "kernel_dim3"): ("kernel_size", "pool_size"),
    ("kernel_depth", "kernel_row", "kernel_col"): ("kernel_size", "pool_size"),
    ("kernel_row", "kernel_col"): ("kernel_size", "pool_size"),
    ("kernel_h", "kernel_w"): ("kernel_size", "pool_size"),
    ("nb_row", "nb_col"): ("kernel_size",),
    ("pool_row", "pool_col"): ("pool_size",),
    ("size_row", "size_col"): ("size",),
    ("stride_dim1", "stride_dim2", "stride_dim3"): ("strides",),
    ("stride_depth", "stride_row", "stride_col"): ("strides",),
    ("stride_row", "stride_col"): ("strides",),
    ("stride_h", "stride_w"): ("strides",),
    ("padding_row", "padding_col"): ("padding",),
    ("pad_row", "pad_col"): ("padding",),
}
"""Old parameters that have the size for one axis each, and the current arguments that have all sizes in a list."""
_DATA_FORMATS: Mapping[str, str] = {"tf": "channels_last", "th": "channels_first", "default": "channels_last"}
NOT_NEEDED = frozenset(
    {
        "build_input_shape",
        "batch_input_shape",
        "batch_shape",
        "consume_less",
        "fused",
        "implementation",
        "input_dtype",
        "input_length",
        "input_shape",
        "ragged",
        "sparse_input",
        "time_major",
        "virtual_batch_size",
        "vocabulary_size",
    }
)
"""Old arguments that are dropped: they do not affect the result, or the input of the network replaces them."""
_ONE_SIZE = frozenset({"dilation_rate", "kernel_size", "pool_size", "size", "strides"})
"""Arguments in which one number means the same size for all axes."""
_NEUTRAL: Mapping[str, float] = {"_mult": 1, "_multiplier": 1, "mode": 0}
"""The value with which an old parameter has no effect, by the end of the parameter's name.

The parameters are multipliers of the learning rate or of the decay, and the mode of a BatchNormalization in Keras 1.
"""

HARD_SIGMOID = "hard_sigmoid was clip(0.2x + 0.5), and is clip(x/6 + 0.5) in Keras 3, so the outputs differ"
"""The warning for layers of Keras 1 and 2 with this activation."""
_ACTIVATIONS = ("activation", "inner_activation", "recurrent_activation")
_GRUS = frozenset({"GRU", "GRUCell"})


class Converted(NamedTuple):
    """The converted arguments of a layer.

    Args:
        arguments: The arguments of the current Keras. Arguments with their default value are omitted.
        lost: The reason for each parameter that the current Keras does not have, by the name in the file.
        wrong: The reason for each parameter with an invalid value, by the name in the file.
    """

    arguments: dict[str, Any]
    lost: Mapping[str, str]
    wrong: Mapping[str, str]


def convert_arguments(layer: str, old: Mapping[str, Any]) -> Converted:
    """Convert the parameters of a layer in an old file to arguments of the current Keras.

    Args:
        layer: The class of the layer in keras.layers.
        old: The parameters by their old or current names. Numbers may be texts, such as "3".
    """
    found = catalogue().modules[LAYERS].find(layer)
    known: Mapping[str, Argument] = found.arguments if found else {}
    arguments: dict[str, Any] = {}
    lost: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for key, value in _join_axes(old, known).items():
        name = _new_name(key, known)
        if name is None:
            if not _is_neutral(key, value):
                lost[key] = "Keras has no such argument"
            continue
        if is_nothing(value):
            continue
        if name == "data_format" and isinstance(value, str):
            value = _DATA_FORMATS.get(value.strip().lower(), value)  # noqa: PLW2901 - the same value, in new notation
            if value == "channels_last":
                continue  # It is the default of the trainer.
        if known[name].type == "integer" and name != "factor":
            value = _one_size(value)  # noqa: PLW2901 - Keras stores the one size of a layer of one axis as a list
        try:
            arguments[name] = coerce(name, known[name], value)
        except WrongValue as error:
            wrong[key] = f"it must be {error}"
    return Converted(without_defaults(arguments, known), lost, wrong)


def uses_hard_sigmoid(value: Any) -> bool:
    """Return whether a layer, or a layer within it, has the activation hard_sigmoid."""
    return any(each.get(key) == "hard_sigmoid" for each in mappings_within(value) for key in _ACTIVATIONS)


def without_reset(layer: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a layer of Keras 1 or 2, where a GRU without `reset_after` means false."""
    return {**({"reset_after": False} if layer in _GRUS else {}), **arguments}


def without_defaults(arguments: Mapping[str, Any], known: Mapping[str, Argument]) -> dict[str, Any]:
    """Return the arguments in the order of Keras, without arguments that have their default value.

    A list of equal sizes, such as kernel_size [3, 3], becomes one number.
    """
    result: dict[str, Any] = {}
    for name in [*(name for name in known if name in arguments), *(name for name in arguments if name not in known)]:
        value = arguments[name]
        value = _one_size(value) if name in _ONE_SIZE else value
        argument = known.get(name)
        if argument is not None and not argument.required and _is_default(name, argument, value):
            continue
        result[name] = value
    if "strides" in result and "pool_size" in known:
        pool = result.get("pool_size", known["pool_size"].default)
        if _same(result["strides"], _one_size(pool)):
            del result["strides"]
    return result


def _is_default(name: str, argument: Argument, value: Any) -> bool:
    default = _one_size(argument.default) if name in _ONE_SIZE else argument.default
    if argument.type is not None and argument.type in NAMED and isinstance(value, str):
        if argument.type == "activation":
            return value == (default or "linear")
        # A class has several names, such as zero and zeros.
        names = catalogue().modules[NAMED[argument.type]].names
        return bool(names.get(value, value) == names.get(default, default))
    return _same(value, default)


def _new_name(key: str, known: Mapping[str, Argument]) -> str | None:
    if key in known:
        return key
    return next((name for name in _RENAMED.get(key, ()) if name in known), None)


def _join_axes(old: Mapping[str, Any], known: Mapping[str, Argument]) -> dict[str, Any]:
    """Replace the parameters for single axes, such as nb_row and nb_col, by one argument with a list of sizes."""
    rest = dict(old)
    for keys, names in _AXES.items():
        name = next((name for name in names if name in known), None)
        if name is None or not any(key in rest for key in keys) or keys[0] not in rest:
            continue
        sizes = [rest.pop(key, None) for key in keys]
        given = [size for size in sizes if not is_nothing(size)]
        if given:
            # A missing axis has the size of the other one.
            rest[name] = [size if not is_nothing(size) else given[0] for size in sizes]
    return rest


def _is_neutral(key: str, value: Any) -> bool:
    """Return whether a parameter that the current Keras does not have has no effect with this value."""
    if is_nothing(value) or key in NOT_NEEDED or value is False or value in ([], {}):
        return True
    neutral = next((each for end, each in _NEUTRAL.items() if key.endswith(end)), None)
    return neutral is not None and number(value) == neutral


def _one_size(value: Any) -> Any:
    if isinstance(value, list) and value and integer(value[0]) is not None and all(each == value[0] for each in value):
        return value[0]
    return value


def _same(value: Any, default: Any) -> bool:
    if isinstance(value, bool) != isinstance(default, bool):
        return False
    if isinstance(value, list) and isinstance(default, list):
        return len(value) == len(default) and all(map(_same, value, default))
    return bool(value == default)
