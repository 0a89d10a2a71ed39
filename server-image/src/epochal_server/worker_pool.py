"""Runs blocking functions in threads instead of the event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

from epochal_server.admission import AdmissionControl
from epochal_server.job_timing import JobTiming
from epochal_server.refusals import NotReady
from epochal_server.turns import Turns

P = ParamSpec("P")
R = TypeVar("R")


class WorkerPool:
    """Runs functions in a pool of threads, at most `threads` functions at a time."""

    def __init__(self, pool: Executor, admission: AdmissionControl, threads: int) -> None:
        self._pool = pool
        self._thread_turns, self._exclusive_turns = Turns(threads), Turns(1)
        self._admission = admission
        self._shared, self._exclusive = JobTiming(threads), JobTiming(1)
        self._unfinished: set[asyncio.Timeout] = set()
        self._refusal: NotReady | None = None
        admission.estimates.append(self.seconds)
        admission.extra_estimates.append(self._extra_seconds)

    async def __call__(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function in a thread and return its result. Its request counts as waiting meanwhile.

        Raises:
            Busy: If the queue is full or too slow. See AdmissionControl.admit.
            NotReady: The error of `refuse`.
            Exception: The exception of the function, such as Refused.
        """
        self._admission.admit()
        return await self._run(self._shared, partial(function, *args, **kwargs))

    async def run_exclusively(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function that takes much memory in a thread and return its result. Only one of these runs at a time.

        Parsed JSON may take forty times its bytes. A picture of a thousand bytes may take a quarter of a GiB. Memory is
        too small for two such functions at a time.

        Raises:
            Busy: If the queue is full or too slow. See AdmissionControl.admit.
            NotReady: The error of `refuse`.
        """
        self._admission.admit()
        return await self._run(self._exclusive, partial(function, *args, **kwargs))

    async def run_for_answer(self, function: Callable[[], R], *, is_part: bool = False) -> R:
        """Run a function in a thread after the model's answer, such as encoding a large answer, and return its result.

        The function never runs at the same time as a function of `run_exclusively`. Its request counts as waiting, but
        is never refused, except by `refuse`. `is_part` means that it encodes the answer to one photograph of a form,
        so that it waits with the calls of `plan`.
        """
        return await self._run(self._exclusive, function, is_part=is_part)

    @contextmanager
    def plan(self, function: Callable[P, R], exclusive: Sequence[bool]) -> Iterator[Callable[P, Awaitable[R]]]:
        """Admit a form of several photographs. Yield a coroutine function that runs `function` for the next photograph.

        A planned call is never refused, except by `refuse`: otherwise the work for earlier photographs would be lost.
        Call one after another, so that other requests have their turns between the calls. Planned calls and all other
        calls take turns, so that small requests do not delay each photograph by the whole queue.

        Args:
            function: Decodes a photograph. Afterwards the model computes the photograph.
            exclusive: For each call, whether it takes much memory. See `run_exclusively`.

        Raises:
            Busy: If the queue is full or too slow. See AdmissionControl.admit.
        """
        self._admission.admit(self._admission.extra_seconds())
        name = _name(function)
        later = [self._exclusive if is_exclusive else self._shared for is_exclusive in reversed(exclusive)]

        def add(timing: JobTiming, count: int) -> None:
            timing.planned[name] += count
            self._admission.planned += count

        async def call(*args: P.args, **kwargs: P.kwargs) -> R:
            timing = later.pop()
            add(timing, -1)
            return await self._run(timing, partial(function, *args, **kwargs), is_part=True)

        for timing in later:
            add(timing, 1)
        try:
            yield call
        finally:
            for timing in later:
                add(timing, -1)

    def seconds(self) -> float:
        """Return the estimated seconds until all calls have ended. Planned calls take every second turn meanwhile."""
        return sum(
            remaining + min(remaining, timing.planned_seconds())
            for timing in (self._shared, self._exclusive)
            if (remaining := timing.remaining())
        )

    def _extra_seconds(self) -> float:
        """Return the estimated seconds of the planned calls that `seconds` does not contain."""
        timings = (self._shared, self._exclusive)
        return sum(max(0.0, timing.planned_seconds() - timing.remaining()) for timing in timings)

    def slow_call_message(self, seconds: float, factor: float) -> str | None:
        """Return an error message if a running function is too slow, else None. See `epochal_server.slow_call`.

        AdmissionControl refuses all requests while one function takes too long, even if other threads are free.
        """
        return self._shared.slow_call_message(seconds, factor) or self._exclusive.slow_call_message(seconds, factor)

    def refuse(self, why: NotReady) -> None:
        """End all calls, also those that wait, and all later calls with the error `why`. Threads that run continue."""
        self._refusal = why
        for call in self._unfinished:
            call.reschedule(0)

    async def _run(self, timing: JobTiming, function: Callable[[], R], *, is_part: bool = False) -> R:
        name, is_exclusive = _name(function), timing is self._exclusive
        exclusive = self._exclusive_turns.wait(is_part) if is_exclusive else nullcontext()
        # The holder of the exclusive turn has a queue of its own: all other exclusive calls wait for it.
        thread = self._thread_turns.wait("exclusive" if is_exclusive else is_part)
        # The pool's own queue would keep the arguments of cancelled calls.
        async with self._call(timing, name), exclusive, thread:
            return await self._done(timing, name, function)

    @asynccontextmanager
    async def _call(self, timing: JobTiming, name: str) -> AsyncIterator[None]:
        """Count a call and its waiting request until the end of the block. `refuse` ends the block with its error."""
        if self._refusal is not None:
            raise self._refusal
        call = asyncio.timeout(None)
        timing.calls[name] += 1
        self._admission.waiting += 1  # counts also while the call waits for its turn
        try:
            async with call:
                self._unfinished.add(call)
                yield
        except TimeoutError:
            if self._refusal is None or not call.expired():
                raise  # the function's own error
            raise self._refusal from None
        finally:
            self._admission.waiting -= 1
            timing.calls[name] -= 1
            self._unfinished.discard(call)

    async def _done(self, timing: JobTiming, name: str, function: Callable[[], R]) -> R:
        with timing.measure(name):
            job = self._pool.submit(function)
            try:
                return await asyncio.wrap_future(job)
            except asyncio.CancelledError:
                # A started function takes memory until its end, even without its client.
                if not job.cancelled() and self._refusal is None:
                    with suppress(Exception):
                        await asyncio.wrap_future(job)
                raise


def _name(function: Callable[..., Any]) -> str:
    """Return the name of a function for its timing, without the arguments of a `partial`."""
    while isinstance(function, partial):
        function = function.func
    return f"{function.__module__}.{function.__qualname__}"


def run_in_daemon(function: Callable[[], R]) -> asyncio.Future[R]:
    """Start a function in a daemon thread, which does not delay the exit of the process. Return its result's future."""
    result: Future[R] = Future()
    result.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result.set_result(function())
        except BaseException as error:  # noqa: BLE001 - the awaiting caller gets every exception
            result.set_exception(error)

    threading.Thread(target=run, name="load", daemon=True).start()
    return asyncio.wrap_future(result)
