"""The protocol of POST /predict for photographs: the options of a request and the form of predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from epochal_server.model.model import Arrays, Model, Tensor
from epochal_server.protocols import answer_size, json_values
from epochal_server.protocols.classes import ClassPrediction, has_classes, top_classes, value_name
from epochal_server.protocols.preprocess import Fit, ModelImage, data_url, png
from epochal_server.protocols.query import boolean
from epochal_server.refusals import Invalid

TOP_CLASSES = 3
CLASSES_BYTES = 2048
"""Bytes of Python objects and field names for the predicted classes of one output for a picture."""
SAMPLE_BYTES = 512
"""Bytes of Python objects and field names for the prediction of a picture, without its classes."""
PICTURE_FACTOR = 4
"""Bytes for each byte of a returned picture's pixels: its PNG, the base64 text of the PNG, and the response."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a request with photographs, from its query."""

    show: bool = False
    """Whether the answer contains each model image: the picture that the network gets."""
    several: bool = False
    """Whether to look for several digits on each photograph."""
    fit: Fit = "crop"
    """Whether to crop or to pad a photograph with other proportions than the model's input."""


def read_options(query: Mapping[str, str], model: Model) -> Options:
    """Return the options from the query of a URL.

    Raises:
        Invalid: If a parameter is unknown, has an invalid value, or does not apply to this model.
    """
    if unknown := sorted(set(query) - {"show", "several", "fit"}):
        raise Invalid(f"query parameters: expected show, several or fit, found {unknown[0][:40]!r}: remove it")
    options = Options(boolean(query, "show"), boolean(query, "several"), _fit(query))
    if options.several and model.images != "Digit":
        raise Invalid(
            "several: expected a model of digits, found another model: set spec.images.mode to Digit, or remove several"
        )
    if "fit" in query and model.images != "Resize":
        raise Invalid(
            "fit: expected a model of pictures (spec.images.mode: Resize), found a model of digits: remove fit"
        )
    return options


def predictions(images: Sequence[ModelImage], answers: Arrays, model: Model, options: Options) -> list[dict[str, Any]]:
    """Return a prediction for each model image, with the image's box and picture if requested.

    A prediction contains the most probable classes of the first output if it predicts classes. The field `outputs`
    contains each other output, as its most probable classes or as its values.
    """
    columns = {name: _predictions_of_output(answers[name], output) for name, output in model.outputs.items()}
    predictions = columns.pop(model.first_output.name) if has_classes(model.first_output) else [{} for _ in images]
    if columns:
        rows = zip(*columns.values(), strict=True)
        predictions = [
            prediction | {"outputs": dict(zip(columns, row, strict=True))}
            for prediction, row in zip(predictions, rows, strict=True)
        ]
    for image, prediction in zip(images, predictions, strict=True):
        if image.box is not None:
            prediction["box"] = image.box
        if options.show:
            prediction["image"] = data_url(png(image))
    return predictions


def memory_factor(model: Model) -> int:
    """Return the maximum bytes of outputs and response together, for each byte of the outputs."""
    names = sum(len(orjson.dumps(name)) + len(":,") for name in model.outputs)
    return answer_size.memory_factor(model, SAMPLE_BYTES + names + sum(map(_prediction_bytes, model.outputs.values())))


def shown_bytes(images: Sequence[ModelImage]) -> int:
    """Return the approximate bytes of memory to return model images in a response, as PNG and base64."""
    return sum(PICTURE_FACTOR * image.pixels.nbytes for image in images)


def answer(predictions: list[dict[str, Any]], options: Options) -> dict[str, Any]:
    """Return the answer for a photograph: a list of predictions with the option `several`, else its only prediction."""
    return {"predictions": predictions} if options.several else predictions[0]


def _prediction_bytes(output: Tensor) -> int:
    """Return the maximum bytes of one output in the prediction of a picture, as Python objects and as JSON."""
    if has_classes(output):
        return CLASSES_BYTES + answer_size.label_bytes(output, TOP_CLASSES)
    return answer_size.nested_bytes(output)


def _predictions_of_output(answers: np.ndarray, output: Tensor) -> list[Any]:
    """Return, for each sample, the prediction of one output: the most probable classes, else the output's values."""
    if not has_classes(output):
        return list(json_values.jsonable(answers))
    value = value_name(output)
    return [
        {**_class(top[0], value), "top": [_class(prediction, value) for prediction in top]}
        for top in top_classes(answers, TOP_CLASSES, output.classes)
    ]


def _class(prediction: ClassPrediction, value: str) -> dict[str, Any]:
    name = str(prediction.index) if prediction.name is None else prediction.name
    return {"class": prediction.index, "name": name, value: prediction.value}


def _fit(query: Mapping[str, str]) -> Fit:
    match query.get("fit", "crop"):
        case ("crop" | "pad") as fit:
            return fit
        case unknown:
            raise Invalid(f"fit: expected crop or pad, found {unknown[:40]!r}: send crop or pad")
