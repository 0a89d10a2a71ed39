"""The refusals of a real API server in the words of Studio."""

import json
from typing import Any

import pytest
from epochal.client.failures import ApiError, refused
from epochal.client.kinds import TRAINING_JOBS
from epochal_api.trainingjob.spec import immutable
from epochal_studio.problems import Refusal
from epochal_studio.saving.refusals import refusal_to_save

RESOURCE = 'TrainingJob.epochal.dev "mnist" is invalid: '


def error(status: int, message: str, *causes: tuple[str, str], reason: str = "Invalid") -> ApiError:
    details = {"causes": [{"reason": "FieldValueInvalid", "field": field, "message": text} for field, text in causes]}
    body: Any = {"kind": "Status", "reason": reason, "message": message, "code": status, "details": details}
    return refused(status, json.dumps(body).encode(), "create TrainingJob vision/mnist")


def refusal(*arguments: Any, **options: Any) -> Refusal:
    found = refusal_to_save(error(*arguments, **options), TRAINING_JOBS)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("field", "text", "line"),
    [
        (
            "spec.training.epochs",
            "Invalid value: 0: spec.training.epochs in body should be greater than or equal to 1",
            "spec.training.epochs: found 0, should be greater than or equal to 1",
        ),
        (
            "spec.training.precision",
            'Unsupported value: "float8": supported values: "float32", "mixed_bfloat16"',
            'spec.training.precision: found "float8", supported values: "float32", "mixed_bfloat16"',
        ),
        ("spec.data", "Required value", "spec.data: Required value"),
        (
            "spec",
            'Invalid value: "object": give exactly one of network, model and code',
            "spec: give exactly one of network, model and code",
        ),
        (
            "spec.results.bucket",
            'Invalid value: "string": spec.results.bucket in body must be of type object: "string"',
            'spec.results.bucket: found "string", must be of type object: "string"',
        ),
        ("<nil>", "Invalid value: null: some rules are not checked", "found null, some rules are not checked"),
        ("spec.name", "Too long: may not be more than 253 bytes", "spec.name: may not be more than 253 bytes"),
        ("", "anything else", "anything else"),
    ],
)
def test_a_field_with_the_value_found_and_expected(field: str, text: str, line: str) -> None:
    found = refusal(422, f"{RESOURCE}{field}: {text}", (field, text))
    assert (found.status, found.problem.reason, found.problem.message) == (422, "Invalid", line)
    assert found.problem.remedy == "Correct these fields."


def test_all_fields_within_a_bound() -> None:
    causes = [(f"spec.f{number}", "Required value") for number in range(30)]
    lines = refusal(422, RESOURCE, *causes).problem.message.splitlines()
    assert (len(lines), lines[0], lines[-1]) == (17, "spec.f0: Required value", "and 14 more fields")
    assert refusal(422, f"{RESOURCE}no causes").problem.message.endswith("no causes")


def test_a_field_that_cannot_change_once_the_job_has_run() -> None:
    causes = [("<nil>", f'Invalid value: "object": {immutable(field)}') for field in ("network", "data")]
    found = refusal(422, f"{RESOURCE}[{causes[0][1]}, {causes[1][1]}]", *causes)
    assert found.problem.reason == "Immutable"
    assert found.problem.message.splitlines() == [
        f"spec.{field} cannot change once a container of the job has run, or it has ended"
        for field in ("network", "data")
    ]
    assert found.problem.remedy.startswith("Save it under another name")


@pytest.mark.parametrize("status", [403, 422])
def test_a_policy(status: int) -> None:
    message = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: spec.image: must be of the list"
    found = refusal(status, f'trainingjobs.epochal.dev "mnist" is forbidden: {message}', reason="Forbidden")
    assert (found.status, found.problem.reason) == (status, "RefusedByPolicy")
    assert "must be of the list" in found.problem.message
    assert "rule of the cluster" in found.problem.remedy


def test_a_quota() -> None:
    message = "exceeded quota: jobs, requested: count/trainingjobs=1, used: 2, limited: 2"
    assert refusal(403, message, reason="Forbidden").problem.reason == "RefusedByPolicy"


def test_unknown_fields() -> None:
    message = 'TrainingJob in version "v1alpha1" cannot be handled as a TrainingJob: strict decoding error: '
    found = refusal(400, message + 'unknown field "spec.trainin", unknown field "spce"', reason="BadRequest")
    assert (found.status, found.problem.reason) == (422, "Invalid")
    assert found.problem.message == "spec.trainin: unknown field\nspce: unknown field"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500, 503])
def test_other_errors_are_those_of_any_request(status: int) -> None:
    assert refusal_to_save(error(status, "anything"), TRAINING_JOBS) is None
