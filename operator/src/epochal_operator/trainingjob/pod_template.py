"""The pods that run the trainer's image: containers, volumes, environment and placement."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from epochal_api import pod
from epochal_api.scheduling import Placement
from epochal_api.storage import Storage, StorageService
from epochal_api.trainingjob import TrainingJob, TrainingJobSpec

Object = dict[str, Any]

CONTAINER = "trainer"

USER = 65532
"""The user `nonroot` of images such as https://github.com/GoogleContainerTools/distroless."""
TOKEN_SECONDS = 3600
"""Lifetime of a token for reports in seconds. The kubelet renews it long before its end."""


@dataclass(frozen=True)
class Installation:
    """The settings of Epochal's installation.

    Args:
        trainer_image: Image of trainers whose spec names none.
        server_image: Image of model servers.
        storage_endpoint: S3 service of jobs whose spec names none; None for no default.
        scratch_limit: Size limit of a pod's /scratch, a quantity.
        tmp_limit: Size limit of a pod's /tmp, a quantity.
        progress_url: Address of the progress endpoint, such as https://epochal.epochal-system.svc:8443.
        progress_ca: Certificate authorities of the progress endpoint, PEM.
        labels: Labels that Jobs and pods copy from their TrainingJobs, and Deployments and pods from their
            ModelServers.
        server_network: Ingress and egress of model servers, as in the spec of a NetworkPolicy; None for no policy.
    """

    trainer_image: str
    server_image: str
    storage_endpoint: str | None
    scratch_limit: str
    tmp_limit: str
    progress_url: str
    progress_ca: str
    labels: tuple[str, ...] = ()
    server_network: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Program:
    """The program of a pod, with its inputs other than the storage.

    Args:
        command: The command line.
        files: Field paths of the pod by the file that contains the field's value. All files are in one folder.
        resources: Resource requests and limits of its container.
        environment: Environment variables in addition to the credentials.
        reports: Whether the pod has a token for progress reports.
    """

    command: tuple[str, ...]
    files: Mapping[str, str]
    resources: Object
    environment: tuple[Object, ...] = ()
    reports: bool = False


def annotation(name: str) -> str:
    """Return the field path of an annotation of a pod."""
    return f"metadata.annotations['{name}']"


def pod_spec(job: TrainingJob, installation: Installation) -> Object:
    """Return the spec of a trainer's pod.

    Args:
        job: The TrainingJob, with its storage resolved.
        installation: The settings of Epochal's installation.
    """
    metadata = job.metadata
    url = installation.progress_url.rstrip("/") + pod.progress_path(metadata.namespace, metadata.name)
    program = Program(
        command=("epochal-trainer", "run", pod.JOB_FILE),
        files={
            pod.JOB_FILE: annotation(pod.JOB_ANNOTATION),
            pod.PROGRESS_CA_FILE: annotation(pod.CA_ANNOTATION),
            pod.POD_UID_FILE: "metadata.uid",
        },
        resources=given(requests=job.spec.resources.requests, limits=job.spec.resources.limits),
        environment=({"name": pod.PROGRESS_URL_ENV, "value": url},),
        reports=True,
    )
    return program_pod(job.spec, program, installation)


def program_pod(spec: TrainingJobSpec, program: Program, installation: Installation) -> Object:
    """Return the spec of a pod that runs a program in the trainer's image.

    Args:
        spec: The spec of a TrainingJob, with the image, the placement and the storage.
        program: The program.
        installation: The settings of Epochal's installation.
    """
    volumes, mounts = _volumes(spec.storage, program, installation)
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": pod.GRACE_SECONDS,
        "serviceAccountName": spec.service_account_name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # The kernel drops a signal to the first process of a PID namespace without a handler, and Python installs its
        # handler only after a moment. A trainer that is asked to terminate at its start would train until it is killed.
        "shareProcessNamespace": True,
        "securityContext": pod_security(),
        **placement(spec.scheduling),
        **given(imagePullSecrets=[secret.dump() for secret in spec.image_pull_secrets]),
        "containers": [
            {
                "name": CONTAINER,
                "image": spec.image or installation.trainer_image,
                "command": list(program.command),
                "env": [*program.environment, *credentials(spec.storage)],
                "resources": program.resources,
                "terminationMessagePath": pod.TERMINATION_FILE,
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "securityContext": container_security(),
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
    }


def pod_security() -> Object:
    """Return the security context of a pod, with few permissions."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> Object:
    """Return the security context of a container, with no privileges."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def credentials(storage: StorageService) -> list[Object]:
    """Return the environment variables with the keys of an S3 service, from its Secret."""

    def from_secret(variable: str, key: str, **optional: bool) -> Object:
        reference = {"name": storage.secret_ref.name, "key": key, **optional}
        return {"name": variable, "valueFrom": {"secretKeyRef": reference}}

    return [
        from_secret(pod.ACCESS_KEY_ENV, "accessKey"),
        from_secret(pod.SECRET_KEY_ENV, "secretKey"),
        from_secret(pod.SESSION_TOKEN_ENV, "sessionToken", optional=True),
    ]


def _volumes(storage: Storage, program: Program, installation: Installation) -> tuple[list[Object], list[Object]]:
    """Return the volumes of a pod and the volume mounts of its container."""
    (folder,) = {path.rsplit("/", 1)[0] for path in program.files}
    items = [
        {"path": path.rsplit("/", 1)[1], "fieldRef": {"fieldPath": field_path}}
        for path, field_path in program.files.items()
    ]
    parts: list[tuple[str, str, Object]] = [("job", folder, {"downwardAPI": {"items": items}})]
    if program.reports:
        token_folder, token_file = pod.TOKEN_FILE.rsplit("/", 1)
        token = {"audience": pod.TOKEN_AUDIENCE, "expirationSeconds": TOKEN_SECONDS, "path": token_file}
        parts.append(("token", token_folder, {"projected": {"sources": [{"serviceAccountToken": token}]}}))
    parts += [
        ("scratch", pod.SCRATCH, {"emptyDir": {"sizeLimit": installation.scratch_limit}}),
        ("tmp", "/tmp", {"emptyDir": {"sizeLimit": installation.tmp_limit}}),  # noqa: S108 - the pod's own
    ]
    parts += storage_authority(storage)

    volumes = [{"name": name, **source} for name, _, source in parts]
    mounts = [
        {"name": name, "mountPath": path, **({} if "emptyDir" in source else {"readOnly": True})}
        for name, path, source in parts
    ]
    return volumes, mounts


def storage_authority(storage: StorageService) -> list[tuple[str, str, Object]]:
    """Return the volume with the certificate authority of an S3 service (name, folder and source), or an empty list."""
    reference = storage.ca_config_map_ref
    if reference is None:
        return []
    folder, file = pod.STORAGE_CA_FILE.rsplit("/", 1)
    # Optional: a pod waits without a clear message for a missing volume. The program in the pod waits and reports it.
    source = {"name": reference.name, "items": [{"key": reference.key, "path": file}], "optional": True}
    return [("storage-ca", folder, {"configMap": source})]


def placement(scheduling: Placement) -> Object:
    """Return the fields of a pod that control its scheduling."""
    return given(
        priorityClassName=scheduling.priority_class_name,
        nodeSelector=scheduling.node_selector,
        tolerations=[toleration.dump() for toleration in scheduling.tolerations],
        affinity=scheduling.affinity,
        runtimeClassName=scheduling.runtime_class_name,
        schedulerName=scheduling.scheduler_name,
    )


def given(**fields: Any) -> Object:
    """Return the fields that are not empty."""
    return {name: value for name, value in fields.items() if value not in (None, {}, [])}
