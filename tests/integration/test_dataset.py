"""Training and resuming work with a streamed data set as with arrays in memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.training import Training
from epochal_trainer.checkpoint import Checkpointer, Costs, Files, Position, ResumeFacts, Snapshot, Writer
from epochal_trainer.data.dataset import Dataset, Order
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.signals import TerminationRequest
from epochal_trainer.model import network
from epochal_trainer.model.compile import compile_model
from epochal_trainer.reporting.best import Monitor
from epochal_trainer.training import fit as keras_fit
from epochal_trainer.training.progress import Progress

Batch = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
SIZE = 16
"""Samples of a shard: two steps."""
SIGNATURE = tf.TensorSpec((None, 4), "float32"), tf.TensorSpec((None,), "int64")
TRAINING = Training.model_validate(
    {"loss": "SparseCategoricalCrossentropy", "epochs": 3, "optimizer": "Adam", "batchSize": 8}
)


def shard(number: int) -> Batch:
    features = np.random.default_rng(number).normal(size=(SIZE, 4)).astype("float32")
    return features, features[:, :3].argmax(axis=1)


@dataclass
class Stream(Dataset):
    """Shards that are read one after the other, in another order in each epoch.

    Args:
        read: The shards that were read, in the order of reading.
    """

    shards: Sequence[int]
    read: list[int]

    def __len__(self) -> int:
        return SIZE * len(self.shards)

    def shuffled_batches(self, order: Order) -> "Shards":
        return Shards(self, order)

    def ordered_batches(self, batch_size: int) -> tf.data.Dataset:
        return pipeline(lambda: self.batches(self.shards, batch_size), -(-len(self) // batch_size))

    def batches(self, shards: Sequence[int], batch_size: int, step: int = 0) -> Iterator[Batch]:
        """Yields batches from a step on. Shards that lie before it are not read."""
        places = [(number, begin) for number in shards for begin in range(0, SIZE, batch_size)]
        for number, of_shard in groupby(places[step:], key=itemgetter(0)):
            self.read.append(number)
            features, labels = shard(number)
            for _, begin in of_shard:
                yield features[begin : begin + batch_size], labels[begin : begin + batch_size]


@dataclass
class Shards:
    stream: Stream
    order: Order

    def from_step(self, first_pass: int, step: int, *, until_pass: int) -> tf.data.Dataset:
        def batches() -> Iterator[Batch]:
            for number in range(first_pass, until_pass):
                shuffled = np.random.default_rng([self.order.seed, number]).permutation(self.stream.shards).tolist()
                yield from self.stream.batches(shuffled, self.order.batch_size, step if number == first_pass else 0)

        return pipeline(batches, (until_pass - first_pass) * self.order.steps - step)


def pipeline(batches: Callable[[], Iterator[Batch]], count: int) -> tf.data.Dataset:
    data = tf.data.Dataset.from_generator(batches, output_signature=SIGNATURE)
    return data.apply(tf.data.experimental.assert_cardinality(count))


class EachStep(Checkpointer):
    """Takes a checkpoint at each step, and keeps all."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.taken: dict[tuple[int, int], Snapshot] = {}

    def due_within(self) -> bool:
        return True

    def store(self, snapshot: Snapshot) -> None:
        position = snapshot.state.position
        self.taken[position.epoch, position.step] = snapshot


def train(
    folder: Path, data: Dataset, validation: Dataset, start: Snapshot | None = None
) -> tuple[keras.Model, Progress, dict[tuple[int, int], Snapshot]]:
    layers = [{"layer": "Dropout", "rate": 0.3}, {"layer": "Dense", "units": 3, "activation": "softmax"}]
    described = Network.model_validate({"input": {"shape": [4]}, "layers": layers})
    model = network.build(described, seed=1, memory=1 << 30, training=TRAINING)
    compile_model(model, TRAINING)
    order = data.order(batch_size=TRAINING.batch_size, seed=TRAINING.seed)
    facts = ResumeFacts(
        samples=order.samples,
        batch_size=order.batch_size,
        steps=order.steps,
        seed=order.seed,
        optimizer={},
        data={},
        loss={},
        callbacks=[],
        training_digest="0" * 64,
    )
    costs = Costs()
    writer = Writer(lambda _: None, costs)
    checkpointer = EachStep(
        TRAINING.checkpoint,
        model=model,
        callbacks=[],
        files=Files(folder, [], folder / "staging"),
        writer=writer,
        costs=costs,
        facts=facts,
        attempt=1,
        versions={},
    )
    progress = Progress(
        TRAINING,
        steps=order.steps,
        termination_request=TerminationRequest(),
        monitor=Monitor("loss"),
        on_epoch=lambda _: None,
        on_step=lambda *_: None,
        checkpointer=checkpointer,
    )
    try:
        keras_fit.fit_or_resume(
            model, TRAINING, train=data, validation=validation, callbacks=[], progress=progress, snapshot=start
        )
    finally:
        writer.close()
    return model, progress, checkpointer.taken


def figures(progress: Progress) -> list[dict[str, float]]:
    return [dict(epoch.metrics) for epoch in progress.history]


def test_a_stream_resumes_at_any_step_without_reading_earlier_shards(tmp_path: Path) -> None:
    whole, first = Stream(range(1, 6), []), Stream(range(6, 8), [])
    model, progress, taken = train(tmp_path, whole, first)
    order = whole.order(batch_size=8, seed=TRAINING.seed)
    assert (order.steps, len(whole.read), len(first.read)) == (10, 3 * 5, 3 * 2)
    assert [list(item) for item in figures(progress)] == [["loss", "val_loss"]] * 3
    start = taken[1, 6]
    assert start.state.position == Position(epoch=1, step=6, begun=True)
    rest = Stream(range(1, 6), [])
    again, further, _ = train(tmp_path, rest, Stream(range(6, 8), []), start)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert figures(further) == figures(progress)
    assert rest.read == whole.read[5 + 3 :]


def test_a_stream_is_evaluated_like_arrays() -> None:
    layers = [{"layer": "Dense", "units": 3, "activation": "softmax"}]
    described = Network.model_validate({"input": {"shape": [4]}, "layers": layers})
    model = network.build(described, seed=1, memory=1 << 30, training=TRAINING)
    compile_model(model, TRAINING)
    parts = [shard(number) for number in range(1, 4)]
    features, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    steps: list[int] = []
    found = [
        keras_fit.evaluate(model, data, batch_size=8, on_step=lambda: steps.append(1))
        for data in (Samples.single(features, labels, "features", "labels"), Stream(range(1, 4), []))
    ]
    assert found[0] == found[1]
    assert len(steps) == 2 * 6
