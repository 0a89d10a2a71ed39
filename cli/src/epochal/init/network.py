"""Builds the layers of a first network for the shape and the type of the data."""

from collections.abc import Mapping
from typing import Any

from epochal.init.description import Features, Labels

Layers = list[dict[str, Any]]

_VOCABULARY = 10_000
_MAX_WORDS = 200
_MIN_SIDE = 8
"""Minimum height and width of feature maps for another convolution with pooling, which halves both."""
_MAX_POOLS = 4
_MAX_FLAT = 64
"""Maximum height × width of the last feature maps for a Flatten layer. Larger feature maps are averaged."""
_FOUR_BITS = 16
"""Maximum value of images with 4 bits for each pixel, such as scikit-learn's digits."""
_CHANNELS = (1, 3, 4)


def layers(features: Features, labels: Labels) -> tuple[Layers, Mapping[int, str]]:
    """Return the layers of a network for these features and labels, and comments by the index of a layer."""
    rank = len(features.shape)
    if features.kind == "texts":
        body = _text_layers()
    elif rank <= 1:
        body = [*_scaling(features), *_dense(64), *_dense(32)]
    elif rank == 2 or (rank == 3 and not _is_channels_first(features.shape)):  # noqa: PLR2004
        body = [*_scaling(features), *_image_layers(features.shape[:2])]
    elif rank == 3:  # noqa: PLR2004
        permute = {"layer": "Permute", "dims": [2, 3, 1]}
        body = [permute, *_scaling(features), *_image_layers(features.shape[1:])]
    else:
        body = [*_scaling(features), {"layer": "Flatten"}, *_dense(64)]
    result = [*body, _last_layer(labels)]
    comments = {
        index: text for index, layer in enumerate(result) if (text := _COMMENTS.get(layer["layer"])) is not None
    }
    return result, comments


_COMMENTS = {
    "Normalization": "Learns mean and variance from the training data, and is stored with the model.",
    "TextVectorization": "Learns the vocabulary from the training data, and is stored with the model.",
    "Permute": "The channels are the first axis of the data, and the last one in Keras.",
}


def _is_channels_first(shape: tuple[int, ...]) -> bool:
    return shape[0] in _CHANNELS and shape[-1] not in _CHANNELS and shape[-1] > max(_CHANNELS)


def _scaling(features: Features) -> Layers:
    """Return the layer that scales the features, as a list. The list is empty for images with values from -1 to 1.

    Images of bytes are rescaled to 0 to 1. Other features get a Normalization.
    """
    low, high = features.lowest, features.highest
    is_image = len(features.shape) >= 2  # noqa: PLR2004
    if is_image and features.kind == "bytes":
        white = high if high is not None and 0 < high <= _FOUR_BITS else 255
        return [{"layer": "Rescaling", "scale": 1 / white}]
    if is_image and low is not None and high is not None and low >= -1 and high <= 1:
        return []
    return [{"layer": "Normalization"}]


def _dense(units: int) -> Layers:
    return [{"layer": "Dense", "units": units, "activation": "relu"}, {"layer": "Dropout", "rate": 0.2}]


def _image_layers(sides: tuple[int, ...]) -> Layers:
    result: Layers = []
    filters, (height, width) = 32, sides
    while min(height, width) >= _MIN_SIDE and len(result) < 2 * _MAX_POOLS:
        result.append(_convolution(filters))
        result.append({"layer": "MaxPooling2D", "pool_size": 2})
        height, width, filters = height // 2, width // 2, min(2 * filters, 128)
    result.append(_convolution(filters))
    flat = "Flatten" if height * width <= _MAX_FLAT else "GlobalAveragePooling2D"
    return [*result, {"layer": flat}, *_dense(64)]


def _convolution(filters: int) -> dict[str, Any]:
    return {"layer": "Conv2D", "filters": filters, "kernel_size": 3, "padding": "same", "activation": "relu"}


def _text_layers() -> Layers:
    return [
        {"layer": "TextVectorization", "max_tokens": _VOCABULARY, "output_sequence_length": _MAX_WORDS},
        {"layer": "Embedding", "input_dim": _VOCABULARY, "output_dim": 32},
        {"layer": "GlobalAveragePooling1D"},
        *_dense(32),
    ]


def _last_layer(labels: Labels) -> dict[str, Any]:
    activation = {"classes": "softmax", "labels": "sigmoid"}.get(labels.task)
    return {"layer": "Dense", "units": labels.count, **({"activation": activation} if activation else {})}
