"""Helper functions for exported scripts that reshape data sets for the network, split them, and weigh samples."""

from collections.abc import Mapping

from epochal.exporters.keras.helpers.helper import MATH, NUMPY, TENSORFLOW, Helper

SHAPES: Mapping[str, Helper] = {
    "fit": Helper(
        '''
def fit(array, tensor):
    """Return an array in the shape of a tensor: an axis of 1 at the end may differ."""

    def fits(shape, expected):
        pairs = zip(shape, expected)
        return len(shape) == len(expected) and all(b in (None, a) for a, b in pairs)

    shape, expected = array.shape[1:], tuple(tensor.shape[1:])
    if not fits(shape, expected):
        if fits((*shape, 1), expected):
            return array[..., np.newaxis]
        if fits(shape, (*expected, 1)):
            return array[..., 0]
    return array
''',
        (NUMPY,),
    ),
    "fit_weights": Helper(
        '''
def fit_weights(weights, tensor):
    """Return the weights of samples in the shape of the losses of an output."""
    weights = weights.astype("float32", copy=False)
    if weights.shape[1:] in ((), (1,)):
        return weights.reshape(-1, *(1 for _ in tensor.shape[1:-1]))
    return weights
'''
    ),
    "prepare_pair": Helper(
        '''
def prepare(x, y):
    """Return a data set in the shapes of the network."""
    return fit(x, model.inputs[0]), fit(y, model.outputs[0])
''',
        (),
        ("fit",),
    ),
    "prepare_single": Helper(
        '''
def prepare(x, y, weights=None):
    """Return a data set in the shapes of the network."""
    data = fit(x, model.inputs[0]), fit(y, model.outputs[0])
    if weights is None:
        return data
    return *data, fit_weights(weights, model.outputs[0])
''',
        (),
        ("fit", "fit_weights"),
    ),
    "prepare_several": Helper(
        '''
def prepare(x, y, weights=None):
    """Return a data set in the shapes of the network."""

    def fit_each(arrays, tensors):
        if not isinstance(arrays, tuple):
            return fit(arrays, tensors[0])
        return tuple(map(fit, arrays, tensors))

    data = fit_each(x, model.inputs), fit_each(y, model.outputs)
    if weights is None:
        return data
    of_outputs = tuple(fit_weights(weights, tensor) for tensor in model.outputs)
    return *data, of_outputs if len(of_outputs) > 1 else of_outputs[0]
''',
        (),
        ("fit", "fit_weights"),
    ),
}

PARTS: Mapping[str, Helper] = {
    "count": Helper(
        '''
def count(data):
    """Return the number of samples."""
    return len(tf.nest.flatten(data)[0])
''',
        (TENSORFLOW,),
    ),
    "take": Helper(
        '''
def take(data, rows):
    """Return some samples of a data set."""
    return tf.nest.map_structure(lambda array: array[rows], data)
''',
        (TENSORFLOW,),
    ),
    "split_end": Helper(
        '''
def split(data):
    """Return the data for training, and the last part of them for validation."""
    end = math.floor(count(data) * (1.0 - VALIDATION_SPLIT))
    return take(data, slice(end)), take(data, slice(end, None))
''',
        (MATH,),
        ("count", "take"),
    ),
    "split_shuffled": Helper(
        '''
def split(data):
    """Return the data for training, and samples drawn from them for validation."""
    end = math.floor(count(data) * (1.0 - VALIDATION_SPLIT))
    rows = np.random.RandomState(SEED).permutation(count(data))
    return take(data, rows[:end]), take(data, rows[end:])
''',
        (MATH, NUMPY),
        ("count", "take"),
    ),
    "split_classes": Helper(
        '''
def split(data):
    """Return the data for training, and a share of each class for validation."""
    rows = np.random.RandomState(SEED).permutation(count(data))
    classes = classes_of(tf.nest.flatten(data[1])[0])
    _, counts = np.unique(classes, return_counts=True)
    by_class = np.argsort(classes[rows], kind="stable")
    is_held_out = np.zeros(len(rows), bool)
    for positions in np.split(by_class, np.cumsum(counts)[:-1]):
        size = len(positions)
        share = min(max(round(size * VALIDATION_SPLIT), 1), size - 1)
        is_held_out[positions[size - share :]] = True
    train, validation = rows[~is_held_out], rows[is_held_out]
    if not SHUFFLE:
        train, validation = np.sort(train), np.sort(validation)
    return take(data, train), take(data, validation)
''',
        (NUMPY, TENSORFLOW),
        ("count", "take", "classes_of"),
    ),
    "classes_of": Helper('''
def classes_of(labels):
    """Return the class of each sample, from class indices or from one-hot rows."""
    if labels.shape[1:] in ((), (1,)):
        return labels.reshape(-1).astype("int64")
    return labels.argmax(axis=1)
'''),
    "weigh": Helper('''
def weigh(weights, factors):
    """Return the weights of samples times a factor for each sample."""
    factors = factors.astype("float32")
    if weights is None:
        return factors
    return weights * factors.reshape(-1, *(1 for _ in weights.shape[1:]))
'''),
    "class_weights": Helper(
        '''
def class_weights(x, y, weights=None):
    """Return the training data with the weight of the class of each sample."""
    classes, positions = np.unique(classes_of(y), return_inverse=True)
    factors = np.array([CLASS_WEIGHTS.get(int(each), 1.0) for each in classes])
    return x, y, weigh(weights, factors[positions])
''',
        (NUMPY,),
        ("classes_of", "weigh"),
    ),
    "balanced_weights": Helper(
        '''
def class_weights(x, y, weights=None):
    """Return the training data with weights that give all classes the same total."""
    classes, positions, counts = np.unique(
        classes_of(y), return_inverse=True, return_counts=True
    )
    factors = counts.sum() / (len(classes) * counts)
    return x, y, weigh(weights, factors[positions])
''',
        (NUMPY,),
        ("classes_of", "weigh"),
    ),
    "balanced_weights_ignoring": Helper(
        '''
def class_weights(x, y, weights=None):
    """Return the training data with weights that give all classes but one the same total."""
    classes, positions, counts = np.unique(
        classes_of(y), return_inverse=True, return_counts=True
    )
    counts = np.where(classes == IGNORED_CLASS, 0, counts)
    shares = np.count_nonzero(counts) * np.maximum(counts, 1)
    factors = np.where(counts > 0, counts.sum() / shares, 1.0)
    return x, y, weigh(weights, factors[positions])
''',
        (NUMPY,),
        ("classes_of", "weigh"),
    ),
}
