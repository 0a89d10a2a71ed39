"""Every example in manifests/examples is valid for the models and for the API server."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from epochal_api.crd import KINDS, schema
from epochal_api.experiment import spec as experiment
from epochal_api.modelserver import spec as modelserver
from epochal_api.trainingjob import spec as trainingjob

from tests.kit.schema import broken_rules

FILES = sorted((Path(__file__).parents[3] / "manifests" / "examples").glob("*.yaml"))
DOCUMENTS = [document for file in FILES for document in yaml.load_all(file.read_text(), yaml.CSafeLoader)]
PARSERS = {module.KIND: module.parse for module in (experiment, modelserver, trainingjob)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_examples_are_valid(kind: Any) -> None:
    documents = [document for document in DOCUMENTS if document["kind"] == kind.model.__name__]
    assert documents
    for document in documents:
        assert PARSERS[document["kind"]](document).metadata.name
        assert broken_rules(schema(kind.model), document) == []
