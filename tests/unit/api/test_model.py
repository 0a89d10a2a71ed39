"""What the models of the API have in common."""

import re
from decimal import Decimal

import pytest
from epochal_api.model import QUANTITY_PATTERN, number_of


@pytest.mark.parametrize(
    ("quantity", "number"),
    [
        ("0", "0"),
        ("512", "512"),
        ("+5.", "5"),
        (".5", "0.5"),
        ("1.5", "1.5"),
        ("100m", "0.1"),
        ("3u", "0.000003"),
        ("3n", "0.000000003"),
        ("2k", "2000"),
        ("1M", "1000000"),
        ("1Ki", "1024"),
        ("0.5Mi", "524288"),
        ("2Gi", "2147483648"),
        ("1E", "1000000000000000000"),
        ("1Ei", "1152921504606846976"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("5e-1", "0.5"),
    ],
)
def test_a_quantity_is_the_number_that_kubernetes_reads(quantity: str, number: str) -> None:
    assert re.match(QUANTITY_PATTERN, quantity)
    assert number_of(quantity) == Decimal(number)
