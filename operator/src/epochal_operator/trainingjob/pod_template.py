"""The pod of a trainer: its container, volumes, environment and where it may run."""

from dataclasses import dataclass
from typing import Any

from epochal_api import pod
from epochal_api.scheduling import Scheduling
from epochal_api.storage import Storage
from epochal_api.trainingjob import TrainingJob, TrainingJobSpec

Object = dict[str, Any]

CONTAINER = "trainer"

USER = 65532
"""What images call nonroot: https://github.com/GoogleContainerTools/distroless."""
TOKEN_SECONDS = 3600
"""Life of a report's token; the kubelet renews it long before."""


@dataclass(frozen=True)
class Installation:
    """What was set when Epochal was installed.

    Args:
        trainer_image: Image of trainers that name none.
        storage_endpoint: S3 service of jobs that name none, if there is one.
        scratch_limit: Most that /scratch of a pod may hold, a quantity.
        tmp_limit: Most that /tmp of a pod may hold, a quantity.
        progress_url: Address of the progress endpoint, such as https://epochal.epochal-system.svc:8443.
        progress_ca: Certificate authority of the progress endpoint, PEM.
        labels: Labels that Jobs and pods have of their TrainingJobs.
    """

    trainer_image: str
    storage_endpoint: str | None
    scratch_limit: str
    tmp_limit: str
    progress_url: str
    progress_ca: str
    labels: tuple[str, ...] = ()


def pod_spec(job: TrainingJob, installation: Installation) -> Object:
    """Returns the spec of a trainer's pod.

    Args:
        job: The TrainingJob, with its image and its storage resolved.
        installation: What was set when Epochal was installed.
    """
    spec = job.spec
    volumes, mounts = _volumes(spec.storage, installation)
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": pod.GRACE_SECONDS,
        "serviceAccountName": spec.service_account_name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # The kernel drops a signal that the first process of a namespace has no handler for yet, and Python takes a
        # moment to have one: a trainer told to end as it began would train on until it is killed.
        "shareProcessNamespace": True,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **_scheduling(spec.scheduling),
        **given(imagePullSecrets=[secret.dump() for secret in spec.image_pull_secrets]),
        "containers": [
            {
                "name": CONTAINER,
                "image": spec.image,
                "command": ["epochal-trainer", "run", pod.JOB_FILE],
                "env": _environment(job, installation),
                "resources": _resources(spec),
                "terminationMessagePath": pod.TERMINATION_FILE,
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
    }


def _environment(job: TrainingJob, installation: Installation) -> list[Object]:
    metadata, secret = job.metadata, job.spec.storage.secret_ref.name

    def from_secret(variable: str, key: str, **optional: bool) -> Object:
        return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key, **optional}}}

    url = installation.progress_url.rstrip("/") + pod.progress_path(metadata.namespace, metadata.name)
    return [
        {"name": pod.PROGRESS_URL_ENV, "value": url},
        from_secret(pod.ACCESS_KEY_ENV, "accessKey"),
        from_secret(pod.SECRET_KEY_ENV, "secretKey"),
        from_secret(pod.SESSION_TOKEN_ENV, "sessionToken", optional=True),
    ]


def _volumes(storage: Storage, installation: Installation) -> tuple[list[Object], list[Object]]:
    """Returns the volumes of a pod and where its container mounts them."""
    folder = pod.JOB_FILE.rsplit("/", 1)[0]
    token_folder, token_file = pod.TOKEN_FILE.rsplit("/", 1)
    fields = {
        pod.JOB_FILE: f"metadata.annotations['{pod.JOB_ANNOTATION}']",
        pod.PROGRESS_CA_FILE: f"metadata.annotations['{pod.CA_ANNOTATION}']",
        pod.POD_UID_FILE: "metadata.uid",
    }
    items = [
        {"path": path.rsplit("/", 1)[1], "fieldRef": {"fieldPath": field_path}} for path, field_path in fields.items()
    ]
    token = {"audience": pod.TOKEN_AUDIENCE, "expirationSeconds": TOKEN_SECONDS, "path": token_file}
    parts: list[tuple[str, str, Object]] = [
        ("job", folder, {"downwardAPI": {"items": items}}),
        ("token", token_folder, {"projected": {"sources": [{"serviceAccountToken": token}]}}),
        ("scratch", pod.SCRATCH, {"emptyDir": {"sizeLimit": installation.scratch_limit}}),
        ("tmp", "/tmp", {"emptyDir": {"sizeLimit": installation.tmp_limit}}),  # noqa: S108 - of the pod's own
    ]
    if storage.ca_config_map_ref is not None:
        ca_folder, ca_file = pod.STORAGE_CA_FILE.rsplit("/", 1)
        reference = storage.ca_config_map_ref
        # Optional, since a pod whose volume is missing waits without a word: the trainer waits too, and says for what.
        source = {"name": reference.name, "items": [{"key": reference.key, "path": ca_file}], "optional": True}
        parts.append(("storage-ca", ca_folder, {"configMap": source}))

    volumes = [{"name": name, **source} for name, _, source in parts]
    mounts = [
        {"name": name, "mountPath": path, **({} if "emptyDir" in source else {"readOnly": True})}
        for name, path, source in parts
    ]
    return volumes, mounts


def _resources(spec: TrainingJobSpec) -> Object:
    return given(requests=spec.resources.requests, limits=spec.resources.limits)


def _scheduling(scheduling: Scheduling) -> Object:
    return given(
        priorityClassName=scheduling.priority_class_name,
        nodeSelector=scheduling.node_selector,
        tolerations=[toleration.dump() for toleration in scheduling.tolerations],
        affinity=scheduling.affinity,
        runtimeClassName=scheduling.runtime_class_name,
        schedulerName=scheduling.scheduler_name,
    )


def given(**fields: Any) -> Object:
    """Returns the fields that hold anything."""
    return {name: value for name, value in fields.items() if value not in (None, {}, [])}
