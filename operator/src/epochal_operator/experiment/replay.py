"""Repeat all suggestions of a search and print the differences: epochal-operator replay SEARCH.yaml.

Each trial records the number of events in the ledger when it was suggested. The same spec and the same events must give
the same suggestion.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from epochal_api.experiment import ledger as experiment_ledger
from epochal_api.experiment.spec import KIND, InvalidExperiment, parse
from epochal_api.text import printable

from epochal_operator.experiment.ledger.encoding import InvalidLedger, decode
from epochal_operator.experiment.ledger.events import Created, Event
from epochal_operator.experiment.search.build_request import request
from epochal_operator.experiment.search.suggest import suggest


class NothingToReplay(ValueError):
    """The input has no suggestions to repeat; the message contains the cause."""


@dataclass(frozen=True)
class Difference:
    """A trial for which the searcher suggests other parameters today.

    Args:
        trial: The number of the trial.
        had: The parameters of the trial.
        found: The parameters that are suggested today; None if no parameters are suggested.
    """

    trial: int
    had: Mapping[str, str]
    found: Mapping[str, str] | None

    def __str__(self) -> str:
        """Return the difference as a line of text."""
        found = "nothing" if self.found is None else _text(self.found)
        return f"trial {self.trial} had {_text(self.had)}; suggested again: {found}"


def replay(document: Mapping[str, Any], data: str) -> list[Difference]:
    """Return the trials of an Experiment for which the searcher suggests other parameters today.

    Args:
        document: The Experiment as JSON.
        data: The data of its ExperimentLedger.

    Raises:
        NothingToReplay: If the document is not an Experiment, or its ledger is empty or damaged.
    """
    try:
        experiment = parse(document)
    except InvalidExperiment as error:
        raise NothingToReplay(str(error)) from None
    ledger = _events(data)
    template = document["spec"]["template"]["spec"]
    differences = []
    for known, asked_at_once in groupby((one for one in ledger if isinstance(one, Created)), lambda one: one.known):
        created = list(asked_at_once)
        numbers = [one.trial for one in created]
        response = suggest(request(experiment.spec, template, ledger[:known], numbers))
        found = {one.trial: one.parameters for one in response.suggestions}
        differences += [
            Difference(one.trial, one.parameters, found.get(one.trial))
            for one in created
            if found.get(one.trial) != one.parameters
        ]
    return differences


def _events(data: str) -> tuple[Event, ...]:
    """Return the events of an undamaged ledger; raise NothingToReplay for any other ledger."""
    try:
        ledger = decode(data)
    except InvalidLedger:
        ledger = ()
    created = [(place, event) for place, event in enumerate(ledger) if isinstance(event, Created)]
    in_order = [event.trial for _, event in created] == list(range(len(created)))
    if not created or not in_order or any(event.known > place for place, event in created):
        raise NothingToReplay(
            "data of the ExperimentLedger is empty or damaged: it must tell of the trials 0, 1, … in this order and of "
            f"all that was known when each was suggested, found {len(ledger)} readable events"
        )
    return ledger


def read(text: str) -> tuple[Mapping[str, Any], str]:
    """Return the Experiment in a file, and the data of its ExperimentLedger.

    Args:
        text: Both objects as YAML: as items of a List, as kubectl prints them, or as separate documents.

    Raises:
        NothingToReplay: If the file does not have one object of each kind.
    """
    documents = [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
    objects = [item for one in documents for item in (one.get("items") or [one]) if isinstance(item, dict)]
    experiment, ledger = (_only(kind, objects) for kind in (KIND, experiment_ledger.KIND))
    return experiment, str(ledger.get("data") or "")


def _only(kind: str, objects: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    found = [one for one in objects if one.get("kind") == kind]
    if len(found) != 1:
        kinds = ", ".join(str(one.get("kind"))[:63] for one in objects[:8]) or "no object"
        raise NothingToReplay(
            f"must hold one {kind}, found {kinds}: "
            "kubectl get experiment/NAME experimentledger/NAME --output yaml prints both"
        )
    return found[0]


def _text(parameters: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(parameters.items())) or "no parameters"


def main(arguments: Sequence[str]) -> str | None:
    """Replay an Experiment and print the differences.

    Args:
        arguments: The arguments after the name of the command.

    Returns:
        The error message or the number of differences; None if all suggestions are equal.
    """
    parser = argparse.ArgumentParser(
        prog="epochal-operator replay",
        description="Computes again all that an Experiment has suggested, and prints what differs.",
    )
    parser.add_argument(
        "file",
        type=Path,
        metavar="SEARCH.yaml",
        help="output of: kubectl get experiment/NAME experimentledger/NAME --output yaml",
    )
    path = parser.parse_args(arguments).file
    try:
        differences = replay(*read(path.read_text()))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, NothingToReplay) as error:
        return printable(f"{path}: {error}")
    for difference in differences:
        sys.stdout.write(printable(f"{difference}\n"))
    return f"{len(differences)} suggestions differ" if differences else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
