"""Progress reports and termination messages."""

import math

import pytest
from epochal_api.pod import MAX_TERMINATION_BYTES
from epochal_api.trainingjob.report import (
    Artifacts,
    BestEpoch,
    Export,
    ExportedModel,
    Position,
    Report,
    StoredModel,
    Termination,
    TrainingWarning,
    decode_termination,
)
from epochal_api.trainingjob.status import MAX_EXPORT_MESSAGE, MAX_WARNING_MESSAGE, MAX_WARNINGS
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

REPORT = Report(attempt=2, sequence=7, stage="Training", epoch=3, epochs=10, metrics={"loss": 0.5})


def test_attempt_orders_before_sequence() -> None:
    assert REPORT.order < REPORT.model_copy(update={"attempt": 3, "sequence": 0}).order


def test_nan_metric_round_trip() -> None:
    report = REPORT.model_copy(update={"metrics": {"loss": math.nan}})
    read = Report.model_validate_json(report.model_dump_json())
    assert read.metrics is not None
    assert math.isnan(read.metrics["loss"])


@pytest.mark.parametrize(
    "change",
    [
        {"attempt": -1},
        {"sequence": -1},
        {"stage": "Dreaming"},
        {"metrics": {"a\nb": 1.0}},
        {"models": [{"name": "../a.keras", "epoch": 1, "sha256": "0" * 64}]},
        {"models": [{"name": "a.keras", "epoch": 1, "sha256": "0" * 63}]},
    ],
)
def test_invalid_report_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Report.model_validate(REPORT.dump() | change)


def test_unknown_fields_are_ignored() -> None:
    assert Report.model_validate(REPORT.dump() | {"throughput": 3.5}) == REPORT


@pytest.mark.parametrize("since", ["2026-01-02T03:04:05", "yesterday"])
def test_waiting_since_requires_a_time_zone(since: str) -> None:
    with pytest.raises(ValidationError, match="since"):
        Report.model_validate(REPORT.dump() | {"waiting": {"reason": "EndpointUnreachable", "since": since}})


WARNED = [TrainingWarning(reason="MissingClasses", message="no nines")]


@pytest.mark.parametrize(
    "odd",
    [
        [{"reason": "MissingClasses", "message": "m" * (MAX_WARNING_MESSAGE + 1)}],
        [{"reason": "missing classes", "message": ""}],
        [{"reason": "R", "message": ""}] * (MAX_WARNINGS + 1),
        {"MissingClasses": "no nines"},
        7,
    ],
)
def test_invalid_warnings_are_ignored(odd: object) -> None:
    assert Report.model_validate(REPORT.dump() | {"warnings": odd}) == REPORT
    read = Report.model_validate(REPORT.dump() | {"warnings": [{"reason": "MissingClasses", "message": "no nines"}]})
    assert read.warnings == WARNED


def test_termination_message_omits_warnings_first() -> None:
    warnings = [
        TrainingWarning(reason=f"R{number}", message="m" * MAX_WARNING_MESSAGE) for number in range(MAX_WARNINGS)
    ]
    report = REPORT.model_copy(update={"warnings": warnings})
    last = decode_termination(Termination(reason="NonFiniteLoss", message="m" * 1500, report=report).encode())
    assert last is not None
    assert (last.message, last.report) == ("m" * 1500, REPORT)
    short = REPORT.model_copy(update={"warnings": WARNED})
    kept = decode_termination(Termination(reason="Completed", message="done", report=short).encode())
    assert kept is not None
    assert kept.report == short


@given(st.text(max_size=MAX_TERMINATION_BYTES), st.integers(0, 64))
def test_termination_message_is_bounded_and_keeps_its_reason(message: str, metrics: int) -> None:
    report = REPORT.model_copy(update={"metrics": {f"metric_{i}" * 8: i / 3 for i in range(metrics)}})
    position = Position(epoch=3, step=211)
    text = Termination(reason="InvalidNetwork", message=message, position=position, report=report).encode()
    assert len(text.encode()) <= MAX_TERMINATION_BYTES
    last = decode_termination(text)
    assert last is not None
    assert (last.reason, last.position) == ("InvalidNetwork", position)
    assert message.startswith(last.message)


@pytest.mark.parametrize("text", ["", "Segmentation fault", '{"reason": "lower", "message": ""}', "[1]"])
def test_text_of_other_programs_is_no_termination_message(text: str) -> None:
    assert decode_termination(text) is None


EXPORTED = Export(
    reason="NotExportable",
    message="m" * MAX_EXPORT_MESSAGE,
    exports=[
        ExportedModel(name=f"{name}.onnx", model="Last", format="onnx", sha256="0" * 64, difference=1e-7)
        for name in ("a", "b", "c", "d")
    ],
    signature="0" * 64,
)


@pytest.mark.parametrize(("figures", "kept"), [(1, EXPORTED), (54, EXPORTED.model_copy(update={"message": ""}))])
def test_termination_message_keeps_exports(figures: int, kept: Export) -> None:
    test = {f"{'n' * 46}{number}": 0.5 for number in range(figures)}
    report = REPORT.model_copy(update={"export": EXPORTED, "test": test})
    read = decode_termination(Termination(reason="Completed", message="", report=report).encode())
    assert read is not None
    assert read.report is not None
    assert read.report.export == kept


@pytest.mark.parametrize(
    "odd", [{"reason": "not exportable"}, {"reason": "Exported", "exports": [{"name": "../a.onnx"}]}, "Exported"]
)
def test_invalid_export_is_ignored(odd: object) -> None:
    assert Report.model_validate(REPORT.dump() | {"export": odd}) == REPORT


NAMES = [
    *(f"{part}output_{number}_sparse_categorical_accuracy" for number in range(31) for part in ("", "val_")),
    "loss",
    "val_loss",
]


@pytest.mark.parametrize(
    ("count", "metrics"), [(44, NAMES[-44:]), (64, NAMES[-3:])], ids=["all metrics", "monitored metric and losses"]
)
def test_termination_message_with_many_metrics_keeps_the_results(count: int, metrics: list[str]) -> None:
    values = {name: 0.12345678901234567 + number for number, name in enumerate(NAMES[-count:])}
    uri = "s3://results/team-vision/experiments/digits"
    report = Report(
        attempt=1,
        sequence=99,
        stage="Done",
        epoch=10,
        epochs=10,
        metrics=values,
        test=values,
        best=BestEpoch(epoch=9, metric=NAMES[-3], value=0.1),
        artifacts=Artifacts(uri=uri, model=f"{uri}/model.keras", log=f"{uri}/train.log"),
        models=[
            StoredModel(name="model.keras", epoch=10, sha256="0" * 64),
            StoredModel(name="best.keras", epoch=9, sha256="1" * 64, test=values),
        ],
        export=EXPORTED,
        signature="2" * 64,
    )
    text = Termination(reason="Completed", message="The network is trained.", report=report).encode()
    assert len(text.encode()) <= MAX_TERMINATION_BYTES
    read = decode_termination(text)
    assert read is not None
    assert read.report is not None
    kept = read.report
    assert (kept.epoch, kept.best, kept.artifacts) == (10, report.best, report.artifacts)
    assert [model.sha256 for model in kept.models or ()] == ["0" * 64, "1" * 64]
    assert (kept.export, kept.signature) == (EXPORTED.model_copy(update={"message": ""}), "2" * 64)
    assert kept.metrics == {name: float(f"{values[name]:.6g}") for name in metrics}
