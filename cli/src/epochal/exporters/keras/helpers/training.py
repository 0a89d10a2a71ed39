"""Helper functions and classes for exported scripts: the batches of a training, and its callbacks."""

from collections.abc import Mapping

from epochal.exporters.keras.helpers.helper import KERAS, MATH, TENSORFLOW, Helper

BATCHES: Mapping[str, Helper] = {
    "order": Helper(
        '''
def order(samples, epoch):
    """Return the order of the samples in an epoch, drawn from SEED and the epoch.

    This is the order of Epochal's trainer: with it, the weights are equal bit for bit.
    """
    key = tf.stack([tf.constant(SEED, tf.int64), epoch])
    indices = tf.range(samples, dtype=tf.int64)
    return tf.random.experimental.stateless_shuffle(indices, seed=key, alg="philox")
''',
        (TENSORFLOW,),
    ),
    "pipeline": Helper(
        '''
def pipeline(batches):
    """Return batches that are prepared while the network computes."""
    options = tf.data.Options()
    # The optimization would copy the data into the graph.
    options.experimental_optimization.apply_default_optimizations = False
    return batches.with_options(options).prefetch(2)
''',
        (TENSORFLOW,),
    ),
    "in_memory": Helper(
        '''
def in_memory(data):
    """Return the arrays as tensors in the memory of the host, not of a GPU."""
    with tf.device("CPU:0"):
        return tf.nest.map_structure(tf.convert_to_tensor, data)
''',
        (TENSORFLOW,),
    ),
    "shuffled_batches": Helper(
        '''
def shuffled_batches(data, passes):
    """Return the batches of all passes through the data, each in a new order."""
    samples, tensors = count(data), in_memory(data)

    def indices(epoch):
        rows = tf.data.Dataset.from_tensor_slices(order(samples, epoch))
        return rows.batch(BATCH_SIZE, drop_remainder=samples % BATCH_SIZE == 0)

    def batch(rows):
        return tf.nest.map_structure(lambda tensor: tf.gather(tensor, rows), tensors)

    batches = tf.data.Dataset.range(passes).flat_map(indices)
    return pipeline(batches.map(batch, num_parallel_calls=2))
''',
        (TENSORFLOW,),
        ("count", "order", "pipeline", "in_memory"),
    ),
    "ordered_batches": Helper(
        '''
def ordered_batches(data):
    """Return the batches for an evaluation, in the order of the data."""

    def as_float32(array):
        return array.astype("float32") if array.dtype.kind == "f" else array

    tensors = in_memory(tf.nest.map_structure(as_float32, data))
    return pipeline(tf.data.Dataset.from_tensor_slices(tensors).batch(BATCH_SIZE))
''',
        (TENSORFLOW,),
        ("pipeline", "in_memory"),
    ),
}

CALLBACKS: Mapping[str, Helper] = {
    "check_loss": Helper(
        '''
def check_loss(epoch, logs):
    """End the training at a loss that is not finite, from which it cannot recover."""
    if not math.isfinite(logs["loss"]):
        raise FloatingPointError(f"epoch {epoch + 1}: the loss is {logs['loss']}")
''',
        (MATH,),
    ),
    "KeepAverages": Helper(
        '''
class KeepAverages(keras.callbacks.Callback):
    """Leaves the averaged weights in the model if the training ends early."""

    def __init__(self, swap):
        super().__init__()
        self.swap = swap

    def on_epoch_end(self, epoch, logs=None):
        if self.model.stop_training and self.swap._ema_weights_in_model:
            self.swap._finalize_ema_values()
''',
        (KERAS,),
    ),
    "stop_early": Helper(
        '''
def stop_early(epoch, logs):
    """End the training after an epoch, before the last one."""
    if epoch + 1 >= STOP_AFTER_EPOCH:
        model.stop_training = True
'''
    ),
}
