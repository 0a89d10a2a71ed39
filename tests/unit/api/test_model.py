"""The base of all API models."""

import re
from decimal import Decimal

import pytest
from epochal_api.model import QUANTITY_PATTERN, Model, field_errors, quantity_value
from pydantic import ValidationError


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
def test_quantity_value(quantity: str, number: str) -> None:
    assert re.match(QUANTITY_PATTERN, quantity)
    assert quantity_value(quantity) == Decimal(number)


class Part(Model):
    numbers: list[int]


class Whole(Model):
    part: Part


def test_field_errors() -> None:
    with pytest.raises(ValidationError) as refused:
        Whole.model_validate({"part": {"numbers": [1, "S3cr3t"]}, "more": 1})
    expected = "part.numbers[1]: must be an integer"
    assert field_errors(refused.value) == [expected, "more: is not a known field: check its name and its place"]
    assert field_errors(refused.value, show_found=True)[0] == f"{expected}, found 'S3cr3t'"
    with pytest.raises(ValidationError) as refused:
        Whole.model_validate_json("S3cr3t")
    assert field_errors(refused.value) == ["Invalid JSON: expected value at line 1 column 1"]
