"""The errors of a network as a message, and those that all trials of an Experiment have."""

from epochal_api.checker import MAX_MESSAGE, Answer, CheckedLayer
from epochal_operator.checker.verdict import MAX_ERRORS, NetworkError, Verdict, verdict_of


def test_errors_of_layers_come_first() -> None:
    layers = [
        CheckedLayer(index=1, layer="Dense", name="d", error="layer\x1b[31m"),
        CheckedLayer(index=2, layer="Dense", name="e"),
    ]
    verdict = verdict_of(Answer(layers=layers, errors=["network"]))
    assert [error.layer for error in verdict.errors] == [1, None]
    assert "\x1b" not in verdict.message
    assert verdict.message.endswith("\nnetwork")


def test_the_message_is_bounded() -> None:
    message = Verdict([NetworkError(index, "x" * 1000) for index in range(1000)]).message
    assert len(message) < MAX_MESSAGE + 20
    assert message.endswith("\nand 996 more")


def test_a_verdict_keeps_the_first_errors_and_the_number_of_the_others() -> None:
    layers = [
        CheckedLayer(index=index, layer="Dense", name=f"d{index}", error=f"error {index}") for index in range(100)
    ]
    verdict = verdict_of(Answer(layers=layers, errors=["network"]))
    assert [error.layer for error in verdict.errors] == list(range(MAX_ERRORS))
    assert verdict.message.endswith(f"error {MAX_ERRORS - 1}\nand {101 - MAX_ERRORS} more")


def test_only_errors_above_a_searched_layer_are_those_of_all_trials() -> None:
    verdict = Verdict([NetworkError(0, "a"), NetworkError(3, "b"), NetworkError(None, "c")])
    assert verdict.before(None) == verdict
    assert verdict.before(3) == Verdict([NetworkError(0, "a")])
    assert verdict.before(0) == Verdict([])
