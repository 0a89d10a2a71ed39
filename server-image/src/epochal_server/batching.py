"""Puts together what waits, so that the model is called once for many requests, and gives each its own answer."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from time import perf_counter

from epochal_server.intake import Intake
from epochal_server.model import Arrays, Model
from epochal_server.pace import Pace
from epochal_server.pieces import InPieces, Piece, Taker, failed, together
from epochal_server.refusals import Refused
from epochal_server.tensors import check

INLINE_SECONDS = 0.0025
"""What is likely computed sooner is computed in the event loop itself: that is what a thread's start and end cost many
small calls. Whatever takes longer leaves the loop to others meanwhile, such as the kubelet's questions. So does what is
of any length: how long a short sample takes tells nothing of a long one."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Computed:
    """What came of a call of the model."""

    answers: Sequence[Arrays | Refused]
    """To each piece."""
    outputs: Sequence[Arrays]
    """All answers, put together in as few arrays as they came in."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Running:
    """A call of the model that runs in its thread."""

    samples: int
    began: float
    expected: float
    """Seconds that it is likely to take."""


class Batcher:
    """Answers requests, many by one call of the model. Nothing waits for others, unless it is told to.

    Whatever fails in a call that many requests share is tried for each alone: none fails for a neighbour's sake.

    Args:
        model: What it takes and gives.
        run: Computes; called by one thread at a time.
        most: Samples that one call takes, at most.
        delay: Seconds that a request may wait for others.
        thread: Where the model runs if it takes long: one thread.
        pace: Seconds of a sample, as the warm-up measured it.
        intake: How many may wait. It asks this batcher for the seconds that those take.
        computed: Told the samples and the outputs of each call.
    """

    def __init__(
        self,
        model: Model,
        run: Callable[[Arrays], Arrays],
        *,
        most: int,
        delay: float,
        thread: Executor,
        pace: float,
        intake: Intake,
        computed: Callable[[int, Sequence[Arrays]], None] = lambda _, __: None,
    ) -> None:
        self._inputs = model.inputs
        self._outputs = model.outputs
        self._varies = any(-1 in tensor.shape for tensor in model.inputs.values())
        self._run = run
        self._most = most
        self._delay = delay
        self._thread = thread
        self._pace = Pace(pace, most)
        self._intake = intake
        intake.estimate = self.seconds
        self._computed = computed
        self._pieces: deque[Piece] = deque()
        self._samples = 0
        self._next: asyncio.Handle | None = None
        self._forgetting: asyncio.Handle | None = None
        self._running: Running | None = None

    async def answer(self, inputs: Arrays) -> Arrays:
        """See Answer."""
        samples = check(inputs, self._inputs)
        intake = self._intake
        intake.admit()
        intake.waiting += 1  # by hand: as a context it takes three times as long, of what all requests go through
        try:
            answer: asyncio.Future[Arrays] = asyncio.get_running_loop().create_future()
            self._put(inputs, samples, answer)
            return await answer
        except asyncio.CancelledError:
            self.forget()
            raise
        finally:
            intake.waiting -= 1

    def put(self, inputs: Arrays, taker: Taker) -> None:
        """Has the samples of one request computed. Whoever does so counts it among those that wait no more once it is.

        Args:
            inputs: Arrays by the names of the inputs. They need not have been checked.
            taker: Takes the answer, a moment later.

        Raises:
            Refused: Invalid, or Busy.
        """
        samples = check(inputs, self._inputs)
        self._intake.admit()
        self._intake.waiting += 1
        self._put(inputs, samples, taker)

    def forget(self) -> None:
        """Drops the queued samples of clients that have gone, in the next turn of the event loop.

        Nothing counts the memory of these samples any more.
        """
        if self._forgetting is None:
            self._forgetting = asyncio.get_running_loop().call_soon(self._forget)

    def seconds(self) -> float:
        """Return the seconds until all that waits now is likely to be answered."""
        pieces, waiting = len(self._pieces), self._intake.waiting
        # A request whose client has gone stays in the queue until its turn. `waiting` does not count that request.
        samples = self._samples if waiting >= pieces else self._samples * waiting // pieces
        queued = self._pace.seconds(samples)
        running = self._running
        if running is None:
            return queued
        return queued + max(running.expected, perf_counter() - running.began)  # a late call may take as long again

    def late(self, seconds: float, times: float) -> str | None:
        """Return a message if the model call that runs takes too long; None if not, or if none runs.

        Args:
            seconds: Seconds that any call may take.
            times: Multiple of the usual time that a call may take.
        """
        running = self._running
        if running is None:
            return None
        lasts = perf_counter() - running.began
        if lasts <= max(seconds, times * running.expected):
            return None
        return (
            f"the model has computed {running.samples} samples for {lasts:.0f} s, expected {running.expected:.2g} s: "
            "send fewer or shorter samples, or raise spec.resources.limits.cpu of the ModelServer"
        )

    def give_up(self, why: Refused) -> None:
        """Answers what waits that it is not computed any more."""
        while self._pieces:
            piece = self._pieces.popleft()
            self._samples -= piece.samples
            if not piece.answer.done():
                piece.answer.set_exception(why)

    def _forget(self) -> None:
        self._forgetting = None
        self._pieces = deque(piece for piece in self._pieces if not piece.answer.done())
        self._samples = sum(piece.samples for piece in self._pieces)

    def _put(self, inputs: Arrays, samples: int, taker: Taker) -> None:
        shapes = tuple(array.shape[1:] for array in inputs.values()) if self._varies else None
        if samples <= self._most:
            self._append(Piece(inputs, samples, shapes, taker))
        else:
            InPieces(inputs, samples, shapes, taker, most=self._most, append=self._append).next()

    def _append(self, piece: Piece) -> None:
        self._pieces.append(piece)
        self._samples += piece.samples
        if self._running is None:
            self._schedule()

    def _schedule(self) -> None:
        """Sees to it that what waits is computed: once all who have come by now are there, or the delay is over."""
        loop = asyncio.get_running_loop()
        if self._delay and self._samples < self._most:
            self._next = self._next or loop.call_later(self._delay, self._start)
            return
        if isinstance(self._next, asyncio.TimerHandle):
            self._next.cancel()
            self._next = None
        self._next = self._next or loop.call_soon(self._start)

    def _start(self) -> None:
        self._next = None
        batch, samples = self._take()
        if not batch:
            return
        expected = self._pace.seconds(samples)
        if not self._varies and expected <= INLINE_SECONDS:
            self._finish(batch, samples, self._compute(batch))
            return
        self._running = Running(samples, perf_counter(), expected)
        computing = asyncio.get_running_loop().run_in_executor(self._thread, self._compute, batch)
        computing.add_done_callback(lambda done: self._finish(batch, samples, done.result()))

    def _take(self) -> tuple[list[Piece], int]:
        """Takes what goes into one call; what nobody waits for any more is left out."""
        batch: list[Piece] = []
        samples = 0
        while self._pieces:
            piece = self._pieces[0]
            if not piece.answer.done():
                if batch and (samples + piece.samples > self._most or piece.shapes != batch[0].shapes):
                    break
                batch.append(piece)
                samples += piece.samples
            self._pieces.popleft()
            self._samples -= piece.samples
        return batch, samples

    def _finish(self, batch: Sequence[Piece], samples: int, computed: Computed) -> None:
        self._running = None
        failed = any(isinstance(answer, Refused) for answer in computed.answers)
        if not failed or computed.seconds > self._pace.seconds(samples):  # a call that fails at once tells no pace
            self._pace.measured(samples, computed.seconds)
        for piece, answer in zip(batch, computed.answers, strict=True):
            if piece.answer.done():  # whoever asked has gone meanwhile
                continue
            if isinstance(answer, Refused):
                piece.answer.set_exception(answer)
            else:
                piece.answer.set_result(answer)
        if self._pieces:
            self._schedule()
        self._computed(samples, computed.outputs)

    def _compute(self, batch: Sequence[Piece]) -> Computed:
        """Computes the answers to a batch. It may run in another thread, and so touches nothing but the batch."""
        began = perf_counter()
        sizes = [piece.samples for piece in batch]
        try:
            inputs = batch[0].inputs if len(batch) == 1 else together([piece.inputs for piece in batch])
            outputs = self._called(inputs, sum(sizes))
        except Exception as error:  # noqa: BLE001 - whatever the library raises, it is this batch's alone
            if len(batch) == 1:
                # Without a traceback: whoever finds such samples could fill the log with them.
                log.error("the model failed: %s: %s", type(error).__name__, error)  # noqa: TRY400
                return Computed([failed(error)], [], perf_counter() - began)
            alone = [self._compute([piece]) for piece in batch]
            answers = [answer for one in alone for answer in one.answers]
            return Computed(answers, [output for one in alone for output in one.outputs], perf_counter() - began)
        return Computed(_divided(outputs, sizes), [outputs], perf_counter() - began)

    def _called(self, inputs: Arrays, samples: int) -> Arrays:
        outputs = self._run(inputs)
        for name in self._outputs:
            shape = outputs[name].shape
            if not shape or shape[0] != samples:
                raise ValueError(f'output "{name}" must hold an answer to each of {samples} samples, found {shape}')
        return outputs


def _divided(outputs: Arrays, sizes: Sequence[int]) -> list[Arrays]:
    if len(sizes) == 1:
        return [outputs]
    divided: list[Arrays] = []
    begin = 0
    for size in sizes:
        divided.append({name: array[begin : begin + size] for name, array in outputs.items()})
        begin += size
    return divided
