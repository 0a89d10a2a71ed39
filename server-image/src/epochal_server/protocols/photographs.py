"""The protocol of photographs: what is asked for beside a picture, and what is told about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from epochal_server.model import Arrays, Model
from epochal_server.protocols import answer_size, values
from epochal_server.protocols.classes import Guess, ranked, tells_classes
from epochal_server.protocols.pixels import Fit, Seen, data_url, png
from epochal_server.refusals import Invalid

TOP = 3
"""How many classes are told of each picture."""
GUESS_BYTES = 2048
"""What Python objects and field names of the classes of a picture take."""
SAMPLE_BYTES = 512
"""The same of the numbers of a picture."""
SHOWN_TIMES = 4
"""Bytes of a picture that is shown for each of its pixels' bytes: its PNG, that in base64, and the response."""
_TRUTH = {"true": True, "1": True, "": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for."""

    show: bool = False
    """Whether to give back what the network was shown."""
    several: bool = False
    """Whether to look for several digits on each photograph."""
    fit: Fit = "crop"
    """What becomes of a photograph of other proportions."""


def options(query: Mapping[str, str], model: Model) -> Options:
    """Returns what the parameters of a URL ask for.

    Raises:
        Invalid: If one is unknown, is not what it must be, or means nothing for this model.
    """
    if odd := sorted(set(query) - {"show", "several", "fit"}):
        raise Invalid(f"parameters: expected show, several or fit, found {odd[0][:40]!r}: leave it out")
    asked = Options(_truth(query, "show"), _truth(query, "several"), _fit(query))
    if asked.several and model.images != "Digit":
        raise Invalid(
            "several: expected a model for digits, found none: set spec.images.mode to Digit, or leave it out"
        )
    if "fit" in query and model.images != "Resize":
        raise Invalid("fit: expected a model for pictures, found one for digits, which has no use for it: leave it out")
    return asked


def told(seen: Sequence[Seen], answers: Arrays, model: Model, asked: Options) -> list[dict[str, Any]]:
    """Returns what is told of each picture that the network was shown.

    Args:
        seen: What it was shown.
        answers: What it answers.
        model: The model.
        asked: What was asked for.
    """
    found = _classes(answers, model) if tells_classes(model) else _numbers(answers)
    for one, about in zip(seen, found, strict=True):
        if one.box is not None:
            about["box"] = one.box
        if asked.show:
            about["image"] = data_url(png(one))
    return found


def times(model: Model) -> int:
    """Returns the most bytes that an answer takes for each byte of the model's outputs."""
    outputs = model.outputs
    if tells_classes(model):
        first = next(iter(outputs.values()))
        return answer_size.times(model, GUESS_BYTES + answer_size.label_bytes(first, TOP, model.classes))
    names = sum(len(orjson.dumps(name)) + len(":,") for name in outputs)
    return answer_size.times(model, SAMPLE_BYTES + names + sum(map(answer_size.nested_bytes, outputs.values())))


def shown_bytes(seen: Sequence[Seen]) -> int:
    """Returns the bytes that pictures take as PNG and in base64, about."""
    return sum(SHOWN_TIMES * one.pixels.nbytes for one in seen)


def whole(told: list[dict[str, Any]], asked: Options) -> dict[str, Any]:
    """Returns what is told of a photograph.

    Args:
        told: What is told of each picture on it.
        asked: What was asked for: a list of them, if of several, else the only one.
    """
    return {"predictions": told} if asked.several else told[0]


def _classes(answers: Arrays, model: Model) -> list[dict[str, Any]]:
    first = answers[next(iter(model.outputs))]
    value = "probability" if model.signature.probabilities else "score"
    return [
        {**_guess(guesses[0], value), "top": [_guess(guess, value) for guess in guesses]}
        for guesses in ranked(first, TOP, model.classes)
    ]


def _guess(guess: Guess, value: str) -> dict[str, Any]:
    name = str(guess.index) if guess.name is None else guess.name
    return {"class": guess.index, "name": name, value: guess.value}


def _numbers(answers: Arrays) -> list[dict[str, Any]]:
    columns = {name: values.jsonable(found) for name, found in answers.items()}
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
