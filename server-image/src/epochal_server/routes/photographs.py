"""POST /predict: a photograph, or a form with several photographs."""

from typing import Any

from aiohttp import hdrs, web

from epochal_server.model import bytes_of
from epochal_server.protocols import multipart, photographs, pixels
from epochal_server.protocols.multipart import File
from epochal_server.protocols.photographs import Options
from epochal_server.protocols.pixels import Seen
from epochal_server.protocols.seeing import check_together, is_large, see
from epochal_server.refusals import Busy, Invalid, Refused, Unsupported
from epochal_server.routes import handling
from epochal_server.service import Service

PHOTOGRAPHS = "photographs"
MOST_FILES = 64
"""Maximum number of photographs in a request. Each may take a tenth of a second, while other requests wait."""
PNG = "image/png"


def routes(service: Service) -> list[web.RouteDef]:
    """Return the route /predict.

    Args:
        service: The parts of the server for the route.
    """
    model = service.model

    async def predict(request: web.Request) -> web.Response:
        handling.authorize(request, service)
        pixels.check(model)
        asked = photographs.options(request.query, model)
        # aiohttp's own reading of the header takes time by the square of its length.
        content_type = request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
        if content_type == handling.JSON:
            raise Unsupported(
                f"Content-Type: expected a photograph, image/jpeg, image/png or image/webp, or multipart/form-data, "
                f"found {handling.JSON}: send numbers to /v2/models/{model.name}/infer"
            )
        body = await handling.body(request, service)
        if content_type.startswith("multipart/"):
            files = multipart.files(body, request.headers[hdrs.CONTENT_TYPE], MOST_FILES)
            each, size = await _each(request, service, files, asked)
            return await _whole(service, {"photographs": each}, size)
        seen = await _seen(service, body, asked)
        if asked.show and PNG in request.headers.get("Accept", "") and len(seen) == 1:
            size = photographs.shown_bytes(seen)
            return handling.answer(await handling.encoded(service, size, pixels.png, seen[0]), content_type=PNG)
        told, size = await _told(request, service, seen, asked)
        return await _whole(service, photographs.whole(told, asked), size)

    return [web.post("/predict", handling.speaking(PHOTOGRAPHS, predict))]


async def _seen(service: Service, data: bytes, asked: Options) -> list[Seen]:
    """Return the model images of a photograph. A photograph that takes much memory is decoded while no other is."""
    work = service.work.alone if await service.work(is_large, data, service.model) else service.work
    return await work(see, data, service.model, asked)


async def _whole(service: Service, told: dict[str, Any], size: int) -> web.Response:
    """Return the response with the predictions of all pictures."""
    return await handling.encoded(service, size, handling.told, told)


async def _told(
    request: web.Request, service: Service, seen: list[Seen], asked: Options, before: int = 0
) -> tuple[list[dict[str, Any]], int]:
    """Return the prediction of each picture, and the bytes of all predictions.

    All pictures share one call of the model.

    Args:
        request: The request.
        service: The service.
        seen: The model images.
        asked: The options of the request.
        before: Bytes of earlier predictions for the same request.
    """
    if not seen:
        return [], 0
    model, times = service.model, photographs.times(service.model)
    shown = photographs.shown_bytes(seen) if asked.show else 0
    answers = await handling.answers(request, service, pixels.inputs(seen, model), times, before + shown)
    size = shown + times * bytes_of(answers)
    return await handling.encoded(service, size, photographs.told, seen, answers, model, asked), size


async def _each(
    request: web.Request, service: Service, files: list[File], asked: Options
) -> tuple[list[dict[str, Any]], int]:
    """Return the predictions of each file, and the bytes of all. An invalid file gets an error in place of predictions.

    The files are answered one after another. Other requests have their turn between them, and memory holds the model's
    inputs of one file at a time.

    Raises:
        Invalid: If no file is a valid photograph.
        TooLarge: If the photographs have too many pixels in total.
        Busy: If there is no memory for the photographs.
    """
    await service.work(check_together, [file.data for file in files], service.model)
    each: list[dict[str, Any] | Refused] = []
    size = 0
    for file in files:
        try:
            seen = await _seen(service, bytes(file.data), asked)
        except Busy:
            raise
        except Refused as refused:
            each.append(refused)
        else:
            told, more = await _told(request, service, seen, asked, size)
            each.append(photographs.whole(told, asked))
            size += more
    if all(isinstance(one, Refused) for one in each):
        named = "; ".join(f"{file.name}: {refused}" for file, refused in zip(files, each, strict=True))
        raise Invalid(f"body: expected photographs, found none: {named}")
    return [
        {"file": file.name, **({"error": found.message} if isinstance(found, Refused) else found)}
        for file, found in zip(files, each, strict=True)
    ], size
