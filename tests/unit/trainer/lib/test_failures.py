from epochal_api.trainingjob.report import Report
from epochal_trainer.lib.failures import warned


def test_a_warning_fits_into_a_report_whatever_is_in_it() -> None:
    one = warned("MissingClasses", "a\x1b" + "é" * 600)
    assert one.message == r"a\x1b" + "é" * 506 + "…"
    report = Report(attempt=1, sequence=1, stage="Loading", epochs=1, warnings=[one])
    assert Report.model_validate_json(report.model_dump_json()).warnings == [one]
