"""Records the attempts of one TrainingJob in the results bucket. Only the newest attempt continues."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from epochal_api.trainingjob.spec import TrainingJob

from epochal_trainer.lib.failures import Failure, superseded_failure
from epochal_trainer.reporting.results import ATTEMPTS, Results, to_json
from epochal_trainer.storage import Bucket

_KEY = re.compile(r"/(\d+)-([^/]+)\.json$")


class StartedAttempt(NamedTuple):
    """An attempt that has begun, ordered by number and then pod.

    The highest attempt of a TrainingJob continues. Another attempt may still run on a node that seemed to be lost.

    Args:
        number: Number of the attempt, from 1.
        pod: The uid of the attempt's pod, which distinguishes attempts with the same number.
    """

    number: int
    pod: str

    def __str__(self) -> str:
        return f"attempt {self.number} of pod {self.pod}"


class Attempts:
    """The attempts of one TrainingJob in its results bucket, including the attempt of this process."""

    def __init__(self, bucket: Bucket, folder: str, pod: str) -> None:
        self._bucket = bucket
        self._folder = f"{folder}/{ATTEMPTS}/"
        self._own = StartedAttempt(0, pod)

    def begin(self, spec_digest: str) -> int:
        """Record the attempt of this process in the results bucket, and return its unique number.

        Not every storage supports a write that fails if the key exists, so two pods may take the same number. Each pod
        lists the attempts after its own write, so at least one pod sees the other. The higher attempt takes the next
        number, and the lower attempt ends.

        Raises:
            Failure: Superseded, if a higher attempt exists; or that the bucket is missing or refuses access.
        """
        self._bucket.check()
        started = datetime.now(UTC).isoformat(timespec="seconds")
        number = max((attempt.number for attempt in self._started()), default=0)
        while True:
            number += 1
            self._own = own = StartedAttempt(number, self._own.pod)
            content = to_json({"attempt": number, "started": started, "spec": spec_digest})
            self._bucket.put(f"{self._folder}{number}-{own.pod}.json", content)
            started_attempts = self._started()
            if (last := max(started_attempts, default=own)) > own:
                raise superseded_failure(str(own), str(last))
            if all(attempt == own or attempt.number < number for attempt in started_attempts):
                return number

    def check(self) -> None:
        """Raise the failure Superseded if an attempt higher than the one of this process has begun."""
        if (failure := self.superseded()) is not None:
            raise failure

    def superseded(self) -> Failure | None:
        """Return the failure Superseded if an attempt higher than the one of this process has begun, else None."""
        last = max(self._started(), default=self._own)
        return superseded_failure(str(self._own), str(last)) if last > self._own else None

    def _started(self) -> list[StartedAttempt]:
        found = map(_KEY.search, self._bucket.keys(self._folder))
        return [StartedAttempt(int(key[1]), key[2]) for key in found if key]


def open_results(bucket: Bucket, job: TrainingJob, pod: str) -> tuple[Attempts, Results]:
    """Return the attempts and the results of a TrainingJob in its results bucket.

    The results accept a write only while the attempt of this process is the newest. Before this attempt has begun, they
    accept a write only if no other attempt has begun.
    """
    metadata = job.metadata
    folder = job.spec.results.folder(namespace=metadata.namespace, name=metadata.name, uid=metadata.uid)
    attempts = Attempts(bucket, folder, pod)
    return attempts, Results(bucket, folder, attempts.check)
