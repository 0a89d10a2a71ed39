"""The interface between the operator and a trainer's pod: annotations, files and environment variables."""

from enum import IntEnum

JOB_ANNOTATION = "epochal.dev/job"
"""Annotation of the pod with the TrainingJob and all its defaults: JSON, mounted as JOB_FILE."""
CA_ANNOTATION = "epochal.dev/progress-ca"
"""Annotation of the pod with the certificate authorities of the progress endpoint: PEM, mounted as PROGRESS_CA_FILE."""
REPORT_ANNOTATION = "epochal.dev/report"
"""Annotation with an Experiment's report, of the pod that stores the results: see experiment.report, REPORT_FILE."""

JOB_FILE = "/etc/epochal/job.json"
REPORT_FILE = "/etc/epochal/report"
PROGRESS_CA_FILE = "/etc/epochal/progress-ca.crt"
POD_UID_FILE = "/etc/epochal/pod-uid"
"""File with the pod's UID, which distinguishes two pods of a job that start at the same time."""
TOKEN_FILE = "/var/run/secrets/epochal.dev/token"  # noqa: S105
STORAGE_CA_FILE = "/etc/epochal-storage/ca.crt"
TERMINATION_FILE = "/dev/termination-log"
MAX_TERMINATION_BYTES = 4096
"""Limit of the kubelet: https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/."""
SCRATCH = "/scratch"
"""Writable folder: an emptyDir. Only this folder and /tmp are writable in the pod."""

MIN_MEMORY_BYTES = 282 * 2**20
"""Bytes of memory that a trainer needs before it reads any data.

In a cgroup of 274 MiB, the import of Keras 3.15 with TensorFlow 2.21 for CPUs was killed; in a cgroup of 282 MiB it
succeeded. The steps before the import need less than 39 MiB, and all of manifests/examples/digits.yaml needs 310 MiB. A
limit between 274 and 282 MiB may allow the import, but no training.
"""

GRACE_SECONDS = 120
"""terminationGracePeriodSeconds of a trainer: after SIGTERM, it stores a checkpoint and ends within this time."""

TOKEN_AUDIENCE = "epochal.dev"  # noqa: S105

PROGRESS_URL_ENV = "EPOCHAL_PROGRESS_URL"
ACCESS_KEY_ENV = "EPOCHAL_ACCESS_KEY"
SECRET_KEY_ENV = "EPOCHAL_SECRET_KEY"  # noqa: S105
SESSION_TOKEN_ENV = "EPOCHAL_SESSION_TOKEN"  # noqa: S105


class ExitCode(IntEnum):
    """Exit codes of a trainer.

    BAD_SPEC, BAD_DATA and REFUSED (by the storage) are never retried. TERMINATED (after SIGTERM) is retried, and does
    not count as a crash. Any other code except 0 is a crash, which is retried and counts.
    """

    DONE = 0
    BAD_SPEC = 64
    BAD_DATA = 65
    REFUSED = 77
    TERMINATED = 128 + 15


NOT_RETRIED = (ExitCode.BAD_SPEC, ExitCode.BAD_DATA, ExitCode.REFUSED)


def progress_path(namespace: str, name: str) -> str:
    """Return the URL path of a TrainingJob's progress endpoint."""
    return f"/v1alpha1/namespaces/{namespace}/trainingjobs/{name}/progress"
