"""The data of a TrainingJob as code: the same objects, split and sample weights as in Epochal's trainer."""

from collections.abc import Sequence

from epochal_api.array_names import Role, array_names
from epochal_api.storage import DataSet
from epochal_api.trainingjob.spec import TrainingJobSpec

from epochal.exporters.keras.section import Section
from epochal.exporters.python_code import Expression, Group, assign, call, literal
from epochal.exporters.support import data_sets

_SUFFIXES = {"train": "_train", "validation": "_val", "test": "_test"}
"""Suffix of the array names of each data set in an npz file, such as x_train."""
_PICKLES = (".pickle", ".pkl", ".pickle.gz", ".pkl.gz")


def data_section(spec: TrainingJobSpec) -> Section:
    """Return the code that reads the data sets as `train`, `validation` and `test`."""
    section, data = Section("The data"), spec.data
    section.use("fetch", _prepare(spec))
    for role, each in data_sets(data).items():
        section.lines.append(assign(role, _read(spec, role, each, section)))
    if data.validation is not None and data.validation.split is not None:
        section.constants.append(f"VALIDATION_SPLIT = {float(data.validation.split)!r}")
        if data.validation.stratify:
            section.constants.append(f"SHUFFLE = {data.shuffle}")
        drawn = "split_shuffled" if data.shuffle else "split_end"
        section.use("split_classes" if data.validation.stratify else drawn)
        section.lines.append("train, validation = split(train)")
    _add_class_weights(spec, section)
    return section


def can_have_weights(spec: TrainingJobSpec) -> bool:
    """Return whether a file of the data may have an array of sample weights: an npz file, or an unknown format."""
    sets = [spec.data.train, spec.data.validation, spec.data.test]
    return any(each and each.object is not None and _format(spec, each.object) != "pickle" for each in sets)


def _prepare(spec: TrainingJobSpec) -> str:
    """Return the name of the helper function that reshapes arrays to the inputs and outputs of the network."""
    if not _is_single(spec):
        return "prepare_several"
    return "prepare_single" if can_have_weights(spec) else "prepare_pair"


def _is_single(spec: TrainingJobSpec) -> bool:
    """Return whether spec.network has a single input and a single output."""
    network = spec.network
    return network is not None and len(network.input_list) == len(network.output_names) == 1


def _read(spec: TrainingJobSpec, role: Role, data_set: DataSet, section: Section) -> Group:
    """Return the code that fetches, reads and prepares one data set. Add the needed helpers to `section`."""
    paths = [call("fetch", None, literal(spec.data.prefix + key), "DATA") for key in data_set.keys()]  # noqa: SIM118
    if data_set.object is None:
        section.use("read_idx")
        return call("prepare", None, *(call("read_idx", None, path) for path in paths))
    found = _format(spec, data_set.object)
    function = {"npz": "read_npz", "pickle": "read_pickle"}.get(found, "read")
    section.use(function)
    names = [] if found == "pickle" else _array_names(spec, role, section)
    arrays = Group(f"*{function}(", [("", paths[0]), *(("", name) for name in names)], ")")
    return call("prepare", None, arrays)


def _format(spec: TrainingJobSpec, key: str) -> str:
    """Return the format of an object: spec.data.format, else npz or pickle by its suffix; auto if that is unclear."""
    if spec.data.format != "auto":
        return spec.data.format
    if not _is_single(spec) or key.endswith((".npz", ".npz.gz")):
        return "npz"
    return "pickle" if key.endswith(_PICKLES) else "auto"


def _array_names(spec: TrainingJobSpec, role: Role, section: Section) -> list[Expression]:
    """Return code of the possible names of a data set's arrays in an npz file, the preferred names first."""
    if spec.network is None:
        section.use("array_names")
        return [f'*array_names("{suffix}")' for suffix in (_SUFFIXES[role], "")]
    inputs, outputs = [item.name for item in spec.network.input_list], spec.network.output_names
    found = [*array_names(inputs, outputs, role), *array_names(inputs, outputs, None)]
    return [
        Group("(", [("", _names(each.inputs)), ("", _names(each.outputs)), ("", literal(each.weights))], ")")
        for each in found
    ]


def _names(names: Sequence[str]) -> Expression:
    texts = [literal(name) for name in names]
    return texts[0] if len(texts) == 1 else Group("(", [("", text) for text in texts], ")")


def _add_class_weights(spec: TrainingJobSpec, section: Section) -> None:
    weights, loss = spec.training.class_weight, spec.training.loss
    if weights is None or loss is None:
        return
    if isinstance(weights, str):  # Balanced
        ignored = loss.arguments.get("ignore_class")
        section.use("balanced_weights" if ignored is None else "balanced_weights_ignoring")
        if ignored is not None:
            section.constants.append(assign("IGNORED_CLASS", literal(ignored)))
    else:
        by_class = [(f"{int(number)}: ", repr(float(weight))) for number, weight in weights.items()]
        section.constants.append(assign("CLASS_WEIGHTS", Group("{", by_class, "}")))
        section.use("class_weights")
    section.lines.append("train = class_weights(*train)")
