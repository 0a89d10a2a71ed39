import csv
import io

from epochal_api.experiment.report import ExperimentReport, ReportedParameter, ReportedTrial, TrialFolder
from epochal_trainer.experiment.write import table

from tests.unit.trainer.experiment.reports import RATE, SMALL, report, trial


def rows(of: ExperimentReport) -> list[dict[str, str]]:
    def uri(trial: ReportedTrial, folder: TrialFolder) -> str:
        return f"s3://results/{of.trial_folder(trial, folder)}/"

    return list(csv.DictReader(io.StringIO(table(of, uri))))


def test_each_trial_has_a_row() -> None:
    found = rows(SMALL)
    assert [row["number"] for row in found] == ["0", "1", "2", "3", "4"]
    assert found[1] == {
        "number": "1",
        "state": "Complete",
        "rate": "0.01",
        "units": "64",
        "optimizer": "SGD",
        "rungs": "3",
        "epochs": "9",
        "seconds": "180",
        "value": "0.96",
        "uri": "s3://results/models/vision/search-1-r2/uid-1-2/",
    }


def test_what_a_trial_does_not_have_is_empty() -> None:
    found = rows(SMALL)
    assert found[2]["units"] == ""
    assert (found[3]["value"], found[3]["epochs"]) == ("", "0")
    assert found[3]["uri"] == "s3://results/models/vision/search-3-r0/uid-3-0/", "where its log is"
    assert found[4]["uri"] == ""


def test_one_that_has_diverged_keeps_what_it_was_worth() -> None:
    (row,) = rows(report(trial(1, "0.9", state="Diverged")))
    assert (row["value"], row["rungs"]) == ("0.9", "1")


def test_a_parameter_hides_no_other_column() -> None:
    axes = [ReportedParameter(name="epochs"), ReportedParameter(name="number"), RATE]
    (row,) = rows(report(trial(1, "0.9", parameters={"epochs": "5", "number": "7", "rate": "0.1"}), axes=axes))
    assert (row["epochs"], row["parameter_epochs"]) == ("1", "5")
    assert (row["number"], row["parameter_number"], row["rate"]) == ("1", "7", "0.1")


def test_any_text_stays_in_its_field() -> None:
    text = 'a,"b"; c'
    (row,) = rows(report(trial(1, parameters={"rate": text})))
    assert row["rate"] == text
