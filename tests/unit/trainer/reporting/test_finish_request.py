import pytest
from epochal_api.trainingjob.report import ReportResponse
from epochal_trainer.reporting.finish_request import FinishRequest


def answer(*, finish: bool | None = None, reached_epoch: int | None = None) -> ReportResponse:
    return ReportResponse(message="applied", finish=finish, finish_after_epoch=reached_epoch)


@pytest.mark.parametrize(
    ("answers", "last_epoch"),
    [
        ([], None),
        ([answer()], None),
        ([answer(finish=False)], None),
        ([answer(finish=True)], 3),
        ([answer(finish=True, reached_epoch=2)], 3),
        ([answer(finish=True, reached_epoch=5)], 5),
        ([answer(finish=True), answer(finish=False)], None),
        ([answer(finish=True), answer()], 3),
    ],
    ids=["nothing", "an older operator", "no", "yes", "as far", "further", "taken back", "an older replica"],
)
def test_last_epoch(answers: list[ReportResponse], last_epoch: int | None) -> None:
    finish = FinishRequest()
    for received in answers:
        finish.update(received)
    assert finish.last_epoch(3) == last_epoch


def test_the_spec_is_the_initial_value() -> None:
    assert FinishRequest(requested=True).last_epoch(1) == 1


def test_each_change_of_the_request_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    finish = FinishRequest()
    for requested in (False, True, True, False, False):
        finish.update(answer(finish=requested))
    assert [message[: message.index(":")] for message in caplog.messages] == [
        "spec.finish is true",
        "spec.finish is false again",
    ]
