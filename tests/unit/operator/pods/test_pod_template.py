"""The pod of a trainer: restricted, with all that the trainer reads, and where the user wants it."""

from typing import Any

from epochal_api import pod
from epochal_operator.trainingjob.job.batch_job import batch_job

from tests.unit.operator.objects import INSTALLATION, training_job


def made(**spec: Any) -> dict[str, Any]:
    return batch_job(training_job(**spec), INSTALLATION)


def pod_spec(**spec: Any) -> dict[str, Any]:
    result = made(**spec)["spec"]["template"]["spec"]
    assert isinstance(result, dict)
    return result


def container(**spec: Any) -> dict[str, Any]:
    (only,) = pod_spec(**spec)["containers"]
    assert isinstance(only, dict)
    return only


def test_the_pod_is_restricted() -> None:
    spec = pod_spec()
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["shareProcessNamespace"] is True, "a trainer that is told to end before it can listen ends"
    context = spec["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == 65532
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_credentials_come_from_the_secret_that_is_named() -> None:
    environment = {one["name"]: one for one in container()["env"]}
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


def test_every_file_of_the_contract_is_mounted() -> None:
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


def test_the_authority_of_the_storage_is_mounted_if_one_is_named() -> None:
    storage = {"secretRef": {"name": "credentials"}, "caConfigMapRef": {"name": "our-ca", "key": "root.pem"}}
    volume, read_only = mounted(pod_spec(storage=storage))["/etc/epochal-storage"]
    assert read_only
    items = [{"key": "root.pem", "path": "ca.crt"}]
    assert volume["configMap"] == {"name": "our-ca", "items": items, "optional": True}


def test_what_the_user_asks_for_reaches_the_pod() -> None:
    spec = pod_spec(
        image="mine:1",
        serviceAccountName="trainer",
        imagePullSecrets=[{"name": "registry"}],
        resources={"requests": {"cpu": 2}, "limits": {"nvidia.com/gpu": 1}},
        scheduling={
            "priorityClassName": "high",
            "nodeSelector": {"zone": "a"},
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "runtimeClassName": "nvidia",
            "schedulerName": "other",
        },
    )
    assert spec["containers"][0]["image"] == "mine:1"
    assert spec["containers"][0]["resources"] == {"requests": {"cpu": "2"}, "limits": {"nvidia.com/gpu": "1"}}
    assert spec["serviceAccountName"] == "trainer"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["priorityClassName"] == "high"
    assert spec["nodeSelector"] == {"zone": "a"}
    assert spec["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    assert spec["affinity"] == {"nodeAffinity": {}}
    assert spec["runtimeClassName"] == "nvidia"
    assert spec["schedulerName"] == "other"


def test_what_nobody_asks_for_is_left_to_the_cluster() -> None:
    spec = pod_spec()
    assert not {"priorityClassName", "nodeSelector", "tolerations", "affinity", "imagePullSecrets"} & set(spec)
    assert spec["containers"][0]["image"] == INSTALLATION.trainer_image
