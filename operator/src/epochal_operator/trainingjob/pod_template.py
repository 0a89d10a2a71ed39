"""The pods of trainers, and of what else their image does: container, volumes, environment, where they may run."""

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
"""What images call nonroot: https://github.com/GoogleContainerTools/distroless."""
TOKEN_SECONDS = 3600
"""Life of a report's token; the kubelet renews it long before."""


@dataclass(frozen=True)
class Installation:
    """What was set when Epochal was installed.

    Args:
        trainer_image: Image of trainers that name none.
        server_image: Image of servers.
        storage_endpoint: S3 service of jobs that name none, if there is one.
        scratch_limit: Most that /scratch of a pod may hold, a quantity.
        tmp_limit: Most that /tmp of a pod may hold, a quantity.
        progress_url: Address of the progress endpoint, such as https://epochal.epochal-system.svc:8443.
        progress_ca: Certificate authority of the progress endpoint, PEM.
        labels: Labels that Jobs and pods have of their TrainingJobs, and Deployments and pods of their ModelServers.
        server_network: What servers are reached by and reach, as in the spec of a NetworkPolicy; None for no policy.
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
    """What a pod runs, and what it is given beside its storage.

    Args:
        command: The command.
        files: Fields of the pod by the files that hold them, all in one folder.
        resources: What its container asks for, and may have.
        environment: Variables beside the credentials.
        reports: Whether it has a token to report with.
    """

    command: tuple[str, ...]
    files: Mapping[str, str]
    resources: Object
    environment: tuple[Object, ...] = ()
    reports: bool = False


def annotation(name: str) -> str:
    """Returns the field of a pod that is one of its annotations."""
    return f"metadata.annotations['{name}']"


def pod_spec(job: TrainingJob, installation: Installation) -> Object:
    """Returns the spec of a trainer's pod.

    Args:
        job: The TrainingJob, with its storage resolved.
        installation: What was set when Epochal was installed.
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
    """Returns the spec of a pod that runs a program of the trainer's image.

    Args:
        spec: The spec of a TrainingJob, which says what image that is, where its pods run, and where its buckets are.
        program: What it runs.
        installation: What was set when Epochal was installed.
    """
    volumes, mounts = _volumes(spec.storage, program, installation)
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": pod.GRACE_SECONDS,
        "serviceAccountName": spec.service_account_name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # The kernel drops a signal that the first process of a namespace has no handler for yet, and Python takes a
        # moment to have one: a trainer told to end as it began would train on until it is killed.
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
    """Returns what a pod may do, which is little."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> Object:
    """Returns what a container may do, which is less."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def credentials(storage: StorageService) -> list[Object]:
    """Returns the variables with the keys of an S3 service, from its Secret."""

    def from_secret(variable: str, key: str, **optional: bool) -> Object:
        reference = {"name": storage.secret_ref.name, "key": key, **optional}
        return {"name": variable, "valueFrom": {"secretKeyRef": reference}}

    return [
        from_secret(pod.ACCESS_KEY_ENV, "accessKey"),
        from_secret(pod.SECRET_KEY_ENV, "secretKey"),
        from_secret(pod.SESSION_TOKEN_ENV, "sessionToken", optional=True),
    ]


def _volumes(storage: Storage, program: Program, installation: Installation) -> tuple[list[Object], list[Object]]:
    """Returns the volumes of a pod and where its container mounts them."""
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
        ("tmp", "/tmp", {"emptyDir": {"sizeLimit": installation.tmp_limit}}),  # noqa: S108 - of the pod's own
    ]
    parts += storage_authority(storage)

    volumes = [{"name": name, **source} for name, _, source in parts]
    mounts = [
        {"name": name, "mountPath": path, **({} if "emptyDir" in source else {"readOnly": True})}
        for name, path, source in parts
    ]
    return volumes, mounts


def storage_authority(storage: StorageService) -> list[tuple[str, str, Object]]:
    """Returns the volume with the certificate authority of an S3 service, if it has one: name, folder and source."""
    reference = storage.ca_config_map_ref
    if reference is None:
        return []
    folder, file = pod.STORAGE_CA_FILE.rsplit("/", 1)
    # Optional, since a pod whose volume is missing waits without a word: what runs in it waits too, and says for what.
    source = {"name": reference.name, "items": [{"key": reference.key, "path": file}], "optional": True}
    return [("storage-ca", folder, {"configMap": source})]


def placement(scheduling: Placement) -> Object:
    """Returns the fields of a pod that say where it may run."""
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
