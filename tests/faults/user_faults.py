"""Faults that users bring about: objects made to stop the operator, which trains for other namespaces meanwhile."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from epochal_operator.experiment.ledger.encoding import decode
from epochal_operator.experiment.ledger.events import WarmStartTrial

from tests.faults import hostile, node
from tests.faults.disturbed_training import Bed, Training, now
from tests.faults.scenario import Outcome, Trial, slug
from tests.kit import apiserver, operator, proc
from tests.kit.kubectl import Object, Refused, apply, get, kubectl, wait

EPOCHS = 12
EDITOR = "editor"
"""A user with the role `edit` of the namespace."""
LEARNERS = 3
"""Experiments that warm-start from all eight ledgers, one after the other."""
SEARCH_SECONDS = 60
"""For an Experiment to read eight ledgers and to record its first trial."""
TIMES, MORE_SECONDS = 1.5, 5.0
"""How much longer than usual a training may take, and a bound for its start."""
REFUSED_SECONDS = 180
"""For the operator to see all TrainingJobs with the longest annotations, and to refuse their ledger."""
CHANGES, REPEATED_SECONDS = 10, 5.0
"""Changes of one of these TrainingJobs, a second apart, and CPU seconds of the operator meanwhile."""
LEASE = "epochal"
LEADS_SECONDS = 60
"""For an operator to lead after a rollout by the scenario before."""


@dataclass(frozen=True)
class HostileObjects:
    """Experiments, ledgers and annotations that are as large as the API server admits, in another namespace.

    Args:
        name: What the table calls it.
        alone: Whether nothing else may run meanwhile.
    """

    name: str = "hostile objects in another namespace"
    alone: bool = True

    def trials(self) -> list[Trial]:
        return [Trial(slug(self.name), 1, self._run)]

    def _run(self, bed: Bed) -> Outcome:
        with bed.train("usual", epochs=EPOCHS) as training:
            reference = training.results()
            usual = seconds(training)
        with _namespace(f"{bed.namespace.name}-hostile") as namespace:
            before = OperatorState.now()
            began = now()
            names = _write_ledgers(namespace)
            with bed.train("meanwhile", epochs=EPOCHS) as training:
                _write_annotations(namespace)
                searches = [_search(namespace, f"learner-{number}", names) for number in range(LEARNERS)]
                ended = now()
                differences = training.results().differences(reference)
                took, cost = seconds(training), training.cost(began, ended)
            wrong = [fault for fault in bed.audit.faults if fault.startswith(("usual", "meanwhile"))]
            wrong += before.differences()
            peaks = [before.peak()]
            restarted, work = _longest_annotations(namespace)
            wrong += restarted.differences()
            peaks.append(restarted.peak())
        if work > REPEATED_SECONDS:
            wrong.append(f"after a full ledger, the operator took {work:.1f} s of CPU time for {CHANGES} changes")
        if took > TIMES * usual + MORE_SECONDS:
            wrong.append(f"the training took {took:.0f} s, usually {usual:.0f} s")
        print(
            f"      {self.name}: the training took {took:.0f} s, usually {usual:.0f} s; searches with eight ledgers "
            f"{', '.join(f'{search:.1f}' for search in searches)} s; the operator's memory {max(peaks):.0f} MB",
            flush=True,
        )
        return Outcome((cost,), tuple(differences), tuple(wrong))


def seconds(training: Training) -> float:
    """Returns how long a TrainingJob took, from its creation to its completion."""
    job = training.namespace.job(training.name)
    return _time(job["status"]["completionTime"]) - _time(job["metadata"]["creationTimestamp"])


def _time(text: str) -> float:
    return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


@dataclass(frozen=True)
class OperatorState:
    """The operator's process, as it was at some time."""

    pid: int
    restarts: int
    limit: float
    """Memory limit of its container in megabytes."""
    oom_kills: int
    holder: Object
    """Holder and transitions of its lease."""

    @classmethod
    def now(cls) -> "OperatorState":
        """Returns the state of the operator that leads, and resets the peak of its memory."""
        wait("an operator to lead", operator.leader, seconds=LEADS_SECONDS)
        (name,) = operator.pods()
        pod = get("pod", name, namespace=operator.NAMESPACE)
        pid = operator.process_of(pod["metadata"]["uid"])
        proc.forget_peak(pid)
        (container,) = pod["spec"]["containers"]
        limit = container["resources"]["limits"]["memory"]
        assert limit.endswith("Mi"), limit
        return cls(pid, _restarts(pod), int(limit[:-2]) * 2**20 / 1e6, node.oom_kills(pid), _holder())

    def peak(self) -> float:
        return proc.peak(self.pid)

    def differences(self) -> list[str]:
        """Returns the forbidden changes since then."""
        (name,) = operator.pods()
        restarts = _restarts(get("pod", name, namespace=operator.NAMESPACE)) - self.restarts
        if restarts:
            return [f"the operator restarted {restarts} times"]
        found = []
        if (holder := _holder()) != self.holder:
            found.append(f"the lease was {self.holder}, and is {holder}")
        if kills := node.oom_kills(self.pid) - self.oom_kills:
            found.append(f"the kernel killed {kills} processes of the operator's container for memory")
        if (peak := self.peak()) >= self.limit:
            found.append(f"the operator took {peak:.0f} MB, its limit is {self.limit:.0f} MB")
        return found


def _restarts(pod: Object) -> int:
    return sum(container["restartCount"] for container in pod["status"]["containerStatuses"])


def lease() -> Object:
    """Returns the spec of the leader's Lease."""
    spec: Object = apiserver.request("GET", apiserver.path("leases", LEASE, namespace=operator.NAMESPACE))["spec"]
    return spec


def _holder() -> Object:
    spec = lease()
    return {key: spec[key] for key in ("holderIdentity", "leaseTransitions")}


@contextmanager
def _namespace(name: str) -> Iterator[str]:
    """Makes a namespace with an editor, and deletes it in the end."""
    kubectl("delete", "namespace", name, "--ignore-not-found", "--wait", timeout=300)
    kubectl("create", "namespace", name)
    kubectl("create", "rolebinding", EDITOR, "--clusterrole=edit", f"--user={EDITOR}", "--namespace", name)
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait", timeout=300)


def _write_ledgers(namespace: str) -> list[str]:
    """Writes Experiments with ledgers as large as they can be, as cluster administrator, and returns their names."""
    names = [f"large-{number}" for number in range(hostile.COUNT)]
    apply(*(hostile.experiment(name, suspend=True) for name in names), namespace=namespace)
    path = apiserver.path("experimentledgers", namespace=namespace)
    for number, name in enumerate(names):
        owner = get("experiment", name, namespace=namespace)
        data = hostile.ledger_data(number, owner["metadata"]["uid"])
        apiserver.request("POST", path, hostile.ledger(owner, data))
        patch = json.dumps({"spec": {"suspend": False}})
        kubectl("patch", "exp", name, "--namespace", namespace, "--type", "merge", "--patch", patch)
    return names


def _write_annotations(namespace: str) -> None:
    """Writes Experiments and TrainingJobs with hostile annotations, as an editor of the namespace."""
    garbage = [hostile.ledger_data(number, "garbage") for number in range(hostile.COUNT)]
    texts = [*garbage, "x" * hostile.ANNOTATION_BYTES, "[" * hostile.ANNOTATION_BYTES]
    for number, text in enumerate(texts):
        _create(hostile.with_old_ledger(f"garbage-{number}", text), namespace)
    owner = get("experiment", "garbage-0", namespace=namespace)
    for job in hostile.trials(owner):
        _create(job, namespace)


def _longest_annotations(namespace: str) -> tuple[OperatorState, float]:
    """Writes TrainingJobs whose valid annotations exceed a ledger, as an editor of the namespace.

    The operator starts after all of them exist, since a running one would record the first TrainingJobs and ignore the
    others.

    Returns:
        The state of the operator from its start, and its CPU seconds for changes of one TrainingJob after it has
        refused the ledger.
    """
    name = "longest"
    _create(hostile.longest_search(name), namespace)
    owner = get("experiment", name, namespace=namespace)
    jobs = list(hostile.longest_trials(owner))
    operator.scale(0)
    try:
        _create({"apiVersion": "v1", "kind": "List", "items": jobs}, namespace)
        kubectl(
            "patch", "exp", name, "--namespace", namespace, "--type", "merge", "--patch", '{"spec":{"suspend":false}}'
        )
    finally:
        operator.scale(1)
    state = OperatorState.now()

    def is_refused() -> bool:
        conditions = get("experiment", name, namespace=namespace).get("status", {}).get("conditions", [])
        return any((item["type"], item["reason"]) == ("Ready", "LedgerRefused") for item in conditions)

    wait(f"the ledger of {name} to be refused", is_refused, seconds=REFUSED_SECONDS)
    wait("the operator to create all Jobs", lambda: _is_idle(state.pid), seconds=REFUSED_SECONDS)
    began = proc.cpu(state.pid)[0]
    for number in range(CHANGES):
        kubectl(
            "annotate", "tj", jobs[0]["metadata"]["name"], "--namespace", namespace, "--overwrite", f"change={number}"
        )
        time.sleep(1)
    return state, proc.cpu(state.pid)[0] - began


def _is_idle(pid: int) -> bool:
    """Returns whether a process uses less than a tenth of a core for two seconds."""
    began = proc.cpu(pid)[0]
    time.sleep(2)
    return proc.cpu(pid)[0] - began < 0.2


def _create(thing: Object, namespace: str) -> None:
    """Creates an object as the editor; it is too large for the annotation that `kubectl apply` adds."""
    kubectl("create", f"--as={EDITOR}", "--namespace", namespace, "--filename=-", stdin=json.dumps(thing))


def _search(namespace: str, name: str, others: list[str]) -> float:
    """Applies an Experiment that warm-starts from others; returns the seconds until its ledger has a trial."""
    began = time.monotonic()
    apply(hostile.experiment(name, warmStartFrom=[{"name": item} for item in others]), namespace=namespace)

    def has_trial() -> bool:
        try:
            return bool(get("trainingjob", f"{name}-0-r0", namespace=namespace))
        except Refused:
            return False

    try:
        wait(f"the first trial of {name}", has_trial, seconds=SEARCH_SECONDS)
    except TimeoutError as error:
        raise TimeoutError(f"{error}\n{kubectl('describe', 'exp', name, '--namespace', namespace)}") from None
    took = time.monotonic() - began
    events = decode(get("experimentledger", name, namespace=namespace)["data"])
    found = {event.experiment for event in events if isinstance(event, WarmStartTrial)}
    assert found, f"{name} knows no trial of the other Experiments"
    return took


SCENARIOS = (HostileObjects(),)
