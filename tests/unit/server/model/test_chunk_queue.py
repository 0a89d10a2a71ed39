"""The order in which chunks are computed."""

import asyncio
from collections.abc import Sequence

import pytest
from epochal_server.model.chunk_queue import ChunkQueue
from epochal_server.model.chunked_request import Chunk

PARTS, OTHERS = True, False


async def chunk(samples: int, *, is_part: bool) -> Chunk:
    return Chunk({}, samples, None, asyncio.get_running_loop().create_future(), is_part)


@pytest.mark.parametrize(
    ("chunks", "batches"),
    [
        ([], []),
        ([(8, OTHERS), (8, PARTS), (8, PARTS), (8, OTHERS)], [[PARTS], [OTHERS], [PARTS], [OTHERS]]),
        ([(8, OTHERS), (8, OTHERS), (8, PARTS)], [[PARTS], [OTHERS], [OTHERS]]),
        ([(1, PARTS), *[(1, OTHERS)] * 9], [[PARTS, *[OTHERS] * 7], [OTHERS] * 2]),
        ([(1, PARTS), (8, OTHERS), (1, PARTS)], [[PARTS, PARTS], [OTHERS]]),
    ],
)
async def test_parts_and_other_chunks_begin_the_calls_in_turn(
    chunks: Sequence[tuple[int, bool]], batches: Sequence[Sequence[bool]]
) -> None:
    queue, found = ChunkQueue(8), []
    for samples, is_part in chunks:
        queue.append(await chunk(samples, is_part=is_part))
    while queue:
        batch, samples = queue.take_batch()
        assert samples == sum(one.samples for one in batch)
        found.append([one.is_part for one in batch])
    assert (found, queue.samples) == (batches, 0)


async def test_a_queue_without_chunks_keeps_its_turn() -> None:
    queue = ChunkQueue(8)
    for is_part in (OTHERS, OTHERS, PARTS):
        queue.append(await chunk(8, is_part=is_part))
        (first,), _ = queue.take_batch()
        assert first.is_part == is_part


async def test_drops_disconnected_clients() -> None:
    queue = ChunkQueue(8)
    chunks = [await chunk(3, is_part=is_part) for is_part in (PARTS, OTHERS, OTHERS)]
    for one in chunks:
        queue.append(one)
    for one in chunks[:2]:
        one.answer.cancel()  # type: ignore[attr-defined]
    queue.drop_disconnected()
    assert (len(queue), queue.samples) == (1, 3)
    assert (list(queue.clear()), len(queue), queue.samples) == (chunks[2:], 0, 0)
