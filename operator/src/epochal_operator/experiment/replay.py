"""Repeat all suggestions of a search and print the differences: epochal-operator replay SEARCH.yaml.

Each trial notes how many events the ledger held when it was suggested. With those, the spec, and nothing else, the same
must be suggested again.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from epochal_api import experiment_ledger
from epochal_api.experiment import KIND, InvalidExperiment, parse
from epochal_api.text import printable

from epochal_operator.experiment.ledger import Created, Event, decode
from epochal_operator.experiment.search.known import request
from epochal_operator.experiment.search.suggest import suggest


class NothingToReplay(ValueError):
    """It cannot be told what was suggested; the message says why."""


@dataclass(frozen=True)
class Difference:
    """A trial that would be given other parameters today.

    Args:
        trial: Its number.
        had: The parameters that it had.
        found: Those that it would be given; None for none.
    """

    trial: int
    had: Mapping[str, str]
    found: Mapping[str, str] | None

    def __str__(self) -> str:
        """Returns it as a line for people."""
        found = "nothing" if self.found is None else _text(self.found)
        return f"trial {self.trial} had {_text(self.had)}; suggested again: {found}"


def replay(document: Mapping[str, Any], data: str) -> list[Difference]:
    """Returns the trials of an Experiment whose parameters differ from those that are suggested again.

    Args:
        document: The Experiment as JSON.
        data: The data of its ExperimentLedger.

    Raises:
        NothingToReplay: If it is no Experiment, or its ledger is empty or damaged.
    """
    try:
        experiment = parse(document)
    except InvalidExperiment as error:
        raise NothingToReplay(str(error)) from None
    ledger = _events(data)
    template = document["spec"]["template"]["spec"]
    differences = []
    for known, asked_at_once in groupby(_created(ledger), lambda one: one.known):
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


def _created(ledger: Sequence[Event]) -> Iterator[Created]:
    return (event for event in ledger if isinstance(event, Created))


def _events(data: str) -> tuple[Event, ...]:
    """Returns the events of a ledger, if it is whole."""
    ledger = decode(data)
    created = [(place, event) for place, event in enumerate(ledger) if isinstance(event, Created)]
    in_order = [event.trial for _, event in created] == list(range(len(created)))
    if not created or not in_order or any(event.known > place for place, event in created):
        raise NothingToReplay(
            "data of the ExperimentLedger is empty or damaged: it must tell of the trials 0, 1, … in this order and of "
            f"all that was known when each was suggested, found {len(ledger)} readable events"
        )
    return ledger


def read(text: str) -> tuple[Mapping[str, Any], str]:
    """Returns the Experiment of a file, and the data of its ExperimentLedger.

    Args:
        text: Both as YAML: as items of a List, as kubectl prints several objects, or one after the other.

    Raises:
        NothingToReplay: If the file lacks one of them, or has several of a kind.
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
    """Replays an Experiment and prints what differs.

    Args:
        arguments: The command line, without the program and the name of the command.

    Returns:
        What is wrong, if anything is.
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
