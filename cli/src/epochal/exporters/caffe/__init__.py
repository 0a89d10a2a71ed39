"""The target `caffe`: the description of the network, and a converter of the trained weights into a caffemodel."""

from epochal_api.trainingjob.spec import TrainingJob

from epochal.exporters.caffe.convert import convert_file
from epochal.exporters.caffe.network import write_network
from epochal.exporters.caffe.prototxt import network_text, quote
from epochal.exporters.support import listed_network, safe_name

DEPLOY, CONVERT = "deploy.prototxt", "convert.py"


def export(job: TrainingJob) -> dict[str, bytes]:
    """Return the files of a TrainingJob for Caffe by their names.

    Raises:
        EpochalError: If a layer or an argument has no counterpart in Caffe.
    """
    caffe, outputs = write_network(listed_network(job, "caffe"))
    comment = "# The inputs have their channels first: transpose an image of Keras by (2, 0, 1).\n"
    comment += f"# The outputs are those of the layers {', '.join(map(quote, outputs))}.\n"
    return {
        DEPLOY: (comment + network_text(safe_name(job), caffe.layers)).encode(),
        CONVERT: convert_file(safe_name(job), caffe).encode(),
    }
