"""How a refusal is told, whoever tells it."""

from epochal_server.refusals import SHOWN, Busy, Invalid, NotReady, Unauthorized


def test_what_a_request_held_does_nothing_to_a_terminal() -> None:
    assert Invalid("found \x1b[31m\u202e").message == r"found \x1b[31m\u202e"


def test_a_message_repeats_no_more_than_is_read() -> None:
    assert len(Invalid("x" * 10 * SHOWN).message) == SHOWN


def test_tells_when_to_try_again_in_whole_seconds() -> None:
    assert Busy("full", 0.02).headers == {"Retry-After": "1"}
    assert Busy("full", 2.1).headers == {"Retry-After": "3"}
    assert NotReady("it ends").headers == {"Retry-After": "1"}


def test_names_what_keys_are_told_by() -> None:
    assert Unauthorized("no key").headers == {"WWW-Authenticate": "Bearer"}
