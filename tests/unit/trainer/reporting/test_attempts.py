import itertools
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from epochal_api.trainingjob.spec import parse
from epochal_trainer.lib.failures import Failure
from epochal_trainer.reporting.attempts import Attempts, open_results
from epochal_trainer.storage import FolderBucket

from tests.unit.trainer.test_job import JOB


def attempts(root: Path, pod: str, bucket: FolderBucket | None = None) -> Attempts:
    return Attempts(bucket or FolderBucket(root), "n/j/u", pod)


def test_attempts_are_counted(tmp_path: Path) -> None:
    assert [attempts(tmp_path, f"pod{number}").begin("spec") for number in range(12)] == list(range(1, 13))
    content = json.loads((tmp_path / "n/j/u/attempts/12-pod11.json").read_text())
    assert (content["attempt"], content["spec"]) == (12, "spec")
    assert Attempts(FolderBucket(tmp_path), "n/j/other", "pod").begin("spec") == 1


def test_earlier_attempts_count_and_a_newer_attempt_continues(tmp_path: Path) -> None:
    (tmp_path / "n/j/u/attempts").mkdir(parents=True)
    (tmp_path / "n/j/u/attempts/7-old.json").write_text("{}")
    now = attempts(tmp_path, "a")
    assert now.begin("spec") == 8
    (tmp_path / "n/j/u/attempts/8-Z.json").write_text("{}")
    now.check()
    (tmp_path / "n/j/u/attempts/9-new.json").write_text("{}")
    with pytest.raises(Failure, match="attempt 9 of pod new has begun since and replaces attempt 8 of pod a"):
        now.check()


def test_only_the_last_attempt_continues(tmp_path: Path) -> None:
    old, new = attempts(tmp_path, "b"), attempts(tmp_path, "a")
    old.begin("spec")
    old.check()
    new.begin("spec")
    new.check()
    with pytest.raises(Failure, match="attempt 2 of pod a has begun since and replaces attempt 1 of pod b") as caught:
        old.check()
    assert (caught.value.reason, caught.value.exit_code) == ("Superseded", 143)


class Interrupted(FolderBucket):
    """A bucket that calls another pod before a write."""

    meanwhile: Callable[[], object] | None = None

    def put(self, key: str, content: bytes) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        super().put(key, content)


def test_the_lower_pod_with_the_same_number_ends(tmp_path: Path) -> None:
    bucket, other = Interrupted(tmp_path), attempts(tmp_path, "b")
    bucket.meanwhile = lambda: other.begin("spec")
    with pytest.raises(Failure, match="attempt 1 of pod b has begun since and replaces attempt 1 of pod a") as caught:
        attempts(tmp_path, "a", bucket).begin("spec")
    assert caught.value.reason == "Superseded"
    other.check()


def test_the_higher_pod_with_the_same_number_takes_the_next(tmp_path: Path) -> None:
    bucket, other = Interrupted(tmp_path), attempts(tmp_path, "a")
    bucket.meanwhile = lambda: other.begin("spec")
    delayed = attempts(tmp_path, "b", bucket)
    assert delayed.begin("spec") == 2  # No report of the other one's counts from here on.
    delayed.check()
    with pytest.raises(Failure, match="attempt 2 of pod b has begun since and replaces attempt 1 of pod a"):
        other.check()


@pytest.mark.parametrize("pods", list(itertools.permutations("abc")), ids="".join)
def test_one_of_many_simultaneous_attempts_continues(tmp_path: Path, pods: tuple[str, ...]) -> None:
    going_on: list[Attempts] = []

    def begin(pod: str, *rest: str) -> None:
        bucket = Interrupted(tmp_path)
        bucket.meanwhile = (lambda: begin(*rest)) if rest else None
        attempt = attempts(tmp_path, pod, bucket)
        with suppress(Failure):
            attempt.begin("spec")
            going_on.append(attempt)

    begin(*pods)
    assert len([attempt for attempt in going_on if attempt.superseded() is None]) == 1


def test_a_missing_bucket_fails_before_training(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        attempts(tmp_path / "missing", "a").begin("spec")
    assert caught.value.reason == "BucketNotFound"


def test_a_pod_whose_attempt_has_not_begun_replaces_no_results(tmp_path: Path) -> None:
    job, bucket = parse({**JOB, "metadata": {"name": "j", "namespace": "n", "uid": "u"}}), FolderBucket(tmp_path)
    _, early = open_results(bucket, job, "a")
    early.put("training.log", b"InvalidNetwork")
    attempts, results = open_results(bucket, job, "b")
    attempts.begin("spec")
    results.put("training.log", b"Epoch 1")
    with pytest.raises(Failure, match="attempt 1 of pod b has begun since"):
        early.put("training.log", b"InvalidNetwork")
    assert (tmp_path / "n/j/u/training.log").read_bytes() == b"Epoch 1"
