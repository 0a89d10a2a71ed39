"""Answers one request: python -m epochal_operator.experiment.search < REQUEST.json > RESPONSE.json."""

import select
import sys

from epochal_operator.experiment.search.request import IDLE_SECONDS, Request
from epochal_operator.experiment.search.suggest import suggest

asked, _, _ = select.select([sys.stdin], [], [], IDLE_SECONDS)
if asked and (given := sys.stdin.buffer.read()):
    sys.stdout.write(suggest(Request.model_validate_json(given)).model_dump_json())
