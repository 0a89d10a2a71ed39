"""The content of the report of an Experiment."""

from hashlib import sha512
from typing import Any
from uuid import UUID

import pytest
from epochal_api.experiment.report import decode
from epochal_api.trainingjob.spec import TrainingJobSpec, parse
from epochal_operator.experiment.ledger.encoding import MAX_LEDGER_BYTES as MAX_LEDGER
from epochal_operator.experiment.ledger.encoding import encode as ledger_text
from epochal_operator.experiment.ledger.events import CheckpointsUnneeded, Event, Finished
from epochal_operator.experiment.ledger.trials import apply_events
from epochal_operator.experiment.report.content import best_job, build_report, encode_bounded, unneeded_checkpoints
from epochal_operator.experiment.trial import rank_trials

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
    """Returns the uids of unneeded checkpoints, by trial."""
    searched = spec(**changes)
    trials = apply_events(events)
    kept = next(iter(rank_trials(trials, maximize=True)), None)
    found = unneeded_checkpoints(searched, trials, events, kept=kept)
    return {number: [uid for _, uid in rungs] for number, rungs in found.items() if rungs}


BEST: tuple[Event, ...] = (created(9), started(9), finished(9, "0.99"))
"""The events of the best trial."""


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
        ([created(1), started(1), finished(1, "0.5"), CheckpointsUnneeded(1)], ["uid-1-0"]),
        ([created(1), started(1), failed(1)], []),
        ([created(1), started(1), failed(1), CheckpointsUnneeded(1)], ["uid-1-0"]),
        (
            [created(1), started(1), finished(1, "0.5"), started(1, 1), diverged(1, 1), CheckpointsUnneeded(1)],
            ["uid-1-0", "uid-1-1"],
        ),
        ([created(1), failed(1, reason="Rejected")], []),
    ],
)
def test_unneeded_checkpoints(events: list[Event], expected: list[str]) -> None:
    assert gone(*BEST, *events).get(1, []) == expected
    assert gone(*BEST, *events, retain="All") == {}


def test_a_rung_is_needed_until_the_next_rung_finishes() -> None:
    """A deleted TrainingJob starts again from this checkpoint."""
    events: list[Event] = [created(1), started(1), finished(1, "0.5"), started(1, 1), finished(1, "0.6", 1)]
    assert gone(*BEST, *events, started(1, 2)) == {1: ["uid-1-0"]}


def test_the_best_trial_keeps_its_last_rung_after_a_drop() -> None:
    events: list[Event] = [created(1), started(1), finished(1, "0.5"), started(1, 1), finished(1, "0.6", 1)]
    assert gone(*events, CheckpointsUnneeded(1)) == {1: ["uid-1-0"]}


def reported(events: list[Event], **changes: Any) -> Any:
    whole = document(**changes)
    return build_report(whole, experiment(**changes).spec, events, "https://minio.minio.svc:9000")


def test_content_of_the_report() -> None:
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
    assert decode(encode_bounded(found)) == found


def test_the_template_overrides_the_default_endpoint() -> None:
    assert reported(LEDGER).storage.endpoint == "https://minio.minio.svc:9000"
    template = document()["spec"]["template"]["spec"]
    template["storage"]["endpoint"] = "http://own:9000"
    assert reported(LEDGER, template=template).storage.endpoint == "http://own:9000"


def test_importances_come_from_the_status() -> None:
    whole = document() | {"status": {"importance": {"rate": "0.71"}, "later": "unknown"}}
    found = build_report(whole, experiment().spec, LEDGER, None)
    assert found.importance == {"rate": "0.71"}


def test_control_characters_in_the_status_are_removed() -> None:
    whole = document() | {"status": {"importance": {"rate": "0.7\n1", "other\n": "0.3", "units": "\x1b"}}}
    assert build_report(whole, experiment().spec, LEDGER, None).importance == {"rate": "0.7 1", "units": ""}


def test_no_best_trial_without_values() -> None:
    found = reported([created(0), started(0)])
    assert (found.best, found.job) == (None, None)
    assert reported([]).trials == []


def test_the_best_training_job_can_be_applied() -> None:
    whole, searched = document(), experiment().spec
    (top, *_) = rank_trials(apply_events(LEDGER), maximize=True)
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


def test_the_best_training_job_is_concise() -> None:
    """The API server sorts fields by name and stores the defaults."""
    whole = document()
    template = whole["spec"]["template"]["spec"]
    whole["spec"]["template"]["spec"] = dict(
        sorted((TrainingJobSpec.model_validate(template).model_dump(mode="json") | template).items())
    )
    template = whole["spec"]["template"]["spec"]
    template["network"]["layers"] = [dict(sorted(layer.items())) for layer in template["network"]["layers"]]
    template["training"] = dict(sorted((template["training"] | {"stallSeconds": 600, "callbacks": []}).items()))
    made = best_job(whole, experiment().spec, rank_trials(apply_events(LEDGER), maximize=True)[0])
    assert list(made) == ["apiVersion", "kind", "metadata", "spec"]
    assert list(made["spec"]) == ["storage", "data", "network", "training", "results"]
    assert [next(iter(layer)) for layer in made["spec"]["network"]["layers"]] == ["layer"] * 3
    assert made["spec"]["network"]["layers"][1] == {
        "layer": "Dense", "name": "hidden", "units": 64, "bias_initializer": None
    }  # fmt: skip
    training = made["spec"]["training"]
    assert list(training) == ["epochs", "optimizer", "loss", "metrics", "monitor"]
    assert (training["loss"], training["metrics"]) == ("SparseCategoricalCrossentropy", ["accuracy"])
    assert parse(made).spec == parse(best_job(document(), experiment().spec, apply_events(LEDGER)[1])).spec


@pytest.mark.parametrize(
    "odd",
    [
        [created(10**17, OWN), finished(10**17, "0.99")],
        [created(10**16, OWN), started(10**16), finished(10**16, "0.99")],
        [created(7, OWN), Finished(7, 0, 1, "0.99", "u" * 999, 60, is_last=False)],
        [created(7, OWN), Finished(7, 0, 1, "0.99", "../../other", 60, is_last=False)],
        [created(7, OWN), Finished(7, 0, 10**99, "0.99", "u", 60, is_last=False)],
    ],
)
def test_invalid_trials_in_the_ledger_are_omitted(odd: list[Event]) -> None:
    found = reported([*odd, *LEDGER])
    assert [one.number for one in found.trials] == [0, 1]
    assert (found.best, found.omitted) == (1, 1)


def test_a_trial_with_a_lost_rung_is_reported() -> None:
    lost = Finished(0, 0, 1, None, "", 0, is_last=False)
    found = reported([created(0, OWN), lost, started(0, 1), finished(0, "0.9", 1)])
    assert (found.omitted, found.best) == (0, 0)
    assert [rung.uid for rung in found.trials[0].rungs] == [None, "uid-0-1"]
    assert decode(encode_bounded(found)) == found


def test_values_are_single_lines() -> None:
    odd = {"rate": "0.001\n\x1b[31m", "units": "x" * 9999, "other" * 99: "text"}
    (trial,) = reported([created(0, odd)]).trials
    assert trial.parameters == {"rate": "0.001 [31m", "units": "x" * 256}


def test_the_report_of_a_full_ledger_fits_into_128_kib() -> None:
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
            value_epoch = 1 + digits[50 + rung] % 3**rung
            told = Finished(
                number, rung, 3**rung, worth, uid, digits[40 + rung], is_last=False, value_epoch=value_epoch
            )
            events += [started(number, rung, uid=uid), told]
        events += [CheckpointsUnneeded(number)] if rungs == 1 else []
    assert len(ledger_text(events)) > 0.95 * MAX_LEDGER
    text = encode_bounded(reported(events, parameters=searched))
    assert len(text) <= 128 * 1024
    assert len(decode(text).trials) == 870, "no trial is omitted"


def test_the_worst_trials_are_omitted_for_space() -> None:
    events: list[Event] = [
        one
        for number in range(64)
        for one in (created(number, OWN), started(number), finished(number, f"0.{number + 10}"))
    ]
    whole = reported(events)
    cut = decode(encode_bounded(whole, max_bytes=len(encode_bounded(whole)) * 2 // 3))
    assert cut.omitted == 64 - len(cut.trials) > 0
    assert [one.number for one in cut.trials] == list(range(cut.omitted, 64))
    assert cut.best == 63
    assert cut.job is not None
    nearly = decode(encode_bounded(whole, max_bytes=len(encode_bounded(whole)) - 1))
    assert nearly.omitted < 8, "few trials are omitted"


def test_a_too_large_best_job_is_omitted() -> None:
    found = reported(LEDGER)
    long = found.model_copy(update={"job": {"spec": [sha512(bytes([one])).hexdigest() for one in range(99)]}})
    short = decode(encode_bounded(long, max_bytes=len(encode_bounded(found))))
    assert short.job is None
    assert (short.trials, short.best) == (found.trials, found.best)
