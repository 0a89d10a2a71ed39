"""What is said against a Job or its pod names the fields of the TrainingJob, as whoever wrote that knows them."""

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
def test_fields_are_those_of_the_training_job(theirs: str, own: str) -> None:
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
            "It waits until others give back as much of the quota as spec.resources asks for",
        ),
        (
            'pods "a" is forbidden: failed quota: b: must specify limits.memory for: trainer',
            "spec.resources: must say how much it takes of what the quota counts.",
        ),
        (
            'pods "a" is forbidden: maximum memory usage per Container is 1Gi, but limit is 3Gi',
            "spec.resources: must be within what the LimitRange of the namespace allows",
        ),
    ],
)
def test_what_must_hold_is_added(said: str, remedy: str) -> None:
    assert f". {remedy}" in with_training_job_fields(said)


@pytest.mark.parametrize(
    "said",
    [
        'violates PodSecurity "restricted:latest".',
        'jobs.batch "a" is forbidden: exceeded quota: b, requested: count/jobs.batch=1, used: count/jobs.batch=2',
    ],
)
def test_what_no_field_is_about_is_passed_on(said: str) -> None:
    assert with_training_job_fields(said) == said
