"""Limits of waiting requests and of memory."""

import pytest
from epochal_api.modelserver.pod import ENDPOINT_REMOVAL_SECONDS, GRACE_SECONDS
from epochal_server import admission as module
from epochal_server.admission import MAX_QUEUE_SECONDS, AdmissionControl, MemoryReservation
from epochal_server.refusals import Busy, TooLarge
from epochal_server.serve import SHUTDOWN_SECONDS


def test_refuses_requests_above_the_limit_with_retry_after() -> None:
    admission = AdmissionControl(2, 100)
    admission.estimates = [lambda: 3.2]
    admission.waiting = 2
    with pytest.raises(Busy, match="queue is full: 2 requests are waiting") as refused:
        admission.admit()
    assert refused.value.headers == {"Retry-After": "4"}
    admission.waiting = 1
    admission.admit()


def test_refuses_more_requests_than_can_be_answered_during_shutdown() -> None:
    assert MAX_QUEUE_SECONDS < GRACE_SECONDS - ENDPOINT_REMOVAL_SECONDS - SHUTDOWN_SECONDS
    admission = AdmissionControl(1000, 100)
    admission.estimates = [lambda: MAX_QUEUE_SECONDS]
    admission.waiting = 1
    admission.admit()
    admission.estimates = [lambda: MAX_QUEUE_SECONDS + 5]
    with pytest.raises(Busy, match="1 waiting requests take about 25 s, expected at most 20 s"):
        admission.admit()
    admission.waiting = 0
    admission.admit()  # a single request is always admitted


def test_refuses_bytes_above_the_limit() -> None:
    admission = AdmissionControl(2, 100)
    admission.reserve(60)
    with pytest.raises(Busy, match=r"memory is full: .* take 60 of 100 bytes, and this request needs 41 more"):
        admission.reserve(41)
    admission.reserve(40)
    admission.release(60)
    admission.reserve(50)


def test_an_answer_that_never_fits_is_too_large() -> None:
    admission = AdmissionControl(2, 100)
    with pytest.raises(TooLarge, match="it takes 101 bytes, expected at most 100: send fewer samples"):
        MemoryReservation(admission).add_answer(101)
    reservation = MemoryReservation(admission)
    reservation.add_answer(100)
    reservation.shrink(300)  # it exists already, and is larger than predicted
    with pytest.raises(Busy, match=r"take 300 of .* needs 1 more"):
        admission.reserve(1)
    reservation.free()
    admission.reserve(100)


def test_an_answer_reserves_its_largest_size() -> None:
    admission = AdmissionControl(2, 100)
    reservation = MemoryReservation(admission)
    reservation.take(10)  # its request
    reservation.add_answer(50)
    reservation.add_answer(40)  # it has less than was expected
    assert reservation.size == 60
    reservation.add_answer(70)
    assert reservation.size == 80
    with pytest.raises(TooLarge, match="it takes 101 bytes"):
        reservation.add_answer(101)
    reservation.free()
    reservation.add_answer(20)
    assert reservation.size == 20


def test_frees_only_memory_of_slow_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    admission = AdmissionControl(2, 100)
    reservations = [MemoryReservation(admission) for _ in range(3)]
    aborted: list[int] = []
    for number, reservation in enumerate(reservations):
        reservation.take(30)
        admission.watch_client(reservation, lambda number=number: aborted.append(number))  # type: ignore[misc]
    with pytest.raises(Busy):
        admission.reserve(50)
    monkeypatch.setattr(module, "SLOW_CLIENT_SECONDS", -1.0)
    reservations[0].take(20)  # its own memory is not freed
    assert (aborted, [reservation.was_freed for reservation in reservations]) == ([1], [False, True, False])
    with admission.waiting_for_client(MemoryReservation(admission), lambda: aborted.append(9)):
        admission.reserve(50)
    assert aborted == [1, 0]
    admission.unwatch_client(reservations[2])
    with pytest.raises(Busy, match=r"take 80 of .* needs 30 more"):
        admission.reserve(30)


def test_an_answer_that_does_not_fit_beside_its_request_is_too_large() -> None:
    reservation = MemoryReservation(AdmissionControl(8, 100))
    reservation.take(60)
    reservation.add_answer(40)
    with pytest.raises(TooLarge, match="it takes 41 bytes, expected at most 40"):  # Busy would invite a retry
        reservation.add_answer(41)
    reservation.free()
    reservation.add_answer(100)
