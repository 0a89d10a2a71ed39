"""Exports to Caffe give the outputs of Keras, with OpenCV, which reads Caffe's files."""

import re
import runpy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from epochal.exporters.caffe import export
from epochal.exporters.caffe.network import write_network
from epochal_api.trainingjob.spec import parse
from epochal_trainer.model.network import build

from tests.kit import caffe_networks
from tests.kit.exported import draw_inputs, draw_weights, outputs_of, run_file
from tests.kit.torch_networks import all_networks, job

OTHERS = ("digits", "lenet", "old_flow", "perceptron", "regression", "residual", "siamese", "autoencoder", "mnist.yaml")
NETWORKS = {**{name: all_networks()[name] for name in OTHERS}, **caffe_networks.NETWORKS}


def run_caffe(prototxt: bytes, caffemodel: bytes, inputs: list[Any], outputs: list[str]) -> list[Any]:
    """Returns the outputs for each sample, since the batch of the description is 1."""
    network = cv2.dnn.readNetFromCaffe(np.frombuffer(prototxt, np.uint8), np.frombuffer(caffemodel, np.uint8))
    names = re.findall(r'name: "([^"]*)"\n  type: "Input"', prototxt.decode())
    samples = []
    for sample in zip(*inputs, strict=True):
        for name, array in zip(names, sample, strict=True):
            network.setInput(np.moveaxis(array, -1, 0)[np.newaxis].copy(), name)
        samples.append([network.forward(name)[0] for name in outputs])
    return [np.stack(each) for each in zip(*samples, strict=True)]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_outputs_are_those_of_keras(name: str) -> None:
    training_job = parse(job(NETWORKS[name]))
    network = training_job.spec.network
    assert network is not None
    model = build(network, seed=0, memory=2**32)
    draw_weights(model)
    files = export(training_job)
    convert = run_file(files["convert.py"].decode())
    caffemodel = convert["encode"]("exported", convert["convert"](model))
    inputs = draw_inputs(network)
    found = run_caffe(files["deploy.prototxt"], caffemodel, inputs, write_network(network)[1])
    for left, right in zip(found, outputs_of(model, inputs), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


def test_the_converter_reads_a_stored_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training_job = parse(job(NETWORKS["perceptron"]))
    assert training_job.spec.network is not None
    model = build(training_job.spec.network, seed=0, memory=2**32)
    model.save(tmp_path / "model.keras")
    (tmp_path / "convert.py").write_bytes(export(training_job)["convert.py"])
    monkeypatch.setattr("sys.argv", ["convert.py", str(tmp_path / "model.keras"), str(tmp_path / "net.caffemodel")])
    runpy.run_path(str(tmp_path / "convert.py"), run_name="__main__")
    text = str(tmp_path / "deploy.prototxt")
    (tmp_path / "deploy.prototxt").write_bytes(export(training_job)["deploy.prototxt"])
    network = cv2.dnn.readNetFromCaffe(text, str(tmp_path / "net.caffemodel"))
    sample = draw_inputs(training_job.spec.network)[0][:1]
    network.setInput(np.moveaxis(sample, -1, 1).copy())
    np.testing.assert_allclose(network.forward(), np.asarray(model(sample)), rtol=1e-4, atol=1e-5)
