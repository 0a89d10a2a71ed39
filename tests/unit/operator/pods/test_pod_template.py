"""The pod of a trainer: security context, mounted files, credentials and placement."""

from typing import Any

from epochal_api import pod
from epochal_operator.trainingjob.job.batch_job import batch_job

from tests.unit.operator.objects import INSTALLATION, training_job


def pod_spec(**spec: Any) -> Any:
    return batch_job(training_job(**spec), INSTALLATION)["spec"]["template"]["spec"]


def container(**spec: Any) -> Any:
    (only,) = pod_spec(**spec)["containers"]
    return only


def test_the_pod_has_a_restricted_security_context() -> None:
    spec = pod_spec()
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["shareProcessNamespace"] is True
    context = spec["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == 65532
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_credentials_come_from_the_named_secret() -> None:
    environment = {variable["name"]: variable for variable in container()["env"]}
    reference = environment[pod.ACCESS_KEY_ENV]["valueFrom"]["secretKeyRef"]
    assert reference == {"name": "credentials", "key": "accessKey"}
    assert environment[pod.SECRET_KEY_ENV]["valueFrom"]["secretKeyRef"]["key"] == "secretKey"
    token = environment[pod.SESSION_TOKEN_ENV]["valueFrom"]["secretKeyRef"]
    assert token == {"name": "credentials", "key": "sessionToken", "optional": True}
    url = "https://epochal.epochal-system.svc:8443/v1alpha1/namespaces/vision/trainingjobs/digits/progress"
    assert environment[pod.PROGRESS_URL_ENV]["value"] == url


def mounted(spec: dict[str, Any]) -> dict[str, tuple[dict[str, Any], bool]]:
    """Returns the volumes of a pod by the path they are mounted at, and whether they are read-only."""
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    return {
        mount["mountPath"]: (volumes[mount["name"]], mount.get("readOnly", False))
        for mount in spec["containers"][0]["volumeMounts"]
    }


def test_each_file_of_the_pod_contract_is_mounted() -> None:
    paths = mounted(pod_spec())
    assert set(paths) == {"/etc/epochal", "/var/run/secrets/epochal.dev", "/scratch", "/tmp"}
    job, read_only = paths["/etc/epochal"]
    assert read_only
    assert {item["path"]: item["fieldRef"]["fieldPath"] for item in job["downwardAPI"]["items"]} == {
        "job.json": "metadata.annotations['epochal.dev/job']",
        "progress-ca.crt": "metadata.annotations['epochal.dev/progress-ca']",
        "pod-uid": "metadata.uid",
    }
    (source,) = paths["/var/run/secrets/epochal.dev"][0]["projected"]["sources"]
    assert source == {"serviceAccountToken": {"audience": "epochal.dev", "expirationSeconds": 3600, "path": "token"}}
    assert paths["/scratch"] == ({"name": "scratch", "emptyDir": {"sizeLimit": "256Gi"}}, False)
    assert paths["/tmp"] == ({"name": "tmp", "emptyDir": {"sizeLimit": "4Gi"}}, False)


def test_a_named_storage_authority_is_mounted() -> None:
    storage = {"secretRef": {"name": "credentials"}, "caConfigMapRef": {"name": "our-ca", "key": "root.pem"}}
    volume, read_only = mounted(pod_spec(storage=storage))["/etc/epochal-storage"]
    assert read_only
    items = [{"key": "root.pem", "path": "ca.crt"}]
    assert volume["configMap"] == {"name": "our-ca", "items": items, "optional": True}


def test_the_pod_has_the_requested_fields() -> None:
    scheduling = {
        "priorityClassName": "high",
        "nodeSelector": {"zone": "a"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "runtimeClassName": "nvidia",
        "schedulerName": "other",
    }
    identity = {"serviceAccountName": "trainer", "imagePullSecrets": [{"name": "registry"}]}
    resources = {"requests": {"cpu": 2}, "limits": {"nvidia.com/gpu": 1}}
    spec = pod_spec(image="mine:1", resources=resources, scheduling=scheduling, **identity)
    assert spec["containers"][0]["image"] == "mine:1"
    assert spec["containers"][0]["resources"] == {"requests": {"cpu": "2"}, "limits": {"nvidia.com/gpu": "1"}}
    assert spec.items() >= (identity | scheduling).items()


def test_the_pod_omits_fields_without_a_value() -> None:
    spec = pod_spec()
    assert not {"priorityClassName", "nodeSelector", "tolerations", "affinity", "imagePullSecrets"} & set(spec)
    assert spec["containers"][0]["image"] == INSTALLATION.trainer_image
