"""Plays trainers of pods that exist in the API alone: they report as trainers do, and end when their time is over."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import aiohttp
from epochal_api.pod import CA_ANNOTATION, TOKEN_AUDIENCE, ExitCode, progress_path
from epochal_api.trainingjob.report import (
    COMPLETED,
    INTERVAL_SECONDS,
    STOPPED_AFTER_EPOCH,
    Artifacts,
    BestEpoch,
    Report,
    ReportResponse,
    Termination,
)

from tests.kit import apiserver, operator
from tests.kit.apiserver import MERGE
from tests.kit.kubectl import Object

JOB_LABEL = "batch.kubernetes.io/job-name"
NON_FINITE_LOSS = "NonFiniteLoss"
QUIET_SECONDS = 300.0
REQUEST_SECONDS = 30.0
TRIES = 20


@dataclass(frozen=True)
class Part:
    """What a pod trains.

    Args:
        first: Epochs that were finished before.
        last: Its last epoch.
        epochs: Epochs in all.
        seconds: Seconds of an epoch.
        metric: What tells the best epoch.
        values: The best value by the end of each epoch; where they end before the last one, the loss is NaN.
    """

    first: int
    last: int
    epochs: int
    seconds: float
    metric: str
    values: tuple[float, ...]

    @property
    def diverges(self) -> bool:
        """Whether its loss is NaN in the end."""
        return len(self.values) < self.last

    @property
    def stops(self) -> bool:
        """Whether more is to come."""
        return self.last < self.epochs and not self.diverges


class Trainers:
    """The trainers of a namespace while it is entered.

    Args:
        namespace: The namespace.
        part: Returns what the pod of a Job trains, by the Job's name; None for one that trains nothing, and ends.
    """

    def __init__(self, namespace: str, part: Callable[[str], Awaitable[Part | None]]) -> None:
        self._namespace = namespace
        self._part = part
        self._known: set[str] = set()
        self._playing: set[asyncio.Task[None]] = set()
        self._operator: aiohttp.ClientSession | None = None
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        server = apiserver.server()
        self._api = session(server.context, f"https://{server.host}:{server.port}")
        self._watch = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [task for task in (self._watch, *self._playing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in (self._api, self._operator):
            if one is not None:
                await one.close()

    @property
    def alive(self) -> bool:
        """Whether pods are watched; raises what has ended that."""
        if self._watch is not None and self._watch.done():
            self._watch.result()
        return self._watch is not None

    async def _follow(self) -> None:
        async for told in watch(self._api, apiserver.path("pods", namespace=self._namespace)):
            pod = told["object"]
            uid = pod["metadata"]["uid"]
            if pod.get("status", {}).get("phase") == "Running" and uid not in self._known:
                self._known.add(uid)
                task = asyncio.create_task(self._play(pod))
                self._playing.add(task)
                task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._playing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            print(f"  a trainer ended with {error!r}", flush=True)

    async def _play(self, pod: Object) -> None:
        name, began = pod["metadata"]["labels"][JOB_LABEL], datetime.now(UTC)
        part = await self._part(name)
        if part is None:
            await self._end(pod, began, ExitCode.DONE, "")
            return
        token = await self._token(pod)
        last = await self._train(pod, part, name, token)
        reason = NON_FINITE_LOSS if part.diverges else STOPPED_AFTER_EPOCH if part.stops else COMPLETED
        words = Termination(reason=reason, message="", report=last).encode()
        await self._end(pod, began, ExitCode.BAD_DATA if part.diverges else ExitCode.DONE, words)

    async def _train(self, pod: Object, part: Part, name: str, token: str) -> Report:
        """Reports at the end of each epoch, and between two of them as the operator asks; returns the last report."""
        loop, sequence, reached = asyncio.get_running_loop(), 0, part.first
        began = due = loop.time()
        end = began + (part.last - part.first) * part.seconds
        while (now := loop.time()) < end:
            reached = part.first + int((now - began) / part.seconds)
            sequence += 1
            report = self._report(part, name, sequence, "Training", reached)
            answer = await self._post(pod, name, token, report)
            due = now + ((answer and answer.report_after_seconds) or INTERVAL_SECONDS)
            next_epoch = began + (reached + 1 - part.first) * part.seconds
            await asyncio.sleep(max(0.0, min(due, next_epoch, end) - loop.time()))
        reached = min(part.last, len(part.values))
        last = self._report(part, name, sequence + 1, "Training" if part.diverges else "Done", reached)
        for _ in range(TRIES):
            if await self._post(pod, name, token, last) is not None:
                break
            await asyncio.sleep(1)
        return last

    def _report(self, part: Part, name: str, sequence: int, stage: Any, epoch: int) -> Report:
        value = part.values[epoch - 1] if epoch else None
        best = None if value is None else BestEpoch(epoch=epoch, metric=part.metric, mode="Min", value=value)
        return Report(
            attempt=1,
            sequence=sequence,
            stage=stage,
            epoch=epoch,
            epochs=part.epochs,
            steps_per_epoch=20,
            seconds_per_epoch=part.seconds if epoch else None,
            metrics=None if value is None else {part.metric: value, "loss": value},
            best=best,
            artifacts=Artifacts(uri=f"s3://digits-results/{self._namespace}/{name}/"),
            stopped_after_epoch=epoch if stage == "Done" and part.stops else None,
        )

    async def _post(self, pod: Object, name: str, token: str, report: Report) -> ReportResponse | None:
        """Sends a report; returns what is said to it, or None if it was not taken."""
        if self._operator is None:
            authority = pod["metadata"]["annotations"][CA_ANNOTATION]
            self._operator = session(ssl.create_default_context(cadata=authority), operator.PROGRESS)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        body, path = report.model_dump_json(by_alias=True, exclude_none=True), progress_path(self._namespace, name)
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self._operator.post(path, data=body, headers=headers) as answer:
                text = await answer.text()
                if answer.ok:
                    return ReportResponse.model_validate_json(text)
        return None

    async def _token(self, pod: Object) -> str:
        """Returns a token that is bound to a pod, as the kubelet asks for it."""
        metadata = pod["metadata"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        asked = {"spec": {"audiences": [TOKEN_AUDIENCE], "expirationSeconds": 3600, "boundObjectRef": bound}}
        path = f"{apiserver.path('serviceaccounts', 'default', namespace=self._namespace)}/token"
        async with self._api.post(path, json=asked, raise_for_status=True) as answer:
            return str((await answer.json())["status"]["token"])

    async def _end(self, pod: Object, began: datetime, code: int, words: str) -> None:
        """Ends a pod, as its kubelet does."""
        name = pod["metadata"]["name"]
        ended = {
            "exitCode": int(code),
            "reason": "Error" if code else "Completed",
            "message": words,
            "startedAt": _timestamp(began),
            "finishedAt": _timestamp(datetime.now(UTC)),
        }
        (container,) = pod["status"]["containerStatuses"]
        state: Mapping[str, Any] = {"ready": False, "state": {"terminated": ended}}
        phase = "Failed" if code else "Succeeded"
        status = {"phase": phase, "containerStatuses": [container | state]}
        path = f"{apiserver.path('pods', name, namespace=self._namespace)}/status"
        headers = {"Content-Type": MERGE}
        async with self._api.patch(path, data=json.dumps({"status": status}), headers=headers) as answer:
            if not answer.ok:
                print(f"  {name} was not ended: {await answer.text()}", flush=True)


def session(context: ssl.SSLContext, base: str) -> aiohttp.ClientSession:
    """Returns a session with a server.

    Args:
        context: Who it is, and who we are.
        base: Where it is.
    """
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    return aiohttp.ClientSession(base, connector=aiohttp.TCPConnector(ssl=context, limit=32), timeout=timeout)


async def watch(api: aiohttp.ClientSession, path: str) -> Any:
    """Yields what a watch tells for ever: what is there, then each change."""
    version, timeout = "", aiohttp.ClientTimeout(total=None, sock_read=QUIET_SECONDS)
    while True:
        if not version:
            async with api.get(path, raise_for_status=True) as answer:
                listed = await answer.json()
            for thing in listed["items"]:
                yield {"type": "ADDED", "object": thing}
            version = listed["metadata"]["resourceVersion"]
        query = f"watch=true&allowWatchBookmarks=true&resourceVersion={version}"
        with suppress(aiohttp.ClientPayloadError, TimeoutError):
            async with api.get(f"{path}?{query}", timeout=timeout, raise_for_status=True) as answer:
                async for line in _lines(answer.content):
                    told = json.loads(line)
                    if told["type"] == "ERROR":
                        version = ""
                        break
                    version = told["object"]["metadata"]["resourceVersion"]
                    if told["type"] != "BOOKMARK":
                        yield told


async def _lines(content: aiohttp.StreamReader) -> Any:
    """Yields whole lines, however long."""
    rest = b""
    async for part in content.iter_any():
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line


def _timestamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
