"""The samples that wait for a call of the model: two queues that take turns, for large requests and for all others."""

from collections import deque
from collections.abc import Sequence

from epochal_server.model.chunked_request import Chunk


class ChunkQueue:
    """Chunks that wait for a call of the model.

    Parts of large requests wait in one queue, and all other chunks in another. While both queues have chunks, the calls
    begin with each queue in turn. Thus small requests do not delay each part of a large request by the whole queue, and
    do not wait for all its parts.

    Attributes:
        samples: Number of samples in all chunks.
    """

    def __init__(self, max_batch_size: int) -> None:
        self._max_batch_size = max_batch_size
        self._parts, self._others = deque[Chunk](), deque[Chunk]()
        self._in_turn = [self._parts, self._others]
        self.samples = 0

    def __len__(self) -> int:
        """Return the number of chunks in both queues."""
        return len(self._parts) + len(self._others)

    def append(self, chunk: Chunk) -> None:
        """Add a chunk at the end of its queue."""
        (self._parts if chunk.is_part else self._others).append(chunk)
        self.samples += chunk.samples

    def take_batch(self) -> tuple[list[Chunk], int]:
        """Remove the chunks for one call of the model, and return them with their number of samples.

        The chunks of the queue whose turn it is are first. Chunks of the other queue fill the rest of the batch. Chunks
        of disconnected clients are dropped.
        """
        batch: list[Chunk] = []
        first, second = self._in_turn
        samples = self._move(first, batch, 0)
        if batch:  # else the other queue begins this call
            self._in_turn = [second, first]
        return batch, self._move(second, batch, samples)

    def drop_disconnected(self) -> None:
        """Remove the chunks of disconnected clients."""
        for queue in self._in_turn:
            connected = [chunk for chunk in queue if not chunk.answer.done()]
            queue.clear()
            queue.extend(connected)
        self.samples = sum(chunk.samples for queue in self._in_turn for chunk in queue)

    def clear(self) -> Sequence[Chunk]:
        """Remove and return all chunks."""
        chunks = [*self._others, *self._parts]
        self._others.clear()
        self._parts.clear()
        self.samples = 0
        return chunks

    def _move(self, queue: deque[Chunk], batch: list[Chunk], samples: int) -> int:
        """Move chunks from a queue to a batch of `samples` samples while they fit. Return its new number of samples."""
        while queue:
            chunk = queue[0]
            if not chunk.answer.done():
                if batch and (samples + chunk.samples > self._max_batch_size or chunk.shapes != batch[0].shapes):
                    break
                batch.append(chunk)
                samples += chunk.samples
            queue.popleft()
            self.samples -= chunk.samples
        return samples
