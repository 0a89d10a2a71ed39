"""The weights with which train.py starts: the option --weights."""

from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.training import Training

from epochal.exporters.support import COMPLETE, unsupported

_KERAS_SUFFIX = ".keras"


def check_start(network: Network, training: Training) -> None:
    """Raise an error if the training starts from a checkpoint, or from weights that convert.py cannot convert.

    Raises:
        EpochalError: If spec.training.continueFrom is set, or spec.network.weights is no whole .keras file.
    """
    if training.continue_from is not None:
        raise unsupported(
            "spec.training.continueFrom",
            "a checkpoint has the state of Epochal's trainer, which train.py cannot load",
            "torch",
            "Remove this field, write the number of further epochs into spec.training.epochs, convert the earlier "
            "model.keras with convert.py, and pass the file to train.py with --weights.",
        )
    weights = network.weights
    if weights is not None and weights.layers is not None:
        field, found = "layers", "convert.py converts the weights of all layers"
    elif weights is not None and not weights.uri.endswith(_KERAS_SUFFIX):
        field, found = "uri", "convert.py reads a .keras file, and no .weights.h5"
    else:
        return
    remedy = "Name a .keras file with the weights of all layers, or remove spec.network.weights."
    raise unsupported(f"spec.network.weights.{field}", found, "torch", remedy, targets=COMPLETE)


def weights_argument(network: Network) -> str:
    """Return the argparse code of the option --weights. It is required for a network with initial weights."""
    if network.weights is None:
        return 'help="file of convert.py to start with"'
    return 'required=True, help="file of convert.py"'
