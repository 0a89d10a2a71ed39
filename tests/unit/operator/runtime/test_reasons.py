"""Tables of reasons and their effects, and foreign reasons."""

from epochal_operator.runtime.reasons import (
    FOREIGN,
    MAX_MESSAGE,
    Effect,
    Foreign,
    OwnReason,
    clean,
    effect_of,
    reason_of,
)


class Reason(OwnReason):
    """A table."""

    PLAIN = "Plain"
    SILENT = "Silent", Effect(event=None, fault=None)


def test_each_reason_has_its_effect() -> None:
    assert Reason.PLAIN.effect == Effect()
    assert Reason.SILENT.effect.event is None
    assert (str(Reason.SILENT), Reason("Silent")) == ("Silent", Reason.SILENT)


def test_a_foreign_reason_has_default_effects() -> None:
    assert reason_of(Reason, "Plain") is Reason.PLAIN
    assert reason_of(Reason, "Theirs") == Foreign("Theirs")
    assert effect_of(reason_of(Reason, "Silent")) == Reason.SILENT.effect
    assert effect_of(Foreign("Theirs")) == FOREIGN == Effect(event="Warning", ready=False, fault="Cluster")


def test_foreign_texts_are_bounded_and_free_of_control_characters() -> None:
    assert clean(" a\x1b[2Jb \n") == "a [2Jb"
    assert clean("x" * MAX_MESSAGE + "the end").endswith("the end")
    assert len(clean("ä" * MAX_MESSAGE).encode()) <= MAX_MESSAGE
