"""Translation of the API server's messages about a Job or pod into the fields of a TrainingJob."""

import re

_FIELD_PATHS = (
    (re.compile(r"\bspec\.(?:template\.spec\.)?containers\[0\]\.(?=(?:resources|image)\b)"), "spec."),
    (
        re.compile(
            r"\bspec\.(?:template\.spec\.)?"
            r"(?=(?:affinity|nodeSelector|priorityClassName|runtimeClassName|schedulerName|tolerations)\b)"
        ),
        "spec.scheduling.",
    ),
    (re.compile(r"\bspec\.template\.spec\.(?=(?:imagePullSecrets|serviceAccountName)\b)"), "spec."),
)
"""Patterns of field paths in a Job or pod, each with the prefix of the same field's path in the TrainingJob."""
_REMEDIES = (
    (
        re.compile(r"\bresources\.(?:limits|requests)\[gpus?\]"),
        "Did you mean nvidia.com/gpu, in spec.resources.limits?",
    ),
    (
        re.compile(r"error looking up service account"),
        "spec.serviceAccountName: must be a ServiceAccount of the TrainingJob's namespace.",
    ),
    (
        re.compile(r"no PriorityClass with name"),
        "spec.scheduling.priorityClassName: must be a PriorityClass of the cluster (kubectl get priorityclasses).",
    ),
    (
        re.compile(r"RuntimeClass \S+ not found"),
        "spec.scheduling.runtimeClassName: must be a RuntimeClass of the cluster (kubectl get runtimeclasses).",
    ),
    (
        re.compile(r"failed quota: .*must specify"),
        "spec.resources: must set the requests or limits that the quota counts.",
    ),
    (
        re.compile(r"exceeded quota: .*requested: \S*(?:limits\.|requests\.|cpu=|memory=|storage=)"),
        "Waiting for other pods to release quota. Or lower spec.resources, or raise the quota.",
    ),
    (
        re.compile(r"(?:max|min)imum \S+ usage per|max limit to request ratio per"),
        "spec.resources: must be within the LimitRange of the namespace (kubectl describe limitranges).",
    ),
)
"""Advice for messages about missing or forbidden objects that a TrainingJob names.

https://github.com/kubernetes/kubernetes/tree/master/plugin/pkg/admission
"""


def with_training_job_fields(message: str) -> str:
    """Return the API server's message about a Job or pod with the field paths of the TrainingJob, and with advice."""
    for pattern, prefix in _FIELD_PATHS:
        message = pattern.sub(prefix, message)
    remedies = [remedy for pattern, remedy in _REMEDIES if pattern.search(message)]
    return " ".join([f"{message.rstrip('.')}.", *remedies]) if remedies else message
