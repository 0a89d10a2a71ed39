"""Reads the log of a TrainingJob by polling.

Each call returns at once with the new lines, so no thread waits for a line, or stays after the browser disconnects.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from copy import copy
from typing import Any

from epochal.client.cluster import Cluster
from epochal.client.failures import NOT_FOUND, ApiError
from epochal.client.kinds import PODS, TRAINING_JOBS
from epochal.client.object_client import Objects
from epochal.runs.folder import Folder
from epochal.runs.logs import CONTAINER, LOG, Resumable, container_states, finished, pod_selector, waiting_reason
from epochal_api.text import printable

from epochal_studio.problems import Refusal, refuse
from epochal_studio.results.folders import bucket_errors
from epochal_studio.results.pieces import PIECE, read_piece

MAX_LINES = 10_000
"""Maximum lines of the existing log that an answer begins with. New lines of a followed log come in addition."""
MAX_BYTES = PIECE
"""Maximum bytes of the existing log's lines, and of the new lines that one step reads."""
_MEMORY = 12
"""Bytes of memory that each byte of a log needs while it is read. Control characters need the most."""
MAX_PODS = 20
_FIRST_BYTES = 16 * MAX_BYTES
"""Maximum bytes of a pod's log that the first step requests from the kubelet."""
_NOT_STARTED = 400
_OMITTED = "… lines are missing here: the log grows faster than Studio reads it."


class LogReader:
    """Reads the log of a TrainingJob in steps, from its pods while they exist, else from its bucket.

    Args:
        cluster: The client of the cluster with the user's token.
        namespace: Namespace of the TrainingJob.
        name: Name of the TrainingJob.
        open_folder: Opens the results folder of a TrainingJob. It is not called while pods have the log.
        tail: Maximum lines of the existing log that the first step returns.
        reserve: Reserves bytes of memory for this call, and raises a Refusal above the limit.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        open_folder: Callable[[dict[str, Any]], Folder],
        *,
        tail: int,
        reserve: Callable[[int], None],
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._open_folder = open_folder
        self._tail = tail
        self._reserve = reserve
        self._uid = ""
        self._logs: dict[str, Resumable] = {}
        self._done: set[str] = set()
        self.is_over = False
        """Whether the log is complete: later steps would return no lines."""

    def step(self, *, follow: bool) -> list[str]:
        """Return the lines since the last successful step; the first step returns the last `tail` lines.

        Args:
            follow: Whether the caller will call `step` again. If not, a log that does not exist yet is an error.

        Raises:
            Refusal: 404, if neither a pod nor the bucket has a log, and `follow` is False or the TrainingJob has ended.
            ApiError: If the API server refuses a request.
        """
        logs, done = {uid: copy(log) for uid, log in self._logs.items()}, set(self._done)
        try:
            return self._step(follow=follow)
        except Exception:
            self._logs, self._done = logs, done
            raise

    def _step(self, *, follow: bool) -> list[str]:
        self._received = 0
        is_first = not self._uid
        try:
            job = self._cluster.get(TRAINING_JOBS, self._name, self._namespace)
        except ApiError as error:
            if is_first or error.status != NOT_FOUND:
                raise
            self.is_over = True  # deleted meanwhile
            return []
        uid = job["metadata"]["uid"]
        self._uid = self._uid or uid
        if uid != self._uid:
            self.is_over = True
            return []
        pods = [pod for pod in self._pods(uid) if container_states(pod) & {"running", "terminated"}]
        has_ended = finished(job) is not None
        lines = self._first(pods) if is_first else [line for pod in pods for line in self._next(pod)]
        if not self._logs and (has_ended or not follow):
            lines, has_ended = self._stored(job), True
        self.is_over = has_ended and all(pod["metadata"]["uid"] in self._done for pod in pods)
        return lines

    def _pods(self, uid: str) -> Objects:
        selector = pod_selector(self._name, uid)
        pods = self._cluster.list(PODS, namespace=self._namespace, selector=selector, most=MAX_PODS)
        return sorted(pods, key=lambda pod: (pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"]))

    def _first(self, pods: Objects) -> list[str]:
        """Return the last lines of the pods' logs, oldest first.

        Newer pods are read first, until `tail` lines or MAX_BYTES bytes are read. Older pods are never read later.
        """
        lines: list[str] = []
        for pod in reversed(pods):
            if len(lines) < self._tail and self._received < MAX_BYTES:
                limits = {"tailLines": self._tail - len(lines), "limitBytes": _FIRST_BYTES}
                lines = [*self._read(pod, Resumable(), limits), *lines]
            else:
                self._done.add(pod["metadata"]["uid"])
        return last_lines(lines, self._tail)

    def _next(self, pod: dict[str, Any]) -> list[str]:
        uid = pod["metadata"]["uid"]
        if uid in self._done or self._received >= MAX_BYTES:  # a later step reads the others
            return []
        known = self._logs.get(uid)
        if known is None:  # a new pod
            return self._read(pod, Resumable(), {"limitBytes": MAX_BYTES})
        before = known.since
        lines = self._read(pod, known, {"limitBytes": MAX_BYTES})
        if lines or known.since != before or self._size < MAX_BYTES // 2:
            return lines
        # The lines of one second fill the answer, so each next one would be the same.
        limits = {"tailLines": self._tail, "limitBytes": MAX_BYTES}
        return [_OMITTED, *self._read(pod, Resumable(), limits)]

    def _read(self, pod: dict[str, Any], log: Resumable, limits: dict[str, int]) -> list[str]:
        """Return the new lines of a pod's log. Mark the pod as done if its container has ended and no lines remain."""
        uid, has_ended = pod["metadata"]["uid"], "terminated" in container_states(pod)
        self._size = 0
        try:
            # The API server reads only whole seconds.
            received = self._cluster.log(
                pod["metadata"]["name"],
                follow=False,
                container=CONTAINER,
                namespace=self._namespace,
                timestamps=True,
                since=re.sub(r"\.\d+", "", log.since),
                limits=limits,
            )
            with closing(received):
                lines = last_lines(log.new(self._counted(received)), MAX_BYTES)
            self._received += self._size
        except ApiError as error:
            if error.status not in {NOT_FOUND, _NOT_STARTED}:
                raise
            lines, has_ended = [], error.status == NOT_FOUND
        else:
            self._logs[uid] = log
            has_ended &= self._size < limits["limitBytes"] // 2  # else there may be more
        if has_ended:
            self._done.add(uid)
        return lines

    def _counted(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            size = len(line.encode()) + 1
            if self._size < MAX_BYTES:  # later lines take the place of these
                self._reserve(_MEMORY * size)
            self._size += size
            yield line

    def _stored(self, job: dict[str, Any]) -> list[str]:
        try:
            with bucket_errors():
                return stored_lines(self._open_folder(job), self._tail, self._reserve)
        except Refusal as refusal:
            if refusal.status != NOT_FOUND:
                raise
            reason = waiting_reason(job) or "Pending"
            raise refuse(
                404,
                "NoLog",
                f"There is no log: the TrainingJob has no pod with a log, and its bucket has no {LOG}. {reason}",
                "The log begins when the first pod starts. The state of a waiting TrainingJob has the reason.",
            ) from None


def stored_lines(folder: Folder, tail: int, reserve: Callable[[int], None]) -> list[str]:
    """Return at most `tail` last lines of training.log in a results folder, from at most its last MAX_BYTES bytes.

    Args:
        folder: The results folder.
        tail: Maximum lines.
        reserve: Reserves bytes of memory for this call, and raises a Refusal above the limit.
    """
    key = f"{folder.path}/{LOG}"
    stored = folder.bucket.stat(key)
    length = min(stored.size, MAX_BYTES)
    reserve(_MEMORY * length)
    content = read_piece(folder.bucket, key, stored.size - length, length, stored.etag) if length else b""
    lines = content.decode(errors="replace").rsplit("\n", tail + 1)  # a list of all lines may take 80 MB
    if length < stored.size or len(lines) > tail + 1:
        lines = lines[1:] or lines  # the first one is cut, or all those before the tail, but it may be the only one
    return last_lines(lines[:-1] if lines and not lines[-1] else lines, tail)


def last_lines(lines: Iterable[str], most: int) -> list[str]:
    """Return the last lines without control characters: at most `most` lines, and about MAX_BYTES characters."""
    kept: deque[str] = deque()
    size = 0
    for line in lines:
        kept.append(printable(line.rstrip("\r"), instead=" "))
        size += len(kept[-1]) + 1
        while len(kept) > most or (size > MAX_BYTES and len(kept) > 1):
            size -= len(kept.popleft()) + 1
    return list(kept)
