"""The operator has no unneeded rights: without any one of them, a request that it needs is refused."""

import json
import re
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from epochal_api.pod import progress_path

from tests.kit import apiserver, buckets, tokens
from tests.kit.apiserver import MERGE
from tests.kit.fleet import FINISHED
from tests.kit.jobs import WAITING, Namespace, digits, search
from tests.kit.kubectl import Object, apply, get, items, kubectl, wait
from tests.kit.process import PORTS, Process, installed_kept_out, token
from tests.kit.proxy import Call, Proxy

CHART = Path(__file__).parents[2] / "charts" / "epochal"
HOME, OTHER, NAME = "e2e-rbac-home", "e2e-rbac-other", "rbac-epochal"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
NOWHERE: dict[str, Any] = {"scheduling__nodeSelector": {"kubernetes.io/hostname": "nowhere"}}
UNFIT: Object = {"nodeSelector": {"kubernetes.io/hostname": "nowhere"}}
NETWORKS = ('--server-network={"ingress": [{"ports": [{"port": 8080, "protocol": "TCP"}]}]}',)
SECONDS = 30


class Right(NamedTuple):
    """One right: a verb on a resource.

    Args:
        resource: The resource with its group, as kubectl has it.
    """

    resource: str
    verb: str


def rendered() -> list[Object]:
    """Returns the roles, account and Secret that the chart renders for the operator."""
    shown = [f"--show-only=templates/{file}.yaml" for file in ("rbac", "serviceaccount", "secret")]
    command = ["helm", "template", "rbac", str(CHART), "--namespace", HOME, "--set=imageRegistry=localhost", *shown]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def rights(rule: Object) -> list[Right]:
    group = rule["apiGroups"][0]
    suffix = f".{group}" if group else ""
    return [Right(f"{resource}{suffix}", verb) for resource in rule["resources"] for verb in rule["verbs"]]


def path_of(role: Object) -> str:
    where = f"namespaces/{HOME}/roles" if role["kind"] == "Role" else "clusterroles"
    return f"{RBAC}/{where}/{role['metadata']['name']}"


def is_granted(role: Object, right: Right) -> bool:
    """Returns whether the API server grants the operator a right of a role."""
    rule = next(rule for rule in role["rules"] if right in rights(rule))
    resource, _, group = right.resource.partition(".")
    resource, _, part = resource.partition("/")
    name = rule.get("resourceNames", [""])[0]
    attributes = {"verb": right.verb, "group": group, "resource": resource, "subresource": part, "name": name}
    return apiserver.is_allowed(NAME, HOME, **attributes, namespace=HOME)


def used(call: Call) -> Right:
    """Returns the right that a request needs."""
    found = re.fullmatch(r"/(?:api/v1|apis/(?P<group>[^/]+)/v\w+)(?:/namespaces/[^/]+)?/(?P<rest>.+)", call.path)
    if found is None:
        return Right(call.path, "get")
    resource, _, rest = found["rest"].partition("/")
    name, _, part = rest.partition("/")
    read = "get" if name else "watch" if call.query.get("watch") else "list"
    verb = {"GET": read, "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[call.method]
    group = f".{found['group']}" if found["group"] else ""
    return Right(f"{resource}{'/' + part if part else ''}{group}", verb)


class World:
    """An operator with the rights of the chart, and actions that need each of them."""

    def __init__(self, namespace: Namespace, proxy: Proxy, process: Process) -> None:
        self._namespace = namespace
        self._count = 0
        self.proxy = proxy
        self.process = process

    def job(self, **changes: Any) -> str:
        """Applies a TrainingJob with a new name and returns the name."""
        self._count += 1
        name = f"job-{self._count}"
        self._namespace.apply(digits(name, **WAITING | NOWHERE | changes))
        return name

    def settled(self, **changes: Any) -> str:
        """Applies a TrainingJob, waits until it has its Job and its status, and returns its name."""
        name = self.job(**changes)
        wait(f"the Job of {name}", lambda: self._namespace.status(name).get("jobName"), seconds=SECONDS)
        return name

    def search(self, **changes: Any) -> str:
        """Applies an Experiment with a new name, whose trial finds no node, and returns the name."""
        self._count += 1
        name = f"search-{self._count}"
        self._namespace.apply(search(name, NOWHERE, **changes))
        return name

    def searching(self, **changes: Any) -> str:
        """Applies an Experiment, waits until it has a trial, and returns its name."""
        name = self.search(**changes)
        label = f"epochal.dev/experiment={name}"
        wait("a trial", lambda: items("trainingjobs", namespace=self._namespace.name, selector=label), seconds=SECONDS)
        return name

    def suspend_trial(self) -> None:
        """Suspends an Experiment that has a trial."""
        self._namespace.patch({"suspend": True}, self.searching(), kind="exp")

    def widen_search(self) -> None:
        """Lets an Experiment that has a trial begin more."""
        rate = {"name": "rate", "float": {"min": "0.001", "max": "0.1"}, "paths": ["training.optimizer.learning_rate"]}
        name = self.searching(search={"method": "Random"}, parameters=[rate], maxTrials=4)
        self._namespace.patch({"parallelism": 4}, name, kind="exp")

    def serve(self, **spec: Any) -> str:
        """Applies a ModelServer with a new name, whose pod finds no node, and returns the name."""
        self._count += 1
        name = f"server-{self._count}"
        source = {"uri": "s3://models/digits.onnx", "sha256": "0" * 64}
        given = {"source": source, "storage": {"secretRef": {"name": "minio-credentials"}}, "scheduling": UNFIT} | spec
        one = {"apiVersion": "epochal.dev/v1alpha1", "kind": "ModelServer", "metadata": {"name": name}}
        apply(one | {"spec": given}, namespace=self._namespace.name)
        return name

    def serving(self, **spec: Any) -> str:
        """Applies a ModelServer, waits until it has all that it owns and its status, and returns its name."""
        name = self.serve(**spec)

        def url() -> Any:
            return get("modelserver", name, namespace=self._namespace.name).get("status", {}).get("url")

        wait(f"the address of {name}", url, seconds=SECONDS)
        return name

    def change_server(self, **spec: Any) -> None:
        self._namespace.patch(spec, self.served, kind="msv")

    def take(self, kind: str, version: str, spec: Object) -> None:
        """Applies a ModelServer, one of whose children has its name taken."""
        one = {"apiVersion": version, "kind": kind, "metadata": {"name": f"server-{self._count + 1}"}, "spec": spec}
        apply(one, namespace=self._namespace.name)
        self.serve(autoscaling={"maxReplicas": 3})

    def spoil(self, kind: str, spec: Object) -> None:
        """Changes something that a ModelServer owns."""
        self._namespace.patch(spec, self.served, kind=kind)

    def forbid_networks(self) -> None:
        """Restarts the operator without NetworkPolicies for servers, one of which exists."""
        self.process.stop()
        self.process.more = ()
        self.process.start()

    def restart(self) -> None:
        self.process.stop()
        self.process.start()

    def limit(self) -> None:
        """Changes a field that the Job has too."""
        self._namespace.patch({"activeDeadlineSeconds": 900}, self.ready)

    def change(self) -> None:
        """Changes a TrainingJob that has not started."""
        self._namespace.patch({"backoffLimit": 7}, self.ready)

    def take_name(self) -> None:
        """Applies a TrainingJob, the name of whose Job is taken."""
        name = f"job-{self._count + 1}"
        container = {"name": "other", "image": "other"}
        pod = {"spec": {"restartPolicy": "Never", "containers": [container]}}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}}
        apply(job | {"spec": {"suspend": True, "template": pod}}, namespace=self._namespace.name)
        self.job()

    def expire(self) -> None:
        """Marks a TrainingJob as finished, with a time to live that is over."""
        path = apiserver.path("trainingjobs", self.ready, namespace=self._namespace.name)
        apiserver.request("PATCH", f"{path}/status", {"status": FINISHED}, content_type=MERGE)
        self._namespace.patch({"ttlSecondsAfterFinished": 0}, self.ready)

    def report(self) -> None:
        """Reports as a trainer's pod."""
        pod = wait(f"the pod of {self.started}", lambda: self._namespace.pods(self.started), seconds=SECONDS)[0]
        bearer = tokens.request(self._namespace.name, pod["metadata"]["name"])
        url = f"https://127.0.0.1:{PORTS['progress']}{progress_path(self._namespace.name, self.started)}"
        request = urllib.request.Request(url, b"{}", {"Authorization": f"Bearer {bearer}"})
        try:
            urllib.request.urlopen(request, timeout=20, context=_any_certificate())
        except urllib.error.HTTPError as refused:
            refused.close()

    def new_lease(self) -> None:
        """Lets the operator start where there is no Lease."""
        self.process.stop()
        kubectl("delete", "lease", NAME, "--namespace", HOME)
        self.process.start()

    def empty_secret(self) -> None:
        """Lets the operator start with no certificate."""
        self.process.stop()
        kubectl("patch", "secret", f"{NAME}-tls", "--namespace", HOME, "--type=merge", '--patch={"data": null}')
        self.process.start()

    def prepare(self, right: Right) -> None:
        """Creates the objects that the action of a right changes, while the operator has all its rights."""
        if not self.process.more:
            self.process.stop()
            self.process.more = NETWORKS
            self.process.start()
        if right in CHANGES_TRAINING_JOB:
            self.ready = self.settled()
        elif right in REPORTS:
            self.started = self.settled(scheduling__queueName=None)
        elif right in CHANGES_MODEL_SERVER:
            self.served = self.serving(autoscaling={"maxReplicas": 3})


def _any_certificate() -> Any:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _of_child(
    resource: str, version: str, kind: str, theirs: Object, spoiled: Object
) -> "dict[Right, tuple[Callable[[World], Any], Right | None]]":
    """Returns the actions that need each right to a kind of ModelServer child."""
    return {
        Right(resource, "get"): (lambda world: world.take(kind, version, theirs), None),
        Right(resource, "list"): (World.restart, None),
        Right(resource, "watch"): (lambda world: world.proxy.cut_watches(), None),
        Right(resource, "create"): (lambda world: world.serve(autoscaling={"maxReplicas": 3}), None),
        Right(resource, "patch"): (lambda world: world.spoil(kind, spoiled), None),
    }


NEEDS: dict[Right, tuple[Callable[[World], Any], Right | None]] = {
    Right("trainingjobs.epochal.dev", "get"): (World.job, None),
    Right("trainingjobs.epochal.dev", "list"): (World.restart, None),
    Right("trainingjobs.epochal.dev", "watch"): (lambda world: world.proxy.cut_watches(), None),
    Right("trainingjobs.epochal.dev", "create"): (World.search, None),
    Right("trainingjobs.epochal.dev", "patch"): (World.suspend_trial, None),
    Right("trainingjobs.epochal.dev", "delete"): (World.expire, None),
    Right("trainingjobs/status.epochal.dev", "patch"): (World.job, None),
    # Checked by admission, which refuses a Job that may block the deletion of its TrainingJob.
    Right("trainingjobs/finalizers.epochal.dev", "update"): (World.job, Right("jobs.batch", "create")),
    Right("experiments.epochal.dev", "get"): (World.search, None),
    Right("experiments.epochal.dev", "list"): (World.restart, None),
    Right("experiments.epochal.dev", "watch"): (lambda world: world.proxy.cut_watches(), None),
    Right("experiments.epochal.dev", "delete"): (
        lambda world: world.search(finish=True, ttlSecondsAfterFinished=0),
        None,
    ),
    Right("experiments/status.epochal.dev", "patch"): (World.search, None),
    Right("experiments/finalizers.epochal.dev", "update"): (
        World.search,
        Right("experimentledgers.epochal.dev", "create"),
    ),
    Right("experimentledgers.epochal.dev", "get"): (World.search, None),
    Right("experimentledgers.epochal.dev", "create"): (World.search, None),
    Right("experimentledgers.epochal.dev", "patch"): (World.widen_search, None),
    Right("jobs.batch", "get"): (World.take_name, None),
    Right("jobs.batch", "list"): (World.restart, None),
    Right("jobs.batch", "watch"): (lambda world: world.proxy.cut_watches(), None),
    Right("jobs.batch", "create"): (World.job, None),
    Right("jobs.batch", "patch"): (World.limit, None),
    Right("jobs.batch", "delete"): (World.change, None),
    Right("modelservers.epochal.dev", "get"): (World.serve, None),
    Right("modelservers.epochal.dev", "list"): (World.restart, None),
    Right("modelservers.epochal.dev", "watch"): (lambda world: world.proxy.cut_watches(), None),
    Right("modelservers/status.epochal.dev", "patch"): (World.serve, None),
    Right("modelservers/finalizers.epochal.dev", "update"): (
        World.serve,
        Right("networkpolicies.networking.k8s.io", "create"),
    ),
    Right("deployments.apps", "get"): (lambda world: world.change_server(classes=["a"]), None),
    Right("deployments.apps", "list"): (World.restart, None),
    Right("deployments.apps", "watch"): (lambda world: world.proxy.cut_watches(), None),
    Right("deployments.apps", "create"): (World.serve, None),
    Right("deployments.apps", "update"): (lambda world: world.change_server(classes=["a"]), None),
    Right("deployments.apps", "patch"): (World.serve, None),
    Right("replicasets.apps", "list"): (World.restart, None),
    Right("replicasets.apps", "watch"): (lambda world: world.proxy.cut_watches(), None),
    **_of_child("services", "v1", "Service", {"ports": [{"port": 1}]}, {"selector": {"app": "x"}}),
    **_of_child(
        "poddisruptionbudgets.policy", "policy/v1", "PodDisruptionBudget", {"minAvailable": 1}, {"maxUnavailable": 3}
    ),
    **_of_child(
        "horizontalpodautoscalers.autoscaling",
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}, "maxReplicas": 2},
        {"maxReplicas": 9},
    ),
    Right("horizontalpodautoscalers.autoscaling", "delete"): (
        lambda world: world.change_server(autoscaling=None),
        None,
    ),
    **_of_child(
        "networkpolicies.networking.k8s.io",
        "networking.k8s.io/v1",
        "NetworkPolicy",
        {"podSelector": {"matchLabels": {"app": "x"}}},
        {"ingress": []},
    ),
    Right("networkpolicies.networking.k8s.io", "delete"): (World.forbid_networks, None),
    Right("pods", "get"): (World.report, None),
    Right("pods", "list"): (World.restart, None),
    Right("pods", "watch"): (lambda world: world.proxy.cut_watches(), None),
    Right("events.events.k8s.io", "list"): (World.restart, None),
    Right("events.events.k8s.io", "watch"): (World.restart, None),
    Right("events.events.k8s.io", "create"): (World.take_name, None),
    Right("tokenreviews.authentication.k8s.io", "create"): (World.report, None),
    Right("secrets", "get"): (World.restart, None),
    Right("secrets", "update"): (World.empty_secret, None),
    Right("leases.coordination.k8s.io", "get"): (World.restart, None),
    Right("leases.coordination.k8s.io", "update"): (World.restart, None),
    Right("leases.coordination.k8s.io", "create"): (World.new_lease, None),
}
"""The action that needs each right, and the right of the refused request, if it is another one."""
CHANGES_TRAINING_JOB = {
    Right("trainingjobs.epochal.dev", "delete"),
    Right("jobs.batch", "patch"),
    Right("jobs.batch", "delete"),
}
REPORTS = {Right("pods", "get"), Right("tokenreviews.authentication.k8s.io", "create")}
CHANGES_MODEL_SERVER = {
    Right("deployments.apps", "get"),
    Right("deployments.apps", "update"),
    Right("services", "patch"),
    Right("poddisruptionbudgets.policy", "patch"),
    Right("horizontalpodautoscalers.autoscaling", "patch"),
    Right("horizontalpodautoscalers.autoscaling", "delete"),
    Right("networkpolicies.networking.k8s.io", "patch"),
    Right("networkpolicies.networking.k8s.io", "delete"),
}
"""Rights whose action changes an object that existed before. Each object takes seconds."""


@pytest.fixture(scope="module")
def roles() -> Iterator[list[Object]]:
    made = rendered()
    kubectl("delete", "namespace", HOME, "--ignore-not-found", "--wait")  # of a run that was killed
    kubectl("create", "namespace", HOME)
    apply(*made, namespace=HOME)
    yield [item for item in made if item["kind"] in {"Role", "ClusterRole"}]
    kubectl("delete", "namespace", HOME, "--wait=false")
    for item in made:
        if item["kind"].startswith("Cluster"):
            kubectl("delete", item["kind"], item["metadata"]["name"])


@pytest.fixture(scope="module")
def world(roles: list[Object], namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("rbac")
    with installed_kept_out(namespace.name, OTHER), Proxy() as proxy:
        kubeconfig = proxy.kubeconfig(folder / "kubeconfig", token(NAME, HOME))
        with Process(kubeconfig, folder / "log", home=HOME, release=NAME, namespaces=(namespace.name,)) as process:
            process.wait_leads()
            yield World(namespace, proxy, process)


def test_every_right_is_needed_for_something(roles: list[Object]) -> None:
    assert {right for role in roles for rule in role["rules"] for right in rights(rule)} == set(NEEDS)


@pytest.mark.parametrize("right", NEEDS, ids=lambda right: f"{right.verb} {right.resource}")
def test_without_this_right_something_is_refused(world: World, roles: list[Object], right: Right) -> None:
    need, refused = NEEDS[right]
    (role,) = (item for item in roles if any(right in rights(rule) for rule in item["rules"]))
    world.prepare(right)
    without = json.loads(json.dumps(role["rules"]))
    for rule in without:
        if right in rights(rule):
            rule["verbs"].remove(right.verb)
    kept = [rule for rule in without if rule["verbs"]]
    asked = len(world.proxy.calls)
    apiserver.request("PATCH", path_of(role), {"rules": kept}, content_type=MERGE)
    try:
        wait("the right to be taken away", lambda: not is_granted(role, right), seconds=SECONDS)
        need(world)
        wait(
            f"the operator to be refused to {right.verb} {right.resource}",
            lambda: any(call.status == 403 and used(call) == (refused or right) for call in world.proxy.calls[asked:]),
            # The operator may still back off from the refusal before. It writes a refused ledger again after a minute:
            # directly after the installation of the CRDs, the API server may not know the kind of its owner.
            seconds=4 * SECONDS,
        )
    finally:
        apiserver.request("PATCH", path_of(role), {"rules": role["rules"]}, content_type=MERGE)
    wait("the right to be given back", lambda: is_granted(role, right), seconds=SECONDS)
    world.process.wait_leads()


def test_an_unwatched_namespace_is_ignored(world: World) -> None:
    """Not for lack of rights: here the operator has them everywhere."""
    other = Namespace(OTHER)
    apply(*buckets.namespace_with_credentials(other.name, "nobody", "nothing"))
    asked = len(world.proxy.calls)
    try:
        other.apply(digits("alone", **WAITING))
        world.settled()
        world.restart()
        world.process.wait_leads()
        world.settled()
        assert other.status("alone") == {}
        assert items("jobs", namespace=other.name) == []
        assert [call.path for call in world.proxy.calls[asked:] if other.name in call.path] == []
    finally:
        kubectl("delete", "namespace", other.name, "--wait=false")
