"""Source code for train.py: functions that read, split and batch the data, and classes for callbacks."""

from collections.abc import Iterable, Mapping

from epochal.exporters.keras.helpers.reading import READING

SNIPPETS: Mapping[str, str] = {
    **{name: READING[name].code for name in ("open_file", "native", "read_idx")},
    "as_tensor": '''
def as_tensor(array):
    """Return an array as a tensor. Bytes stay bytes, to save memory."""
    if array.dtype == np.uint8:
        return torch.tensor(array)
    return torch.from_numpy(
        array.astype("float32" if array.dtype.kind == "f" else "int64")
    )
''',
    "read_npz": '''
def read_npz(path, part):
    """Return inputs, targets and weights of an npz file, such as x_train for a part."""
    with open_file(path) as file, np.load(file) as arrays:

        def find(names):
            for name in [f"{name}_{part}" for name in names] + names:
                if name in arrays:
                    return as_tensor(arrays[name])
            raise LookupError(f"{path} has none of the arrays {names}")

        inputs, targets = (
            [find(names) for names in INPUTS],
            [find(names) for names in OUTPUTS],
        )
        has_weights = "sample_weight" in arrays or f"sample_weight_{part}" in arrays
        return inputs, targets, find(["sample_weight"]).float() if has_weights else None
''',
    "read_pickle": '''
class ArraysOnly(pickle.Unpickler):
    """Reads arrays of NumPy. Other objects in a pickle could run code."""

    def find_class(self, module, name):
        names = ("_codecs", "encode"), ("numpy", "dtype"), ("numpy", "ndarray")
        if (module, name) in names or name in ("_reconstruct", "_frombuffer"):
            if module.split(".")[0] in ("_codecs", "numpy"):
                return super().find_class(module, name)
        raise pickle.UnpicklingError(
            f"the pickle holds {module}.{name}, not only arrays"
        )


def read_pickle(path):
    """Return inputs, targets and no sample weights of a pickle of two arrays."""
    with open_file(path) as file:
        inputs, targets = ArraysOnly(file, encoding="latin1").load()[:2]
    return [as_tensor(inputs)], [as_tensor(targets)], None
''',
    "read": '''
def read(path, part):
    """Return inputs, targets and sample weights of an npz file or a pickle."""
    with open_file(path) as file:
        is_npz = file.read(2) == b"PK"
    return read_npz(path, part) if is_npz else read_pickle(path)
''',
    "take": '''
def take(data, rows):
    """Return some samples of a data set."""
    inputs, targets, weights = data
    weights = None if weights is None else weights[rows]
    return [each[rows] for each in inputs], [each[rows] for each in targets], weights
''',
    "classes_of": '''
def classes_of(target):
    """Return the class of each sample, from class indices, one-hot rows, or 0 and 1."""
    if target.ndim == 1 or target.shape[1] == 1:
        return target.reshape(-1).long()
    return target.argmax(dim=1)
''',
    "split_end": '''
def split(data):
    """Return the samples for training, and the last part of them for validation."""
    end = math.floor(len(data[0][0]) * (1.0 - VALIDATION_SPLIT))
    return take(data, slice(end)), take(data, slice(end, None))
''',
    "split_shuffled": '''
def split(data):
    """Return the samples for training, and some drawn from them for validation."""
    end = math.floor(len(data[0][0]) * (1.0 - VALIDATION_SPLIT))
    rows = torch.from_numpy(np.random.RandomState(SEED).permutation(len(data[0][0])))
    return take(data, rows[:end]), take(data, rows[end:])
''',
    "split_classes": '''
def split(data):
    """Return the samples for training, and a share of each class for validation."""
    rows = torch.from_numpy(np.random.RandomState(SEED).permutation(len(data[0][0])))
    classes = classes_of(data[1][0])[rows]
    is_held_out = torch.zeros(len(rows), dtype=torch.bool)
    for each in classes.unique():
        (positions,) = torch.where(classes == each)
        share = min(
            max(round(len(positions) * VALIDATION_SPLIT), 1), len(positions) - 1
        )
        is_held_out[positions[len(positions) - share :]] = True
    return take(data, rows[~is_held_out]), take(data, rows[is_held_out])
''',
    "class_weights": '''
def with_class_weights(data):
    """Return the samples for training, each with the weight of its class."""
    inputs, targets, weights = data
    classes = classes_of(targets[0]).tolist()
    factors = torch.tensor([CLASS_WEIGHTS.get(each, 1.0) for each in classes])
    return (
        inputs,
        targets,
        factors if weights is None else weights.reshape(-1) * factors,
    )
''',
    "balanced_weights": '''
def with_class_weights(data):
    """Return the samples for training with the same total weight of all classes."""
    inputs, targets, weights = data
    _, positions, counts = classes_of(targets[0]).unique(
        return_inverse=True, return_counts=True
    )
    factors = (len(positions) / (len(counts) * counts))[positions]
    return (
        inputs,
        targets,
        factors if weights is None else weights.reshape(-1) * factors,
    )
''',
    "batches": '''
def batches(data, rows):
    """Yield batches of samples: inputs as the network takes them, targets, weights."""
    for part in rows.split(BATCH_SIZE):
        inputs, targets, weights = take(data, part)
        inputs = [
            each.to(DEVICE, dtype).reshape(len(part), *shape)
            for each, dtype, shape in zip(inputs, DTYPES, shapes(inputs))
        ]
        targets = [each.to(DEVICE) for each in targets]
        yield inputs, targets, None if weights is None else weights.to(DEVICE)


def shapes(inputs):
    """Return the shapes of a sample in the network: -1 is an axis of any length."""
    for each, shape in zip(inputs, SHAPES):
        sizes = [*each.shape[1:], 1]
        yield [
            size if expected == -1 else expected for size, expected in zip(sizes, shape)
        ]
''',
    "EarlyStopping": '''
class EarlyStopping:
    """Ends the training when a metric no longer improves."""

    def __init__(self, monitor, sign, patience, min_delta, start, baseline, restores):
        self.monitor, self.sign, self.patience, self.min_delta = (
            monitor,
            sign,
            patience,
            min_delta,
        )
        self.start, self.baseline, self.restores = start, baseline, restores
        self.best, self.waited, self.state = math.inf, 0, None

    def ends(self, epoch, logs, network):
        """Return whether the training ends after this epoch, counted from 0."""
        if self.monitor not in logs or epoch < self.start:
            return False
        value = self.sign * logs[self.monitor]
        if self.restores and self.state is None:
            self.state = copy.deepcopy(network.state_dict())
        self.waited += 1
        if value + self.min_delta < self.best:
            self.best = value
            if self.restores:
                self.state = copy.deepcopy(network.state_dict())
            if (
                self.baseline is None
                or value + self.min_delta < self.sign * self.baseline
            ):
                self.waited = 0
            return False
        return self.waited >= self.patience and epoch > 0
''',
    "ReduceLROnPlateau": '''
class ReduceLROnPlateau:
    """Reduces the learning rate when a metric no longer improves."""

    def __init__(self, monitor, sign, patience, min_delta, factor, cooldown, min_lr):
        self.monitor, self.sign, self.patience, self.min_delta = (
            monitor,
            sign,
            patience,
            min_delta,
        )
        self.factor, self.cooldown, self.min_lr = factor, cooldown, min_lr
        self.best, self.waited, self.cooling = math.inf, 0, 0

    def update(self, logs, optimizer):
        """Reduce the learning rate if the metric has not improved for long."""
        if self.monitor not in logs:
            return
        value = self.sign * logs[self.monitor]
        if self.cooling > 0:
            self.cooling -= 1
            self.waited = 0
        if value + self.min_delta < self.best:
            self.best, self.waited = value, 0
        elif self.cooling <= 0:
            self.waited += 1
            if self.waited >= self.patience:
                for group in optimizer.param_groups:
                    group["lr"] = max(group["lr"] * self.factor, self.min_lr)
                self.cooling, self.waited = self.cooldown, 0
''',
}
"""Source code of each snippet by its name. A snippet may call snippets before it in this mapping."""
NEEDS: Mapping[str, tuple[str, ...]] = {
    "read_idx": ("open_file", "native", "as_tensor"),
    "read": ("open_file", "as_tensor", "read_npz", "read_pickle"),
    "split_classes": ("classes_of",),
    "class_weights": ("classes_of",),
    "balanced_weights": ("classes_of",),
    "batches": ("take",),
}
MODULES = ("argparse", "copy", "gzip", "itertools", "math", "pickle")


def source(names: Iterable[str]) -> list[str]:
    """Return the source code of the named snippets, and of the snippets that they need, in the order of SNIPPETS."""
    wanted = set(names)
    wanted |= {needed for name in wanted for needed in NEEDS.get(name, ())}
    return [text.strip("\n") for name, text in SNIPPETS.items() if name in wanted]
