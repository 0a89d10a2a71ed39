"""The time of the tests."""

from datetime import UTC, datetime

NOW = datetime(2026, 11, 30, tzinfo=UTC)
