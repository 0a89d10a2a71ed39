"""Messages and headers of refused requests."""

from epochal_server.refusals import MAX_MESSAGE, Busy, Invalid, NotReady, Unauthorized


def test_escapes_control_characters() -> None:
    assert Invalid("found \x1b[31m\u202e").message == r"found \x1b[31m\u202e"


def test_a_message_is_bounded() -> None:
    assert len(Invalid("x" * 10 * MAX_MESSAGE).message) == MAX_MESSAGE


def test_retry_after_has_whole_seconds() -> None:
    assert Busy("full", 0.02).headers == {"Retry-After": "1"}
    assert Busy("full", 2.1).headers == {"Retry-After": "3"}
    assert NotReady("it ends").headers == {"Retry-After": "1"}


def test_names_the_authentication_scheme() -> None:
    assert Unauthorized("no key").headers == {"WWW-Authenticate": "Bearer"}
