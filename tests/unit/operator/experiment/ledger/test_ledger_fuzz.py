"""Any content of an ExperimentLedger is reconciled within the time limit."""

from tests.unit.operator.experiment.ledger.ledger_fuzz import fuzz

SECONDS = 5.0
"""CPU seconds of one reconcile, on a machine that is slow."""


async def test_mutated_ledgers_are_reconciled_within_the_time_limit() -> None:
    assert await fuzz(250, seed=1) < SECONDS
