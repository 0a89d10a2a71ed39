"""Reads the log of a TrainingJob from its pods while they exist, then from the bucket. No line is repeated."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice, takewhile
from operator import eq
from typing import TYPE_CHECKING, Any, NamedTuple

from epochal_api.text import printable

from epochal.client.cluster import Cluster
from epochal.client.failures import NOT_FOUND, ApiError, MissingObject
from epochal.client.kinds import PODS, TRAINING_JOBS
from epochal.client.object_client import Objects
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.views import progress

if TYPE_CHECKING:
    from epochal.environment import Environment

CONTAINER = "trainer"
LOG = "training.log"
POD_LABEL, UID_LABEL = "epochal.dev/trainingjob", "epochal.dev/trainingjob-uid"
KEPT_LINES = 1000
"""Number of the last printed lines that are kept, to find the first line of the stored log that is not printed yet."""
COMPARED_LINES = 100
"""Maximum number of lines that `count_known` compares at each place in the stored log that may match."""
POLL_SECONDS = 2.0
GIVE_UP_SECONDS = 300
"""Seconds without a connection to the API server after which `logs --follow` ends with an error."""
_SERVER_ERROR = 500
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?(.*)", re.DOTALL)


class Stamp(NamedTuple):
    """The timestamp of a log line: seconds since the epoch of Unix, and the nanoseconds of this second."""

    seconds: float
    nanoseconds: int


class Resumable:
    """Joins the lines of a container's log from several connections. Each line is yielded once.

    A new connection starts at a whole second, so the kubelet sends some lines again. For lines with the same timestamp,
    the number of lines already yielded decides which of them are new.
    """

    def __init__(self) -> None:
        self._last: Stamp | None = None
        self._seen = 0
        self.since = ""
        """Timestamp of the last line, at which the next connection starts to read; "" before the first line."""

    def new(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the lines of a connection that no earlier connection sent, without their timestamps."""
        last, seen, is_known = self._last, self._seen, False
        for line in lines:
            stamp, text = split_time(line)
            if stamp is None:  # the rest of a long line, or a message of the kubelet
                if not is_known:
                    yield line
                continue
            is_known = last is not None and (stamp < last or (stamp == last and seen > 0))
            if is_known:
                seen -= stamp == last
                continue
            self._seen = self._seen + 1 if stamp == self._last else 1
            self._last, self.since = stamp, line.partition(" ")[0]
            yield text


def split_time(line: str) -> tuple[Stamp | None, str]:
    """Return the timestamp at the start of a line, and the rest of the line. Without a timestamp, None and the line."""
    match = _TIME.fullmatch(line)
    if match is None:
        return None, line
    try:
        seconds = datetime.fromisoformat(match[1] + match[3]).timestamp()
    except ValueError:
        return None, line
    return Stamp(seconds, int((match[2] or "").ljust(9, "0"))), match[4]


def count_known(printed: Sequence[str], stored: Iterable[str]) -> int:
    """Return the number of lines at the start of a stored log that are printed already; 0 if no printed line is in it.

    The result is the place of the latest printed line that the stored log has. Later printed lines may be missing in
    it, because they came after its upload, or from a killed attempt. If the stored log has equal lines in several
    places, the place with the most matching lines before it is used.

    Args:
        printed: The last printed lines, in order.
        stored: All lines of the stored log, which may not fit into memory.
    """
    ends = {line: end for end, line in enumerate(printed, 1)}
    window: deque[str] = deque(maxlen=COMPARED_LINES)
    best = (0, 0, 0)
    for place, line in enumerate(stored, 1):
        window.append(line)
        if (end := ends.get(line, 0)) and end >= best[0]:
            before = reversed(printed[max(0, end - COMPARED_LINES) : end])
            best = max(best, (end, sum(takewhile(bool, map(eq, before, reversed(window)))), place))
    return best[2]


class LogReader:
    """Reads the log of a TrainingJob.

    Args:
        cluster: The cluster.
        name: Name of the TrainingJob.
        stored_log: A function that returns the lines of the TrainingJob's log in the bucket, without their line feeds.
    """

    def __init__(self, cluster: Cluster, name: str, stored_log: Callable[[dict[str, Any]], Iterable[str]]) -> None:
        self._cluster = cluster
        self._environment: Environment = cluster.environment
        self._name = name
        self._stored_log = stored_log
        self._printed: deque[str] = deque(maxlen=KEPT_LINES)
        self._has_gap = False
        self._done: set[str] = set()
        self._told = ""
        self.job: dict[str, Any] = {}
        """The TrainingJob, as last read from the API server."""

    def lines(self, *, follow: bool) -> Iterator[str]:
        """Yield the log lines of all pods of the TrainingJob, the oldest pod first.

        If no pod has a log, or a log is incomplete because the pod is gone, it continues with the log in the bucket.

        Args:
            follow: Whether to wait for further pods and lines until the TrainingJob has ended.
        """
        self.job = self._cluster.get(TRAINING_JOBS, self._name)
        uid, gone_since = self.job["metadata"]["uid"], None
        while True:
            try:
                has_ended = finished(self.job) is not None
                pods = self._pods(uid)
                for pod in pods:
                    yield from self._lines_of_pod(pod, pods, follow=follow)
                if not follow or has_ended:
                    break
                self._explain_wait(
                    is_between=bool(self._done) and all(pod["metadata"]["uid"] in self._done for pod in pods)
                )
                self._environment.sleep(POLL_SECONDS)
                self.job = self._cluster.get(TRAINING_JOBS, self._name)
                gone_since = None
            except EpochalError as error:
                gone_since = self._wait_or_raise(error, gone_since, follow=follow)
            if self.job["metadata"]["uid"] != uid:
                raise EpochalError(
                    f"TrainingJob {self._name} was deleted and created again.",
                    f"`epochal logs {self._name}` reads the log of the new one.",
                    exit_code=ExitCode.NOT_FOUND,
                )
        if self._has_gap or not self._printed:
            yield from self._lines_of_bucket()

    def _pods(self, uid: str) -> Objects:
        """Return the pods of the TrainingJob whose log is not completely read yet, the oldest first."""
        pods = self._cluster.list(PODS, selector=pod_selector(self._name, uid))
        new = (pod for pod in pods if pod["metadata"]["uid"] not in self._done)
        return sorted(new, key=lambda pod: (pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"]))

    def _lines_of_pod(self, pod: dict[str, Any], pods: Objects, *, follow: bool) -> Iterator[str]:
        """Yield the log lines of a pod to the end of its log. It reconnects after the loss of a connection."""
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        if not container_states(pod) & {"running", "terminated"}:
            if (pod.get("status") or {}).get("phase") in {"Failed", "Succeeded"}:
                self._done.add(uid)
            return
        if len(pods) > 1 or self._done:
            self._environment.warn(f"epochal: the log of pod {name}:")
        log, lost, is_over = Resumable(), None, False
        while not is_over:
            before = log.since
            try:
                yield from map(self._record, log.new(self._connection(name, log.since, follow=follow)))
                is_over = not follow or self._has_ended(name, uid)
                if not is_over and log.since == before:
                    self._environment.sleep(POLL_SECONDS)
            except EpochalError as error:
                status = error.status if isinstance(error, ApiError) else 0
                if status == NOT_FOUND or (status >= _SERVER_ERROR and not follow):
                    self._has_gap = is_over = True
                else:
                    lost = self._wait_or_raise(error, lost if log.since == before else None, follow=follow)
        self._done.add(uid)

    def _connection(self, pod: str, since: str, *, follow: bool) -> Iterator[str]:
        """Yield the log lines that the API server sends over one connection, with their timestamps."""
        # The API server reads only whole seconds.
        start = re.sub(r"\.\d+", "", since)
        return self._cluster.log(pod, follow=follow, container=CONTAINER, timestamps=True, since=start)

    def _has_ended(self, name: str, uid: str) -> bool:
        """Return whether the trainer container of a pod has terminated, or another pod now has the name of the pod."""
        pod = self._cluster.get(PODS, name)
        return pod["metadata"]["uid"] != uid or "terminated" in container_states(pod)

    def _lines_of_bucket(self) -> Iterator[str]:
        """Yield the lines of the log in the bucket that are not printed yet."""
        try:
            printed = list(self._printed)
            known = count_known(printed, map(_clean, self._stored_log(self.job))) if printed else 0
            yield from map(self._record, islice(self._stored_log(self.job), known, None))
        except MissingObject as error:
            if self._printed:
                self._environment.warn(f"epochal: the rest of the log is lost with its pod: the bucket has no {LOG}")
                return
            state = progress.state(self.job)
            raise EpochalError(
                f"TrainingJob {self._name} ({state}) has no pod with a log, and no {LOG} in its bucket.",
                f"`epochal logs --follow {self._name}` waits for the pod. `epochal events {self._name}` names the "
                "reason for waiting, or why a pod did not start.",
                exit_code=ExitCode.NOT_FOUND,
            ) from error

    def _record(self, line: str) -> str:
        text = _clean(line)
        self._printed.append(text)
        return text

    def _explain_wait(self, *, is_between: bool) -> None:
        """Write why the command waits, if the reason has changed. `is_between` means that the next pod is awaited."""
        text = "waiting for the next pod" if is_between else waiting_reason(self.job) or "waiting for the pod"
        if text != self._told:
            self._told = text
            self._environment.warn(f"epochal: {text}")

    def _wait_or_raise(self, error: EpochalError, since: float | None, *, follow: bool) -> float:
        """Wait after a lost connection, and return the seconds since the loss. Raise any other error.

        `since` is the previous result; None for a new loss. The error is also raised after GIVE_UP_SECONDS, and always
        without `follow`.
        """
        seconds = 0.0 if since is None else since
        # The API server answers 500 if it does not reach the kubelet of a node.
        is_lost = error.exit_code == ExitCode.NO_CONNECTION
        is_lost |= isinstance(error, ApiError) and error.status >= _SERVER_ERROR
        if not follow or not is_lost or seconds > GIVE_UP_SECONDS:
            raise error
        if since is None:
            self._environment.warn(f"epochal: {error.message}; trying again")
        self._environment.sleep(POLL_SECONDS)
        return seconds + POLL_SECONDS


def _clean(line: str) -> str:
    """Return a log line as it is printed: without a carriage return, and with spaces for control characters."""
    return printable(line.rstrip("\r"), instead=" ")


def finished(job: dict[str, Any]) -> bool | None:
    """Return True if a TrainingJob is complete, False if it has failed, and None before its end."""
    conditions = {found["type"]: found.get("status") for found in (job.get("status") or {}).get("conditions") or []}
    if conditions.get("Failed") == "True":
        return False
    return True if conditions.get("Complete") == "True" else None


def waiting_reason(job: dict[str, Any]) -> str:
    """Return the state of a TrainingJob with the reason and message of its condition Ready, in one line."""
    ready = progress.ready_condition(job)
    parts = ((job.get("status") or {}).get("state"), ready.get("reason"), ready.get("message"))
    return printable(": ".join(str(part) for part in parts if part)[:500], instead=" ")


def pod_selector(name: str, uid: str) -> str:
    """Return the label selector for the pods of the TrainingJob with this name and UID."""
    return f"{POD_LABEL}={name},{UID_LABEL}={uid}"


def container_states(pod: dict[str, Any]) -> set[str]:
    """Return the state of a pod's trainer container as a set: waiting, running or terminated; empty without a state."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return {state for found in statuses if found.get("name") == CONTAINER for state in found.get("state") or {}}
