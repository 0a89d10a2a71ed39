"""Sealed sessions: no other process opens them, and no part of one can be changed."""

from datetime import UTC, datetime, timedelta

import pytest
from epochal_studio.session.cookies import MAX_COOKIES, PART, joined, split
from epochal_studio.session.sealing import Sealed, Sealer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SESSION = Sealed("secret-token", NOW + timedelta(hours=1), "ada")


def test_a_session_comes_back() -> None:
    sealer = Sealer()
    assert sealer.open(sealer.seal(SESSION), NOW) == SESSION
    assert sealer.seal(SESSION) != sealer.seal(SESSION)
    assert "secret-token" not in repr(SESSION)


def test_a_session_ends() -> None:
    sealer = Sealer()
    assert sealer.open(sealer.seal(SESSION), SESSION.expires) is None


def test_another_process_opens_nothing() -> None:
    assert Sealer().open(Sealer().seal(SESSION), NOW) is None


def test_no_part_can_be_changed() -> None:
    sealer = Sealer()
    text = sealer.seal(SESSION)
    for position in range(len(text)):
        other = "A" if text[position] != "A" else "B"
        changed = text[:position] + other + text[position + 1 :]
        # The last character has bits that encode nothing.
        assert sealer.open(changed, NOW) is None or position == len(text) - 1


@pytest.mark.parametrize("text", ["", "A", "AAAA", "ä", "=" * 10, "A" * 40_000, "\x00", " ", "AA AA"])
def test_other_texts_are_no_session(text: str) -> None:
    assert Sealer().open(text, NOW) is None


def _cookies(values: list[str]) -> dict[str, str]:
    return {f"__Host-epochal-{number}": value for number, value in enumerate(values)}


@pytest.mark.parametrize("length", [1, PART, PART + 1, 3 * PART])
def test_a_text_comes_back_from_its_cookies(length: int) -> None:
    text = "a" * (length - 1) + "b"
    values = split(text)
    assert joined(_cookies(values)) == text
    assert joined(_cookies([*values, "left over from an earlier session"])) == text
    if len(values) > 1:
        assert joined(_cookies(values[:-1])) is None


def test_a_text_that_is_too_long() -> None:
    with pytest.raises(ValueError, match="needs 9 cookies"):
        split("a" * (MAX_COOKIES * PART + 1))


@pytest.mark.parametrize("first", ["", "a", ".a", "x.a", "9.a", "².a", "-1.a", "10.a", "0.a", "1."])
def test_cookies_of_another_form(first: str) -> None:
    assert joined({"__Host-epochal-0": first}) is None
