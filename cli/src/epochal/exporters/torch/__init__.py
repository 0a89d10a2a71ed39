"""The target `torch`: a module of PyTorch, a training loop, and a converter of the trained weights."""

from epochal_api.trainingjob.spec import TrainingJob

from epochal.exporters.support import listed_network, safe_name
from epochal.exporters.torch.module import write_module
from epochal.exporters.torch.render import CONVERT, MODEL, TRAIN, convert_file, model_file
from epochal.exporters.torch.training.script import train_file


def export(job: TrainingJob) -> dict[str, bytes]:
    """Return the files of a TrainingJob for PyTorch by their names.

    Raises:
        EpochalError: If a layer or a setting has no counterpart in torch.
    """
    network, name = listed_network(job, "torch"), safe_name(job)
    module = write_module(network)
    texts = {
        MODEL: model_file(f"The network of the TrainingJob {name}, as a module of PyTorch.", module),
        TRAIN: train_file(f"Trains the network of the TrainingJob {name} with PyTorch.", job.spec, network, module),
        CONVERT: convert_file(f"Converts the weights of the TrainingJob {name} from Keras to PyTorch.", module),
    }
    return {file: text.encode() for file, text in texts.items()}
