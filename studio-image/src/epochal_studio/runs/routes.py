"""The routes that show, change and compare runs with the API server, without requests to S3."""

from aiohttp import web

from epochal_studio.access import access_of
from epochal_studio.bodies import KIND_PATH, kind_of, namespace_of, read_body, run_key
from epochal_studio.problems import answer, refusal_of, refuse
from epochal_studio.runs import changes
from epochal_studio.runs.compare import read_comparison
from epochal_studio.runs.detail import changed_detail, detail, read_detail
from epochal_studio.runs.values import run_kind
from epochal_studio.state import STATE
from epochal_studio.wire.common import RunKey
from epochal_studio.wire.results import MAX_RUNS_COMPARED
from epochal_studio.wire.runs import ActionRequest, CloneRequest, DeployRequest

_MAX_UID = 64


def routes() -> list[web.RouteDef]:
    """Return the routes of runs."""
    return [
        web.get(KIND_PATH, show),
        web.post(f"{KIND_PATH}/actions", steer),
        web.delete(KIND_PATH, delete),
        web.post(f"{KIND_PATH}/clone", clone),
        web.post(f"{KIND_PATH}/deployment", deploy),
        web.get("/api/compare", compare),
    ]


async def show(request: web.Request) -> web.Response:
    """Return the run in the path with its history and the permissions of the user."""
    access, key = access_of(request), run_key(request)
    cluster = access.cluster(key.namespace)
    return answer(await access.in_thread(read_detail, cluster, kind_of(key), key.namespace, key.name))


async def steer(request: web.Request) -> web.Response:
    """Suspend, resume or finish the run in the path, and return its detail after the change."""
    access, key = access_of(request), run_key(request)
    body = await read_body(request, ActionRequest)
    cluster, kind = access.cluster(key.namespace), kind_of(key)

    found = await access.in_thread(changes.steer, cluster, kind, key, body)
    try:
        return answer(await access.in_thread(detail, cluster, kind, found, key.namespace))
    except Exception as error:
        # The change is made: whatever the reading of the rest says, it has not failed.
        if (refusal := refusal_of(error)) is None:
            raise
        return answer(changed_detail(found, refusal.problem))


async def delete(request: web.Request) -> web.Response:
    """Delete the run in the path, unless its UID differs from the UID in the query."""
    access, key = access_of(request), run_key(request)
    uid = request.query.get("uid", "")
    if not uid or len(uid) > _MAX_UID:
        raise refuse(400, "Invalid", "uid: the query must have the UID of the run that your page shows")
    await access.in_thread(changes.delete, access.cluster(key.namespace), kind_of(key), key, uid)
    return web.Response(status=204)


async def clone(request: web.Request) -> web.Response:
    """Create a copy of the run in the path with another name, and return the key of the copy."""
    access, key = access_of(request), run_key(request)
    body = await read_body(request, CloneRequest)
    cluster = access.cluster(key.namespace)
    created = await access.in_thread(changes.create_clone, cluster, kind_of(key), key, body.name, suspend=body.suspend)
    return answer(created, 201)


async def deploy(request: web.Request) -> web.Response:
    """Create a ModelServer for the model of the run in the path, and return the key of the ModelServer."""
    access, key = access_of(request), run_key(request)
    body = await read_body(request, DeployRequest)
    created = await access.in_thread(changes.deploy, access.cluster(key.namespace), kind_of(key), key, body)
    return answer(created, 201)


async def compare(request: web.Request) -> web.Response:
    """Return the comparison of the runs that the query names."""
    access = access_of(request)
    texts = list(dict.fromkeys(request.query.getall("run", [])))
    if not 1 <= len(texts) <= MAX_RUNS_COMPARED:
        raise refuse(
            400, "Invalid", f"run: found {len(texts)} runs, expected 1 to {MAX_RUNS_COMPARED}", "Choose fewer runs."
        )
    with request.app[STATE].comparisons.hold(access.owner):
        return answer(await read_comparison(access, [_key(text) for text in texts]))


def _key(text: str) -> RunKey:
    first, _, rest = text.partition("/")
    namespace, _, name = rest.partition("/")
    kind = run_kind(first)
    if kind is None or not name:
        raise refuse(400, "Invalid", f"run: found {text[:100]!r}, expected KIND/NAMESPACE/NAME")
    return RunKey(kind=kind, namespace=namespace_of(namespace), name=name)
