"""Authentication of progress reports, and the rights of a trainer's pod."""

import functools
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from epochal_api.pod import CA_ANNOTATION, progress_path

from tests.kit import apiserver, buckets, operator, pods, tokens
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Object, Refused, apply, get, kubectl, wait

RUNNING = ("victim", "other", "earlier")
FAR = 10**9
"""A sequence number that no trainer reaches."""
HOUR = 3600
TRIES = 10


def report(**changes: Any) -> Object:
    return {"attempt": 1, "sequence": FAR, "stage": "Training", "epoch": 77, "epochs": 100} | changes


def running_job(name: str) -> Object:
    return digits(name, training__epochs=100_000, training__callbacks=[])


@pytest.fixture(scope="module", autouse=True)
def _running(namespace: Namespace) -> Iterator[None]:
    namespace.apply(*map(running_job, RUNNING))
    for name in RUNNING:
        namespace.wait_epoch(1, name)
    # The labels of a trainer of the victim do not make it one.
    start(namespace, "stranger", labels={"epochal.dev/trainingjob": "victim"})
    with operator.stopped(*(trainer(namespace, name) for name in ("victim", "other"))):
        yield


def trainer(namespace: Namespace, name: str) -> Object:
    return get("pod", namespace.running_pod(name), namespace=namespace.name)


def start(namespace: Namespace, name: str, **metadata: Any) -> None:
    """Starts a pod that does nothing, and waits until it runs."""
    apply(pods.restricted(name, pods.images()["trainer"], ["sleep", "3600"], **metadata), namespace=namespace.name)
    kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--namespace", namespace.name, "--timeout=60s")


def bearer_of(namespace: Namespace, name: str) -> str:
    """Returns a token of a job's own trainer."""
    return tokens.request(namespace.name, namespace.running_pod(name))


@functools.cache
def authority(namespace: Namespace) -> ssl.SSLContext:
    """Returns an SSL context that trusts the CA in the trainer's pod."""
    return ssl.create_default_context(cadata=trainer(namespace, "victim")["metadata"]["annotations"][CA_ANNOTATION])


def post(namespace: Namespace, name: str, bearer: str | None, body: bytes | Object) -> tuple[int, str]:
    """Reports as a trainer does, from this machine; again if it is put off, since the job's own trainer reports too."""
    for _ in range(TRIES):
        code, text = send(namespace, name, bearer, body)
        if code != 429:
            break
        time.sleep(1)
    return code, text


def send(namespace: Namespace, name: str, bearer: str | None, body: bytes | Object) -> tuple[int, str]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(operator.PROGRESS + progress_path(namespace.name, name), data)
    request.add_header("Content-Type", "application/json")
    if bearer:
        request.add_header("Authorization", f"Bearer {bearer}")
    try:
        with urllib.request.urlopen(request, timeout=10, context=authority(namespace)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def progress(namespace: Namespace, name: str) -> Object:
    found: Object = namespace.status(name)["progress"]
    return found


def test_a_report_without_a_token_is_refused(namespace: Namespace) -> None:
    assert post(namespace, "victim", None, report())[0] == 401


@pytest.mark.parametrize("bearer", ["nonsense", "a.b.c"])
def test_an_invalid_token_is_refused(namespace: Namespace, bearer: str) -> None:
    assert post(namespace, "victim", bearer, report())[0] == 401


def test_a_token_for_another_audience_is_refused(namespace: Namespace) -> None:
    pod = namespace.running_pod("victim")
    bearer = tokens.request(namespace.name, pod, "https://kubernetes.default.svc")
    assert post(namespace, "victim", bearer, report())[0] == 401


def test_an_expired_token_is_refused(namespace: Namespace) -> None:
    bearer = bearer_of(namespace, "victim")
    expired = tokens.issued(bearer, ago=2 * HOUR, seconds=HOUR)
    assert post(namespace, "victim", expired, report())[0] == 401
    still_valid = tokens.issued(bearer, ago=2 * HOUR, seconds=3 * HOUR)
    assert post(namespace, "victim", still_valid, report(sequence=0))[0] == 200


def test_a_token_signed_by_another_than_the_api_server_is_refused(namespace: Namespace) -> None:
    assert post(namespace, "victim", tokens.forged(bearer_of(namespace, "victim")), report())[0] == 401


def test_a_token_of_no_pod_is_refused(namespace: Namespace) -> None:
    assert post(namespace, "victim", tokens.request(namespace.name), report())[0] == 403


def test_a_token_of_a_deleted_pod_is_refused(namespace: Namespace) -> None:
    start(namespace, "leaving")
    bearer = tokens.request(namespace.name, "leaving")
    kubectl("delete", "pod", "leaving", "--namespace", namespace.name, "--wait")
    assert post(namespace, "victim", bearer, report())[0] == 401


@pytest.mark.parametrize("forger", ["stranger", "other"])
def test_a_report_forged_by_another_pod_is_refused(namespace: Namespace, forger: str) -> None:
    pod = forger if forger == "stranger" else namespace.running_pod("other")
    assert post(namespace, "victim", tokens.request(namespace.name, pod), report())[0] == 403
    assert progress(namespace, "victim")["sequence"] < FAR


def test_a_pod_of_an_earlier_job_with_the_same_name_is_refused(namespace: Namespace) -> None:
    bearer = bearer_of(namespace, "earlier")
    assert post(namespace, "earlier", bearer, report(sequence=0))[0] == 200, "the operator knows this token from now on"
    kubectl("delete", "tj", "earlier", "--namespace", namespace.name, "--wait")
    assert post(namespace, "earlier", bearer, report())[0] == 403
    namespace.apply(running_job("earlier"))
    wait("the later job", lambda: namespace.status("earlier").get("jobName"), seconds=150)
    assert post(namespace, "earlier", bearer, report())[0] in {401, 403}
    kubectl("delete", "tj", "earlier", "--namespace", namespace.name, "--wait=false")


def metadata(namespace: Namespace, pod: str) -> Object:
    found: Object = get("pod", pod, namespace=namespace.name)["metadata"]
    return found


def owned_by_job_of(namespace: Namespace, name: str) -> list[Object]:
    uid = get("job", name, namespace=namespace.name)["metadata"]["uid"]
    return [{"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid, "controller": True}]


@pytest.fixture
def elsewhere() -> Iterator[Namespace]:
    name = "e2e-security-elsewhere"
    apply(*buckets.namespace_with_credentials(name, "nobody", "nothing"))
    yield Namespace(name)
    kubectl("delete", "namespace", name, "--wait=false")


def test_a_forged_owner_does_not_reach_into_another_namespace(namespace: Namespace, elsewhere: Namespace) -> None:
    owner = owned_by_job_of(namespace, "victim")
    job = get("job", "victim", namespace=namespace.name)
    kept = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "victim"}}
    kept["spec"] = {
        "suspend": True,
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "x", "image": "x"}]}},
    }
    # A Job of the same name that claims the same owner, and a pod of it.
    apply(kept, namespace=elsewhere.name)
    uid = get("job", "victim", namespace=elsewhere.name)["metadata"]["uid"]
    start(elsewhere, "impostor", ownerReferences=[owner[0] | {"uid": uid}])
    assert job["metadata"]["uid"] != uid
    assert post(namespace, "victim", tokens.request(elsewhere.name, "impostor"), report())[0] == 403
    assert progress(namespace, "victim")["sequence"] < FAR


def test_a_forged_owner_does_not_make_a_pod_a_trainer(namespace: Namespace) -> None:
    """The Job controller disowns a pod that its Job does not select, and counts one that it does as the Job's own."""
    start(namespace, "impostor", ownerReferences=owned_by_job_of(namespace, "other"))
    wait("the pod to be disowned", lambda: "ownerReferences" not in metadata(namespace, "impostor"), seconds=30)
    for name in ("other", "victim"):
        assert post(namespace, name, tokens.request(namespace.name, "impostor"), report())[0] == 403


def test_an_invalid_report_is_refused_with_the_reason(namespace: Namespace) -> None:
    bearer = bearer_of(namespace, "victim")
    for body, words in ((b"{", "JSON"), (report(epoch=-1), "epoch"), (report(stage="Dreaming"), "stage")):
        code, text = post(namespace, "victim", bearer, body)
        assert code == 422, text
        assert words in text
    assert post(namespace, "victim", bearer, b" " * 70_000)[0] in {413, 422}


def test_an_older_report_changes_nothing(namespace: Namespace) -> None:
    assert post(namespace, "victim", bearer_of(namespace, "victim"), report(sequence=0, epoch=77))[0] == 200
    assert progress(namespace, "victim")["epoch"] != 77


def test_a_replay_changes_nothing(namespace: Namespace) -> None:
    bearer = bearer_of(namespace, "other")
    code, text = post(namespace, "other", bearer, report(attempt=2, sequence=5, epoch=55))
    assert (code, "applied" in text) == (200, True), text
    for again in (
        report(attempt=2, sequence=5, epoch=56),
        report(attempt=2, sequence=4, epoch=57),
        report(attempt=1, sequence=FAR, epoch=58),
    ):
        code, text = post(namespace, "other", bearer, again)
        assert (code, "ignored" in text) == (200, True), text
    assert progress(namespace, "other")["epoch"] == 55


def test_too_many_reports_are_put_off(namespace: Namespace) -> None:
    bearer = bearer_of(namespace, "victim")
    with ThreadPoolExecutor(8) as senders:
        answers = list(senders.map(lambda _: send(namespace, "victim", bearer, report(sequence=0)), range(200)))
    assert {code for code, _ in answers} == {200, 429}


def test_a_trainers_pod_has_no_way_into_the_api_server(namespace: Namespace) -> None:
    pod = namespace.running_pod("victim")
    script = "import os; print(os.path.exists('/var/run/secrets/kubernetes.io/serviceaccount/token'))"
    assert kubectl("exec", pod, "--namespace", namespace.name, "--", "python3", "-c", script).strip() == "False"


def test_the_api_server_refuses_the_token_of_a_trainer(namespace: Namespace) -> None:
    bearer = bearer_of(namespace, "victim")
    with pytest.raises(Refused, match=r"[Uu]nauthorized|must be logged in"):
        kubectl("--kubeconfig=/dev/null", "--server=https://127.0.0.1:6443", "--insecure-skip-tls-verify",
                f"--token={bearer}", "get", "pods", "--namespace", namespace.name)  # fmt: skip


def test_a_trainers_root_file_system_is_read_only(namespace: Namespace) -> None:
    pod = namespace.running_pod("victim")
    script = "try: open('/owned', 'w')\nexcept OSError as error: print(error.strerror)"
    assert "Read-only" in kubectl("exec", pod, "--namespace", namespace.name, "--", "python3", "-c", script)


@pytest.mark.parametrize(
    ("verb", "resource"),
    [("get", "secrets"), ("list", "secrets"), ("create", "pods"), ("get", "configmaps"), ("list", "nodes")],
)
def test_the_operator_has_no_rights_beyond_its_work(verb: str, resource: str) -> None:
    assert not may(verb, resource)


@pytest.mark.parametrize(("verb", "resource"), [("list", "pods"), ("create", "jobs")])
def test_the_operator_has_the_rights_of_its_work(verb: str, resource: str) -> None:
    assert may(verb, resource)


def may(verb: str, resource: str) -> bool:
    """Returns whether the operator has a right in all namespaces."""
    group = {"jobs": "batch"}.get(resource, "")
    return apiserver.is_allowed("epochal", operator.NAMESPACE, verb=verb, group=group, resource=resource)
