"""The answer of the checker, from the sketch of a network: layers with symbolic tensors and no values."""

from collections.abc import Iterable

from epochal_api.checker import MAX_ERROR, Answer, CheckedLayer

from epochal_trainer.model.sketch import LayerReport, Shape, Sketch


def answer_of(sketch: Sketch, image: str = "") -> Answer:
    """Return the answer with the layers and errors of a sketch. `image` is the container image of the checker."""
    return Answer(
        image=image,
        layers=[_checked(layer) for layer in sketch.layers],
        errors=[error[:MAX_ERROR] for error in sketch.errors],
        parameters=sum(layer.parameters or 0 for layer in sketch.layers),
        built=len(sketch.layers) - sketch.reused,
    )


def _checked(layer: LayerReport) -> CheckedLayer:
    return CheckedLayer(
        index=layer.index,
        layer=layer.kind,
        name=layer.name,
        outputs=_shapes(layer.shapes or ()),
        parameters=layer.parameters,
        error=layer.error and layer.error[:MAX_ERROR],
    )


def _shapes(shapes: Iterable[Shape]) -> list[list[int]]:
    """Return shapes without the batch axis, with -1 for an axis of any length."""
    return [[-1 if size is None else int(size) for size in shape[1:]] for shape in shapes]
