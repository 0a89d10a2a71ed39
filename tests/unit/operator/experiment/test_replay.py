"""The replay of a search from an Experiment and its ledger."""

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
from epochal_operator.experiment.replay import Difference, NothingToReplay, Replay, main, read, replay
from epochal_operator.experiment.search.build_request import build_request
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
            response = suggest(build_request(spec, template, ledger, numbers))
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
def test_a_parallel_search_is_repeated(search: dict[str, Any], trials: int) -> None:
    made = document(**search)
    ledger = searched(made, trials)
    assert sum(isinstance(event, Created) for event in ledger) == min(trials, 16) if "parameters" in search else trials
    assert replay(made, encode(ledger)).differences == ()


def test_initial_trials_are_repeated() -> None:
    assert replay(SEARCH, encode(LEDGER)) == Replay(30, ())


def test_a_skipped_number_is_no_damage() -> None:
    request = build_request(parse(SEARCH).spec, SEARCH["spec"]["template"]["spec"], [], [0, 1, 3])
    ledger = [Created(one.trial, one.parameters, 0) for one in suggest(request).suggestions]
    assert replay(SEARCH, encode(ledger)) == Replay(3, ())
    with pytest.raises(NothingToReplay, match="ascending order"):
        replay(SEARCH, encode(ledger[::-1]))


def changed(trial: int, **parameters: str) -> list[Event]:
    return [
        Created(event.trial, {**event.parameters, **parameters}, event.known_events)
        if isinstance(event, Created) and event.trial == trial
        else event
        for event in LEDGER
    ]


def test_differences() -> None:
    found = replay(SEARCH, encode(changed(29, rate="0.05"))).differences
    assert [one.trial for one in found] == [29]
    assert found[0].recorded["rate"] == "0.05"
    assert "trial 29 has " in str(found[0])
    assert "rate 0.05" in str(found[0])
    assert str(Difference(3, {}, None)) == "trial 3 has no parameters; suggested today: nothing"


def test_another_seed_changes_all_suggestions() -> None:
    other = {**SEARCH, "spec": {**SEARCH["spec"], "search": {"method": "TPE", "seed": 8, "startupTrials": 5}}}
    assert [one.trial for one in replay(other, encode(LEDGER)).differences] == list(range(3, 30))


@pytest.mark.parametrize(
    ("made", "data", "message"),
    [
        (SEARCH, "", "is empty or damaged: it must have trials in ascending order"),
        (SEARCH, encode(LEDGER[1:]), "is empty or damaged"),
        (SEARCH, encode(LEDGER[:1] + LEDGER[20:]), "is empty or damaged"),
        (SEARCH, encode([Created(0, {}, 7)]), "is empty or damaged"),
        (SEARCH, "%", "found 0 readable events"),
        ({"kind": "List"}, "", "must be epochal.dev/v1alpha1, kind Experiment; found None, kind List"),
        (None, "", "must be an Experiment, found NoneType"),
    ],
)
def test_inputs_without_a_search(made: Any, data: str, message: str) -> None:
    with pytest.raises(NothingToReplay) as found:
        replay(made, data)
    assert message in str(found.value)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            [SEARCH],
            "must contain one ExperimentLedger, found Experiment: kubectl get experiment/NAME experimentledger/NAME",
        ),
        ([{"kind": "List", "items": None}], "must contain one Experiment, found List"),
        (
            [printed(SEARCH, LEDGER), SEARCH],
            "must contain one Experiment, found Experiment, ExperimentLedger, Experiment",
        ),
        ([None, "text"], "must contain one Experiment, found no object"),
    ],
)
def test_files_without_both_objects(file: list[Any], message: str) -> None:
    with pytest.raises(NothingToReplay) as found:
        read(yaml.safe_dump_all(file))
    assert message in str(found.value)


def test_both_objects_may_be_separate_documents() -> None:
    both = printed(SEARCH, LEDGER)
    assert read(yaml.safe_dump_all(both["items"])) == read(yaml.safe_dump(both)) == (SEARCH, encode(LEDGER))


def test_one_suggestion_is_counted_as_one() -> None:
    assert str(Replay(1, ())) == "1 suggestion is the same"


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(yaml.safe_dump(printed(SEARCH, LEDGER)))
    assert main([str(file)]) is None
    assert capsys.readouterr().out == f"{file}: 30 suggestions are the same\n"
    file.write_text(yaml.safe_dump(printed(SEARCH, changed(29, rate="0.05"))))
    assert main([str(file)]) == "1 of 30 suggestions are different"
    assert capsys.readouterr().out.startswith("trial 29 has ")
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
    assert (run.returncode, run.stdout, run.stderr) == (0, f"{file}: 30 suggestions are the same\n", "")


def test_the_command_fails_without_a_ledger(tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(yaml.safe_dump(SEARCH))
    command = [sys.executable, "-m", "epochal_operator.experiment.replay"]  # which starts in half of the time
    run = subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "must contain one ExperimentLedger" in run.stderr
