"""Each request gets the answer to its own samples, whatever else is computed with it, fails beside it or goes away."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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
BAD = 13
"""A sample that no call of the model survives."""
SLOW = 0.01
"""A pace by which nothing is computed in the event loop."""
QUICK = 0.0


def square(inputs: Arrays) -> Arrays:
    x = inputs["x"]
    if (x == BAD).any():
        raise ValueError("it has bad luck")
    return {"y": x * x if x.ndim == 1 else (x * x).sum(axis=1)}


class Recording:
    """A model that remembers how it was called."""

    def __init__(self, run: Callable[[Arrays], Arrays] = square) -> None:
        self.run = run
        self.sizes: list[int] = []

    def __call__(self, inputs: Arrays) -> Arrays:
        self.sizes.append(len(inputs["x"]))
        return self.run(inputs)


def batcher(run: Callable[[Arrays], Arrays] = square, *, waiting: int = 1000, **different: Any) -> Batcher:
    how: dict[str, Any] = {
        "model": NUMBER,
        "most": 8,
        "delay": 0.0,
        "pace": QUICK,
        "admission": AdmissionControl(waiting, 1000),
    } | different
    return Batcher(run=run, thread=ThreadPoolExecutor(1), **how)


def samples(*values: int) -> dict[str, np.ndarray]:
    return {"x": np.array(values, np.int64)}


@pytest.mark.parametrize("pace", [QUICK, SLOW])
async def test_puts_together_what_waits(pace: float) -> None:
    run = Recording()
    asked = batcher(run, pace=pace)
    answers = await asyncio.gather(*(asked.answer(samples(n, n + 1)) for n in range(20, 26)))
    assert [list(one["y"]) for one in answers] == [[n * n, (n + 1) ** 2] for n in range(20, 26)]
    assert run.sizes == [8, 4]


async def test_a_lone_request_waits_for_nobody() -> None:
    run = Recording()
    asked = batcher(run)
    for n in range(3):
        assert list((await asked.answer(samples(n)))["y"]) == [n * n]
    assert run.sizes == [1, 1, 1]


async def test_waits_for_others_as_long_as_it_is_told() -> None:
    run = Recording()
    asked = batcher(run, delay=0.05)

    async def later(n: int) -> Arrays:
        await asyncio.sleep(0.01)
        return await asked.answer(samples(n))

    await asyncio.gather(asked.answer(samples(1)), later(2))
    assert run.sizes == [2]


async def test_a_full_batch_waits_no_longer() -> None:
    run = Recording()
    asked = batcher(run, delay=60.0)
    await asyncio.wait_for(asyncio.gather(*(asked.answer(samples(n)) for n in range(8))), 5)
    assert run.sizes == [8]


async def test_divides_what_is_too_much_for_one_call() -> None:
    run = Recording()
    values = range(20, 41)
    answer = await batcher(run).answer(samples(*values))
    assert list(answer["y"]) == [n * n for n in values]
    assert run.sizes == [8, 8, 5]


@pytest.mark.parametrize("pace", [QUICK, SLOW])
async def test_who_asks_for_little_does_not_wait_for_all_of_who_asks_for_much(pace: float) -> None:
    run = Recording()
    asked = batcher(run, pace=pace)
    much = asyncio.create_task(asked.answer(samples(*[1] * 8000)))
    await asyncio.sleep(0)
    await asked.answer(samples(2))
    assert len(run.sizes) < 10
    assert len((await much)["y"]) == 8000
    assert len(run.sizes) == 1001


@pytest.mark.parametrize("pace", [QUICK, SLOW])
async def test_none_fails_for_its_neighbours_sake(pace: float) -> None:
    asked = batcher(pace=pace)
    answers = await asyncio.gather(*(asked.answer(samples(n)) for n in (12, BAD, 14)), return_exceptions=True)
    first, failed, last = answers
    assert isinstance(failed, Failed)
    assert "bad luck" in failed.message
    assert [list(one["y"]) for one in (first, last)] == [[144], [196]]  # type: ignore[index]


async def test_an_error_that_quotes_its_input_is_cut_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def fail(inputs: Arrays) -> Arrays:
        raise ValueError("x" * 1_000_000)

    with pytest.raises(Failed):
        await batcher(fail).answer(samples(1))
    assert len(caplog.text) < 3000


class Taken:
    """Takes an answer, or why there is none, and keeps all that it is given."""

    def __init__(self) -> None:
        self.told: list[Arrays | Refused] = []
        self.gone = False

    def done(self) -> bool:
        return self.gone

    def set_result(self, answer: Arrays) -> None:
        self.told.append(answer)

    def set_exception(self, error: Refused) -> None:
        self.told.append(error)


@pytest.mark.parametrize("pace", [QUICK, SLOW])
async def test_gives_what_is_too_much_for_one_call_to_who_takes_it(pace: float) -> None:
    run, taken = Recording(), Taken()
    asked = batcher(run, pace=pace)
    asked.put(samples(*range(20, 41)), taken)
    await asked.answer(samples(2))
    assert not taken.told  # others have their turn before the rest
    async with asyncio.timeout(5):
        while not taken.told:  # noqa: ASYNC110 - what it waits for tells nobody
            await asyncio.sleep(0.001)
    (answer,) = taken.told
    assert list(answer["y"]) == [n * n for n in range(20, 41)]  # type: ignore[index]
    assert run.sizes == [8, 1, 8, 5]


@pytest.mark.parametrize(
    ("values", "calls"), [((BAD, *range(20, 40)), 1), ((*range(20, 30), BAD, 1, 2, 3, 4, 5, 6), 2)]
)
async def test_what_fails_in_pieces_is_told_once(values: Sequence[int], calls: int) -> None:
    run, taken = Recording(), Taken()
    batcher(run).put(samples(*values), taken)
    await asyncio.sleep(0.01)
    (failed,) = taken.told
    assert isinstance(failed, Failed)
    assert len(run.sizes) == calls


async def test_nothing_else_is_computed_for_who_has_gone() -> None:
    taken = Taken()

    def run(inputs: Arrays) -> Arrays:
        taken.gone = True
        return square(inputs)

    recording = Recording(run)
    batcher(recording).put(samples(*range(20, 41)), taken)
    await asyncio.sleep(0.01)
    assert (recording.sizes, taken.told) == ([8], [])


async def test_pieces_whose_answers_differ_in_length_fail_their_request_alone() -> None:
    asked = batcher(lambda inputs: {"y": np.ones((len(inputs["x"]), int(inputs["x"][0])))})
    asking = asked.answer(samples(*range(1, 21))), asked.answer(samples(1))
    async with asyncio.timeout(5):
        both = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(both[0], Failed)
    assert both[1]["y"].shape == (1, 1)  # type: ignore[index]


async def test_a_part_that_fails_fails_its_request_alone() -> None:
    asked = batcher()
    answers = await asyncio.gather(
        asked.answer(samples(*range(20), BAD)), asked.answer(samples(1)), return_exceptions=True
    )
    assert isinstance(answers[0], Failed)
    assert list(answers[1]["y"]) == [1]  # type: ignore[index]


async def test_what_gives_no_answer_to_each_sample_fails() -> None:
    asked = batcher(lambda inputs: {"y": inputs["x"].sum(keepdims=True)})
    answers = await asyncio.gather(asked.answer(samples(1)), asked.answer(samples(2, 3)), return_exceptions=True)
    assert list(answers[0]["y"]) == [1]  # type: ignore[index]
    assert isinstance(answers[1], Failed)
    assert "an answer to each of 2 samples" in answers[1].message


async def test_refuses_before_anything_is_computed() -> None:
    run = Recording()
    asked = batcher(run)
    good, bad = asked.answer(samples(1)), asked.answer({"x": np.zeros(1, np.float32)})
    answers = await asyncio.gather(good, bad, return_exceptions=True)
    assert list(answers[0]["y"]) == [1]  # type: ignore[index]
    assert isinstance(answers[1], Invalid)
    assert run.sizes == [1]


async def test_refuses_more_than_may_wait() -> None:
    asked = batcher(waiting=2)
    answers = await asyncio.gather(*(asked.answer(samples(n)) for n in range(4)), return_exceptions=True)
    assert [isinstance(one, Busy) for one in answers] == [False, False, True, True]
    assert list((await asked.answer(samples(3)))["y"]) == [9]  # there is room again


async def test_only_what_has_the_same_shape_goes_together() -> None:
    run = Recording()
    asked = batcher(run, model=TEXTS)
    given = [np.full((1, length), 2, np.int64) for length in (3, 3, 5, 3)]
    answers = await asyncio.gather(*(asked.answer({"x": one}) for one in given))
    assert [int(one["y"][0]) for one in answers] == [12, 12, 20, 12]
    assert run.sizes == [2, 1, 1]


async def test_what_takes_long_leaves_the_loop_to_others() -> None:
    loop = asyncio.get_running_loop()
    proceed = asyncio.Event()

    def held(inputs: Arrays) -> Arrays:
        asyncio.run_coroutine_threadsafe(proceed.wait(), loop).result(10)
        return square(inputs)

    asked = batcher(held, pace=2 * INLINE_SECONDS)
    answering = asyncio.create_task(asked.answer(samples(3)))
    await asyncio.sleep(0.01)  # which it would not come back from, were the model called in the loop
    assert not answering.done()
    proceed.set()
    assert list((await answering)["y"]) == [9]


async def test_what_may_be_of_any_length_leaves_the_loop_to_others() -> None:
    threads: list[threading.Thread] = []

    def run(inputs: Arrays) -> Arrays:
        threads.append(threading.current_thread())
        return square(inputs)

    answer = await batcher(run, model=TEXTS, pace=QUICK).answer({"x": np.ones((1, 1000), np.int64)})
    assert list(answer["y"]) == [1000]
    assert threading.main_thread() not in threads


async def test_what_cannot_be_counted_holds_up_nobody() -> None:
    def computed(_: int, __: Sequence[Arrays]) -> None:
        raise ValueError("no such class")

    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    asked = batcher(most=1, computed=computed)
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*(asked.answer(samples(n)) for n in (1, 2, 3)))
    assert [list(one["y"]) for one in answers] == [[1], [4], [9]]
    assert len(told) == 3


async def test_learns_how_long_a_sample_takes() -> None:
    where: set[str] = set()

    def run(inputs: Arrays) -> Arrays:
        import threading  # noqa: PLC0415

        where.add(threading.current_thread().name)
        return square(inputs)

    asked = batcher(run, pace=SLOW)
    for _ in range(200):
        await asked.answer(samples(1))
    where.clear()
    await asked.answer(samples(1))
    assert where == {"MainThread"}


async def test_tells_of_each_call() -> None:
    told: list[tuple[int, int]] = []

    def computed(count: int, outputs: Sequence[Arrays]) -> None:
        told.append((count, sum(len(one["y"]) for one in outputs)))

    asked = batcher(computed=computed)
    await asyncio.gather(*(asked.answer(samples(n)) for n in (1, BAD, 2)), return_exceptions=True)
    assert told == [(3, 2)]


class Call:
    """A request of the test below: its samples, when it comes, and whether its caller goes away, and when."""

    def __init__(self, values: Sequence[int], come: float, go: float | None) -> None:
        self.values, self.come, self.go = values, come, go

    def __repr__(self) -> str:
        return f"Call({self.values}, {self.come}, {self.go})"


moments = st.sampled_from([0.0, 0.0, 0.0005, 0.001, 0.002])
calls = st.builds(
    Call,
    st.lists(st.integers(0, 30), min_size=1, max_size=20),
    moments,
    st.one_of(st.none(), moments),
)


@given(st.lists(calls, max_size=30), st.sampled_from([QUICK, SLOW]), st.sampled_from([0.0, 0.001]), st.integers(1, 9))
def test_one_callers_answer_never_reaches_another(made: Sequence[Call], pace: float, delay: float, most: int) -> None:
    async def ask(asked: Batcher, call: Call) -> None:
        await asyncio.sleep(call.come)
        answering = asyncio.ensure_future(asked.answer(samples(*call.values)))
        if call.go is not None:
            await asyncio.sleep(call.go)
            answering.cancel()
        try:
            answer = await answering
        except asyncio.CancelledError:
            assert call.go is not None
        except Failed:
            assert BAD in call.values
        else:
            assert list(answer["y"]) == [n * n for n in call.values]
            assert BAD not in call.values

    async def all_of_them() -> None:
        with ThreadPoolExecutor(1) as thread:
            admission = AdmissionControl(1000, 1000)
            asked = Batcher(NUMBER, square, most=most, delay=delay, thread=thread, pace=pace, admission=admission)
            await asyncio.gather(*(ask(asked, call) for call in made))
            await asyncio.sleep(0.005)
        assert admission.waiting == 0

    asyncio.run(all_of_them())


async def test_no_more_may_wait_than_is_computed_in_time() -> None:
    goes_on = threading.Event()

    def run(inputs: Arrays) -> Arrays:
        goes_on.wait(10)
        return square(inputs)

    admission = AdmissionControl(1000, 1000)
    asked = batcher(run, pace=8.0, most=1, admission=admission)
    waiting = [asyncio.create_task(asked.answer(samples(number))) for number in range(3)]
    await asyncio.sleep(0.01)
    assert admission.estimate() == 24.0
    with pytest.raises(Busy, match=r"3 waiting requests take about 24 s"):
        await asked.answer(samples(9))
    goes_on.set()
    await asyncio.gather(*waiting)
    assert admission.estimate() == 0


async def test_what_is_given_up_is_answered() -> None:
    goes_on = threading.Event()

    def run(inputs: Arrays) -> Arrays:
        goes_on.wait(10)
        return square(inputs)

    asked = batcher(run, pace=SLOW, most=1)
    first, second, large = (asyncio.create_task(asked.answer(samples(*[3] * count))) for count in (1, 1, 5))
    await asyncio.sleep(0.01)
    asked.give_up(NotReady("it ends"))
    for one in (second, large):
        with pytest.raises(NotReady, match="it ends"):
            await one
    goes_on.set()
    assert list((await first)["y"]) == [9]


def held(goes_on: threading.Event) -> Callable[[Arrays], Arrays]:
    """Returns a model whose calls wait for an event."""

    def run(inputs: Arrays) -> Arrays:
        goes_on.wait(10)
        return square(inputs)

    return run


async def test_a_queue_whose_clients_have_gone_refuses_nobody() -> None:
    goes_on = threading.Event()
    admission = AdmissionControl(1000, 1000)
    asked = batcher(held(goes_on), pace=1.0, most=1, admission=admission)
    left = [asyncio.create_task(asked.answer(samples(number))) for number in range(21)]
    await asyncio.sleep(0.01)
    with pytest.raises(Busy, match=r"21 waiting requests take about 21 s"):
        admission.admit()
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    admission.admit()  # while the call still runs
    answering = asyncio.create_task(asked.answer(samples(5)))
    goes_on.set()
    assert list((await answering)["y"]) == [25]
    assert admission.estimate() == 0


async def test_a_queue_whose_clients_have_gone_is_forgotten_with_the_call_that_they_waited_for() -> None:
    goes_on = threading.Event()
    admission = AdmissionControl(1000, 1000)
    asked = batcher(held(goes_on), pace=2.4, admission=admission)
    takers = [Taken() for _ in range(3)]
    for count, sink in zip((1, 7, 8), takers, strict=True):
        asked.put(samples(*[3] * count), sink)
        await asyncio.sleep(0.01)
    with pytest.raises(Busy):
        admission.admit()
    for sink in takers:
        sink.gone = True
    admission.waiting = 0
    goes_on.set()
    async with asyncio.timeout(5):
        while asked.late(0, 0):  # noqa: ASYNC110 - what it waits for tells nobody
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    admission.admit()
    assert admission.estimate() == 0


async def test_slow_single_requests_do_not_shorten_the_queue_of_full_batches() -> None:
    admission = AdmissionControl(1000, 1000)
    proceed = threading.Event()
    calls: list[int] = []

    def run(inputs: Arrays) -> Arrays:
        calls.append(len(inputs["x"]))
        if len(calls) > 20:
            proceed.wait(10)
        time.sleep(0.02)  # whatever the size of the batch
        return square(inputs)

    asked = batcher(run, pace=0.02 / 8, admission=admission)
    for _ in range(20):
        await asked.answer(samples(2))
    waiting = [asyncio.create_task(asked.answer(samples(2))) for _ in range(100)]
    await asyncio.sleep(0.01)
    assert admission.estimate() < 1  # thirteen calls
    proceed.set()
    await asyncio.gather(*waiting)


async def test_tells_of_a_call_that_takes_too_long() -> None:
    goes_on = threading.Event()
    admission = AdmissionControl(1000, 1000)
    asked = batcher(held(goes_on), pace=SLOW, admission=admission)
    assert asked.late(0, 0) is None
    answering = asyncio.create_task(asked.answer(samples(1, 2)))
    await asyncio.sleep(0.05)
    assert (asked.late(10, 0), asked.late(0, 1000)) == (None, None)
    late = asked.late(0.01, 1)
    assert late is not None
    assert "2 samples for 0 s, expected 0.02 s" in late
    assert 0.04 < admission.estimate() < 5  # as long as it has taken
    goes_on.set()
    await answering
    assert asked.late(0, 0) is None


async def test_samples_whose_client_has_gone_are_forgotten_before_their_turn() -> None:
    goes_on = threading.Event()
    admission = AdmissionControl(1000, 1000)
    asked = batcher(held(goes_on), pace=6.0, admission=admission)
    first = asyncio.create_task(asked.answer(samples(3)))
    await asyncio.sleep(0.01)
    sent = [samples(4), samples(5), samples(6)]
    alive = [weakref.ref(one["x"]) for one in sent]
    left, stays = (asyncio.create_task(asked.answer(sent.pop(0))) for _ in range(2))
    sink = Taken()
    asked.put(sent.pop(), sink)
    await asyncio.sleep(0.01)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    sink.gone, admission.waiting = True, admission.waiting - 1
    asked.forget()
    del left
    await asyncio.sleep(0.01)
    gc.collect()
    assert [one() is None for one in alive] == [True, False, True]
    assert admission.estimate() < 18
    goes_on.set()
    assert [list(one["y"]) for one in await asyncio.gather(first, stays)] == [[9], [25]]
    assert admission.estimate() == 0


async def test_calls_that_fail_at_once_make_no_call_seem_quick() -> None:
    threads: list[threading.Thread] = []

    def run(inputs: Arrays) -> Arrays:
        threads.append(threading.current_thread())
        return square(inputs)

    asked = batcher(run, pace=SLOW)
    for _ in range(30):
        with pytest.raises(Failed):
            await asked.answer(samples(BAD))
    await asked.answer(samples(2))
    assert threading.main_thread() not in threads
