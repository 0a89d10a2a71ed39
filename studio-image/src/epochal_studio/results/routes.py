"""The routes of the results of runs: curves, log, files, reports, pictures and trials."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web
from epochal.client.kinds import EXPERIMENTS, MODEL_SERVERS, TRAINING_JOBS, Kind
from epochal.client.references import Found
from epochal.errors import EpochalError
from epochal.runs.folder import Folder
from epochal.views.progress import FINISHED, state

from epochal_studio.access import Access, access_of
from epochal_studio.bodies import KIND_PATH, kind_of, run_key
from epochal_studio.problems import BUSY, Refusal, answer, refusal_of, refuse
from epochal_studio.results import trials_table
from epochal_studio.results.files import content_disposition, list_files, stat_file
from epochal_studio.results.folders import bucket_errors, open_folder
from epochal_studio.results.history import history as read_history
from epochal_studio.results.history import status_history
from epochal_studio.results.log import MAX_LINES, LogReader
from epochal_studio.results.pieces import PIECE, read_piece
from epochal_studio.results.reports import read_picture, read_report
from epochal_studio.runs.trials import from_status
from epochal_studio.runs.values import readable
from epochal_studio.sending import end, send
from epochal_studio.state import STATE, endpoints_of
from epochal_studio.wire.common import RunKey
from epochal_studio.wire.results import MAX_POINTS, History, Trials

POLL_SECONDS = 2.0
"""Seconds between two reads of a log with `follow=1`."""
MAX_FAILURES = 15
"""Consecutive failed reads of a log with `follow=1` after which the answer is aborted."""
_DEFAULT_LINES = 1000
_DEFAULT_POINTS = 500
_MIN_POINTS = 3
_SERVER_ERROR = 500

T = TypeVar("T")


def routes() -> list[web.RouteDef]:
    """Return the routes of results."""
    return [
        web.get(f"{KIND_PATH}/history", history),
        web.get(f"{KIND_PATH}/log", log, allow_head=False),
        web.get(f"{KIND_PATH}/files", files),
        web.get(f"{KIND_PATH}/files/{{path:.+}}", download, allow_head=False),
        web.get(f"{KIND_PATH}/report/{{report}}", report),
        web.get(f"{KIND_PATH}/pictures/{{path:.+}}", picture),
        web.get(f"{KIND_PATH}/trials", trials),
    ]


async def history(request: web.Request) -> web.Response:
    """Return the metric curves of a TrainingJob. Other kinds have no curves."""
    access, key = access_of(request), run_key(request)
    points = _number(request, "points", _DEFAULT_POINTS, _MIN_POINTS, MAX_POINTS)
    endpoints = endpoints_of(request)

    def read() -> History:
        found = _found(access, key)
        if found.kind != TRAINING_JOBS:
            return status_history({}, None)
        try:
            folder = open_folder(access.cluster(key.namespace), found, endpoints)
        except Refusal as refusal:
            return status_history(found.object, refusal.problem)
        return read_history(found.object, folder, points)

    histories = request.app[STATE].histories
    return answer(await histories.to_its_end(access.owner, lambda: access.in_thread(read)))


async def log(request: web.Request) -> web.StreamResponse:
    """Return the last lines of a TrainingJob's log.

    With `follow=1`, also send new lines until the log is complete, the session ends or the browser disconnects.
    """
    access, key = access_of(request), run_key(request)
    _require(key, TRAINING_JOBS)
    tail = _number(request, "tail", _DEFAULT_LINES, 1, MAX_LINES)
    follow, endpoints = request.query.get("follow") in {"1", "true"}, endpoints_of(request)
    cluster = access.cluster(key.namespace)

    def folder(job: dict[str, Any]) -> Folder:
        return open_folder(cluster, Found(TRAINING_JOBS, key.name, job), endpoints)

    memory = access.threads.memory
    reader = LogReader(cluster, key.namespace, key.name, folder, tail=tail, reserve=memory.reserve)

    response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})

    def step(*, follow: bool) -> bytes:
        return _content(reader.step(follow=follow))

    async def send_lines(content: bytes) -> None:
        with memory.hold(access.owner, len(content)):
            await response.prepare(request)
            await send(request, response, content, access.expires)

    with request.app[STATE].long_answers.hold(access.owner):
        await send_lines(await access.in_thread(step, follow=follow))
        failures = 0
        while follow and not reader.is_over and not access.is_expired:
            await asyncio.sleep(POLL_SECONDS)
            try:
                content = await access.in_thread(step, follow=True)
                failures = 0
            except (EpochalError, Refusal) as error:
                failures += 1
                if failures >= MAX_FAILURES or not _is_temporary(error):
                    raise
            else:
                await send_lines(content)
        await end(request, response)
    return response


async def files(request: web.Request) -> web.Response:
    """Return the list of the files in the results folder of a run."""
    return answer(await _with_folder(request, list_files))


async def download(request: web.Request) -> web.StreamResponse:
    """Send a file in the results folder of a run as an attachment, piece by piece."""
    access, path = access_of(request), request.match_info["path"]
    with request.app[STATE].long_answers.hold(access.owner):
        folder, (key, stored) = await _with_folder(request, lambda folder: (folder, stat_file(folder, path)))
        response = web.StreamResponse(
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Disposition": content_disposition(path),
                "X-Content-Type-Options": "nosniff",
                "Content-Length": str(stored.size),
            }
        )

        def piece(offset: int) -> bytes:
            with bucket_errors():
                return read_piece(folder.bucket, key, offset, min(PIECE, stored.size - offset), stored.etag)

        first = await access.in_thread(piece, 0) if stored.size else b""
        await response.prepare(request)
        await send(request, response, first, access.expires)
        for offset in range(PIECE, stored.size, PIECE):
            await send(request, response, await access.in_thread(piece, offset), access.expires)
        await end(request, response)
    return response


async def report(request: web.Request) -> web.Response:
    """Return data.json or evaluation.json from the results folder of a run."""
    name, reserve = request.match_info["report"], access_of(request).threads.memory.reserve
    content = await _with_folder(request, lambda folder: read_report(folder, name, reserve))
    return web.Response(body=content, content_type="application/json")


async def picture(request: web.Request) -> web.Response:
    """Return a PNG file from the results folder of a run, such as importance.png."""
    path, reserve = request.match_info["path"], access_of(request).threads.memory.reserve
    content = await _with_folder(request, lambda folder: read_picture(folder, path, reserve))
    return web.Response(body=content, content_type="image/png", headers={"X-Content-Type-Options": "nosniff"})


async def trials(request: web.Request) -> web.Response:
    """Return the trials of an Experiment: all trials of trials.csv if it has ended, else the best trials in its status.

    The best trials are also the answer if trials.csv cannot be read.
    """
    access, key = access_of(request), run_key(request)
    endpoints = endpoints_of(request)

    def read() -> Trials:
        found = _found(access, key)
        _require(key, EXPERIMENTS)
        if state(readable(found.object).document()) not in FINISHED:
            return from_status(found.object)
        try:
            folder = open_folder(access.cluster(key.namespace), found, endpoints)
            return trials_table.read(folder, access.threads.memory.reserve)
        except Refusal as refusal:
            if refusal.problem.reason == BUSY:  # the next try has all trials
                raise
            return from_status(found.object)

    return answer(await access.in_thread(read))


async def _with_folder(request: web.Request, function: Callable[[Folder], T]) -> T:
    """Open the results folder of the run in the path, call a function with it in a thread, and return the result.

    Raises:
        Refusal: 404, for a ModelServer, which has no results.
    """
    access, key = access_of(request), run_key(request)
    if kind_of(key) == MODEL_SERVERS:
        raise refuse(404, "NotFound", "a ModelServer has no results: its TrainingJob or Experiment has them")
    endpoints = endpoints_of(request)

    def call() -> T:
        return function(open_folder(access.cluster(key.namespace), _found(access, key), endpoints))

    return await access.in_thread(call)


def _found(access: Access, key: RunKey) -> Found:
    kind = kind_of(key)
    return Found(kind, key.name, access.cluster(key.namespace).get(kind, key.name, key.namespace))


def _require(key: RunKey, kind: Kind) -> None:
    if kind_of(key) != kind:
        raise refuse(404, "NotFound", f"this address is for a {kind.name}, found a {key.kind}")


def _number(request: web.Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10) or int(text) < least:  # noqa: PLR2004
        raise refuse(400, "Invalid", f"{name}: must be a number from {least} to {most}, found {text[:20]!r}")
    return min(int(text), most)


def _is_temporary(error: Exception) -> bool:
    """Return whether a failed read of the log is worth a retry: its status is above 499, as for a lost connection."""
    refusal = refusal_of(error)
    return refusal is not None and refusal.status >= _SERVER_ERROR


def _content(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
