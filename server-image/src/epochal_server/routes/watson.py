"""The routes of Watson Machine Learning's online scoring, versions 4 and 3.

The name of the deployment is the name of the ModelServer.
"""

from functools import partial

from aiohttp import web

from epochal_server.protocols import watson
from epochal_server.routes import handling
from epochal_server.service import Service

V4, V3 = "watson-v4", "watson-v3"
ROOTS = ("/ml", "")
"""Prefixes of version 4. The API had no prefix in its first years, and old clients still send none."""
INSTANCE = "/v3/wml_instances/{instance}"


def routes(service: Service) -> list[web.RouteDef]:
    """Return the routes of deployments.

    Args:
        service: The parts of the server for the routes.
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
