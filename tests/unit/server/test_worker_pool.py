"""Functions in threads."""

import asyncio
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from epochal_server import job_timing
from epochal_server.admission import AdmissionControl
from epochal_server.refusals import Busy, NotReady
from epochal_server.worker_pool import WorkerPool, run_in_daemon


async def test_a_started_function_counts_until_its_end() -> None:
    began, proceed = threading.Event(), threading.Event()
    admission = AdmissionControl(8, 1000)

    def takes_long() -> None:
        began.set()
        proceed.wait(10)
        raise ValueError("nobody wants to know")

    with ThreadPoolExecutor(1) as pool:
        work = WorkerPool(pool, admission, 1)

        first = asyncio.create_task(work.run_exclusively(takes_long))
        await asyncio.to_thread(began.wait, 10)
        second = asyncio.create_task(work(print))
        await asyncio.sleep(0)
        assert admission.waiting == 2
        for task in (first, second):
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second  # it had not begun
        assert (first.done(), admission.waiting) == (False, 1)
        proceed.set()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert admission.waiting == 0


async def test_an_admitted_request_is_not_refused_but_waits_for_its_turn() -> None:
    proceed = threading.Event()
    admission = AdmissionControl(1, 1000)
    with ThreadPoolExecutor(2) as pool:
        work = WorkerPool(pool, admission, 2)
        first = asyncio.create_task(work.run_exclusively(proceed.wait, 10))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await work.run_exclusively(print)
        second = asyncio.create_task(work.run_for_answer(proceed.is_set))
        await asyncio.sleep(0.01)
        assert (admission.waiting, second.done()) == (2, False)
        proceed.set()
        assert all(await asyncio.gather(first, second))
        assert admission.waiting == 0


async def test_returns_the_result_or_raises_the_error() -> None:
    with ThreadPoolExecutor(1) as pool:
        admission = AdmissionControl(8, 1000)
        work = WorkerPool(pool, admission, 1)
        assert await work(divmod, 7, 3) == (2, 1)
        with pytest.raises(ZeroDivisionError):
            await work(divmod, 7, 0)
        assert admission.waiting == 0


async def test_a_function_that_waits_for_its_turn_counts_as_waiting() -> None:
    proceed, running = threading.Event(), list[int]()

    def takes_memory() -> int:
        running.append(1)
        proceed.wait(10)
        found = len(running)
        running.pop()
        return found

    admission = AdmissionControl(3, 1000)
    with ThreadPoolExecutor(4) as pool:
        work = WorkerPool(pool, admission, 4)
        asked = [asyncio.create_task(work.run_exclusively(takes_memory)) for _ in range(3)]
        await asyncio.sleep(0)
        assert admission.waiting == 3
        with pytest.raises(Busy, match="3 requests are waiting"):
            await work.run_exclusively(takes_memory)
        proceed.set()
        assert await asyncio.gather(*asked) == [1, 1, 1]


async def test_frees_the_arguments_of_a_cancelled_call() -> None:
    began, proceed = threading.Event(), threading.Event()

    class Body:
        """The body of a request."""

    def takes_long() -> None:
        began.set()
        proceed.wait(10)

    with ThreadPoolExecutor(1) as pool:
        work = WorkerPool(pool, AdmissionControl(8, 1000), 1)
        first = asyncio.create_task(work(takes_long))
        await asyncio.to_thread(began.wait, 10)
        bodies = [Body() for _ in range(8)]
        alive = [weakref.ref(body) for body in bodies]
        waiting = [asyncio.create_task(work(id, body)) for body in bodies]
        bodies.clear()
        await asyncio.sleep(0.01)
        while waiting:
            waiting[-1].cancel()
            await asyncio.wait([waiting.pop()])
        gc.collect()
        left = sum(body() is not None for body in alive)
        proceed.set()
        await first
        assert left <= 1  # the interpreter may keep the last exception with its frames


async def test_waiting_functions_count_in_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(job_timing, "perf_counter", lambda: now)
    admission, began, proceed = AdmissionControl(1000, 1000), threading.Event(), threading.Event()

    def takes_long() -> None:
        began.set()
        proceed.wait(10)

    with ThreadPoolExecutor(4) as pool:
        work = WorkerPool(pool, admission, 4)
        first = asyncio.create_task(work.run_exclusively(takes_long))
        await asyncio.to_thread(began.wait, 10)
        now = 1.5
        assert admission.estimate() == 1.5, "as long as it has taken"
        waiting = [asyncio.create_task(work.run_exclusively(takes_long)) for _ in range(13)]
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="14 waiting requests take about 21 s"):
            admission.admit()
        for call in waiting[1:]:
            call.cancel()
        await asyncio.gather(*waiting[1:], return_exceptions=True)
        admission.admit()
        proceed.set()
        await asyncio.gather(first, waiting[0])
        assert admission.estimate() == 0


def test_planned_calls_count_before_the_first_one_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(job_timing, "perf_counter", lambda: now)
    timing = job_timing.JobTiming(1)
    timing.planned["decode"] = 3
    with timing.measure("decode"):
        now = 2.0
        assert timing.planned_seconds() == 6


async def test_a_form_waits_for_the_planned_calls_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(job_timing, "perf_counter", lambda: now)
    admission = AdmissionControl(2, 1000)

    def decode() -> float:
        nonlocal now
        now += 1.0
        return now

    with ThreadPoolExecutor(4) as pool:
        work = WorkerPool(pool, admission, 4)
        await work.run_exclusively(decode)
        with work.plan(decode, [True] * 21 + [False]) as call:
            admission.waiting = 1
            admission.admit()  # a small request overtakes the photographs that are not queued yet
            with pytest.raises(Busy, match="1 waiting requests take about 21 s"), work.plan(decode, [False]):
                pass
            admission.waiting = 2
            assert (await call(), admission.planned) == (2.0, 21)  # the full queue does not refuse an admitted form
        admission.waiting = 1
        assert admission.planned == 0
        admission.admit(admission.extra_seconds())


async def test_planned_calls_that_small_requests_wait_for_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(job_timing, "perf_counter", lambda: now)
    admission, begins, proceed = AdmissionControl(100, 1000), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def decode(*, waits: bool) -> None:
        nonlocal now
        if waits:
            loop.call_soon_threadsafe(begins.set)
            proceed.wait(10)
        else:
            now += 1.0

    with ThreadPoolExecutor(1) as pool:
        work = WorkerPool(pool, admission, 1)
        await work(decode, waits=False)
        with work.plan(decode, [False] * 12):
            running = [asyncio.create_task(work(decode, waits=True)) for _ in range(7)]
            await begins.wait()
            assert (work.seconds(), admission.extra_seconds()) == (14.0, 5.0)
            proceed.set()
            await asyncio.gather(*running)


async def test_a_large_photograph_passes_the_queue_of_small_calls() -> None:
    calls = list[str]()
    with ThreadPoolExecutor(1) as pool:
        work = WorkerPool(pool, AdmissionControl(1000, 1000), 1)
        small = [asyncio.create_task(work(calls.append, "small")) for _ in range(50)]
        await asyncio.sleep(0)
        large = asyncio.create_task(work.run_exclusively(calls.append, "large JSON"))
        await asyncio.sleep(0)
        with work.plan(calls.append, [True]) as call:
            await call("photograph")
        assert len(calls) < 10
        await asyncio.gather(large, *small)


@pytest.mark.parametrize("is_exclusive", [False, True])
async def test_planned_calls_and_other_calls_take_turns(*, is_exclusive: bool) -> None:
    calls, is_over = list[str](), False
    with ThreadPoolExecutor(1) as pool:
        work = WorkerPool(pool, AdmissionControl(1000, 1000), 1)
        run = work.run_exclusively if is_exclusive else work

        async def send() -> None:
            while not is_over:
                await run(calls.append, "other")

        clients = [asyncio.create_task(send()) for _ in range(20)]
        await asyncio.sleep(0)
        with work.plan(calls.append, [is_exclusive] * 5) as call:
            for _ in range(5):
                await call("planned")
                await work.run_for_answer(partial(calls.append, "planned"), is_part=True)
        is_over = True
        await asyncio.gather(*clients)
    while_planned = calls[: len(calls) - calls[::-1].index("planned")]
    assert while_planned.count("other") <= 2 * 10  # without turns, twenty for each planned call


async def test_an_estimate_counts_planned_calls_as_every_second_call(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(job_timing, "perf_counter", lambda: now)
    admission, began, proceed = AdmissionControl(1000, 1000), threading.Event(), threading.Event()

    def decode() -> None:
        began.set()
        proceed.wait(10)

    with ThreadPoolExecutor(1) as pool:
        work = WorkerPool(pool, admission, 1)
        first = asyncio.create_task(work(decode))
        await asyncio.to_thread(began.wait, 10)
        now = 3.0
        with work.plan(decode, [False]):
            assert admission.estimate() == 6.0
        with work.plan(decode, [False] * 4):
            assert admission.estimate() == 6.0, "at most as long as the calls that wait"
        assert admission.estimate() == 3.0
        proceed.set()
        await first


async def test_a_failed_function_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    now, timing = 0.0, job_timing.JobTiming(2)
    monkeypatch.setattr(job_timing, "perf_counter", lambda: now)
    failing = timing.measure("decode")
    failing.__enter__()
    now = 4.0
    assert not failing.__exit__(ValueError, ValueError("it fails"), None)
    timing.calls["decode"] = 3
    assert timing.remaining() == 6.0


async def test_a_slow_function_does_not_raise_the_estimate_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    now, timing = 0.0, job_timing.JobTiming(1)
    monkeypatch.setattr(job_timing, "perf_counter", lambda: now)
    for name, seconds in (("decode", 0.5), ("encode", 30.0)):
        with timing.measure(name):
            now += seconds
    timing.calls["decode"] = 4
    assert timing.remaining() == 2.0


def test_a_function_is_too_slow_by_its_own_usual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now, timing = 0.0, job_timing.JobTiming(2)
    monkeypatch.setattr(job_timing, "perf_counter", lambda: now)
    with timing.measure("encode"):
        now += 50.0
    with timing.measure("encode"):
        now += 1.0
        with timing.measure("decode"):
            now += 20.0
            assert timing.slow_call_message(20.0, 2) is None
            now += 5.0
            late = "the call of decode takes too long: 25 s so far, expected at most 20 s: send fewer or smaller"
            assert (timing.slow_call_message(20.0, 2) or "").startswith(late)
        assert timing.slow_call_message(20.0, 2) is None, "encoding usually takes 50 s"
    assert timing.slow_call_message(0.0, 0) is None


async def test_refuses_waiting_and_running_and_later_calls() -> None:
    admission, began, proceed = AdmissionControl(1000, 1000), threading.Event(), threading.Event()

    def takes_long() -> None:
        began.set()
        proceed.wait(10)

    with ThreadPoolExecutor(1) as pool:
        work = WorkerPool(pool, admission, 1)
        calls = [asyncio.create_task(work.run_exclusively(takes_long))]
        await asyncio.to_thread(began.wait, 10)
        calls += [asyncio.create_task(run(print)) for run in (work, work.run_exclusively, work.run_for_answer)]
        await asyncio.sleep(0)
        work.refuse(NotReady("it ends"))
        for call in (*calls, work(print)):
            with pytest.raises(NotReady, match="it ends"):
                await call
        assert admission.waiting == 0
        proceed.set()


async def test_a_timeout_of_the_function_is_its_own() -> None:
    def fail() -> None:
        raise TimeoutError("too late")

    with ThreadPoolExecutor(1) as pool, pytest.raises(TimeoutError, match="too late"):
        await WorkerPool(pool, AdmissionControl(8, 1000), 1)(fail)


@pytest.mark.parametrize("result", [1, None])
async def test_returns_what_the_function_returns(result: int | None) -> None:
    assert await run_in_daemon(lambda: result) == result


async def test_raises_what_the_function_raises() -> None:
    def fail() -> None:
        raise KeyError("here")

    with pytest.raises(KeyError, match="here"):
        await run_in_daemon(fail)


async def test_a_daemon_thread_may_outlive_the_process() -> None:
    assert await run_in_daemon(lambda: threading.current_thread().daemon)
