"""How much may wait, and be in memory meanwhile."""

import pytest
from epochal_api.modelserver.pod import GRACE_SECONDS, STAY_SECONDS
from epochal_server import admission as module
from epochal_server.admission import MOST_SECONDS, AdmissionControl, MemoryReservation
from epochal_server.refusals import Busy, TooLarge
from epochal_server.serve import END_SECONDS


def test_refuses_more_than_may_wait_and_says_when_to_come_again() -> None:
    admission = AdmissionControl(2, 100)
    admission.estimate = lambda: 3.2
    with admission.waits(), admission.waits():
        with pytest.raises(Busy, match="queue is full: 2 requests are waiting") as refused:
            admission.admit()
        assert refused.value.headers == {"Retry-After": "4"}
    admission.admit()


def test_refuses_more_than_a_server_that_ends_has_time_to_answer() -> None:
    assert MOST_SECONDS < GRACE_SECONDS - STAY_SECONDS - END_SECONDS
    admission = AdmissionControl(1000, 100)
    admission.estimate = lambda: MOST_SECONDS
    with admission.waits():
        admission.admit()
        admission.estimate = lambda: MOST_SECONDS + 5
        with pytest.raises(Busy, match="1 waiting requests take about 25 s, expected at most 20 s"):
            admission.admit()
    admission.admit()  # one at a time, whatever the estimate


def test_what_fails_waits_no_more() -> None:
    admission = AdmissionControl(1, 100)
    with pytest.raises(ValueError, match="it fails"), admission.waits():
        raise ValueError("it fails")
    assert admission.waiting == 0


def test_refuses_more_bytes_than_may_be_in_memory() -> None:
    admission = AdmissionControl(2, 100)
    admission.reserve(60)
    with pytest.raises(Busy, match=r"memory is full: .* take 60 of 100 bytes, and this one needs 41 more"):
        admission.reserve(41)
    admission.reserve(40)
    admission.release(60)
    admission.reserve(50)


def test_an_answer_for_which_there_is_never_room_is_another_matter() -> None:
    admission = AdmissionControl(2, 100)
    with pytest.raises(TooLarge, match="it takes 101 bytes, expected at most 100: send fewer samples"):
        MemoryReservation(admission).add_answer(101)
    room = MemoryReservation(admission)
    room.add_answer(100)
    room.shrink(300)  # it is there already, and longer than was told
    with pytest.raises(Busy, match=r"take 300 of .* needs 1 more"):
        admission.reserve(1)
    room.free()
    admission.reserve(100)


def test_an_answer_takes_no_more_than_it_has_and_never_as_much_as_there_is_no_room_for() -> None:
    admission = AdmissionControl(2, 100)
    room = MemoryReservation(admission)
    room.take(10)  # its request
    room.add_answer(50)
    room.add_answer(40)  # it has less than was expected
    assert room.size == 60
    room.add_answer(70)
    assert room.size == 80
    with pytest.raises(TooLarge, match="it takes 101 bytes"):
        room.add_answer(101)
    room.free()
    room.add_answer(20)
    assert room.size == 20


def test_who_is_slow_gives_way_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    admission = AdmissionControl(2, 100)
    rooms = [MemoryReservation(admission) for _ in range(3)]
    gave: list[int] = []
    for number, room in enumerate(rooms):
        room.take(30)
        admission.wait(room, lambda number=number: gave.append(number))  # type: ignore[misc]
    with pytest.raises(Busy):
        admission.reserve(50)
    monkeypatch.setattr(module, "SLOW_SECONDS", -1.0)
    rooms[0].take(20)  # its own is not taken away from it
    assert (gave, [room.was_freed for room in rooms]) == ([1], [False, True, False])
    with admission.awaited(MemoryReservation(admission), lambda: gave.append(9)):
        admission.reserve(50)
    assert gave == [1, 0]
    admission.client_done(rooms[2])
    with pytest.raises(Busy, match=r"take 80 of .* needs 30 more"):
        admission.reserve(30)


def test_an_answer_beside_which_there_is_no_room_for_its_own_request_is_too_large() -> None:
    room = MemoryReservation(AdmissionControl(8, 100))
    room.take(60)
    room.add_answer(40)
    with pytest.raises(TooLarge, match="it takes 41 bytes, expected at most 40"):  # Busy would be said for good
        room.add_answer(41)
    room.free()
    room.add_answer(100)
