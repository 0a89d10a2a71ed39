"""Checks that no training starts twice, no status runs backwards, no search forgets and no Event is repeated.

It watches a namespace from the side, beside any scenario:

    with Audit("my-namespace") as audit:
        ...  # apply jobs, break things, wait until they have ended
    audit.assert_clean()

`audit.history[uid]` holds every version of each TrainingJob that was seen, `audit.faults` what was wrong so far. The
watches survive an API server that is restarted or away: they go on where they were, so that nothing is missed unless
the API server has forgotten it.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from socket import SHUT_RDWR, socket
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.kit import apiserver
from tests.kit.apiserver import Away, Refusal
from tests.kit.kubectl import Object, wait
from tests.kit.search_audit import forgotten, forgotten_events

KINDS = {"TrainingJob", "Experiment"}
UID_LABEL = "epochal.dev/trainingjob-uid"
QUIET_SECONDS = 90
"""Longer than the API server is silent on a watch with bookmarks."""
SETTLED = ("state", "startTime", "completionTime", "attempt", "metrics", "best", "test", "network", "results")
"""Fields of the status that never change after the end of a TrainingJob."""


class Version(NamedTuple):
    """A TrainingJob as it was seen.

    Args:
        at: When, by this process' monotonic clock, in seconds.
    """

    at: float
    job: Object


def backwards(before: Object, after: Object) -> Iterator[str]:
    """Yields the fields of a status that ran backwards from one version of a TrainingJob to the next."""
    old, new = before.get("status") or {}, after.get("status") or {}
    was, now = _order(old), _order(new)
    if now < was:
        yield f"progress (attempt, sequence) went from {was} to {now}"
    for field in ("attempt", "observedGeneration"):
        if (new.get(field) or 0) < (old.get(field) or 0):
            yield f"{field} went from {old.get(field)} to {new.get(field)}"
    if "startTime" in old and old["startTime"] != new.get("startTime"):
        yield f"startTime changed from {old['startTime']} to {new.get('startTime')}"
    yield from _settled(old, new)
    yield from _transitions(old, new)


def _order(status: Object) -> tuple[int, int]:
    progress = status.get("progress")
    return (progress.get("attempt", 1), progress.get("sequence", 0)) if progress else (0, 0)


def _settled(old: Object, new: Object) -> Iterator[str]:
    """Yields the changes after the end of a TrainingJob. Only a refused spec may be corrected."""
    ended = [condition for condition in old.get("conditions") or [] if condition["type"] in {"Complete", "Failed"}]
    if not any(item["status"] == "True" and item["reason"] != "InvalidSpec" for item in ended):
        return
    for field in SETTLED:
        if old.get(field) != new.get(field):
            yield f"{field} changed after the end, from {old.get(field)} to {new.get(field)}"
    now = {condition["type"]: condition for condition in new.get("conditions") or []}
    for condition in old["conditions"]:
        before, after = _condition_values(condition), _condition_values(now.get(condition["type"], {}))
        if before != after:
            yield f"condition {condition['type']} changed after the end, from {before} to {after}"


def _condition_values(condition: Object) -> tuple[Any, ...]:
    return tuple(condition.get(field) for field in ("status", "reason", "message", "lastTransitionTime"))


def _transitions(old: Object, new: Object) -> Iterator[str]:
    now = {condition["type"]: condition for condition in new.get("conditions") or []}
    for condition in old.get("conditions") or []:
        kind, was = condition["type"], condition["lastTransitionTime"]
        if kind not in now:
            yield f"condition {kind} is gone"
        elif now[kind]["lastTransitionTime"] < was:
            yield f"condition {kind}: lastTransitionTime went from {was} to {now[kind]['lastTransitionTime']}"
        elif now[kind]["status"] == condition["status"] and now[kind]["lastTransitionTime"] != was:
            yield f"condition {kind}: lastTransitionTime changed though its status is still {condition['status']}"


def _is_complete(thing: Object) -> bool:
    return bool((thing.get("status") or {}).get("state") == "Complete")


class Audit:
    """Watches all TrainingJobs, Experiments, Jobs, pods and Events of a namespace while it is entered.

    Attributes:
        history: All versions of each TrainingJob, by its uid.
        jobs: The uids of the Jobs that each TrainingJob had, by its uid: one at most, ever, unless a person deletes it.
        events: How often each Event was told, by the TrainingJob's or Experiment's uid, reason and note.
        searches: Each Experiment as it was seen last, by its uid.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._end = threading.Event()
        self._started: list[threading.Event] = []
        self._threads: list[threading.Thread] = []
        self._connections: dict[str, socket] = {}
        self._lock = threading.Lock()
        self._wrong: list[str] = []
        self._alive: dict[str, set[str]] = defaultdict(set)
        self._counted_events: set[str] = set()
        self._ends: Counter[str] = Counter()
        self.history: dict[str, list[Version]] = defaultdict(list)
        self.jobs: dict[str, set[str]] = defaultdict(set)
        self.events: Counter[tuple[str, str, str]] = Counter()
        self.searches: dict[str, Object] = {}
        self._ledgers: dict[str, Object] = {}

    def __enter__(self) -> Self:
        for resource, take in (
            ("trainingjobs", self._take_training_job),
            ("experiments", self._take_experiment),
            ("experimentledgers", self._take_ledger),
            ("jobs", self._take_job),
            ("pods", self._take_pod),
            ("events.events.k8s.io", self._take_event),
        ):
            path = apiserver.path(resource, namespace=self._namespace)
            started = threading.Event()
            thread = threading.Thread(target=self._watch, args=(path, take, started), daemon=True)
            thread.start()
            self._started.append(started)
            self._threads.append(thread)
        for started in self._started:
            if not started.wait(30):
                raise TimeoutError("the audit cannot watch: the API server gives no answer")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        for connection in self._connections.values():
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    @property
    def faults(self) -> list[str]:
        """The faults so far."""
        with self._lock:
            wrong = list(self._wrong)
            wrong += [f"{self._name(uid)} had {len(jobs)} Jobs" for uid, jobs in self.jobs.items() if len(jobs) > 1]
            for (uid, reason, note), times in self.events.items():
                if times > self._allowed(uid, reason):
                    wrong.append(f"{self._name(uid)}: the Event {reason} was told {times} times: {note}")
        return wrong

    def assert_clean(self) -> None:
        """Raises an AssertionError that lists the faults, if there are any."""
        faults = self.faults
        assert not faults, "\n".join(faults)

    def latest(self) -> list[Object]:
        """Returns the newest version of each TrainingJob, deleted ones included."""
        with self._lock:
            return [seen[-1].job for seen in self.history.values()]

    def versions(self, name: str) -> list[Version]:
        """Returns all versions of a TrainingJob by its name, the oldest first."""
        with self._lock:
            return [item for seen in self.history.values() for item in seen if item.job["metadata"]["name"] == name]

    def wait_version(self, name: str, version: str, seconds: float = 30) -> None:
        """Waits until the audit has seen a version of a TrainingJob (its resourceVersion), or a later one."""

        def poll() -> bool:
            return any(int(item.job["metadata"]["resourceVersion"]) >= int(version) for item in self.versions(name))

        wait(f"the audit to see version {version} of {name}", poll, seconds=seconds)

    def _watch(self, path: str, take: Callable[[Object], None], started: threading.Event) -> None:
        """Watches the objects of a kind and passes each to `take`; existing objects count as seen."""
        version = ""
        while not self._end.is_set():
            try:
                if not version:
                    listed = apiserver.request("GET", path)
                    kind = "ADDED" if started.is_set() else "KNOWN"
                    for thing in listed["items"]:
                        self._handle(take, {"type": kind, "object": thing})
                    version = listed["metadata"]["resourceVersion"]
                    started.set()
                query = f"watch=true&allowWatchBookmarks=true&resourceVersion={version}"
                opened = partial(self._connections.__setitem__, path)
                for event in apiserver.stream(f"{path}?{query}", QUIET_SECONDS, opened):
                    if event["type"] == "ERROR":
                        version = ""
                        break
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._handle(take, event)
                    if self._end.is_set():
                        return
            except Refusal as refusal:
                version = "" if refusal.status == 410 else version
                self._end.wait(0.2)
            except Away:
                self._end.wait(0.2)

    def _handle(self, take: Callable[[Object], None], event: Object) -> None:
        with self._lock:
            take(event)

    def _take_training_job(self, change: Object) -> None:
        job = change["object"]
        seen = self.history[job["metadata"]["uid"]]
        if seen and int(job["metadata"]["resourceVersion"]) <= int(seen[-1].job["metadata"]["resourceVersion"]):
            return
        if seen:
            self._wrong += [f"{job['metadata']['name']}: {what}" for what in backwards(seen[-1].job, job)]
        seen.append(Version(time.monotonic(), job))

    def _take_experiment(self, change: Object) -> None:
        experiment = change["object"]
        name, uid = experiment["metadata"]["name"], experiment["metadata"]["uid"]
        if (seen := self.searches.get(uid)) is not None:
            self._wrong += [f"{name}: {what}" for what in forgotten(seen, experiment)]
        self._ends[uid] += _is_complete(experiment) and not _is_complete(seen or {})
        self.searches[uid] = experiment

    def _take_ledger(self, change: Object) -> None:
        ledger = change["object"]
        name, uid = ledger["metadata"]["name"], ledger["metadata"]["uid"]
        if (seen := self._ledgers.get(uid)) is not None:
            self._wrong += [f"{name}: {what}" for what in forgotten_events(seen, ledger)]
        self._ledgers[uid] = ledger

    def _take_job(self, change: Object) -> None:
        job = change["object"]
        owner = job["metadata"].get("labels", {}).get(UID_LABEL)
        if owner:
            self.jobs[owner].add(job["metadata"]["uid"])

    def _take_pod(self, change: Object) -> None:
        pod = change["object"]
        owner = pod["metadata"].get("labels", {}).get(UID_LABEL)
        if not owner:
            return
        alive, name = self._alive[owner], pod["metadata"]["name"]
        if change["type"] == "DELETED" or pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
            alive.discard(name)
            return
        if alive - {name} and name not in alive:
            self._wrong.append(f"{self._name(owner)} has two pods at a time: {', '.join(sorted(alive | {name}))}")
        alive.add(name)

    def _take_event(self, change: Object) -> None:
        event = change["object"]
        about, uid = event.get("regarding") or {}, event["metadata"]["uid"]
        if change["type"] != "DELETED" and about.get("kind") in KINDS and uid not in self._counted_events:
            self._counted_events.add(uid)
            # Events from before the audit are not counted: their jobs may be gone.
            self.events[about["uid"], event["reason"], event.get("note", "")] += change["type"] != "KNOWN"

    def _allowed(self, uid: str, reason: str) -> int:
        """Returns how often an Event may occur: once, unless a person suspends or resumes a job again.

        A search that goes on after its end may end again as it did before.
        """
        if reason != "NewBest" and uid in self.searches:
            return max(1, self._ends[uid])
        value = {"Suspended": True, "Resumed": False}.get(reason)
        if value is None:
            return 1
        wished = [bool(version.job["spec"].get("suspend")) for version in self.history.get(uid, [])]
        changes = sum(1 for one, other in zip([not value, *wished], wished, strict=False) if other is value is not one)
        return max(1, changes)

    def _name(self, uid: str) -> str:
        seen, search = self.history.get(uid), self.searches.get(uid)
        last = seen[-1].job if seen else search
        return str(last["metadata"]["name"]) if last else uid
