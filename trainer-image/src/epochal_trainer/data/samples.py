"""A data set in memory: an array for each input and each expected output of a network."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

from epochal_api.trainingjob.network import INPUT

from epochal_trainer import backend
from epochal_trainer.backend import Arrays, Batches
from epochal_trainer.data.arrays import Array
from epochal_trainer.data.dataset import Dataset, Order

T = TypeVar("T")

OUTPUT = "output"
"""Name of the output of a data set that is read without knowledge of the network."""


class NamesArray(NamedTuple):
    """The names of an output's classes, or of an input's columns, that the data file contains.

    Args:
        source: Origin of the names for messages: an object's key, and the array's name if the object has several.
        names: The names in the order of the class indices, or of the columns; empty if they are invalid.
        error: Why the names are invalid; "" if they are valid.
    """

    source: str
    names: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class SourceArray:
    """An array of a data set.

    Args:
        values: The values, shape (samples, …).
        source: Origin of the array for messages: an object's key, and the array's name if the object has several.
        names: Names of the columns (for an input) or classes (for an output), if the data file contains them.
    """

    values: Array
    source: str
    names: NamesArray | None = None


@dataclass(frozen=True)
class Samples(Dataset):
    """A data set in memory.

    Properties such as `features` and `labels` raise ValueError unless there is a single input or output. `view` returns
    the samples with a single input or output.

    Args:
        inputs: Inputs of the network by name, in the order of the network.
        outputs: Expected outputs by name, in the order of the network: class indices, one-hot rows or values.
        output_weights: Weight of each sample in the loss of an output, by the output's name; empty for equal weights.
        source_rows: For a validation part that was split from the training set, the index of each sample in the array
            in the file, shape (samples,); else None.
    """

    inputs: Mapping[str, SourceArray]
    outputs: Mapping[str, SourceArray]
    output_weights: Mapping[str, SourceArray] = field(default_factory=dict)
    source_rows: Array | None = None

    @classmethod
    def single(
        cls,
        features: Array,
        labels: Array,
        features_source: str,
        labels_source: str,
        weights: Array | None = None,
        *,
        weights_source: str = "",
        class_names: NamesArray | None = None,
        feature_names: NamesArray | None = None,
    ) -> "Samples":
        """Return a data set with one input and one output, under their default names."""
        return cls(
            {INPUT: SourceArray(features, features_source, feature_names)},
            {OUTPUT: SourceArray(labels, labels_source, class_names)},
            {} if weights is None else {OUTPUT: SourceArray(weights, weights_source)},
        )

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())).values)

    @property
    def features(self) -> Array:
        """Values of the only input, shape (samples, …)."""
        return _only(self.inputs).values

    @property
    def labels(self) -> Array:
        """Values of the only expected output, shape (samples, …)."""
        return _only(self.outputs).values

    @property
    def weights(self) -> Array | None:
        """The weight of each sample in the loss of the only output, shape (samples, …); None for equal weights."""
        return _only(self.output_weights).values if self.output_weights else None

    @property
    def features_source(self) -> str:
        """Origin of the features for messages: an object's key, and possibly an array's name."""
        return _only(self.inputs).source

    @property
    def labels_source(self) -> str:
        """Origin of the labels for messages: an object's key, and possibly an array's name."""
        return _only(self.outputs).source

    @property
    def weights_source(self) -> str:
        """Origin of the weights for messages; "" without weights."""
        return _only(self.output_weights).source if self.output_weights else ""

    @property
    def class_names(self) -> NamesArray | None:
        """Names of the classes of the only output, from the data file; None if the file has no such names."""
        return _only(self.outputs).names

    @property
    def feature_names(self) -> NamesArray | None:
        """Names of the columns of the only input, from the data file; None if the file has no such names."""
        return _only(self.inputs).names

    @property
    def input_arrays(self) -> Arrays:
        """The inputs in the form for Keras: the array of a single input, else a tuple in the order of the network."""
        return _structure(self.inputs)

    @property
    def output_arrays(self) -> Arrays:
        """The expected outputs in the form for Keras: a single array, else a tuple in the order of the network."""
        return _structure(self.outputs)

    @property
    def nbytes(self) -> int:
        """Size of the arrays in bytes."""
        return sum(array.values.nbytes for group in self._groups for array in group.values())

    @property
    def _groups(self) -> tuple[Mapping[str, SourceArray], ...]:
        """The inputs, the expected outputs and, if there are any, the weights, in the order of Keras."""
        groups = self.inputs, self.outputs, self.output_weights
        return groups if self.output_weights else groups[:2]

    def view(self, *, input_name: str | None = None, output_name: str | None = None) -> "Samples":
        """Return the samples with only the input and the output of these names; None keeps all. No array is copied."""
        return replace(
            self,
            inputs=select(self.inputs, input_name),
            outputs=select(self.outputs, output_name),
            output_weights=select(self.output_weights, output_name),
        )

    def update(self, view: "Samples") -> "Samples":
        """Return the samples with the arrays of `view` in place of the arrays of the same inputs and outputs."""
        inputs, outputs = {**self.inputs, **view.inputs}, {**self.outputs, **view.outputs}
        weights = {**self.output_weights, **view.output_weights}
        return replace(self, inputs=inputs, outputs=outputs, output_weights=weights)

    def with_names(self, input_name: str, output_name: str) -> "Samples":
        """Return the samples with the only input and the only output renamed to these names."""
        return Samples(
            {input_name: _only(self.inputs)},
            {output_name: _only(self.outputs)},
            {output_name: _only(self.output_weights)} if self.output_weights else {},
            self.source_rows,
        )

    def with_features(self, features: Array) -> "Samples":
        """Return the samples with `features` as the values of the only input."""
        return replace(self, inputs=_replace_only(self.inputs, features))

    def with_labels(self, labels: Array) -> "Samples":
        """Return the samples with `labels` as the values of the only output."""
        return replace(self, outputs=_replace_only(self.outputs, labels))

    def with_weights(self, weights: Array, source: str) -> "Samples":
        """Return the samples with `weights` as the sample weights of the only output; `source` is their origin."""
        (output,) = self.outputs
        return replace(self, output_weights={output: SourceArray(weights, source)})

    def subset(self, rows: slice | Array) -> "Samples":
        """Return the samples with the indices `rows`: views of the arrays for a slice, else copies."""
        inputs, outputs, weights = (
            {name: replace(array, values=array.values[rows]) for name, array in group.items()}
            for group in (self.inputs, self.outputs, self.output_weights)
        )
        source_rows = None if self.source_rows is None else self.source_rows[rows]
        return replace(self, inputs=inputs, outputs=outputs, output_weights=weights, source_rows=source_rows)

    def source_row(self, index: int) -> int:
        """Return the index in the data file of the sample with the index `index` in this data set."""
        return index if self.source_rows is None else int(self.source_rows[index])

    def shuffled_batches(self, order: Order) -> Batches:
        """Return the batches for training, in shuffled order."""
        return backend.current().shuffled_batches(
            *map(_structure, self._groups), batch_size=order.batch_size, seed=order.seed
        )

    def ordered_batches(self, batch_size: int) -> Any:
        """Return the batches for Keras' `evaluate`, not shuffled."""
        return backend.current().ordered_batches(*map(_structure, self._groups), batch_size=batch_size)


def _structure(arrays: Mapping[str, SourceArray]) -> Arrays:
    values = tuple(array.values for array in arrays.values())
    return values[0] if len(values) == 1 else values


def select(group: Mapping[str, T], name: str | None) -> Mapping[str, T]:
    """Return a mapping with only the entry `name`, empty if it is missing; the whole group if `name` is None."""
    return group if name is None else {key: value for key, value in group.items() if key == name}


def _only(arrays: Mapping[str, SourceArray]) -> SourceArray:
    (array,) = arrays.values()
    return array


def _replace_only(arrays: Mapping[str, SourceArray], values: Array) -> dict[str, SourceArray]:
    ((name, array),) = arrays.items()
    return {name: replace(array, values=values)}
