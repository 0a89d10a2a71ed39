"""The zygote: the process that imports Keras once, and is forked for each question.

`python -m epochal_trainer.checker.zygote FD`: FD is the file descriptor of its open socket to the server.
"""

import gc
import os
import socket
import sys

from epochal_api.checker import Question
from epochal_api.model import field_errors
from epochal_api.trainingjob.network import Network
from pydantic import ValidationError

from epochal_trainer.checker.environment import IMAGE_ENV
from epochal_trainer.checker.forks import InvalidQuestion, limit_memory, serve
from epochal_trainer.checker.frames import send_frame

_EXAMPLE = {
    "input": {"shape": [8, 8, 3]},
    "layers": [
        {"layer": "Conv2D", "filters": 2, "kernel_size": 3, "activation": "relu"},
        {"layer": "BatchNormalization"},
        {"layer": "MaxPooling2D"},
        {"layer": "Dropout", "rate": 0.5},
        {"layer": "Reshape", "target_shape": [9, 2]},
        {"layer": "LSTM", "units": 2},
        {"layer": "Dense", "units": 2, "activation": "softmax"},
    ],
}
"""A network that is built once before the forks, so that Python and TensorFlow have loaded the code of most layers."""


def main() -> None:
    """Import Keras, send the catalogue to the server, and fork on its orders until it closes the connection."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.setblocking(True)  # noqa: FBT003 - the name of the argument is `flag`
    from epochal_trainer.backend import select_framework  # noqa: PLC0415 - before Keras

    select_framework("tensorflow")
    import keras  # noqa: PLC0415 - it takes seconds

    from epochal_trainer.checker.answers import answer_of  # noqa: PLC0415 - it imports Keras
    from epochal_trainer.checker.catalogue import documented_catalogue  # noqa: PLC0415 - it imports Keras
    from epochal_trainer.model.sketch import Sketch, sketch  # noqa: PLC0415 - it imports Keras

    keras.ops.zeros(1)  # starts the threads of TensorFlow in this process, so that no fork does
    sketch(Network.model_validate(_EXAMPLE))
    keras.utils.clear_session()
    previous: Sketch | None = None
    image = os.environ.get(IMAGE_ENV, "")

    def answer(content: bytes) -> bytes:
        try:
            question = Question.model_validate_json(content)
        except ValidationError as error:
            raise InvalidQuestion("\n".join(field_errors(error, show_found=True))) from None
        nonlocal previous  # a fork of this process takes its layers from it
        previous = sketch(question.network, precision=question.precision, previous=previous)
        return answer_of(previous, image).model_dump_json(exclude_none=True).encode()

    catalogue = documented_catalogue()
    gc.collect()
    gc.freeze()  # a collection would otherwise copy all memory that a fork shares with this process
    data = limit_memory()
    send_frame(connection, catalogue)
    serve(connection, answer, data)


if __name__ == "__main__":
    main()
