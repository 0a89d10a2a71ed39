"""ONNX Runtime in a bare loop, for comparison with the server: `python -m tests.bench.serving.bare`."""

import argparse
import json
import time
from itertools import cycle
from pathlib import Path

import numpy as np
import onnxruntime

from tests.bench.figures import percentile


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serving.bare", description=__doc__)
    parser.add_argument("model", type=Path, help="the network, as ONNX")
    parser.add_argument("images", type=Path, help="images, as npy")
    parser.add_argument("--batch", type=int, default=1, help="images in a call")
    parser.add_argument("--threads", type=int, default=1, help="threads that compute")
    parser.add_argument("--seconds", type=float, default=2)
    given = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = given.threads, 1
    session = onnxruntime.InferenceSession(given.model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    images = np.load(given.images)
    batches = cycle([images[begin : begin + given.batch] for begin in range(0, len(images), given.batch)][:256])
    for _ in range(20):
        session.run(None, {name: next(batches)})
    calls = []
    began = last = time.perf_counter()
    while last - began < given.seconds:
        session.run(None, {name: next(batches)})
        now = time.perf_counter()
        calls.append(now - last)
        last = now
    low, high = (percentile(calls, share) * 1e6 for share in (0.5, 0.99))
    print(json.dumps({"rate": len(calls) / (last - began), "p50": low, "p99": high}))


if __name__ == "__main__":
    main()
