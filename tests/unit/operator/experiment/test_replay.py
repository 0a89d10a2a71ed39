"""A search can be computed again from the Experiment alone, however parallel it was, and says so when it cannot."""

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from epochal_api.experiment.spec import parse
from epochal_operator.experiment.ledger.encoding import encode
from epochal_operator.experiment.ledger.events import Created, Diverged, Event, Finished, Started
from epochal_operator.experiment.replay import Difference, NothingToReplay, main, read, replay
from epochal_operator.experiment.search.build_request import request
from epochal_operator.experiment.search.suggest import suggest

from tests.unit.operator.experiment.spaces import FINITE, document

PARALLELISM = 4


def searched(document: dict[str, Any], trials: int, seed: int = 1) -> list[Event]:
    """Returns the ledger of a search in which trials end in whatever order, some of them badly, and some go on."""
    draw = random.Random(seed)  # noqa: S311
    spec, template = parse(document).spec, document["spec"]["template"]["spec"]
    ledger: list[Event] = []
    running: list[tuple[int, int]] = []
    created = 0
    while True:
        numbers = range(created, min(created + PARALLELISM - len(running), trials))
        if not numbers and not running:
            return ledger
        if numbers:
            known = len(ledger)
            response = suggest(request(spec, template, ledger, numbers))
            for one in response.suggestions:
                ledger += [Created(one.trial, one.parameters, known), Started(one.trial, 0, f"uid-{one.trial}")]
                running.append((one.trial, 0))
            created, trials = created + len(response.suggestions), trials if not response.exhausted else 0
        for _ in range(min(draw.randint(1, 2), len(running))):
            trial, rung = running.pop(draw.randrange(len(running)))
            if draw.random() < 0.1:
                ledger.append(Diverged(trial, rung, f"uid-{trial}"))
                continue
            ended = rung == 1
            worth = repr(round(draw.random(), 4))
            ledger.append(Finished(trial, rung, (1, 9)[rung], worth, f"uid-{trial}", 20, ended))
            if not ended and draw.random() < 0.3:
                ledger.append(Started(trial, 1, f"uid-{trial}-1"))
                running.append((trial, 1))


def printed(document: dict[str, Any], ledger: list[Event]) -> dict[str, Any]:
    """Returns an Experiment and its ledger as kubectl prints both."""
    stored = {"apiVersion": "epochal.dev/v1alpha1", "kind": "ExperimentLedger", "data": encode(ledger)}
    return {"apiVersion": "v1", "kind": "List", "items": [document, stored]}


SEARCH: dict[str, Any] = document(
    search={"method": "TPE", "seed": 7, "startupTrials": 5},
    schedule={"method": "ASHA"},
    initialTrials=[{"rate": "0.01"}, {"optimizer": "SGD", "momentum": "0.9"}],
)
LEDGER = searched(SEARCH, 30)


@pytest.mark.parametrize(
    ("search", "trials"),
    [
        ({}, 24),
        ({"search": {"method": "Random"}}, 24),
        ({"search": {"method": "Grid"}, "parameters": [*FINITE]}, 24),
        ({"parameters": [*FINITE]}, 24),
        ({"search": {"method": "None"}}, 1),
    ],
)
def test_a_search_of_many_at_once_is_found_again(search: dict[str, Any], trials: int) -> None:
    made = document(**search)
    ledger = searched(made, trials)
    assert sum(isinstance(event, Created) for event in ledger) == min(trials, 16) if "parameters" in search else trials
    assert replay(made, encode(ledger)) == []


def test_the_first_ones_too() -> None:
    assert replay(SEARCH, encode(LEDGER)) == []


def changed(trial: int, **parameters: str) -> list[Event]:
    return [
        Created(event.trial, {**event.parameters, **parameters}, event.known)
        if isinstance(event, Created) and event.trial == trial
        else event
        for event in LEDGER
    ]


def test_tells_which_differ() -> None:
    found = replay(SEARCH, encode(changed(29, rate="0.05")))
    assert [one.trial for one in found] == [29]
    assert found[0].had["rate"] == "0.05"
    assert "trial 29 had " in str(found[0])
    assert "rate 0.05" in str(found[0])
    assert str(Difference(3, {}, None)) == "trial 3 had no parameters; suggested again: nothing"


def test_a_search_with_another_seed_is_another_one() -> None:
    other = {**SEARCH, "spec": {**SEARCH["spec"], "search": {"method": "TPE", "seed": 8, "startupTrials": 5}}}
    assert [one.trial for one in replay(other, encode(LEDGER))] == list(range(3, 30))


@pytest.mark.parametrize(
    ("made", "data", "said"),
    [
        (SEARCH, "", "is empty or damaged: it must tell of the trials 0, 1, … in this order"),
        (SEARCH, encode(LEDGER[1:]), "is empty or damaged"),
        (SEARCH, encode(LEDGER[:1] + LEDGER[20:]), "is empty or damaged"),
        (SEARCH, encode([Created(0, {}, 7)]), "is empty or damaged"),
        (SEARCH, "%", "found 0 readable events"),
        ({"kind": "List"}, "", "must be epochal.dev/v1alpha1, kind Experiment; found None, kind List"),
        (None, "", "must be an Experiment, found NoneType"),
    ],
)
def test_says_what_it_cannot_replay(made: Any, data: str, said: str) -> None:
    with pytest.raises(NothingToReplay) as found:
        replay(made, data)
    assert said in str(found.value)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (
            [SEARCH],
            "must hold one ExperimentLedger, found Experiment: kubectl get experiment/NAME experimentledger/NAME",
        ),
        ([{"kind": "List", "items": None}], "must hold one Experiment, found List"),
        ([printed(SEARCH, LEDGER), SEARCH], "must hold one Experiment, found Experiment, ExperimentLedger, Experiment"),
        ([None, "text"], "must hold one Experiment, found no object"),
    ],
)
def test_says_which_object_a_file_lacks(file: list[Any], said: str) -> None:
    with pytest.raises(NothingToReplay) as found:
        read(yaml.safe_dump_all(file))
    assert said in str(found.value)


def test_both_objects_may_follow_one_another() -> None:
    both = printed(SEARCH, LEDGER)
    assert read(yaml.safe_dump_all(both["items"])) == read(yaml.safe_dump(both)) == (SEARCH, encode(LEDGER))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(yaml.safe_dump(printed(SEARCH, LEDGER)))
    assert main([str(file)]) is None
    file.write_text(yaml.safe_dump(printed(SEARCH, changed(29, rate="0.05"))))
    assert main([str(file)]) == "1 suggestions differ"
    assert capsys.readouterr().out.startswith("trial 29 had ")
    file.write_text("[")
    assert (main([str(file)]) or "").startswith(f"{file}: while parsing")
    assert "No such file" in (main([str(tmp_path / "none.yaml")]) or "")


def test_the_operator_has_the_command(tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(yaml.safe_dump(printed(SEARCH, LEDGER)))
    command = [sys.executable, "-m", "epochal_operator", "replay"]
    run = subprocess.run(
        [*command, str(file)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONHASHSEED": "99"},
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    file.write_text(yaml.safe_dump(SEARCH))
    run = subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "must hold one ExperimentLedger" in run.stderr
