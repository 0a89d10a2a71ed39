"""Large requests, which take several calls of the model."""

import tracemalloc

import numpy as np
from epochal_server.model.chunked_request import Chunk, ChunkedRequest
from epochal_server.model.model import Arrays
from epochal_server.refusals import Refused

SAMPLES = 10_000


class Sink:
    """Records the answer. See ResultSink."""

    answer: Arrays | None = None

    def done(self) -> bool:
        return False

    def set_result(self, answer: Arrays) -> None:
        self.answer = answer

    def set_exception(self, error: Refused) -> None:
        raise error


def test_answers_to_small_chunks_take_little_memory() -> None:
    sink, chunks = Sink(), list[Chunk]()
    inputs = {"x": np.arange(SAMPLES)}
    request = ChunkedRequest(inputs, SAMPLES, None, sink, max_batch_size=1, append=chunks.append)
    tracemalloc.start()
    try:
        request.next()
        while chunks:
            chunk = chunks.pop()
            chunk.answer.set_result({"y": chunk.inputs["x"] * 2})
        memory, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sink.answer is not None
    assert (sink.answer["y"] == inputs["x"] * 2).all()
    assert memory < 3 * inputs["x"].nbytes
