"""The route that saves a YAML document: POST /api/jobs."""

from aiohttp import web

from epochal_studio.access import access_of
from epochal_studio.bodies import namespace_of, read_body
from epochal_studio.problems import answer
from epochal_studio.saving.document import read_document
from epochal_studio.saving.save import save
from epochal_studio.state import STATE
from epochal_studio.wire.documents import SaveRequest


def routes() -> list[web.RouteDef]:
    """Return the route POST /api/jobs."""
    return [web.post("/api/jobs", save_job)]


async def save_job(request: web.Request) -> web.Response:
    """Create or change the TrainingJob or Experiment in the body. A dry run only lets the API server validate it."""
    access = access_of(request)
    body = await read_body(request, SaveRequest)
    namespace = namespace_of(body.namespace)
    warnings: list[str] = []
    key, document = await request.app[STATE].documents.to_its_end(
        access.owner, lambda: access.in_thread(read_document, body.yaml, namespace)
    )
    saved = await access.in_thread(save, access.cluster(namespace, warnings.append), key, document, body, warnings)
    return answer(saved, 201 if body.resource_version is None and not body.dry_run else 200)
