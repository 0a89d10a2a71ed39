"""The attempts to train what one TrainingJob describes. Only the last that has begun goes on."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from epochal_trainer.lib.failures import Failure, superseded
from epochal_trainer.reporting.results import ATTEMPTS, to_json
from epochal_trainer.storage import Bucket

_KEY = re.compile(r"/(\d+)(?:-([^/]+))?\.json$")


class Begun(NamedTuple):
    """An attempt that has begun. The highest goes on; any other may run on a node that was given up.

    Args:
        number: 1 + the attempts before it.
        pod: The uid of its pod, which tells it from another that took the same number; "" where the number is all
            that is written, as an earlier version of Epochal does, and reads.
    """

    number: int
    pod: str

    def __str__(self) -> str:
        return f"attempt {self.number}" + (f" of pod {self.pod}" if self.pod else "")


class Attempts:
    """The attempts of one TrainingJob, as its results bucket holds them; one of them is this process'.

    Args:
        bucket: The bucket for results.
        folder: The folder of the TrainingJob in it, without a slash at its end.
        pod: The uid of this pod.
    """

    def __init__(self, bucket: Bucket, folder: str, pod: str) -> None:
        self._bucket = bucket
        self._folder = f"{folder}/{ATTEMPTS}/"
        self._own = Begun(0, pod)

    def begin(self, spec: str) -> int:
        """Counts this attempt, durably: it also shows that results can be written, before anything is trained.

        Not every storage can refuse to write what is there already, so two pods may take the same number. Each sees
        the other afterwards, or is seen: the higher one takes the next number, which is its own, and the lower ends.

        Args:
            spec: Digest of what is to be trained.

        Returns:
            The number of this attempt, which is no other one's.

        Raises:
            Failure: If the bucket is missing, or refuses; Superseded.
        """
        self._bucket.check()
        started = datetime.now(UTC).isoformat(timespec="seconds")
        number = max((other.number for other in self._begun()), default=0)
        while True:
            number += 1
            self._own = own = Begun(number, self._own.pod)
            content = to_json({"attempt": number, "started": started, "spec": spec})
            self._bucket.put(f"{self._folder}{number}-{own.pod}.json", content)
            begun = self._begun()
            if (last := max(begun, default=own)) > own:
                raise superseded(str(own), str(last))
            if all(other == own or other.number < number for other in begun):
                # What an earlier version of Epochal looks for, in a pod that was given up, or after a rollback.
                self._bucket.put(f"{self._folder}{number}.json", content)
                return number

    def check(self) -> None:
        """Checks that no other attempt has taken this one's place.

        Raises:
            Failure: Superseded, if one has.
        """
        if (failure := self.superseded()) is not None:
            raise failure

    def superseded(self) -> Failure | None:
        """Returns the failure of this attempt if another one has taken its place."""
        last = max(self._begun(), default=self._own)
        return superseded(str(self._own), str(last)) if last > self._own else None

    def _begun(self) -> list[Begun]:
        found = map(_KEY.search, self._bucket.keys(self._folder))
        return [Begun(int(key[1]), key[2] or "") for key in found if key]
