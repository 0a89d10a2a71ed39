"""The status fields from reports."""

import json
import math
import re
import tracemalloc
from bisect import bisect_right
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from epochal_api.trainingjob.status import MAX_WARNINGS, ReportedStatus, Status
from epochal_operator.runtime.cache_transform import MAX_LABELS
from epochal_operator.runtime.kind import store_for
from epochal_operator.trainingjob.progress.reported_status import (
    final_status,
    format_duration,
    is_finished_early,
    reached_epoch,
    reported_status,
)
from epochal_operator.trainingjob.progress.stored_results import MAX_URI_BYTES, MAX_URI_SIZE
from epochal_operator.trainingjob.resources import TRAINING_JOBS
from epochal_operator.trainingjob.status.status import derive_status as status_of
from epochal_operator.trainingjob.status.status import status_of_refused_spec
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operator.objects import (
    KIND,
    NOW,
    at,
    child,
    document,
    failed,
    read,
    report,
    required,
    running,
    seen,
    training_job,
    true,
)


def test_status_of_a_report() -> None:
    status = reported_status(report(), NOW).dump()
    assert status == {
        "progress": {
            "attempt": 1,
            "sequence": 5,
            "stage": "Training",
            "epoch": 3,
            "epochs": 10,
            "step": 210,
            "stepsPerEpoch": 700,
            "percent": 33,
            "secondsPerEpoch": "15.21",
            "estimatedCompletionTime": "2026-11-25T12:01:45Z",
            "lastReportTime": "2026-11-25T12:00:00Z",
            "metricNames": ["loss", "val_loss"],
        },
        "metrics": {"loss": "0.0368123", "val_loss": "0.0436"},
        "best": {"epoch": 2, "metric": "val_loss", "value": "0.0436"},
        "display": {"epoch": "3/10", "metric": "val_loss 0.0436", "eta": "1m45s"},
    }


@pytest.mark.parametrize(
    ("changes", "percent"),
    [
        ({"epoch": 0, "step": 0}, 0),
        ({"epoch": 0, "step": 69}, 0),
        ({"epoch": 0, "step": 70}, 1),
        ({"epoch": 9, "step": 699}, 99),
        ({"epoch": 10, "step": 0}, 100),
        ({"epoch": 3, "stepsPerEpoch": 0}, 30),
        ({"epoch": 4, "stage": "Storing"}, 100),
        ({"epoch": 4, "stage": "Done"}, 100),
        ({"epochs": 0, "stepsPerEpoch": 0}, 0),
    ],
)
def test_percent(changes: dict[str, object], percent: int) -> None:
    assert required(reported_status(report(**changes), NOW).progress).percent == percent


@pytest.mark.parametrize(
    ("metrics", "shown"),
    [
        (None, None),
        ({}, None),
        ({"accuracy": 0.5, "loss": 1.25}, "loss 1.25"),
        ({"loss": 1.25, "val_loss": 123456.7}, "val_loss 1.235e+05"),
        ({"accuracy": 0.98765}, "accuracy 0.9877"),
        ({"loss": math.nan}, "loss nan"),
    ],
)
def test_displayed_metric(metrics: dict[str, float] | None, shown: str | None) -> None:
    assert required(reported_status(report(metrics=metrics), NOW).display).metric == shown


@pytest.mark.parametrize(
    ("monitored", "metrics", "shown"),
    [
        ("val_accuracy", {"loss": 1.0, "val_loss": 2.0, "val_accuracy": 0.5}, "val_accuracy 0.5"),
        ("val_accuracy", {"loss": 1.0, "val_loss": 2.0}, "val_loss 2"),
        ("loss", {"loss": 1.0, "val_loss": 2.0}, "loss 1"),
    ],
)
def test_monitored_metric_is_displayed(monitored: str, metrics: dict[str, float], shown: str) -> None:
    best = {"epoch": 2, "metric": monitored, "mode": "Max", "value": 0.75}
    status = reported_status(report(metrics=metrics, best=best), NOW)
    assert required(status.display).metric == shown
    loads = report(**FRESH | {"stage": "Loading"})
    assert required(reported_status(loads, NOW, status).display).metric == shown


@pytest.mark.parametrize(("stage", "shown"), [("Loading", "LoadingData"), ("Training", None), ("Storing", None)])
def test_a_step_of_the_start_is_shown_while_the_trainer_loads(stage: str, shown: str | None) -> None:
    status = reported_status(report(stage=stage, start_stage="LoadingData"), NOW)
    assert required(status.progress).start_stage == shown
    assert report(start_stage="Dreaming").start_stage is None, "a step of another version"


def test_best_epoch_contains_the_mode() -> None:
    best = {"epoch": 2, "metric": "val_loss", "mode": "Max", "value": 0.75}
    assert reported_status(report(best=best), NOW).dump()["best"] == best | {"value": "0.75"}


def test_monitored_metric_is_kept_beyond_the_limit() -> None:
    figures = {f"m{number:02}{'n' * 40}": 1.0 for number in range(63)} | {"zz": 0.5}
    status = reported_status(report(metrics=figures, best={"epoch": 1, "metric": "zz", "value": 0.5}), NOW)
    assert status.best is not None
    assert (status.metrics or {})["zz"] == "0.5"


DIGEST = "0" * 64
MODELS = [
    {"name": "model.keras", "epoch": 10, "sha256": DIGEST},
    {"name": "best.keras", "epoch": 2, "sha256": DIGEST, "test": {"loss": 0.5, "unheard_of": 1.0}},
]


@pytest.mark.parametrize("uri", ["s3://results/a/", "s3://results/a"])
def test_uris_of_models(uri: str) -> None:
    newest = report(artifacts={"uri": uri}, models=MODELS, test={"loss": 0.25})
    results = reported_status(newest, NOW).dump()["results"]
    assert results["models"] == [
        {"name": "model.keras", "uri": "s3://results/a/model.keras", "epoch": 10, "sha256": DIGEST},
        {
            "name": "best.keras",
            "uri": "s3://results/a/best.keras",
            "epoch": 2,
            "sha256": DIGEST,
            "test": {"loss": "0.5"},
        },
    ]


@pytest.mark.parametrize("models", [None, []])
def test_report_without_models(models: list[Any] | None) -> None:
    results = reported_status(report(artifacts=ARTIFACTS, models=models), NOW).dump()["results"]
    assert results == ARTIFACTS
    assert "results" not in reported_status(report(models=MODELS), NOW).dump()  # which lie nowhere


def test_uris_of_models_have_priority_over_their_metrics() -> None:
    figures = {f"m{number:02}{'n' * 20}": 1.0 for number in range(30)}
    models = [{**MODELS[0], "name": f"{name}.keras", "test": figures} for name in "ab"]
    newest = report(artifacts={"uri": f"s3://results/{'f' * 600}/"}, models=models, test=figures)
    results = required(reported_status(newest, NOW).results)
    assert [(one.name, one.test is not None) for one in results.models or []] == [("a.keras", True), ("b.keras", False)]


def test_duplicate_models_and_long_uris_are_omitted() -> None:
    twice = report(artifacts=ARTIFACTS, models=[MODELS[0], {**MODELS[0], "epoch": 3}])
    assert [one.epoch for one in required(reported_status(twice, NOW).results).models or []] == [3]
    far = required(
        reported_status(report(artifacts={"uri": "s3://" + "n" * (MAX_URI_BYTES - 8)}, models=MODELS), NOW).results
    )
    assert far.models is None


EXPORT: dict[str, Any] = {
    "reason": "Exported",
    "message": "as Keras does",
    "exports": [
        {"name": "model.onnx", "model": "Last", "format": "onnx", "sha256": DIGEST, "difference": 1.23456e-07},
        {"name": "model.savedmodel.zip", "model": "Last", "format": "savedmodel", "sha256": DIGEST},
    ],
    "signature": DIGEST,
}


def test_exports() -> None:
    results = reported_status(report(artifacts=ARTIFACTS, models=MODELS[:1], export=EXPORT), NOW).dump()["results"]
    folder = ARTIFACTS["uri"].rstrip("/")
    first, second = results["exports"]
    assert first == {
        "name": "model.onnx",
        "model": "Last",
        "format": "onnx",
        "uri": f"{folder}/model.onnx",
        "sha256": DIGEST,
        "difference": "1.2e-07",
    }
    assert (second["name"], "difference" in second) == ("model.savedmodel.zip", False)
    assert results["signature"] == {"uri": f"{folder}/signature.json", "sha256": DIGEST}
    assert results["export"] == {"reason": "Exported", "message": "as Keras does"}


@pytest.mark.parametrize("reported", [{}, {"export": {"reason": "ExportFailed", "message": "killed"}}])
def test_signature_is_independent_of_exports(reported: dict[str, Any]) -> None:
    results = reported_status(report(artifacts=ARTIFACTS, signature=DIGEST, **reported), NOW).dump()["results"]
    assert results["signature"] == {"uri": f"{ARTIFACTS['uri'].rstrip('/')}/signature.json", "sha256": DIGEST}
    assert results.get("export") == reported.get("export")


def test_exports_with_long_uris_are_bounded() -> None:
    folder = "s3://" + "n" * (MAX_URI_BYTES - 30)
    four = [EXPORT["exports"][0] | {"name": f"{number}.onnx"} for number in range(4)]
    export = EXPORT | {"exports": [*four, *four]}
    assert reported_status(report(artifacts={"uri": folder}, export=export), NOW).dump()["results"] == {"uri": folder}
    results = reported_status(report(artifacts={"uri": folder}, export=EXPORT | {"exports": four}), NOW).dump()
    assert [one["name"] for one in results["results"]["exports"]] == ["0.onnx", "1.onnx", "2.onnx"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.4, "59s"),
        (59.6, "1m"),
        (105, "1m45s"),
        (3600, "1h"),
        (7380, "2h3m"),
        (86400 * 3 + 3600 * 4, "3d4h"),
        (1e300, "36500d"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_huge_estimate_is_a_date() -> None:
    progress = required(reported_status(report(secondsLeft=1e300), NOW).progress)
    assert (progress.estimated_completion_time or "")[:2] == "21"


@pytest.mark.parametrize("stage", ["Storing", "Done"])
def test_no_estimate_after_training(stage: str) -> None:
    status = reported_status(report(stage=stage), NOW).dump()
    assert "eta" not in status["display"]
    assert "estimatedCompletionTime" not in status["progress"]


def test_final_status_has_no_estimates() -> None:
    status = reported_status(report(), NOW)
    expected = status.dump()
    del expected["display"]["eta"], expected["progress"]["estimatedCompletionTime"]
    assert final_status(status).dump() == expected


WAITING = {"reason": "EndpointUnreachable", "message": "no answer", "since": "2026-11-25T13:00:00+02:00"}


def test_waiting_cause_is_removed_at_its_end() -> None:
    waits = reported_status(report(waiting=WAITING), NOW)
    assert required(required(waits.progress).waiting).dump() == WAITING | {"since": "2026-11-25T11:00:00Z"}
    for later in (reported_status(report(sequence=6), NOW, waits), final_status(waits)):
        assert required(later.progress).waiting is None


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_implausible_time_becomes_now(since: str) -> None:
    progress = required(reported_status(report(waiting=WAITING | {"since": since}), NOW).progress)
    assert required(progress.waiting).since == "2026-11-25T12:00:00Z"


ARTIFACTS = {"uri": "s3://results/a/"}
SIZE = {"parameters": 7, "layers": 2}
REACHED = reported_status(report(sequence=90, test={"loss": 0.5}, network=SIZE, artifacts=ARTIFACTS), NOW)
FRESH: dict[str, Any] = {"attempt": 2, "sequence": 1, "epoch": 0, "step": 0, "stepsPerEpoch": 0}
FRESH |= dict.fromkeys(("metrics", "best", "secondsPerEpoch", "secondsLeft"))


@pytest.mark.parametrize("attempt", [1, 2])
def test_loading_attempt_keeps_the_reached_position(attempt: int) -> None:
    later = NOW + timedelta(seconds=9)
    status = reported_status(report(**FRESH | {"attempt": attempt, "sequence": 91, "stage": "Loading"}), later, REACHED)
    expected = REACHED.dump()
    del expected["progress"]["estimatedCompletionTime"], expected["display"]["eta"]
    expected["progress"] |= {"stage": "Loading", "attempt": attempt, "sequence": 91}
    expected["progress"]["lastReportTime"] = "2026-11-25T12:00:09Z"
    assert status.dump() == expected


@pytest.mark.parametrize("stage", ["Loading", "Training"])
def test_attempt_without_number_adds_only_its_waiting_cause(stage: str) -> None:
    later = NOW + timedelta(seconds=9)
    fresh = report(**FRESH | {"attempt": 0, "stage": stage, "waiting": WAITING})
    expected = REACHED.dump()
    del expected["progress"]["estimatedCompletionTime"], expected["display"]["eta"]
    expected["progress"] |= {"stage": stage, "lastReportTime": "2026-11-25T12:00:09Z"}
    expected["progress"]["waiting"] = WAITING | {"since": "2026-11-25T11:00:00Z"}
    assert reported_status(fresh, later, REACHED).dump() == expected


def test_first_attempt_waits_without_a_number() -> None:
    first = reported_status(
        report(**FRESH | {"attempt": 0, "stage": "Loading", "waiting": WAITING}), NOW, ReportedStatus()
    )
    assert first.progress is not None
    assert (first.progress.attempt, first.progress.sequence) == (0, 1)
    counted = reported_status(report(**FRESH | {"attempt": 1, "stage": "Loading"}), NOW, first)
    assert counted.progress is not None
    assert (counted.progress.attempt, counted.progress.waiting) == (1, None)


@pytest.mark.parametrize("stage", ["Training", "Storing", "Done"])
def test_training_attempt_replaces_the_position(stage: str) -> None:
    fresh = report(**FRESH | {"stage": stage})
    expected = reported_status(fresh, NOW).dump()
    expected["progress"]["metricNames"] = ["loss", "val_loss"]
    assert reported_status(fresh, NOW, REACHED).dump() == expected


@pytest.mark.parametrize("before", [None, ReportedStatus()])
def test_first_attempt_has_no_previous_position(before: ReportedStatus | None) -> None:
    fresh = report(**FRESH | {"stage": "Loading", "network": SIZE})
    assert reported_status(fresh, NOW, before) == reported_status(fresh, NOW)


def test_loaded_checkpoint_replaces_an_earlier_position() -> None:
    known = reported_status(report(**FRESH | {"stage": "Loading", "network": SIZE}), NOW)
    status = reported_status(report(stage="Loading", sequence=2, attempt=2), NOW, known)
    assert status.progress is not None
    assert (status.progress.epoch, status.progress.step, status.progress.percent) == (3, 210, 33)
    assert status.network == known.network
    assert status.metrics == {"loss": "0.0368123", "val_loss": "0.0436"}


MISSING = {"reason": "MissingClasses", "message": "no nines"}
CHANCE = {"reason": "ChanceLevel", "message": "nothing is learned"}


@pytest.mark.parametrize(
    ("before", "reported", "expected"),
    [
        (None, None, None),
        (None, [MISSING, CHANCE], [MISSING, CHANCE]),
        ([MISSING], None, [MISSING]),
        ([MISSING, CHANCE], [MISSING], [MISSING, CHANCE]),
        ([MISSING], [CHANCE, MISSING | {"message": "no tens"}], [MISSING | {"message": "no tens"}, CHANCE]),
        ([], [MISSING | {"message": "a\x1bb"}], [MISSING | {"message": "a b"}]),
    ],
)
@pytest.mark.parametrize("stage", ["Loading", "Training", "Done"])
def test_warnings_are_kept(before: Any, reported: Any, expected: Any, stage: str) -> None:
    known = reported_status(report(warnings=before, epoch=5), NOW) if before is not None else None
    status = reported_status(report(warnings=reported, stage=stage, attempt=2), NOW, known)
    for one in (status, final_status(status)):
        assert one.dump().get("warnings") == expected


def test_warnings_are_bounded() -> None:
    status = ReportedStatus()
    for attempt in range(1, 6):
        warnings = [{"reason": f"Reason{attempt}{number}", "message": "m" * 512} for number in range(MAX_WARNINGS)]
        status = reported_status(report(warnings=warnings, attempt=attempt), NOW, status)
    assert [one.reason for one in status.warnings or []] == [f"Reason1{number}" for number in range(MAX_WARNINGS)]
    assert Status.model_validate(status.dump()).warnings == status.warnings


COUNT = st.integers(0, 2**53)
FIGURES = st.none() | st.dictionaries(st.text("abc_ é", min_size=1, max_size=9), st.floats(), max_size=4)


@given(
    epoch=COUNT,
    epochs=COUNT,
    step=COUNT,
    stepsPerEpoch=COUNT,
    secondsPerEpoch=st.none() | st.floats(0, allow_infinity=False),
    secondsLeft=st.none() | st.floats(0, allow_infinity=False),
    metrics=FIGURES,
    test=FIGURES,
    stage=st.sampled_from(["Loading", "Training", "Storing", "Done"]),
    waiting=st.none() | st.datetimes(timezones=st.timezones()).map(lambda since: WAITING | {"since": since}),
    before=st.none() | st.just(REACHED),
)
def test_every_report_has_a_valid_status(before: ReportedStatus | None, **values: object) -> None:
    status = reported_status(report(**values), NOW, before)
    assert Status.model_validate(status.dump()) == Status(**dict(status))
    assert 0 <= required(status.progress).percent <= 100


def written(value: Any) -> bytes:
    """Returns JSON as the API server writes it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def size_of_figures(status: ReportedStatus) -> int:
    dumped = status.dump()
    return sum(
        len(written(part))
        for part in (dumped["metrics"], dumped["test"], dumped["progress"].get("metricNames"))
        if part
    )


def names(status: ReportedStatus) -> list[str]:
    return list(status.metrics or {})


def test_later_metrics_are_added() -> None:
    status = reported_status(report(metrics={"loss": 0.5, "accuracy": 0.5}, best=None), NOW)
    status = reported_status(report(metrics=None, attempt=2), NOW, ReportedStatus.model_validate(status.dump()))
    figures = {"loss": 0.5, "val_loss": 0.5, "learning_rate": 0.1}
    status = reported_status(report(metrics=figures), NOW, ReportedStatus.model_validate(status.dump()))
    assert names(status) == ["loss", "val_loss", "learning_rate"]
    assert required(status.progress).metric_names == ["loss", "accuracy", "val_loss", "learning_rate"]
    assert status.best is not None


def test_names_of_an_older_operators_status() -> None:
    before = ReportedStatus.model_validate(
        {"progress": {"epoch": 2}, "metrics": {f"m{number}": "1" for number in range(64)}}
    )
    assert names(reported_status(report(metrics={"m1": 1.0, "other": 1.0}), NOW, before)) == ["m1"]


@given(
    st.lists(
        st.tuples(*[st.dictionaries(st.text('ab_ é漢"<', max_size=128, min_size=1), st.floats(), max_size=64)] * 2),
        min_size=1,
        max_size=4,
    )
)
def test_metrics_take_at_most_8_kib(reported: list[tuple[dict[str, float], ...]]) -> None:
    before, seen = ReportedStatus(), set()
    for metrics, test in reported:
        before = reported_status(report(metrics=metrics, test=test, best=None), NOW, before)
        seen |= {*names(before), *(before.test or {})}
        assert size_of_figures(before) <= 8192
    assert len(seen) <= 64


@pytest.mark.parametrize("filling", ["n" * 124, "n" * 26, "<" * 124, "<", '"' * 9, "漢" * 6])
def test_longest_metrics_fit(filling: str) -> None:
    metrics, test = (
        {f"{filling}{kind}{number:02}": -1.23456e-300 for number in range(63)} | {"loss": -1.23456e-300}
        for kind in ("m", "t")
    )
    status = reported_status(report(metrics=metrics, test=metrics, best=None), NOW)
    assert names(status)[-1] == "loss"
    assert names(status) == list(status.test or {})
    assert size_of_figures(status) <= 8192
    later = reported_status(report(metrics=metrics, test=test, best=None), NOW, status)
    assert later.metrics == status.metrics
    assert len({*names(later), *(later.test or {})}) <= 64
    assert size_of_figures(later) <= 8192


FILLINGS = ["\U0001f600", "<", "\U0001f600" + "a" * 99]
FOLDERS = [MAX_URI_BYTES, MAX_URI_BYTES - len("/model.keras")]
"""Bytes of the longest URI of a folder, without and with models in it."""


@cache
def largest_status(filling: str, folder: int) -> dict[str, Any]:
    """Returns the largest status that a trainer's reports and its failure can cause."""
    text = (filling * 4096).encode()[:4096].decode(errors="ignore")
    metrics, test = ({f"{text[:30]}{kind}{number:02}": -1.23456e-300 for number in range(64)} for kind in ("m", "t"))

    def cut(size: int) -> str:
        return text.encode()[:size].decode(errors="ignore")

    def uri(size: int) -> str:
        return cut(bisect_right(range(size + 1), MAX_URI_SIZE, key=lambda length: len(written(cut(length)))) - 1)

    artifacts = {"uri": uri(folder)} | dict.fromkeys(("model", "log"), uri(MAX_URI_BYTES))
    waiting = WAITING | {"message": text}
    models = [{"name": f"{name}.keras", "epoch": 1, "sha256": DIGEST, "test": test} for name in ("model", *"abcde")]
    warnings = [{"reason": f"{'R' * 126}{number:02}", "message": text[:512]} for number in range(8)]
    exports = [EXPORT["exports"][0] | {"name": f"{number}{'o' * 58}.onnx"[-63:]} for number in range(4)]
    export = {"reason": "R" * 128, "message": text[:512], "exports": exports, "signature": DIGEST}
    full = report(
        metrics=metrics,
        test=test,
        best=None,
        waiting=waiting,
        artifacts=artifacts,
        models=models,
        warnings=warnings,
        export=export,
    )
    largest = reported_status(full, NOW)
    assert required(largest.results).model == artifacts["model"]
    before = largest.dump() | status_of(training_job(largest), seen(child(), running())).dump()
    ended = child(conditions=[true("Failed", "PodFailurePolicy", since=-3)], startTime=at(-60))
    return largest.dump() | status_of(training_job(before), seen(ended, failed(code=2, message=text))).dump()


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("filling", FILLINGS)
def test_status_takes_at_most_144_kib(filling: str, folder: int) -> None:
    assert len(written(largest_status(filling, folder))) <= 144 * 1024


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("filling", FILLINGS)
def test_training_job_takes_at_most_320_kib(filling: str, folder: int) -> None:
    """Its spec, its labels and the message of its refusal are as large as possible."""
    before = largest_status(filling, folder) | {"conditions": []}
    refusal = status_of_refused_spec(training_job().metadata, Status.model_validate(before), filling * 9_000, NOW)
    one = document(before | refusal.dump(), network={"layers": ["a" * 130_000]})
    one["metadata"]["labels"] = {f"{number:02}{'n' * 50}/{'n' * 63}": "v" * 63 for number in range(MAX_LABELS)}
    text = written(one)
    # Python's table of interned strings may grow by megabytes during a call, but not in two calls.
    assert min(kept_bytes(text), kept_bytes(text)) <= 320 * 1024


def kept_bytes(text: bytes) -> int:
    store = store_for([KIND])
    tracemalloc.start()
    try:
        store.put(TRAINING_JOBS, read(text))
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_finish_after_epoch_is_kept_while_loading() -> None:
    before = reported_status(report(finishAfterEpoch=4), NOW)
    loads = required(
        reported_status(report(attempt=2, sequence=1, stage="Loading", epoch=0, step=0), NOW, before).progress
    )
    assert (loads.finish_after_epoch, reached_epoch(loads)) == (4, 4)
    trains = required(reported_status(report(attempt=2, sequence=2, epoch=0, step=1), NOW, before).progress)
    assert (trains.finish_after_epoch, reached_epoch(trains)) == (None, 1)


@pytest.mark.parametrize(
    ("reported", "reached", "early"),
    [
        (None, 0, False),
        ({"epoch": 3, "step": 0}, 3, False),
        ({"epoch": 3, "step": 1}, 4, False),
        ({"epoch": 3, "step": 1, "finishAfterEpoch": 4}, 4, False),
        ({"epoch": 1, "step": 1, "finishAfterEpoch": 4}, 4, False),
        ({"epoch": 4, "step": 0, "finishAfterEpoch": 4}, 4, True),
        ({"epoch": 10, "step": 0, "finishAfterEpoch": 10}, 10, False),
        ({"epoch": 2, "step": 0, "finishAfterEpoch": 4}, 4, False),
    ],
)
def test_reached_epoch_and_early_finish(reported: Any, reached: int, *, early: bool) -> None:
    progress = reported_status(report(**reported), NOW).progress if reported else None
    assert (reached_epoch(progress), is_finished_early(progress)) == (reached, early)
