"""Flows in the format of the Neural Network Modeler, built as its user interface saved them."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

PORT = "p"


def identity(label: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, label))


def node(label: str, op: str, sources: Sequence[str] = (), **parameters: Any) -> dict[str, Any]:
    """Return a node with links to the nodes of other labels. All ports have the same id."""
    return {
        "id": identity(label),
        "type": "execution_node",
        "op": op,
        "parameters": parameters,
        "inputs": [
            {"id": PORT, "links": [{"node_id_ref": identity(each), "port_id_ref": PORT}], "app_data": {}}
            for each in sources
        ],
        "outputs": [{"id": PORT, "app_data": {}}],
        "app_data": {"ui_data": {"label": label, "x_pos": 1, "y_pos": 2, "image": "", "messages": []}},
    }


def flow(*nodes: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    return {
        "doc_type": "pipeline",
        "version": "1.0",
        "json_schema": "http://example.org/pipeline-flow/pipeline-flow-v1-schema.json",
        "id": identity("document"),
        "primary_pipeline": identity("pipeline"),
        "pipelines": [
            {
                "id": identity("pipeline"),
                "nodes": list(nodes),
                "app_data": {"ui_data": {"comments": []}, **({"name": name} if name else {})},
                "runtime_ref": "",
            }
        ],
        "schemas": [],
    }


DATA = {
    "rows": "28",
    "cols": "28",
    "channels": "1",
    "dim_ordering": "channels_last",
    "classes": "10",
    "dbformat": "Python Pickle",
    "num_epochs": "5",
    "batchsize": "128",
    "train_dataset": "mnist-train.pkl",
    "val_dataset": "mnist-val.pkl",
    "test_dataset": "mnist-test.pkl",
    "bucket": "digits-data",
    "data_connection": "b54b1a2c-3b5f-4c4a-a7b7-0a1f9e5d6c11",
}
CONV = {
    "nb_filter": "32",
    "kernel_row": "3",
    "kernel_col": "3",
    "stride_row": "1",
    "stride_col": "1",
    "border_mode": "SAME",
    "init": "glorot_uniform",
    "bias": "1",
    "trainable": "1",
    "W_regularizer": "null",
    "b_regularizer": "null",
    "activity_regularizer": "null",
    "W_constraint": "null",
    "b_constraint": "null",
    "W_lr_mult": "1",
}
POOL = {"kernel_row": 2, "kernel_col": 2, "stride_row": 2, "stride_col": 2, "border_mode": "VALID", "function": "MAX"}


def digits() -> dict[str, Any]:
    """Return a flow of a network that reads digits, with its nodes in no order."""
    return flow(
        node("Adam", "optimizer.adam", ["Loss"], lr="0.001", decay="0"),
        node("Softmax", "activation.softmax", ["Dense 10"]),
        node("Loss", "loss.softmaxcrossentropyloss", ["Softmax"]),
        node("Flatten", "core.flatten", ["Pool"]),
        node("Conv 2D", "convolution.convolution2d", ["Images"], **CONV),
        node("Accuracy", "metric.accuracy", ["Softmax"]),
        node("ReLU", "activation.relu", ["Conv 2D"]),
        node("Images", "input.imagedata", **DATA),
        node("Dense 10", "core.dense", ["Dropout"], output_dim="10", init="glorot_uniform", bias="1"),
        node("Pool", "convolution.pooling2d", ["ReLU"], **POOL),
        node("Dropout", "core.dropout", ["Flatten"], p="0.25"),
        name="Digits of 2018",
    )


def chain(*layers: Mapping[str, Any], loss: str, data: Mapping[str, Any] = DATA) -> dict[str, Any]:
    """Return a flow of layers that each have a link to the layer before, and a loss at the end."""
    nodes = [node("Images", "input.imagedata", **data)]
    before = "Images"
    for each in layers:
        label = each["app_data"]["ui_data"]["label"]
        nodes.append({**node(label, each["op"], [before]), "parameters": each["parameters"]})
        before = label
    return flow(*nodes, node("Loss", loss, [before]), node("SGD", "optimizer.sgd", ["Loss"], lr=0.1))
