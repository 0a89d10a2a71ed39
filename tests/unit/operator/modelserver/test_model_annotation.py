"""The annotation of a Deployment with its model."""

from typing import Any

import pytest
from epochal_api.modelserver.status import ServedModel, Tensor
from epochal_operator.modelserver import cache_transform
from epochal_operator.modelserver.model_annotation import MODEL_ANNOTATION, encode, pinned_model

from tests.unit.operator.modelserver.servers import BY_KERAS, MODEL, SHA, live_deployment

INPUT = Tensor(name="image", shape=[28, 28], dtype="float32")
REPORTED = MODEL.model_copy(update={"inputs": [INPUT], "outputs": [], "rolled_out_time": "2026-01-01T00:00:00Z"})
LONG = ServedModel(uri="\U0001f600" * 2048, sha256=SHA, signature="\U0001f600" * 2048)
OF_JOB = ServedModel(uri="u", sha256=SHA, training_job_name="mnist", training_job_uid="1", model="Best")


@pytest.mark.parametrize("model", [MODEL, BY_KERAS, OF_JOB, LONG])
def test_annotation_round_trip(model: Any) -> None:
    assert pinned_model(cache_transform.deployment(live_deployment(model=model)), None) == model


def test_observed_fields_come_from_the_status() -> None:
    assert encode(REPORTED) == encode(MODEL)
    edited = live_deployment(model=MODEL)
    edited["metadata"]["annotations"][MODEL_ANNOTATION] = REPORTED.model_dump_json()
    assert pinned_model(cache_transform.deployment(edited), None) == MODEL
    assert pinned_model(cache_transform.deployment(live_deployment()), REPORTED) == REPORTED
    assert pinned_model(cache_transform.deployment(live_deployment(model=BY_KERAS)), REPORTED) == BY_KERAS
    renamed = MODEL.model_copy(update={"experiment_name": "search"})
    after = pinned_model(cache_transform.deployment(live_deployment(model=renamed)), REPORTED)
    assert after == REPORTED.model_copy(update={"experiment_name": "search"}), "the file is the same"


@pytest.mark.parametrize("text", [None, "", "{}", "[]", "odd", '{"uri": "u", "sha256": "x"}'])
def test_invalid_annotation_falls_back_to_the_status(text: str | None) -> None:
    one = live_deployment()
    if text is None:
        del one["metadata"]["annotations"][MODEL_ANNOTATION]
    else:
        one["metadata"]["annotations"][MODEL_ANNOTATION] = text
    assert pinned_model(cache_transform.deployment(one), REPORTED) == REPORTED
    assert pinned_model(None, REPORTED) == REPORTED
    assert pinned_model(None, None) is None
