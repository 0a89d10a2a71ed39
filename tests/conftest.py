"""What TensorFlow reads when it is imported, and moments drawn at random."""

import os
import random

import pytest
from hypothesis import settings

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault of what is tested
settings.load_profile("untimed")

SEED = "EPOCHAL_TEST_SEED"


@pytest.fixture
def moment() -> random.Random:
    """Draws moments, others in each run. A test that fails shows the seed to set in order to draw the same again."""
    seed = os.environ.get(SEED) or str(random.SystemRandom().getrandbits(32))
    print(f"{SEED}={seed}")
    return random.Random(seed)  # noqa: S311 - no secret
