import pytest
from epochal_api.array_names import ArrayNames
from epochal_trainer.data.formats.npz_names import (
    ROLES,
    rename_advice,
    standard_name,
    suggest_renames,
)
from epochal_trainer.data.network_arrays import SINGLE


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("x_valid", "x_val"),
        ("Y_validation", "y_val"),
        ("X_train", "x_train"),
        ("xtrain", "x_train"),
        ("train_images", "x_train"),
        ("test-labels", "y_test"),
        ("Y", "y"),
        ("target", "y"),
        ("sample_weights", "sample_weight"),
        ("weights_val", "sample_weight_val"),
        ("x_val", None),
        ("sample_weight_test", None),
        ("train_x_test", None),
        ("x2", None),
        ("", None),
    ],
)
def test_standard_name(name: str, right: str | None) -> None:
    assert standard_name(name) == right


@pytest.mark.parametrize("names", [SINGLE.array_names(role)[0] for role in (*ROLES, None)], ids=str)
def test_standard_names_have_no_correction(names: ArrayNames) -> None:
    assert [standard_name(name) for name in names.all] == [None] * 3


def test_suggest_renames() -> None:
    expected = {"x_val", "y_val"}
    found = suggest_renames(["x_valid", "x_validation", "y_val", "Y_valid", "x_train"], expected)
    assert found == {"x_valid": "x_val"}
    assert rename_advice({"X": "x", "Y": "y"}) == "rename X to x and Y to y"
