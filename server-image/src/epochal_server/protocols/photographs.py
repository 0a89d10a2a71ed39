"""The protocol of photographs: the options of a request and the form of predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from epochal_server.model.model import Arrays, Model
from epochal_server.protocols import answer_size, json_values
from epochal_server.protocols.classes import ClassPrediction, ranked, tells_classes
from epochal_server.protocols.preprocess import Fit, ModelImage, data_url, png
from epochal_server.refusals import Invalid

TOP = 3
"""Maximum number of classes for each picture."""
GUESS_BYTES = 2048
"""Bytes of Python objects and field names for the classes of a picture."""
SAMPLE_BYTES = 512
"""Bytes of Python objects and field names for the numbers of a picture."""
SHOWN_TIMES = 4
"""Bytes for each byte of a returned picture's pixels: its PNG, the base64 text of the PNG, and the response."""
_TRUTH = {"true": True, "1": True, "": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a request."""

    show: bool = False
    """Whether to return the model image."""
    several: bool = False
    """Whether to look for several digits on each photograph."""
    fit: Fit = "crop"
    """Whether to crop or pad a photograph with other proportions."""


def read_options(query: Mapping[str, str], model: Model) -> Options:
    """Return the options from the query of a URL.

    Raises:
        Invalid: If a parameter is unknown, has an invalid value, or does not apply to this model.
    """
    if odd := sorted(set(query) - {"show", "several", "fit"}):
        raise Invalid(f"parameters: expected show, several or fit, found {odd[0][:40]!r}: leave it out")
    options = Options(_truth(query, "show"), _truth(query, "several"), _fit(query))
    if options.several and model.images != "Digit":
        raise Invalid(
            "several: expected a model for digits, found none: set spec.images.mode to Digit, or leave it out"
        )
    if "fit" in query and model.images != "Resize":
        raise Invalid("fit: expected a model for pictures, found one for digits, which has no use for it: leave it out")
    return options


def predictions(images: Sequence[ModelImage], answers: Arrays, model: Model, options: Options) -> list[dict[str, Any]]:
    """Return the prediction of each model image, with its box and picture if requested."""
    found = _classes(answers, model) if tells_classes(model) else _numbers(answers)
    for one, about in zip(images, found, strict=True):
        if one.box is not None:
            about["box"] = one.box
        if options.show:
            about["image"] = data_url(png(one))
    return found


def times(model: Model) -> int:
    """Return the maximum bytes of outputs and response together, for each byte of the outputs."""
    outputs = model.outputs
    if tells_classes(model):
        first = next(iter(outputs.values()))
        return answer_size.times(model, GUESS_BYTES + answer_size.label_bytes(first, TOP, model.classes))
    names = sum(len(orjson.dumps(name)) + len(":,") for name in outputs)
    return answer_size.times(model, SAMPLE_BYTES + names + sum(map(answer_size.nested_bytes, outputs.values())))


def shown_bytes(images: Sequence[ModelImage]) -> int:
    """Return the approximate bytes of pictures as PNG and in base64."""
    return sum(SHOWN_TIMES * one.pixels.nbytes for one in images)


def answer(found: list[dict[str, Any]], options: Options) -> dict[str, Any]:
    """Return the answer for a photograph: a list of predictions for several digits, else its only prediction."""
    return {"predictions": found} if options.several else found[0]


def _classes(answers: Arrays, model: Model) -> list[dict[str, Any]]:
    first = answers[next(iter(model.outputs))]
    value = "probability" if model.signature.probabilities else "score"
    return [
        {**_class(top[0], value), "top": [_class(one, value) for one in top]}
        for top in ranked(first, TOP, model.classes)
    ]


def _class(prediction: ClassPrediction, value: str) -> dict[str, Any]:
    name = str(prediction.index) if prediction.name is None else prediction.name
    return {"class": prediction.index, "name": name, value: prediction.value}


def _numbers(answers: Arrays) -> list[dict[str, Any]]:
    columns = {name: json_values.jsonable(found) for name, found in answers.items()}
    return [{"outputs": dict(zip(columns, row, strict=True))} for row in zip(*columns.values(), strict=True)]


def _truth(query: Mapping[str, str], name: str) -> bool:
    found = query.get(name, "false").lower()
    if found not in _TRUTH:
        raise Invalid(f"{name}: expected true or false, found {found[:40]!r}: send ?{name}=true")
    return _TRUTH[found]


def _fit(query: Mapping[str, str]) -> Fit:
    match query.get("fit", "crop"):
        case "crop":
            return "crop"
        case "pad":
            return "pad"
        case odd:
            raise Invalid(f"fit: expected crop or pad, found {odd[:40]!r}: send one of them")
