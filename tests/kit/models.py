"""Small models in ONNX, their signatures and checks."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from epochal_api.modelserver.config import Limits
from epochal_api.signature import ExportedFile, ImageSpec, ModelChoice, ModelFiles, Signature, TensorSpec
from epochal_server.model.model import Model
from onnx import TensorProto, helper, numpy_helper

FEATURES = 3


def softmax(weights: np.ndarray, *, batch: int | str = "n") -> bytes:
    """Returns a model in ONNX that gives `probabilities`, the softmax of `features` times weights."""
    features, classes = weights.shape
    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    return _model(
        nodes,
        inputs={"features": (TensorProto.FLOAT, [batch, features])},
        outputs={"probabilities": (TensorProto.FLOAT, [batch, classes])},
        constants={"weights": weights.astype(np.float32)},
    )


def sigmoid(weights: np.ndarray) -> bytes:
    """Returns a model in ONNX that gives `probability`, that of the second class: the sigmoid of `features` times
    weights."""
    nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ]
    return _model(
        nodes,
        inputs={"features": (TensorProto.FLOAT, ["n", len(weights)])},
        outputs={"probability": (TensorProto.FLOAT, ["n", 1])},
        constants={"weights": weights.reshape(-1, 1).astype(np.float32)},
    )


def divide() -> bytes:
    """Returns a model in ONNX that gives `quotient`, `dividend` by `divisor`, in whole numbers: it fails by zero."""
    return _model(
        [helper.make_node("Div", ["dividend", "divisor"], ["quotient"])],
        inputs={name: (TensorProto.INT64, ["n", "m"]) for name in ("dividend", "divisor")},
        outputs={"quotient": (TensorProto.INT64, ["n", "m"])},
    )


def _model(
    nodes: Sequence[Any],
    *,
    inputs: Mapping[str, tuple[int, Sequence[int | str]]],
    outputs: Mapping[str, tuple[int, Sequence[int | str]]],
    constants: Mapping[str, np.ndarray] | None = None,
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, *of) for name, of in inputs.items()],
        [helper.make_tensor_value_info(name, *of) for name, of in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def check_of(inputs: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray], which: ModelChoice = "Last") -> bytes:
    file = io.BytesIO()
    named: dict[str, Any] = {f"input:{name}": array for name, array in inputs.items()}
    named |= {f"{which.lower()}:{name}": array for name, array in outputs.items()}
    np.savez(file, **named)
    return file.getvalue()


def signature(
    inputs: Sequence[TensorSpec] = (TensorSpec(name="features", shape=[FEATURES], dtype="float32"),),
    outputs: Sequence[TensorSpec] = (TensorSpec(name="probabilities", shape=[2], dtype="float32"),),
    *,
    onnx_file: bytes = b"",
    check: bytes | None = None,
    which: ModelChoice = "Last",
    image: ImageSpec | None = None,
    **more: Any,
) -> Signature:
    """Returns the signature of a model with its check."""
    files = ModelFiles(
        model=which,
        keras=ExportedFile(name="model.keras", sha256="0" * 64),
        onnx=ExportedFile(name="model.onnx", sha256=digest(onnx_file), difference=0.0),
    )
    return Signature(
        inputs=list(inputs),
        outputs=list(outputs),
        models=[files],
        check=ExportedFile(name="check.npz", sha256=digest(check)) if check is not None else None,
        image=image,
        **more,
    )


def model(of: Signature | None = None, classes: tuple[str, ...] | None = None, **limits: int) -> Model:
    """Returns a model as the server loads it."""
    return Model(
        name="digits",
        version="1",
        signature=of or signature(),
        classes=classes,
        images="None",
        limits=Limits(**limits),
        platform="onnxruntime_onnx",
    )
