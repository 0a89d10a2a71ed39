from typing import Any

import numpy as np
import pytest
from epochal_trainer.data import columns as columns_module
from epochal_trainer.data.arrays import BLOCK_SIZE
from epochal_trainer.data.columns import check_columns, count_columns, describe_columns
from epochal_trainer.data.samples import Samples

from tests.unit.trainer.expect import expect_peak_memory

TABLE = np.array([[1, 5, -2.0], [3, 5, 4.0], [2, 5, 1.0], [6, 5, 0.0]])


def table(*columns: Any, rows: int = 200) -> Any:
    """A table with random columns within these ranges; a number is a constant column."""
    rng = np.random.default_rng(0)
    ranges = [column if isinstance(column, tuple) else (column, column) for column in columns]
    return np.stack([rng.uniform(low, high, rows) for low, high in ranges], axis=1)


def warnings_of(features: Any, *, is_scaled: bool = False, takes_indices: bool = False) -> dict[str, str]:
    samples = Samples.single(features, np.zeros(len(features)), "a.npz[x]", "a.npz[y]")
    found = check_columns(samples, describe_columns(features), is_scaled=is_scaled, takes_indices=takes_indices)
    return {each.reason: each.message for each in found}


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int8, np.int64])
def test_ranges_of_a_table(dtype: Any, order: Any) -> None:
    found = describe_columns(np.array(TABLE, dtype, order=order))
    assert found.lows.tolist() == [1, 5, -2]
    assert found.highs.tolist() == [6, 5, 4]
    assert found.means.tolist() == [3, 5, 0.75]
    assert found.missing.tolist() == [0, 0, 0]
    assert found.constant.tolist() == [False, True, False]


def test_missing_values() -> None:
    features = TABLE.copy()
    features[0, 0] = features[:, 2] = np.nan
    found = describe_columns(features)
    assert found.missing.tolist() == [1, 0, 4]
    np.testing.assert_array_equal(found.lows, [2, 5, np.nan])
    np.testing.assert_array_equal(found.means, [11 / 3, 5, np.nan])
    assert not found.constant[2]


@pytest.mark.parametrize("shape", [(), (1,), (7,), (200,), (5, 6), (9, 8, 3), (2, 70_000)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_columns_of_any_shape(shape: tuple[int, ...], dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_module, "_BLOCK_VALUES", 100)
    monkeypatch.setattr(columns_module, "_MAX_REDUCED_WIDTH", 100)
    features = np.random.default_rng(0).integers(0, 256, (3, *shape)).astype(dtype)
    found, columns = describe_columns(features), count_columns(features)
    values = features.reshape(-1, columns or 1).astype(float)
    np.testing.assert_array_equal(found.lows, values.min(axis=0))
    np.testing.assert_array_equal(found.highs, values.max(axis=0))
    np.testing.assert_allclose(found.means, values.mean(axis=0))


def test_all_blocks_count_within_bounded_memory() -> None:
    features = np.zeros((3 * BLOCK_SIZE, 2), np.float32)
    features[-1], features[BLOCK_SIZE] = 7, -3
    with expect_peak_memory(features.nbytes):
        found = describe_columns(features)
    assert found.lows.tolist() == [-3, -3]
    assert found.highs.tolist() == [7, 7]


def test_sums_of_bytes_do_not_overflow() -> None:
    assert describe_columns(np.full((2, 3 * 2**22), 255, np.uint8)).means.tolist() == [255]


def test_constant_feature() -> None:
    found = warnings_of(table((0, 1), 3, (2, 3), -0.5))
    assert list(found) == ["ConstantFeature"]
    assert "a.npz[x] has columns with the same value in all training samples, 2 of 4: " in found["ConstantFeature"]
    assert "column 1 (always 3), 3 (always -0.5), counted from 0" in found["ConstantFeature"]


def test_constant_features_are_shortened() -> None:
    message = warnings_of(table((0, 1), *range(1, 60)))["ConstantFeature"]
    assert "5 (always 5) and 54 more, counted" in message


@pytest.mark.parametrize("scale", [1500.0, 1e300])
def test_unscaled_features(scale: float) -> None:
    features = table((0, 1), (-scale, scale), (0, 20))
    found = warnings_of(features)
    assert list(found) == ["UnscaledFeatures"]
    assert "column 0 reaches from 0.0" in found["UnscaledFeatures"]
    assert "column 1 reaches from -" in found["UnscaledFeatures"]
    assert "{layer: Normalization}" in found["UnscaledFeatures"]
    assert warnings_of(features, is_scaled=True) == {}


def test_features_of_a_series() -> None:
    features = table((0, 1), (0, 5000), 7, rows=600).reshape(30, 20, 3)
    assert set(warnings_of(features)) == {"ConstantFeature", "UnscaledFeatures"}


def pixels(shape: tuple[int, ...], dtype: Any, scale: float = 255.0) -> Any:
    """Dark images with a black border, and a nearly black line."""
    images = np.random.default_rng(0).integers(0, 256, (60, 12, 12)) / 255
    images[:, :2] = images[:, :, :2] = 0
    images[:, 2] *= images[:, 2] > 0.99
    images[:, 3] *= 1e-5
    images[::2, 2:, 2:] = 0
    return (images * scale).astype(dtype).reshape(60, *shape)


NO_WARNING = {
    "similar ranges": table((0, 1), (-400, 400)),
    "bytes": table((0, 1), 3).astype(np.uint8),
    "one column": table((0, 1)),
    "a number for each sample": np.arange(9.0),
    "images": pixels((12, 12, 1), np.float32),
    "images without channels": pixels((12, 12), np.float32),
    "flat images": pixels((144,), np.float32),
    "flat images of 16 bits": pixels((144,), np.uint16, 65535),
    "one-hot columns and a word that is missing": np.eye(80)[np.arange(400) % 79],
    "more columns than are compared": np.zeros((2, columns_module.MAX_COLUMNS + 1)),
}


@pytest.mark.parametrize("features", NO_WARNING.values(), ids=NO_WARNING)
def test_no_warning(features: Any) -> None:
    assert warnings_of(features) == {}


def test_indices_have_no_range() -> None:
    features = table(101, (0, 30_000), (0, 5)).astype(int)
    assert set(warnings_of(features)) == {"ConstantFeature", "UnscaledFeatures"}
    assert warnings_of(features, takes_indices=True) == {}
