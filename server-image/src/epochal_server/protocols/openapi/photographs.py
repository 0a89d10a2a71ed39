"""The OpenAPI operation of POST /predict."""

from typing import Any

from epochal_server.model import Model
from epochal_server.protocols.classes import tells_classes
from epochal_server.protocols.openapi.parts import JSON, Schema, each, operation, query, sample, whole
from epochal_server.protocols.photographs import TOP
from epochal_server.protocols.seeing import MOST_TOGETHER

TAG = {"name": "Photographs", "description": "For whoever has a picture."}
TYPES = ("image/jpeg", "image/png", "image/webp")
FLAG: Schema = {"type": "boolean", "default": False}
FILE: Schema = {"type": "string", "format": "binary"}
TEXT: Schema = {"type": "string"}


def paths(model: Model) -> dict[str, Any]:
    """Return the operation of photographs."""
    about = _prediction(model)
    parameters = [
        query(
            "show",
            FLAG,
            "Whether to give back the picture that the network saw: as `image`, a PNG in a "
            "data URL, or as the PNG itself, with `Accept: image/png`.",
        )
    ]
    answers, some = about, ""
    if model.images == "Digit":
        box = whole({side: {"type": "integer"} for side in ("left", "top", "right", "bottom")})
        several = whole({"predictions": each(about | {"properties": about["properties"] | {"box": box}})})
        answers = {"anyOf": [about, several]}
        parameters.append(query("several", FLAG, "Whether to find several digits, from left to right."))
        some = " With `several=true` there are `predictions`, one for each digit."
    else:
        fit = TEXT | {"enum": ["crop", "pad"], "default": "crop"}
        parameters.append(query("fit", fit, "What becomes of a photograph of other proportions."))
    form = whole({"file": each(FILE)}, "file")
    files = whole({"photographs": each({"type": "object"})})
    return {
        "/predict": {
            "post": operation(
                TAG["name"],
                "What is on a photograph",
                f"One photograph of at most {model.limits.image_pixels:,} pixels is answered by what is told of it."
                f"{some}\n\nA form of several, of at most {MOST_TOGETHER * model.limits.image_pixels:,} pixels "
                "together, is answered by `photographs`, each with the name of its `file`; one that cannot be read has "
                "an `error`, and the others their answers.",
                parameters=parameters,
                body={kind: {"schema": FILE} for kind in TYPES} | {"multipart/form-data": {"schema": form}},
                answer={
                    JSON: {"schema": {"anyOf": [answers, files]}},
                    "image/png": {"schema": FILE},
                },
            )
        }
    }


def _prediction(model: Model) -> Schema:
    image = {"image": TEXT | {"format": "uri"}}
    if not tells_classes(model):
        outputs = {tensor.name: sample(tensor) for tensor in model.outputs.values()}
        return whole({"outputs": whole(outputs)} | image, "outputs")
    sure = "probability" if model.signature.probabilities else "score"
    guess = {"class": {"type": "integer"}, "name": TEXT, sure: {"type": "number"}}
    top = each(whole(guess)) | {"maxItems": TOP}
    return whole(guess | {"top": top} | image, "class", "name", sure, "top")
