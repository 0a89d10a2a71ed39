"""The weights with which train.py starts."""

from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.training import Training

from epochal.exporters.support import COMPLETE, unsupported

_KERAS_SUFFIX = ".keras"


def check_start(network: Network, training: Training) -> None:
    """Refuse a training that starts with a state that `--weights` cannot hold.

    Raises:
        EpochalError: If a file of convert.py cannot hold this state.
    """
    if training.continue_from is not None:
        raise unsupported(
            "spec.training.continueFrom",
            "a checkpoint of Epochal holds the state of its trainer",
            "torch",
            "Remove it, write the number of further epochs into spec.training.epochs, convert the earlier model.keras "
            "with convert.py, and give train.py the file with --weights.",
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
    """Return the code that describes `--weights`: a network with initial weights does not start without them."""
    if network.weights is None:
        return 'help="file of convert.py to start with"'
    return 'required=True, help="file of convert.py"'
