"""Curves as tests need them."""

from epochal_operator.experiment.search_space.space import Space

from tests.bench.experiments.curves import Curve, Curves
from tests.bench.experiments.search import FULL, experiment, spec_of

SPACE = Space.of(spec_of(experiment("Random", FULL, trials=1)).parameters)
ADAM = {"learningRate": "0.001", "filters": "16", "dropout": "0.2", "optimizer": "Adam"}
SGD = ADAM | {"optimizer": "SGD", "momentum": "0.9"}


def curve(*values: float, seconds: float = 1.0, **parameters: str) -> Curve:
    """Returns the curve of a trial like ADAM."""
    return Curve(ADAM | parameters, seconds, values)


def curves(*those: Curve) -> Curves:
    """Returns curves from which those of other trials follow."""
    return Curves(those, SPACE)
