"""The names of a network's inputs and outputs. A data set has an array for each."""

from dataclasses import dataclass

from epochal_api.array_names import ArrayNames, Role, array_names, own_arrays
from epochal_api.trainingjob.network import INPUT

from epochal_trainer.data.samples import OUTPUT


@dataclass(frozen=True)
class NetworkArrays:
    """The names of a network's inputs and outputs, in the order of the network.

    Args:
        inputs: Names of the inputs.
        outputs: Names of the outputs.
        texts: Names of the inputs that take text (`dtype: string`).
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    texts: frozenset[str] = frozenset()

    @property
    def is_single(self) -> bool:
        """Whether the network has one input and one output. Then the arrays have standard names such as x and y."""
        return len(self.inputs) == len(self.outputs) == 1

    @property
    def own_arrays(self) -> frozenset[str]:
        """Names that arrays of the inputs and outputs may have, with any suffix such as _val; empty if `is_single`."""
        return own_arrays(self.inputs, self.outputs)

    def array_names(self, role: Role | None) -> list[ArrayNames]:
        """Return the alternatives for the names of a data set's arrays, the preferred names first.

        Without a role, these are the names without a suffix such as _train.
        """
        return array_names(self.inputs, self.outputs, role)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all inputs, then of all outputs."""
        return (*self.inputs, *self.outputs)


SINGLE = NetworkArrays((INPUT,), (OUTPUT,))
"""A network with one input and one output, under their default names."""
