"""The inputs and outputs of a network. A data set has an array for each input and output."""

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
        """Whether the network has one input and one output, so that a file needs no names for its arrays."""
        return len(self.inputs) == len(self.outputs) == 1

    @property
    def own_arrays(self) -> frozenset[str]:
        """All names of arrays of the inputs and outputs; see epochal_api.array_names."""
        return own_arrays(self.inputs, self.outputs)

    def array_names(self, role: Role | None) -> list[ArrayNames]:
        """Return the names that the arrays of a data set may have; see epochal_api.array_names."""
        return array_names(self.inputs, self.outputs, role)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all inputs and outputs."""
        return (*self.inputs, *self.outputs)


SINGLE = NetworkArrays((INPUT,), (OUTPUT,))
"""A network with one input and one output."""
