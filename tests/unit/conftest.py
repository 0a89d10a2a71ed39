"""Compiled kernels of TensorFlow stay between the tests of a process."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def kernels_stay() -> Iterator[None]:
    """Keep the compiled kernels of TensorFlow when Keras sets its seed or clears its session.

    The trainer does both for each model, and most tests build several models with the same operations. Otherwise,
    TensorFlow would spend a quarter of the CPU time of the trainer's tests on compiling the same kernels again.
    Only kernels of random numbers without a state argument, as of `tf.random.uniform`, have a state. A test that needs
    equal random numbers after the same seed takes them from `keras.random`, `tf.random.stateless_…` or numpy.

    Test modules import TensorFlow while pytest collects them. If no module does, TensorFlow is not imported here.
    """
    if "tensorflow" not in sys.modules:
        yield
        return
    from tensorflow.python.eager import context  # noqa: PLC0415 - most test files run without TensorFlow

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context.pywrap_tfe, "TFE_ContextClearCaches", lambda _: None)
        yield
