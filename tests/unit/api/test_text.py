"""Texts from other sources contain no terminal control characters."""

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
def test_printable_escapes_or_replaces(text: str, spelled: str) -> None:
    assert printable(text) == spelled
    harmful = "".join("?" if not c.isprintable() and c not in "\n\t" else c for c in text)
    assert printable(text, instead="?") == harmful
    assert printable(text, instead="") == harmful.replace("?", "")


@given(st.characters(categories=HARMFUL) | st.characters())
def test_printable_removes_harmful_categories(character: str) -> None:
    harmful = unicodedata.category(character) in HARMFUL
    for text in (printable(f"a{character}b"), printable(f"a{character}b", instead=" ")):
        assert not [c for c in text if unicodedata.category(c) in HARMFUL and c not in "\n\t"]
    if (
        not harmful or unicodedata.category(character) != "Cn"
    ):  # Which ones are assigned is a matter of Unicode's version.
        assert matches(character) is not harmful


def test_pattern_is_supported_by_kubernetes() -> None:
    """The API server compiles it with Go's regexp, which has classes of Unicode, and no \\u."""
    assert re.fullmatch(r"\^\[\^(\\p\{[A-Z][a-z]?\})+\]\*\$", PRINTABLE_PATTERN)


def test_spec_errors_are_printable() -> None:
    spec = {"data\u202e": {}, "framework": "tensor\u202eflow"}
    document = {"apiVersion": "epochal.dev/v1alpha1", "kind": "TrainingJob", "metadata": {"name": "a"}, "spec": spec}
    with pytest.raises(InvalidTrainingJob, match=r"spec\.data\\u202e: is not a known field") as refused:
        parse(document)
    assert "\u202e" not in str(refused.value)
