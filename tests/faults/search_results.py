"""The results of a search: its trials rung by rung, and the best trial."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from epochal_operator.experiment.ledger.encoding import decode
from epochal_operator.experiment.ledger.events import Created, Finished, Started
from epochal_operator.experiment.replay import replay
from epochal_operator.experiment.status import format_value

from tests.kit.kubectl import Object

Place = tuple[int, int]
"""A trial and its rung."""


@dataclass(frozen=True)
class Rung:
    """The end of a trial's rung: reason, last epoch, value, and the history of all its epochs without durations."""

    parameters: str
    end: str
    epoch: int
    value: str | None
    history: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class SearchResults:
    experiment: Object
    ledger: str
    rungs: Mapping[Place, Rung]
    uids: frozenset[str]

    @property
    def best(self) -> tuple[int, str, str]:
        """The best trial, its value and its parameters."""
        best = self.experiment["status"]["best"]
        return best["trial"], best["value"], str(sorted(best["parameters"].items()))

    def differences(self, other: "SearchResults", *, more: bool = False) -> list[str]:
        """Returns the differences from the results of an undisturbed search; `more` allows more rungs."""
        known = self.rungs.keys() | set() if not more else self.rungs.keys() & other.rungs.keys()
        found = [f"{named(place)} is in one only" for place in sorted(known ^ other.rungs.keys())]
        for place in sorted(known & other.rungs.keys()):
            one, two = vars(self.rungs[place]), vars(other.rungs[place])
            found += [
                f"{named(place)}: {name} is {_short(one[name])}, undisturbed {_short(two[name])}"
                for name in one
                if one[name] != two[name]
            ]
        if self.best != other.best:
            found.append(f"the best is {self.best}, undisturbed {other.best}")
        return found

    def faults(self, *, deleted: int = 0) -> list[str]:
        """Returns the broken rules; `deleted` TrainingJobs were deleted by a person before their end."""
        return [*self._of_ledger(deleted), *self._of_epochs(deleted), *self._of_best(), *self._of_replay()]

    def _of_ledger(self, deleted: int) -> Iterator[str]:
        events = decode(self.ledger)
        created = [event for event in events if isinstance(event, Created)]
        if [training.trial for training in created] != list(range(len(created))):
            yield f"trials {[training.trial for training in created]} were created"
        if len({str(sorted(training.parameters.items())) for training in created}) < len(created):
            yield "two trials have the same parameters"
        finished = [(item.trial, item.rung) for item in events if isinstance(item, Finished)]
        trained = [place for place, rung in self.rungs.items() if rung.value is not None]
        if sorted(finished) != sorted(trained):
            yield f"of the rungs {sorted(trained)} the ledger knows {sorted(finished)}"
        started = [event.uid for event in events if isinstance(event, Started)]
        # Of one that is deleted at once, the ledger need not know.
        if not self.uids <= set(started) or len(started) > len(self.rungs) + deleted:
            yield f"{len(self.rungs)} rungs were trained, and the ledger knows of {len(started)} that were begun"

    def _of_epochs(self, deleted: int) -> Iterator[str]:
        status = self.experiment["status"]
        if status["trials"]["failed"]:
            yield f"{status['trials']['failed']} trials have failed"
        if not deleted and (repeated := status["epochs"].get("repeated", 0)):
            yield f"{repeated} epochs were trained twice"
        for (trial, rung), one in self.rungs.items():
            epochs = [int(row["epoch"]) for row in one.history]
            if one.value is not None and epochs != list(range(1, one.epoch + 1)):
                yield f"{named((trial, rung))} has the epochs {epochs}"
            before = self.rungs.get((trial, rung - 1))
            if before and one.history[: len(before.history)] != before.history:
                yield f"{named((trial, rung))} has not the history of the rung before"

    def _of_best(self) -> Iterator[str]:
        last = {trial: rung.value for (trial, _), rung in sorted(self.rungs.items()) if rung.value is not None}
        best = min(last.items(), key=lambda pair: (float(pair[1]), pair[0]))
        number, value, _ = self.best
        if (number, value) != (best[0], format_value(float(best[1]))):
            yield f"the best is told to be trial {number} with {value}, and is {best}"

    def _of_replay(self) -> Iterator[str]:
        yield from (f"replay: {difference}" for difference in replay(self.experiment, self.ledger).differences)


def named(place: Place) -> str:
    return f"rung {place[1]} of trial {place[0]}"


def _short(value: object) -> str:
    text = f"{len(value)} epochs" if isinstance(value, tuple) else str(value)
    return text if len(text) < 80 else f"{text[:80]}…"
