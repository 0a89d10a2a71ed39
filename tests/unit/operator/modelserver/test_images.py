"""The condition ImagesSuitable of a ModelServer."""

from dataclasses import replace
from typing import Any

import pytest
from epochal_api.modelserver.status import ModelServerStatus, Tensor
from epochal_operator.modelserver.images import images_suitable
from epochal_operator.modelserver.model_annotation import metadata_key
from epochal_operator.modelserver.observed import ModelMetadata
from epochal_operator.modelserver.plan import make_plan

from tests.unit.operator.modelserver.servers import MODEL, live_deployment, observe, rolled_out, server
from tests.unit.operator.objects import INSTALLATION


def tensors(*shapes: list[int]) -> list[Tensor]:
    return [Tensor(name=f"input{number}", shape=shape, dtype="float32") for number, shape in enumerate(shapes)]


@pytest.mark.parametrize(
    ("mode", "shapes", "status", "reason"),
    [
        ("Digit", [[28, 28, 1]], "True", "Suitable"),
        ("Digit", [[28, 28, 3]], "True", "Suitable"),
        ("Digit", [[8, 8, 1]], "False", "NotTheSizeOfMNIST"),
        ("Digit", [[28, 32, 1]], "False", "NotTheSizeOfMNIST"),
        ("Resize", [[8, 8, 1]], "Unknown", "BackgroundUnknown"),
        ("Resize", [[28, 28, 1]], "Unknown", "BackgroundUnknown"),
        ("Resize", [[224, 224, 3]], "True", "Suitable"),
    ],
)
def test_condition_by_mode_and_size(mode: Any, shapes: list[list[int]], status: str, reason: str) -> None:
    found = images_suitable(mode, MODEL.model_copy(update={"inputs": tensors(*shapes)}))
    assert found is not None
    assert (found.status, found.cause.reason) == (status, reason)
    assert (found.cause.message == "") is (status == "True")


@pytest.mark.parametrize("shapes", [[], [[-1, -1, 1]], [[13]], [[8, 8, 2]], [[8, 8, 1], [8, 8, 1]], [[0, 8, 1]], [[]]])
def test_no_condition_without_a_known_size(shapes: list[list[int]]) -> None:
    model = MODEL.model_copy(update={"inputs": tensors(*shapes)})
    assert images_suitable("Digit", model) is None
    assert images_suitable("None", MODEL.model_copy(update={"inputs": tensors([8, 8, 1])})) is None
    assert images_suitable("Digit", MODEL) is None
    assert images_suitable("Digit", None) is None


def test_status_has_the_condition_once_a_pod_reports_its_inputs() -> None:
    one = server(images={"mode": "Digit"})
    observed = observe(live_deployment(one, **rolled_out()), of=one)

    def status(observed: Any) -> ModelServerStatus:
        return next(
            action.status for action in make_plan(one, observed, INSTALLATION).actions if hasattr(action, "status")
        )

    assert "ImagesSuitable" not in {condition.type for condition in status(observed).conditions or ()}
    after = status(replace(observed, metadata=ModelMetadata(metadata_key(MODEL), tuple(tensors([8, 8, 1])), ())))
    (condition,) = [condition for condition in after.conditions or () if condition.type == "ImagesSuitable"]
    assert condition.status == "False"
    assert "28 × 28 pixels, but the model takes images of 8 × 8 pixels" in condition.message
    assert after.state == "Ready", "a warning is no failure"
