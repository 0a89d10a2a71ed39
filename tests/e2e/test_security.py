"""Who may report, and what a trainer's pod may do."""

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

import pytest
from epochal_api.pod import CA_ANNOTATION, TOKEN_AUDIENCE, progress_path

from tests.kit import operator
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Object, Refused, apply, get, kubectl

RUNNING = ("victim", "other")


def report(**changes: Any) -> Object:
    return {"attempt": 1, "sequence": 10**9, "stage": "Training", "epoch": 77, "epochs": 100} | changes


@pytest.fixture(scope="module", autouse=True)
def _running(namespace: Namespace) -> None:
    namespace.apply(*(digits(name, training__epochs=100_000, training__callbacks=[]) for name in RUNNING))
    for name in RUNNING:
        namespace.wait_epoch(1, name)
    pod = get("pod", namespace.running_pod("other"), namespace=namespace.name)
    container = pod["spec"]["containers"][0]
    stranger = {
        "apiVersion": "v1",
        "kind": "Pod",
        # The labels of a trainer of the victim do not make it one.
        "metadata": {"name": "stranger", "labels": {"epochal.dev/trainingjob": "victim"}},
        "spec": {
            "securityContext": pod["spec"]["securityContext"],
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": "stranger",
                    "image": container["image"],
                    "command": ["sleep", "infinity"],
                    "securityContext": container["securityContext"],
                }
            ],
        },
    }
    apply(stranger, namespace=namespace.name)
    kubectl("wait", "--for=condition=Ready", "pod/stranger", "--namespace", namespace.name, "--timeout=60s")


def token(namespace: Namespace, pod: str | None, audience: str = TOKEN_AUDIENCE) -> str:
    bound = ["--bound-object-kind", "Pod", "--bound-object-name", pod] if pod else []
    arguments = ["create", "token", "default", "--namespace", namespace.name, "--audience", audience, *bound]
    return kubectl(*arguments).strip()


def post(namespace: Namespace, name: str, bearer: str | None, body: bytes | Object) -> tuple[int, str]:
    """Reports as a trainer does, from this machine, with the authority that the pod was given."""
    pod = get("pod", namespace.running_pod(name), namespace=namespace.name)
    context = ssl.create_default_context(cadata=pod["metadata"]["annotations"][CA_ANNOTATION])
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(operator.PROGRESS + progress_path(namespace.name, name), data)
    request.add_header("Content-Type", "application/json")
    if bearer:
        request.add_header("Authorization", f"Bearer {bearer}")
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def epoch(namespace: Namespace, name: str) -> int:
    done: int = namespace.status(name)["progress"]["epoch"]
    return done


def test_without_a_token_it_is_refused(namespace: Namespace) -> None:
    assert post(namespace, "victim", None, report())[0] == 401


@pytest.mark.parametrize("bearer", ["", "nonsense", "a.b.c"])
def test_a_token_that_is_none_is_refused(namespace: Namespace, bearer: str) -> None:
    assert post(namespace, "victim", bearer or "x", report())[0] == 401


def test_a_token_for_another_audience_is_refused(namespace: Namespace) -> None:
    pod = namespace.running_pod("victim")
    assert post(namespace, "victim", token(namespace, pod, "https://kubernetes.default.svc"), report())[0] == 401


def test_a_token_of_no_pod_is_refused(namespace: Namespace) -> None:
    assert post(namespace, "victim", token(namespace, None), report())[0] == 403


@pytest.mark.parametrize("forger", ["stranger", "other"])
def test_a_report_forged_by_another_pod_is_refused(namespace: Namespace, forger: str) -> None:
    pod = forger if forger == "stranger" else namespace.running_pod("other")
    assert post(namespace, "victim", token(namespace, pod), report())[0] == 403
    assert namespace.status("victim")["progress"]["sequence"] < 10**9


def test_a_bad_report_of_its_own_pod_is_refused_with_the_reason(namespace: Namespace) -> None:
    bearer = token(namespace, namespace.running_pod("victim"))
    for body, words in ((b"{", "JSON"), (report(epoch=-1), "epoch"), (report(stage="Dreaming"), "stage")):
        code, text = post(namespace, "victim", bearer, body)
        assert code == 422, text
        assert words in text
    assert post(namespace, "victim", bearer, b" " * 70_000)[0] in {413, 422}


def test_an_older_report_of_its_own_pod_changes_nothing(namespace: Namespace) -> None:
    bearer = token(namespace, namespace.running_pod("victim"))
    assert post(namespace, "victim", bearer, report(sequence=0, epoch=77))[0] == 200
    assert epoch(namespace, "victim") != 77


def test_too_many_reports_are_put_off(namespace: Namespace) -> None:
    bearer = token(namespace, namespace.running_pod("victim"))
    codes = {post(namespace, "victim", bearer, report(sequence=0))[0] for _ in range(100)}
    assert codes == {200, 429}


def test_no_token_and_no_secret_is_in_a_log(namespace: Namespace) -> None:
    bearer = token(namespace, namespace.running_pod("victim"))
    post(namespace, "victim", bearer, report(sequence=0))
    texts = [operator.logs(), kubectl("logs", namespace.running_pod("victim"), "--namespace", namespace.name)]
    assert not [text for text in texts if bearer in text or "epochal-root-secret" in text]


def test_a_trainers_pod_has_no_way_into_the_api_server(namespace: Namespace) -> None:
    pod = namespace.running_pod("victim")
    script = "import os; print(os.path.exists('/var/run/secrets/kubernetes.io/serviceaccount/token'))"
    assert kubectl("exec", pod, "--namespace", namespace.name, "--", "python3", "-c", script).strip() == "False"


def test_a_trainers_root_file_system_is_read_only(namespace: Namespace) -> None:
    pod = namespace.running_pod("victim")
    script = "try: open('/owned', 'w')\nexcept OSError as error: print(error.strerror)"
    assert "Read-only" in kubectl("exec", pod, "--namespace", namespace.name, "--", "python3", "-c", script)


@pytest.mark.parametrize(
    ("verb", "resource"),
    [("get", "secrets"), ("list", "secrets"), ("create", "pods"), ("get", "configmaps"), ("list", "nodes")],
)
def test_the_operator_has_no_rights_beyond_its_work(verb: str, resource: str) -> None:
    account = f"system:serviceaccount:{operator.NAMESPACE}:epochal"
    with pytest.raises(Refused, match="can-i"):
        kubectl("auth", "can-i", verb, resource, "--all-namespaces", "--as", account)
