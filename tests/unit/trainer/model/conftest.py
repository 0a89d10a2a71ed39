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
def machine_fault(request: pytest.FixtureRequest) -> Exception:
    """What neither the spec nor the data is to blame for."""
    fault: Exception = request.param
    return fault
