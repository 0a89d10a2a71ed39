"""The log of a TrainingJob in steps: no thread waits for the next line, so none stays when the browser leaves."""

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
"""Maximum lines of a log in one answer, without those that follow."""
MAX_BYTES = PIECE
"""Maximum bytes of these lines, and of the lines of one step."""
_MEMORY = 12
"""Bytes of memory for a byte of a log, while its lines are read. Control characters need most."""
MAX_PODS = 20
_FIRST_BYTES = 16 * MAX_BYTES
"""Maximum bytes that the kubelet sends for the first lines."""
_NOT_STARTED = 400
_OMITTED = "… lines are missing here: the log grows faster than Studio reads it."


class LogReader:
    """The lines of a TrainingJob's log, from its pods while they exist, else from its bucket.

    Args:
        cluster: The cluster, with the rights of the user.
        namespace: Namespace of the TrainingJob.
        name: Its name.
        open_folder: Opens its results folder. The pods need none.
        tail: Number of lines before those that follow.
        reserve: Counts the memory, and raises an error if it does not fit.
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
        """Whether no more lines follow."""

    def step(self, *, follow: bool) -> list[str]:
        """Return the lines that are new since the last step. A step that fails takes none: the next one has its lines.

        Args:
            follow: Whether later steps follow. Else a log that does not exist yet is an error.
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
        """Return the last lines of all pods, the newest pod first, until there are enough lines or bytes."""
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
        """Return the new lines of a pod, and note whether its container had ended before."""
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
                f"There is no log: no pod of the TrainingJob runs, and its bucket has no {LOG}. {reason}",
                "The log begins with the first pod. The reason of a wait is in its state.",
            ) from None


def stored_lines(folder: Folder, tail: int, reserve: Callable[[int], None]) -> list[str]:
    """Return the last lines of the log in the bucket. Only the end of a long log is read."""
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
    """Return the last lines without control characters: at most `most`, and at most MAX_BYTES characters."""
    kept: deque[str] = deque()
    size = 0
    for line in lines:
        kept.append(printable(line.rstrip("\r"), instead=" "))
        size += len(kept[-1]) + 1
        while len(kept) > most or (size > MAX_BYTES and len(kept) > 1):
            size -= len(kept.popleft()) + 1
    return list(kept)
