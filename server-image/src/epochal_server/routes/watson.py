"""Watson Machine Learning's online scoring, versions 4 and 3. A deployment is called as the ModelServer is."""

from functools import partial

from aiohttp import web

from epochal_server.protocols import watson
from epochal_server.routes import handling
from epochal_server.service import Service

V4, V3 = "watson-v4", "watson-v3"
ROOTS = ("/ml", "")
"""Where version 4 begins: it did without a root in its first years, and clients of then have that in their code."""
INSTANCE = "/v3/wml_instances/{instance}"


def routes(service: Service) -> list[web.RouteDef]:
    """Returns the routes of deployments.

    Args:
        service: What they work with.
    """
    model = service.model
    times = watson.times(model)

    async def predictions(request: web.Request) -> web.Response:
        handling.named(request, service)
        watson.check_version(request.query.get("version"))
        asked = await handling.asked(request, service, watson.decode_v4, model)
        encode = partial(watson.encode_v4, asked, model=model)
        return handling.answer(await handling.answered(request, service, asked.inputs, times, encode))

    async def online(request: web.Request) -> web.Response:
        handling.named(request, service)
        asked = await handling.asked(request, service, watson.decode_v3, model)
        encode = partial(watson.encode_v3, model=model)
        return handling.answer(await handling.answered(request, service, asked.inputs, times, encode))

    return [
        *(
            web.post(f"{root}/v4/deployments/{{name}}/predictions", handling.speaking(V4, predictions))
            for root in ROOTS
        ),
        web.post(f"{INSTANCE}/deployments/{{name}}/online", handling.speaking(V3, online)),
        web.post(f"{INSTANCE}/published_models/{{of}}/deployments/{{name}}/online", handling.speaking(V3, online)),
    ]
