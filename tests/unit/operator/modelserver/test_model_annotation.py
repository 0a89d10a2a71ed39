"""The model that a Deployment was made for."""

from typing import Any

import pytest
from epochal_api.modelserver.status import ServedModel, Tensor
from epochal_operator.modelserver import cache_transform
from epochal_operator.modelserver.model_annotation import MODEL_ANNOTATION, encode, pinned_model

from tests.unit.operator.modelserver.servers import BY_KERAS, MODEL, SHA, live

TOLD = MODEL.model_copy(update={"inputs": [Tensor(name="image", shape=[28, 28], dtype="float32")], "outputs": []})
LONG = ServedModel(uri="\U0001f600" * 2048, sha256=SHA, signature="\U0001f600" * 2048)
OF_JOB = ServedModel(uri="u", sha256=SHA, training_job_name="mnist", training_job_uid="1", model="Best")


@pytest.mark.parametrize("model", [MODEL, BY_KERAS, OF_JOB, LONG])
def test_it_is_read_as_it_was_written(model: Any) -> None:
    assert pinned_model(cache_transform.deployment(live(model=model)), None) == model


def test_what_a_pod_has_told_is_the_statuss_to_remember() -> None:
    assert encode(TOLD) == encode(MODEL)
    assert pinned_model(cache_transform.deployment(live()), TOLD) == TOLD
    assert pinned_model(cache_transform.deployment(live(model=BY_KERAS)), TOLD) == BY_KERAS
    renamed = MODEL.model_copy(update={"experiment_name": "search"})
    after = pinned_model(cache_transform.deployment(live(model=renamed)), TOLD)
    assert after == TOLD.model_copy(update={"experiment_name": "search"}), "the file is the same"


@pytest.mark.parametrize("text", [None, "", "{}", "[]", "odd", '{"uri": "u", "sha256": "x"}'])
def test_without_it_the_status_counts(text: str | None) -> None:
    one = live()
    if text is None:
        del one["metadata"]["annotations"][MODEL_ANNOTATION]
    else:
        one["metadata"]["annotations"][MODEL_ANNOTATION] = text
    assert pinned_model(cache_transform.deployment(one), TOLD) == TOLD
    assert pinned_model(None, TOLD) == TOLD
    assert pinned_model(None, None) is None
