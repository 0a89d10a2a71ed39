"""How protocols tell what was refused."""

import orjson
import pytest
from epochal_server.protocols import errors
from epochal_server.refusals import Busy, Failed, Invalid, Unknown


@pytest.mark.parametrize("protocol", ["v2", "v2-binary", "tensorflow", "photographs"])
def test_most_have_one_form(protocol: str) -> None:
    assert orjson.loads(errors.body(Invalid("x: é"), protocol)) == {"error": "x: é"}


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (Invalid("x"), "invalid_request_entity"),
        (Unknown("x"), "deployment_does_not_exist"),
        (Busy("x", 1), "too_many_requests"),
        (Failed("x"), "internal_error"),
    ],
)
def test_watson_has_codes(refused: Invalid, code: str) -> None:
    told = orjson.loads(errors.body(refused, "watson-v4"))
    assert len(told.pop("trace")) == 32
    assert told == {"errors": [{"code": code, "message": "x"}], "status_code": refused.status}
    assert "status_code" not in orjson.loads(errors.body(refused, "watson-v3"))
