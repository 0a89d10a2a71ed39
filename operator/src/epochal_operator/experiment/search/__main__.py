"""Answers one request: python -m epochal_operator.experiment.search < REQUEST.json > RESPONSE.json."""

import sys

from epochal_operator.experiment.search.request import Request
from epochal_operator.experiment.search.suggest import suggest

sys.stdout.write(suggest(Request.model_validate_json(sys.stdin.buffer.read())).model_dump_json())
