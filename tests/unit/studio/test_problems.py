"""Errors as the body Problem: statuses, and no word of the command line."""

import pytest
from epochal.client.failures import no_connection, refused
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal_studio.problems import Refusal, refusal_of, refuse
from epochal_studio.wire.session import SignIn
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (refused(401, b"", "get it"), 401, "Expired"),
        (refused(403, b'{"kind": "Status", "message": "jobs is forbidden"}', "get it"), 403, "Forbidden"),
        (refused(404, b"", "get it"), 404, "NotFound"),
        (refused(409, b"", "change it"), 409, "Conflict"),
        (refused(422, b"", "change it"), 422, "Invalid"),
        (refused(429, b"", "get it"), 503, "Overloaded"),
        (refused(503, b"", "get it"), 503, "Overloaded"),
        (refused(500, b"", "get it"), 502, "Refused"),
        (refused(302, b"", "get it"), 502, "Refused"),
        (refused(400, b'{"kind": "Status", "reason": "BadRequest"}', "get it"), 400, "BadRequest"),
        (no_connection("https://api", "refused"), 502, "Unreachable"),
        (EpochalError("no such file", exit_code=ExitCode.NOT_FOUND), 404, "NotFound"),
        (EpochalError("no name", exit_code=ExitCode.USAGE), 400, "Invalid"),
        (EpochalError("failed"), 422, "Failed"),
        (refuse(507, "Full", "full"), 507, "Full"),
    ],
)
def test_statuses(error: Exception, status: int, reason: str) -> None:
    found = refusal_of(error)
    assert found is not None
    assert (found.status, found.problem.reason) == (status, reason)
    assert found.problem.message
    assert not isinstance(error, EpochalError) or "--" not in found.problem.remedy


def test_a_long_message_is_cut() -> None:
    assert len(refuse(400, "Invalid", "a" * 10_000).problem.message) == 4000


def test_an_invalid_body_shows_no_value() -> None:
    with pytest.raises(ValidationError) as caught:
        SignIn.model_validate_json('{"token": ["secret-token"], "other-secret": 1}')
    found = refusal_of(caught.value)
    assert isinstance(found, Refusal)
    assert (found.status, "token" in found.problem.message) == (422, True)
    assert "secret-token" not in found.problem.message


def test_a_body_with_thousands_of_faults_is_not_described_field_by_field() -> None:
    body = "{" + ",".join(f'"a{number}": 1' for number in range(2_000)) + "}"
    with pytest.raises(ValidationError) as caught:
        SignIn.model_validate_json(body)
    found = refusal_of(caught.value)
    assert isinstance(found, Refusal)
    assert found.problem.message == "2,001 fields are invalid: check that this is the right document"


def test_a_fault_of_studio() -> None:
    assert refusal_of(RuntimeError("secret")) is None
