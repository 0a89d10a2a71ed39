"""Tables of reasons and their effects, and foreign reasons."""

from epochal_operator.runtime.reasons import (
    EXTERNAL_EFFECT,
    MAX_EXTERNAL_MESSAGE_BYTES,
    Effect,
    EpochalReason,
    ExternalReason,
    effect_of,
    reason_of,
    sanitize_message,
)


class Reason(EpochalReason):
    """A table."""

    PLAIN = "Plain"
    SILENT = "Silent", Effect(event=None, fault=None)


def test_each_reason_has_its_effect() -> None:
    assert Reason.PLAIN.effect == Effect()
    assert Reason.SILENT.effect.event is None
    assert (str(Reason.SILENT), Reason("Silent")) == ("Silent", Reason.SILENT)


def test_a_foreign_reason_has_default_effects() -> None:
    assert reason_of(Reason, "Plain") is Reason.PLAIN
    assert reason_of(Reason, "Theirs") == ExternalReason("Theirs")
    assert effect_of(reason_of(Reason, "Silent")) == Reason.SILENT.effect
    assert (
        effect_of(ExternalReason("Theirs")) == EXTERNAL_EFFECT == Effect(event="Warning", ready=False, fault="Cluster")
    )


def test_foreign_texts_are_bounded_and_free_of_control_characters() -> None:
    assert sanitize_message(" a\x1b[2Jb \n") == "a [2Jb"
    assert sanitize_message("x" * MAX_EXTERNAL_MESSAGE_BYTES + "the end").endswith("the end")
    assert len(sanitize_message("ä" * MAX_EXTERNAL_MESSAGE_BYTES).encode()) <= MAX_EXTERNAL_MESSAGE_BYTES
