"""The server's own words."""

import json
import logging

from epochal_api.pod import ACCESS_KEY_ENV, SECRET_KEY_ENV, SESSION_TOKEN_ENV
from epochal_server.logs import JsonFormatter

ENVIRON = {ACCESS_KEY_ENV: "access-key", SECRET_KEY_ENV: "access-key-and-more", SESSION_TOKEN_ENV: "abc"}


def told(message: str, *arguments: object, error: BaseException | None = None) -> dict[str, str]:
    trace = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("epochal_server.x", logging.WARNING, __file__, 1, message, arguments, trace)
    line = JsonFormatter(ENVIRON).format(record)
    assert "\n" not in line
    found: dict[str, str] = json.loads(line)
    return found


def test_is_one_object_a_line() -> None:
    found = told("found %d\nlines", 2)
    assert (found["level"], found["logger"], found["message"]) == ("warning", "epochal_server.x", "found 2\nlines")


def test_tells_no_keys() -> None:
    found = told("keys: access-key, access-key-and-more, Signature=0af9, Bearer abc.def, abc")
    assert found["message"] == "keys: ***, ***, Signature=***, Bearer *** abc"


def test_tells_where_an_error_came_from() -> None:
    found = told("it failed", error=ValueError("with access-key"))
    assert "ValueError: with ***" in found["exception"]
