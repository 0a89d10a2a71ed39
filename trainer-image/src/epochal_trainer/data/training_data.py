"""The data sets of a training: training part, validation set and test set."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from epochal_trainer.data.samples import Samples, select


@dataclass(frozen=True)
class TrainingData:
    """The data sets of a training.

    Args:
        train: The samples to train on, without a validation part that was split off.
        validation: The validation set or part; None without validation.
        test: The test set; None without spec.data.test.
        digests: SHA-256 in hex of every object that was read, by key.
        split_parameters: The result of `split.split_parameters`: how validation samples were drawn from the training
            set; None if they were not split from it.
        class_weights: Weight of each class in the training loss; empty without spec.training.classWeight.
        output_classes: Class names by output. Outputs whose classes have no names are missing.
        input_columns: Column names by input. Inputs whose columns have no names are missing.
    """

    train: Samples
    validation: Samples | None
    test: Samples | None
    digests: dict[str, str]
    split_parameters: dict[str, Any] | None = None
    class_weights: Mapping[int, float] = field(default_factory=dict)
    output_classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    input_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names of the only output; empty if it has none, and for a network with several outputs."""
        return next(iter(self.output_classes.values()), ()) if len(self.train.outputs) == 1 else ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Column names of the only input; empty if it has none, and for a network with several inputs."""
        return next(iter(self.input_columns.values()), ()) if len(self.train.inputs) == 1 else ()

    def view(self, *, input_name: str | None = None, output_name: str | None = None) -> "TrainingData":
        """Return the data sets with only the input `input_name` and the output `output_name`; None keeps all."""

        def view(samples: Samples) -> Samples:
            return samples.view(input_name=input_name, output_name=output_name)

        return replace(
            self,
            train=view(self.train),
            validation=self.validation and view(self.validation),
            test=self.test and view(self.test),
            output_classes=select(self.output_classes, output_name),
            input_columns=select(self.input_columns, input_name),
        )

    def dump(self) -> dict[str, Any]:
        """Return the field `data` of summary.json: numbers of samples, split, and weights."""
        sets = {"train": self.train, "validation": self.validation, "test": self.test}
        return {
            **{name: len(samples) if samples is not None else None for name, samples in sets.items()},
            "division": self.split_parameters,
            "classWeights": {str(number): weight for number, weight in self.class_weights.items()},
            "sampleWeights": {
                name: {
                    "from": weights.source,
                    "least": float(weights.values.min()),
                    "greatest": float(weights.values.max()),
                }
                for name, samples in sets.items()
                if samples is not None and (weights := next(iter(samples.output_weights.values()), None)) is not None
            },
        }
