"""TensorFlow's SavedModel in the same kind of server, one image a request, for comparison with the server.

It answers the same requests of Open Inference with the least that a user would write for it: aiohttp, orjson, no
checks, one call of the model for each request, in the event loop.
"""

import argparse
from pathlib import Path

import numpy as np
import orjson
import tensorflow as tf
from aiohttp import web


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serving.savedmodel", description=__doc__)
    parser.add_argument("model", type=Path, help="the network, as a SavedModel")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    loaded = tf.saved_model.load(given.model)
    call = loaded.signatures["serving_default"]
    _, taken = call.structured_input_signature
    ((name, _),) = taken.items()

    async def infer(request: web.Request) -> web.Response:
        body = await request.read()
        length = int(request.headers["Inference-Header-Content-Length"])
        asked = orjson.loads(body[:length])
        shape = asked["inputs"][0]["shape"]
        array = np.frombuffer(body, np.float32, offset=length).reshape(shape)
        ((output, answer),) = call(**{name: tf.constant(array)}).items()
        content = answer.numpy()
        parameters = {"binary_data_size": content.nbytes}
        tensor = {"name": output, "datatype": "FP32", "shape": content.shape, "parameters": parameters}
        head = orjson.dumps({"model_name": "mnist", "model_version": "1", "outputs": [tensor]})
        headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
        return web.Response(body=head + content.tobytes(), headers=headers)

    async def ready(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/v2/models/mnist/infer", infer), web.get("/v2/health/ready", ready)])
    web.run_app(app, host="127.0.0.1", port=given.port, access_log=None, print=None)


if __name__ == "__main__":
    main()
