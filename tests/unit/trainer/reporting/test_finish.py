"""Whether to finish early, as operators say it."""

import pytest
from epochal_api.trainingjob.report import ReportResponse
from epochal_trainer.reporting.finish import Finish


def answer(*, finish: bool | None = None, reached: int | None = None) -> ReportResponse:
    return ReportResponse(message="applied", finish=finish, finish_after_epoch=reached)


@pytest.mark.parametrize(
    ("answers", "after"),
    [
        ([], None),
        ([answer()], None),
        ([answer(finish=False)], None),
        ([answer(finish=True)], 3),
        ([answer(finish=True, reached=2)], 3),
        ([answer(finish=True, reached=5)], 5),
        ([answer(finish=True), answer(finish=False)], None),
        ([answer(finish=True), answer()], 3),
    ],
    ids=["nothing", "an older operator", "no", "yes", "as far", "further", "taken back", "an older replica"],
)
def test_it_ends_after_the_running_epoch_or_where_it_had_been(answers: list[ReportResponse], after: int | None) -> None:
    finish = Finish()
    for one in answers:
        finish.tell(one)
    assert finish.after(3) == after


def test_without_an_operator_the_spec_says_it() -> None:
    assert Finish(asked=True).after(1) == 1


def test_it_is_logged_once_that_it_was_asked_and_taken_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    finish = Finish()
    for asked in (False, True, True, False, False):
        finish.tell(answer(finish=asked))
    assert [record.getMessage().split(" early")[0] for record in caplog.records] == [
        "Asked to finish",
        "Not asked to finish",
    ]
