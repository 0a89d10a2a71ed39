"""Batches queued samples: one call of the model computes many requests, and each request gets its own answer."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from time import perf_counter
from weakref import WeakSet

from epochal_server.admission import AdmissionControl
from epochal_server.model.batch_timing import BatchTiming
from epochal_server.model.chunk_queue import ChunkQueue
from epochal_server.model.chunked_request import Chunk, ChunkedRequest, ResultSink, concatenate, model_error, split
from epochal_server.model.model import Arrays, Model, check
from epochal_server.refusals import MAX_MESSAGE, Refused
from epochal_server.slow_call import slow_call_message

INLINE_SECONDS = 0.0025
"""Expected time of a model call up to which the event loop itself computes it. For many small calls, the start and end
of a thread would cost as much. Longer calls run in a thread, so that the event loop can answer other requests, such
as the kubelet's probes. Samples of variable length and texts also run in a thread, since the time of a short sample
does not predict the time of a long sample."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of computing a batch with the model."""

    answers: Sequence[Arrays | Refused]
    """The answer or the error for each chunk of the batch."""
    outputs: Sequence[Arrays]
    """The outputs of the model calls: one item for the batch, or one item for each successful chunk computed alone."""
    seconds: float


@dataclass(frozen=True, slots=True)
class RunningCall:
    """A call of the model that currently runs in the batcher's thread."""

    samples: int
    began: float
    expected: float
    """Expected seconds of the call."""


class Batcher:
    """Computes the samples of many requests in one call of the model.

    Without a configured delay, the batcher does not wait for further requests before it calls the model. If a call for
    several requests fails, the samples of each request are computed alone. Thus no request fails because of another.

    Args:
        model: The model. Its inputs and outputs determine which samples and answers are valid.
        run: Computes the outputs of the model; only one thread at a time calls it.
        max_batch_size: Maximum number of samples in one call.
        delay: Maximum seconds to wait for further requests before a call of the model.
        thread: An executor with one thread, for long calls of the model.
        seconds_per_sample: Seconds per sample, as the warm-up measured them.
        admission: The admission control. It asks this batcher how many seconds the waiting requests take.
        on_call: Receives the number of samples and the outputs of each call.
    """

    def __init__(
        self,
        model: Model,
        run: Callable[[Arrays], Arrays],
        *,
        max_batch_size: int,
        delay: float,
        thread: Executor,
        seconds_per_sample: float,
        admission: AdmissionControl,
        on_call: Callable[[int, Sequence[Arrays]], None] = lambda _, __: None,
    ) -> None:
        self._inputs = model.inputs
        self._outputs = model.outputs
        self._varies = any(-1 in tensor.shape for tensor in model.inputs.values())
        self._may_run_inline = not self._varies and not any(tensor.text for tensor in model.inputs.values())
        self._run = run
        self._max_batch_size = max_batch_size
        self._delay = delay
        self._thread = thread
        self._timing = BatchTiming(seconds_per_sample, max_batch_size)
        self._admission = admission
        admission.estimates.append(self._small_request_seconds)
        admission.extra_estimates.append(self._extra_seconds)
        self._on_call = on_call
        self._queue = ChunkQueue(max_batch_size)
        self._large: WeakSet[ChunkedRequest] = WeakSet()
        self._next: asyncio.Handle | None = None
        self._dropping: asyncio.Handle | None = None
        self._running: RunningCall | None = None

    async def answer(self, inputs: Arrays, *, is_admitted: bool = False, is_part: bool = False) -> Arrays:
        """Return all outputs of the model for the samples of a request.

        The arrays may be views of shared memory: do not write to them. Do not write to the inputs after the call,
        either.

        Args:
            inputs: The samples.
            is_admitted: Whether the request is already admitted. It is then never Busy.
            is_part: Whether the samples are a part of a form, which is a large request. See ChunkQueue.

        Raises:
            Refused: Invalid, if the inputs are invalid. Busy, if the queue is full or too slow. Failed, if the model
                fails for these samples. NotReady, if the server shuts down before the answer.
        """
        samples = check(inputs, self._inputs)
        admission = self._admission
        if not is_admitted:
            admission.admit(self._extra_seconds() if samples > self._max_batch_size else 0.0)
        admission.waiting += 1  # a context manager takes three times as long, for each request
        try:
            answer: asyncio.Future[Arrays] = asyncio.get_running_loop().create_future()
            self._put(inputs, samples, answer, is_part=is_part)
            return await answer
        except asyncio.CancelledError:
            self.drop_disconnected()
            raise
        finally:
            admission.waiting -= 1

    def put(self, inputs: Arrays, sink: ResultSink) -> None:
        """Queue the samples of a request, and add 1 to `admission.waiting`. `sink` later receives an answer or error.

        After that, the caller must subtract 1 from `admission.waiting`.

        Raises:
            Refused: Invalid, if the samples do not match the model's inputs. Busy, if the queue is full or too slow.
        """
        samples = check(inputs, self._inputs)
        self._admission.admit(self._extra_seconds() if samples > self._max_batch_size else 0.0)
        self._admission.waiting += 1
        self._put(inputs, samples, sink)

    def drop_disconnected(self) -> None:
        """Drop the queued samples of disconnected clients, in the next turn of the event loop.

        Their memory is no longer reserved, so the samples must not stay in the queue.
        """
        if self._dropping is None:
            self._dropping = asyncio.get_running_loop().call_soon(self._drop_disconnected_now)

    def seconds(self) -> float:
        """Return the estimated seconds until all waiting requests are answered."""
        return self._queued_seconds() + self._later_seconds()

    def _queued_seconds(self) -> float:
        """Return the estimated seconds for the model to compute the running call and all queued chunks."""
        chunks, waiting, samples = len(self._queue), self._admission.waiting, self._queue.samples
        # The request of a disconnected client stays in the queue until its turn, but `waiting` does not count it.
        samples = samples if waiting >= chunks else samples * waiting // chunks
        queued = self._timing.seconds(samples)
        running = self._running
        if running is None:
            return queued
        return queued + max(running.expected, perf_counter() - running.began)  # a late call may take as long again

    def _small_request_seconds(self) -> float:
        """Return the estimated seconds until a small request would begin: later parts take every second call."""
        queued = self._queued_seconds()
        if not self._large and not self._admission.planned:
            return queued  # for speed, since almost every request asks
        return queued + min(queued, self._later_seconds())

    def _later_seconds(self) -> float:
        """Return the estimated seconds to compute admitted samples and photographs that are not in the queue yet."""
        chunks = self._timing.seconds(sum(request.remaining for request in self._large))
        return chunks + self._admission.planned * self._timing.seconds(1)  # a photograph has a call of its own

    def _extra_seconds(self) -> float:
        """Return the estimated seconds that a large request waits longer than a small one: for the rest of the parts.

        A small request waits for as many calls of parts as there are calls before it.
        """
        later = self._later_seconds()
        return max(0.0, later - self._queued_seconds()) if later else 0.0

    def slow_call_message(self, seconds: float, factor: float) -> str | None:
        """Return an error message if the running model call is too slow, else None. See `epochal_server.slow_call`."""
        running = self._running
        if running is None:
            return None
        call = f"the model call with {running.samples} samples"
        lasts = perf_counter() - running.began
        return slow_call_message(call, lasts, running.expected, seconds=seconds, factor=factor)

    def fail_queued(self, why: Refused) -> None:
        """Remove all samples from the queue, and answer their requests with the error `why`."""
        for chunk in self._queue.clear():
            if not chunk.answer.done():
                chunk.answer.set_exception(why)

    def _drop_disconnected_now(self) -> None:
        self._dropping = None
        self._queue.drop_disconnected()

    def _put(self, inputs: Arrays, samples: int, sink: ResultSink, *, is_part: bool = False) -> None:
        shapes = tuple(array.shape[1:] for array in inputs.values()) if self._varies else None
        if samples <= self._max_batch_size:
            self._append(Chunk(inputs, samples, shapes, sink, is_part))
        else:
            request = ChunkedRequest(
                inputs, samples, shapes, sink, max_batch_size=self._max_batch_size, append=self._append
            )
            self._large.add(request)
            request.next()

    def _append(self, chunk: Chunk) -> None:
        self._queue.append(chunk)
        if self._running is None:
            self._schedule()

    def _schedule(self) -> None:
        """Schedule the next call of the model after the delay.

        Without a delay, or if the queue fills a batch, the call starts in the next turn of the event loop.
        """
        loop = asyncio.get_running_loop()
        if self._delay and self._queue.samples < self._max_batch_size:
            self._next = self._next or loop.call_later(self._delay, self._start)
            return
        if isinstance(self._next, asyncio.TimerHandle):
            self._next.cancel()
            self._next = None
        self._next = self._next or loop.call_soon(self._start)

    def _start(self) -> None:
        self._next = None
        batch, samples = self._queue.take_batch()
        if not batch:
            return
        expected = self._timing.seconds(samples)
        if self._may_run_inline and expected <= INLINE_SECONDS:
            self._finish(batch, samples, self._compute(batch))
            return
        self._running = RunningCall(samples, perf_counter(), expected)
        computing = asyncio.get_running_loop().run_in_executor(self._thread, self._compute, batch)
        computing.add_done_callback(lambda done: self._finish(batch, samples, done.result()))

    def _finish(self, batch: Sequence[Chunk], samples: int, result: BatchResult) -> None:
        self._running = None
        failed = any(isinstance(answer, Refused) for answer in result.answers)
        # An early failure does not measure the speed.
        if not failed or result.seconds > self._timing.seconds(samples):
            self._timing.record(samples, result.seconds)
        for chunk, answer in zip(batch, result.answers, strict=True):
            if chunk.answer.done():  # the client has disconnected meanwhile
                continue
            if isinstance(answer, Refused):
                chunk.answer.set_exception(answer)
            else:
                chunk.answer.set_result(answer)
        if self._queue:
            self._schedule()
        self._on_call(samples, result.outputs)

    def _compute(self, batch: Sequence[Chunk]) -> BatchResult:
        """Compute the answers to a batch. The method may run in another thread, so it must not access the queue."""
        began = perf_counter()
        sizes = [chunk.samples for chunk in batch]
        try:
            inputs = batch[0].inputs if len(batch) == 1 else concatenate([chunk.inputs for chunk in batch])
            outputs = self._run_checked(inputs, sum(sizes))
        except Exception as error:  # noqa: BLE001 - any error of the library fails only this batch
            if len(batch) == 1:
                # No traceback, because a client could fill the log with such samples.
                # A library may quote the whole input.
                log.error("the model failed: %s: %s", type(error).__name__, str(error)[:MAX_MESSAGE])  # noqa: TRY400
                return BatchResult([model_error(error)], [], perf_counter() - began)
            alone = [self._compute([chunk]) for chunk in batch]
            answers = [answer for result in alone for answer in result.answers]
            return BatchResult(
                answers, [output for result in alone for output in result.outputs], perf_counter() - began
            )
        return BatchResult(split(outputs, sizes), [outputs], perf_counter() - began)

    def _run_checked(self, inputs: Arrays, samples: int) -> Arrays:
        outputs = self._run(inputs)
        for name in self._outputs:
            shape = outputs[name].shape
            if not shape or shape[0] != samples:
                raise ValueError(f'output "{name}": expected {samples} samples along the first axis, found {shape}')
        return outputs
