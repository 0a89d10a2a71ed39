"""What others wrote commands no terminal."""

import re
import unicodedata
from typing import Annotated, Literal

import pytest
from epochal_api.text import PRINTABLE_PATTERN, printable
from epochal_api.trainingjob.spec import InvalidTrainingJob, parse
from hypothesis import given
from hypothesis import strategies as st
from pydantic import StringConstraints, TypeAdapter, ValidationError

HARMFUL: tuple[Literal["Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"], ...] = ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")
PATTERN = TypeAdapter(Annotated[str, StringConstraints(pattern=PRINTABLE_PATTERN)])


def matches(text: str) -> bool:
    try:
        PATTERN.validate_python(text)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("loss 0.5 é 漢字 🙂", "loss 0.5 é 漢字 🙂"),
        ("a\n\tb", "a\n\tb"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("txt.\u202eexe", r"txt.\u202eexe"),
        ("a\u2028b\u200bc\ue000d\udc80", r"a\u2028b\u200bc\ue000d\udc80"),
        ("\U000e0041", r"\U000e0041"),
        ("a\r\nb", "a\\r\nb"),
    ],
)
def test_it_is_spelled_out_or_replaced(text: str, spelled: str) -> None:
    assert printable(text) == spelled
    harmful = "".join("?" if not c.isprintable() and c not in "\n\t" else c for c in text)
    assert printable(text, instead="?") == harmful
    assert printable(text, instead="") == harmful.replace("?", "")


@given(st.characters(categories=HARMFUL) | st.characters())
def test_no_character_of_a_harmful_category_is_left(character: str) -> None:
    harmful = unicodedata.category(character) in HARMFUL
    for text in (printable(f"a{character}b"), printable(f"a{character}b", instead=" ")):
        assert not [c for c in text if unicodedata.category(c) in HARMFUL and c not in "\n\t"]
    if (
        not harmful or unicodedata.category(character) != "Cn"
    ):  # Which ones are assigned is a matter of Unicode's version.
        assert matches(character) is not harmful


def test_the_pattern_is_one_that_kubernetes_knows() -> None:
    """The API server compiles it with Go's regexp, which has classes of Unicode, and no \\u."""
    assert re.fullmatch(r"\^\[\^(\\p\{[A-Z][a-z]?\})+\]\*\$", PRINTABLE_PATTERN)


def test_a_message_about_a_spec_holds_nothing_harmful_of_it() -> None:
    spec = {"data\u202e": {}, "framework": "tensor\u202eflow"}
    document = {"apiVersion": "epochal.dev/v1alpha1", "kind": "TrainingJob", "metadata": {"name": "a"}, "spec": spec}
    with pytest.raises(InvalidTrainingJob, match=r"spec\.data\\u202e: Extra inputs") as refused:
        parse(document)
    assert "\u202e" not in str(refused.value)
