from epochal_api.trainingjob.report import Report
from epochal_trainer.lib.failures import training_warning


def test_a_warning_is_escaped_and_truncated_for_a_report() -> None:
    warning = training_warning("MissingClasses", "a\x1b" + "é" * 600)
    assert warning.message == r"a\x1b" + "é" * 506 + "…"
    report = Report(attempt=1, sequence=1, stage="Loading", epochs=1, warnings=[warning])
    assert Report.model_validate_json(report.model_dump_json()).warnings == [warning]
