"""Copies the weights of a Keras model to the layers of the converted network, whose order may differ.

Keras reads the file of the model. Keras is a dependency of epochal-trainer.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epochal.errors import EpochalError
from epochal.extras import require_trainer
from epochal.importers.keras_model.network import ImportedNetwork
from epochal.importers.reading import shown

if TYPE_CHECKING:
    import keras

_MAX_RATIO = 100
"""Maximum ratio of the size of the arrays to the size of their HDF5 file, which may be compressed. A file with a higher
ratio is refused."""


@dataclass(frozen=True)
class ModelWeights:
    """The weights of a model in a .keras or .h5 file, read by Keras.

    Args:
        path: The file.
        imported_network: The converted network, and the path of each of its layers in the model.
    """

    path: Path
    imported_network: ImportedNetwork

    def write(self, path: Path) -> None:
        """Write the weights of the model as a weights file of the converted network.

        Raises:
            EpochalError: If epochal-trainer is missing, or Keras cannot read the file.
        """
        require_trainer("Reading these weights")
        try:
            self._write(path)
        except EpochalError:
            raise
        except Exception as error:  # noqa: BLE001 - Keras raises errors of many types for a file that it cannot read
            remedy = "Import the network alone with --no-weights."
            raise EpochalError(f"Keras cannot read the weights: {shown(str(error))}", remedy) from None

    def _write(self, path: Path) -> None:
        # TensorFlow logs many lines on import.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from epochal_api.trainingjob.network import Network  # noqa: PLC0415
        from epochal_trainer.model import network  # noqa: PLC0415 - it imports Keras, which takes seconds
        from epochal_trainer.model.keras_file import arrays_size  # noqa: PLC0415

        is_hdf5 = self.path.suffix != ".keras"
        if is_hdf5 and (size := arrays_size(self.path)) > _MAX_RATIO * self.path.stat().st_size:
            raise EpochalError(
                f"the arrays in {shown(self.path.name)} have {size:,} bytes, over {_MAX_RATIO} times the file size"
            )
        target = network.build(Network.model_validate(self.imported_network.network), seed=0, memory=_free_memory())
        source = self._load(is_hdf5=is_hdf5)
        for name, place in self.imported_network.sources.items():
            layer: Any = source
            for part in place:
                layer = layer.get_layer(part)
            if weights := layer.get_weights():
                target.get_layer(name).set_weights(weights)
        target.save_weights(path)

    def _load(self, *, is_hdf5: bool) -> "keras.Model":
        import keras  # noqa: PLC0415
        from epochal_trainer.model.keras_file import KerasFile  # noqa: PLC0415

        if is_hdf5:
            return keras.saving.load_model(self.path, compile=False, safe_mode=True)

        def invalid(message: str) -> Any:
            return EpochalError(message)

        file = KerasFile(self.path, invalid, remedy="Import the network alone with --no-weights.")
        file.sketch()
        return file.load()


def _free_memory() -> int:
    """Return the available memory of this machine in bytes, or 16 GiB if /proc/meminfo does not contain it.

    It is the limit for epochal-trainer, which refuses to build a network that needs more.
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return 2**34
