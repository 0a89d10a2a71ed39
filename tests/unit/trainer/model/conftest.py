import pytest
import tensorflow as tf


@pytest.fixture(
    params=[
        MemoryError("broken"),
        OSError("broken"),
        tf.errors.ResourceExhaustedError(None, None, "broken"),
        tf.errors.InternalError(None, None, "broken"),
        tf.errors.UnknownError(None, None, "broken"),
    ],
    ids=lambda error: type(error).__name__,
)
def machine_error(request: pytest.FixtureRequest) -> Exception:
    """An error that neither the spec nor the data cause."""
    error: Exception = request.param
    return error
