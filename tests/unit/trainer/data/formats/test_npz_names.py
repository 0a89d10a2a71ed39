import pytest
from epochal_trainer.data.formats.npz_names import COMMON, OWN, corrections, rename_advice, standard_name


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
def test_which_name_is_meant(name: str, right: str | None) -> None:
    assert standard_name(name) == right


@pytest.mark.parametrize("names", [*OWN.values(), COMMON[0]])
def test_names_that_are_read_mean_themselves(names: tuple[str, ...]) -> None:
    assert [standard_name(name) for name in names] == [None] * 3


def test_only_what_is_wanted_and_not_there_is_renamed() -> None:
    wanted = {"x_val", "y_val"}
    found = corrections(["x_valid", "x_validation", "y_val", "Y_valid", "x_train"], wanted)
    assert found == {"x_valid": "x_val"}
    assert rename_advice({"X": "x", "Y": "y"}) == "rename X to x and Y to y"
