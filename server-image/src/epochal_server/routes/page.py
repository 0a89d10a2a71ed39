"""The web pages: GET / to try the model, GET /docs to write a client, with the JSON documents that they load.

The pages are the same for every model and need no key, because a browser sends none when it opens a page. The pages
load the model's description with the key that the user enters.
"""

from collections.abc import Iterable
from typing import Any

import orjson
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from epochal_api.modelserver.config import ImageMode

from epochal_server.model.model import Arrays, Model, Tensor, require_images
from epochal_server.page.assets import HEADERS, Asset, assets
from epochal_server.protocols.classes import has_classes, value_name
from epochal_server.refusals import Unknown
from epochal_server.routes.page_example import example
from epochal_server.routes.service import PROTOCOL, Service, answer, with_protocol

PAGE = "page"
"""Value of the label `protocol` in metrics and logs for the web pages, and for the JSON documents that they load."""
PAGES = {"/": "index.html", "/docs": "docs.html"}
FOLDER = "/page/"
RUNTIMES = {"onnxruntime_onnx": "ONNX Runtime", "keras": "Keras"}


def routes(service: Service, document: dict[str, Any], samples: Arrays | None = None) -> list[web.RouteDef]:
    """Return the routes of the web pages, of the model's description and of /openapi.json.

    Args:
        service: The parts of the server that the routes use.
        document: The content of /openapi.json.
        samples: Stored samples of the model. The first sample is the example on the page.
    """
    description = describe(service.model, samples)
    openapi, model = orjson.dumps(document), orjson.dumps(description, option=orjson.OPT_SERIALIZE_NUMPY)

    async def send_openapi(request: web.Request) -> web.Response:
        service.authorize(request.headers)
        return answer(openapi)

    async def send_model(request: web.Request) -> web.Response:
        service.authorize(request.headers)
        return answer(model, {hdrs.CACHE_CONTROL: "no-store"})

    files = assets()
    served = PAGES | {f"{FOLDER}{name}": name for name in files if not name.endswith(".html")}
    return [
        *(web.get(path, _send(files[name])) for path, name in served.items()),
        web.get(f"{FOLDER}model.json", with_protocol(PAGE, send_model)),
        web.get("/openapi.json", with_protocol(PAGE, send_openapi)),
    ]


def describe(model: Model, samples: Arrays | None = None) -> dict[str, Any]:
    """Return the description of a model for the web page, ready for JSON, with the first sample as an example."""
    images = _images(model)
    return {
        "name": model.name,
        "version": model.version,
        "runtime": RUNTIMES[model.platform],
        "inputs": _tensors(model.inputs.values()),
        "features": model.features,
        "outputs": [
            {**tensor, "classes": output.classes, "class_values": value_name(output) if has_classes(output) else None}
            for tensor, output in zip(_tensors(model.outputs.values()), model.outputs.values(), strict=True)
        ],
        "images": images,
        "example": example(model, samples) if images == "None" else None,
        "limits": {"request_bytes": model.limits.request_bytes},
    }


def _send(asset: Asset) -> Handler:
    async def send(request: web.Request) -> web.Response:
        request[PROTOCOL] = PAGE
        if any(tag.value == asset.digest for tag in request.if_none_match or ()):
            response = web.Response(status=304, headers=HEADERS)
        else:
            response = web.Response(body=asset.content, content_type=asset.type, charset="utf-8", headers=HEADERS)
        response.etag = asset.digest
        return response

    return send


def _images(model: Model) -> ImageMode:
    """Return spec.images.mode, or "None" if the server cannot convert photographs to the model's input."""
    try:
        require_images(model)
    except Unknown:
        return "None"
    return model.images


def _tensors(tensors: Iterable[Tensor]) -> list[dict[str, Any]]:
    return [{"name": tensor.name, "dtype": tensor.dtype_name, "shape": [-1, *tensor.shape]} for tensor in tensors]
