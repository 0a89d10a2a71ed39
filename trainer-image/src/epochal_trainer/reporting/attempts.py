"""The attempts of one TrainingJob. Only the newest attempt continues."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from epochal_api.trainingjob.spec import TrainingJob

from epochal_trainer.lib.failures import Failure, superseded_failure
from epochal_trainer.reporting.results import ATTEMPTS, Results, to_json
from epochal_trainer.storage import Bucket

_KEY = re.compile(r"/(\d+)-([^/]+)\.json$")


class StartedAttempt(NamedTuple):
    """An attempt that has begun. The highest attempt continues; any other may still run on an abandoned node.

    Args:
        number: 1 + the number of earlier attempts.
        pod: The uid of its pod, which distinguishes attempts with the same number.
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
        """Record this attempt in the bucket, and return its unique number. This also shows that results can be written.

        Not every storage supports a write that fails if the key exists, so two pods may take the same number. Each pod
        lists the attempts after its own write, so at least one pod sees the other. The higher attempt takes the next
        number, and the lower attempt ends.

        Raises:
            Failure: If the bucket is missing or refuses access; Superseded.
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
        """Raise the Superseded failure if a newer attempt exists."""
        if (failure := self.superseded()) is not None:
            raise failure

    def superseded(self) -> Failure | None:
        """Return the Superseded failure if a newer attempt exists, else None."""
        last = max(self._started(), default=self._own)
        return superseded_failure(str(self._own), str(last)) if last > self._own else None

    def _started(self) -> list[StartedAttempt]:
        found = map(_KEY.search, self._bucket.keys(self._folder))
        return [StartedAttempt(int(key[1]), key[2]) for key in found if key]


def open_results(bucket: Bucket, job: TrainingJob, pod: str) -> tuple[Attempts, Results]:
    """Return the attempts and the results of a TrainingJob in its results bucket.

    The results accept a write only from the newest attempt. Before an attempt has begun, they accept it only if no
    other attempt has.
    """
    metadata = job.metadata
    folder = job.spec.results.folder(namespace=metadata.namespace, name=metadata.name, uid=metadata.uid)
    attempts = Attempts(bucket, folder, pod)
    return attempts, Results(bucket, folder, attempts.check)
