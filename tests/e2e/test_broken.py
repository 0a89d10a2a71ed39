"""The broken TrainingJobs whose mistake the operator or its checker finds fail without a pod."""

import time

import pytest

from tests.kit.broken import BrokenJob, broken_jobs
from tests.kit.jobs import Namespace

pytestmark = pytest.mark.alone

REASONS = {"operator": "InvalidSpec", "checker": "InvalidNetwork"}
ATTEMPTS, PAUSE_SECONDS = 3, 31
"""A checker that does not answer within a second is not asked for 30 s: the operator creates Jobs meanwhile."""


@pytest.mark.parametrize("job", [job for job in broken_jobs() if job.finder in REASONS], ids=str)
def test_a_mistake_fails_without_a_pod(namespace: Namespace, job: BrokenJob) -> None:
    for attempt in range(ATTEMPTS):
        document = job.broken
        name = f"{job.name}-{attempt}"
        document["metadata"] = {"name": name}
        namespace.apply(document)
        status = namespace.finish(name, seconds=60)
        if not namespace.objects("jobs", name):
            break
        time.sleep(PAUSE_SECONDS)
    assert status["state"] == "Failed", namespace.describe(name)
    failed = namespace.condition("Failed", name)
    assert failed["reason"] == REASONS[job.finder], failed
    assert job.hint in failed["message"]
    assert namespace.objects("jobs", name) == []
    assert namespace.pods(name) == []
