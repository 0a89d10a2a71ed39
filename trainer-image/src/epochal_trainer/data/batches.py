"""The order of samples, and the batches that go into training."""

from typing import Any

import numpy as np
import tensorflow as tf

Array = np.ndarray[Any, Any]

_THREADS = 2
"""Threads that gather batches: to copy rows is little work beside a step."""
_AHEAD = 2
"""Batches that lie ready."""


def in_memory(array: Array) -> tf.Tensor:
    """Returns an array as a tensor in the machine's memory: by itself, TensorFlow would put it whole on the GPU."""
    with tf.device("CPU:0"):
        return tf.convert_to_tensor(array)


def order(samples: int, *, seed: int, epoch: tf.Tensor) -> tf.Tensor:
    """Returns the order of samples in one epoch: a function of seed and epoch alone, whatever came before.

    Args:
        samples: How many samples there are.
        seed: Seed of the training.
        epoch: The epoch, counted from 0; a scalar.

    Returns:
        A permutation of the indices 0 to samples - 1, of shape (samples,) and type int64.
    """
    indices = tf.range(samples, dtype=tf.int64)
    key = tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)])
    return tf.random.experimental.stateless_shuffle(indices, seed=key, alg="philox")


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Returns the number of batches in an epoch; the last may be smaller."""
    return -(-samples // batch_size)


def batches(
    features: Array | tf.Tensor,
    labels: Array | tf.Tensor,
    *,
    batch_size: int,
    seed: int,
    epochs: int,
    first: tuple[int, int] = (0, 0),
) -> tf.data.Dataset:
    """Returns all batches of a training, one epoch after the other, so that none waits at an epoch's start.

    Args:
        features: Features of shape (samples, ...).
        labels: Labels of shape (samples, ...).
        batch_size: Samples per batch; the last of an epoch holds the rest.
        seed: Seed of the order.
        epochs: How many epochs there are in all.
        first: Epoch and step to begin with, both counted from 0: what comes before is left out, and costs nothing.

    Returns:
        `epochs` times `steps_per_epoch` pairs (features, labels), without those before `first`.
    """
    samples = len(features)
    full, rest = divmod(samples, batch_size)
    epoch, step = first

    def shuffled(epoch: tf.Tensor) -> tf.Tensor:
        return order(samples, seed=seed, epoch=epoch)

    def split(indices: tf.Tensor) -> tf.data.Dataset:
        # Slicing rows of a matrix costs far less than batching single indices.
        rows = tf.data.Dataset.from_tensor_slices(tf.reshape(indices[: samples - rest], (full, batch_size)))
        return rows.concatenate(tf.data.Dataset.from_tensors(indices[samples - rest :])) if rest else rows

    def gather(indices: tf.Tensor, arrays: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        return tuple(tf.gather(array, indices) for array in arrays)

    arrays = tf.data.Dataset.from_tensors((tf.convert_to_tensor(features), tf.convert_to_tensor(labels))).repeat()
    chosen = tf.data.Dataset.range(epoch, epochs).map(shuffled).prefetch(1).flat_map(split).skip(step)
    options = tf.data.Options()
    # Optimizing the graph would serialize the arrays into it.
    options.experimental_optimization.apply_default_optimizations = False
    # What tunes the numbers sleeps by the wall clock: one that jumps back an hour would hold up the training's end.
    options.autotune.enabled = False
    data = tf.data.Dataset.zip((chosen, arrays)).map(gather, num_parallel_calls=_THREADS, deterministic=True)
    return data.with_options(options).prefetch(_AHEAD)
