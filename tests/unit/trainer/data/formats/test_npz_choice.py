"""The arrays for a network with several inputs and outputs."""

import pytest
from epochal_api.array_names import ArrayNames, Role
from epochal_trainer.data.formats.npz_choice import check_unread_arrays, choose_arrays
from epochal_trainer.data.formats.npz_names import CLASS_NAME_ARRAYS
from epochal_trainer.data.network_arrays import NetworkArrays
from epochal_trainer.lib.failures import Failure

from tests.unit.trainer.expect import expect_failure

SEVERAL = NetworkArrays(("image", "note"), ("digit", "odd"), frozenset({"note"}))
ONE_INPUT = NetworkArrays(("input",), ("digit", "odd"))
ONE_OUTPUT = NetworkArrays(("image", "note"), ("dense_3",))
NAMES = "image note digit odd"
TRAIN = " ".join(f"{name}_train" for name in NAMES.split())


@pytest.mark.parametrize(
    ("network", "names", "role", "chosen"),
    [
        (SEVERAL, NAMES, "train", NAMES),
        (SEVERAL, f"{NAMES} {TRAIN}", "train", TRAIN),
        (SEVERAL, f"{NAMES} {TRAIN}", "test", NAMES),
        (ONE_INPUT, "input digit odd", "train", "input digit odd"),
        (ONE_INPUT, "x digit odd", "train", "x digit odd"),
        (ONE_INPUT, "features digit odd", "test", "features digit odd"),
        (ONE_INPUT, "x_val digit_val odd_val x digit odd", "validation", "x_val digit_val odd_val"),
        (ONE_OUTPUT, "image note dense_3", "train", "image note dense_3"),
        (ONE_OUTPUT, "image note y", "train", "image note y"),
        (ONE_OUTPUT, "image note labels", "train", "image note labels"),
    ],
)
def test_arrays_have_the_names_of_inputs_and_outputs(
    network: NetworkArrays, names: str, role: Role, chosen: str
) -> None:
    found = choose_arrays(names.split(), role, "file", network)
    assert found.required == tuple(chosen.split())
    check_unread_arrays(chosen.split(), {role: found}, "file", network=network)


INPUT_Y = NetworkArrays(("y", "z"), ("out",))
OUTPUT_X = NetworkArrays(("z",), ("x", "b"))


@pytest.mark.parametrize(
    ("network", "names", "message"),
    [
        (INPUT_Y, "y z", "; out may also have the name labels$"),
        (INPUT_Y, "y_train z_train", "but not out_train"),
        (OUTPUT_X, "x b", "; z may also have the name features$"),
        (OUTPUT_X, "x_train b_train", "but not z_train"),
        # y_train is the array of the input y_train in a file without suffixes.
        (NetworkArrays(("y_train", "z"), ("out",)), "y_train_train z_train y_train", "but not out_train"),
    ],
)
def test_an_array_of_an_input_is_not_also_that_of_an_output(network: NetworkArrays, names: str, message: str) -> None:
    with expect_failure("MissingArrays", message, 65):
        choose_arrays(names.split(), "train", "file", network)


@pytest.mark.parametrize(
    ("network", "names", "chosen"),
    [
        (INPUT_Y, "y z labels", "y z labels"),
        (INPUT_Y, "y z out", "y z out"),
        (OUTPUT_X, "features x b", "features x b"),
        (OUTPUT_X, "z_train x_train b_train", "z_train x_train b_train"),
    ],
)
def test_usual_names_that_no_input_or_output_has(network: NetworkArrays, names: str, chosen: str) -> None:
    assert choose_arrays(names.split(), "train", "file", network).required == tuple(chosen.split())


@pytest.mark.parametrize(
    ("network", "names", "message"),
    [
        (
            SEVERAL,
            "image note",
            "^file holds image, note, but not digit, odd: for spec.data.train it must hold an array for each input .*, "  # noqa: ISC004
            "image, note, digit and odd, or all of these with _train$",
        ),
        (
            SEVERAL,
            "image_train note_train digit",
            "but not digit_train, odd_train: .* Advice: rename digit to digit_tr",
        ),
        (SEVERAL, "Image note digit odd", "but not image: .* Advice: rename Image to image$"),
        (SEVERAL, "arr_0 arr_1", r'Name the arrays as you save them: numpy.savez\(FILE, \*\*\{"image": …, "note"'),
        (SEVERAL, "x y", "but not image, note, digit, odd"),
        (
            ONE_INPUT,
            "digit odd",
            "input, digit and odd, or all of these with _train; input may also have the name feat",
        ),
        (ONE_OUTPUT, "image note", "; dense_3 may also have the name labels or y$"),
        (SEVERAL, "", "file holds nothing, but not image, note, digit, odd"),
    ],
)
def test_a_missing_array_is_refused(network: NetworkArrays, names: str, message: str) -> None:
    with expect_failure("MissingArrays", message, 65):
        choose_arrays(names.split(), "train", "file", network)


@pytest.mark.parametrize(
    ("network", "names", "message"),
    [
        (
            SEVERAL,
            f"{NAMES} extra",
            "holds extra, which .*spec.data.train reads image, note, digit, odd, sample_weight,",
        ),
        (SEVERAL, f"{NAMES} sample_weights", "rename sample_weights to sample_weight so that it is read"),
        (SEVERAL, f"{NAMES} x y", "x, y, which no part of this job reads"),
        (SEVERAL, f"{NAMES} class_names", "rename class_names to class_names_odd or class_names_digit so that"),
        (
            SEVERAL,
            f"{TRAIN} {TRAIN.replace('train', 'test')}",
            "digit_test, image_test, .*: set spec.data.test.object to file, to read image_test, note_test, ",
        ),
        (ONE_INPUT, "x input digit odd", "file holds x, which no part"),
    ],
)
def test_an_unread_array_is_refused(network: NetworkArrays, names: str, message: str) -> None:
    chosen: dict[Role, ArrayNames] = {"train": choose_arrays(names.split(), "train", "file", network)}
    with expect_failure("UnreadArrays", message, 65):
        check_unread_arrays(names.split(), chosen, "file", network=network)


@pytest.mark.parametrize(
    ("network", "names", "message"),
    [
        (
            NetworkArrays(("sample_weight", "z"), ("out",)),
            "sample_weight z out more",
            "reads sample_weight, z, out, if",
        ),
        (
            NetworkArrays(CLASS_NAME_ARRAYS, ("out",)),
            f"{' '.join(CLASS_NAME_ARRAYS)} out names",
            "names, which .*: remove the unread",
        ),
    ],
)
def test_advice_has_no_name_of_an_input_or_output_in_another_role(
    network: NetworkArrays, names: str, message: str
) -> None:
    chosen: dict[Role, ArrayNames] = {"train": choose_arrays(names.split(), "train", "file", network)}
    with expect_failure("UnreadArrays", message, 65):
        check_unread_arrays(names.split(), chosen, "file", network=network)


def test_names_of_classes_and_columns_and_other_sets_are_no_unread_arrays() -> None:
    names = f"{NAMES} class_names_digit class_names_odd feature_names_image digit_test".split()
    chosen: dict[Role, ArrayNames] = {"train": choose_arrays(names, "train", "file", SEVERAL)}
    check_unread_arrays(names, chosen, "file", ["test"], SEVERAL)


def test_a_message_is_short_for_very_many_arrays() -> None:
    network = NetworkArrays(tuple(f"i{n}" * 20 for n in range(16)), tuple(f"o{n}" * 40 for n in range(16)))
    with pytest.raises(Failure) as caught:
        choose_arrays([f"{'n' * 500}{number}" for number in range(10_000)], "train", "file", network)
    assert len(caught.value.message) < 10_000
