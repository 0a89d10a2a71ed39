"""Writes the part of train.py that reads the data, and its constants."""

from collections.abc import Iterator, Mapping

from epochal_api.array_names import array_names
from epochal_api.storage import Data, DataSet
from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.training import Training

from epochal.exporters.code_text import literal, statement
from epochal.exporters.support import data_sets, no_counterpart, unsupported

_TYPES = {"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool", "bfloat16"}


def data_snippets(data: Data, training: Training) -> set[str]:
    """Return the names of the snippets that read the data, split off validation samples, and weigh samples."""
    wanted = {"take", "batches"}
    wanted |= {"read" if each.object is not None else "read_idx" for each in data_sets(data).values()}
    validation, weight = data.validation, training.class_weight
    if validation is not None and validation.split is not None:
        drawn = "split_shuffled" if data.shuffle else "split_end"
        wanted.add("split_classes" if validation.stratify else drawn)
    if weight is not None:
        wanted.add("balanced_weights" if isinstance(weight, str) else "class_weights")
    return wanted


def constants(data: Data, training: Training, network: Network) -> Iterator[str]:
    """Yield the lines of train.py that define its constants, such as SEED, EPOCHS and BATCH_SIZE.

    Raises:
        EpochalError: If torch has no type of an input.
    """
    inputs = network.input_list
    yield 'DEVICE = "cuda" if torch.cuda.is_available() else "cpu"'
    yield f"SEED = {training.seed}"
    yield f"EPOCHS = {min(training.epochs, training.stop_after_epoch or training.epochs)}"
    yield f"BATCH_SIZE = {training.batch_size}"
    if training.steps_per_epoch is not None:
        yield f"STEPS_PER_EPOCH = {training.steps_per_epoch}"
    if data.validation is not None and data.validation.split is not None:
        yield f"VALIDATION_SPLIT = {float(data.validation.split)!r}"
    if isinstance(training.class_weight, Mapping):
        weights = ", ".join(f"{int(key)}: {float(value)!r}" for key, value in training.class_weight.items())
        yield from statement(f"CLASS_WEIGHTS = {{{weights}}}", 0)
    if wrong := next((item for item in inputs if item.dtype not in _TYPES), None):
        raise no_counterpart("torch", f"spec.network input {wrong.name}", wrong.dtype)
    yield "# Of a sample of each input; -1 is an axis of any length."
    yield from statement(f"SHAPES = {literal([list(item.shape) for item in inputs])}", 0)
    yield from statement(f"DTYPES = [{', '.join(f'torch.{item.dtype}' for item in inputs)}]", 0)
    if any(each.object is not None for each in data_sets(data).values()):
        yield from _array_names(network)


def _array_names(network: Network) -> Iterator[str]:
    """Yield lines that define INPUTS and OUTPUTS: the possible array names of each input and output in an npz file."""
    found = array_names([item.name for item in network.input_list], network.output_names, None)
    if any(each.weights is None for each in found):
        raise unsupported("spec.network", "train.py reads the array sample_weight as weights", "torch", "Rename it.")
    yield "# Names that the array of each input and output may have."
    for key, names in (("INPUTS", [each.inputs for each in found]), ("OUTPUTS", [each.outputs for each in found])):
        choices = [list(dict.fromkeys(of_tensor)) for of_tensor in zip(*names, strict=True)]
        yield from statement(f"{key} = {literal(choices)}", 0)


def read_data(data: Data, training: Training) -> Iterator[str]:
    """Yield the lines of the function `read_data` of train.py."""
    yield "def read_data(folder):"
    yield '    """Return the samples for training, validation and test; None for a missing part."""'
    for role, data_set in data_sets(data).items():
        paths = [f"folder / {literal(data.prefix + key)}" for key in DataSet.keys(data_set)]
        if data_set.object is not None:
            code = f'read({paths[0]}, "{"val" if role == "validation" else role}")'
        else:
            code = f"({', '.join([f'[as_tensor(read_idx({path}))]' for path in paths])}, None)"
        yield from statement(f"{'samples' if role == 'train' else role} = {code}", 4)
    if data.validation is not None and data.validation.split is not None:
        yield "    samples, validation = split(samples)"
    if training.class_weight is not None:
        yield "    samples = with_class_weights(samples)"
    yield f"    return samples, {'validation' if data.validation else None}, {'test' if data.test else None}"
