"""Whoever speaks for the operator can write no pod that may do more than a trainer's, and no Job of others."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from epochal_api.trainingjob.spec import parse
from epochal_operator.trainingjob.job.batch_job import batch_job

from tests.kit.as_operator import INSTALLATION, OPERATOR
from tests.kit.jobs import WAITING, Namespace, digits, search
from tests.kit.kubectl import Object, Refused, apply, get, kubectl, wait

DENIED = "ValidatingAdmissionPolicy 'epochal-operator' with binding 'epochal-operator' denied request: "
Spoil = Callable[[Object], Any]
POD = "spec.template.spec"
CONTAINERS = f"{POD}.containers"


@pytest.fixture(scope="module")
def job(namespace: Namespace) -> Object:
    """The Job of a TrainingJob that is there, as the operator makes it: with all that a user may ask for."""
    namespace.apply(
        digits(
            "owner",
            suspend=True,  # so that it has no Job
            serviceAccountName="trainer",
            imagePullSecrets=[{"name": "registry"}],
            storage__caConfigMapRef={"name": "authority"},
            resources__limits={"memory": "1Gi", "nvidia.com/gpu": 1},
            scheduling={
                "priorityClassName": "high",
                "nodeSelector": {"zone": "a"},
                "tolerations": [{"key": "gpu", "operator": "Exists"}],
                "affinity": {"nodeAffinity": {}},
                "runtimeClassName": "nvidia",
                "schedulerName": "other",
            },
        )
    )
    made = batch_job(parse(namespace.job("owner")), INSTALLATION)
    kubectl("delete", "tj", "owner", "--namespace", namespace.name)
    return made


def write(namespace: Namespace, *command: str, body: Object | None = None) -> None:
    """Writes as the operator, by way of admission, but nothing is kept."""
    stdin = None if body is None else json.dumps(body)
    kubectl(*command, OPERATOR, "--namespace", namespace.name, "--dry-run=server", stdin=stdin)


def create(namespace: Namespace, body: Object) -> None:
    write(namespace, "create", "--filename", "-", body=body)


def spoiled(job: Object, spoil: Spoil) -> Object:
    """Returns the Job with something that is not the operator's."""
    changed = copy.deepcopy(job)
    spoil(changed)
    return changed


def pod(job: Object) -> Object:
    found: Object = job["spec"]["template"]["spec"]
    return found


def container(job: Object) -> Object:
    found: Object = pod(job)["containers"][0]
    return found


def volume(**source: Any) -> Spoil:
    return lambda job: pod(job)["volumes"].append({"name": "more", **source})


def token(**token: Any) -> Spoil:
    return volume(projected={"sources": [{"serviceAccountToken": {"path": "token", **token}}]})


def on_pod(**fields: Any) -> Spoil:
    return lambda job: pod(job).update(fields)


def on_container(**fields: Any) -> Spoil:
    return lambda job: container(job).update(fields)


def on_pod_context(**fields: Any) -> Spoil:
    return lambda job: pod(job)["securityContext"].update(fields)


def on_context(**fields: Any) -> Spoil:
    return lambda job: container(job)["securityContext"].update(fields)


def on_template(**fields: Any) -> Spoil:
    return lambda job: [job["spec"]["template"]["metadata"][field].update(more) for field, more in fields.items()]


def variable(**fields: Any) -> Spoil:
    return lambda job: container(job)["env"].append(fields)


def on_owner(**fields: Any) -> Spoil:
    return lambda job: job["metadata"]["ownerReferences"][0].update(fields)


def test_the_job_of_a_training_job_is_admitted(namespace: Namespace, job: Object) -> None:
    create(namespace, job)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda job: job["metadata"].pop("ownerReferences"), "metadata.ownerReferences: must name the TrainingJob"),
        (on_owner(controller=False), "metadata.ownerReferences: must name the TrainingJob"),
        (on_owner(name="other"), "metadata.ownerReferences: must name the TrainingJob"),
        (on_owner(kind="Experiment", blockOwnerDeletion=False), "metadata.ownerReferences: must name the TrainingJob"),
        (
            on_owner(apiVersion="apps/v1", blockOwnerDeletion=False),
            "metadata.ownerReferences: must name the TrainingJob",
        ),
        (on_pod(hostNetwork=True), f"{POD}: must set none of hostNetwork"),
        (on_pod(hostPID=True, shareProcessNamespace=False), f"{POD}: must set none of hostNetwork"),
        (on_pod(hostIPC=True), f"{POD}: must set none of hostNetwork"),
        (on_pod(nodeName="master"), f"{POD}: must set none of hostNetwork"),
        (on_pod(automountServiceAccountToken=True), f"{POD}.automountServiceAccountToken: must be false"),
        (lambda job: pod(job).pop("automountServiceAccountToken"), f"{POD}.automountServiceAccountToken"),
        (volume(hostPath={"path": "/"}), f"{POD}.volumes: must be configMap"),
        (volume(secret={"secretName": "minio-credentials"}), f"{POD}.volumes: must be configMap"),
        (volume(persistentVolumeClaim={"claimName": "data"}), f"{POD}.volumes: must be configMap"),
        (volume(csi={"driver": "secrets-store.csi.k8s.io", "readOnly": True}), f"{POD}.volumes: must be configMap"),
        (volume(nfs={"server": "192.0.2.1", "path": "/"}), f"{POD}.volumes: must be configMap"),
        (token(), f"{POD}.volumes: must project nothing but"),
        (token(audience="https://kubernetes.default.svc"), f"{POD}.volumes: must project nothing but"),
        (volume(projected={"sources": [{"secret": {"name": "s"}}]}), f"{POD}.volumes: must project nothing but"),
        (lambda job: pod(job).pop("securityContext"), f"{POD}.securityContext: must set runAsNonRoot"),
        (on_pod_context(runAsNonRoot=False), f"{POD}.securityContext: must set runAsNonRoot"),
        (on_pod_context(runAsUser=0), f"{POD}.securityContext: must set runAsNonRoot"),
        (on_pod_context(seccompProfile={"type": "Unconfined"}), f"{POD}.securityContext: must set runAsNonRoot"),
        (on_pod_context(sysctls=[{"name": "kernel.msgmax", "value": "1"}]), f"{POD}.securityContext: must set"),
        (on_pod_context(windowsOptions={"runAsUserName": "SYSTEM"}), f"{POD}.securityContext: must set"),
        (on_context(privileged=True, allowPrivilegeEscalation=True), f"{CONTAINERS}: must have a securityContext"),
        (on_context(privileged=False), f"{CONTAINERS}: must have a securityContext"),
        (on_context(readOnlyRootFilesystem=False), f"{CONTAINERS}: must have a securityContext"),
        (
            on_context(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}),
            f"{CONTAINERS}: must have a securityContext",
        ),
        (on_context(capabilities={}), f"{CONTAINERS}: must have a securityContext"),
        (on_context(runAsUser=0), f"{CONTAINERS}: must have a securityContext"),
        (on_context(seccompProfile={"type": "Unconfined"}), f"{CONTAINERS}: must have a securityContext"),
        (lambda job: container(job).pop("securityContext"), f"{CONTAINERS}: must have a securityContext"),
        (
            lambda job: pod(job)["containers"].append(container(job) | {"name": "two"}),
            f"{POD}: must have exactly one container",
        ),
        (
            lambda job: pod(job).update(initContainers=[container(job) | {"name": "two"}]),
            f"{POD}: must have exactly one container",
        ),
        (on_container(ports=[{"containerPort": 80, "hostPort": 80}]), f"{CONTAINERS}: must set nothing but"),
        (on_container(envFrom=[{"secretRef": {"name": "any"}}]), f"{CONTAINERS}: must set nothing but"),
        (on_container(lifecycle={"preStop": {"sleep": {"seconds": 1}}}), f"{CONTAINERS}: must set nothing but"),
        (on_container(args=["--help"]), f"{CONTAINERS}: must set nothing but"),
        (on_container(command=["sh", "-c", "env"]), f"{CONTAINERS}: must run the command"),
        (variable(name="LD_PRELOAD", value="/tmp/x"), f"{CONTAINERS}: must set no variable"),
        (
            variable(name="EPOCHAL_ACCESS_KEY", valueFrom={"secretKeyRef": {"name": "any", "key": "password"}}),
            f"{CONTAINERS}: must set no variable",
        ),
        (on_template(labels={"app": "payments"}), "spec.template.metadata: must have no label"),
        (on_template(labels={"app.kubernetes.io/managed-by": "Helm"}), "spec.template.metadata: must have no label"),
        (on_template(annotations={"iam.amazonaws.com/role": "admin"}), "spec.template.metadata: must have no label"),
        (
            lambda job: job["spec"].update(
                manualSelector=True, selector={"matchLabels": {"app.kubernetes.io/managed-by": "epochal"}}
            ),
            "spec.manualSelector: must not be set",
        ),
    ],
)
def test_other_jobs_and_pods_are_refused(namespace: Namespace, job: Object, spoil: Spoil, message: str) -> None:
    with pytest.raises(Refused) as refused:
        create(namespace, spoiled(job, spoil))
    assert f"{DENIED}{message}" in str(refused.value)


@pytest.fixture(scope="module")
def others(namespace: Namespace) -> str:
    """A Job that is not the operator's."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "other", "image": "other"}]}
    one = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "others"}}
    apply(one | {"spec": {"suspend": True, "template": {"spec": pod}}}, namespace=namespace.name)
    return "others"


@pytest.mark.parametrize("command", [["patch", "--patch", '{"spec": {"suspend": false}}'], ["delete"]])
def test_the_operator_cannot_change_a_foreign_job(namespace: Namespace, others: str, command: list[str]) -> None:
    verb, *rest = command
    with pytest.raises(Refused, match=r"metadata\.ownerReferences: must name the TrainingJob of the same name"):
        write(namespace, verb, "job", others, *rest)


def test_the_operator_cannot_adopt_a_foreign_job(namespace: Namespace, others: str, job: Object) -> None:
    owners = [job["metadata"]["ownerReferences"][0] | {"name": others, "blockOwnerDeletion": False}]
    patch = json.dumps({"metadata": {"ownerReferences": owners}})
    with pytest.raises(Refused, match=r"metadata\.ownerReferences: must stay as they are"):
        write(namespace, "patch", "job", others, "--type=merge", "--patch", patch)


def test_the_operator_can_change_its_job_except_for_the_pod_template(namespace: Namespace) -> None:
    namespace.apply(digits("own", **WAITING))
    wait("its Job", lambda: namespace.status("own").get("jobName"), seconds=30)
    patch = ["patch", "job", "own", "--type=merge", "--patch"]
    write(namespace, *patch, '{"spec": {"suspend": false, "parallelism": 1}}')
    write(namespace, "delete", "job", "own")
    labels = {"spec": {"template": {"metadata": {"labels": {"app": "payments"}}}}}
    with pytest.raises(Refused, match=r"spec\.template\.metadata: must have no label"):
        write(namespace, *patch, json.dumps(labels))
    # Other clients with rights to the Job, such as Kueue, can change it; the operator accepts that.
    kubectl(*patch, json.dumps(labels), "--namespace", namespace.name)
    assert get("job", "own", namespace=namespace.name)["spec"]["template"]["metadata"]["labels"]["app"] == "payments"
    write(namespace, *patch, '{"spec": {"suspend": false}}')


def test_the_policy_does_not_apply_to_other_users(namespace: Namespace, job: Object) -> None:
    body = spoiled(job, lambda changed: changed["metadata"].pop("ownerReferences"))
    kubectl("create", "--filename", "-", "--namespace", namespace.name, "--dry-run=server", stdin=json.dumps(body))


OF_EXPERIMENTS = DENIED.replace("epochal-operator", "epochal-operator-experiments")


@pytest.fixture(scope="module")
def searching(namespace: Namespace) -> Object:
    """An Experiment that waits."""
    namespace.apply(search("searching", suspend=True))
    return get("experiment", "searching", namespace=namespace.name)


def trial(experiment: Object, name: str = "searching-9-r0", **changes: Any) -> Object:
    """Returns a trial of an Experiment, with changes of its metadata."""
    owner = {key: experiment[key] for key in ("apiVersion", "kind")}
    owner |= {key: experiment["metadata"][key] for key in ("name", "uid")}
    labels = {"epochal.dev/experiment": experiment["metadata"]["name"]}
    made = digits(name, suspend=True)
    made["metadata"] |= {"labels": labels, "ownerReferences": [owner | {"controller": True}]} | changes
    return made


def test_trials_of_an_experiment_are_admitted(namespace: Namespace, searching: Object) -> None:
    create(namespace, trial(searching))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("searching-9-r0", {"ownerReferences": []}),
        ("searching-9-r0", {"labels": {}}),
        ("searching-9-r0", {"labels": {"epochal.dev/experiment": "other"}}),
        ("other", {}),
    ],
)
def test_other_training_jobs_are_refused(namespace: Namespace, searching: Object, name: str, changes: Object) -> None:
    with pytest.raises(Refused) as refused:
        create(namespace, trial(searching, name, **changes))
    assert f"{OF_EXPERIMENTS}metadata.ownerReferences: must name the Experiment" in str(refused.value)


def test_the_operator_can_change_only_suspend_of_a_trial(namespace: Namespace, searching: Object) -> None:
    apply(trial(searching, "searching-8-r0"), digits("alone", suspend=True), namespace=namespace.name)
    patch = ["--type=merge", "--patch"]
    write(namespace, "patch", "tj", "searching-8-r0", *patch, '{"spec": {"suspend": false}}')
    with pytest.raises(Refused, match=r"spec: must stay as it is, but for spec\.suspend"):
        write(namespace, "patch", "tj", "searching-8-r0", *patch, '{"spec": {"backoffLimit": 9}}')
    with pytest.raises(Refused, match=r"metadata\.ownerReferences: must name the Experiment"):
        write(namespace, "patch", "tj", "alone", *patch, '{"spec": {"suspend": false}}')


@pytest.mark.usefixtures("searching")
@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"suspend": False}},
        {"metadata": {"labels": {"team": "vision"}}},
        {"metadata": {"annotations": {"epochal.dev/trials": "none"}}},
    ],
)
def test_the_operator_cannot_change_an_experiment(namespace: Namespace, change: Object) -> None:
    with pytest.raises(Refused, match=r"experiments\.epochal\.dev \"searching\" is forbidden"):
        write(namespace, "patch", "exp", "searching", "--type=merge", "--patch", json.dumps(change))


def ledger(experiment: Object, name: str = "searching", **changes: Any) -> Object:
    """Returns the ledger of an Experiment, with changes of its metadata."""
    owner = {key: experiment[key] for key in ("apiVersion", "kind")}
    owner |= {key: experiment["metadata"][key] for key in ("name", "uid")}
    metadata = {"name": name, "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}]} | changes
    about = {"apiVersion": "epochal.dev/v1alpha1", "kind": "ExperimentLedger"}
    return about | {"metadata": metadata, "data": ""}


@pytest.mark.parametrize(("name", "changes"), [("other", {}), ("searching", {"ownerReferences": []})])
def test_other_ledgers_are_refused(namespace: Namespace, searching: Object, name: str, changes: Object) -> None:
    with pytest.raises(Refused) as refused:
        create(namespace, ledger(searching, name, **changes))
    assert f"{OF_EXPERIMENTS}metadata.ownerReferences: must name the Experiment" in str(refused.value)


def test_the_operator_can_change_only_the_data_of_a_ledger(namespace: Namespace, searching: Object) -> None:
    apply(ledger(searching), namespace=namespace.name)
    patch = ["patch", "experimentledger", "searching", "--type=merge", "--patch"]
    write(namespace, *patch, '{"data": "AAAA"}')
    for change in ({"labels": {"team": "vision"}}, {"annotations": {"team": "vision"}}):
        with pytest.raises(Refused) as refused:
            write(namespace, *patch, json.dumps({"metadata": change}))
        assert f"{OF_EXPERIMENTS}metadata.labels, metadata.annotations" in str(refused.value)
    long = ["patch", "experimentledger", "searching", "--type=merge", "--patch-file=/dev/stdin"]
    with pytest.raises(Refused, match="data: Too long"):
        kubectl(*long, "--namespace", namespace.name, stdin=json.dumps({"data": "A" * 204_801}))
    kubectl("delete", "experimentledger", "searching", "--namespace", namespace.name)


@pytest.mark.usefixtures("searching")
@pytest.mark.parametrize("role", ["view", "edit", "admin"])
def test_users_can_read_ledgers_and_not_write_them(namespace: Namespace, role: str) -> None:
    user = f"{role}-of-ledgers"
    about = ["--clusterrole", role, "--user", user, "--namespace", namespace.name]
    kubectl("create", "rolebinding", user, *about)
    for verb, may in (("get", True), ("list", True), ("create", False), ("patch", False), ("delete", False)):
        asked = ["auth", "can-i", verb, "experimentledgers", "--namespace", namespace.name, "--as", user]
        try:
            answer = kubectl(*asked).strip()
        except Refused as refused:  # kubectl ends with 1 for a no
            answer = str(refused)
        assert ("yes" in answer) is may, (verb, answer)
