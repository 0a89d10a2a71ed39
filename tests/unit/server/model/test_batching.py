"""Each request gets the answer to its own samples."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from epochal_api.signature import TensorSpec
from epochal_server.admission import AdmissionControl
from epochal_server.model.batching import INLINE_SECONDS, Batcher
from epochal_server.model.model import Arrays
from epochal_server.refusals import Busy, Failed, Invalid, NotReady, Refused
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.models import model, signature

NUMBER = model(
    signature([TensorSpec(name="x", shape=[], dtype="int64")], [TensorSpec(name="y", shape=[], dtype="int64")])
)
TEXTS = model(
    signature([TensorSpec(name="x", shape=[-1], dtype="int64")], [TensorSpec(name="y", shape=[], dtype="int64")])
)
NOTES = model(signature([TensorSpec(name="x", shape=[], dtype="str")], [TensorSpec(name="y", shape=[], dtype="int64")]))
BAD = 13
"""A sample that no call of the model survives."""
SLOW = 0.01
"""Time of a sample with which no call runs in the event loop."""
FAST = 0.0


def square(inputs: Arrays) -> Arrays:
    x = inputs["x"]
    if (x == BAD).any():
        raise ValueError("it has bad luck")
    return {"y": x * x if x.ndim == 1 else (x * x).sum(axis=1)}


def held(proceed: threading.Event) -> Callable[[Arrays], Arrays]:
    """Return a model with calls that wait for an event."""

    def run(inputs: Arrays) -> Arrays:
        proceed.wait(10)
        return square(inputs)

    return run


class RecordingModel:
    """A model that remembers the sizes of its calls."""

    def __init__(self, run: Callable[[Arrays], Arrays] = square) -> None:
        self.run = run
        self.sizes: list[int] = []

    def __call__(self, inputs: Arrays) -> Arrays:
        self.sizes.append(len(inputs["x"]))
        return self.run(inputs)


def make_batcher(run: Callable[[Arrays], Arrays] = square, *, waiting: int = 1000, **changes: Any) -> Batcher:
    arguments: dict[str, Any] = {
        "model": NUMBER,
        "max_batch_size": 8,
        "delay": 0.0,
        "seconds_per_sample": FAST,
        "admission": AdmissionControl(waiting, 1000),
    } | changes
    return Batcher(run=run, thread=ThreadPoolExecutor(1), **arguments)


def samples(*values: int) -> dict[str, np.ndarray]:
    return {"x": np.array(values, np.int64)}


@pytest.mark.parametrize("seconds_per_sample", [FAST, SLOW])
async def test_batches_waiting_requests(seconds_per_sample: float) -> None:
    run = RecordingModel()
    batcher = make_batcher(run, seconds_per_sample=seconds_per_sample)
    answers = await asyncio.gather(*(batcher.answer(samples(n, n + 1)) for n in range(20, 26)))
    assert [list(one["y"]) for one in answers] == [[n * n, (n + 1) ** 2] for n in range(20, 26)]
    assert run.sizes == [8, 4]


async def test_a_single_request_does_not_wait() -> None:
    run = RecordingModel()
    batcher = make_batcher(run)
    for n in range(3):
        assert list((await batcher.answer(samples(n)))["y"]) == [n * n]
    assert run.sizes == [1, 1, 1]


async def test_waits_for_the_configured_delay() -> None:
    run = RecordingModel()
    batcher = make_batcher(run, delay=0.05)

    async def later(n: int) -> Arrays:
        await asyncio.sleep(0.01)
        return await batcher.answer(samples(n))

    await asyncio.gather(batcher.answer(samples(1)), later(2))
    assert run.sizes == [2]


async def test_a_full_batch_does_not_wait() -> None:
    run = RecordingModel()
    batcher = make_batcher(run, delay=60.0)
    await asyncio.wait_for(asyncio.gather(*(batcher.answer(samples(n)) for n in range(8))), 5)
    assert run.sizes == [8]


async def test_splits_a_large_request() -> None:
    run = RecordingModel()
    values = range(20, 41)
    answer = await make_batcher(run).answer(samples(*values))
    assert list(answer["y"]) == [n * n for n in values]
    assert run.sizes == [8, 8, 5]


@pytest.mark.parametrize("seconds_per_sample", [FAST, SLOW])
async def test_a_small_request_overtakes_a_large_one(seconds_per_sample: float) -> None:
    run = RecordingModel()
    batcher = make_batcher(run, seconds_per_sample=seconds_per_sample)
    large = asyncio.create_task(batcher.answer(samples(*[1] * 8000)))
    await asyncio.sleep(0)
    await batcher.answer(samples(2))
    assert len(run.sizes) < 10
    assert len((await large)["y"]) == 8000
    assert len(run.sizes) == 1001


@asynccontextmanager
async def small_requests(batcher: Batcher) -> AsyncIterator[None]:
    """Send requests of 80 clients in the `with` block, each again after its answer."""
    is_over = False

    async def send() -> None:
        while not is_over:
            await batcher.answer(samples(1))

    clients = [asyncio.create_task(send()) for _ in range(80)]
    await asyncio.sleep(0)
    yield
    is_over = True
    await asyncio.gather(*clients)


async def test_small_requests_and_the_photographs_of_a_form_take_turns() -> None:
    run = RecordingModel()
    batcher = make_batcher(run)
    async with small_requests(batcher):
        for _ in range(10):
            await batcher.answer(samples(2), is_admitted=True, is_part=True)
        assert len(run.sizes) <= 20  # without turns, ten calls for each photograph


async def test_small_requests_do_not_delay_each_part_of_a_large_request() -> None:
    run = RecordingModel()
    batcher = make_batcher(run)
    async with small_requests(batcher):
        assert len((await batcher.answer(samples(*range(20, 100))))["y"]) == 80
        assert len(run.sizes) <= 20  # ten calls for each of the two


async def test_a_small_request_waits_for_the_later_parts_of_every_second_call() -> None:
    proceed, admission = threading.Event(), AdmissionControl(1000, 1000)
    batcher = make_batcher(held(proceed), seconds_per_sample=3.0, max_batch_size=1, admission=admission)
    waiting = [asyncio.create_task(batcher.answer(samples(2))) for _ in range(4)]
    await asyncio.sleep(0.01)
    assert admission.estimate() == 12.0
    admission.planned = 2
    assert (admission.estimate(), admission.extra_seconds()) == (18.0, 0.0)  # a large request waits as long
    admission.planned = 100
    assert admission.estimate() == 24.0
    with pytest.raises(Busy, match="4 waiting requests take about 312 s"):
        batcher.put(samples(*[2] * 2), Sink())
    proceed.set()
    await asyncio.gather(*waiting)


@pytest.mark.parametrize("seconds_per_sample", [FAST, SLOW])
async def test_a_failing_request_fails_alone(seconds_per_sample: float) -> None:
    batcher = make_batcher(seconds_per_sample=seconds_per_sample)
    answers = await asyncio.gather(*(batcher.answer(samples(n)) for n in (12, BAD, 14)), return_exceptions=True)
    first, failed, last = answers
    assert isinstance(failed, Failed)
    assert "bad luck" in failed.message
    assert [list(one["y"]) for one in (first, last)] == [[144], [196]]  # type: ignore[index]


async def test_a_long_error_is_cut_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def fail(inputs: Arrays) -> Arrays:
        raise ValueError("x" * 1_000_000)

    with pytest.raises(Failed):
        await make_batcher(fail).answer(samples(1))
    assert len(caplog.text) < 3000


class Sink:
    """Records the answers and errors. See ResultSink."""

    def __init__(self) -> None:
        self.received: list[Arrays | Refused] = []
        self.is_done = False

    def done(self) -> bool:
        return self.is_done

    def set_result(self, answer: Arrays) -> None:
        self.received.append(answer)

    def set_exception(self, error: Refused) -> None:
        self.received.append(error)


@pytest.mark.parametrize("seconds_per_sample", [FAST, SLOW])
async def test_a_sink_gets_the_joined_answer_of_a_large_request(seconds_per_sample: float) -> None:
    run, taken = RecordingModel(), Sink()
    batcher = make_batcher(run, seconds_per_sample=seconds_per_sample)
    batcher.put(samples(*range(20, 41)), taken)
    await batcher.answer(samples(2))
    assert not taken.received  # others have their turn before the rest
    async with asyncio.timeout(5):
        while not taken.received:  # noqa: ASYNC110 - a condition has no event
            await asyncio.sleep(0.001)
    (answer,) = taken.received
    assert list(answer["y"]) == [n * n for n in range(20, 41)]  # type: ignore[index]
    assert run.sizes == [8, 1, 8, 5]


@pytest.mark.parametrize(
    ("values", "calls"), [((BAD, *range(20, 40)), 1), ((*range(20, 30), BAD, 1, 2, 3, 4, 5, 6), 2)]
)
async def test_a_failed_large_request_gets_one_error(values: Sequence[int], calls: int) -> None:
    run, taken = RecordingModel(), Sink()
    make_batcher(run).put(samples(*values), taken)
    await asyncio.sleep(0.01)
    (failed,) = taken.received
    assert isinstance(failed, Failed)
    assert len(run.sizes) == calls


async def test_computes_no_more_for_a_disconnected_client() -> None:
    taken = Sink()

    def run(inputs: Arrays) -> Arrays:
        taken.is_done = True
        return square(inputs)

    recording = RecordingModel(run)
    make_batcher(recording).put(samples(*range(20, 41)), taken)
    await asyncio.sleep(0.01)
    assert (recording.sizes, taken.received) == ([8], [])


async def test_chunks_with_different_shapes_fail_their_request_alone() -> None:
    batcher = make_batcher(lambda inputs: {"y": np.ones((len(inputs["x"]), int(inputs["x"][0])))})
    asking = batcher.answer(samples(*range(1, 21))), batcher.answer(samples(1))
    async with asyncio.timeout(5):
        both = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(both[0], Failed)
    assert both[1]["y"].shape == (1, 1)  # type: ignore[index]


async def test_a_failing_chunk_fails_its_request_alone() -> None:
    batcher = make_batcher()
    answers = await asyncio.gather(
        batcher.answer(samples(*range(20), BAD)), batcher.answer(samples(1)), return_exceptions=True
    )
    assert isinstance(answers[0], Failed)
    assert list(answers[1]["y"]) == [1]  # type: ignore[index]


async def test_a_model_must_answer_each_sample() -> None:
    batcher = make_batcher(lambda inputs: {"y": inputs["x"].sum(keepdims=True)})
    answers = await asyncio.gather(batcher.answer(samples(1)), batcher.answer(samples(2, 3)), return_exceptions=True)
    assert list(answers[0]["y"]) == [1]  # type: ignore[index]
    assert isinstance(answers[1], Failed)
    assert "expected 2 samples along the first axis" in answers[1].message


async def test_refuses_invalid_samples_before_the_call() -> None:
    run = RecordingModel()
    batcher = make_batcher(run)
    good, bad = batcher.answer(samples(1)), batcher.answer({"x": np.zeros(1, np.float32)})
    answers = await asyncio.gather(good, bad, return_exceptions=True)
    assert list(answers[0]["y"]) == [1]  # type: ignore[index]
    assert isinstance(answers[1], Invalid)
    assert run.sizes == [1]


async def test_refuses_requests_above_the_limit() -> None:
    batcher = make_batcher(waiting=2)
    answers = await asyncio.gather(*(batcher.answer(samples(n)) for n in range(4)), return_exceptions=True)
    assert [isinstance(one, Busy) for one in answers] == [False, False, True, True]
    assert list((await batcher.answer(samples(3)))["y"]) == [9]  # there is room again


async def test_an_admitted_request_is_not_refused() -> None:
    batcher = make_batcher(waiting=0)
    assert list((await batcher.answer(samples(3), is_admitted=True))["y"]) == [9]


async def test_a_large_request_does_not_wait_until_planned_photographs_are_decoded() -> None:
    admission = AdmissionControl(1000, 1000)
    batcher = make_batcher(admission=admission)
    admission.extra_estimates.append(lambda: 25.0)
    admission.waiting = 1
    assert len((await batcher.answer(samples(*range(20, 29))))["y"]) == 9


async def test_a_large_request_waits_for_planned_photographs() -> None:
    admission = AdmissionControl(1000, 1000)
    batcher = make_batcher(seconds_per_sample=SLOW, admission=admission)
    admission.planned, admission.waiting = 2500, 1
    with pytest.raises(Busy, match="take about 25 s"):
        await batcher.answer(samples(*range(20, 29)))
    assert list((await batcher.answer(samples(3)))["y"]) == [9]


async def test_photographs_that_small_requests_wait_for_count_once() -> None:
    admission = AdmissionControl(1000, 1000)
    batcher = make_batcher(seconds_per_sample=1.0, admission=admission)
    waiting = [asyncio.ensure_future(batcher.answer(samples(number))) for number in range(7)]
    await asyncio.sleep(0)
    admission.planned = 9
    seconds = admission.estimate(), admission.extra_seconds(), batcher.seconds()
    assert seconds == pytest.approx((14.0, 2.0, 16.0), abs=0.5)
    admission.planned = 0
    await asyncio.gather(*waiting)


async def test_batches_only_equal_shapes() -> None:
    run = RecordingModel()
    batcher = make_batcher(run, model=TEXTS)
    given = [np.full((1, length), 2, np.int64) for length in (3, 3, 5, 3)]
    answers = await asyncio.gather(*(batcher.answer({"x": one}) for one in given))
    assert [int(one["y"][0]) for one in answers] == [12, 12, 20, 12]
    assert run.sizes == [2, 1, 1]


async def test_a_slow_call_does_not_block_the_event_loop() -> None:
    loop = asyncio.get_running_loop()
    proceed = asyncio.Event()

    def held(inputs: Arrays) -> Arrays:
        asyncio.run_coroutine_threadsafe(proceed.wait(), loop).result(10)
        return square(inputs)

    batcher = make_batcher(held, seconds_per_sample=2 * INLINE_SECONDS)
    answering = asyncio.create_task(batcher.answer(samples(3)))
    await asyncio.sleep(0.01)  # which it would not return from if the model blocked the loop
    assert not answering.done()
    proceed.set()
    assert list((await answering)["y"]) == [9]


async def test_samples_of_variable_length_are_computed_in_a_thread() -> None:
    threads: list[threading.Thread] = []

    def run(inputs: Arrays) -> Arrays:
        threads.append(threading.current_thread())
        return square(inputs)

    answer = await make_batcher(run, model=TEXTS, seconds_per_sample=FAST).answer({"x": np.ones((1, 1000), np.int64)})
    assert list(answer["y"]) == [1000]
    assert threading.main_thread() not in threads


async def test_texts_are_computed_in_a_thread() -> None:
    threads: list[threading.Thread] = []

    def run(inputs: Arrays) -> Arrays:
        threads.append(threading.current_thread())
        return {"y": np.array([len(text) for text in inputs["x"]])}

    answer = await make_batcher(run, model=NOTES, seconds_per_sample=FAST).answer({"x": np.array(["a" * 9], object)})
    assert list(answer["y"]) == [9]
    assert threading.main_thread() not in threads


async def test_an_error_of_the_callback_blocks_no_request() -> None:
    def on_call(_: int, __: Sequence[Arrays]) -> None:
        raise ValueError("no such class")

    received: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: received.append(context["exception"]))
    batcher = make_batcher(max_batch_size=1, on_call=on_call)
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*(batcher.answer(samples(n)) for n in (1, 2, 3)))
    assert [list(one["y"]) for one in answers] == [[1], [4], [9]]
    assert len(received) == 3


async def test_fast_calls_move_to_the_event_loop() -> None:
    where: set[str] = set()

    def run(inputs: Arrays) -> Arrays:
        where.add(threading.current_thread().name)
        return square(inputs)

    batcher = make_batcher(run, seconds_per_sample=SLOW)
    for _ in range(200):
        await batcher.answer(samples(1))
    where.clear()
    await batcher.answer(samples(1))
    assert where == {"MainThread"}


async def test_reports_each_call() -> None:
    received: list[tuple[int, int]] = []

    def on_call(count: int, outputs: Sequence[Arrays]) -> None:
        received.append((count, sum(len(one["y"]) for one in outputs)))

    batcher = make_batcher(on_call=on_call)
    await asyncio.gather(*(batcher.answer(samples(n)) for n in (1, BAD, 2)), return_exceptions=True)
    assert received == [(3, 2)]


class Call:
    """A request of the test below: its samples, its start, and the time after which it is cancelled, or None."""

    def __init__(self, values: Sequence[int], starts: float, cancels: float | None) -> None:
        self.values, self.starts, self.cancels = values, starts, cancels

    def __repr__(self) -> str:
        return f"Call({self.values}, {self.starts}, {self.cancels})"


moments = st.sampled_from([0.0, 0.0, 0.0005, 0.001, 0.002])
calls = st.builds(
    Call,
    st.lists(st.integers(0, 30), min_size=1, max_size=20),
    moments,
    st.one_of(st.none(), moments),
)


@given(st.lists(calls, max_size=30), st.sampled_from([FAST, SLOW]), st.sampled_from([0.0, 0.001]), st.integers(1, 9))
def test_each_client_gets_its_own_answer(
    calls_: Sequence[Call], seconds_per_sample: float, delay: float, max_batch_size: int
) -> None:
    async def ask(batcher: Batcher, call: Call) -> None:
        await asyncio.sleep(call.starts)
        answering = asyncio.ensure_future(batcher.answer(samples(*call.values)))
        if call.cancels is not None:
            await asyncio.sleep(call.cancels)
            answering.cancel()
        try:
            answer = await answering
        except asyncio.CancelledError:
            assert call.cancels is not None
        except Failed:
            assert BAD in call.values
        else:
            assert list(answer["y"]) == [n * n for n in call.values]
            assert BAD not in call.values

    async def all_of_them() -> None:
        with ThreadPoolExecutor(1) as thread:
            admission = AdmissionControl(1000, 1000)
            batcher = Batcher(
                NUMBER,
                square,
                max_batch_size=max_batch_size,
                delay=delay,
                thread=thread,
                seconds_per_sample=seconds_per_sample,
                admission=admission,
            )
            await asyncio.gather(*(ask(batcher, call) for call in calls_))
            await asyncio.sleep(0.005)
        assert admission.waiting == 0

    asyncio.run(all_of_them())


async def test_refuses_requests_beyond_the_maximum_time() -> None:
    proceed = threading.Event()
    admission = AdmissionControl(1000, 1000)
    batcher = make_batcher(held(proceed), seconds_per_sample=8.0, max_batch_size=1, admission=admission)
    waiting = [asyncio.create_task(batcher.answer(samples(number))) for number in range(3)]
    await asyncio.sleep(0.01)
    assert admission.estimate() == 24.0
    with pytest.raises(Busy, match=r"3 waiting requests take about 24 s"):
        await batcher.answer(samples(9))
    proceed.set()
    await asyncio.gather(*waiting)
    assert admission.estimate() == 0


async def test_the_estimate_counts_all_samples_of_large_requests() -> None:
    proceed = threading.Event()
    large = {"x": np.ones(16384, np.int64)}
    batcher = make_batcher(held(proceed), seconds_per_sample=0.005)
    running = asyncio.create_task(batcher.answer(large))
    await asyncio.sleep(0.01)
    assert batcher.seconds() > 60
    with pytest.raises(Busy, match="1 waiting requests take about 82 s"):
        await batcher.answer(large)
    with pytest.raises(Busy):
        batcher.put(large, Sink())
    overtaking = asyncio.create_task(batcher.answer(samples(3)))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert batcher.seconds() < 60
    proceed.set()
    assert list((await overtaking)["y"]) == [9]


async def test_a_failed_large_request_does_not_count_in_the_estimate() -> None:
    proceed, sink = threading.Event(), Sink()
    batcher = make_batcher(held(proceed), seconds_per_sample=0.005)
    running = asyncio.create_task(batcher.answer(samples(3)))
    await asyncio.sleep(0.01)
    batcher.put({"x": np.ones(16384, np.int64)}, sink)
    assert batcher.seconds() > 60
    batcher.fail_queued(NotReady("it ends"))
    assert batcher.seconds() < 60
    assert len(sink.received) == 1
    proceed.set()
    await running


async def test_fails_queued_requests_at_shutdown() -> None:
    proceed = threading.Event()
    batcher = make_batcher(held(proceed), seconds_per_sample=SLOW, max_batch_size=1)
    first = asyncio.create_task(batcher.answer(samples(3)))
    await asyncio.sleep(0.01)
    second, large = (asyncio.create_task(batcher.answer(samples(*[3] * count))) for count in (1, 5))
    await asyncio.sleep(0.01)
    batcher.fail_queued(NotReady("it ends"))
    for one in (second, large):
        with pytest.raises(NotReady, match="it ends"):
            await one
    proceed.set()
    assert list((await first)["y"]) == [9]


async def test_disconnected_clients_do_not_count_in_the_queue() -> None:
    proceed = threading.Event()
    admission = AdmissionControl(1000, 1000)
    batcher = make_batcher(held(proceed), seconds_per_sample=1.0, max_batch_size=1, admission=admission)
    left = [asyncio.create_task(batcher.answer(samples(number))) for number in range(21)]
    await asyncio.sleep(0.01)
    with pytest.raises(Busy, match=r"21 waiting requests take about 21 s"):
        admission.admit()
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    admission.admit()  # while the call still runs
    answering = asyncio.create_task(batcher.answer(samples(5)))
    proceed.set()
    assert list((await answering)["y"]) == [25]
    assert admission.estimate() == 0


async def test_drops_disconnected_clients_after_the_running_call() -> None:
    proceed = threading.Event()
    admission = AdmissionControl(1000, 1000)
    batcher = make_batcher(held(proceed), seconds_per_sample=2.4, admission=admission)
    takers = [Sink() for _ in range(3)]
    for count, sink in zip((1, 7, 8), takers, strict=True):
        batcher.put(samples(*[3] * count), sink)
        await asyncio.sleep(0.01)
    with pytest.raises(Busy):
        admission.admit()
    for sink in takers:
        sink.is_done = True
    admission.waiting = 0
    proceed.set()
    async with asyncio.timeout(5):
        while batcher.slow_call_message(0, 0):  # noqa: ASYNC110 - a condition has no event
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    admission.admit()
    assert admission.estimate() == 0


async def test_slow_single_requests_do_not_raise_the_estimate_of_full_batches() -> None:
    admission = AdmissionControl(1000, 1000)
    proceed = threading.Event()
    calls: list[int] = []

    def run(inputs: Arrays) -> Arrays:
        calls.append(len(inputs["x"]))
        if len(calls) > 20:
            proceed.wait(10)
        time.sleep(0.02)  # for any size of the batch
        return square(inputs)

    batcher = make_batcher(run, seconds_per_sample=0.02 / 8, admission=admission)
    for _ in range(20):
        await batcher.answer(samples(2))
    waiting = [asyncio.create_task(batcher.answer(samples(2))) for _ in range(100)]
    await asyncio.sleep(0.01)
    assert admission.estimate() < 1  # thirteen calls
    proceed.set()
    await asyncio.gather(*waiting)


async def test_reports_a_slow_call() -> None:
    proceed = threading.Event()
    admission = AdmissionControl(1000, 1000)
    batcher = make_batcher(held(proceed), seconds_per_sample=SLOW, admission=admission)
    assert batcher.slow_call_message(0, 0) is None
    answering = asyncio.create_task(batcher.answer(samples(1, 2)))
    await asyncio.sleep(0.05)
    assert (batcher.slow_call_message(10, 0), batcher.slow_call_message(0, 1000)) == (None, None)
    late = batcher.slow_call_message(0.01, 1)
    assert late is not None
    assert "the model call with 2 samples takes too long: 0 s so far, expected at most 0 s: send fewer" in late
    assert 0.04 < admission.estimate() < 5  # as long as it has taken
    proceed.set()
    await answering
    assert batcher.slow_call_message(0, 0) is None


async def test_frees_samples_of_disconnected_clients() -> None:
    proceed = threading.Event()
    admission = AdmissionControl(1000, 1000)
    batcher = make_batcher(held(proceed), seconds_per_sample=6.0, admission=admission)
    first = asyncio.create_task(batcher.answer(samples(3)))
    await asyncio.sleep(0.01)
    sent = [samples(4), samples(5), samples(6)]
    alive = [weakref.ref(one["x"]) for one in sent]
    left, stays = (asyncio.create_task(batcher.answer(sent.pop(0))) for _ in range(2))
    sink = Sink()
    batcher.put(sent.pop(), sink)
    await asyncio.sleep(0.01)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    sink.is_done, admission.waiting = True, admission.waiting - 1
    batcher.drop_disconnected()
    del left
    await asyncio.sleep(0.01)
    gc.collect()
    assert [one() is None for one in alive] == [True, False, True]
    assert admission.estimate() < 18
    proceed.set()
    assert [list(one["y"]) for one in await asyncio.gather(first, stays)] == [[9], [25]]
    assert admission.estimate() == 0


async def test_early_failures_do_not_measure_the_speed() -> None:
    threads: list[threading.Thread] = []

    def run(inputs: Arrays) -> Arrays:
        threads.append(threading.current_thread())
        return square(inputs)

    batcher = make_batcher(run, seconds_per_sample=SLOW)
    for _ in range(30):
        with pytest.raises(Failed):
            await batcher.answer(samples(BAD))
    await batcher.answer(samples(2))
    assert threading.main_thread() not in threads
