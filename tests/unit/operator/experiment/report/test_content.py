"""What is reported of an Experiment."""

from hashlib import sha512
from typing import Any
from uuid import UUID

import pytest
from epochal_api.experiment.report import decode
from epochal_api.trainingjob.spec import parse
from epochal_operator.experiment.ledger.encoding import MAX_TEXT as MAX_LEDGER
from epochal_operator.experiment.ledger.encoding import encode as ledger_text
from epochal_operator.experiment.ledger.events import Dropped, Event, Finished
from epochal_operator.experiment.ledger.trials import fold
from epochal_operator.experiment.report.content import best_job, bounded, content, freed
from epochal_operator.experiment.trial import best

from tests.unit.operator.experiment.searches import created, diverged, failed, finished, spec, started
from tests.unit.operator.experiment.spaces import RATE, UID, document, experiment

OWN = {"rate": "0.001", "units": "32", "optimizer": "Adam"}
OTHER = {"rate": "0.01", "units": "64", "optimizer": "SGD", "momentum": "0.7"}
LEDGER: list[Event] = [
    created(0, OWN),
    started(0),
    created(1, OTHER),
    started(1),
    finished(0, "0.9"),
    finished(1, "0.95"),
    started(1, 1),
]


def gone(*events: Event, **changes: Any) -> dict[int, list[str]]:
    """Returns the uids whose checkpoints may go, by trial."""
    searched = spec(**changes)
    trials = fold(events)
    kept = next(iter(best(trials, maximize=True)), None)
    found = freed(searched, trials, events, kept=kept)
    return {number: [uid for _, uid in rungs] for number, rungs in found.items() if rungs}


BEST: tuple[Event, ...] = (created(9), started(9), finished(9, "0.99"))
"""Another trial, the best."""


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([created(1)], []),
        ([created(1), started(1)], []),
        ([created(1), started(1), finished(1, "0.5")], []),
        ([created(1), started(1), finished(1, "0.5"), started(1, 1)], []),
        ([created(1), started(1), finished(1, "0.5"), started(1, 1), finished(1, "0.6", 1)], ["uid-1-0"]),
        ([created(1), started(1, uid="lost"), started(1), finished(1, "0.5")], ["lost"]),
        ([created(1), started(1), finished(1, "0.5"), started(1, 1, uid="lost"), started(1, 1)], []),
        ([created(1), started(1), finished(1, "0.5"), Dropped(1)], ["uid-1-0"]),
        ([created(1), started(1), failed(1)], []),
        ([created(1), started(1), failed(1), Dropped(1)], ["uid-1-0"]),
        (
            [created(1), started(1), finished(1, "0.5"), started(1, 1), diverged(1, 1), Dropped(1)],
            ["uid-1-0", "uid-1-1"],
        ),
        ([created(1), failed(1, reason="Rejected")], []),
    ],
)
def test_whose_checkpoints_may_go(events: list[Event], expected: list[str]) -> None:
    assert gone(*BEST, *events).get(1, []) == expected
    assert gone(*BEST, *events, retain="All") == {}


def test_a_rung_is_needed_until_the_next_one_has_finished() -> None:
    """Whose TrainingJob is deleted by hand is begun again, and goes on from there."""
    events: list[Event] = [created(1), started(1), finished(1, "0.5"), started(1, 1), finished(1, "0.6", 1)]
    assert gone(*BEST, *events, started(1, 2)) == {1: ["uid-1-0"]}


def test_the_best_keeps_its_last_rung_whatever_is_said_of_it() -> None:
    events: list[Event] = [created(1), started(1), finished(1, "0.5"), started(1, 1), finished(1, "0.6", 1)]
    assert gone(*events, Dropped(1)) == {1: ["uid-1-0"]}


def reported(events: list[Event], **changes: Any) -> Any:
    whole = document(**changes)
    return content(whole, experiment(**changes).spec, events, "https://minio.minio.svc:9000")


def test_what_is_reported() -> None:
    found = reported([*LEDGER, created(2, OTHER), started(2), failed(2)])
    assert (found.namespace, found.name, found.uid) == ("vision", "digits", UID)
    assert (found.metric, found.goal, found.best) == ("accuracy", "Maximize", 1)
    assert {axis.name: (axis.log, axis.values) for axis in found.axes} == {
        "momentum": (False, None),
        "rate": (True, None),
        "units": (False, None),
        "optimizer": (False, ["Adam", "SGD"]),
    }
    first, second, third = found.trials
    assert (first.number, first.state, first.parameters, first.value) == (0, "Paused", OWN, "0.9")
    assert (second.state, second.rungs[0].uid) == ("Running", "uid-1-0")
    assert (third.state, third.value, third.failed.rung, third.failed.uid) == ("Failed", None, 0, "uid-2-0")
    assert decode(bounded(found)) == found


def test_the_endpoint_is_the_installations_unless_the_template_names_one() -> None:
    assert reported(LEDGER).storage.endpoint == "https://minio.minio.svc:9000"
    template = document()["spec"]["template"]["spec"]
    template["storage"]["endpoint"] = "http://own:9000"
    assert reported(LEDGER, template=template).storage.endpoint == "http://own:9000"


def test_what_each_parameter_matters_is_what_the_status_says() -> None:
    whole = document() | {"status": {"importance": {"rate": "0.71"}, "later": "unknown"}}
    found = content(whole, experiment().spec, LEDGER, None)
    assert found.importance == {"rate": "0.71"}


def test_what_somebody_wrote_into_the_status_is_no_reason_to_fail_either() -> None:
    whole = document() | {"status": {"importance": {"rate": "0.7\n1", "other\n": "0.3", "units": "\x1b"}}}
    assert content(whole, experiment().spec, LEDGER, None).importance == {"rate": "0.7 1", "units": ""}


def test_as_long_as_nothing_is_worth_anything_there_is_no_best() -> None:
    found = reported([created(0), started(0)])
    assert (found.best, found.job) == (None, None)
    assert reported([]).trials == []


def test_the_best_is_a_trainingjob_ready_to_apply() -> None:
    whole, searched = document(), experiment().spec
    (top, *_) = best(fold(LEDGER), maximize=True)
    made = best_job(whole, searched, top)
    assert made["metadata"] == {"name": "digits-best", "namespace": "vision", "labels": {"team": "vision"}}
    training = parse(made).spec.training
    assert made["spec"]["network"]["layers"][1]["units"] == 64
    assert made["spec"]["training"]["optimizer"] == {"name": "SGD", "learning_rate": 0.01, "momentum": 0.7}
    assert training.monitor is not None
    assert (training.monitor.metric, training.monitor.mode, training.epochs) == ("accuracy", "Max", 9)
    assert training.stop_after_epoch is None
    assert training.continue_from is None
    assert "suspend" not in made["spec"]


@pytest.mark.parametrize(
    "odd",
    [
        [created(10**17, OWN), finished(10**17, "0.99")],
        [created(10**16, OWN), started(10**16), finished(10**16, "0.99")],
        [created(7, OWN), Finished(7, 0, 1, "0.99", "u" * 999, 60, ended=False)],
        [created(7, OWN), Finished(7, 0, 1, "0.99", "../../other", 60, ended=False)],
        [created(7, OWN), Finished(7, 0, 10**99, "0.99", "u", 60, ended=False)],
    ],
)
def test_what_somebody_wrote_into_the_ledger_is_no_reason_to_fail(odd: list[Event]) -> None:
    found = reported([*odd, *LEDGER])
    assert [one.number for one in found.trials] == [0, 1]
    assert (found.best, found.omitted) == (1, 1)


def test_a_trial_is_reported_of_which_a_rung_was_gone_before_it_was_known() -> None:
    """As where the ledger was lost, and TrainingJobs of lower rungs are not there any more."""
    lost = Finished(0, 0, 1, None, "", 0, ended=False)
    found = reported([created(0, OWN), lost, started(0, 1), finished(0, "0.9", 1)])
    assert (found.omitted, found.best) == (0, 0)
    assert [rung.uid for rung in found.trials[0].rungs] == [None, "uid-0-1"]
    assert decode(bounded(found)) == found


def test_values_are_those_of_parameters_and_fit_into_a_line() -> None:
    odd = {"rate": "0.001\n\x1b[31m", "units": "x" * 9999, "other" * 99: "text"}
    (trial,) = reported([created(0, odd)]).trials
    assert trial.parameters == {"rate": "0.001 [31m", "units": "x" * 256}


def test_all_that_a_ledger_has_room_for_fits_into_128_kib() -> None:
    names = [f"parameter{number}" for number in range(20)]
    searched = [{**RATE, "name": name} for name in names]
    events: list[Event] = []
    for number in range(870):
        digits = sha512(str(number).encode()).digest()
        rungs = 1 + sum(digits[0] < most for most in (85, 28, 9))
        values = {name: f"0.{int.from_bytes(digits[at : at + 4]) % 10**6:06}" for at, name in enumerate(names)}
        events.append(created(number, values))
        for rung in range(rungs):
            uid = str(UUID(bytes=digits[32 + 8 * rung :][:16].ljust(16, digits[:1])))
            worth = f"0.{int.from_bytes(digits[20 + rung : 26 + rung]) % 10**10:010}"
            told = Finished(number, rung, 3**rung, worth, uid, digits[40 + rung], ended=False)
            events += [started(number, rung, uid=uid), told]
        events += [Dropped(number)] if rungs == 1 else []
    assert len(ledger_text(events)) > 0.95 * MAX_LEDGER
    text = bounded(reported(events, parameters=searched))
    assert len(text) <= 128 * 1024
    assert len(decode(text).trials) == 870, "and none is left out"


def test_where_there_is_no_room_the_worst_are_left_out() -> None:
    events: list[Event] = [
        one
        for number in range(64)
        for one in (created(number, OWN), started(number), finished(number, f"0.{number + 10}"))
    ]
    whole = reported(events)
    cut = decode(bounded(whole, most=len(bounded(whole)) * 2 // 3))
    assert cut.omitted == 64 - len(cut.trials) > 0
    assert [one.number for one in cut.trials] == list(range(cut.omitted, 64))
    assert cut.best == 63
    assert cut.job is not None
    nearly = decode(bounded(whole, most=len(bounded(whole)) - 1))
    assert nearly.omitted < 8, "no more than must be"


def test_where_a_template_leaves_no_room_for_trials_it_is_left_out_itself() -> None:
    found = reported(LEDGER)
    long = found.model_copy(update={"job": {"spec": [sha512(bytes([one])).hexdigest() for one in range(99)]}})
    short = decode(bounded(long, most=len(bounded(found))))
    assert short.job is None
    assert (short.trials, short.best) == (found.trials, found.best)
