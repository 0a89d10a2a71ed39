"""How much may wait, and be in memory meanwhile."""

import pytest
from epochal_server.intake import Intake
from epochal_server.refusals import Busy


def test_refuses_more_than_may_wait_and_says_when_to_come_again() -> None:
    intake = Intake(2, 100)
    intake.seconds = 3.2
    with intake.waits(), intake.waits():
        with pytest.raises(Busy, match="at most 2 requests that wait") as refused:
            intake.admit()
        assert refused.value.headers == {"Retry-After": "4"}
    intake.admit()


def test_what_fails_waits_no_more() -> None:
    intake = Intake(1, 100)
    with pytest.raises(ValueError, match="it fails"), intake.waits():
        raise ValueError("it fails")
    assert intake.waiting == 0


def test_refuses_more_bytes_than_may_be_in_memory() -> None:
    intake = Intake(2, 100)
    intake.hold(60)
    with pytest.raises(Busy, match="at most 100 bytes of requests in hand, found 60 and 41 more"):
        intake.hold(41)
    intake.hold(40)
    intake.release(60)
    intake.hold(50)
