"""Parts of pod templates: pods that run a program in the trainer's image, volumes, credentials and placement."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from epochal_api import pod
from epochal_api.scheduling import Placement
from epochal_api.storage import SecretRef, Storage, StorageService
from epochal_api.trainingjob.spec import TrainingJobSpec

from epochal_operator.pods.installation import Installation

Object = dict[str, Any]
Volume = tuple[str, str, Object]
"""The name, mount path and source (the volume's other fields) of a volume that a container mounts."""

CONTAINER = "trainer"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
"""Label of a Job that Kueue suspends and resumes: https://kueue.sigs.k8s.io/docs/tasks/run/jobs/."""

USER = 65532
"""The user `nonroot` of images such as https://github.com/GoogleContainerTools/distroless."""
TOKEN_SECONDS = 3600
"""Lifetime of a token for reports in seconds. The kubelet renews it long before its end."""


@dataclass(frozen=True)
class ContainerProgram:
    """A program that runs in a pod of the trainer's image.

    Args:
        command: The command line.
        files: For each file path (all in one folder): the field path of the pod whose value the file contains.
        resources: Resource requests and limits of its container.
        environment: Environment variables in addition to the credentials.
        reports: Whether the pod mounts a token with which the program sends progress reports to the operator.
    """

    command: tuple[str, ...]
    files: Mapping[str, str]
    resources: Object
    environment: tuple[Object, ...] = ()
    reports: bool = False


def annotation_path(name: str) -> str:
    """Return the field path of an annotation of a pod."""
    return f"metadata.annotations['{name}']"


def program_pod(spec: TrainingJobSpec, program: ContainerProgram, installation: Installation) -> Object:
    """Return the spec of a pod that runs a program with the image, the placement and the storage of a TrainingJob."""
    parts = _volumes(spec.storage, program, installation)
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": pod.GRACE_SECONDS,
        **pod_defaults(spec.service_account_name, spec.scheduling, spec.image_pull_secrets),
        "containers": [
            {
                "name": CONTAINER,
                "image": spec.image or installation.trainer_image,
                "command": list(program.command),
                "env": [*program.environment, *credential_variables(spec.storage)],
                "resources": program.resources,
                **container_defaults(),
                "volumeMounts": mounts(parts),
            }
        ],
        "volumes": volumes(parts),
    }


def pod_failure_policy() -> Object:
    """Return the pod failure policy of a Job. The first matching rule applies; without a match, a failure is a crash.

    An input error fails the Job at once, even during a disruption. Disruptions are no crashes. Neither is the exit code
    of a trainer that received SIGTERM: nothing else marks the end of a pod that a user deleted.
    """

    def on_exit(*codes: pod.ExitCode) -> Object:
        return {"containerName": CONTAINER, "operator": "In", "values": sorted(map(int, codes))}

    return {
        "rules": [
            {"action": "FailJob", "onExitCodes": on_exit(*pod.NOT_RETRIED)},
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "Ignore", "onExitCodes": on_exit(pod.ExitCode.TERMINATED)},
        ]
    }


def pod_defaults(
    service_account_name: str | None, scheduling: Placement, image_pull_secrets: Iterable[SecretRef]
) -> Object:
    """Return the fields that all pods have: service account, placement, and a security context with few permissions."""
    return {
        "serviceAccountName": service_account_name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # The kernel drops a signal to the first process of a PID namespace without a handler, and Python installs its
        # handler only after a moment. A trainer that is asked to terminate at its start would train until it is killed.
        "shareProcessNamespace": True,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **non_empty(
            priorityClassName=scheduling.priority_class_name,
            nodeSelector=scheduling.node_selector,
            tolerations=[toleration.dump() for toleration in scheduling.tolerations],
            affinity=scheduling.affinity,
            runtimeClassName=scheduling.runtime_class_name,
            schedulerName=scheduling.scheduler_name,
            imagePullSecrets=[secret.dump() for secret in image_pull_secrets],
        ),
    }


def container_defaults() -> Object:
    """Return the fields that all containers have: a termination message, and a security context without privileges."""
    return {
        "terminationMessagePath": pod.TERMINATION_FILE,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def credential_variables(storage: StorageService) -> list[Object]:
    """Return the environment variables with the credentials for an S3 service, which refer to its Secret."""

    def from_secret(variable: str, key: str, **optional: bool) -> Object:
        reference = {"name": storage.secret_ref.name, "key": key, **optional}
        return {"name": variable, "valueFrom": {"secretKeyRef": reference}}

    return [
        from_secret(pod.ACCESS_KEY_ENV, "accessKey"),
        from_secret(pod.SECRET_KEY_ENV, "secretKey"),
        from_secret(pod.SESSION_TOKEN_ENV, "sessionToken", optional=True),
    ]


def volumes(parts: Iterable[Volume]) -> list[Object]:
    """Return the volumes of a pod."""
    return [{"name": name, **source} for name, _, source in parts]


def mounts(parts: Iterable[Volume]) -> list[Object]:
    """Return the volume mounts of a container: emptyDir volumes are writable, all others are read-only."""
    return [
        {"name": name, "mountPath": path, **({} if "emptyDir" in source else {"readOnly": True})}
        for name, path, source in parts
    ]


def _volumes(storage: Storage, program: ContainerProgram, installation: Installation) -> list[Volume]:
    (folder,) = {path.rsplit("/", 1)[0] for path in program.files}
    items = [
        {"path": path.rsplit("/", 1)[1], "fieldRef": {"fieldPath": field_path}}
        for path, field_path in program.files.items()
    ]
    parts: list[Volume] = [("job", folder, {"downwardAPI": {"items": items}})]
    if program.reports:
        token_folder, token_file = pod.TOKEN_FILE.rsplit("/", 1)
        token = {"audience": pod.TOKEN_AUDIENCE, "expirationSeconds": TOKEN_SECONDS, "path": token_file}
        parts.append(("token", token_folder, {"projected": {"sources": [{"serviceAccountToken": token}]}}))
    return [
        *parts,
        ("scratch", pod.SCRATCH, {"emptyDir": {"sizeLimit": installation.scratch_limit}}),
        ("tmp", "/tmp", {"emptyDir": {"sizeLimit": installation.tmp_limit}}),  # noqa: S108 - the pod's own
        *storage_authority(storage),
    ]


def storage_authority(storage: StorageService) -> list[Volume]:
    """Return a list with the volume of the certificate authority of an S3 service; empty if the service has none."""
    reference = storage.ca_config_map_ref
    if reference is None:
        return []
    folder, file = pod.STORAGE_CA_FILE.rsplit("/", 1)
    # Optional: a pod waits without a clear message for a missing volume. The program in the pod waits and reports it.
    source = {"name": reference.name, "items": [{"key": reference.key, "path": file}], "optional": True}
    return [("storage-ca", folder, {"configMap": source})]


def non_empty(**fields: Any) -> Object:
    """Return the fields that are neither None nor an empty list or object."""
    return {name: value for name, value in fields.items() if value not in (None, {}, [])}
