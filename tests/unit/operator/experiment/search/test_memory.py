"""The memory limit of a searcher process."""

from pathlib import Path

import pytest
import yaml
from epochal_operator.experiment.search.memory import DEFAULT_BYTES, container_bytes, exceeded_message, search_bytes
from epochal_operator.experiment.search.searcher_pool import POOL_SIZE

from tests.kit.chart import CHART

MIB = 1024**2
VALUES = yaml.load((CHART / "values.yaml").read_text(), yaml.CSafeLoader)


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        (None, DEFAULT_BYTES),
        (768 * MIB, DEFAULT_BYTES),
        (1024 * MIB, 256 * MIB),
        (128 * MIB, 128 * MIB),
        (64 * 1024 * MIB, 1024 * MIB),
    ],
)
def test_the_limit_grows_with_the_container(container: int | None, expected: int) -> None:
    assert search_bytes(container) == expected


def test_all_searches_of_the_charts_container_leave_the_operator_its_memory() -> None:
    """It takes up to 207 MB beside a search of 1,000 trials, and 270 MB after a start with 10,000 trials."""
    limit = VALUES["resources"]["limits"]["memory"]
    container = int(limit.removesuffix("Mi")) * MIB
    assert container - POOL_SIZE * search_bytes(container) >= 320 * MIB


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("memory.max", "536870912\n", 512 * MIB),
        ("memory.max", "max\n", None),
        ("memory/memory.limit_in_bytes", "536870912\n", 512 * MIB),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", None),
        ("another", "1\n", None),
    ],
)
def test_the_limit_of_the_container(tmp_path: Path, name: str, text: str, expected: int | None) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="ascii")
    assert container_bytes(tmp_path) == expected


def test_the_message_names_the_remedies() -> None:
    message = exceeded_message(DEFAULT_BYTES)
    assert "limit of 192 MiB: use fewer spec.parameters" in message
    assert "resources.limits.memory" in message
