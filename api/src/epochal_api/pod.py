"""What the operator puts into a trainer's pod and the trainer finds there."""

from enum import IntEnum

JOB_ANNOTATION = "epochal.dev/job"
"""Annotation of the pod with the TrainingJob, resolved: JSON, mounted as JOB_FILE."""
CA_ANNOTATION = "epochal.dev/progress-ca"
"""Annotation of the pod with the certificate authority of the progress endpoint: PEM, mounted as PROGRESS_CA_FILE."""
REPORT_ANNOTATION = "epochal.dev/report"
"""Annotation of a pod that writes what an Experiment has found: see experiment_report, mounted as REPORT_FILE."""

JOB_FILE = "/etc/epochal/job.json"
REPORT_FILE = "/etc/epochal/report"
PROGRESS_CA_FILE = "/etc/epochal/progress-ca.crt"
POD_UID_FILE = "/etc/epochal/pod-uid"
"""The pod's own uid: tells its attempt from that of another pod which began at the same time."""
TOKEN_FILE = "/var/run/secrets/epochal.dev/token"  # noqa: S105
STORAGE_CA_FILE = "/etc/epochal-storage/ca.crt"
TERMINATION_FILE = "/dev/termination-log"
SCRATCH = "/scratch"
"""Folder that may be written: an emptyDir. Nothing else in the pod is writable but /tmp."""

LEAST_MEMORY = 282 * 2**20
"""Bytes of memory that a trainer takes before it reads any data.

In a cgroup of 274 MiB, importing Keras 3.15 with TensorFlow 2.21 for CPUs was killed, and in one of 282 MiB it was not.
What comes before it takes less than 39 MiB, and the whole of manifests/examples/digits.yaml 310 MiB: whatever may do
between the first two, no training does.
"""

GRACE_SECONDS = 120
"""Time that a trainer has to store a checkpoint and end, once it is told to."""

TOKEN_AUDIENCE = "epochal.dev"  # noqa: S105

PROGRESS_URL_ENV = "EPOCHAL_PROGRESS_URL"
ACCESS_KEY_ENV = "EPOCHAL_ACCESS_KEY"
SECRET_KEY_ENV = "EPOCHAL_SECRET_KEY"  # noqa: S105
SESSION_TOKEN_ENV = "EPOCHAL_SESSION_TOKEN"  # noqa: S105


class ExitCode(IntEnum):
    """How a trainer ends.

    Wrong input is never retried. One that was told to stop is, and that does not count. Anything not listed here is a
    crash, which is retried and counts.
    """

    DONE = 0
    BAD_SPEC = 64
    BAD_DATA = 65
    REFUSED = 77
    TERMINATED = 128 + 15


NOT_RETRIED = (ExitCode.BAD_SPEC, ExitCode.BAD_DATA, ExitCode.REFUSED)


def progress_path(namespace: str, name: str) -> str:
    """Returns the path of the progress endpoint of one TrainingJob."""
    return f"/v1alpha1/namespaces/{namespace}/trainingjobs/{name}/progress"
