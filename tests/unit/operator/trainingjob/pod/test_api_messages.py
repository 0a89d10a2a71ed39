"""The API server's messages with the fields of the TrainingJob."""

import pytest
from epochal_operator.trainingjob.pod.api_messages import with_training_job_fields


@pytest.mark.parametrize(
    ("theirs", "own"),
    [
        ("spec.template.spec.containers[0].resources.limits[cpu]", "spec.resources.limits[cpu]"),
        ("spec.containers[0].resources.requests", "spec.resources.requests"),
        ("spec.template.spec.containers[0].image", "spec.image"),
        ("spec.template.spec.nodeSelector", "spec.scheduling.nodeSelector"),
        ("spec.template.spec.tolerations[0].key", "spec.scheduling.tolerations[0].key"),
        ("spec.template.spec.affinity.nodeAffinity", "spec.scheduling.affinity.nodeAffinity"),
        ("spec.schedulerName", "spec.scheduling.schedulerName"),
        ("spec.template.spec.serviceAccountName", "spec.serviceAccountName"),
        ("spec.template.spec.imagePullSecrets[1].name", "spec.imagePullSecrets[1].name"),
        ("spec.template.spec.containers[0].env[1].name", "spec.template.spec.containers[0].env[1].name"),
        ("spec.template.spec.containers[1].resources", "spec.template.spec.containers[1].resources"),
        ("spec.backoffLimit", "spec.backoffLimit"),
    ],
)
def test_fields_of_job_and_pod_become_fields_of_the_training_job(theirs: str, own: str) -> None:
    said = 'Job.batch "digits" is invalid: {}: Invalid value: "x": must be less'
    assert with_training_job_fields(said.format(theirs)) == said.format(own)


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        (
            'spec.template.spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource',
            "Did you mean nvidia.com/gpu, in spec.resources.limits?",
        ),
        (
            'pods "a" is forbidden: error looking up service account vision/b: serviceaccount "b" not found',
            "spec.serviceAccountName: must be",
        ),
        ('pods "a" is forbidden: no PriorityClass with name b was found', "spec.scheduling.priorityClassName: must be"),
        (
            'pods "a" is forbidden: pod rejected: RuntimeClass "b" not found',
            "spec.scheduling.runtimeClassName: must be",
        ),
        (
            'pods "a" is forbidden: exceeded quota: b, requested: pods=1,requests.cpu=1, used: pods=1,requests.cpu=4',
            "Waiting for other pods to release quota",
        ),
        (
            'pods "a" is forbidden: failed quota: b: must specify limits.memory for: trainer',
            "spec.resources: must set the requests or limits that the quota counts.",
        ),
        (
            'pods "a" is forbidden: maximum memory usage per Container is 1Gi, but limit is 3Gi',
            "spec.resources: must be within the LimitRange of the namespace",
        ),
    ],
)
def test_remedy_is_appended(said: str, remedy: str) -> None:
    assert f". {remedy}" in with_training_job_fields(said)


@pytest.mark.parametrize(
    "said",
    [
        'violates PodSecurity "restricted:latest".',
        'jobs.batch "a" is forbidden: exceeded quota: b, requested: count/jobs.batch=1, used: count/jobs.batch=2',
    ],
)
def test_other_messages_stay_unchanged(said: str) -> None:
    assert with_training_job_fields(said) == said
