"""What TensorFlow reads when it is imported, how long a test may take, and moments drawn at random."""

import gc
import itertools
import os
import random
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault of what is tested
settings.load_profile("untimed")

SEED = "EPOCHAL_TEST_SEED"
SECONDS = {"unit": 120, "integration": 180, "e2e": 360, "cluster": 360}
"""How long a test of each suite may take, its fixtures included: one that hangs fails, and the next one follows."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep imported modules and collected tests, millions of objects that stay, out of each garbage collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    limits = {suite: pytest.mark.timeout(seconds) for suite, seconds in SECONDS.items()}
    # The tests of a file follow each other. To split a path for each of 13,200 tests costs more than the marker.
    for path, tests in itertools.groupby(items, key=lambda item: item.path):
        suite = path.relative_to(Path(__file__).parent).parts[0]
        for item in tests:
            if item.get_closest_marker("timeout") is None:
                item.add_marker(limits[suite])


@pytest.fixture
def moment() -> random.Random:
    """Draws moments, others in each run. A test that fails shows the seed to set in order to draw the same again."""
    seed = os.environ.get(SEED) or str(random.SystemRandom().getrandbits(32))
    print(f"{SEED}={seed}")
    return random.Random(seed)  # noqa: S311 - no secret
