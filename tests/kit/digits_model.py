"""A small model that reads drawn digits, made within a second, for tests of the server."""

import hashlib
import io
import json
import math
from functools import cache
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw

Points = list[tuple[float, float]]

SIDE = 28
INNER = 20
"""Side of the box that a digit fills, as those of MNIST do."""
LARGE = 140
"""Side of a drawing before it is scaled down."""
INPUT, OUTPUT = "image", "digit"
EACH = 150
"""Drawings of each digit that it learns from."""
PENALTY, CERTAINTY = 10.0, 12.0
"""Ridge regression is fast. It gives about 1 for the class and 0 for others, which CERTAINTY scales for softmax."""


def _arc(centre: tuple[float, float], radii: tuple[float, float], start: float, end: float) -> Points:
    """Returns a part of an ellipse; degrees go clockwise from the right."""
    steps = [math.radians(start + (end - start) * step / 12) for step in range(13)]
    return [(centre[0] + radii[0] * math.cos(angle), centre[1] + radii[1] * math.sin(angle)) for angle in steps]


DRAWN: tuple[Points, ...] = (
    _arc((0.5, 0.5), (0.2, 0.3), -90, 270),
    [(0.5, 0.2), (0.5, 0.8)],
    [*_arc((0.5, 0.37), (0.18, 0.17), -170, 30), (0.32, 0.8), (0.7, 0.8)],
    [*_arc((0.48, 0.35), (0.18, 0.15), -150, 90), *_arc((0.48, 0.65), (0.2, 0.15), -90, 150)],
    [(0.45, 0.2), (0.3, 0.55), (0.68, 0.55), (0.6, 0.55), (0.6, 0.3), (0.6, 0.8)],
    [(0.68, 0.2), (0.36, 0.2), (0.34, 0.47), *_arc((0.48, 0.61), (0.19, 0.19), -110, 150)],
    [(0.6, 0.2), (0.4, 0.4), *_arc((0.5, 0.62), (0.17, 0.18), 180, 540)],
    [(0.3, 0.22), (0.68, 0.22), (0.42, 0.8)],
    [*_arc((0.5, 0.35), (0.15, 0.15), 90, 450), *_arc((0.5, 0.65), (0.18, 0.15), -90, 270)],
    [*_arc((0.5, 0.38), (0.16, 0.18), 0, 360), (0.66, 0.38), (0.6, 0.8)],
)
"""Strokes of each digit on a sheet of 1 by 1."""


@cache
def model() -> bytes:
    """Returns the model as ONNX: it takes float32 from 0 to 1, light ink on black, and gives ten probabilities."""
    random = np.random.default_rng(0)
    drawings = np.stack([_drawing(points, random) for points in DRAWN for _ in range(EACH)]).reshape(10 * EACH, -1)
    wanted = np.repeat(np.eye(10), EACH, axis=0)
    solved = np.linalg.solve(drawings.T @ drawings + PENALTY * np.eye(SIDE * SIDE), drawings.T @ wanted)
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", [INPUT, "flat"], ["pixels"]),
            helper.make_node("MatMul", ["pixels", "weights"], ["scores"]),
            helper.make_node("Softmax", ["scores"], [OUTPUT], axis=-1),
        ],
        "digits",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", SIDE, SIDE, 1])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", 10])],
        [
            numpy_helper.from_array((CERTAINTY * solved).astype(np.float32), "weights"),
            numpy_helper.from_array(np.array([-1, SIDE * SIDE]), "flat"),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


def sha256() -> str:
    return hashlib.sha256(model()).hexdigest()


def signature(**changed: Any) -> bytes:
    """Returns the signature of the model, with changed fields."""
    files = {"keras": {"name": "model.keras", "sha256": "0" * 64}, "onnx": {"name": "model.onnx", "sha256": sha256()}}
    fields = {
        "inputs": [{"name": INPUT, "shape": [SIDE, SIDE, 1], "dtype": "float32"}],
        "outputs": [{"name": OUTPUT, "shape": [10], "dtype": "float32"}],
        "probabilities": True,
        "image": {"height": SIDE, "width": SIDE, "channels": 1, "lowest": 0, "highest": 1},
        "models": [{"model": "Last", **files}],
    }
    return json.dumps(fields | changed).encode()


def photograph(digit: int) -> bytes:
    """Returns a JPEG of a digit that is drawn with a pen on paper."""
    picture = Image.new("RGB", (600, 600), "#ddd8cc")
    points = [(600 * x, 600 * y) for x, y in DRAWN[digit]]
    ImageDraw.Draw(picture).line(points, fill="#223355", width=40, joint="curve")
    file = io.BytesIO()
    picture.save(file, "JPEG")
    return file.getvalue()


def _drawing(points: Points, random: np.random.Generator) -> np.ndarray:
    """Returns a digit as another hand would draw it: light on black, as large as all, its ink in the middle."""
    slope, breadth, width = random.uniform(-0.2, 0.2), random.uniform(0.8, 1.2), random.integers(8, 17)
    wobble = random.normal(0, 0.012, (len(points), 2))
    placed = (np.array(points) - 0.5 + wobble) @ np.array([[breadth, 0], [slope, 1]]) + 0.5
    sheet = Image.new("L", (LARGE, LARGE))
    ImageDraw.Draw(sheet).line([tuple(point) for point in placed * LARGE], fill=255, width=int(width), joint="curve")
    digit = sheet.crop(sheet.getbbox())
    scale = INNER / max(digit.size)
    size = (max(1, round(digit.width * scale)), max(1, round(digit.height * scale)))
    ink = np.asarray(digit.resize(size, Image.Resampling.BOX), np.float32) / 255
    middle = [float((ink.sum(1 - axis) * np.arange(ink.shape[axis])).sum() / ink.sum()) for axis in (0, 1)]
    canvas = np.zeros((SIDE + INNER, SIDE + INNER), np.float32)
    top, left = (round(INNER / 2 + SIDE / 2 - 0.5 - place) for place in middle)
    canvas[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    edge = INNER // 2
    return canvas[edge:-edge, edge:-edge]
