"""The TensorFlow backend: batches are tf.data pipelines, which collect rows in their own threads."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Array = np.ndarray[Any, Any]

FAULTS: tuple[type[Exception], ...] = (
    tf.errors.AbortedError,
    tf.errors.DataLossError,
    tf.errors.InternalError,
    tf.errors.ResourceExhaustedError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)
INVALID: tuple[type[Exception], ...] = (tf.errors.InvalidArgumentError,)

_THREADS = 2
"""Number of threads that collect batches: copying rows is little work compared with a step."""
_AHEAD = 2
"""Number of prefetched batches."""
_ADAPTED_AT_ONCE = 1024
"""Samples per batch for the `adapt` of a layer."""


class _Shuffled:
    """Arrays in host memory, in shuffled batches for training."""

    def __init__(self, *arrays: Array, batch_size: int, seed: int) -> None:
        self._arrays = tuple(map(_in_memory, arrays))
        self._samples = len(arrays[0])
        self._batch_size = batch_size
        self._seed = seed

    def since(self, epoch: int, step: int, *, until: int) -> tf.data.Dataset:
        """Return the batches as a tf.data pipeline; see `Batches.since`."""
        full, rest = divmod(self._samples, self._batch_size)

        def shuffled(epoch: tf.Tensor) -> tf.Tensor:
            return order(self._samples, seed=self._seed, epoch=epoch)

        def split(indices: tf.Tensor) -> tf.data.Dataset:
            # Slicing rows of a matrix costs far less than batching single indices.
            of_full = tf.reshape(indices[: self._samples - rest], (full, self._batch_size))
            rows = tf.data.Dataset.from_tensor_slices(of_full)
            if not rest:
                return rows
            return rows.concatenate(tf.data.Dataset.from_tensors(indices[self._samples - rest :]))

        chosen = tf.data.Dataset.range(epoch, until).map(shuffled).prefetch(1).flat_map(split).skip(step)
        return _taken(self._arrays, chosen, tf.gather)


def shuffled(*arrays: Array, batch_size: int, seed: int) -> _Shuffled:
    """Return the arrays in shuffled batches; see `Backend.shuffled`."""
    return _Shuffled(*arrays, batch_size=batch_size, seed=seed)


def in_order(*arrays: Array, batch_size: int) -> tf.data.Dataset:
    """Return the arrays in ordered batches, with floats in Keras' float type; see `Backend.in_order`."""

    def tensor(array: Array) -> tf.Tensor:
        return _in_memory(array.astype(keras.config.floatx(), copy=False) if array.dtype.kind == "f" else array)

    def sliced(array: tf.Tensor, begin: tf.Tensor) -> tf.Tensor:
        return array[begin : begin + batch_size]

    begins = tf.data.Dataset.range(0, len(arrays[0]), batch_size)
    return _taken(tuple(map(tensor, arrays)), begins, sliced)


def train_step(model: keras.Model, batches: tf.data.Dataset) -> Callable[[], Any]:
    """Return the function that trains on the next batch; see `Backend.train_step`."""
    model.make_train_function()
    return partial(model.train_function, iter(batches))


def adapt(layer: keras.layers.Layer, before: keras.Model, features: Array) -> None:
    """Adapt a layer to features; see `Backend.adapt`."""
    layer.adapt(tf.data.Dataset.from_tensor_slices(_in_memory(features)).batch(_ADAPTED_AT_ONCE).map(before))


def order(samples: int, *, seed: int, epoch: tf.Tensor) -> tf.Tensor:
    """Return the order of samples in an epoch, which depends on seed and epoch only.

    Args:
        samples: Number of samples.
        seed: Seed of the training.
        epoch: The epoch, counted from 0; a scalar.

    Returns:
        A permutation of the indices 0 to samples - 1, of shape (samples,) and type int64.
    """
    indices = tf.range(samples, dtype=tf.int64)
    key = tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)])
    return tf.random.experimental.stateless_shuffle(indices, seed=key, alg="philox")


def _in_memory(array: Array) -> tf.Tensor:
    """Return an array as a tensor in host memory: by default, TensorFlow would copy the whole array to the GPU."""
    with tf.device("CPU:0"):
        return tf.convert_to_tensor(array)


def _taken(
    arrays: tuple[tf.Tensor, ...], places: tf.data.Dataset, take: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
) -> tf.data.Dataset:
    """Return a pipeline of the batches that `take` extracts from the arrays at each of the places."""

    def batch(place: tf.Tensor, arrays: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        return tuple(take(array, place) for array in arrays)

    options = tf.data.Options()
    # Optimizing the graph would serialize the arrays into it.
    options.experimental_optimization.apply_default_optimizations = False
    # The autotune thread sleeps by the wall clock: if that jumps back an hour, the end of the training is delayed.
    options.autotune.enabled = False
    data = tf.data.Dataset.zip((places, tf.data.Dataset.from_tensors(arrays).repeat()))
    data = data.map(batch, num_parallel_calls=_THREADS, deterministic=True)
    return data.with_options(options).prefetch(_AHEAD)


def value(variable: Any) -> Array:
    """Return the value of a variable; see `Backend.value`."""
    with tf.device("CPU"):
        tensor = tf.identity(variable.value)
    try:
        return np.asarray(memoryview(tensor))
    except ValueError:  # Python's buffers do not support the type, such as bfloat16
        copied: Array = tensor.numpy()
        return copied
