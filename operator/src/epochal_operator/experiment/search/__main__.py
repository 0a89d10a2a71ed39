"""Answers requests, a line each: python -m epochal_operator.experiment.search < REQUEST.json > RESPONSE.json."""

import select
import sys

from epochal_operator.experiment.search.request import IDLE_SECONDS, Request
from epochal_operator.experiment.search.suggest import suggest

while select.select([sys.stdin], [], [], IDLE_SECONDS)[0] and (given := sys.stdin.buffer.readline()):
    sys.stdout.write(f"{suggest(Request.model_validate_json(given)).model_dump_json()}\n")
    sys.stdout.flush()
