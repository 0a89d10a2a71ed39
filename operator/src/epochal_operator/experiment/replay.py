"""Repeat all suggestions of a search and print the differences: epochal-operator replay SEARCH.yaml.

Each trial records the number of events in the ledger when it was suggested. The same spec and the same events must lead
to the same suggestion.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import yaml
from epochal_api.experiment import ledger as experiment_ledger
from epochal_api.experiment.spec import KIND, InvalidExperiment, parse
from epochal_api.text import printable

from epochal_operator.experiment.ledger.encoding import InvalidLedger, decode
from epochal_operator.experiment.ledger.events import Created, Event
from epochal_operator.experiment.search.build_request import build_request
from epochal_operator.experiment.search.suggest import suggest


class NothingToReplay(ValueError):
    """The input has no suggestions to repeat; the message contains the cause."""


@dataclass(frozen=True)
class Difference:
    """A trial for which the searcher of this version suggests other parameters than the ledger contains.

    Args:
        recorded: The parameters in the ledger.
        suggested: The parameters that this version suggests; None if it suggests none.
    """

    trial: int
    recorded: Mapping[str, str]
    suggested: Mapping[str, str] | None

    def __str__(self) -> str:
        """Return the difference as a line of text."""
        suggested = "nothing" if self.suggested is None else _text(self.suggested)
        return f"trial {self.trial} has {_text(self.recorded)}; suggested today: {suggested}"


@dataclass(frozen=True)
class Replay:
    """The result of a replay.

    Args:
        suggestions: The number of repeated suggestions.
        differences: The trials with different parameters.
    """

    suggestions: int
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        """Return the numbers of equal and different suggestions as a sentence."""
        different = len(self.differences)
        equal = self.suggestions - different
        if not different:
            return f"{_count(equal)} the same"
        return f"{different} of {_count(self.suggestions)} different"


def replay(document: Mapping[str, Any], data: str) -> Replay:
    """Return the result of repeating all suggestions of an Experiment.

    Raises:
        NothingToReplay: If the document is not an Experiment, or its ledger is empty or damaged.
    """
    try:
        experiment = parse(document)
    except InvalidExperiment as error:
        raise NothingToReplay(str(error)) from None
    ledger = _events(data)
    template = document["spec"]["template"]["spec"]
    differences: list[Difference] = []
    all_created = [event for event in ledger if isinstance(event, Created)]
    for known_events, batch in groupby(all_created, lambda event: event.known_events):
        created = list(batch)
        numbers = [event.trial for event in created]
        response = suggest(build_request(experiment.spec, template, ledger[:known_events], numbers))
        suggested = {suggestion.trial: suggestion.parameters for suggestion in response.suggestions}
        differences += [
            Difference(event.trial, event.parameters, suggested.get(event.trial))
            for event in created
            if suggested.get(event.trial) != event.parameters
        ]
    return Replay(len(all_created), tuple(differences))


def _events(data: str) -> tuple[Event, ...]:
    """Return the events of a ledger; raise NothingToReplay if it is damaged, or its trials are not in order.

    The search skips the number of a TrainingJob that it does not know.
    """
    try:
        ledger = decode(data)
    except InvalidLedger:
        ledger = ()
    created = [(index, event) for index, event in enumerate(ledger) if isinstance(event, Created)]
    in_order = all(one.trial < other.trial for (_, one), (_, other) in pairwise(created))
    if not created or not in_order or any(event.known_events > index for index, event in created):
        raise NothingToReplay(
            "data of the ExperimentLedger is empty or damaged: it must have trials in ascending order, each "
            f"after the events from which it was suggested; found {len(ledger)} readable events"
        )
    return ledger


def read(text: str) -> tuple[Mapping[str, Any], str]:
    """Return the Experiment in a file, and the data of its ExperimentLedger.

    Args:
        text: Both objects as YAML: as items of a List, as kubectl prints them, or as separate documents.

    Raises:
        NothingToReplay: If the file does not have one object of each kind.
    """
    documents = [document for document in yaml.safe_load_all(text) if isinstance(document, dict)]
    items = (item for document in documents for item in (document.get("items") or [document]))
    objects = [item for item in items if isinstance(item, dict)]
    experiment, ledger = (_single_object(kind, objects) for kind in (KIND, experiment_ledger.KIND))
    return experiment, str(ledger.get("data") or "")


def _single_object(kind: str, objects: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    matches = [document for document in objects if document.get("kind") == kind]
    if len(matches) != 1:
        kinds = ", ".join(str(document.get("kind"))[:63] for document in objects[:8]) or "no object"
        raise NothingToReplay(
            f"must contain one {kind}, found {kinds}: "
            "kubectl get experiment/NAME experimentledger/NAME --output yaml prints both"
        )
    return matches[0]


def _count(suggestions: int) -> str:
    return "1 suggestion is" if suggestions == 1 else f"{suggestions} suggestions are"


def _text(parameters: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(parameters.items())) or "no parameters"


def main(arguments: Sequence[str]) -> str | None:
    """Replay an Experiment and print the differences, or the number of equal suggestions.

    Returns:
        The error message, or a sentence with the number of differences; None if all suggestions are equal.
    """
    parser = argparse.ArgumentParser(
        prog="epochal-operator replay",
        description="Repeats all suggestions of an Experiment and prints the differences.",
    )
    parser.add_argument(
        "file",
        type=Path,
        metavar="SEARCH.yaml",
        help="output of: kubectl get experiment/NAME experimentledger/NAME --output yaml",
    )
    path = parser.parse_args(arguments).file
    try:
        result = replay(*read(path.read_text()))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, NothingToReplay) as error:
        return printable(f"{path}: {error}")
    for difference in result.differences:
        sys.stdout.write(printable(f"{difference}\n"))
    if result.differences:
        return str(result)
    sys.stdout.write(printable(f"{path}: {result}\n"))
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
