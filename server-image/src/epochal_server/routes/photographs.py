"""POST /predict: a photograph, or a form with several photographs."""

from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from aiohttp import hdrs, web

from epochal_server.model.model import Model, bytes_of, require_images
from epochal_server.protocols import media_type, multipart, photographs
from epochal_server.protocols.multipart import File
from epochal_server.protocols.photographs import Options
from epochal_server.protocols.preprocess import (
    ModelImage,
    check_total_pixels,
    inputs,
    is_large,
    png,
    preprocess,
    sample_bytes,
)
from epochal_server.protocols.protocol import JSON
from epochal_server.refusals import Invalid, NotReady, Refused
from epochal_server.routes.request_body import reservation
from epochal_server.routes.service import (
    Service,
    answer,
    compute,
    encode_answer,
    json_answer,
    read_body,
    with_protocol,
)

PHOTOGRAPHS = "photographs"
MAX_FILES = 64
"""Maximum number of photographs in a request. More are refused: each may take a tenth of a second, while other requests
wait."""
PNG = "image/png"


def routes(service: Service) -> list[web.RouteDef]:
    """Return the route of POST /predict."""
    model = service.model

    async def predict(request: web.Request) -> web.Response:
        service.authorize(request.headers)
        require_images(model)
        options = photographs.read_options(request.query, model)
        content_type = media_type.declared(request.headers)
        if content_type == JSON:
            media_type.check_photograph(b"", content_type, model.name)
        body = await read_body(request, service)
        if content_type.startswith("multipart/"):
            files = multipart.files(body, request.headers[hdrs.CONTENT_TYPE], MAX_FILES)
            answers, size = await _predict_files(request, service, files, options)
            return await encode_answer(service, size, partial(json_answer, {"photographs": answers}))
        media_type.check_photograph(body, content_type, model.name)
        with _sample_memory(request, service, body):
            images = await _images(service, body, options)
            if options.show and PNG in request.headers.get("Accept", "") and len(images) == 1:
                size = photographs.shown_bytes(images)
                return answer(await encode_answer(service, size, partial(png, images[0])), content_type=PNG)
            predictions, size = await _predictions(request, service, images, options)
        return await encode_answer(service, size, partial(json_answer, photographs.answer(predictions, options)))

    return [web.post("/predict", with_protocol(PHOTOGRAPHS, predict))]


def _sample_memory(request: web.Request, service: Service, data: bytes | memoryview) -> AbstractContextManager[None]:
    """Reserve memory for one sample, before decoding. It may be thousands of times as large as the photograph."""
    return reservation(request, service.admission).inputs(max(0, sample_bytes(service.model) - len(data)))


async def _images(service: Service, data: bytes, options: Options) -> list[ModelImage]:
    """Return the model images of a photograph. Photographs that take much memory are decoded one after another."""
    run = service.workers.run_exclusively if await service.workers(is_large, data, service.model) else service.workers
    return await run(preprocess, data, service.model, several=options.several, fit=options.fit)


async def _predictions(
    request: web.Request,
    service: Service,
    images: list[ModelImage],
    options: Options,
    earlier_bytes: int = 0,
    *,
    is_part: bool = False,
) -> tuple[list[dict[str, Any]], int]:
    """Return the prediction of each model image, and the bytes that outputs and response of all predictions take.

    The images are computed together, as the samples of one request to the model. The request was admitted before its
    photograph was decoded. `is_part` means that the photograph is one of a form.
    """
    if not images:
        return [], 0
    model, memory_factor = service.model, photographs.memory_factor(service.model)
    shown = photographs.shown_bytes(images) if options.show else 0
    further = (len(images) - 1) * sample_bytes(model)
    with reservation(request, service.admission).inputs(further):
        outputs = await compute(
            request,
            service,
            inputs(images, model),
            memory_factor,
            earlier_bytes + shown,
            is_admitted=True,
            is_part=is_part,
        )
    size = shown + memory_factor * bytes_of(outputs)
    encode = partial(photographs.predictions, images, outputs, model, options)
    return await encode_answer(service, size, encode, is_part=is_part), size


async def _predict_files(
    request: web.Request, service: Service, files: list[File], options: Options
) -> tuple[list[dict[str, Any]], int]:
    """Return the predictions for each file, and the bytes that outputs and response of all predictions take.

    An invalid file gets an error in place of predictions. The form is admitted or refused as a whole. Its files are
    computed one after another. Forms and other requests take turns, and memory contains the model's inputs of one file
    at a time.

    Raises:
        Invalid: If every file is invalid.
        TooLarge: If the photographs have too many pixels in total.
        Busy: If there is no memory for the photographs, or the queue is full or too slow before the first file.
        NotReady: If the server shuts down before the answer.
    """
    model = service.model
    large = await service.workers(_large_files, files, model)
    answers: list[dict[str, Any] | Refused] = []
    size = 0
    with service.workers.plan(preprocess, large) as decode:
        for file in files:
            with _sample_memory(request, service, file.data):
                try:
                    images = await decode(bytes(file.data), model, several=options.several, fit=options.fit)
                except NotReady:
                    raise
                except Refused as refused:
                    answers.append(refused)
                else:
                    predictions, more = await _predictions(request, service, images, options, size, is_part=True)
                    answers.append(photographs.answer(predictions, options))
                    size += more
    if all(isinstance(answer, Refused) for answer in answers):
        errors = "; ".join(f"{file.name}: {refused}" for file, refused in zip(files, answers, strict=True))
        raise Invalid(f"body: expected photographs, found no valid photograph: {errors}")
    return [
        {"file": file.name, **({"error": answer.message} if isinstance(answer, Refused) else answer)}
        for file, answer in zip(files, answers, strict=True)
    ], size


def _large_files(files: list[File], model: Model) -> list[bool]:
    """Return for each file whether decoding takes much memory.

    Raises:
        TooLarge: If the photographs have too many pixels in total.
    """
    check_total_pixels([file.data for file in files], model)
    return [is_large(bytes(file.data), model) for file in files]
