"""The TensorFlow backend: batches are tf.data pipelines, which copy rows into batches in their own threads."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from epochal_trainer.backend import Arrays

Array = np.ndarray[Any, Any]

MACHINE_ERRORS: tuple[type[Exception], ...] = (
    tf.errors.AbortedError,
    tf.errors.DataLossError,
    tf.errors.InternalError,
    tf.errors.ResourceExhaustedError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)
INPUT_ERRORS: tuple[type[Exception], ...] = (tf.errors.InvalidArgumentError,)

_MAP_THREADS = 2
"""Number of threads that copy rows into batches: two are enough, since a training step takes much longer."""
_PREFETCHED_BATCHES = 2
_ADAPT_BATCH_SIZE = 1024


class _ShuffledBatches:
    """Arrays in host memory, in shuffled batches for training."""

    def __init__(self, *arrays: Arrays, batch_size: int, seed: int) -> None:
        self._tensors = tf.nest.map_structure(_in_host_memory, arrays)
        self._samples = _count_samples(arrays)
        self._batch_size = batch_size
        self._seed = seed

    def from_step(self, first_pass: int, step: int, *, until_pass: int) -> tf.data.Dataset:
        """Return the batches as a tf.data pipeline; see `Batches.from_step`."""
        full_batches, rest = divmod(self._samples, self._batch_size)

        def shuffle(pass_index: tf.Tensor) -> tf.Tensor:
            return sample_order(self._samples, seed=self._seed, pass_index=pass_index)

        def split(indices: tf.Tensor) -> tf.data.Dataset:
            # Slicing rows of a matrix costs far less than batching single indices.
            matrix = tf.reshape(indices[: self._samples - rest], (full_batches, self._batch_size))
            rows = tf.data.Dataset.from_tensor_slices(matrix)
            if not rest:
                return rows
            return rows.concatenate(tf.data.Dataset.from_tensors(indices[self._samples - rest :]))

        indices = tf.data.Dataset.range(first_pass, until_pass).map(shuffle).prefetch(1).flat_map(split).skip(step)
        return _pipeline(self._tensors, indices, tf.gather)


def shuffled_batches(*arrays: Arrays, batch_size: int, seed: int) -> _ShuffledBatches:
    """Return the arrays in shuffled batches; see `Backend.shuffled_batches`."""
    return _ShuffledBatches(*arrays, batch_size=batch_size, seed=seed)


def ordered_batches(*arrays: Arrays, batch_size: int) -> tf.data.Dataset:
    """Return the arrays in ordered batches, with floats in Keras' float type; see `Backend.ordered_batches`."""

    def tensor(array: Array) -> tf.Tensor:
        is_float = array.dtype.kind == "f"
        return _in_host_memory(array.astype(keras.config.floatx(), copy=False) if is_float else array)

    def batch_at(tensor: tf.Tensor, begin: tf.Tensor) -> tf.Tensor:
        return tensor[begin : begin + batch_size]

    begins = tf.data.Dataset.range(0, _count_samples(arrays), batch_size)
    return _pipeline(tf.nest.map_structure(tensor, arrays), begins, batch_at)


def train_step(model: keras.Model, batches: tf.data.Dataset) -> Callable[[], Any]:
    """Return the function that trains on the next batch; see `Backend.train_step`."""
    model.make_train_function()
    return partial(model.train_function, iter(batches))


def adapt(layer: keras.layers.Layer, before: keras.Model, features: Arrays) -> None:
    """Adapt a layer to features; see `Backend.adapt`."""
    tensors = tf.nest.map_structure(_in_host_memory, features)
    batches = tf.data.Dataset.from_tensor_slices(tensors).batch(_ADAPT_BATCH_SIZE)
    values = batches.map(lambda *inputs: before(inputs if len(inputs) > 1 else inputs[0]))
    if not isinstance(layer, keras.layers.Normalization):
        layer.adapt(values)
        return
    # Keras would compute the mean in the layer's own dtype: it fails for a low precision, which would also round it.
    policy, layer.dtype_policy = layer.dtype_policy, keras.DTypePolicy("float32")
    layer.adapt(values)
    layer.dtype_policy = policy
    layer.finalize_state()  # it converts mean and variance to the layer's dtype


def sample_order(samples: int, *, seed: int, pass_index: tf.Tensor) -> tf.Tensor:
    """Return the shuffled order of the samples in a pass, which depends only on the seed and the index of the pass.

    Returns:
        A permutation of the indices 0 to samples - 1, of shape (samples,) and type int64.
    """
    indices = tf.range(samples, dtype=tf.int64)
    key = tf.stack([tf.constant(seed, tf.int64), tf.cast(pass_index, tf.int64)])
    return tf.random.experimental.stateless_shuffle(indices, seed=key, alg="philox")


def _count_samples(arrays: tuple[Arrays, ...]) -> int:
    return len(tf.nest.flatten(arrays)[0])


def _in_host_memory(array: Array) -> tf.Tensor:
    """Return an array as a tensor in host memory: by default, TensorFlow would copy the whole array to the GPU."""
    with tf.device("CPU:0"):
        return tf.convert_to_tensor(array)


def _pipeline(
    tensors: Any, positions: tf.data.Dataset, take: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
) -> tf.data.Dataset:
    """Return a pipeline with a batch for each element of `positions`: `take(tensor, position)` of each tensor.

    A batch has the structure of the tensors: a tuple of tensors, or of tuples of tensors.
    """

    def batch(position: tf.Tensor, tensors: Any) -> Any:
        return tf.nest.map_structure(lambda tensor: take(tensor, position), tensors)

    options = tf.data.Options()
    # Optimizing the graph would serialize the tensors into it.
    options.experimental_optimization.apply_default_optimizations = False
    # The autotune thread sleeps by the wall clock: if that jumps back an hour, the end of the training is delayed.
    options.autotune.enabled = False
    data = tf.data.Dataset.zip((positions, tf.data.Dataset.from_tensors(tensors).repeat()))
    data = data.map(batch, num_parallel_calls=_MAP_THREADS, deterministic=True)
    return data.with_options(options).prefetch(_PREFETCHED_BATCHES)


def variable_value(variable: Any) -> Array:
    """Return the value of a Keras variable, without a copy if possible; see `Backend.variable_value`."""
    with tf.device("CPU"):
        tensor = tf.identity(variable.value)
    try:
        return np.asarray(memoryview(tensor))
    except ValueError:  # Python's buffers do not support the type, such as bfloat16
        array: Array = tensor.numpy()
        return array
